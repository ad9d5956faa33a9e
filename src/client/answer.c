/*
 * answer.c - from the server to its client: the way of an answer.
 *
 * Headers are scanned in the scratch buffer; what is the client's leaves in as
 * few writes as it came in reads. Only ReadyForQuery, ParameterStatus and, on
 * a replica, errors are looked into.
 *
 * On a replica the beginning of an answer is held until it is certain that the
 * request will not have to be sent again: until the first row or the end. Of
 * several statements the last may be the one that is refused: their answers are
 * held whole, as far as there is room.
 */
#include "client/answer_int.h"

#include <assert.h>

#include "client/meter.h"
#include "client/request.h"
#include "client/through.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "net/stream.h"
#include "proto/msg.h"
#include "server/cancel.h"
#include "server/form.h"
#include "server/pool_int.h"
#include "server/server_int.h"

/* A longer error message is passed on without a look. */
#define LOOK_MAX (SCRATCH_BYTES - 1)

/* More than this is not held: the answer begins, whatever comes of it. */
#define HOLD_MAX (4 * HELD_MAX)

/* The answer has begun in earnest: what was held leaves first. */
static bool
let_go(struct client *client)
{
	struct kept *answer = &client->replay.answer;
	bool ok;

	client->replay.is_holding = false;
	replay_end_parts(client, NOTE_DONE);
	if (answer->length == 0) {
		return true;
	}
	ok = client_write(client, kept_bytes(answer), answer->length);
	if (ok) {
		kept_fini(client_blocks(client), answer);
	}
	return ok;
}

bool
client_answer(struct client *client, const void *bytes, size_t size)
{
	struct replay *replay = &client->replay;

	if (replay->is_holding && replay->answer.length + size <= HOLD_MAX) {
		kept_append(
		    client_blocks(client), &replay->answer, bytes, size);
		return true;
	}
	return (!replay->is_holding || let_go(client)) &&
	    client_write(client, bytes, size);
}

bool
heal_forgo(struct client *client)
{
	assert(client->replay.heals);
	if (client->replay.is_holding && !let_go(client)) {
		return false;
	}
	replay_fini(client);
	return true;
}

bool
answer_cut(struct client *client, struct flow *flow, size_t skipped)
{
	const uint8_t *bytes = flow->bytes + flow->start;
	size_t size = flow->at - flow->start;

	flow->at += skipped;
	flow->start = flow->at;
	if (size == 0) {
		return true;
	}
	return client_answer(client, bytes, size);
}

/* ---- messages ------------------------------------------------------------ */

static bool
is_looked_into(const struct frame *frame)
{
	return frame->type == MSG_READY_FOR_QUERY ||
	    frame->type == MSG_PARAMETER_STATUS ||
	    frame->type == MSG_ERROR_RESPONSE ||
	    frame->type == MSG_COMMAND_COMPLETE;
}

/* May be held back: says nothing yet about what the statement does. */
static bool
is_preliminary(uint8_t type)
{
	switch (type) {
	case MSG_PARSE_COMPLETE:
	case MSG_BIND_COMPLETE:
	case MSG_CLOSE_COMPLETE:
	case MSG_ROW_DESCRIPTION:
	case MSG_PARAMETER_DESCRIPTION:
	case MSG_NO_DATA:
	case MSG_NOTICE_RESPONSE:
	case MSG_PARAMETER_STATUS:
	case MSG_NOTIFICATION_RESPONSE:
	case MSG_COPY_OUT_RESPONSE:
		return true;
	default:
		return false;
	}
}

/* Whether a message of TYPE of an answer being held lets it go. */
static bool
is_answer_sure(const struct client *client, uint8_t type)
{
	const struct replay *replay = &client->replay;

	if (!replay->is_holding || is_preliminary(type)) {
		return false;
	}
	return !replay->several[0] || type == MSG_READY_FOR_QUERY ||
	    type == MSG_ERROR_RESPONSE;
}

static enum next
close_both(
    struct client *client, struct flow *flow, const char *what, uint8_t type)
{
	struct error err;

	error_set(&err, SQLSTATE_PROTOCOL_VIOLATION, "%s 0x%02X", what, type);
	(void)answer_cut(client, flow, 0);
	if (flow->server->state != SERVER_CLOSED) {
		server_close(flow->server, CLOSE_SERVER_OUT_OF_STEP, &err);
	}
	return NEXT_STOP;
}

