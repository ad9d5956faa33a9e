/*
 * login.c - from the first byte to ReadyForQuery.
 *
 * Nothing is trusted here: packets are bounded before they are read, who is
 * unknown learns no more than who gives a wrong password, and no server is
 * touched before the client is who it says.
 *
 * Source: PostgreSQL docs, "Message Flow", "Start-up".
 */
#include <stdlib.h>
#include <string.h>

#include "auth/login.h"
#include "client/app_name.h"
#include "client/client_int.h"
#include "client/meter.h"
#include "client/prepare.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "proto/startup.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"
#include "sql/encoding.h"

/* A PasswordMessage is not longer than this. */
#define PASSWORD_MAX_BYTES ((uint32_t)65536 - FRAME_HEADER_BYTES)

/* What is only needed until the client is in. */
struct login {
	struct startup startup;
	const struct database_conf *database; /* borrowed from the config */
	struct config *config;                /* shared; the one judged by */
	bool refused_ssl; /* an SSLRequest was answered already */
	bool refused_gss; /* and a GSSENCRequest */
};

void
login_free(struct login **login)
{
	if (*login == NULL) {
		return;
	}
	startup_fini(&(*login)->startup);
	config_unref(&(*login)->config);
	free(*login);
	*login = NULL;
}

static void
refuse(struct client *client, const struct error *err)
{
	client_close(client, CLOSE_CLIENT_LOGIN_REFUSED, err);
}

static void
send_buf(struct client *client, struct buf *out)
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

static struct login_facts
gather_facts(const struct client *client)
{
	const struct login *login = client->login;
	const struct settings *settings = config_settings(login->config);
	const struct credential *credential =
	    config_find_credential(login->config, login->startup.user);
	struct login_facts facts = {
	    .user = login->startup.user,
	    .secret = credential == NULL ? NULL : credential->secret,
	    /* The console is no database: who may enter is who it says. */
	    .forced_user = login->database == NULL ? login->startup.user
	                                           : login->database->user,
	    .scram_iterations = config_most_iterations(login->config),
	};

	facts.method = settings->auth_type == AUTH_ANY ? LOGIN_ANY
	    : settings->auth_type == AUTH_TRUST        ? LOGIN_TRUST
	                                               : LOGIN_PLAIN;
	return facts;
}

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

static void
put_welcome(struct client *client, const struct params *params)
{
	struct buf out = {0};

	for (size_t i = 0; i < params->count; i++) {
		msg_parameter_status(
		    &out, params->items[i].name, params->items[i].value);
	}
	key_draw(client);
	msg_backend_key_data(&out, frame_u32(client->key),
	    client->key + KEY_ID_BYTES, client->key_bytes - KEY_ID_BYTES);
	if (client->state != CLIENT_CONSOLE) {
		put_notice(client, &out);
	}
	msg_ready_for_query(&out, 'I');
	send_buf(client, &out);
}

static void
note_params(struct client *client, const struct params *params)
{
	const char *value = params_get(params, "standard_conforming_strings");

	client->std_strings = value == NULL || strcmp(value, "on") == 0;
	client->unsafe_encoding =
	    sql_encoding_is_unsafe(params_get(params, "client_encoding"));
}

/* Its login is over. */
static void
finish(struct client *client, const struct params *params)
{
	const struct settings *settings = config_settings(client->set->config);

	note_params(client, params);
	session_begin(client);
	login_free(&client->login);
	client_set_state(client, CLIENT_IDLE);
	meter_login(client);
	if (settings->log_connections) {
		log_info(&client->log, "login done");
	}
}

void
login_on_private(struct client *client)
{
	finish(client, &client->server->params);
	client_set_state(client, CLIENT_ACTIVE);
	put_welcome(client, &client->server->params);
	if (client_is_open(client) && client->held.length > 0) {
		loop_ready(client->set->loop, &client->ready);
	}
	client_update_interest(client);
}

static void
welcome(struct client *client, const struct params *params)
{
	finish(client, params);
	put_welcome(client, params);
	if (client_is_open(client) && client->held.length > 0) {
		loop_ready(client->set->loop, &client->ready);
	}
	client_update_interest(client);
}

void
login_on_welcome(struct client *client, const struct error *err)
{
	const struct params *params;

	if (err != NULL) {
		client_close(client, CLOSE_CLIENT_SETTINGS, err);
		return;
	}
	params = pool_welcome(client->pool, client->profile);
	if (params == NULL) {
		client_close(client, CLOSE_CLIENT_DATABASE_CHANGED, NULL);
		return;
	}
	welcome(client, params);
}

static void
come_in(struct client *client, const char *server_user)
{
	struct login *login = client->login;
	const struct params *params;
	struct error err;

	client->pool =
	    pool_find(client->set->pools, login->startup.database, server_user);
	if (client->pool == NULL) {
		error_set(&err, SQLSTATE_INVALID_DATABASE,
		    "no such database: %s", login->startup.database);
		refuse(client, &err);
		return;
	}
	pool_enter(client->pool);
	meter_begin(client);
	client->is_tracked = prepare_is_tracked(client);
	timeouts_configure(client);
	make_profile(client);
	if (login->startup.replication != REPLICATION_NONE) {
		client->private_login.replication = login->startup.replication;
		link_ask_private(client);
		return;
	}
	params = pool_welcome(client->pool, client->profile);
	if (params == NULL) {
		link_ask_welcome(client);
		return;
	}
	client_set_state(client, CLIENT_WELCOME);
	welcome(client, params);
}

