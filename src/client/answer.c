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
#include <assert.h>
#include <string.h>

#include "client/client_int.h"
#include "client/prepare.h"
#include "client/request.h"
#include "core/buf.h"
#include "core/error.h"
#include "net/stream.h"
#include "proto/error_fields.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/pool_int.h"
#include "server/server_int.h"
#include "server/statement.h"

/* A longer error message is passed on without a look. */
#define LOOK_MAX (SCRATCH_BYTES - 1)

/* So many times a batch is sent again because of a statement. */
#define HEAL_ATTEMPTS 2

/* More than this is not held: the answer begins, whatever comes of it. */
#define HOLD_MAX (4 * HELD_MAX)

/* One read's worth of a server's bytes; those from START to AT are the
 * client's and have not left yet. */
struct flow {
	struct server *server;
	const uint8_t *bytes;
	size_t size;
	size_t start;
	size_t at;
	enum session_answer session; /* what becomes of the message at .at, and
	                                its tag, for its client's session */
	const char *tag;
	bool is_switch_error; /* the message at .at refuses settings of ours
	                         that travelled with the request */
};

/* What to do after a message. */
enum next {
	NEXT_GO_ON,
	NEXT_STOP
};

/* The answer has begun in earnest: what was held leaves first. */
static bool
let_go(struct client *client)
{
	struct kept *answer = &client->replay.answer;
	bool ok;

	client->replay.is_holding = false;
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

/* Sends what is due, unless it must be held; leaves out the next SKIPPED bytes.
 * False when the client was closed. */
static bool
flow_cut(struct client *client, struct flow *flow, size_t skipped)
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

/* ---- refusals ------------------------------------------------------------ */

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

/* An error from a replica, of which nothing has been passed on. True when the
 * request was routed again. */
static bool
try_replay(struct client *client, struct flow *flow, const struct frame *frame)
{
	const uint8_t *body = flow->bytes + flow->at + FRAME_HEADER_BYTES;
	struct replay *replay = &client->replay;
	struct error_fields fields;
	bool is_write = false, is_loss = false, is_wrong;

	if (error_fields_parse(body, frame->body_bytes, &fields) != 0 ||
	    client->pass_left > 0) {
		return false;
	}
	is_wrong = is_wrong_belief(&fields);
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

/* Whether the error at hand is that settings were refused which have gone in
 * front of the request: no answer to that, which runs all the same. */
static bool
is_switch_error(const struct flow *flow, const struct frame *frame)
{
	struct error_fields fields;

	if (frame->type != MSG_ERROR_RESPONSE ||
	    !server_is_switching(flow->server) ||
	    frame_bytes(frame) > flow->size - flow->at ||
	    error_fields_parse(flow->bytes + flow->at + FRAME_HEADER_BYTES,
	        frame->body_bytes, &fields) != 0 ||
	    error_fields_is_fatal(&fields)) {
		return false;
	}
	log_warning(&flow->server->log,
	    "settings sent with a request were refused, it runs without: %s",
	    fields.message);
	return true;
}

/* An error the client gets: what follows from it for routing. */
static void
note_error(struct client *client, const uint8_t *body, size_t size)
{
	struct error_fields fields;

	if (error_fields_parse(body, size, &fields) != 0) {
		return;
	}
	client->told_fatal =
	    client->told_fatal || error_fields_is_fatal(&fields);
}

/* What an error, which may be replayed, says of what we believed. */
static void
note_belief(
    struct client *client, struct flow *flow, const uint8_t *body, size_t size)
{
	struct error_fields fields;

	if (!client->is_tracked ||
	    error_fields_parse(body, size, &fields) != 0 ||
	    !is_wrong_belief(&fields)) {
		return;
	}
	if (!is_changed_result(&fields)) {
		prepared_doubt(&flow->server->prepared);
	} else if (client->bound != NULL) {
		/* Who has it gets the same error until it prepares anew. */
		statement_outdate(client->bound);
	}
}

/* An error that names a statement by our name says the client's instead. */
static bool
put_renamed(struct client *client, struct flow *flow, const struct frame *frame,
    const uint8_t *body, enum next *next)
{
	struct buf message = {0};

	if (!client->is_tracked ||
	    !prepare_rename_error(client, body, frame->body_bytes, &message)) {
		return false;
	}
	*next = flow_cut(client, flow, frame_bytes(frame)) &&
	        client_answer(client, buf_bytes(&message), message.length)
	    ? NEXT_GO_ON
	    : NEXT_STOP;
	buf_fini(&message);
	return true;
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
	(void)flow_cut(client, flow, 0);
	if (flow->server->state != SERVER_CLOSED) {
		server_close(flow->server, CLOSE_SERVER_OUT_OF_STEP, &err);
	}
	return NEXT_STOP;
}

/* What we had sent ourselves, the BEGIN held back, has failed: what comes
 * behind it must not run without it. The client gets the server's words. */
static enum next
own_refused(struct flow *flow, const struct frame *frame, const uint8_t *body)
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

/* The batch is answered up to here. */
static void
end_batch(struct client *client, struct flow *flow)
{
	struct node_counters *counters = &flow->server->slot->node->counters;

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
	ok = flow_cut(client, flow, frame_bytes(frame)) &&
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
	case MSG_READY_FOR_QUERY:
		flow->server->status =
		    frame->body_bytes == 1 ? (char)body[0] : 0;
		break;
	case MSG_ERROR_RESPONSE:
		if (flow->is_switch_error) {
			break;
		}
		if (whose == ANSWERS_SWALLOW && client->begin_status == 'E') {
			client->begin_status = 0; /* it was to fail */
			break;
		}
		note_belief(client, flow, body, frame->body_bytes);
		if (client->replay.is_holding &&
		    try_replay(client, flow, frame)) {
			return NEXT_STOP;
		}
		if (whose == ANSWERS_SWALLOW) {
			return own_refused(flow, frame, body);
		}
		note_error(client, body, frame->body_bytes);
		client->session.has_failed = true;
		if (is_answer_sure(client, frame->type) && !let_go(client)) {
			return NEXT_STOP;
		}
		if (put_renamed(client, flow, frame, body, &next)) {
			return next;
		}
		break;
	default:
		break;
	}
	if (hidden) {
		return flow_cut(client, flow, frame_bytes(frame)) ? NEXT_GO_ON
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
		session_on_ready(client, flow->server->status);
		/* What is due leaves before the next answer may be held. */
		if (client->replay.count > 1 && !flow_cut(client, flow, 0)) {
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
		return flow_cut(client, flow, n) ? NEXT_GO_ON : NEXT_STOP;
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
		ok = flow_cut(client, flow, 0) &&
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
		return flow_cut(client, flow, n) ? NEXT_GO_ON : NEXT_STOP;
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
	if (is_looked_into(&frame) && frame_bytes(&frame) > here &&
	    frame_bytes(&frame) <= LOOK_MAX) {
		return NEXT_STOP;
	}
	flow->is_switch_error = is_switch_error(flow, &frame);
	if (frame.type == MSG_ERROR_RESPONSE && client->is_tracked) {
		unnamed_on_error(client);
	}
	look_for_session(client, flow, &frame);
	whose = answers_seen(&flow->server->answers, frame.type);
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

	if (client_is_open(client) && (may_be_all || client->held.length > 0)) {
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
	size_t keep;

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
		(void)flow_cut(client, &flow, 0);
	}
	keep = flow.size - flow.at;
	server_read_done(flow.server, client, bytes + flow.at, keep);
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