/* Statement pooling, and a transaction is left open. */
static enum next
refuse_block(struct client *client, struct flow *flow)
{
	struct error err;

	error_set(&err, SQLSTATE_FEATURE_NOT_SUPPORTED,
	    "transaction blocks not allowed in statement pooling mode");
	(void)answer_cut(client, flow, 0);
	if (flow->server->state != SERVER_CLOSED) {
		server_close(
		    flow->server, CLOSE_SERVER_TRANSACTION_BLOCK, &err);
	}
	return NEXT_STOP;
}

/* The batch is answered up to here. */
static void
end_batch(struct client *client, struct flow *flow)
{
	struct node_counters *counters = &flow->server->slot->node->counters;

	meter_answered(client, flow->server->status);
	if (client->replay.count > 0) {
		replay_pop(client);
	}
	if (client->on_replica) {
		counters->reads++;
	} else if (client->wrote) {
		counters->writes++;
	} else {
		counters->reads++;
	}
	if (flow->server->status == 'I') {
		client->timeouts.transactions++;
		counters->transactions++;
		/* What follows is not in that transaction. */
		kept_fini(client_blocks(client), &client->begin);
	}
}

/* The CommandComplete at hand says what its client has asked for. */
static enum next
put_tag(struct client *client, struct flow *flow, const struct frame *frame)
{
	struct buf message = {0};
	bool ok;

	msg_command_complete(&message, flow->tag);
	ok = answer_cut(client, flow, frame_bytes(frame)) &&
	    client_answer(client, buf_bytes(&message), message.length);
	buf_fini(&message);
	return ok ? NEXT_GO_ON : NEXT_STOP;
}

/* A message of which all bytes are here and that may have to be looked into. */
static enum next
take_whole(struct client *client, struct flow *flow, const struct frame *frame,
    enum answers_seen whose)
{
	const uint8_t *body = flow->bytes + flow->at + FRAME_HEADER_BYTES;
	bool hidden = whose == ANSWERS_SWALLOW;
	enum next next;

	switch (frame->type) {
	case MSG_PARAMETER_STATUS:
		if (!server_note_parameter(
		        flow->server, body, frame->body_bytes, &hidden)) {
			return close_both(client, flow,
			    "malformed message type", frame->type);
		}
		break;
	case MSG_COMMAND_COMPLETE:
		client->timeouts.answers++;
		break;
	case MSG_READY_FOR_QUERY:
		client->timeouts.answers++;
		flow->server->status =
		    frame->body_bytes == 1 ? (char)body[0] : 0;
		if (client->pool->options.mode == POOL_MODE_STATEMENT &&
		    flow->server->status != 'I') {
			return refuse_block(client, flow);
		}
		break;
	case MSG_ERROR_RESPONSE:
		client->timeouts.answers++;
		if (flow->is_switch_error) {
			break;
		}
		if (whose == ANSWERS_SWALLOW && client->begin_status == 'E') {
			client->begin_status = 0; /* it was to fail */
			break;
		}
		answer_check_refused(client, body, frame->body_bytes);
		answer_note_belief(client, flow, body, frame->body_bytes);
		if (client->replay.is_holding &&
		    answer_try_replay(client, flow, frame)) {
			return NEXT_STOP;
		}
		if (whose == ANSWERS_SWALLOW) {
			return answer_own_refused(flow, frame, body);
		}
		answer_note_error(client, body, frame->body_bytes);
		client->session.has_failed = true;
		if (is_answer_sure(client, frame->type) && !let_go(client)) {
			return NEXT_STOP;
		}
		if (answer_put_expired(client, flow, frame, body, &next) ||
		    answer_put_renamed(client, flow, frame, body, &next)) {
			return next;
		}
		break;
	default:
		break;
	}
	if (hidden) {
		if (frame->type == MSG_READY_FOR_QUERY) {
			session_on_own_ready(client, flow->server->status);
			cancel_go_on(flow->server);
		}
		return answer_cut(client, flow, frame_bytes(frame)) ? NEXT_GO_ON
		                                                    : NEXT_STOP;
	}
	if (is_answer_sure(client, frame->type) && !let_go(client)) {
		return NEXT_STOP;
	}
	if (flow->session == SESSION_RETAG) {
		return put_tag(client, flow, frame);
	}
	flow->at += frame_bytes(frame);
	if (frame->type == MSG_READY_FOR_QUERY) {
		client->timeouts.has_expired = false;
		session_on_ready(client, flow->server->status);
		/* What is due leaves before the next answer may be held. */
		if (client->replay.count > 1 && !answer_cut(client, flow, 0)) {
			return NEXT_STOP;
		}
		end_batch(client, flow);
	}
	return NEXT_GO_ON;
}

