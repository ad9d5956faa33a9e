/*
 * link.c - a client and its server: how they come together, and part.
 *
 * A link begins with a batch that needs a server and ends when everything is
 * answered outside a transaction. Until then nobody else can have the server;
 * a server that cannot be vouched for is closed, not shared.
 */
#include <assert.h>

#include "client/client_int.h"
#include "client/meter.h"
#include "client/prepare.h"
#include "client/request.h"
#include "conf/settings.h"
#include "core/buf.h"
#include "core/error.h"
#include "net/stream.h"
#include "proto/msg.h"
#include "server/cancel.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"

/* A read is tried on so many replicas before it goes to the primary. */
#define ATTEMPTS_MAX 3

static void on_server_drained(void *holder);
static void on_applied(void *holder, const struct error *err, bool is_refusal);
static void on_lost(void *holder, const struct error *err);
static void on_note(void *holder, void *part, enum note_event event);

static const struct server_holder holder_ops = {
    .on_readable = answer_on_readable,
    .on_drained = on_server_drained,
    .on_applied = on_applied,
    .on_lost = on_lost,
    .on_note = on_note};

static void
run_later(struct client *client)
{
	loop_ready(client->set->loop, &client->ready);
}

static void
on_server_drained(void *holder)
{
	struct client *client = holder;

	if (client->held.length > 0 || client->replay.unsent > 0) {
		run_later(client);
	}
	client_update_interest(client);
}

void
link_pin(struct client *client, const char *reason)
{
	if (client->pin == NULL && client->server != NULL) {
		link_pin_on_trial(client, reason);
	}
	pin_is_final(client);
}

void
link_pin_on_trial(struct client *client, const char *reason)
{
	assert(client->pin == NULL && client->server != NULL);
	assert(!client->on_replica); /* only certain reads go there */
	client->pin = reason;
	server_pin(client->server, reason);
}

/* ---- coming together ----------------------------------------------------- */

/* What pins whatever is asked. A replica was chosen before a reload changed the
 * mode, or for a read: for this once. */
static void
pin_at_once(struct client *client)
{
	if (client->on_replica) {
		return;
	}
	if (client->pool->options.mode == POOL_MODE_SESSION) {
		link_pin(client, "session pooling");
	} else if (client->has_temporary_path) {
		link_pin(client, "temporary object");
	} else if (client->has_idle_limit) {
		link_pin(client, "limit of idle time");
	}
}

/* SERVER is the client's. True when it is ready to be sent to. */
static bool
begin_link(struct client *client, struct server *server)
{
	struct pool *pool = client->pool;

	client->server = server;
	client->on_replica =
	    cluster_is_replica(pool->cluster, server->slot->node);
	client->wrote = false;
	client->flushed = 0;
	client->request_us = loop_now_us(client->set->loop);
	meter_linked(client);
	server_hold(server, &holder_ops, client);
	if (server_apply(server, session_profile(client), true) ==
	    APPLY_WAITS) {
		return false;
	}
	session_on_linked(client);
	pin_at_once(client);
	return true;
}

bool
link_take(struct client *client)
{
	struct server *server;

	client->has_batch = true;
	server = pool_take(
	    client->pool, client->waiter.class, session_profile(client));
	if (server == NULL) {
		client_set_state(client, CLIENT_WAITING);
		client->request_us = loop_now_us(client->set->loop);
		pool_wait(client->pool, &client->waiter, client->waiter.class,
		    session_profile(client));
		return false;
	}
	client_set_state(client, CLIENT_ACTIVE);
	return begin_link(client, server);
}

