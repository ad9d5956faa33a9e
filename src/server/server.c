/*
 * server.c - a connection to a PostgreSQL server: its states, its end, and
 * being handed out and taken back.
 *
 * What is read while nobody else listens (login, idle, injected settings,
 * draining) is in server_own.c and server_login.c.
 */
#include "server/server.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth/scram_client.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/str.h"
#include "net/address.h"
#include "net/connector.h"
#include "net/stream.h"
#include "net/stream_tls.h"
#include "node/node.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/cancel.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"

/* From row to bits. */
static const unsigned transitions[] = {
    [SERVER_CONNECTING] = 1U << SERVER_LOGIN | 1U << SERVER_CLOSED,
    [SERVER_LOGIN] = 1U << SERVER_CONNECTING | 1U << SERVER_IDLE |
        1U << SERVER_TESTED | 1U << SERVER_CLOSED,
    [SERVER_IDLE] =
        1U << SERVER_ACTIVE | 1U << SERVER_TESTED | 1U << SERVER_CLOSED,
    [SERVER_ACTIVE] = 1U << SERVER_IDLE | 1U << SERVER_DRAINING |
        1U << SERVER_TESTED | 1U << SERVER_CLOSED,
    [SERVER_DRAINING] =
        1U << SERVER_IDLE | 1U << SERVER_TESTED | 1U << SERVER_CLOSED,
    /* A reset may be found to be due behind a check. */
    [SERVER_TESTED] =
        1U << SERVER_IDLE | 1U << SERVER_TESTED | 1U << SERVER_CLOSED,
    [SERVER_CLOSED] = 0,
};

const char *
server_state_name(enum server_state state)
{
	static const char *const names[] = {"connecting", "login", "idle",
	    "active", "draining", "tested", "closed"};

	return names[state];
}

static void
put_context(const void *object, struct buf *out)
{
	const struct server *server = object;
	const struct pool *pool = server->slot->pool;

	buf_printf(out, " server=%llu db=", (unsigned long long)server->id);
	log_append_value(out, pool->database);
	buf_append_str(out, " user=");
	log_append_value(out, pool->user);
	buf_append_str(out, " host=");
	log_append_value(out, server->slot->node->name);
}

/* State and membership change together. */
void
server_set_state(struct server *server, enum server_state state)
{
	struct pool_slot *slot = server->slot;
	struct pools *set = slot->pool->set;

	assert((transitions[server->state] & 1U << state) != 0);
	log_debug(&server->log, "%s -> %s", server_state_name(server->state),
	    server_state_name(state));
	if (server->state == SERVER_ACTIVE) {
		set->active--;
	}
	if (server->state == SERVER_IDLE) {
		slot_note_busy(server);
	}
	list_remove(&slot->by_state[server->state], &server->link);
	server->state = state;
	if (state == SERVER_CLOSED) {
		slot_count_down(slot);
		return;
	}
	if (state == SERVER_ACTIVE) {
		set->active++;
	}
	if (state == SERVER_IDLE) {
		list_prepend(&slot->by_state[state], &server->link);
		slot_note_idle(server);
	} else {
		list_append(&slot->by_state[state], &server->link);
	}
}

/* ---- coming to be -------------------------------------------------------- */

static void
reap_server(struct grave *grave)
{
	struct server *server = list_entry(grave, struct server, grave);

	free(server->dial);
	free(server);
}

static void
on_readable(void *owner)
{
	struct server *server = owner;

	if (server->state == SERVER_ACTIVE && server->applying == NULL) {
		server->ops->on_readable(server->holder);
	} else {
		server_read_own(server);
	}
}

static void
on_drained(void *owner)
{
	struct server *server = owner;

	if (server->state == SERVER_ACTIVE && server->applying == NULL) {
		server->ops->on_drained(server->holder);
	}
}

static const struct stream_owner stream_ops = {on_readable, on_drained};

