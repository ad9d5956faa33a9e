/*
 * prepare.c - a client's prepared statements on servers that many use.
 *
 * What a client calls S_1 is a statement that has one name on all servers. So
 * names are exchanged on the way out, statements a server does not have are
 * prepared in front of the message that needs them, and what is known already
 * is answered here. What is believed of servers and names changes only when the
 * server has acknowledged it, see server/note.h.
 */
#include "client/prepare_int.h"

#include <stdlib.h>
#include <string.h>

#include "client/batch.h"
#include "client/client_int.h"
#include "client/meter.h"
#include "client/out.h"
#include "client/request.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/note.h"
#include "server/pool_int.h"
#include "server/server_int.h"
#include "server/statement.h"

bool
prepare_is_tracked(const struct client *client)
{
	const struct settings *settings = config_settings(client->set->config);

	return settings->max_prepared_statements > 0 &&
	    client->pool->options.mode != POOL_MODE_SESSION;
}

/* ---- parts of notes ------------------------------------------------------ */

/* What a client wants to know of an answer. */
struct part {
	struct note_part part;
	struct name_change *change; /* owned; NULL: none */
	char *taken; /* owned; the name of a Parse that is to fail over it */
};

static void
end_part(struct client *client, struct note_part *opaque, enum note_event event)
{
	struct part *part = list_entry(opaque, struct part, part);

	if (part->change != NULL) {
		names_on_note(&client->names, &part->change, event);
	}
	if (event == NOTE_FAILED && part->taken != NULL) {
		free(client->taken_name);
		client->taken_name = part->taken;
		part->taken = NULL;
	}
	free(part->taken);
	free(part);
}

static struct part *
part_new(struct name_change *change)
{
	struct part *part = mem_zalloc(sizeof(*part));

	part->part.on_note = end_part;
	part->part.is_told = true;
	part->change = change;
	return part;
}

/* ---- names --------------------------------------------------------------- */

static enum name_state
look_name(const struct client *client, const struct prepare_name *name,
    struct statement **statement)
{
	return names_look(&client->names, name->bytes, name->length,
	    answers_batch(&client->server->answers), statement);
}

enum name_state
prepare_look_up(const struct client *client, const struct prepare_name *name,
    struct statement **statement)
{
	return client->server != NULL ? look_name(client, name, statement)
	                              : names_look(&client->names, name->bytes,
	                                    name->length, 0, statement);
}

static struct name_change *
change_name(struct client *client, const struct prepare_name *name,
    struct statement *statement)
{
	return names_change(&client->names, name->bytes, name->length,
	    statement, answers_batch(&client->server->answers));
}

/* ---- messages ------------------------------------------------------------ */

static const struct prepare_result stop = {.way = PREPARE_STOP};

/* An answer of ours behind all that is owed, with CHANGE. */
static struct prepare_result
answer(struct client *client, void (*put)(struct buf *out),
    struct name_change *change)
{
	struct answers *answers = &client->server->answers;
	struct prepare_result result = {.way = PREPARE_DROP};
	struct buf message = {0};

	put(&message);
	if (answers_invent(answers, buf_bytes(&message), message.length)) {
		struct note *note = note_new();

		note->part = part_new(change);
		answers_attach(answers, note);
	} else {
		client_note(client, &part_new(change)->part, NOTE_DONE);
		if (!client_answer(
		        client, buf_bytes(&message), message.length)) {
			result.way = PREPARE_STOP;
		}
	}
	buf_fini(&message);
	return result;
}

/* The first that a batch uses, in case the server says that it has changed. */
static void
note_used(struct client *client, struct statement *statement)
{
	if (client->used == NULL) {
		client->used = statement_ref(statement);
	}
}

