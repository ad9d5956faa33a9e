/*
 * prepare.c - a client's prepared statements on servers that many use.
 *
 * What a client calls S_1 is a statement that has one name on all servers. So
 * names are exchanged on the way out, statements a server does not have are
 * prepared in front of the message that needs them, and what is known already
 * is answered here. What is believed of servers and names changes only when the
 * server has acknowledged it, see server/note.h.
 */
#include "client/prepare.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/batch.h"
#include "client/client_int.h"
#include "client/out.h"
#include "client/request.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/mem.h"
#include "proto/error_fields.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/note.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"
#include "server/statement.h"

bool
prepare_is_tracked(const struct client *client)
{
	const struct settings *settings = config_settings(client->set->config);

	return settings->max_prepared_statements > 0 &&
	    client->pool->options.mode != POOL_MODE_SESSION;
}

bool
prepare_find_name(
    uint8_t type, const uint8_t *body, size_t size, struct prepare_name *name)
{
	const uint8_t *at = body, *end = body + size, *stop;

	if (type == MSG_BIND) {
		stop = size == 0 ? NULL : memchr(at, 0, size);
		if (stop == NULL) {
			return false;
		}
		at = stop + 1;
	} else if (type == MSG_DESCRIBE || type == MSG_CLOSE) {
		if (size < 2 || body[0] != 'S') {
			return false;
		}
		at++;
	}
	stop = at == end ? NULL : memchr(at, 0, (size_t)(end - at));
	if (stop == NULL) {
		return false;
	}
	name->bytes = (const char *)at;
	name->length = (size_t)(stop - at);
	name->before = (size_t)(at - body);
	return true;
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
	part->change = change;
	return part;
}

/* ---- what a server must have --------------------------------------------- */

static void
put_note(struct server *server, enum note_belief belief,
    struct statement *statement, void *part)
{
	struct note *note = prepared_sent(&server->prepared, statement, belief,
	    answers_batch(&server->answers));

	note->part = part;
	answers_attach(&server->answers, note);
}

/* Sends a message about STATEMENT of our own; PUT builds it. */
static void
send_helper(struct out *out, struct statement *statement, uint8_t type,
    void (*put)(const struct statement *statement, struct buf *out))
{
	struct server *server = out->server;
	struct buf message = {0};

	if (out->failed) {
		return;
	}
	put(statement, &message);
	answers_sent_helper(&server->answers, type);
	put_note(server, type == MSG_PARSE ? BELIEF_PREPARED : BELIEF_CLOSED,
	    statement, NULL);
	out_copy(out, buf_bytes(&message), message.length);
	buf_fini(&message);
}

/* Room for one more statement on the server. */
static void
make_room(struct client *client, struct out *out)
{
	const struct settings *settings = config_settings(client->set->config);
	size_t limit = (size_t)settings->max_prepared_statements;
	struct statement *surplus;

	limit = limit > 0 ? limit - 1 : 0;
	while ((surplus = prepared_surplus(&out->server->prepared, limit)) !=
	    NULL) {
		send_helper(out, surplus, MSG_CLOSE, statement_put_close);
	}
}

static enum prepared_state
look(struct out *out, const struct statement *statement)
{
	return prepared_look(&out->server->prepared, statement,
	    answers_batch(&out->server->answers));
}

/* The server is to have STATEMENT. False: not before an answer has come. */
static bool
need(struct client *client, struct out *out, struct statement *statement)
{
	switch (look(out, statement)) {
	case PREPARED_KNOWN:
		return true;
	case PREPARED_DOUBTED:
		send_helper(out, statement, MSG_CLOSE, statement_put_close);
		break;
	case PREPARED_MISSING:
		make_room(client, out);
		break;
	case PREPARED_WAIT:
		return false;
	}
	send_helper(out, statement, MSG_PARSE, statement_put_parse);
	return true;
}

/* ---- names --------------------------------------------------------------- */

/* PostgreSQL cuts them, too. */
#define NAME_BYTES ((size_t)63)