/* A message whose body nobody looks into, of which HERE bytes are here. */
static enum next
take_part(struct client *client, struct flow *flow, const struct frame *frame,
    enum answers_seen whose)
{
	size_t here = flow->size - flow->at;
	size_t n = here < frame_bytes(frame) ? here : frame_bytes(frame);

	client->answer_left = (uint32_t)(frame_bytes(frame) - n);
	client->swallows_rest = whose == ANSWERS_SWALLOW;
	if (whose == ANSWERS_SWALLOW) {
		return answer_cut(client, flow, n) ? NEXT_GO_ON : NEXT_STOP;
	}
	if (is_answer_sure(client, frame->type) && !let_go(client)) {
		return NEXT_STOP;
	}
	flow->at += n;
	return NEXT_GO_ON;
}

/* Answers of our own whose turn has come. */
static bool
put_invented(struct client *client, struct flow *flow)
{
	struct answers *answers = &flow->server->answers;
	struct buf out = {0};
	bool ok = true;

	if (answers->invented.count == 0) {
		return true;
	}
	if (answers_take_invented(answers, &out)) {
		ok = answer_cut(client, flow, 0) &&
		    client_answer(client, buf_bytes(&out), out.length);
	}
	buf_fini(&out);
	return ok;
}

static enum next
take_rest(struct client *client, struct flow *flow)
{
	size_t here = flow->size - flow->at;
	size_t n = here < client->answer_left ? here : client->answer_left;

	client->answer_left -= (uint32_t)n;
	if (client->swallows_rest) {
		return answer_cut(client, flow, n) ? NEXT_GO_ON : NEXT_STOP;
	}
	flow->at += n;
	return NEXT_GO_ON;
}

/* What the message FRAME at hand, whose note is still there, means for what its
 * client's statements do to its session. */
static void
look_for_session(
    struct client *client, struct flow *flow, const struct frame *frame)
{
	const struct note *note = answers_head_note(&flow->server->answers);
	const uint8_t *body = flow->bytes + flow->at + FRAME_HEADER_BYTES;

	flow->session = SESSION_PASS;
	flow->tag = "";
	if (note == NULL || note->part == NULL) {
		return;
	}
	if (frame->type == MSG_COMMAND_COMPLETE &&
	    frame_bytes(frame) <= flow->size - flow->at &&
	    frame->body_bytes > 0 && body[frame->body_bytes - 1] == '\0') {
		flow->tag = (const char *)body;
	}
	flow->session = session_seen(client, note, frame->type, &flow->tag);
}

/* Whether the message FRAME at hand is the answer to a Describe that somebody
 * wants to know of. */
static bool
tells_form(const struct flow *flow, const struct frame *frame)
{
	const struct note *note;

	if (frame->type != MSG_ROW_DESCRIPTION && frame->type != MSG_NO_DATA &&
	    frame->type != MSG_PARAMETER_DESCRIPTION) {
		return false;
	}
	note = answers_head_note(&flow->server->answers);
	return note != NULL && note->belief == BELIEF_DESCRIBED;
}

/* Puts what it says where it is noted. A description too long to be looked at
 * says nothing: the server's own check is all there is then. */
static void
look_for_form(struct flow *flow, const struct frame *frame)
{
	struct note *note;

	if (!tells_form(flow, frame)) {
		return;
	}
	note = answers_head_note(&flow->server->answers);
	if (note->form == NULL) {
		note->form = form_new();
	}
	if (frame->type == MSG_PARAMETER_DESCRIPTION) {
		form_set_whole(note->form);
	}
	if (frame_bytes(frame) <= flow->size - flow->at) {
		form_add(&note->form, frame->type,
		    flow->bytes + flow->at + FRAME_HEADER_BYTES,
		    frame->body_bytes);
	}
}