static void
come_in_to_console(struct client *client)
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
	login_free(&client->login);
	if (settings->log_connections) {
		log_info(&client->log, "console login");
	}
	put_welcome(client, &params);
	params_fini(&params);
	buf_fini(&version);
}

static void
accept_client(struct client *client)
{
	struct login *login = client->login;
	struct login_facts facts = gather_facts(client);
	struct buf out = {0};
	struct error err;

	client->key_bytes = login->startup.minor >= LONG_KEYS_MINOR
	    ? KEY_LONG_BYTES
	    : KEY_HEAD_BYTES;
	client->user = mem_strdup(login->startup.user);
	client->database = mem_strdup(login->startup.database);
	if (login->database != NULL && take_seat(client, &err) != 0) {
		refuse(client, &err);
		return;
	}
	if (login->startup.negotiate) {
		startup_put_negotiation(&login->startup, &out);
	}
	msg_authentication_ok(&out);
	if (!client_write(client, buf_bytes(&out), out.length)) {
		buf_fini(&out);
		return;
	}
	buf_fini(&out);
	if (login->database == NULL) {
		come_in_to_console(client);
	} else {
		come_in(client, login_server_user(&facts));
	}
}

/* ---- packets ------------------------------------------------------------- */

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

static void
take_startup(struct client *client)
{
	struct login *login = client->login;
	bool is_console = config_is_console(login->startup.database);
	struct login_facts facts;
	struct error err;
	struct buf out = {0};

	login->config = config_ref(client->set->config);
	if (!is_console &&
	    (check_limit(client, &err) != 0 ||
	        find_database(client, &err) != 0)) {
		refuse(client, &err);
		return;
	}
	if (is_console && !console_may_enter(client, &err)) {
		refuse(client, &err);
		return;
	}
	if (is_console && client->has_unix_owner) {
		accept_client(client);
		return;
	}
	facts = gather_facts(client);
	switch (login_begin(&facts, &err)) {
	case LOGIN_ACCEPT:
		accept_client(client);
		return;
	case LOGIN_ASK_PASSWORD:
		client_set_state(client, CLIENT_PASSWORD);
		msg_authentication_cleartext_password(&out);
		send_buf(client, &out);
		return;
	case LOGIN_REFUSE:
		refuse(client, &err);
		return;
	}
}

/* Each kind may be asked for once. */
static void
refuse_encryption(struct client *client, bool *refused)
{
	struct error err;

	if (*refused) {
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "encryption was refused already");
		refuse(client, &err);
		return;
	}
	*refused = true;
	(void)client_write(client, "N", 1);
}

/* One whole packet without a type byte. */
static void
take_packet(struct client *client, const uint8_t *body, size_t size)
{
	struct buf out = {0};
	struct error err;

	if (client->login == NULL) {
		client->login = mem_zalloc(sizeof(*client->login));
	}
	startup_fini(&client->login->startup);
	if (startup_parse(body, size, &client->login->startup, &err) != 0) {
		/* In the form its protocol has, if it is to be told at all. */
		startup_put_refusal(&client->login->startup, &err, &out);
		send_buf(client, &out);
		client->told_fatal = true;
		refuse(client, &err);
		return;
	}
	switch (client->login->startup.kind) {
	case STARTUP_SSL_REQUEST:
		refuse_encryption(client, &client->login->refused_ssl);
		return;
	case STARTUP_GSSENC_REQUEST:
		refuse_encryption(client, &client->login->refused_gss);
		return;
	case STARTUP_CANCEL_REQUEST:
		canceller_begin(client, &client->login->startup);
		return;
	case STARTUP_MESSAGE:
		take_startup(client);
		return;
	}
}

static size_t
take_startup_packet(struct client *client, uint8_t *bytes, size_t size)
{
	uint32_t body_bytes;
	struct error err;

	switch (startup_frame(bytes, size, &body_bytes)) {
	case FRAME_PARTIAL:
		return 0;
	case FRAME_BAD:
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "invalid length of startup packet");
		refuse(client, &err);
		return 0;
	case FRAME_OK:
		break;
	}
	if (size < STARTUP_HEADER_BYTES + body_bytes) {
		return 0;
	}
	take_packet(client, bytes + STARTUP_HEADER_BYTES, body_bytes);
	return STARTUP_HEADER_BYTES + body_bytes;
}

static size_t
take_password(struct client *client, uint8_t *bytes, size_t size)
{
	struct frame frame;
	struct login_facts facts;
	struct error err;
	enum frame_result result =
	    frame_parse(bytes, size, PASSWORD_MAX_BYTES, &frame);
	enum login_step step;

	if (result == FRAME_PARTIAL) {
		return 0;
	}
	if (result == FRAME_BAD || frame.type != MSG_PASSWORD) {
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "expected password response, got message type 0x%02X",
		    bytes[0]);
		refuse(client, &err);
		return 0;
	}
	if (size < frame_bytes(&frame)) {
		return 0;
	}
	facts = gather_facts(client);
	step = login_check_password(
	    &facts, bytes + FRAME_HEADER_BYTES, frame.body_bytes, &err);
	mem_wipe(bytes, frame_bytes(&frame));
	if (step == LOGIN_ACCEPT) {
		accept_client(client);
	} else {
		refuse(client, &err);
	}
	return frame_bytes(&frame);
}

size_t
login_take(struct client *client, uint8_t *bytes, size_t size)
{
	size_t used = 0;

	while (used < size) {
		size_t n = 0;

		if (client->state == CLIENT_STARTUP) {
			n = take_startup_packet(
			    client, bytes + used, size - used);
		} else if (client->state == CLIENT_PASSWORD) {
			n = take_password(client, bytes + used, size - used);
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
