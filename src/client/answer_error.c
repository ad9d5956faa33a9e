/*
 * answer_error.c - what a server's errors mean to us: who gets them, and what
 * is tried again instead.
 */
#include "client/answer_int.h"

#include <string.h>

#include "client/prepare.h"
#include "core/buf.h"
#include "core/error.h"
#include "proto/error_fields.h"
#include "proto/msg.h"
#include "server/pool_int.h"
#include "server/server_int.h"
#include "server/statement.h"

/* So many times a batch is sent again because of a statement. */
#define HEAL_ATTEMPTS 2

/*
 * What a replica says when it will not do what the primary might: read-only
 * transaction, feature or state not available in recovery, a conflict with
 * recovery, a shutdown; and objects that have not arrived there yet.
 */
static bool
is_refusal(const struct error_fields *fields, bool *is_write, bool *is_loss)
{
	static const char *const states[] = {"25006", "0A000", "55000", "40001",
	    "40P01", "57P01", "57P02", "57P03", "57P04", "58000", "58030",
	    "58P01", "42P01", "42703", "42704", "42883", "3F000", "XX001",
	    "XX002"};

	*is_write = strcmp(fields->sqlstate, "25006") == 0;
	*is_loss = strncmp(fields->sqlstate, "57P", 3) == 0 ||
	    strncmp(fields->sqlstate, "40", 2) == 0;
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		if (strcmp(fields->sqlstate, states[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* A statement's rows are not any more what they were when it was prepared. */
static bool
is_changed_result(const struct error_fields *fields)
{
	return strcmp(fields->sqlstate, "0A000") == 0 &&
	    strcmp(fields->routine, "RevalidateCachedQuery") == 0;
}

/* The server says that a prepared statement is not what we believed: it has
 * lost it, or its result has changed. */
static bool
is_wrong_belief(const struct error_fields *fields)
{
	return (strcmp(fields->sqlstate, "26000") == 0 &&
	           strstr(fields->message, STATEMENT_PREFIX) != NULL) ||
	    is_changed_result(fields);
}

void
answer_look_for_name(struct flow *flow, const struct frame *frame)
{
	struct note *note = answers_head_note(&flow->server->answers);
	struct error_fields fields;

	if (note == NULL || note->belief != BELIEF_PREPARED ||
	    frame_bytes(frame) > flow->size - flow->at ||
	    error_fields_parse(flow->bytes + flow->at + FRAME_HEADER_BYTES,
	        frame->body_bytes, &fields) != 0) {
		return;
	}
	note->is_there = strcmp(fields.sqlstate, "42P05") == 0;
	flow->was_there = note->is_there;
}

bool
answer_try_replay(
    struct client *client, struct flow *flow, const struct frame *frame)
{
	const uint8_t *body = flow->bytes + flow->at + FRAME_HEADER_BYTES;
	struct replay *replay = &client->replay;
	struct error_fields fields;
	bool is_write = false, is_loss = false, is_wrong;

	if (error_fields_parse(body, frame->body_bytes, &fields) != 0 ||
	    client->pass_left > 0) {
		return false;
	}
	if (client->is_form_changed && replay->heals) {
		return false;
	}
	is_wrong = client->is_form_changed || flow->was_there ||
	    is_wrong_belief(&fields);
	if (is_changed_result(&fields)) {
		if (!replay->is_described) {
			return false; /* it goes by an older description */
		}
		prepared_doubt(&flow->server->prepared);
	}
	if (!is_wrong &&
	    (replay->heals || !is_refusal(&fields, &is_write, &is_loss))) {
		return false;
	}
	if (replay->heals && replay->attempts >= HEAL_ATTEMPTS) {
		return false;
	}
	if (is_write && replay->has_shape) {
		router_learn_write(
		    client->set->router, client->pool, &replay->shape);
	}
	log_debug(&client->log, "refused by %s: %s",
	    flow->server->slot->node->name, fields.message);
	/* What was held of the answer goes nowhere; the server's rest is left
	 * to be drained. */
	flow->at += frame_bytes(frame);
	flow->start = flow->at;
	flow->server->slot->node->counters.replays++;
	link_replay(client, !is_loss);
	return true;
}

bool
answer_is_switch_error(const struct flow *flow, const struct frame *frame)
{
	const struct note *note = answers_head_note(&flow->server->answers);
	bool is_tried = note != NULL && note->belief == BELIEF_TRIED;
	struct error_fields fields;

	if (frame->type != MSG_ERROR_RESPONSE ||
	    (!is_tried && !server_is_switching(flow->server)) ||
	    frame_bytes(frame) > flow->size - flow->at ||
	    error_fields_parse(flow->bytes + flow->at + FRAME_HEADER_BYTES,
	        frame->body_bytes, &fields) != 0 ||
	    error_fields_is_fatal(&fields)) {
		return false;
	}
	if (!is_tried) {
		log_warning(&flow->server->log,
		    "settings sent with a request were refused, it runs "
		    "without: %s",
		    fields.message);
	}
	return true;
}

void
answer_check_refused(struct client *client, const uint8_t *body, size_t size)
{
	struct error_fields fields;

	client->is_form_changed = client->is_form_changed &&
	    error_fields_parse(body, size, &fields) == 0 &&
	    strcmp(fields.sqlstate, "26000") == 0;
}

void
answer_note_error(struct client *client, const uint8_t *body, size_t size)
{
	struct error_fields fields;

	if (error_fields_parse(body, size, &fields) != 0) {
		return;
	}
	client->told_fatal =
	    client->told_fatal || error_fields_is_fatal(&fields);
}

void
answer_note_belief(
    struct client *client, struct flow *flow, const uint8_t *body, size_t size)
{
	struct error_fields fields;

	if (!client->is_tracked || client->is_form_changed ||
	    error_fields_parse(body, size, &fields) != 0 ||
	    !is_wrong_belief(&fields)) {
		return;
	}
	if (!is_changed_result(&fields)) {
		prepared_doubt(&flow->server->prepared);
	} else if (client->used != NULL) {
		/* Who has it gets the same error until it prepares anew. */
		statement_outdate(client->used);
	}
}

/* The client gets MESSAGE, which ends here, instead of FRAME. */
static enum next
put_instead(struct client *client, struct flow *flow, const struct frame *frame,
    struct buf *message)
{
	bool ok = answer_cut(client, flow, frame_bytes(frame)) &&
	    client_answer(client, buf_bytes(message), message->length);

	buf_fini(message);
	return ok ? NEXT_GO_ON : NEXT_STOP;
}

bool
answer_put_renamed(struct client *client, struct flow *flow,
    const struct frame *frame, const uint8_t *body, enum next *next)
{
	struct buf message = {0};

	if (!client->is_tracked ||
	    !prepare_rename_error(client, body, frame->body_bytes, &message)) {
		return false;
	}
	*next = put_instead(client, flow, frame, &message);
	return true;
}

bool
answer_put_expired(struct client *client, struct flow *flow,
    const struct frame *frame, const uint8_t *body, enum next *next)
{
	struct error_fields fields;
	struct buf message = {0};
	struct error err;

	if (!client->timeouts.has_expired ||
	    error_fields_parse(body, frame->body_bytes, &fields) != 0 ||
	    strcmp(fields.sqlstate, SQLSTATE_QUERY_CANCELED) != 0) {
		return false;
	}
	error_set(&err, SQLSTATE_QUERY_CANCELED, "query timeout");
	msg_error_from(&message, "ERROR", &err);
	*next = put_instead(client, flow, frame, &message);
	return true;
}

enum next
answer_own_refused(
    struct flow *flow, const struct frame *frame, const uint8_t *body)
{
	struct error_fields fields;
	struct error err;

	if (error_fields_parse(body, frame->body_bytes, &fields) == 0) {
		error_fields_to_error(&fields, &err);
	} else {
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "malformed error message from the server");
	}
	server_close(flow->server, CLOSE_SERVER_UNCLEAN, &err);
	return NEXT_STOP;
}