static enum next
take_message(struct client *client, struct flow *flow)
{
	struct frame frame;
	enum frame_result result;
	enum answers_seen whose;
	size_t here = flow->size - flow->at;
	enum next next;

	if (client->answer_left > 0) {
		return take_rest(client, flow);
	}
	result =
	    frame_parse(flow->bytes + flow->at, here, FRAME_MAX_BODY, &frame);
	if (result == FRAME_PARTIAL) {
		return NEXT_STOP;
	}
	if (result == FRAME_BAD) {
		return close_both(client, flow,
		    "invalid length from the server: type",
		    flow->bytes[flow->at]);
	}
	if (frame.type == MSG_READY_FOR_QUERY && frame.body_bytes != 1) {
		return close_both(
		    client, flow, "malformed message type", frame.type);
	}
	if ((is_looked_into(&frame) || tells_form(flow, &frame)) &&
	    frame_bytes(&frame) > here && frame_bytes(&frame) <= LOOK_MAX) {
		return NEXT_STOP;
	}
	flow->is_switch_error = answer_is_switch_error(flow, &frame);
	flow->was_there = false;
	client->is_form_changed = false;
	client->has_run_ahead = false;
	if (frame.type == MSG_ERROR_RESPONSE && !flow->is_switch_error) {
		unnamed_on_error(client);
		answer_look_for_name(flow, &frame);
	}
	look_for_form(flow, &frame);
	look_for_session(client, flow, &frame);
	whose = answers_seen(&flow->server->answers, frame.type);
	flow->told = flow->at +
	    (frame_bytes(&frame) < here ? frame_bytes(&frame) : here);
	if (client->has_run_ahead) {
		client->has_run_ahead = false;
		if (!client->replay.is_holding) {
			return close_both(client, flow,
			    "form of rows changed behind message", frame.type);
		}
		flow->at += frame_bytes(&frame);
		flow->start = flow->at;
		link_replay(client, true);
		return NEXT_STOP;
	}
	if (flow->session == SESSION_HIDE && whose == ANSWERS_PASS) {
		whose = ANSWERS_SWALLOW;
	}
	if (whose == ANSWERS_UNEXPECTED) {
		return close_both(client, flow,
		    "unexpected message from the server: type", frame.type);
	}
	if (whose == ANSWERS_CLIENT_FAULT) {
		return close_both(client, flow,
		    "unexpected message during COPY from stdin, answer",
		    frame.type);
	}
	if (whose == ANSWERS_PASS && !flow->is_switch_error) {
		pin_on_answer(client, &frame,
		    flow->bytes + flow->at + FRAME_HEADER_BYTES,
		    here - FRAME_HEADER_BYTES);
	}
	next = frame_bytes(&frame) <= here
	    ? take_whole(client, flow, &frame, whose)
	    : take_part(client, flow, &frame, whose);
	if (next == NEXT_GO_ON && client->answer_left == 0 &&
	    !put_invented(client, flow)) {
		return NEXT_STOP;
	}
	return next;
}

/* The server went on while we read: what filled the buffer may have been all,
 * and then nothing tells us. What waits here may go on. */
static void
look_again(struct client *client, const struct server *server)
{
	bool may_be_all = client->server == server && server->unread &&
	    answers_is_settled(&server->answers);

	if (client_is_open(client) &&
	    (may_be_all || client->held.length > 0 ||
	        client->replay.unsent > 0)) {
		loop_ready(client->set->loop, &client->ready);
	}
}

static bool
still_linked(const struct client *client, const struct flow *flow)
{
	return client->state == CLIENT_ACTIVE && client->server == flow->server;
}

void
answer_on_readable(void *holder)
{
	struct client *client = holder;
	struct flow flow = {.server = client->server};
	uint8_t *bytes;

	if (client_is_private(client)) {
		through_on_readable(client);
		return;
	}
	if (!server_read(flow.server, client, &bytes, &flow.size)) {
		if (still_linked(client, &flow)) {
			link_end_if_done(client);
			client_update_interest(client);
		}
		return;
	}
	flow.bytes = bytes;
	while (flow.at < flow.size && still_linked(client, &flow) &&
	    take_message(client, &flow) == NEXT_GO_ON) {
		/* and the next */
	}
	if (still_linked(client, &flow)) {
		(void)answer_cut(client, &flow, 0);
	}
	if (flow.at < flow.told) {
		flow.at = flow.told; /* its client is gone in the midst of it */
	}
	server_read_done(
	    flow.server, client, bytes + flow.at, flow.size - flow.at);
	server_take_kept(flow.server);
	if (still_linked(client, &flow)) {
		link_end_if_done(client);
	}
	if (client->is_leaving && still_linked(client, &flow) &&
	    flow.server->answers.count == 0) {
		loop_ready(client->set->loop, &client->ready);
	}
	look_again(client, flow.server);
	client_update_interest(client);
}