static size_t
cut_length(const struct prepare_name *name)
{
	return name->length < NAME_BYTES ? name->length : NAME_BYTES;
}

static enum name_state
look_name(const struct client *client, const struct prepare_name *name,
    struct statement **statement)
{
	return names_look(&client->names, name->bytes, cut_length(name),
	    answers_batch(&client->server->answers), statement);
}

enum name_state
prepare_look_up(const struct client *client, const struct prepare_name *name,
    struct statement **statement)
{
	return client->server != NULL ? look_name(client, name, statement)
	                              : names_look(&client->names, name->bytes,
	                                    cut_length(name), 0, statement);
}

static struct name_change *
change_name(struct client *client, const struct prepare_name *name,
    struct statement *statement)
{
	return names_change(&client->names, name->bytes, cut_length(name),
	    statement, answers_batch(&client->server->answers));
}

static bool
is_ascii_name(const struct prepare_name *name)
{
	for (size_t i = 0; i < name->length; i++) {
		if ((unsigned char)name->bytes[i] >= 0x80) {
			return false;
		}
	}
	return true;
}

static bool
is_like_ours(const struct prepare_name *name)
{
	return name->length >= sizeof(STATEMENT_PREFIX) - 1 &&
	    memcmp(name->bytes, STATEMENT_PREFIX,
	        sizeof(STATEMENT_PREFIX) - 1) == 0;
}

/* The beginning of FRAME up to and with its name, which becomes TEXT of LENGTH
 * bytes. */
static void
put_head(struct out *out, const struct frame *frame, const uint8_t *body,
    const struct prepare_name *name, const char *text, size_t length)
{
	uint32_t size =
	    htobe32((uint32_t)(4 + frame->body_bytes - name->length + length));

	out_copy(out, &frame->type, 1);
	out_copy(out, &size, sizeof(size));
	out_copy(out, body, name->before);
	out_copy(out, text, length);
	out_copy(out, "", 1);
}

static size_t
head_bytes(const struct prepare_name *name)
{
	return FRAME_HEADER_BYTES + name->before + name->length + 1;
}

/* Nothing of the client's is called so: the server must say it. Where the name
 * is like one of ours it is made one that never is. */
static struct prepare_result
pass_unknown(struct out *out, const struct frame *frame, const uint8_t *body,
    const struct prepare_name *name)
{
	struct prepare_result result = {.way = PREPARE_PASS};
	struct buf text = {0};

	if (!is_like_ours(name)) {
		return result;
	}
	buf_append_str(&text, STATEMENT_PREFIX);
	buf_append(&text, name->bytes, name->length);
	put_head(out, frame, body, name, buf_text(&text), text.length);
	buf_fini(&text);
	result.replaced = head_bytes(name);
	return result;
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
		names_on_note(&client->names, &change, NOTE_DONE);
		if (!client_answer(
		        client, buf_bytes(&message), message.length)) {
			result.way = PREPARE_STOP;
		}
	}
	buf_fini(&message);
	return result;
}

/* The first that a batch binds, in case the server says that it has changed. */
static void
note_bound(
    struct client *client, const struct out *out, struct statement *statement)
{
	uint64_t batch = answers_batch(&out->server->answers);

	if (client->bound != statement && client->bound_batch != batch) {
		statement_release(&client->bound);
		client->bound = statement_ref(statement);
	}
	client->bound_batch = batch;
}

