/*
 * request.c - from the client to its server: the way of a request.
 *
 * Without a server, a batch is looked at whole and decides where it goes. With
 * one, messages are counted and passed on as they lie in the buffer; only
 * texts, and what touches the unnamed statement, are looked into, and only
 * until the client keeps its server anyway.
 */
#include "client/request.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/batch.h"
#include "client/client_int.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/stream.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/pool_int.h"
#include "server/server_int.h"
#include "sql/effects.h"

/* A longer BEGIN is not held back. */
#define BEGIN_MAX_BYTES ((size_t)4096)

static void
violation(struct client *client, const char *what, uint8_t type)
{
	struct error err;

	error_set(&err, SQLSTATE_PROTOCOL_VIOLATION, "%s 0x%02X", what, type);
	client_close(client, CLOSE_CLIENT_VIOLATION, &err);
}

static bool
is_transaction_mode(const struct client *client)
{
	return client->pool->options.mode != POOL_MODE_SESSION;
}

static bool
send_to_server(struct client *client, const uint8_t *bytes, size_t size)
{
	if (size == 0) {
		return client->server != NULL;
	}
	if (!answers_is_settled(&client->server->answers)) {
		client->server->status = 0; /* data of a failed copy leave it */
	}
	return server_write(client->server, bytes, size);
}

/* ---- looking into messages ----------------------------------------------- */

static void
judge_parse(struct client *client, const uint8_t *body, size_t size)
{
	size_t length, name_length;
	const char *text =
	    batch_text(MSG_PARSE, body, size, &length, &name_length);
	const char *reason;

	if (text == NULL) {
		return; /* the server will say so */
	}
	if ((reason = batch_judge_text(client, text, length)) != NULL) {
		link_pin(client, reason);
	}
	if (name_length > 0) {
		link_pin(client, "prepared statement");
	} else {
		client->unnamed_open = true;
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
	    (reason = batch_judge_text(client, text, length)) != NULL) {
		link_pin(client, reason);
	}
}

/* A Bind of the unnamed statement is what that was parsed for. */
static void
judge_bind(struct client *client, const uint8_t *body, size_t size)
{
	const uint8_t *stop = size == 0 ? NULL : memchr(body, 0, size);

	if (stop != NULL && stop + 1 < body + size && stop[1] == '\0') {
		client->unnamed_open = false;
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
			return;
		}
		text = stop + 1;
		client->unnamed_open = true;
	} else {
		client->unnamed_open = false;
	}
	client->scan = mem_alloc(sizeof(*client->scan));
	effect_scan_init(client->scan, client->std_strings);
	scan_feed(client, text, size - (size_t)(text - body));
}

/* ---- passing on ---------------------------------------------------------- */

/* A run of bytes on its way: those from START to AT leave together. */
struct run {
	const uint8_t *bytes;
	size_t size;
	size_t start;
	size_t at;
	bool judged; /* the texts have been looked at already */
};

/* Sends what is due and leaves out the next SKIPPED bytes. */
static bool
run_cut(struct client *client, struct run *run, size_t skipped)
{
	bool ok = send_to_server(
	    client, run->bytes + run->start, run->at - run->start);

	run->at += skipped;
	run->start = run->at;
	return ok;
}

/* The rest of a message whose beginning has been dealt with. */
static bool
pass_rest(struct client *client, struct run *run)
{
	size_t here = run->size - run->at;
	size_t n = here < client->pass_left ? here : client->pass_left;

	client->pass_left -= (uint32_t)n;
	if (client->drops_rest) {
		client->drops_rest = client->pass_left > 0;
		return run_cut(client, run, n);
	}
	scan_feed(client, run->bytes + run->at, n);
	run->at += n;
	if (client->pass_left == 0 && client->scan != NULL) {
		scan_end(client); /* no NUL: the server will complain */
	}
	return true;
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
	if (client->pin != NULL || run->judged) {
		return true;
	}
	switch (frame->type) {
	case MSG_QUERY:
	case MSG_PARSE:
	case MSG_BIND:
		return frame_bytes(frame) >= HELD_MAX && here >= HEAD_BYTES;
	default:
		return true;
	}
}

static void
look_into(
    struct client *client, const struct run *run, const struct frame *frame)
{
	const uint8_t *body = run->bytes + run->at + FRAME_HEADER_BYTES;
	size_t here = run->size - run->at - FRAME_HEADER_BYTES;
	bool is_text = frame->type == MSG_QUERY || frame->type == MSG_PARSE;