void
link_on_granted(struct waiter *waiter, struct server *server)
{
	struct client *client = list_entry(waiter, struct client, waiter);

	meter_waited(client, waiter->since_us);
	if (client_is_private(client)) {
		client->server = server;
		meter_linked(client);
		server_hold(server, &holder_ops, client);
		login_on_private(client);
		return;
	}
	if (client->state == CLIENT_WELCOME) {
		client->server = server;
		server_hold(server, &holder_ops, client);
		if (server_apply(server, client->profile, false) ==
		    APPLY_DONE) {
			on_applied(client, NULL, false);
		}
		return;
	}
	assert(client->state == CLIENT_WAITING);
	client_set_state(client, CLIENT_ACTIVE);
	if (begin_link(client, server)) {
		run_later(client);
	}
	client_update_interest(client);
}

void
link_on_refused(
    struct waiter *waiter, enum close_reason reason, const struct error *err)
{
	struct client *client = list_entry(waiter, struct client, waiter);

	meter_waited(client, waiter->since_us);
	client_close(client, reason, err);
}

/* Nothing has run yet: that a cancel was asked for is the answer. */
static void
refuse_cancelled(struct client *client)
{
	struct error err;

	client->is_cancelled = false;
	error_set(&err, SQLSTATE_QUERY_CANCELED,
	    "canceling statement due to user request");
	if (refuse_held(client, &err)) {
		run_later(client);
		client_update_interest(client);
	}
}

/* The server went before it got anything of the batch: nothing has happened,
 * another will do. */
static void
route_again(struct client *client)
{
	client->has_batch = false;
	client->on_replica = false;
	client_set_state(client, CLIENT_IDLE);
	if (client->is_cancelled) {
		refuse_cancelled(client);
	} else {
		run_later(client);
	}
}

/*
 * The settings of the client are no longer possible: its role may have been
 * dropped. That is the answer to its request, and the session lives, so that it
 * can change them.
 */
static void
refuse_request(struct client *client, const struct error *err)
{
	log_info(&client->log, "settings refused by the server: %s", err->text);
	client->session.was_refused = true;
	client->is_cancelled = false;
	route_again(client);
	if (refuse_held(client, err)) {
		client_update_interest(client);
	}
}

/* A server is gone, over the settings: because they were refused, or for
 * reasons of its own. */
static void
apply_failed(struct client *client, const struct error *err, bool is_refusal)
{
	bool is_last = is_refusal || ++client->apply_attempts == ATTEMPTS_MAX;

	client->server = NULL;
	if (is_last) {
		client->apply_attempts = 0;
	}
	if (client->state == CLIENT_WELCOME) {
		if (is_last) {
			login_on_welcome(client, err);
		} else {
			pool_wait(client->pool, &client->waiter, POOL_ANY,
			    client->profile);
		}
	} else if (client->on_replica) {
		/* What a replica will not do, the primary might. */
		client->route.primary_once = true;
		route_again(client);
	} else if (is_last) {
		refuse_request(client, err);
	} else {
		route_again(client);
	}
}

static void
on_applied(void *holder, const struct error *err, bool is_refusal)
{
	struct client *client = holder;

	if (err != NULL) {
		apply_failed(client, err, is_refusal);
		return;
	}
	client->apply_attempts = 0;
	if (client->state == CLIENT_WELCOME) {
		struct server *server = client->server;

		pool_set_welcome(client->pool, server);
		client->server = NULL;
		if (server_is_releasable(server) && !client->has_idle_limit) {
			server_release(server);
		} else {
			server_drop(server, CLOSE_SERVER_UNCLEAN);
		}
		login_on_welcome(client, NULL);
		return;
	}
	session_on_linked(client);
	pin_at_once(client);
	if (client->is_cancelled) {
		refuse_cancelled(client);
		return;
	}
	run_later(client);
	client_update_interest(client);
}

void
link_ask_private(struct client *client)
{
	client->private_login.settings = profile_settings(client->profile);
	client_set_state(client, CLIENT_WELCOME);
	pool_wait_private(
	    client->pool, &client->waiter, &client->private_login);
}

