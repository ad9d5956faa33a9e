/*
 * timeouts.c - what a client is given time for.
 *
 * What is counted is derived from the client's state, never switched on and off
 * in the midst of things: whatever happens in a callback, at its end the client
 * is in one phase. A phase of the same kind begins anew when its mark differs:
 * the next statement of a pipeline, another byte from a client that is idle.
 *
 *   STARTUP, PASSWORD                      span LOGIN
 *   WELCOME     in a queue                 span LOGIN, phase WAIT
 *   IDLE        no transaction             phase IDLE
 *               BEGIN answered by us       span TRANSACTION, IDLE_TRANSACTION
 *   WAITING                                phase WAIT
 *   ACTIVE      the server owes answers    span TRANSACTION, QUERY
 *               it does not, transaction   span TRANSACTION, IDLE_TRANSACTION
 *               it does not, none          phase IDLE (session pooling)
 *               a message stands still     span TRANSACTION, IDLE_TRANSACTION
 *                 in its midst
 *   CONSOLE                                nothing
 *   CANCEL                                 phase CANCEL
 */
#include "client/timeouts.h"

#include <assert.h>

#include "client/client_int.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "net/stream.h"
#include "proto/msg.h"
#include "server/cancel.h"
#include "server/pool_int.h"
#include "server/server_int.h"

/* A cancel that does not help in this time will not: the connection may be
 * dead. */
#define CANCEL_GRACE_US ((int64_t)2 * 1000000)

static void on_phase_end(struct deadline *deadline);
static void on_span_end(struct deadline *deadline);

/* ---- what there is to count ---------------------------------------------- */

/*
 * The server waits for the rest of a message, which the client could send: it
 * holds a server and does nothing. Not in a copy, where the server may well be
 * at work on what it has.
 */
static bool
is_stalled(const struct client *client)
{
	const struct answers *answers = &client->server->answers;

	return client->pass_left > 0 && answers->count <= 1 &&
	    !answers->copying && !answers->copy_in &&
	    stream_pending(client->server->stream) == 0;
}

/* Of a client with a server to which its request was sent. */
static enum phase
active_phase(const struct client *client)
{
	const struct server *server = client->server;

	if (is_stalled(client)) {
		return PHASE_IDLE_TRANSACTION;
	}
	if (server->answers.count > 0) {
		return PHASE_QUERY;
	}
	return server->status == 'I' && answers_is_settled(&server->answers)
	    ? PHASE_IDLE
	    : PHASE_IDLE_TRANSACTION;
}

/* It has a server, which has got something of its request. */
static bool
is_served(const struct client *client)
{
	return client->state == CLIENT_ACTIVE && client->server != NULL &&
	    !client_is_private(client) && client->server->applying == NULL &&
	    !client->has_batch;
}

static enum phase
phase_of(const struct client *client)
{
	switch (client->state) {
	case CLIENT_IDLE:
		return client->begin.length > 0 ? PHASE_IDLE_TRANSACTION
		                                : PHASE_IDLE;
	case CLIENT_WELCOME:
		return client->waiter.pool != NULL ? PHASE_WAIT : PHASE_NONE;
	case CLIENT_WAITING:
		return PHASE_WAIT;
	case CLIENT_ACTIVE:
		return is_served(client) ? active_phase(client) : PHASE_NONE;
	case CLIENT_CANCEL:
		return PHASE_CANCEL;
	case CLIENT_STARTUP:
	case CLIENT_SECRET:
	case CLIENT_PASSWORD:
	case CLIENT_CONSOLE:
	case CLIENT_CLOSED:
		return PHASE_NONE;
	}
	assert(!"unreachable");
	return PHASE_NONE;
}

static uint32_t
phase_mark_of(const struct client *client, enum phase phase)
{
	switch (phase) {
	case PHASE_IDLE:
	case PHASE_IDLE_TRANSACTION:
		return client->timeouts.reads;
	case PHASE_QUERY:
		return client->timeouts.answers;
	case PHASE_WAIT:
		return (uint32_t)client->waiter.arrival;
	case PHASE_NONE:
	case PHASE_CANCEL:
		return 0;
	}
	assert(!"unreachable");
	return 0;
}

