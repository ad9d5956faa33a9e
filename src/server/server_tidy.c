/*
 * server_tidy.c - what a server goes through while nobody has it: the query
 * each new one runs, the reset behind a session, the check of one long idle.
 *
 * All of them are Queries of our own whose answers go to nobody. A server that
 * refuses one is closed: nobody knows what state it is in.
 */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "conf/config.h"
#include "conf/database.h"
#include "core/buf.h"
#include "core/error.h"
#include "net/stream.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"

/* As server_check_query: an empty query. */
#define EMPTY_QUERY "<empty>"

/* What leaves nothing behind that a profile tells of. */
#define RESET_SETTINGS "RESET SESSION AUTHORIZATION; RESET ALL"

static const struct settings *
settings_of(const struct server *server)
{
	return config_settings(server->slot->pool->set->config);
}

/* Sends FIRST, and THEN if it is not NULL. */
static void
begin(struct server *server, enum server_test test, const char *first,
    const char *then)
{
	struct buf out = {0};
	bool fits = msg_query(&out, first);

	answers_sent_own(&server->answers, MSG_QUERY);
	if (then != NULL) {
		fits = fits && msg_query(&out, then);
		answers_sent_own(&server->answers, MSG_QUERY);
	}
	server->test = test;
	server->test_us = loop_now_us(server->slot->pool->set->loop);
	server->status = 0;
	server_set_state(server, SERVER_TESTED);
	server_update_interest(server, true);
	if (!fits) {
		/* A setting of a gigabyte; no server could read that. */
		server_close(server, CLOSE_SERVER_TEST_FAILED, NULL);
	} else {
		(void)server_write(server, buf_bytes(&out), out.length);
	}
	buf_fini(&out);
}

/* ---- the reset ----------------------------------------------------------- */

/* Whether TEXT is DISCARD ALL and nothing else. */
static bool
discards_all(const char *text)
{
	static const char discard[] = "discard", all[] = "all";
	static const char blank[] = " \t\r\n";

	text += strspn(text, blank);
	if (strncasecmp(text, discard, sizeof(discard) - 1) != 0) {
		return false;
	}
	text += sizeof(discard) - 1;
	if (strspn(text, blank) == 0) {
		return false;
	}
	text += strspn(text, blank);
	if (strncasecmp(text, all, sizeof(all) - 1) != 0) {
		return false;
	}
	text += sizeof(all) - 1;
	return text[strspn(text, " \t\r\n;")] == '\0';
}

bool
server_is_resettable(const struct server *server)
{
	return server->slot->pool->options.mode == POOL_MODE_SESSION &&
	    server->state == SERVER_ACTIVE && server->applying == NULL &&
	    server->status == 'I' && !server->unread &&
	    server->skip_bytes == 0 && server->partial.length == 0 &&
	    server->cancels.count == 0 && server->prelude.length == 0 &&
	    stream_pending(server->stream) == 0 &&
	    answers_is_settled(&server->answers) &&
	    !answers_needs_probe(&server->answers);
}

bool
server_needs_reset(const struct server *server)
{
	return server->is_used &&
	    settings_of(server)->server_reset_query_always &&
	    settings_of(server)->server_reset_query[0] != '\0';
}

void
server_reset(struct server *server)
{
	const char *query = settings_of(server)->server_reset_query;

	server->pin = NULL;
	server->is_used = false;
	server->discards = discards_all(query);
	if (query[0] == '\0') {
		begin(server, SERVER_TEST_RESET, RESET_SETTINGS, NULL);
	} else if (server->discards) {
		begin(server, SERVER_TEST_RESET, query, NULL);
	} else {
		begin(server, SERVER_TEST_RESET, query, RESET_SETTINGS);
	}
}

static void
on_reset(struct server *server)
{
	params_fini(&server->before);
	profile_release(&server->profile);
	server->unnamed_number = UNNAMED_UNSURE;
	if (server->discards) {
		prepared_forget(&server->prepared);
	} else {
		prepared_doubt(&server->prepared);
	}
}

/* ---- the check ----------------------------------------------------------- */

static bool
is_checked_at_all(const struct settings *settings)
{
	return settings->server_check_query[0] != '\0';
}

bool
server_must_be_checked(const struct server *server)
{
	const struct settings *settings = settings_of(server);

	return settings->server_check_delay_us == 0 && !server->is_checked &&
	    is_checked_at_all(settings);
}

bool
server_check_is_due(const struct server *server, int64_t now_us)
{
	const struct settings *settings = settings_of(server);
	int64_t since_us = server->idle_since_us > server->test_us
	    ? server->idle_since_us
	    : server->test_us;

	return settings->server_check_delay_us > 0 &&
	    is_checked_at_all(settings) &&
	    now_us - since_us >= settings->server_check_delay_us;
}

void
server_check(struct server *server)
{
	const char *query = settings_of(server)->server_check_query;

	assert(server->state == SERVER_IDLE);
	begin(server, SERVER_TEST_CHECK,
	    strcmp(query, EMPTY_QUERY) == 0 ? "" : query, NULL);
}

/* ---- the query of a new one ---------------------------------------------- */

bool
server_begin_connect_query(struct server *server)
{
	const struct database_conf *conf = server->slot->pool->conf;

	if (conf == NULL || conf->connect_query == NULL ||
	    conf->connect_query[0] == '\0') {
		return false;
	}
	begin(server, SERVER_TEST_CONNECT, conf->connect_query, NULL);
	return true;
}

/* ---- what comes of it ---------------------------------------------------- */

static void
refused(struct server *server, const struct error *err)
{
	server_close(server,
	    server->test == SERVER_TEST_CONNECT ? CLOSE_SERVER_LOGIN_FAILED
	                                        : CLOSE_SERVER_TEST_FAILED,
	    err);
}

void
server_test_error(struct server *server, const struct error *err, bool is_fatal)
{
	if (is_fatal) {
		server_close(server, CLOSE_SERVER_ENDED, err);
		return;
	}
	refused(server, err);
}

void
server_test_on(struct server *server)
{
	enum server_test test = server->test;

	if (!answers_is_settled(&server->answers)) {
		return;
	}
	if (server->status != 'I') {
		struct error err;

		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "the query leaves a transaction open");
		refused(server, &err);
		return;
	}
	switch (test) {
	case SERVER_TEST_CONNECT:
		server_come_in(server);
		return;
	case SERVER_TEST_RESET:
		on_reset(server);
		server_come_back(server, false);
		return;
	case SERVER_TEST_CHECK:
		server_come_back(server, true);
		return;
	}
	assert(!"unreachable");
}