static struct prepare_result
pass_use(struct client *client, struct out *out, const struct frame *frame,
    const uint8_t *body, const struct prepare_name *name)
{
	struct prepare_result result = {.way = PREPARE_PASS};
	struct statement *statement;

	switch (look_name(client, name, &statement)) {
	case NAME_WAIT:
		return stop;
	case NAME_UNKNOWN:
		return pass_unknown(out, frame, body, name);
	case NAME_KNOWN:
		break;
	}
	if (!need(client, out, statement)) {
		return stop;
	}
	if (frame->type == MSG_BIND) {
		result.pin = session_pin_reason(&statement->verdict);
		note_bound(client, out, statement);
	}
	put_head(
	    out, frame, body, name, statement->name, statement->name_length);
	result.replaced = head_bytes(name);
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
		return pass_unknown(out, frame, body, name);
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
	struct prepare_result result = pass_unknown(out, frame, body, name);

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

	if (!need(client, out, there)) {
		return stop;
	}
	if (out->failed) {
		return stop;
	}
	part = part_new(NULL);
	part->taken = mem_strndup(name->bytes, name->length);
	result.note = note_new();
	result.note->part = part;
	put_head(out, frame, body, name, there->name, there->name_length);
	result.replaced = head_bytes(name);
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
	enum prepared_state state = look(out, statement);

	if (state == PREPARED_WAIT) {
		return stop;
	}
	change = change_name(client, name, statement);
	if (state == PREPARED_KNOWN && client_status(client) != 0 &&
	    client_status(client) != 'E') {
		return answer(client, msg_parse_complete, change);
	}
	if (state == PREPARED_MISSING) {
		make_room(client, out);
	} else {
		/* In a failed transaction, or one that may have failed, the
		 * server must say what it thinks of it. */
		send_helper(out, statement, MSG_CLOSE, statement_put_close);
	}
	put_head(
	    out, frame, body, name, statement->name, statement->name_length);
	result.replaced = head_bytes(name);
	if (out->failed) {
		names_on_note(&client->names, &change, NOTE_SKIPPED);
		return stop;
	}
	result.note = prepared_sent(&out->server->prepared, statement,
	    BELIEF_PREPARED, answers_batch(&out->server->answers));
	result.note->part = part_new(change);
	return result;
}