static enum span
span_of(const struct client *client, enum phase phase)
{
	if (client->state == CLIENT_STARTUP || client->state == CLIENT_SECRET ||
	    client->state == CLIENT_PASSWORD ||
	    client->state == CLIENT_WELCOME) {
		return SPAN_LOGIN;
	}
	return client->begin.length > 0 || phase == PHASE_QUERY ||
	        phase == PHASE_IDLE_TRANSACTION
	    ? SPAN_TRANSACTION
	    : SPAN_NONE;
}

/* ---- counting ------------------------------------------------------------ */

static void
count_phase(struct client *client)
{
	struct timeouts *timeouts = &client->timeouts;
	int64_t limit_us = timeouts->phase_us[timeouts->phase];

	if (timeouts->phase == PHASE_WAIT && !timeouts->has_notified &&
	    timeouts->wait_notify_us > 0 &&
	    (limit_us == 0 || timeouts->wait_notify_us < limit_us)) {
		limit_us = timeouts->wait_notify_us;
	}
	if (limit_us > 0) {
		deadline_set(client->set->deadlines, &timeouts->phase_end,
		    timeouts->phase_since_us, limit_us, on_phase_end);
	} else {
		deadline_clear(&timeouts->phase_end);
	}
}

static void
count_span(struct client *client)
{
	struct timeouts *timeouts = &client->timeouts;
	int64_t limit_us = timeouts->span_us[timeouts->span];

	if (limit_us > 0) {
		deadline_set(client->set->deadlines, &timeouts->span_end,
		    timeouts->span_since_us, limit_us, on_span_end);
	} else {
		deadline_clear(&timeouts->span_end);
	}
}

void
timeouts_update(struct client *client)
{
	struct timeouts *timeouts = &client->timeouts;
	enum phase phase = phase_of(client);
	enum span span = span_of(client, phase);
	uint32_t mark = phase_mark_of(client, phase);

	if (phase != timeouts->phase || mark != timeouts->phase_mark) {
		timeouts->phase = phase;
		timeouts->phase_mark = mark;
		timeouts->phase_since_us = loop_now_us(client->set->loop);
		timeouts->has_notified = false;
		timeouts->has_expired =
		    timeouts->has_expired && phase == PHASE_QUERY;
		count_phase(client);
	}
	if (span != timeouts->span ||
	    timeouts->transactions != timeouts->span_mark) {
		timeouts->span = span;
		timeouts->span_mark = timeouts->transactions;
		timeouts->span_since_us = loop_now_us(client->set->loop);
		count_span(client);
	}
}

void
timeouts_configure(struct client *client)
{
	const struct config *config = client->set->config;
	const struct settings *settings = config_settings(config);
	struct timeouts *timeouts = &client->timeouts;

	timeouts->span_us[SPAN_LOGIN] = settings->client_login_timeout_us;
	timeouts->wait_notify_us = settings->query_wait_notify_us;
	timeouts->phase_us[PHASE_CANCEL] = settings->cancel_wait_timeout_us;
	if (client->user != NULL) {
		timeouts->phase_us[PHASE_IDLE] =
		    config_client_idle_timeout_us(config, client->user);
		timeouts->phase_us[PHASE_IDLE_TRANSACTION] =
		    config_idle_transaction_timeout_us(config, client->user);
		timeouts->phase_us[PHASE_QUERY] =
		    config_query_timeout_us(config, client->user);
		timeouts->span_us[SPAN_TRANSACTION] =
		    config_transaction_timeout_us(config, client->user);
	}
	if (client->pool != NULL && client->pool->conf != NULL) {
		timeouts->phase_us[PHASE_WAIT] = config_query_wait_timeout_us(
		    config, client->pool->conf, client->user);
	}
	if (!timeouts->has_expired) {
		count_phase(client);
	}
	count_span(client);
}