	if (!client->on_replica && frame->type != MSG_SYNC) {
		client->wrote = client->wrote || !run->judged;
	}
	if (client->pin != NULL || run->judged) {
		return;
	}
	if (here < frame->body_bytes && is_text) {
		scan_begin(client, frame, body, here);
		return;
	}
	judge(client, frame, body,
	    here < frame->body_bytes ? here : frame->body_bytes);
}

/* Passes the message at the run's position on. False: stop here. */
static bool
pass_message(struct client *client, struct run *run, const struct frame *frame)
{
	const uint8_t *body = run->bytes + run->at + FRAME_HEADER_BYTES;
	size_t here = run->size - run->at;
	size_t n = here < frame_bytes(frame) ? here : frame_bytes(frame);

	if (unnamed_may_be_met(
	        client, frame, body, here - FRAME_HEADER_BYTES) &&
	    (!run_cut(client, run, 0) || !unnamed_close(client))) {
		return false;
	}
	switch (answers_sent(&client->server->answers, frame->type, false)) {
	case ANSWERS_FORWARD:
		if (frame->type == MSG_PARSE) {
			unnamed_note(client, body, here - FRAME_HEADER_BYTES);
		}
		look_into(client, run, frame);
		run->at += n;
		client->pass_left = (uint32_t)(frame_bytes(frame) - n);
		client->drops_rest = false;
		return true;
	case ANSWERS_DROP:
		client->pass_left = (uint32_t)(frame_bytes(frame) - n);
		client->drops_rest = client->pass_left > 0;
		return run_cut(client, run, n);
	case ANSWERS_VIOLATION:
		violation(client,
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
		violation(client, "invalid length of message type",
		    run->bytes[run->at]);
		return false;
	}
	kind = client_frame_kind(frame->type);
	if (kind == 0) {
		violation(client, "invalid message type", frame->type);
		return false;
	}
	if (((kind & FRAME_SMALL) != 0 &&
	        frame->body_bytes > FRAME_SMALL_BODY) ||
	    frame->body_bytes > settings->max_packet_size) {
		violation(client, "too long a message of type", frame->type);
		return false;
	}
	return is_enough(client, run, frame) &&
	    answers_has_room(&client->server->answers);
}

/* Terminate: what was asked before is answered first, as a server would. */
static void
take_leave(struct client *client)
{
	client->is_leaving = true;
	if (client_is_open(client) && client->server != NULL &&
	    client->server->answers.count == 0) {
		client_close(client, CLOSE_CLIENT_TERMINATED, NULL);
	}
}

/* Passes on messages from SIZE BYTES; returns how many were used. JUDGED: the
 * batch they are has been looked at. May close CLIENT. */
static size_t
pass_messages(
    struct client *client, const uint8_t *bytes, size_t size, bool judged)
{
	struct run run = {.bytes = bytes, .size = size, .judged = judged};
	struct frame frame;

	while (run.at < run.size) {
		if (client->pass_left > 0) {
			if (!pass_rest(client, &run)) {
				break;
			}
			continue;
		}
		if (!next_message(client, &run, &frame)) {
			break;
		}
		if (frame.type == MSG_TERMINATE) {
			(void)run_cut(client, &run, 0);
			take_leave(client);
			return run.at;
		}
		if (!pass_message(client, &run, &frame)) {
			break;
		}
	}
	if (client->state == CLIENT_ACTIVE && client->server != NULL) {
		(void)run_cut(client, &run, 0);
	}
	return run.at;
}

/* ---- a judged batch ------------------------------------------------------ */

/* To a replica: copied, so that it can be sent again, then sent whole. */
static void
send_replayable(struct client *client, const uint8_t *bytes)
{
	struct server *server = client->server;
	size_t position = 0, size = client->batch.bytes;
	struct frame frame;

	replay_add(client, bytes, size, &client->batch);
	if (frame_parse(bytes, size, FRAME_MAX_BODY, &frame) == FRAME_OK &&
	    unnamed_may_be_met(client, &frame, bytes + FRAME_HEADER_BYTES,
	        size - FRAME_HEADER_BYTES) &&
	    !unnamed_close(client)) {
		return;
	}
	while (position < size &&
	    frame_parse(bytes + position, size - position, FRAME_MAX_BODY,
	        &frame) == FRAME_OK) {
		enum answers_sent sent =
		    answers_sent(&server->answers, frame.type, false);

		if (sent != ANSWERS_FORWARD) {
			/* It has asked for a copy when it was to read. */
			server_close(server, CLOSE_SERVER_OUT_OF_STEP, NULL);
			return;
		}
		if (frame.type == MSG_PARSE) {
			unnamed_note(client,
			    bytes + position + FRAME_HEADER_BYTES,
			    frame.body_bytes);
		}
		position += frame_bytes(&frame);
	}
	(void)send_to_server(client, bytes, size);
}

/* Sends .batch, which BYTES begin with, to the server the client has got. */
static void
send_batch(struct client *client, const uint8_t *bytes)
{
	const struct batch *batch = &client->batch;

	client->has_batch = false;
	if (client->begin.length > 0 && !begin_send(client)) {
		return;
	}
	if (client->on_replica) {
		send_replayable(client, bytes);
		return;
	}
	kept_fini(client_blocks(client), &client->begin);
	if (batch->pin != NULL) {
		link_pin(client, batch->pin);
	}
	client->unnamed_open = batch->leaves_unnamed;
	client->wrote = client->wrote || !batch->is_read;
	(void)pass_messages(client, bytes, batch->bytes, true);
}

/* ---- without a server ---------------------------------------------------- */

static void
answer_lone_sync(struct client *client)
{
	struct buf out = {0};

	msg_ready_for_query(&out, client->begin.length > 0 ? 'T' : 'I');
	(void)client_write(client, buf_bytes(&out), out.length);
	buf_fini(&out);
}

static void
choose_class(struct client *client)
{
	const struct batch *batch = &client->batch;
	const struct settings *settings = config_settings(client->set->config);
	struct router_request request = {
	    .is_read = is_transaction_mode(client) && batch->is_read,
	    .bytes = client->begin.length + batch->bytes,
	    .replay_max_bytes = settings->replay_max_bytes,
	    .shape = batch->has_shape ? &batch->shape : NULL,
	};

	client->waiter.class = router_choose(
	    client->set->router, client->pool, &client->route, &request);
}

/* Whether a BEGIN READ ONLY can wait for its first statement. */
static bool
may_hold_begin(const struct client *client, size_t bytes)
{
	return client->begin.length == 0 && is_transaction_mode(client) &&
	    bytes < BEGIN_MAX_BYTES && pool_has_replica(client->pool);
}

/* The pool may have gone with its database, or come back changed. */
static bool
check_pool(struct client *client)
{
	if (client->pool->conf != NULL) {
		return true;
	}
	client_close(client, CLOSE_CLIENT_DATABASE_REMOVED, NULL);
	return false;
}

/* The batch is known; returns how many bytes were used. */
static size_t
route_batch(struct client *client, const uint8_t *at)
{
	size_t bytes = client->batch.bytes;

	if (client->batch.is_empty) {
		answer_lone_sync(client);
		return bytes;
	}
	if (!check_pool(client)) {
		return 0;
	}
	if (client->batch.begins_read_only && may_hold_begin(client, bytes)) {
		begin_hold(client, at, bytes);
		return bytes;
	}
	if (client->batch.begin_bytes > 0 &&
	    may_hold_begin(client, client->batch.begin_bytes)) {
		/* The rest is a batch of its own. */
		bytes = client->batch.begin_bytes;
		begin_hold(client, at, bytes);
		return bytes;
	}
	choose_class(client);
	if (!link_take(client)) {
		return 0;
	}
	send_batch(client, at);
	return bytes;
}

static size_t
drop_bytes(struct client *client, size_t size, size_t wanted)
{
	size_t n = size < wanted ? size : wanted;

	client->pass_left = (uint32_t)(wanted - n);
	client->drops_rest = client->pass_left > 0;
	return n;
}

/* A batch that cannot be seen whole: to the primary, as it comes. */
static size_t
route_cut(struct client *client)
{
	client->batch = (struct batch){0};
	client->waiter.class = POOL_PRIMARY;
	client->route.primary_once = false;
	if (!check_pool(client) || !link_take(client)) {
		return 0;
	}
	client->has_batch = false;
	if (client->begin.length > 0 && !begin_send(client)) {
		return 0;
	}
	kept_fini(client_blocks(client), &client->begin);
	return 0; /* the bytes are taken by the ACTIVE state */
}

static size_t
take_idle(struct client *client, const uint8_t *at, size_t size)
{
	size_t scanned = client->held_scanned;

	if (client->pass_left > 0) {
		return drop_bytes(client, size, client->pass_left);
	}
	client->held_scanned = 0;
	switch (batch_find(client, at, size, &scanned, &client->batch)) {
	case BATCH_WHOLE:
		batch_judge(client, at, &client->batch);
		return route_batch(client, at);
	case BATCH_CUT:
		return route_cut(client);
	case BATCH_PARTIAL:
		client->held_scanned = scanned;
		return size < HELD_MAX ? 0 : route_cut(client);
	case BATCH_NOTHING:
		return drop_bytes(client, size, client->batch.bytes);
	case BATCH_TERMINATE:
		client_close(client, CLOSE_CLIENT_TERMINATED, NULL);
		return 0;
	case BATCH_BAD:
		violation(client, "invalid message type or length: type",
		    at[scanned]);
		return 0;
	}
	assert(!"unreachable");
	return 0;
}

/* ---- with a server ------------------------------------------------------- */

/* What may run on the replica the client is on. Whatever else its transaction
 * comes to, the transaction moves to the primary first. */
static bool
may_stay(const struct client *client, const struct batch *batch)
{
	bool has_failed = client->replay.count == 0 &&
	    client->server->status == 'E' && !batch->may_end;

	return batch->is_read || batch->is_empty || batch->ends_transaction ||
	    has_failed;
}

static bool
has_replay_room(const struct client *client, size_t bytes)
{
	const struct settings *settings = config_settings(client->set->config);

	return client->replay.count < REPLAY_BATCHES_MAX &&
	    client->replay.bytes.length + bytes <= settings->replay_max_bytes;
}

/* On a replica only whole batches go, which can be sent again elsewhere. */
static size_t
take_on_replica(struct client *client, const uint8_t *at, size_t size)
{
	struct batch batch;
	size_t scanned = 0;

	if (client->answer_left > 0 && !client->replay.is_holding) {
		return 0; /* the client has a part of that message */
	}
	switch (batch_find(client, at, size, &scanned, &batch)) {
	case BATCH_WHOLE:
		batch_judge(client, at, &batch);
		if (may_stay(client, &batch) &&
		    has_replay_room(client, batch.bytes)) {
			client->batch = batch;
			send_replayable(client, at);
			return batch.bytes;
		}
		break;
	case BATCH_CUT:
		break;
	case BATCH_PARTIAL:
		if (size < HELD_MAX) {
			return 0;
		}
		break;
	case BATCH_NOTHING:
		return drop_bytes(client, size, batch.bytes);
	case BATCH_TERMINATE:
		take_leave(client);
		return 0;
	case BATCH_BAD:
		violation(client, "invalid message type or length: type",
		    at[scanned]);
		return 0;
	}
	if (client->replay.count == 0) {
		link_move(client);
	}
	return 0;
}

static size_t
take_active(struct client *client, const uint8_t *at, size_t size)
{
	size_t bytes;

	if (client->server->applying != NULL ||
	    client->server->cancels.count > 0) {
		return 0; /* a cancel must not hit what comes behind it */
	}
	if (client->has_batch) {
		bytes = client->batch.bytes;
		if (bytes == 0) {
			client->has_batch = false;
			if (client->begin.length > 0 && !begin_send(client)) {
				return 0;
			}
			kept_fini(client_blocks(client), &client->begin);
		} else {
			send_batch(client, at);
			return bytes;
		}
	}
	if (stream_pending(client->server->stream) > 0) {
		return 0;
	}
	if (client->on_replica) {
		return client->pass_left > 0
		    ? drop_bytes(client, size, client->pass_left)
		    : take_on_replica(client, at, size);
	}
	return pass_messages(client, at, size, false);
}

size_t
request_take(struct client *client, const uint8_t *bytes, size_t size)
{
	size_t used = 0;

	while (used < size) {
		enum client_state before = client->state;
		size_t n = 0;

		if (before == CLIENT_IDLE) {
			n = take_idle(client, bytes + used, size - used);
		} else if (before == CLIENT_ACTIVE && client->server != NULL) {
			n = take_active(client, bytes + used, size - used);
		}
		used += n;
		if (n == 0 &&
		    (before == client->state ||
		        client->state != CLIENT_ACTIVE)) {
			break;
		}
		if (client->replay_pending) {
			break; /* what was sent comes first */
		}
	}
	return used;
}