void
link_ask_welcome(struct client *client)
{
	struct server *server =
	    pool_take(client->pool, POOL_ANY, client->profile);

	client_set_state(client, CLIENT_WELCOME);
	if (server != NULL) {
		client->waiter.since_us = loop_now_us(client->set->loop);
		link_on_granted(&client->waiter, server);
	} else {
		pool_wait(
		    client->pool, &client->waiter, POOL_ANY, client->profile);
	}
}

/* ---- parting ------------------------------------------------------------- */

/* An unnamed statement that has not been used, and is not kept either. */
static bool
leaves_unnamed(const struct client *client)
{
	return client->unnamed_open && client->unnamed.size == 0;
}

static void
end_link(struct client *client)
{
	struct server *server = client->server;

	session_on_leave(client);
	client->server = NULL;
	client->on_replica = false;
	client->unnamed_open = false;
	client->untracks = false;
	client->replay.attempts = 0;
	kept_fini(client_blocks(client), &client->begin);
	client->begin_status = 0;
	if (client->wrote) {
		router_wrote(client->set->router, client->pool, &client->route);
	}
	client_set_state(client, CLIENT_IDLE);
	meter_parted(client);
	server_release(server);
	if (client->held.length > 0) {
		run_later(client);
	}
}

/* A copy failed in a way that leaves open what still comes: ask. */
static void
send_probe(struct server *server)
{
	struct buf out = {0};
	bool fits = msg_query(&out, "");

	assert(fits);
	answers_sent_probe(&server->answers);
	server->status = 0;
	(void)server_write(server, buf_bytes(&out), out.length);
	buf_fini(&out);
}

void
link_end_if_done(struct client *client)
{
	struct server *server = client->server;

	if (client->state != CLIENT_ACTIVE || client_is_private(client) ||
	    client->has_batch || client->pass_left > 0 ||
	    client->answer_left > 0 || client->replay.count > 0) {
		return;
	}
	if (server->applying == NULL && server->status == 'I' &&
	    answers_is_settled(&server->answers) &&
	    answers_needs_probe(&server->answers)) {
		send_probe(server);
		return;
	}
	if (!server_is_releasable(server)) {
		return;
	}
	if (!client->on_replica && session_is_foreign(client)) {
		link_pin(client, "setting changed by a function");
		return;
	}
	if (leaves_unnamed(client)) {
		link_pin(client, "unnamed statement");
		return;
	}
	end_link(client);
}

void
link_cut(struct client *client)
{
	struct server *server = client->server;

	if (server == NULL) {
		return;
	}
	client->server = NULL;
	if (client_is_private(client)) {
		server_drop(server, CLOSE_SERVER_SESSION_OVER);
		return;
	}
	if (server_is_resettable(server) && client->pass_left == 0 &&
	    client->answer_left == 0) {
		server_end_session(server);
		return;
	}
	if (server_is_releasable(server) && !server_has_changed(server) &&
	    client->pass_left == 0 && client->answer_left == 0 &&
	    !leaves_unnamed(client)) {
		server_release(server);
		return;
	}
	if (server->pin != NULL && server->status == 'I' &&
	    answers_is_settled(&server->answers)) {
		server_drop(server, CLOSE_SERVER_SESSION_OVER);
		return;
	}
	if (client->is_leaving && server->applying == NULL) {
		/* What was asked for is done; its answer, from where the
		 * client has it, concerns nobody. */
		server->skip_bytes = client->answer_left;
		server_abandon(server);
		return;
	}
	if (server->answers.count > 0) {
		(void)cancel_send(server);
	}
	server_drop(server, CLOSE_SERVER_CLIENT_LEFT);
}

/* ---- again --------------------------------------------------------------- */

void
link_restore(struct client *client)
{
	struct blocks *blocks = client_blocks(client);
	struct kept rest = client->held;

	if (!client->replay_pending) {
		return;
	}
	client->replay_pending = false;
	client->held = client->replay.bytes;
	client->replay.bytes = (struct kept){0};
	kept_append(blocks, &client->held, kept_bytes(&rest), rest.length);
	kept_fini(blocks, &rest);
	client->held_scanned = 0;
	replay_fini(client);
}

