/*
 * pass.c - messages on their way to a server, as they lie in the buffer.
 *
 * Headers are read and counted; texts, and what touches the unnamed statement,
 * are looked into until the client keeps its server anyway. A message longer
 * than the buffer streams, its text through the effect scan.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/batch.h"
#include "client/client_int.h"
#include "client/out.h"
#include "client/prepare.h"
#include "client/request.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "server/note.h"
#include "server/pool_int.h"
#include "server/server_int.h"
#include "server/statement.h"
#include "sql/effects.h"
#include "sql/session_ops.h"

void
pass_violation(struct client *client, const char *what, uint8_t type)
{
	struct error err;

	error_set(&err, SQLSTATE_PROTOCOL_VIOLATION, "%s 0x%02X", what, type);
	client_close(client, CLOSE_CLIENT_VIOLATION, &err);
}

/* ---- looking into messages ----------------------------------------------- */

static void
judge_parse(struct client *client, const uint8_t *body, size_t size)
{
	size_t length, name_length;
	const char *text =
	    batch_text(MSG_PARSE, body, size, &length, &name_length);
	const char *reason;

	if (text == NULL || (name_length > 0 && client->is_tracked)) {
		return; /* the server will say so; or prepare.c has seen to it
		         */
	}
	if ((reason = batch_judge_text(client, text, length, false)) != NULL) {
		link_pin(client, reason);
	}
	if (name_length == 0) {
		client->unnamed_open = true;
	} else if (!client->is_tracked) {
		link_pin(client, "prepared statement");
	}
}

static void
judge_query(struct client *client, const uint8_t *body, size_t size)
{
	size_t length, ignored;
	const char *text = batch_text(MSG_QUERY, body, size, &length, &ignored);
	const char *reason;

	client->unnamed_open = false;
	if (text != NULL &&
	    (reason = batch_judge_text(client, text, length, true)) != NULL) {
		link_pin(client, reason);
	}
}

/* A Bind of the unnamed statement is what that was parsed for. */
static void
judge_bind(struct client *client, const uint8_t *body, size_t size)
{
	struct statement *statement;
	struct prepare_name name;

	if (!prepare_find_name(MSG_BIND, body, size, &name)) {
		return;
	}
	if (name.length == 0) {
		client->unnamed_open = false;
	} else if (client->is_tracked &&
	    prepare_look_up(client, &name, &statement) == NAME_KNOWN) {
		client->untracks = client->untracks ||
		    batch_untracks(client, &statement->verdict, false);
	}
}

/* A message on its way to a server; SIZE bytes of its BODY are here. */
static void
judge(struct client *client, const struct frame *frame, const uint8_t *body,
    size_t size)
{
	switch (frame->type) {
	case MSG_PARSE:
		judge_parse(client, body, size);
		return;
	case MSG_QUERY:
		judge_query(client, body, size);
		return;
	case MSG_BIND:
		judge_bind(client, body, size);
		return;
	case MSG_FUNCTION_CALL:
		link_pin(client, "function call");
		return;
	default:
		return;
	}
}

/* ---- long texts, as they pass -------------------------------------------- */

static void
scan_end(struct client *client)
{
	uint32_t effects = effect_scan_finish(client->scan);

	free(client->scan);
	client->scan = NULL;
	if (effects != EFFECT_NONE) {
		link_pin(client, sql_effect_name(effects));
	}
}

/* Feeds the scan up to the text's end; what follows are types. */
static void
scan_feed(struct client *client, const uint8_t *bytes, size_t size)
{
	const uint8_t *end;

	if (client->scan == NULL) {
		return;
	}
	end = memchr(bytes, 0, size);
	if (end == NULL) {
		effect_scan_feed(client->scan, (const char *)bytes, size);
		return;
	}
	effect_scan_feed(
	    client->scan, (const char *)bytes, (size_t)(end - bytes));
	scan_end(client);
}

/* A Query or Parse too long to be held; SIZE bytes of its BODY are here. */
static void
scan_begin(struct client *client, const struct frame *frame,
    const uint8_t *body, size_t size)
{
	const uint8_t *text = body;

	if (client->unsafe_encoding) {
		link_pin(client, "text in an encoding that is not read");
		return;
	}
	if (frame->type == MSG_PARSE) {
		const uint8_t *stop = memchr(body, 0, size);

		if (stop == NULL || stop != body) {
			link_pin(client, "prepared statement");
			return; /* one that is too long to be kept */
		}
		text = stop + 1;
		client->unnamed_open = true;
	} else {
		client->unnamed_open = false;
	}
	free(client->scan);
	client->scan = mem_alloc(sizeof(*client->scan));
	effect_scan_init(client->scan, client->std_strings);
	scan_feed(client, text, size - (size_t)(text - body));
}

