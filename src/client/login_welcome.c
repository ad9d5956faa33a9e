/*
 * login_welcome.c - what a client hears once it is in: what its settings have
 * come out as, and its cancel key.
 *
 * Source: PostgreSQL docs, "Message Flow", "Start-up".
 */
#include <string.h>

#include "client/app_name.h"
#include "client/client_int.h"
#include "client/login_int.h"
#include "client/meter.h"
#include "client/prepare.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "net/stream_tls.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"
#include "sql/encoding.h"

/* ---- settings ------------------------------------------------------------ */

static void
set_if_given(struct params *settings, const char *name, const char *value)
{
	if (value != NULL) {
		params_set(settings, name, value);
	}
}

static void
add_host(const struct client *client, struct params *settings)
{
	const struct settings *conf = config_settings(client->login->config);
	struct buf name = {0};

	app_name_put(&name, params_get(settings, "application_name"),
	    &client->peer, conf->listen_port);
	params_set(settings, "application_name", buf_text(&name));
	buf_fini(&name);
}

/* The settings the session is to run under: the client's, less what is to be
 * ignored, and over them what the database's entry says. */
static void
make_profile(struct client *client)
{
	const struct login *login = client->login;
	const struct settings *conf = config_settings(login->config);
	const struct database_conf *database = login->database;
	const struct params *asked = &login->startup.settings;
	struct params settings = {0};

	for (size_t i = 0; i < asked->count; i++) {
		const struct param *item = &asked->items[i];

		if (!name_list_has(
		        &conf->ignore_startup_parameters, item->name)) {
			params_set(&settings, item->name, item->value);
		}
	}
	set_if_given(&settings, "client_encoding", database->client_encoding);
	set_if_given(&settings, "datestyle", database->datestyle);
	set_if_given(&settings, "timezone", database->timezone);
	set_if_given(&settings, "application_name", database->application_name);
	if (conf->application_name_add_host) {
		add_host(client, &settings);
	}
	client->profile = pools_profile(client->set->pools, &settings);
	params_fini(&settings);
}

/* ---- the welcome --------------------------------------------------------- */

static void
put_notice(const struct client *client, struct buf *out)
{
	const char *text =
	    config_settings(client->set->config)->login_notify_message;
	struct msg_report report = {
	    .severity = "NOTICE", .sqlstate = "00000", .message = text};

	if (text[0] != '\0') {
		msg_notice_response(out, &report);
	}
}

/* Sends it in one write with what is in OUT. */
static void
send_welcome(
    struct client *client, const struct params *params, struct buf *out)
{
	for (size_t i = 0; i < params->count; i++) {
		msg_parameter_status(
		    out, params->items[i].name, params->items[i].value);
	}
	key_draw(client);
	msg_backend_key_data(out, frame_u32(client->key),
	    client->key + KEY_ID_BYTES, client->key_bytes - KEY_ID_BYTES);
	if (client->state != CLIENT_CONSOLE) {
		put_notice(client, out);
	}
	msg_ready_for_query(out, 'I');
	login_send(client, out);
}

static void
note_params(struct client *client, const struct params *params)
{
	const char *value = params_get(params, "standard_conforming_strings");

	client->std_strings = value == NULL || strcmp(value, "on") == 0;
	client->unsafe_encoding =
	    sql_encoding_is_unsafe(params_get(params, "client_encoding"));
}

static void
log_login(const struct client *client, const char *what)
{
	char tls[TLS_TEXT_BYTES];

	(void)stream_tls_text(client->stream, tls, sizeof(tls));
	log_info(&client->log, "%s%s%s%s", what,
	    tls[0] == '\0' ? "" : " tls=", tls,
	    stream_tls_is_resumed(client->stream) ? " (resumed)" : "");
}

