/*
 * request.c - from the client to its server: the way of a request.
 *
 * Without a server, a batch is looked at whole and decides where it goes. With
 * one, messages pass as they come (pass.c); to a replica, whole batches only,
 * which can be sent again elsewhere.
 */
#include "client/request.h"

#include <assert.h>

#include "client/batch.h"
#include "client/client_int.h"
#include "client/meter.h"
#include "client/prepare.h"
#include "client/through.h"
#include "conf/config.h"
#include "core/buf.h"
#include "net/stream.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/pool_int.h"
#include "server/server_int.h"

/* A longer BEGIN is not held back. */
#define BEGIN_MAX_BYTES ((size_t)4096)

static bool
is_shared_mode(const struct client *client)
{
	return client->pool->options.mode != POOL_MODE_SESSION;
}

/* ---- a judged batch ------------------------------------------------------ */

/* Passes on what is left of the batch kept last. */
static void
send_rest(struct client *client)
{
	struct replay *replay = &client->replay;
	size_t size = replay->unsent, used;
	const uint8_t *rest =
	    kept_bytes(&replay->bytes) + replay->bytes.length - size;

	used = pass_messages(client, rest, size, true);
	if (client->replay.unsent > 0) { /* as below */
		client->replay.unsent = size - used;
	}
}

/* Copied, so that it can be sent again, then sent. */
static size_t
send_replayable(struct client *client, const uint8_t *bytes)
{
	size_t size = client->batch.bytes, used;

	replay_add(client, bytes, size, &client->batch);
	client->replay.unsent = size;
	used = pass_messages(client, bytes, size, true);
	if (client->replay.unsent > 0) { /* it was not sent again instead */
		client->replay.unsent = size - used;
	}
	return size;
}

void
request_resume(struct client *client)
{
	if (client->state == CLIENT_ACTIVE && client->replay.unsent > 0 &&
	    !client->replay_pending && client->server->cancels.count == 0 &&
	    stream_pending(client->server->stream) == 0) {
		send_rest(client);
	}
}

/* Whether the server's answer may be that a statement is not what we believe it
 * is, and the batch can be sent again then: it stands alone. */
static bool
may_heal(const struct client *client)
{
	const struct batch *batch = &client->batch;
	const struct settings *settings = config_settings(client->set->config);

	return (batch->uses_prepared || batch->uses_kept) &&
	    batch->is_complete && !batch->has_ops && batch->pin == NULL &&
	    client->pin == NULL && client->begin.length == 0 &&
	    client->server->status == 'I' &&
	    batch->bytes <= settings->replay_max_bytes;
}

/* Sends .batch, which BYTES begin with, to the server the client has got.
 * Returns how many bytes were used: what is left of it waits for an answer. */
static size_t
send_batch(struct client *client, const uint8_t *bytes)
{
	const struct batch *batch = &client->batch;

	client->has_batch = false;
	if (client->begin.length > 0) {
		begin_send(client);
	}
	if (client->on_replica) {
		return send_replayable(client, bytes);
	}
	kept_fini(client_blocks(client), &client->begin);
	client->untracks = client->untracks || batch->untracks;
	if (batch->pin != NULL) {
		pin_for_text(client, batch->pin, batch->has_unread);
	}
	client->unnamed_open = batch->leaves_unnamed;
	assert(client->replay.count == 0);
	client->wrote = client->wrote ||
	    (!batch->is_read && !batch->is_harmless) ||
	    client->route.is_doubted;
	if (may_heal(client)) {
		client->replay.heals = true;
		return send_replayable(client, bytes);
	}
	return pass_messages(client, bytes, batch->bytes, true);
}

/* ---- without a server ---------------------------------------------------- */

static void
answer_lone_sync(struct client *client)
{
	struct buf out = {0};

	msg_ready_for_query(&out, refuse_status(client));
	(void)client_write(client, buf_bytes(&out), out.length);
	buf_fini(&out);
}

static void
choose_class(struct client *client)
{
	const struct batch *batch = &client->batch;
	const struct settings *settings = config_settings(client->set->config);
	struct router_request request = {
	    .is_read = is_shared_mode(client) && batch->is_read &&
	        client->begin_status == 0 && !client->has_idle_limit &&
	        !(client->is_serializable && client->begin.length == 0),
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
	return client->begin.length == 0 &&
	    client->pool->options.mode == POOL_MODE_TRANSACTION &&
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
	if (!check_pool(client) || !pass_allows(client, at[0])) {
		return 0;
	}
	if (client->batch.ends_transaction && client->begin.length > 0 &&
	    client->begin_status == 'E') {
		begin_end(client, at, bytes);
		return bytes;
	}
	if (prepare_answer_alone(client, at, &client->batch)) {
		return bytes;
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
	return send_batch(client, at);
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
	session_forget_way_out(client);
	client->batch = (struct batch){0};
	client->waiter.class = POOL_PRIMARY;
	client->route.primary_once = false;
	if (!check_pool(client) || !link_take(client)) {
		return 0;
	}
	client->has_batch = false;
	if (client->begin.length > 0) {
		begin_send(client);
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
	if (client->skips_to_sync) {
		return drop_bytes(client, size, refuse_skip(client, at, size));
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
		pass_violation(client, "invalid message type or length: type",
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
		if (client->server->answers.notes.count > 0) {
			return 0; /* what is known by then shows how */
		}
		if (may_stay(client, &batch) &&
		    has_replay_room(client, batch.bytes)) {
			client->batch = batch;
			return send_replayable(client, at);
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
		pass_leave(client);
		return 0;
	case BATCH_BAD:
		pass_violation(client, "invalid message type or length: type",
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

	if (client_is_private(client)) {
		return through_take(client, at, size);
	}
	if (client->server->applying != NULL ||
	    client->server->cancels.count > 0) {
		return 0; /* a cancel must not hit what comes behind it */
	}
	if (client->has_batch) {
		bytes = client->batch.bytes;
		if (bytes == 0) {
			client->has_batch = false;
			if (client->begin.length > 0) {
				begin_send(client);
			}
			kept_fini(client_blocks(client), &client->begin);
		} else {
			return send_batch(client, at);
		}
	}
	if (stream_pending(client->server->stream) > 0 ||
	    client->replay.unsent > 0) {
		return 0;
	}
	if (client->on_replica) {
		return client->pass_left > 0
		    ? drop_bytes(client, size, client->pass_left)
		    : take_on_replica(client, at, size);
	}
	if (client->replay.count > 0 &&
	    (client->ahead_count > 0 || !heal_forgo(client))) {
		return 0;
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
		if (n > 0 && client->state == CLIENT_ACTIVE &&
		    client->server != NULL &&
		    client->server->answers.count > 0) {
			meter_asked(client);
		}
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
