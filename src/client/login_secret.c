/*
 * login_secret.c - what a client has to know to be who it says: the secret of
 * its user, from auth_file or by auth_query.
 *
 * Of what the client has sent only the name goes along, as a parameter; the
 * question is asked on a connection of the control plane, which no client has
 * ever used.
 */
#include <stdlib.h>
#include <string.h>

#include "client/client_int.h"
#include "client/login_int.h"
#include "conf/config.h"
#include "conf/tls_files.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"
#include "node/cluster.h"
#include "node/node.h"
#include "server/pool_int.h"

/* Where a setting says that there is no limit. */
#define CONNECT_TIMEOUT_US ((int64_t)15 * 1000000)

/* ---- whom to ask --------------------------------------------------------- */

/* The entry of [databases] that CLIENT's question goes to. */
static const char *
place_of(const struct client *client)
{
	const struct login *login = client->login;
	const char *name = config_auth_dbname(login->config, login->database);

	return name[0] == '\0' ? login->startup.database : name;
}

/* The password to ask with; NULL: none is known. The control plane can use
 * nothing but the password itself. */
static const char *
password_of(const struct config *config, const struct database_conf *entry,
    const char *user)
{
	const struct settings *settings = config_settings(config);
	const struct credential *credential;

	if (entry != NULL && entry->password != NULL &&
	    str_equal(entry->user, user) &&
	    credential_kind_of(entry->password) == CREDENTIAL_PLAIN) {
		return entry->password;
	}
	credential = config_find_credential(config, user);
	if (credential != NULL && credential->kind == CREDENTIAL_PLAIN) {
		return credential->secret;
	}
	return str_equal(settings->monitor_user, user)
	    ? settings->monitor_password
	    : NULL;
}

/* Whom to ask for CLIENT's secret; borrowed from its login. */
static struct auth_source
source_of(const struct client *client)
{
	struct login *login = client->login;
	const struct config *config = login->config;
	const char *database = place_of(client);
	const struct database_conf *entry =
	    config_find_database(config, database);
	struct tls_for_libpq tls = tls_for_libpq(config);
	struct auth_source source = {
	    .database = database,
	    .dbname = entry == NULL ? database
	                            : database_conf_dbname(entry, database),
	    .user = config_auth_user(config, login->database),
	    .query = config_auth_query(config, login->database),
	    .sslmode = tls.sslmode,
	    .sslrootcert = tls.sslrootcert,
	    .sslcert = tls.sslcert,
	    .sslkey = tls.sslkey,
	};

	if (login->passfile == NULL) {
		login->passfile = config_monitor_passfile(config);
	}
	source.password = password_of(config, entry, source.user);
	source.passfile = login->passfile;
	return source;
}

struct auth_options
login_auth_options(const struct config *config)
{
	const struct settings *settings = config_settings(config);
	int64_t connect_us = settings->server_connect_timeout_us;

	return (struct auth_options){
	    .cache_us = settings->auth_cache_time_us,
	    .question_us = settings->auth_query_timeout_us,
	    .connect_us = connect_us > 0 ? connect_us : CONNECT_TIMEOUT_US,
	    .unreachable_us = settings->server_unreachable_timeout_us,
	};
}

/* ---- where it is --------------------------------------------------------- */

static enum auth_place
find_nothing(const char *database, struct error *err)
{
	if (config_is_console(database)) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "cannot use the reserved \"%s\" database as an "
		    "auth_dbname",
		    database);
	} else {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "authentication database \"%.100s\" is not configured",
		    database);
	}
	error_hint(err, "Set auth_dbname to an entry of [databases].");
	return AUTH_PLACE_NONE;
}

static void
put_node(const struct pools *pools, const struct database_conf *entry,
    unsigned lost, struct buf *host, int *port)
{
	struct cluster *cluster = cluster_of(pools->nodes, entry);
	const struct node *node = cluster_primary(cluster);

	if (node == NULL) {
		node = cluster_node(cluster, lost % cluster_count(cluster));
	}
	buf_append_str(host, node->host);
	*port = node->port;
	cluster_free(&cluster);
}

