/*
 * pass_session.c - what messages on their way do to their client's session.
 *
 * The operations of a text are found again when it is bound, and noted when it
 * is run; what cannot be followed keeps the client on its server.
 */
#include <assert.h>
#include <string.h>

#include "client/batch.h"
#include "client/pass_int.h"
#include "client/prepare.h"
#include "client/request.h"
#include "conf/config.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"
#include "server/statement.h"
#include "sql/session_ops.h"

/* Whether the texts that are next may do anything to it. In session pooling
 * that matters to those only who have something that RESET goes back to. */
static bool
is_looked_at(const struct client *client, const struct run *run)
{
	if (run->judged) {
		return client->batch.has_ops;
	}
	/* Who had its server before a reload made it session mode shares it. */
	return client->pin == NULL ||
	    client->pool->options.mode != POOL_MODE_SESSION ||
	    profile_settings(client->session.startup)->count > 0;
}

/* An end of the transaction in a text that is not followed. */
static void
check_control(struct client *client, const struct verdict *verdict)
{
	const struct session *session = &client->session;

	if (verdict->ops == NULL && verdict->has_transaction_control &&
	    verdict->kind != SQL_BEGIN &&
	    (session->is_settling || !changes_are_none(&session->changes))) {
		link_pin(client, "statement not understood");
	}
}

static bool
query_session(struct client *client, struct run *run, const uint8_t *body,
    const struct frame *frame)
{
	struct verdict verdict;
	size_t length, ignored;
	const char *text;

	session_unbind(client);
	text =
	    batch_text(MSG_QUERY, body, frame->body_bytes, &length, &ignored);
	if (text == NULL || !is_looked_at(client, run)) {
		return true;
	}
	batch_look_up(client, text, length, &verdict);
	check_control(client, &verdict);
	run->session =
	    session_query(client, text, length, verdict.ops, &run->rewritten);
	return !run->session.must_wait;
}

static void
parse_session(struct client *client, const struct run *run, const uint8_t *body,
    const struct frame *frame)
{
	struct session *session = &client->session;
	struct verdict verdict;
	size_t length, name_length;
	const char *text = batch_text(
	    MSG_PARSE, body, frame->body_bytes, &length, &name_length);

	if (text == NULL || name_length > 0 ||
	    answers_is_skipping(&client->server->answers)) {
		return;
	}
	session_ops_release(&session->unnamed_ops);
	if (is_looked_at(client, run)) {
		batch_look_up(client, text, length, &verdict);
		check_control(client, &verdict);
		session->unnamed_ops = session_ops_ref(verdict.ops);
	}
}

/* The declared types of the parameters of a Parse BODY; *COUNT of them. */
static const uint8_t *
find_types(const uint8_t *body, size_t size, size_t *count)
{
	size_t length, name_length, before;
	const char *text =
	    batch_text(MSG_PARSE, body, size, &length, &name_length);

	*count = 0;
	if (text == NULL) {
		return NULL;
	}
	before = (size_t)((const uint8_t *)text - body) + length + 1;
	if (size < before + 2) {
		return NULL;
	}
	*count = (size_t)body[before] << 8 | body[before + 1];
	if (*count > (size - before - 2) / 4) {
		*count = 0;
	}
	return body + before + 2;
}

/* What is bound. */
struct bound_text {
	struct session_ops *ops; /* borrowed; NULL: nothing of interest */
	const uint8_t *types;    /* declared, of .count parameters */
	size_t count;
	const char *text; /* NULL: not kept */
	size_t length;
	bool is_unnamed;
};

static void
find_unnamed(const struct client *client, struct bound_text *bound)
{
	const struct unnamed *unnamed = &client->unnamed;
	size_t ignored;

	bound->ops = client->session.unnamed_ops;
	if (bound->ops != NULL && unnamed->size > 0) {
		bound->types =
		    find_types(unnamed->bytes, unnamed->size, &bound->count);
		bound->text = batch_text(MSG_PARSE, unnamed->bytes,
		    unnamed->size, &bound->length, &ignored);
	}
}

static void
find_named(struct client *client, const struct prepare_name *name,
    struct bound_text *bound)
{
	struct statement *statement;

	if (prepare_look_up(client, name, &statement) != NAME_KNOWN) {
		return;
	}
	bound->ops = statement->verdict.ops;
	bound->types = statement->body + statement->text_length + 3;
	bound->count = (size_t)bound->types[-2] << 8 | bound->types[-1];
	bound->text = (const char *)statement->body;
	bound->length = statement->text_length;
}

/* False if the Bind is malformed. */
static bool
find_bound(struct client *client, const struct run *run, const uint8_t *body,
    size_t size, struct bound_text *bound)
{
	struct prepare_name name;

	*bound = (struct bound_text){0};
	if (!prepare_find_name(MSG_BIND, body, size, &name)) {
		return false;
	}
	bound->is_unnamed = name.length == 0;
	if (bound->is_unnamed) {
		find_unnamed(client, bound);
	} else if (client->is_tracked && is_looked_at(client, run)) {
		find_named(client, &name, bound);
	}
	return true;
}

static void
bind_session(struct client *client, const struct run *run, const uint8_t *body,
    const struct frame *frame)
{
	struct bound_text bound;
	const char *reason;

	if (!find_bound(client, run, body, frame->body_bytes, &bound)) {
		return;
	}
	if (bound.is_unnamed && unnamed_is_doubtful(client)) {
		link_pin(client, "unnamed statement");
	}
	if (body[0] != '\0') {
		if (bound.ops != NULL) {
			link_pin(client, "setting by a named portal");
		}
		return;
	}
	reason = session_bind(client, body, frame->body_bytes, bound.ops,
	    bound.types, bound.count);
	if (reason != NULL) {
		link_pin(client, reason);
	}
}