/* Its login is over. */
static void
finish(struct client *client, const struct params *params)
{
	const struct settings *settings = config_settings(client->set->config);

	note_params(client, params);
	session_begin(client);
	login_free(client);
	client_set_state(client, CLIENT_IDLE);
	meter_login(client);
	if (settings->log_connections) {
		log_login(client, "login done");
	}
}

void
login_on_private(struct client *client)
{
	struct buf out = {0};

	finish(client, &client->server->params);
	client_set_state(client, CLIENT_ACTIVE);
	send_welcome(client, &client->server->params, &out);
	if (client_is_open(client) && client->held.length > 0) {
		loop_ready(client->set->loop, &client->ready);
	}
	client_update_interest(client);
}

static void
welcome(struct client *client, const struct params *params, struct buf *out)
{
	finish(client, params);
	send_welcome(client, params, out);
	if (client_is_open(client) && client->held.length > 0) {
		loop_ready(client->set->loop, &client->ready);
	}
	client_update_interest(client);
}

void
login_on_welcome(struct client *client, const struct error *err)
{
	const struct params *params;
	struct buf out = {0};

	if (err != NULL) {
		client_close(client, CLOSE_CLIENT_SETTINGS, err);
		return;
	}
	params = pool_welcome(client->pool, client->profile);
	if (params == NULL) {
		client_close(client, CLOSE_CLIENT_DATABASE_CHANGED, NULL);
		return;
	}
	welcome(client, params, &out);
}

/* CLIENT waits for a server of its own, or for one that can say what its
 * settings come out as; it is told meanwhile that it is in. */
static void
wait_for_server(struct client *client, struct buf *out)
{
	login_send(client, out);
	if (!client_is_open(client)) {
		return;
	}
	if (client_is_private(client)) {
		link_ask_private(client);
	} else {
		link_ask_welcome(client);
	}
}

void
login_come_in(struct client *client, const char *server_user, struct buf *out)
{
	struct login *login = client->login;
	const struct params *params;
	struct error err;

	client->pool =
	    pool_find(client->set->pools, login->startup.database, server_user);
	if (client->pool == NULL) {
		error_set(&err, SQLSTATE_INVALID_DATABASE,
		    "no such database: %s", login->startup.database);
		buf_fini(out);
		login_refuse(client, &err);
		return;
	}
	pool_enter(client->pool);
	login_share_secret(client);
	meter_begin(client);
	client->is_tracked = prepare_is_tracked(client);
	timeouts_configure(client);
	make_profile(client);
	client->private_login.replication = login->startup.replication;
	params = client_is_private(client)
	    ? NULL
	    : pool_welcome(client->pool, client->profile);
	if (params == NULL) {
		wait_for_server(client, out);
		return;
	}
	client_set_state(client, CLIENT_WELCOME);
	welcome(client, params, out);
}

void
login_come_in_to_console(struct client *client, struct buf *out)
{
	const struct settings *settings = config_settings(client->set->config);
	struct params params = {0};
	struct buf version = {0};
	const char *number = strrchr(settings->version_prefix, ' ');

	/* "PgBouncer 1.25.2" is reported as "1.25.2/bouncer". */
	buf_printf(&version, "%s/bouncer",
	    number == NULL ? settings->version_prefix : number + 1);
	params_set(&params, "server_version", buf_text(&version));
	params_set(&params, "client_encoding", "UTF8");
	params_set(&params, "server_encoding", "UTF8");
	params_set(&params, "DateStyle", "ISO");
	params_set(&params, "TimeZone", "GMT");
	params_set(&params, "standard_conforming_strings", "on");
	params_set(&params, "is_superuser", "on");
	/* For SHOW CLIENTS: the console itself has no settings. */
	client->profile =
	    pools_profile(client->set->pools, &client->login->startup.settings);
	client_set_state(client, CLIENT_CONSOLE);
	meter_begin(client);
	meter_login(client);
	login_free(client);
	if (settings->log_connections) {
		log_login(client, "console login");
	}
	send_welcome(client, &params, out);
	params_fini(&params);
	buf_fini(&version);
}