static enum close_reason
reason_of_failure(enum connect_failure failure)
{
	switch (failure) {
	case CONNECT_NO_ADDRESS:
		return CLOSE_SERVER_NO_ADDRESS;
	case CONNECT_TIMED_OUT:
		return CLOSE_SERVER_CONNECT_TIMEOUT;
	case CONNECT_REFUSED:
		break;
	}
	return CLOSE_SERVER_CONNECT_FAILED;
}

static void
on_connected(struct connector *connector, int fd, const struct error *err)
{
	struct server *server =
	    list_entry(connector, struct dial, connector)->server;
	char text[ADDRESS_TEXT_BYTES];
	struct address local;

	if (fd < 0) {
		server_close(
		    server, reason_of_failure(connector->failure), err);
		return;
	}
	server->address = connector->address;
	server->stream =
	    stream_new(server->slot->pool->set->loop, fd, &stream_ops, server);
	/* That it has closed is seen before a request is sent to it. */
	stream_set_first(server->stream);
	server_set_state(server, SERVER_LOGIN);
	if (address_of_socket(&local, fd) == 0) {
		log_info(&server->log, "new connection to server (from %s)",
		    address_format(&local, text, sizeof(text)));
	}
	server_tls_begin(server);
}

static void
connect_over(struct server *server, const struct pool_dialer *dialer)
{
	void *context = dialer->dial(dialer->context, server->slot->node);

	server->stream = stream_new_over(server->slot->pool->set->loop,
	    dialer->transport, context, &stream_ops, server);
	dialer->opened(context, server->stream);
	server_set_state(server, SERVER_LOGIN);
	server_tls_begin(server);
}

static struct server *
make_server(struct pool_slot *slot)
{
	struct server *server = mem_zalloc(sizeof(*server));
	struct pools *set = slot->pool->set;

	server->slot = slot;
	server->state = SERVER_CONNECTING;
	server->id = ++set->last_server_id;
	server->connect_us = loop_now_us(set->loop);
	server->log = (struct log_source){set->logger, put_context, server};
	server->grave.reap = reap_server;
	answers_init(&server->answers, server_on_note, server);
	prepared_init(&server->prepared);
	list_append(&slot->by_state[SERVER_CONNECTING], &server->link);
	slot_count_up(slot);
	server->dial = mem_zalloc(sizeof(*server->dial));
	server->dial->server = server;
	return server;
}

static void
start(struct server *server)
{
	struct pool_slot *slot = server->slot;
	struct pools *set = slot->pool->set;

	if (set->dialer != NULL) {
		connect_over(server, set->dialer);
		return;
	}
	connector_start(&server->dial->connector, set->loop, set->resolver,
	    slot->node->host, (uint16_t)slot->node->port,
	    slot->pool->options.server_connect_timeout_us,
	    &slot->pool->options.socket, on_connected);
}

void
server_connect_again(struct server *server)
{
	kept_fini(loop_blocks(server->slot->pool->set->loop), &server->partial);
	stream_close(&server->stream);
	server_set_state(server, SERVER_CONNECTING);
	start(server);
}

struct server *
server_connect(struct pool_slot *slot)
{
	struct server *server = make_server(slot);

	start(server);
	return server;
}

void
server_connect_private(struct pool_slot *slot, struct waiter *waiter)
{
	struct server *server = make_server(slot);

	private_attach(server, waiter);
	start(server);
}

/* ---- the end ------------------------------------------------------------- */

static void
log_close(const struct server *server, enum close_reason reason,
    const struct error *detail)
{
	const struct close_reason_row *row = close_reason_row(reason);
	int64_t age_us =
	    loop_now_us(server->slot->pool->set->loop) - server->connect_us;

	log_at(&server->log, row->level, "closing because: %s (age=%llds)%s%s",
	    row->text, (long long)(age_us / 1000000),
	    detail == NULL ? "" : ": ", detail == NULL ? "" : detail->text);
}

