/*
 * login.c - from the first byte to ReadyForQuery: the course of a login.
 *
 * No server is touched before the client is who it says.
 *
 * Source: PostgreSQL docs, "Message Flow", "Start-up".
 */
#include <stdlib.h>
#include <string.h>

#include "client/client_int.h"
#include "client/login_int.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "proto/msg.h"
#include "server/pool_int.h"

void
login_free(struct client *client)
{
	struct login *login = client->login;

	if (login == NULL) {
		return;
	}
	login_end_secret(client);
	startup_fini(&login->startup);
	mem_wipe_free(&login->secret);
	if (login->response != NULL) {
		mem_wipe(login->response, login->response_size);
		free(login->response);
	}
	login_exchange_free(&login->exchange);
	free(login->role);
	free(login->passfile);
	config_unref(&login->config);
	free(login);
	client->login = NULL;
}

void
login_refuse(struct client *client, const struct error *err)
{
	if (client->state == CLIENT_PASSWORD) {
		login_doubt_secret(client);
	}
	client->set->logins_refused++;
	client_close(client, CLOSE_CLIENT_LOGIN_REFUSED, err);
}

void
login_put_negotiation(struct client *client, struct buf *out)
{
	struct startup *startup = &client->login->startup;

	if (startup->negotiate) {
		startup_put_negotiation(startup, out);
		startup->negotiate = false;
	}
}

void
login_send(struct client *client, struct buf *out)
{
	if (out->length > 0) {
		(void)client_write(client, buf_bytes(out), out->length);
	}
	buf_fini(out);
}

/* ---- who and where ------------------------------------------------------- */

/* Whether a further client may come in. The console is always reachable. */
static int
check_limit(const struct client *client, struct error *err)
{
	const struct settings *settings = config_settings(client->set->config);

	if (clients_count_pooled(client->set) <=
	    (size_t)settings->max_client_conn) {
		return 0;
	}
	error_set(err, SQLSTATE_TOO_MANY_CONNECTIONS,
	    "no more connections allowed (max_client_conn)");
	return -1;
}

/* Counts it, now that it is known to be who it says, if its database and its
 * user may have one more. */
static int
take_seat(struct client *client, struct error *err)
{
	const struct login *login = client->login;

	return limits_seat(&client->set->pools->limits, &client->seat,
	    login->config, login->database, client->database, client->user,
	    err);
}

static int
find_database(struct client *client, struct error *err)
{
	struct login *login = client->login;
	const char *name = login->startup.database;

	login->database = config_find_database(login->config, name);
	if (login->database != NULL &&
	    pools_is_disabled(client->set->pools, name)) {
		error_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
		    "database \"%s\" is disabled", name);
		return -1;
	}
	if (login->database != NULL) {
		return 0;
	}
	error_set(err, SQLSTATE_INVALID_DATABASE, "no such database: %s", name);
	if (login->startup.replication == REPLICATION_PHYSICAL) {
		error_hint(err,
		    "pg_basebackup, pg_receivewal and standbys ask for a "
		    "database called \"replication\": give it an entry that "
		    "says where.");
	}
	return -1;
}

/* The console: over its Unix socket the daemon's own user needs no password;
 * otherwise whoever is listed, by the same means as everybody. */
static bool
console_may_enter(struct client *client, struct error *err)
{
	const struct login *login = client->login;
	const char *user = login->startup.user;

	if (client->has_unix_owner && strcmp(user, "pgbouncer") == 0) {
		return true;
	}
	client->has_unix_owner = false;
	if (config_may_show(login->config, user) ||
	    config_is_admin(login->config, user)) {
		return true;
	}
	error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
	    "not allowed: user \"%s\" is neither in admin_users nor in "
	    "stats_users",
	    user);
	return false;
}

void
login_on_startup(struct client *client)
{
	struct login *login = client->login;
	bool is_console = config_is_console(login->startup.database);
	struct buf out = {0};
	struct error err;

	login->config = config_ref(client->set->config);
	if (!is_console &&
	    (check_limit(client, &err) != 0 ||
	        find_database(client, &err) != 0)) {
		login_refuse(client, &err);
		return;
	}
	if (is_console && !console_may_enter(client, &err)) {
		login_refuse(client, &err);
		return;
	}
	if (is_console && client->has_unix_owner) {
		login_accept(client, &out);
		return;
	}
	if (login_choose_method(client, &err) != 0) {
		login_refuse(client, &err);
		return;
	}
	login_find_secret(client);
}

void
login_on_secret(
    struct client *client, const char *secret, const struct error *err)
{
	struct login *login = client->login;
	bool has_waited = client->state == CLIENT_SECRET;

	if (err != NULL) {
		login_refuse(client, err);
		return;
	}
	mem_wipe_free(&login->secret);
	login->secret = secret == NULL ? NULL : mem_strdup(secret);
	if (login->response != NULL) {
		login_judge_again(client);
	} else {
		login_begin_exchange(client);
	}
	if (has_waited && client_is_open(client)) {
		/* What has come meanwhile is looked at now. */
		if (client->held.length > 0) {
			loop_ready(client->set->loop, &client->ready);
		}
		client_update_interest(client);
	}
}

void
login_accept(struct client *client, struct buf *out)
{
	struct login *login = client->login;
	struct login_facts facts = login_gather_facts(client);
	struct error err;

	client->key_bytes = login->startup.minor >= LONG_KEYS_MINOR
	    ? KEY_LONG_BYTES
	    : KEY_HEAD_BYTES;
	client->user = mem_strdup(login->startup.user);
	client->database = mem_strdup(login->startup.database);
	if (login->database != NULL && take_seat(client, &err) != 0) {
		buf_fini(out);
		login_refuse(client, &err);
		return;
	}
	client->set->logins_accepted++;
	pools_on_key(client->set->pools);
	login_confirm_secret(client);
	login_put_negotiation(client, out);
	msg_authentication_ok(out);
	if (login->database == NULL) {
		login_come_in_to_console(client, out);
	} else {
		login_come_in(client,
		    login->role != NULL && facts.forced_user == NULL
		        ? login->role
		        : login_server_user(&facts),
		    out);
	}
}

size_t
login_take(struct client *client, uint8_t *bytes, size_t size)
{
	size_t used = 0;

	while (used < size) {
		size_t n = 0;

		if (client->state == CLIENT_STARTUP) {
			n = login_take_packet(
			    client, bytes + used, size - used);
		} else if (client->state == CLIENT_PASSWORD) {
			n = login_take_response(
			    client, bytes + used, size - used);
		}
		if (n == 0) {
			break;
		}
		used += n;
	}
	if (used < size && client_is_open(client) &&
	    client->state != CLIENT_STARTUP &&
	    client->state != CLIENT_PASSWORD) {
		/* What was pipelined behind the login is looked at next. */
		loop_ready(client->set->loop, &client->ready);
	}
	return used;
}