/* Away from a server whose further answers concern nobody. IS_OPEN: the end of
 * the batch was not sent yet. */
static void
leave_server(struct client *client, bool is_open)
{
	struct server *server = client->server;

	client->server = NULL;
	client->on_replica = false;
	client->has_batch = false;
	client->unnamed_open = false;
	client->batch_status = 0;
	client->answer_left = 0; /* what had come of it was held */
	client->swallows_rest = false;
	client_set_state(client, CLIENT_IDLE);
	if (server != NULL) {
		if (is_open) {
			server_end_batch(server);
		}
		server_abandon(server);
	}
	run_later(client);
}

void
link_replay(struct client *client, bool to_primary)
{
	bool is_open = client->replay.unsent > 0;

	log_debug(&client->log, "read repeated %s",
	    to_primary ? "on the primary" : "elsewhere");
	router_counters(client->set->router)->replays++;
	client->replay.attempts++;
	client->replay.is_holding = false;
	client->replay.unsent = 0;
	replay_end_parts(client, NOTE_SKIPPED);
	kept_fini(client_blocks(client), &client->replay.answer);
	client->route.primary_once =
	    to_primary || client->replay.attempts >= ATTEMPTS_MAX;
	client->replay_pending = true;
	leave_server(client, is_open);
}

void
link_move(struct client *client)
{
	assert(client->on_replica && client->replay.count == 0);
	log_debug(&client->log, "transaction moves to the primary");
	client->begin_status =
	    client->begin.length > 0 ? client->server->status : 0;
	client->route.primary_once = true;
	leave_server(client, false);
}

static void
on_lost(void *holder, const struct error *err)
{
	struct client *client = holder;

	client->server = NULL;
	if (client->state == CLIENT_WELCOME) {
		login_on_welcome(client, err);
		return;
	}
	assert(client->state == CLIENT_ACTIVE);
	if (client->has_batch) {
		route_again(client);
		return;
	}
	if (client->replay.count > 0 && client->replay.is_holding &&
	    !client->replay.heals && client->pass_left == 0) {
		link_replay(client, false);
		return;
	}
	client_close(client, CLOSE_CLIENT_SERVER_LOST, err);
}

static void
on_note(void *holder, void *part, enum note_event event)
{
	client_note(holder, part, event);
}

/* ---- cancel -------------------------------------------------------------- */

/* In a queue, or on a server that still gets its settings. */
static enum link_cancel
cancel_unserved(struct client *client)
{
	if (client->state == CLIENT_WAITING) {
		meter_waited(client, client->waiter.since_us);
		pool_forget(&client->waiter);
		client_set_state(client, CLIENT_IDLE);
		refuse_cancelled(client);
		return LINK_CANCEL_ANSWERED;
	}
	if (!client->has_batch || client->batch.bytes == 0) {
		return LINK_CANCEL_NEEDLESS;
	}
	client->is_cancelled = true;
	return LINK_CANCEL_ANSWERED;
}

enum link_cancel
link_cancel(struct client *client, struct cancel_asker *asker)
{
	struct server *server = client->server;

	if (client->state == CLIENT_CONSOLE && client->awaits_answer) {
		const struct console_ops *console = &client->set->console;

		console->on_cancel(console->context, client);
		return LINK_CANCEL_ANSWERED;
	}
	if (client->state == CLIENT_WAITING ||
	    (client->state == CLIENT_ACTIVE && server->applying != NULL)) {
		return cancel_unserved(client);
	}
	if (client->state != CLIENT_ACTIVE ||
	    (server->answers.count == 0 && !client_is_private(client))) {
		return LINK_CANCEL_NEEDLESS;
	}
	return cancel_ask(server, asker) ? LINK_CANCEL_SENT
	                                 : LINK_CANCEL_CROWDED;
}