static void
release_parts(struct server *server)
{
	struct blocks *blocks = loop_blocks(server->slot->pool->set->loop);

	connector_cancel(&server->dial->connector);
	stream_close(&server->stream);
	scram_client_free(&server->scram);
	profile_release(&server->profile);
	profile_release(&server->applying);
	answers_fini(&server->answers);
	prepared_fini(&server->prepared);
	kept_fini(blocks, &server->partial);
	kept_fini(blocks, &server->prelude);
	params_fini(&server->params);
	params_fini(&server->before);
	cancel_forget_server(server);
	if (server->key != NULL) {
		mem_wipe(buf_bytes(server->key), server->key->length);
		buf_fini(server->key);
		free(server->key);
		server->key = NULL;
	}
}

/* An orderly goodbye where the server can take it. */
static void
say_goodbye(struct server *server)
{
	struct buf out = {0};

	if (server->stream != NULL && stream_pending(server->stream) == 0 &&
	    server->is_settled_once) {
		msg_terminate(&out);
		(void)stream_write(server->stream, buf_bytes(&out), out.length);
		buf_fini(&out);
	}
}

/* Ended by us: that says nothing about the node, nor about the login. */
static bool
is_own_will(enum close_reason reason)
{
	return reason == CLOSE_SERVER_KILLED ||
	    reason == CLOSE_SERVER_OBSOLETE ||
	    reason == CLOSE_SERVER_CLIENT_LEFT;
}

/* It has ended before it was of any use. */
static void
fail_login(
    struct server *server, enum close_reason reason, const struct error *detail)
{
	struct pool_slot *slot = server->slot;
	struct waiter *waiter = server->expects;
	bool is_private = server->replication != REPLICATION_NONE;
	struct error err;

	if (is_own_will(reason)) {
		(void)private_is_lost(server); /* who waits, waits on */
		return;
	}
	if (detail != NULL) {
		err = *detail;
	} else {
		error_set(&err, SQLSTATE_CANNOT_CONNECT, "%s",
		    close_reason_row(reason)->text);
	}
	if (reason == CLOSE_SERVER_NO_KEY) {
		/* The node has done nothing wrong. */
		(void)private_is_lost(server);
		pool_await_key(slot->pool, &err);
	} else if (!is_private) {
		slot_failed(slot, &err, reason == CLOSE_SERVER_LOGIN_FAILED);
	} else if (private_is_lost(server) &&
	    reason == CLOSE_SERVER_LOGIN_FAILED && !slot_is_at_fault(&err)) {
		/* That it may not replicate is no concern of others. */
		private_refuse(waiter, &err);
	} else {
		slot_failed(slot, &err, false);
	}
}

static void
close_server(
    struct server *server, enum close_reason reason, const struct error *detail)
{
	struct pool_slot *slot = server->slot;
	bool was_settled = server->is_settled_once;

	log_close(server, reason, detail);
	if (reason != CLOSE_SERVER_LOST && reason != CLOSE_SERVER_ENDED) {
		say_goodbye(server);
	}
	server_set_state(server, SERVER_CLOSED);
	release_parts(server);
	loop_bury(slot->pool->set->loop, &server->grave);
	if (slot->is_old || slot->pool->set->closing) {
		(void)private_is_lost(server); /* who waits, waits on */
	} else if (reason == CLOSE_SERVER_KILLED) {
		(void)private_is_lost(server); /* nor has anything failed */
	} else if (!was_settled) {
		fail_login(server, reason, detail);
	}
	if (reason == CLOSE_SERVER_LOST || reason == CLOSE_SERVER_ENDED) {
		const struct pool_events *events = &slot->pool->set->events;

		events->on_node_doubt(events->context, slot->node);
	}
	slot_changed(slot);
}

void
server_close(
    struct server *server, enum close_reason reason, const struct error *detail)
{
	const struct server_holder *ops = server->ops;
	void *holder = server->holder;
	struct error err;