void
timeouts_end(struct client *client)
{
	deadline_clear(&client->timeouts.phase_end);
	deadline_clear(&client->timeouts.span_end);
}

/* ---- the end ------------------------------------------------------------- */

/* Says that the client waits, and goes on waiting. */
static void
notify(struct client *client)
{
	static const struct msg_report report = {
	    .severity = "NOTICE",
	    .sqlstate = "00000",
	    .message = "No server connection available in postgres backend, "
	               "client being queued",
	};
	struct buf out = {0};

	client->timeouts.has_notified = true;
	msg_notice_response(&out, &report);
	if (client_write(client, buf_bytes(&out), out.length)) {
		count_phase(client);
		client_update_interest(client);
	}
	buf_fini(&out);
}

static void
refuse_waiting(struct client *client)
{
	struct error err;

	error_set(&err, SQLSTATE_CANNOT_CONNECT, "query_wait_timeout");
	error_hint(&err, "All %s server connections are busy; see SHOW POOLS.",
	    client->pool->database);
	client_close(client, CLOSE_CLIENT_WAIT_TIMEOUT, &err);
}

/* The server is asked to stop; if it does not, or that is not wanted, both
 * connections end. */
static void
expire_query(struct client *client)
{
	const struct settings *settings = config_settings(client->set->config);
	struct timeouts *timeouts = &client->timeouts;

	if (timeouts->has_expired ||
	    settings->query_timeout_action == QUERY_TIMEOUT_CLOSE ||
	    !cancel_send(client->server)) {
		client_close(client, CLOSE_CLIENT_QUERY_TIMEOUT, NULL);
		return;
	}
	log_info(&client->log, "query timeout: cancelling the statement");
	timeouts->has_expired = true;
	deadline_set(client->set->deadlines, &timeouts->phase_end,
	    loop_now_us(client->set->loop), CANCEL_GRACE_US, on_phase_end);
}

/* A client that is not read for the while is not to blame. */
static bool
is_excused(const struct client *client)
{
	return client->set->is_suspended &&
	    (client->timeouts.phase == PHASE_IDLE ||
	        client->timeouts.phase == PHASE_IDLE_TRANSACTION);
}

static void
on_phase_end(struct deadline *deadline)
{
	struct client *client =
	    list_entry(deadline, struct client, timeouts.phase_end);
	struct timeouts *timeouts = &client->timeouts;

	if (is_excused(client)) {
		timeouts->phase_since_us = loop_now_us(client->set->loop);
		count_phase(client);
		return;
	}
	switch (timeouts->phase) {
	case PHASE_IDLE:
		client_close(client, CLOSE_CLIENT_IDLE_TIMEOUT, NULL);
		return;
	case PHASE_IDLE_TRANSACTION:
		client_close(client, CLOSE_CLIENT_IDLE_TRANSACTION, NULL);
		return;
	case PHASE_QUERY:
		expire_query(client);
		return;
	case PHASE_WAIT:
		if (!timeouts->has_notified && timeouts->wait_notify_us > 0 &&
		    (timeouts->phase_us[PHASE_WAIT] == 0 ||
		        timeouts->wait_notify_us <
		            timeouts->phase_us[PHASE_WAIT])) {
			notify(client);
		} else {
			refuse_waiting(client);
		}
		return;
	case PHASE_CANCEL:
		client->set->cancel_counts.timed_out++;
		client_close(client, CLOSE_CLIENT_CANCEL_TIMEOUT, NULL);
		return;
	case PHASE_NONE:
		return;
	}
	assert(!"unreachable");
}

static void
on_span_end(struct deadline *deadline)
{
	struct client *client =
	    list_entry(deadline, struct client, timeouts.span_end);

	client_close(client,
	    client->timeouts.span == SPAN_LOGIN
	        ? CLOSE_CLIENT_LOGIN_TIMEOUT
	        : CLOSE_CLIENT_TRANSACTION_TIMEOUT,
	    NULL);
}