static struct prepare_result
pass_bind(struct client *client, struct out *out, const struct frame *frame,
    const uint8_t *body, size_t here, const struct prepare_name *name)
{
	struct prepare_result result = {.way = PREPARE_PASS};
	struct name *known =
	    names_find(&client->names, name->bytes, name->length);
	struct statement *statement;

	switch (name_look(
	    known, answers_batch(&out->server->answers), &statement)) {
	case NAME_WAIT:
		return stop;
	case NAME_UNKNOWN:
		return prepare_pass_unknown(out, frame, body, name);
	case NAME_KNOWN:
		break;
	}
	switch (told_supply(client, out, known, &statement,
	    here > frame->body_bytes &&
	        told_describes_next(frame, body, here))) {
	case TOLD_FITS:
		break;
	case TOLD_CHANGED:
		/* Who prepares it anew gets another, with this form on every
		 * server. */
		statement_outdate(statement);
		return told_refuse(out, frame, body, name);
	case TOLD_WAIT:
	case TOLD_OTHERWISE:
		return stop;
	}
	meter_bind(client);
	result.pin = session_pin_reason(&statement->verdict);
	note_used(client, statement);
	told_bound(client, out, known, statement, body);
	prepare_put_head(
	    out, frame, body, name, statement->name, statement->name_length);
	result.replaced = prepare_head_bytes(name);
	return result;
}

static struct prepare_result
pass_describe(struct client *client, struct out *out, const struct frame *frame,
    const uint8_t *body, const struct prepare_name *name)
{
	struct prepare_result result = {.way = PREPARE_PASS};
	struct name *known =
	    names_find(&client->names, name->bytes, name->length);
	struct statement *statement;

	switch (name_look(
	    known, answers_batch(&out->server->answers), &statement)) {
	case NAME_WAIT:
		return stop;
	case NAME_UNKNOWN:
		return prepare_pass_unknown(out, frame, body, name);
	case NAME_KNOWN:
		break;
	}
	if (!supply(client, out, statement)) {
		return stop;
	}
	note_used(client, statement);
	prepare_put_head(
	    out, frame, body, name, statement->name, statement->name_length);
	result.replaced = prepare_head_bytes(name);
	result.note = told_describe(out, known, statement);
	return result;
}

static struct prepare_result
pass_close(struct client *client, struct out *out, const struct frame *frame,
    const uint8_t *body, const struct prepare_name *name)
{
	struct statement *statement;

	switch (look_name(client, name, &statement)) {
	case NAME_WAIT:
		return stop;
	case NAME_UNKNOWN:
		return prepare_pass_unknown(out, frame, body, name);
	case NAME_KNOWN:
		break;
	}
	return answer(
	    client, msg_close_complete, change_name(client, name, NULL));
}

/* A Parse that cannot be followed: under its own name, on a server that is the
 * client's alone from now on. */
static struct prepare_result
pass_untold(struct out *out, const struct frame *frame, const uint8_t *body,
    const struct prepare_name *name, const char *reason)
{
	struct prepare_result result =
	    prepare_pass_unknown(out, frame, body, name);

	result.pin = reason;
	return result;
}

/* The name is taken: the server shall find that, as it would have. */
static struct prepare_result
pass_duplicate(struct client *client, struct out *out,
    const struct frame *frame, const uint8_t *body,
    const struct prepare_name *name, struct statement *there)
{
	struct prepare_result result = {.way = PREPARE_PASS};
	struct part *part;

	if (!supply(client, out, there)) {
		return stop;
	}
	if (out->failed) {
		return stop;
	}
	part = part_new(NULL);
	part->taken = mem_strndup(name->bytes, name->length);
	result.note = note_new();
	result.note->part = part;
	prepare_put_head(
	    out, frame, body, name, there->name, there->name_length);
	result.replaced = prepare_head_bytes(name);
	return result;
}

/* STATEMENT (counted for us) is what the client parses; NULL: none can be
 * kept of it. */
static struct prepare_result
pass_new(struct client *client, struct out *out, const struct frame *frame,
    const uint8_t *body, const struct prepare_name *name,
    struct statement *statement)
{
	struct prepare_result result = {.way = PREPARE_PASS};
	struct name_change *change;
	enum prepared_state state = supply_look(out, statement);

	if (state == PREPARED_WAIT) {
		return stop;
	}
	meter_client_parse(client);
	change = change_name(client, name, statement);
	if (state == PREPARED_KNOWN && client_status(client) != 0 &&
	    client_status(client) != 'E') {
		return answer(client, msg_parse_complete, change);
	}
	if (state == PREPARED_MISSING) {
		supply_make_room(client, out);
	} else {
		/* In a failed transaction, or one that may have failed, the
		 * server must say what it thinks of it. */
		supply_send(out, statement, MSG_CLOSE, statement_put_close);
	}
	meter_server_parse(client);
	prepare_put_head(
	    out, frame, body, name, statement->name, statement->name_length);
	result.replaced = prepare_head_bytes(name);
	if (out->failed) {
		names_on_note(&client->names, &change, NOTE_SKIPPED);
		return stop;
	}
	result.note = prepared_sent(&out->server->prepared, statement,
	    BELIEF_PREPARED, answers_batch(&out->server->answers));
	result.note->part = part_new(change);
	return result;
}