	if (server->state == SERVER_CLOSED) {
		return;
	}
	server_leave_holder(server);
	if (detail == NULL) {
		error_set(&err, SQLSTATE_CONNECTION_FAILURE, "%s",
		    close_reason_row(reason)->text);
	} else {
		err = *detail;
	}
	close_server(server, reason, detail);
	if (holder != NULL) {
		ops->on_lost(holder, &err);
	}
}

void
server_drop(struct server *server, enum close_reason reason)
{
	if (server->state == SERVER_CLOSED) {
		return;
	}
	server_leave_holder(server);
	close_server(server, reason, NULL);
}

/* ---- handing out and taking back ----------------------------------------- */

void
server_hold(
    struct server *server, const struct server_holder *ops, void *holder)
{
	assert(server->state == SERVER_IDLE && server->holder == NULL);
	server_set_state(server, SERVER_ACTIVE);
	server->is_used = true;
	server->is_checked = false;
	server->ops = ops;
	server->holder = holder;
	server->request_us = loop_now_us(server->slot->pool->set->loop);
	server_update_interest(server, true);
}

bool
server_has_changed(const struct server *server)
{
	for (size_t i = 0; i < server->before.count; i++) {
		const struct param *item = &server->before.items[i];

		if (!str_equal(
		        params_get(&server->params, item->name), item->value)) {
			return true;
		}
	}
	return false;
}

bool
server_is_releasable(const struct server *server)
{
	return server->state == SERVER_ACTIVE && server->applying == NULL &&
	    server->status == 'I' && !server->unread && server->pin == NULL &&
	    server->skip_bytes == 0 && server->partial.length == 0 &&
	    answers_is_settled(&server->answers) &&
	    !answers_needs_probe(&server->answers);
}

/*
 * Connections opened together must not all end together: up to a tenth of the
 * time is taken off, by a sequence that spreads whatever few servers evenly.
 */
static int64_t
shortened(int64_t lifetime_us, uint64_t id)
{
	uint32_t share = (uint32_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> 48);

	return lifetime_us -
	    (int64_t)((uint64_t)(lifetime_us / 10) * share >> 16);
}

bool
server_has_lived(const struct server *server, int64_t now_us)
{
	int64_t lifetime_us = server->slot->pool->options.server_lifetime_us;

	if (lifetime_us == 0) {
		return server->request_us != 0;
	}
	return now_us - server->connect_us >=
	    shortened(lifetime_us, server->id);
}

/* Whether a server that is free may stay. */
static bool
is_wanted(const struct server *server)
{
	return !server->retire && !server->slot->is_old &&
	    !pool_is_paused(server->slot->pool);
}

/* Free at last: to the idle ones, or to the end if it is not wanted. */
static void
become_idle(struct server *server)
{
	struct pool_slot *slot = server->slot;

	/* Whatever happens now, its login has not failed. */
	server->is_settled_once = true;
	if (server->pin != NULL || server_has_changed(server)) {
		server_close(server, CLOSE_SERVER_SESSION_OVER, NULL);
		return;
	}
	params_fini(&server->before);
	if (!is_wanted(server)) {
		server_close(server, CLOSE_SERVER_OBSOLETE, NULL);
		return;
	}
	if (server_needs_reset(server)) {
		server_reset(server);
		return;
	}
	if (slot_is_over(slot)) {
		server_close(server, CLOSE_SERVER_SURPLUS, NULL);
		return;
	}
	if (server->request_us != 0 &&
	    server_has_lived(server, loop_now_us(slot->pool->set->loop))) {
		server_close(server, CLOSE_SERVER_LIFETIME, NULL);
		return;
	}
	server_set_state(server, SERVER_IDLE);
	server->idle_since_us = loop_now_us(slot->pool->set->loop);
	server_update_interest(server, true);
	slot_changed(slot);
}