/* ---- passing on ---------------------------------------------------------- */

/* A run of bytes on its way: those from START to AT are in .out already or go
 * there next; all leave together. */
struct run {
	const uint8_t *bytes;
	size_t size;
	size_t start;
	size_t at;
	bool judged;                /* the texts have been looked at already */
	struct session_run session; /* of the message that is next */
	struct buf rewritten;       /* its text */
	struct out out;
};

/* What is due goes into .out; leaves out the next SKIPPED bytes. */
static void
run_cut(struct run *run, size_t skipped)
{
	out_borrow(&run->out, run->bytes + run->start, run->at - run->start);
	run->at += skipped;
	run->start = run->at;
}

/* All of it leaves. False when the server was lost over it, and perhaps the
 * client with it. */
static bool
run_flush(struct client *client, struct run *run)
{
	struct server *server = run->out.server;

	run_cut(run, 0);
	if (client->server == server && !answers_is_settled(&server->answers)) {
		server->status = 0; /* data of a failed copy leave it */
	}
	return out_flush(&run->out);
}

/* The rest of a message whose beginning has been dealt with. */
static void
pass_rest(struct client *client, struct run *run)
{
	size_t here = run->size - run->at;
	size_t n = here < client->pass_left ? here : client->pass_left;

	client->pass_left -= (uint32_t)n;
	if (client->drops_rest) {
		client->drops_rest = client->pass_left > 0;
		run_cut(run, n);
		return;
	}
	scan_feed(client, run->bytes + run->at, n);
	run->at += n;
	if (client->pass_left == 0 && client->scan != NULL) {
		scan_end(client); /* no NUL: the server will complain */
	}
}

/* Whether enough of FRAME is here to go on with it. */
static bool
is_enough(const struct client *client, const struct run *run,
    const struct frame *frame)
{
	size_t here = run->size - run->at;

	if (frame_bytes(frame) <= here) {
		return true;
	}
	if ((client->pin != NULL && !client->is_tracked) || run->judged) {
		return true;
	}
	switch (frame->type) {
	case MSG_QUERY:
	case MSG_PARSE:
	case MSG_BIND:
		return frame_bytes(frame) >= HELD_MAX && here >= HEAD_BYTES;
	case MSG_DESCRIBE:
	case MSG_CLOSE:
		return !client->is_tracked;
	default:
		return true;
	}
}

static bool
is_text(uint8_t type)
{
	return type == MSG_QUERY || type == MSG_PARSE;
}

static void
look_into(
    struct client *client, const struct run *run, const struct frame *frame)
{
	const uint8_t *body = run->bytes + run->at + FRAME_HEADER_BYTES;
	size_t here = run->size - run->at - FRAME_HEADER_BYTES;

	if (!client->on_replica && frame->type != MSG_SYNC) {
		client->wrote = client->wrote || !run->judged;
	}
	if ((client->pin != NULL && !client->is_tracked) || run->judged) {
		return;
	}
	if (here < frame->body_bytes && is_text(frame->type)) {
		scan_begin(client, frame, body, here);
		return;
	}
	judge(client, frame, body,
	    here < frame->body_bytes ? here : frame->body_bytes);
}

static bool
names_statement(uint8_t type)
{
	return type == MSG_PARSE || type == MSG_BIND || type == MSG_DESCRIBE ||
	    type == MSG_CLOSE;
}

/* The batch under way begins with the message that is next. */
static void
begin_batch(struct client *client)
{
	const struct server *server = client->server;
	const struct answers *answers = &server->answers;

	if (answers->batch_open || answers->skipping) {
		return;
	}
	if (answers->count == 1 && server_is_switching(server)) {
		client->batch_status = 'I'; /* nothing else was sent yet */
	} else {
		client->batch_status =
		    answers_is_settled(answers) ? server->status : 0;
	}
}

/* What is done about a message before it goes on. */
static struct prepare_result
prepare(struct client *client, struct run *run, const struct frame *frame)
{
	const uint8_t *body = run->bytes + run->at + FRAME_HEADER_BYTES;
	size_t here = run->size - run->at - FRAME_HEADER_BYTES;
	struct prepare_result result = {.way = PREPARE_PASS};

	begin_batch(client);
	if (unnamed_may_be_met(client, frame, body, here)) {
		run_cut(run, 0);
		unnamed_close(client, &run->out);
	}
	if (client->is_tracked && client->untracks && frame->type != MSG_SYNC &&
	    !client->server->answers.copy_in) {
		run_cut(run, 0);
		if (!prepare_untrack(client, &run->out)) {
			result.way = PREPARE_STOP;
		}
	}
	if (!client->is_tracked || result.way == PREPARE_STOP) {
		return result;
	}
	if (names_statement(frame->type)) {
		run_cut(run, 0);
		result.way = PREPARE_STOP;
		return run->out.failed
		    ? result
		    : prepare_pass(client, &run->out, frame, body, here);
	}
	if (frame->type == MSG_QUERY &&
	    !answers_is_skipping(&client->server->answers)) {
		unnamed_drop(client);
	}
	if (frame->type == MSG_SYNC && prepare_answer_sync(client)) {
		result.way = PREPARE_DROP;
	}
	return result;
}