bool
pass_fill_bind(struct client *client, const struct run *run,
    const struct frame *frame, struct buf *out)
{
	const uint8_t *body = run->bytes + run->at + FRAME_HEADER_BYTES;
	size_t here = run->size - run->at - FRAME_HEADER_BYTES;
	struct bound_text bound;

	return !client->on_replica && !client->server->answers.copy_in &&
	    here >= frame->body_bytes && is_looked_at(client, run) &&
	    find_bound(client, run, body, frame->body_bytes, &bound) &&
	    bound.ops != NULL && bound.text != NULL &&
	    session_fill_bind(client, body, frame->body_bytes, bound.ops,
	        bound.text, bound.length, out);
}

/* A Bind of which only SIZE bytes of the BODY are here: its values cannot be
 * followed. */
static void
bind_in_parts(struct client *client, const struct run *run, const uint8_t *body,
    size_t size)
{
	struct statement *statement;
	struct prepare_name name;
	bool sets;

	if (!prepare_find_name(MSG_BIND, body, size, &name)) {
		link_pin(client, "statement not understood");
		return;
	}
	if (name.length == 0) {
		sets = client->session.unnamed_ops != NULL ||
		    unnamed_is_doubtful(client);
	} else {
		sets = client->is_tracked && is_looked_at(client, run) &&
		    prepare_look_up(client, &name, &statement) == NAME_KNOWN &&
		    statement->verdict.ops != NULL;
	}
	if (sets) {
		link_pin(client, "setting that is too long");
	}
}

/* Whether what does OPS is a SELECT. */
static bool
has_rows(const struct session_ops *ops)
{
	for (uint16_t i = 0; i < ops->count; i++) {
		if (ops->items[i].is_function) {
			return true;
		}
	}
	return false;
}

static void
execute_session(struct client *client, struct run *run, const uint8_t *body,
    const struct frame *frame)
{
	static const uint8_t plain[5];
	const struct session_ops *ops = client->session.bound.ops;

	client->session.has_run = true;
	if (frame->body_bytes == 0 || body[0] != '\0') {
		client->session.bound.is_doubtful = true;
		return;
	}
	if (ops == NULL) {
		return;
	}
	/* A SET has no rows that could be too many; pgjdbc asks for one. */
	if (frame->body_bytes != sizeof(plain) ||
	    (memcmp(body, plain, sizeof(plain)) != 0 && has_rows(ops))) {
		link_pin(client, "setting with a limit of rows");
		return;
	}
	run->session = session_execute(client);
}

/* Whether the Bind FRAME may be of what does away with statements, in a way
 * that is not followed. */
static bool
bind_untracks(
    struct client *client, const struct run *run, const struct frame *frame)
{
	const uint8_t *body = run->bytes + run->at + FRAME_HEADER_BYTES;
	size_t here = run->size - run->at - FRAME_HEADER_BYTES;
	bool is_whole = here >= frame->body_bytes;
	struct bound_text bound;

	return find_bound(client, run, body,
	           is_whole ? frame->body_bytes : here, &bound) &&
	    ((bound.is_unnamed && unnamed_is_doubtful(client)) ||
	        ((!is_whole || body[0] != '\0') && session_clears(bound.ops)));
}

bool
pass_look_for_clearing(
    struct client *client, const struct run *run, const struct frame *frame)
{
	const struct answers *answers = &client->server->answers;
	const uint8_t *body = run->bytes + run->at + FRAME_HEADER_BYTES;
	size_t here = run->size - run->at - FRAME_HEADER_BYTES;

	if (!client->is_tracked || client->on_replica || answers->copy_in ||
	    answers->skipping) {
		return true;
	}
	if (frame->type == MSG_BIND) {
		client->untracks =
		    client->untracks || bind_untracks(client, run, frame);
		return true;
	}
	if (frame->type != MSG_EXECUTE || here == 0 || body[0] != '\0') {
		return true;
	}
	switch (session_look_at_clearing(client)) {
	case SESSION_FOLLOWS:
		return true;
	case SESSION_WAITS:
		return false;
	case SESSION_UNTRACKS:
		client->untracks = true;
		return true;
	}
	assert(!"unreachable");
	return true;
}

bool
pass_session(struct client *client, struct run *run, const struct frame *frame)
{
	const uint8_t *body = run->bytes + run->at + FRAME_HEADER_BYTES;
	size_t here = run->size - run->at - FRAME_HEADER_BYTES;
	struct session *session = &client->session;

	if (client->on_replica || client->server->answers.copy_in) {
		if (frame->type == MSG_PARSE && here > 0 && body[0] == '\0') {
			session_ops_release(&session->unnamed_ops);
		}
		return true;
	}
	if (pass_is_text(frame) && session->is_lexical) {
		link_pin(client, "setting that changes how texts are read");
	}
	if (here < frame->body_bytes) {
		if (pass_is_text(frame) &&
		    (session->is_settling ||
		        !changes_are_none(&session->changes))) {
			link_pin(client, "text too long");
		}
		if (frame->type == MSG_PARSE) {
			session_ops_release(&session->unnamed_ops);
		}
		if (frame->type == MSG_BIND) {
			bind_in_parts(client, run, body, here);
		}
		session_unbind(client);
		return true;
	}
	switch (frame->type) {
	case MSG_QUERY:
		return query_session(client, run, body, frame);
	case MSG_PARSE:
		parse_session(client, run, body, frame);
		return true;
	case MSG_BIND:
		bind_session(client, run, body, frame);
		return true;
	case MSG_EXECUTE:
		execute_session(client, run, body, frame);
		return true;
	default:
		return true;
	}
}