void
server_release(struct server *server)
{
	assert(server_is_releasable(server));
	assert(server->answers.notes.count == 0);
	server_leave_holder(server);
	if (server->cancels.count > 0) {
		/* A late cancel must not hit the next client's query. */
		server_set_state(server, SERVER_DRAINING);
		server->request_us = loop_now_us(server->slot->pool->set->loop);
		server_update_interest(server, true);
		return;
	}
	become_idle(server);
}

void
server_login_done(struct server *server)
{
	scram_client_free(&server->scram);
	if (stream_has_tls(server->stream)) {
		char tls[TLS_TEXT_BYTES];

		log_info(&server->log, "TLS established: tls=%s",
		    stream_tls_text(server->stream, tls, sizeof(tls)));
	}
	if (server->expects != NULL) {
		slot_connected(server->slot);
		server->is_settled_once = true;
		if (is_wanted(server)) {
			private_arrived(server);
		} else {
			(void)private_is_lost(server);
			server_close(server, CLOSE_SERVER_OBSOLETE, NULL);
		}
	} else if (!server_begin_connect_query(server)) {
		server_come_in(server);
	}
}

void
server_come_in(struct server *server)
{
	server->is_checked = true; /* it has just answered */
	become_idle(server);
	slot_connected(server->slot);
}

void
server_come_back(struct server *server, bool was_idle)
{
	int64_t idle_since_us = server->idle_since_us;

	become_idle(server);
	if (was_idle && server->state == SERVER_IDLE) {
		struct list *idle = &server->slot->by_state[SERVER_IDLE];

		server->idle_since_us = idle_since_us;
		server->is_checked = true;
		list_remove(idle, &server->link); /* it is taken next */
		list_append(idle, &server->link);
	}
}

void
server_end_session(struct server *server)
{
	assert(server_is_resettable(server));
	server_leave_holder(server);
	server_reset(server);
}

/* Whether a draining server has come to rest; acts on it. */
void
server_drain_on(struct server *server)
{
	struct buf out = {0};
	bool sent = true;

	if (!answers_is_settled(&server->answers) || server->status == 0 ||
	    server->cancels.count > 0 || server->partial.length > 0 ||
	    server->skip_bytes > 0) {
		return;
	}
	if (answers_needs_probe(&server->answers)) {
		answers_sent_probe(&server->answers);
		sent = msg_query(&out, "");
	} else if (server->status != 'I') {
		answers_sent_own(&server->answers, MSG_QUERY);
		sent = msg_query(&out, "ROLLBACK");
	} else {
		become_idle(server);
		return;
	}
	assert(sent);
	server->status = 0;
	(void)server_write(server, buf_bytes(&out), out.length);
	buf_fini(&out);
}

void
server_end_batch(struct server *server)
{
	const struct answers *answers = &server->answers;
	struct buf out = {0};

	if (!answers->batch_open || answers->copying || answers->copy_in) {
		return;
	}
	msg_sync(&out);
	answers_sent_own(&server->answers, MSG_SYNC);
	server->status = 0;
	server_write_first(server, buf_bytes(&out), out.length);
	buf_fini(&out);
}

void
server_abandon(struct server *server)
{
	assert(server->state == SERVER_ACTIVE && server->applying == NULL);
	server_leave_holder(server);
	if (server->pin != NULL || server->answers.batch_open ||
	    server->answers.copying || stream_pending(server->stream) > 0) {
		server_close(server, CLOSE_SERVER_UNCLEAN, NULL);
		return;
	}
	answers_swallow_all(&server->answers);
	server_set_state(server, SERVER_DRAINING);
	server->request_us = loop_now_us(server->slot->pool->set->loop);
	server_update_interest(server, true);
	if (server->prelude.length == 0 || server_write(server, NULL, 0)) {
		server_drain_on(server);
	}
}

void
server_pin(struct server *server, const char *reason)
{
	if (server->pin == NULL) {
		server->pin = reason;
		log_debug(&server->log, "pinned: %s", reason);
	}
}

void
server_unpin(struct server *server)
{
	server->pin = NULL;
}

/* ---- bytes --------------------------------------------------------------- */