/* ---- what it does to the session ----------------------------------------- */

/* Whether the texts that are next may do anything to it. */
static bool
is_looked_at(const struct client *client, const struct run *run)
{
	return run->judged ? client->batch.has_ops
	                   : client->pool->options.mode != POOL_MODE_SESSION;
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

	if (text == NULL || name_length > 0) {
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

static void
bind_session(struct client *client, const struct run *run, const uint8_t *body,
    const struct frame *frame)
{
	const struct unnamed *unnamed = &client->unnamed;
	const uint8_t *types = NULL;
	struct session_ops *ops = NULL;
	struct statement *statement;
	struct prepare_name name;
	size_t count = 0;
	const char *reason;

	if (!prepare_find_name(MSG_BIND, body, frame->body_bytes, &name)) {
		return;
	}
	if (name.length == 0) {
		ops = client->session.unnamed_ops;
		if (ops != NULL && unnamed->size > 0) {
			types =
			    find_types(unnamed->bytes, unnamed->size, &count);
		}
	} else if (client->is_tracked && is_looked_at(client, run) &&
	    prepare_look_up(client, &name, &statement) == NAME_KNOWN) {
		ops = statement->verdict.ops;
		types = statement->body + statement->text_length + 3;
		count = (size_t)types[-2] << 8 | types[-1];
	}
	if (body[0] != '\0') {
		if (ops != NULL) {
			link_pin(client, "setting by a named portal");
		}
		return;
	}
	reason =
	    session_bind(client, body, frame->body_bytes, ops, types, count);
	if (reason != NULL) {
		link_pin(client, reason);
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

	if (ops == NULL || frame->body_bytes == 0 || body[0] != '\0') {
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

/* Looks at what FRAME, which is next, does to its client's session. False: it
 * has to wait. */
static bool
look_at_session(
    struct client *client, struct run *run, const struct frame *frame)
{
	const uint8_t *body = run->bytes + run->at + FRAME_HEADER_BYTES;
	size_t here = run->size - run->at - FRAME_HEADER_BYTES;
	struct session *session = &client->session;

	if (client->on_replica || client->server->answers.copy_in) {
		return true;
	}
	if (is_text(frame->type) && session->is_lexical) {
		link_pin(client, "setting that changes how texts are read");
	}
	if (here < frame->body_bytes) {
		if (is_text(frame->type) &&
		    (session->is_settling ||
		        !changes_are_none(&session->changes))) {
			link_pin(client, "text too long");
		}
		if (frame->type == MSG_PARSE) {
			session_ops_release(&session->unnamed_ops);
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

/* The session's part of a message that is told to the server's answers. */
static void
attach_session(struct client *client, struct run *run)
{
	if (run->session.note != NULL) {
		answers_attach(&client->server->answers, run->session.note);
		run->session.note = NULL;
	}
	if (run->session.pin != NULL) {
		link_pin(client, run->session.pin);
	}
}

/* A Query whose text is .rewritten. */
static void
put_rewritten(struct run *run)
{
	uint8_t type = MSG_QUERY;
	uint32_t length = htobe32((uint32_t)(4 + run->rewritten.length));

	run_cut(run, 0);
	out_copy(&run->out, &type, 1);
	out_copy(&run->out, &length, sizeof(length));
	out_copy(&run->out, buf_bytes(&run->rewritten), run->rewritten.length);
	buf_clear(&run->rewritten);
}

static void
forget_session(struct client *client, struct run *run)
{
	if (run->session.note != NULL) {
		struct note_part *part = run->session.note->part;

		run->session.note->part = NULL;
		part->on_note(client, part, NOTE_SKIPPED);
		note_free(&run->session.note);
	}
	free(run->session.behind);
	run->session = (struct session_run){0};
	buf_clear(&run->rewritten);
}

/* ---- one message --------------------------------------------------------- */

/* The N bytes of FRAME that are here go to nobody, nor does the rest. */
static void
drop_message(
    struct client *client, struct run *run, const struct frame *frame, size_t n)
{
	client->pass_left = (uint32_t)(frame_bytes(frame) - n);
	client->drops_rest = client->pass_left > 0;
	run_cut(run, n);
}

/* Passes the message at the run's position on. False: stop here. */
static bool
pass_message(struct client *client, struct run *run, const struct frame *frame)
{
	const uint8_t *body = run->bytes + run->at + FRAME_HEADER_BYTES;
	size_t here = run->size - run->at;
	size_t n = here < frame_bytes(frame) ? here : frame_bytes(frame);
	struct prepare_result prepared;

	look_into(client, run, frame);
	prepared = prepare(client, run, frame);
	if (prepared.way == PREPARE_STOP || run->out.failed ||
	    !look_at_session(client, run, frame)) {
		note_free(&prepared.note);
		return false;
	}
	if (prepared.way == PREPARE_DROP) {
		drop_message(client, run, frame, n);
		return client_is_open(client);
	}
	switch (answers_sent(&client->server->answers, frame->type, false)) {
	case ANSWERS_FORWARD:
		if (prepared.note != NULL) {
			answers_attach(&client->server->answers, prepared.note);
		}
		attach_session(client, run);
		if (frame->type == MSG_PARSE) {
			unnamed_note(client, body, here - FRAME_HEADER_BYTES);
		}
		if (prepared.pin != NULL) {
			link_pin(client, prepared.pin);
		}
		if (run->session.is_rewritten) {
			put_rewritten(run);
			prepared.replaced = n;
		}
		if (prepared.replaced > 0) {
			run->start = run->at + prepared.replaced;
		}
		run->at += n;
		if (run->session.behind != NULL) {
			run_cut(run, 0);
			session_put_behind(client, &run->session, &run->out);
		}
		client->pass_left = (uint32_t)(frame_bytes(frame) - n);
		client->drops_rest = false;
		return true;
	case ANSWERS_DROP:
		drop_message(client, run, frame, n);
		return true;
	case ANSWERS_VIOLATION:
		pass_violation(client,
		    "unexpected message during COPY from stdin: type",
		    frame->type);
		return false;
	}
	assert(!"unreachable");
	return false;
}

/* Whether the message at the run's position may go on now. False: stop. */
static bool
next_message(struct client *client, struct run *run, struct frame *frame)
{
	const struct settings *settings = config_settings(client->set->config);
	enum frame_result result = frame_parse(
	    run->bytes + run->at, run->size - run->at, FRAME_MAX_BODY, frame);
	unsigned kind;

	if (result == FRAME_PARTIAL) {
		return false;
	}
	if (result == FRAME_BAD) {
		pass_violation(client, "invalid length of message type",
		    run->bytes[run->at]);
		return false;
	}
	kind = client_frame_kind(frame->type);
	if (kind == 0) {
		pass_violation(client, "invalid message type", frame->type);
		return false;
	}
	if (((kind & FRAME_SMALL) != 0 &&
	        frame->body_bytes > FRAME_SMALL_BODY) ||
	    frame->body_bytes > settings->max_packet_size) {
		pass_violation(
		    client, "too long a message of type", frame->type);
		return false;
	}
	return is_enough(client, run, frame) && session_may_go_on(client) &&
	    answers_has_room(&client->server->answers);
}

void
pass_leave(struct client *client)
{
	client->is_leaving = true;
	if (client_is_open(client) && client->server != NULL &&
	    client->server->answers.count == 0) {
		client_close(client, CLOSE_CLIENT_TERMINATED, NULL);
	}
}

size_t
pass_messages(
    struct client *client, const uint8_t *bytes, size_t size, bool judged)
{
	struct server *server = client->server;
	struct run run;
	struct frame frame;

	run.bytes = bytes;
	run.size = size;
	run.start = 0;
	run.at = 0;
	run.judged = judged;
	run.session = (struct session_run){0};
	run.rewritten = (struct buf){0};
	out_init(&run.out, server);
	while (run.at < run.size && client->server == server) {
		if (client->pass_left > 0) {
			pass_rest(client, &run);
			continue;
		}
		if (!next_message(client, &run, &frame)) {
			break;
		}
		if (frame.type == MSG_TERMINATE) {
			if (run_flush(client, &run)) {
				pass_leave(client);
			}
			return run.at;
		}
		if (!pass_message(client, &run, &frame)) {
			break;
		}
		forget_session(client, &run);
	}
	forget_session(client, &run);
	buf_fini(&run.rewritten);
	if (client->state == CLIENT_ACTIVE && client->server == server) {
		(void)run_flush(client, &run);
	}
	out_fini(&run.out);
	return run.at;
}