/* Whether the client may keep one more statement of SIZE bytes. */
static bool
has_room(const struct client *client, size_t size)
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
	if (!is_ascii_name(name)) {
		/* It may not be valid; the server knows. */
		return pass_untold(out, frame, body, name,
		    "name of a prepared statement that is not ASCII");
	}
	if (here < frame->body_bytes || !has_room(client, size)) {
		return pass_untold(out, frame, body, name,
		    "prepared statement that is too long");
	}
	if (!statement_body_is_valid(rest, size)) {
		return pass_unknown(out, frame, body, name);
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

/* Parses STATEMENT under the client's own NAME. */
static void
parse_raw(
    void *context, const char *name, size_t length, struct statement *statement)
{
	struct out *out = context;
	struct buf message = {0};
	uint8_t type = MSG_PARSE;
	uint32_t size =
	    htobe32((uint32_t)(4 + length + 1 + statement->body_bytes));

	buf_append(&message, &type, 1);
	buf_append(&message, &size, sizeof(size));
	buf_append(&message, name, length);
	buf_append(&message, "", 1);
	buf_append(&message, statement->body, statement->body_bytes);
	if (!out->failed) {
		answers_sent_helper(&out->server->answers, MSG_PARSE);
	}
	out_copy(out, buf_bytes(&message), message.length);
	buf_fini(&message);
}

/* Nobody else's statements are left for the client to find. */
static void
close_all(struct out *out)
{
	struct statement *left;

	while (!out->failed &&
	    (left = prepared_surplus(&out->server->prepared, 0)) != NULL) {
		send_helper(out, left, MSG_CLOSE, statement_put_close);
	}
}

bool
prepare_untrack(struct client *client, struct out *out)
{
	struct answers *answers = &out->server->answers;
	bool is_inside = answers->batch_open;
	struct buf sync = {0};

	if (answers->notes.count > 0 ||
	    (client->batch_status == 0 && answers->count > 0 && !is_inside)) {
		return false;
	}
	if (client->batch_status == 'E' || answers_is_skipping(answers)) {
		return true; /* the text will not run either */
	}
	close_all(out);
	names_each(&client->names, parse_raw, out);
	if (!is_inside && answers->batch_open && !out->failed) {
		msg_sync(&sync);
		answers_sent_own(answers, MSG_SYNC);
		out_copy(out, buf_bytes(&sync), sync.length);
		buf_fini(&sync);
	}
	names_clear(&client->names);
	client->is_tracked = false;
	client->untracks = false;
	return true;
}

bool
prepare_answer_sync(struct client *client)
{
	const struct server *server = client->server;
	struct buf message = {0};

	if (server->status == 0 || client->replay.count > 0 ||
	    !answers_is_settled(&server->answers)) {
		return false;
	}
	msg_ready_for_query(&message, server->status);
	(void)client_answer(client, buf_bytes(&message), message.length);
	buf_fini(&message);
	return true;
}

/* The end of the name of ours that begins at NAME. */
static const char *
end_of_ours(const char *name)
{
	name += sizeof(STATEMENT_PREFIX) - 1;
	return name + strspn(name, "0123456789abcdef");
}

/* Appends what the client calls the statement of ours at NAME, up to END. */
static void
put_client_name(
    struct client *client, const char *name, const char *end, struct buf *out)
{
	struct statement *statement = statements_find_name(
	    pools_statements(client->set->pools), name, (size_t)(end - name));
	size_t length = 0;
	const char *its = statement == NULL
	    ? NULL
	    : names_of(&client->names, statement, &length);

	if (client->taken_name != NULL) {
		buf_append_str(out, client->taken_name);
	} else if (its == NULL) {
		buf_append(out, name, (size_t)(end - name));
	} else {
		buf_append(out, its, length);
	}
}

/* TEXT without names of ours. */
static void
put_renamed(struct client *client, const char *text, struct buf *out)
{
	const size_t prefix = sizeof(STATEMENT_PREFIX) - 1;
	const char *name;

	while ((name = strstr(text, STATEMENT_PREFIX)) != NULL) {
		const char *end = end_of_ours(name);

		buf_append(out, text, (size_t)(name - text));
		if (strncmp(name + prefix, STATEMENT_PREFIX, prefix) == 0) {
			/* Its own, which was like ours: see pass_unknown(). */
			buf_append_str(out, STATEMENT_PREFIX);
			end = name + 2 * prefix;
		} else {
			put_client_name(client, name, end, out);
		}
		text = end;
	}
	buf_append(out, text, strlen(text) + 1);
}

static void
forget_taken(struct client *client)
{
	free(client->taken_name);
	client->taken_name = NULL;
}

bool
prepare_rename_error(
    struct client *client, const uint8_t *body, size_t size, struct buf *out)
{
	const uint8_t *at = body, *end = body + size;
	struct error_fields fields;
	struct buf fresh = {0};
	uint8_t type = MSG_ERROR_RESPONSE;
	uint32_t length;

	if (error_fields_parse(body, size, &fields) != 0 ||
	    strstr(fields.message, STATEMENT_PREFIX) == NULL) {
		forget_taken(client);
		return false;
	}
	while (at < end && *at != '\0') {
		const char *text = (const char *)at + 1;

		buf_append(&fresh, at, 1);
		if (*at == 'M') {
			put_renamed(client, text, &fresh);
		} else {
			buf_append(&fresh, text, strlen(text) + 1);
		}
		at += strlen(text) + 2;
	}
	buf_append(&fresh, "", 1);
	forget_taken(client);
	length = htobe32((uint32_t)(4 + fresh.length));
	buf_append(out, &type, 1);
	buf_append(out, &length, sizeof(length));
	buf_append(out, buf_bytes(&fresh), fresh.length);
	buf_fini(&fresh);
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
		return result; /* a portal's, or malformed */
	}
	if (name.length == 0) {
		return unnamed_pass(client, out, frame, body, here);
	}
	if (answers_is_skipping(&out->server->answers)) {
		return pass_unknown(out, frame, body, &name);
	}
	switch (frame->type) {
	case MSG_PARSE:
		return pass_parse(client, out, frame, body, here, &name);
	case MSG_CLOSE:
		return pass_close(client, out, frame, body, &name);
	default:
		return pass_use(client, out, frame, body, &name);
	}
}