static enum auth_place
find_place(void *context, const char *database, unsigned lost, struct buf *host,
    int *port, struct error *err)
{
	const struct clients *set = context;
	const struct database_conf *entry =
	    config_find_database(set->config, database);

	if (entry == NULL) {
		return find_nothing(database, err);
	}
	if (pools_is_disabled(set->pools, database)) {
		error_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
		    "authentication database \"%s\" is disabled", database);
		return AUTH_PLACE_CLOSED;
	}
	if (pools_is_held(set->pools, database)) {
		return AUTH_PLACE_HELD;
	}
	put_node(set->pools, entry, lost, host, port);
	return AUTH_PLACE_KNOWN;
}

struct auth_places
login_auth_places(struct clients *set)
{
	return (struct auth_places){find_place, set};
}

/* ---- asking -------------------------------------------------------------- */

static void
take_answer(struct client *client, const struct auth_answer *answer)
{
	struct login *login = client->login;

	switch (answer->found) {
	case AUTH_FOUND:
		login->is_looked_up = true;
		free(login->role);
		login->role = str_equal(answer->role, login->startup.user)
		    ? NULL
		    : mem_strdup(answer->role);
		/* An empty one is one that fits nothing. */
		login_on_secret(
		    client, answer->secret == NULL ? "" : answer->secret, NULL);
		return;
	case AUTH_NOT_FOUND:
		login_on_secret(client, NULL, NULL);
		return;
	case AUTH_FAILED:
		login_on_secret(client, NULL, answer->err);
		return;
	}
}

static void
on_answer(struct auth_question *question, const struct auth_answer *answer)
{
	struct login *login = list_entry(question, struct login, question);

	take_answer(login->client, answer);
}

static void
look_up(struct client *client)
{
	struct login *login = client->login;
	struct auth_source source = source_of(client);
	struct auth_answer answer;

	login->client = client;
	if (auth_query_ask(client->set->auth, &source, login->startup.user,
	        &login->question, on_answer, &answer)) {
		take_answer(client, &answer);
	} else {
		client_set_state(client, CLIENT_SECRET);
	}
}

bool
login_looks_up(const struct client *client)
{
	const struct login *login = client->login;

	return login->method != LOGIN_ANY &&
	    config_auth_user(login->config, login->database)[0] != '\0';
}

void
login_find_secret(struct client *client)
{
	const struct login *login = client->login;
	const struct credential *credential =
	    config_find_credential(login->config, login->startup.user);

	if (credential == NULL && login_looks_up(client)) {
		look_up(client);
	} else {
		login_on_secret(client,
		    credential == NULL ? NULL : credential->secret, NULL);
	}
}

void
login_end_secret(struct client *client)
{
	auth_question_cancel(&client->login->question);
}

void
login_doubt_secret(struct client *client)
{
	const struct login *login = client->login;
	struct auth_source source;

	if (login != NULL && login->is_looked_up) {
		source = source_of(client);
		(void)auth_query_forget(
		    client->set->auth, &source, login->startup.user);
	}
}

bool
login_look_again(struct client *client, uint8_t *body, size_t size)
{
	struct login *login = client->login;
	struct auth_source source;

	if (!login->is_looked_up) {
		return false;
	}
	source = source_of(client);
	if (!auth_query_forget(
	        client->set->auth, &source, login->startup.user)) {
		return false;
	}
	login->response = mem_dup(body, size);
	login->response_size = size;
	mem_wipe(body, size);
	look_up(client);
	return true;
}

void
login_confirm_secret(struct client *client)
{
	const struct login *login = client->login;
	struct auth_source source;

	if (login->is_looked_up) {
		source = source_of(client);
		auth_query_confirm(
		    client->set->auth, &source, login->startup.user);
	}
}

void
login_share_secret(struct client *client)
{
	const struct login *login = client->login;

	/* Of another user than its own the configuration has it, or nobody. */
	if (login->is_looked_up && login->database->user == NULL) {
		pool_learn_secret(client->pool, login->secret);
	}
}