/* Whether RESULT leaves SERVER open. */
static bool
was_sent(struct server *server, enum io_result result)
{
	struct error err;

	if (result != IO_FAILED) {
		return true;
	}
	error_set(&err, SQLSTATE_CONNECTION_FAILURE,
	    "server connection lost: %s", stream_error(server->stream));
	server_close(server, CLOSE_SERVER_LOST, &err);
	return false;
}

bool
server_write(struct server *server, const void *bytes, size_t size)
{
	struct iovec piece = {(void *)(uintptr_t)bytes, size};

	if (server->prelude.length > 0) {
		return server_writev(server, &piece, 1);
	}
	return was_sent(server, stream_write(server->stream, bytes, size));
}

bool
server_writev(struct server *server, const struct iovec *pieces, int count)
{
	struct iovec all[SERVER_PIECES + 1];
	enum io_result result;

	if (server->prelude.length == 0) {
		return was_sent(
		    server, stream_writev(server->stream, pieces, count));
	}
	assert(count <= SERVER_PIECES);
	all[0] = (struct iovec){
	    kept_bytes(&server->prelude), server->prelude.length};
	memcpy(all + 1, pieces, (size_t)count * sizeof(*all));
	result = stream_writev(server->stream, all, count + 1);
	kept_fini(loop_blocks(server->slot->pool->set->loop), &server->prelude);
	return was_sent(server, result);
}

void
server_write_first(struct server *server, const void *bytes, size_t size)
{
	kept_append(loop_blocks(server->slot->pool->set->loop),
	    &server->prelude, bytes, size);
}

/* The connection is at its end, for ERR. */
static void
lose(struct server *server, const struct error *err)
{
	if (server->state != SERVER_LOGIN ||
	    (!server->awaits_tls && !stream_has_tls(server->stream))) {
		server_close(server, CLOSE_SERVER_LOST, err);
	} else if (!server_tls_try_other_way(server, NULL)) {
		server_login_fail(server, err);
	}
}

bool
server_read(
    struct server *server, const void *owner, uint8_t **bytes, size_t *size)
{
	struct loop *loop = server->slot->pool->set->loop;
	uint8_t *scratch = loop_scratch_take(loop, owner);
	size_t kept = server->partial.length, got = 0;
	enum io_result result;
	struct error err;

	assert(kept < SCRATCH_BYTES);
	if (kept > 0) {
		memcpy(scratch, kept_bytes(&server->partial), kept);
	}
	result = stream_read(
	    server->stream, scratch + kept, SCRATCH_BYTES - kept, &got);
	if (result == IO_DONE) {
		kept_fini(loop_blocks(loop), &server->partial);
		server->unread = got == SCRATCH_BYTES - kept;
		*bytes = scratch;
		*size = kept + got;
		return true;
	}
	loop_scratch_give(loop, owner);
	server->unread = false;
	if (result == IO_EOF) {
		error_set(&err, SQLSTATE_CONNECTION_FAILURE,
		    "server closed the connection unexpectedly");
	} else if (result == IO_FAILED) {
		error_set(&err, SQLSTATE_CONNECTION_FAILURE,
		    "server connection lost: %s", stream_error(server->stream));
	}
	if (result != IO_AGAIN) {
		lose(server, &err);
	}
	return false;
}

void
server_read_done(
    struct server *server, const void *owner, const uint8_t *bytes, size_t size)
{
	struct loop *loop = server->slot->pool->set->loop;

	if (server->state != SERVER_CLOSED &&
	    server->state != SERVER_CONNECTING) {
		kept_append(loop_blocks(loop), &server->partial, bytes, size);
	}
	loop_scratch_give(loop, owner);
}

void
server_update_interest(struct server *server, bool holder_reads)
{
	if (server->stream != NULL) {
		stream_update_interest(server->stream,
		    !server->slot->pool->set->suspended &&
		        (server->state != SERVER_ACTIVE ||
		            server->applying != NULL || holder_reads));
	}
}