bool
prepare_has_room(const struct client *client, size_t size)
{
	const struct settings *settings = config_settings(client->set->config);

	return names_cost(&client->names) + size <=
	    (size_t)settings->max_client_statement_bytes;
}

static struct prepare_result
pass_parse(struct client *client, struct out *out, const struct frame *frame,
    const uint8_t *body, size_t here, const struct prepare_name *name)
{
	const uint8_t *rest = body + name->length + 1;
	size_t size = frame->body_bytes - name->length - 1;
	struct statement *there, *statement;
	struct prepare_result result;
	enum name_state state = look_name(client, name, &there);

	if (state == NAME_WAIT) {
		return stop;
	}
	if (state == NAME_KNOWN) {
		return pass_duplicate(client, out, frame, body, name, there);
	}
	if (!prepare_is_ascii(name)) {
		/* It may not be valid; the server knows. */
		return pass_untold(out, frame, body, name,
		    "name of a prepared statement that is not ASCII");
	}
	if (here < frame->body_bytes || !prepare_has_room(client, size)) {
		return pass_untold(out, frame, body, name,
		    "prepared statement that is too long");
	}
	if (!statement_body_is_valid(rest, size)) {
		return prepare_pass_unknown(out, frame, body, name);
	}
	statement = statements_take(pools_statements(client->set->pools),
	    &client->session.meaning, rest, size);
	if (statement == NULL) {
		return pass_untold(
		    out, frame, body, name, "no room for a prepared statement");
	}
	if (!statement->is_judged) {
		batch_judge_statement(client, statement);
	}
	result = pass_new(client, out, frame, body, name, statement);
	statement_release(&statement);
	return result;
}

bool
prepare_answer_sync(struct client *client)
{
	const struct server *server = client->server;
	struct buf message = {0};

	if (server->status == 0 || !answers_is_settled(&server->answers)) {
		return false;
	}
	if (client->replay.count > 0) {
		if (!client->replay.heals) {
			return false;
		}
		if (!heal_forgo(client)) {
			return true; /* the client has gone */
		}
	}
	meter_asked(client);
	meter_answered(client, server->status);
	msg_ready_for_query(&message, server->status);
	(void)client_answer(client, buf_bytes(&message), message.length);
	buf_fini(&message);
	return true;
}

struct prepare_result
prepare_pass(struct client *client, struct out *out, const struct frame *frame,
    const uint8_t *body, size_t here)
{
	struct prepare_result result = {.way = PREPARE_PASS};
	struct prepare_name name;
	size_t size = here < frame->body_bytes ? here : frame->body_bytes;

	if (out->server->answers.copy_in) {
		return result; /* it will be refused */
	}
	if (!prepare_find_name(frame->type, body, size, &name)) {
		if (size < frame->body_bytes) {
			/* Whose name it is cannot be left open. */
			pass_violation(client,
			    "too long a name in message type", frame->type);
			return stop;
		}
		if (frame->type == MSG_DESCRIBE) {
			result.note =
			    told_describe_portal(client, out, body, size);
		}
		return result; /* a portal's, or malformed */
	}
	if (name.length == 0) {
		if (frame->type == MSG_BIND) {
			told_bound(client, out, NULL, NULL, body);
		}
		return unnamed_pass(client, out, frame, body, here);
	}
	if (answers_is_skipping(&out->server->answers)) {
		return prepare_pass_unknown(out, frame, body, &name);
	}
	switch (frame->type) {
	case MSG_PARSE:
		return pass_parse(client, out, frame, body, here, &name);
	case MSG_CLOSE:
		return pass_close(client, out, frame, body, &name);
	case MSG_BIND:
		return pass_bind(client, out, frame, body, here, &name);
	default:
		return pass_describe(client, out, frame, body, &name);
	}
}
