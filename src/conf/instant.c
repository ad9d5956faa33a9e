/*
 * instant.c - a configuration from nothing but a connection string.
 *
 * For trying: "pgweir 'host=db1,db2 dbname=app'". Keys are libpq's, those of
 * a [databases] entry, and settings; each is one row of a table below, or a
 * row of settings.def. PostgreSQL docs, "Parameter Key Words".
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/config_int.h"
#include "conf/connstr.h"
#include "conf/suggest.h"
#include "core/error.h"
#include "core/mem.h"

enum fate {
	FATE_ENTRY,   /* a key of the [databases] entry */
	FATE_SETTING, /* the setting .target */
	FATE_IGNORED,
	FATE_REFUSED
};

static const struct known_key {
	const char *key;
	enum fate fate;
	const char *target; /* setting, or the reason of a refusal */
} known_keys[] = {
    {"host", FATE_ENTRY, NULL},
    {"port", FATE_ENTRY, NULL},
    {"dbname", FATE_ENTRY, NULL},
    {"user", FATE_ENTRY, NULL},
    {"password", FATE_ENTRY, NULL},
    {"weight", FATE_ENTRY, NULL},
    {"pool_size", FATE_ENTRY, NULL},
    {"client_encoding", FATE_ENTRY, NULL},
    {"application_name", FATE_ENTRY, NULL},
    {"connect_timeout", FATE_SETTING, "server_connect_timeout"},
    {"keepalives", FATE_SETTING, "tcp_keepalive"},
    {"keepalives_idle", FATE_SETTING, "tcp_keepidle"},
    {"keepalives_interval", FATE_SETTING, "tcp_keepintvl"},
    {"keepalives_count", FATE_SETTING, "tcp_keepcnt"},
    {"sslcert", FATE_SETTING, "server_tls_cert_file"},
    {"sslkey", FATE_SETTING, "server_tls_key_file"},
    {"sslmode", FATE_SETTING, "server_tls_sslmode"},
    {"sslrootcert", FATE_SETTING, "server_tls_ca_file"},
    /* Without TLS and Kerberos, nobody asks for these. */
    {"fallback_application_name", FATE_IGNORED, NULL},
    {"gssdelegation", FATE_IGNORED, NULL},
    {"gsslib", FATE_IGNORED, NULL},
    {"krbsrvname", FATE_IGNORED, NULL},
    {"ssl_max_protocol_version", FATE_IGNORED, NULL},
    {"ssl_min_protocol_version", FATE_IGNORED, NULL},
    {"sslcertmode", FATE_IGNORED, NULL},
    {"sslcompression", FATE_IGNORED, NULL},
    {"sslcrl", FATE_IGNORED, NULL},
    {"sslcrldir", FATE_IGNORED, NULL},
    {"sslnegotiation", FATE_IGNORED, NULL},
    {"sslpassword", FATE_IGNORED, NULL},
    {"sslsni", FATE_IGNORED, NULL},
    {"hostaddr", FATE_REFUSED, "give the addresses as host="},
    {"options", FATE_REFUSED,
        "startup options for all clients do not exist yet in this version"},
    {"passfile", FATE_REFUSED, "password files are not read in this version"},
    {"replication", FATE_REFUSED,
        "each client says by itself whether it replicates"},
    {"require_auth", FATE_REFUSED,
        "choosing the server's authentication does not exist yet in this "
        "version"},
    {"requirepeer", FATE_REFUSED,
        "checking the server's user does not exist yet in this version"},
    {"service", FATE_REFUSED,
        "connection services are not read in this version"},
};
#define KNOWN_KEY_COUNT (sizeof(known_keys) / sizeof(known_keys[0]))

/* Keys of which some values ask for nothing. */
static const struct harmless_value {
	const char *key;
	const char *values[5]; /* ending with NULL */
} harmless_values[] = {
    {"channel_binding", {"prefer", "disable"}},
    {"gssencmode", {"prefer", "disable"}},
    /* Hosts are used by their role, in turn. */
    {"load_balance_hosts", {"disable", "random"}},
    /* Writes find the primary by themselves. */
    {"target_session_attrs", {"any", "read-write", "primary"}},
};
#define HARMLESS_VALUE_COUNT \
	(sizeof(harmless_values) / sizeof(harmless_values[0]))

/* What is being put together. */
struct instant {
	struct config *config; /* owned until done */
	struct connstr entry;  /* owned; the pairs of the [databases] entry */
	bool has_auth_type;    /* somebody chose */
	struct error *err;     /* borrowed */
};

static void
add_entry_pair(struct instant *instant, const char *key, const char *value)
{
	struct connstr *entry = &instant->entry;

	entry->pairs = mem_realloc(
	    entry->pairs, (entry->count + 1) * sizeof(*entry->pairs));
	entry->pairs[entry->count++] = (struct connstr_pair){
	    .key = mem_strdup(key), .value = mem_strdup(value)};
}

static int
apply_setting(struct instant *instant, const char *name, const char *value)
{
	const struct setting *row = setting_find(name);
	struct settings *settings = &instant->config->settings;

	if (settings_set(settings, row, value, instant->err) < 0 ||
	    setting_check_status(settings, row, false, instant->err) < 0) {
		return -1;
	}
	if (strcmp(name, "auth_type") == 0) {
		instant->has_auth_type = true;
	}
	return 0;
}

static int
apply_known(
    struct instant *instant, const struct known_key *known, const char *value)
{
	switch (known->fate) {
	case FATE_ENTRY:
		if (strcmp(known->key, "client_encoding") == 0 &&
		    strcmp(value, "auto") == 0) {
			return 0;
		}
		add_entry_pair(instant, known->key, value);
		return 0;
	case FATE_SETTING:
		if (strcmp(known->key, "sslrootcert") == 0 &&
		    strcmp(value, "system") == 0) {
			/* Without a file it goes by the system's, and only
			 * with the name is that worth anything. */
			return apply_setting(
			    instant, "server_tls_sslmode", "verify-full");
		}
		return apply_setting(instant, known->target, value);
	case FATE_IGNORED:
		return 0;
	case FATE_REFUSED:
		error_set(instant->err, SQLSTATE_FEATURE_NOT_SUPPORTED,
		    "%s: %s", known->key, known->target);
		return -1;
	}
	return -1;
}

static int
apply_harmless(struct instant *instant, const struct harmless_value *known,
    const char *value)
{
	for (size_t i = 0; known->values[i] != NULL; i++) {
		if (strcmp(known->values[i], value) == 0) {
			return 0;
		}
	}
	error_set(instant->err, SQLSTATE_FEATURE_NOT_SUPPORTED,
	    "%s = %.100s: this does not exist yet in this version", known->key,
	    value);
	return -1;
}

static int
fail_unknown(struct instant *instant, const char *key)
{
	struct suggestion near = {.wanted = key};

	for (size_t i = 0; i < KNOWN_KEY_COUNT; i++) {
		suggestion_consider(&near, known_keys[i].key);
	}
	for (size_t i = 0; i < HARMLESS_VALUE_COUNT; i++) {
		suggestion_consider(&near, harmless_values[i].key);
	}
	for (size_t i = 0; i < setting_count; i++) {
		suggestion_consider(&near, setting_rows[i].name);
	}
	error_set(instant->err, SQLSTATE_UNDEFINED_OBJECT,
	    "unknown key \"%.100s\" in the connection string%s%s%s", key,
	    near.best == NULL ? "" : "; did you mean \"",
	    near.best == NULL ? "" : near.best, near.best == NULL ? "" : "\"?");
	return -1;
}

static int
apply_pair(struct instant *instant, const char *key, const char *value)
{
	for (size_t i = 0; i < KNOWN_KEY_COUNT; i++) {
		if (strcmp(known_keys[i].key, key) == 0) {
			return apply_known(instant, &known_keys[i], value);
		}
	}
	for (size_t i = 0; i < HARMLESS_VALUE_COUNT; i++) {
		if (strcmp(harmless_values[i].key, key) == 0) {
			return apply_harmless(
			    instant, &harmless_values[i], value);
		}
	}
	if (setting_find(key) != NULL) {
		return apply_setting(instant, key, value);
	}
	return fail_unknown(instant, key);
}

static int
apply_defaults(struct instant *instant)
{
	static const struct {
		const char *name;
		const char *value;
	} defaults[] = {
	    {"listen_addr", "127.0.0.1"},
	    {"unix_socket_dir", ""},
	    {"pool_mode", "transaction"},
	    {"max_client_conn", "1000"},
	};

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		if (apply_setting(
		        instant, defaults[i].name, defaults[i].value) < 0) {
			return -1;
		}
	}
	return 0;
}

/* As libpq: without user=, the name of the system's user. */
static int
add_missing(struct instant *instant)
{
	const char *password = getenv("PGPASSWORD");

	if (connstr_get(&instant->entry, "user") == NULL) {
		const struct passwd *passwd = getpwuid(geteuid());

		if (passwd == NULL) {
			error_set(instant->err, SQLSTATE_INVALID_PARAMETER,
			    "the connection string needs user=");
			return -1;
		}
		add_entry_pair(instant, "user", passwd->pw_name);
	}
	if (connstr_get(&instant->entry, "dbname") == NULL) {
		add_entry_pair(
		    instant, "dbname", connstr_get(&instant->entry, "user"));
	}
	if (connstr_get(&instant->entry, "password") == NULL &&
	    password != NULL && password[0] != '\0') {
		add_entry_pair(instant, "password", password);
	}
	return 0;
}

/* The entry called by its own name, and the fallback for all others. */
static int
add_databases(struct instant *instant)
{
	struct directory *directory = instant->config->directory;
	const char *dbname = connstr_get(&instant->entry, "dbname");
	struct database_conf *named = NULL, *any = NULL;

	if (config_is_console(dbname)) {
		error_set(instant->err, SQLSTATE_INVALID_PARAMETER,
		    "database name \"%s\" is reserved for the console", dbname);
		return -1;
	}
	named = database_conf_from_pairs(dbname, &instant->entry, instant->err);
	if (named == NULL) {
		return -1;
	}
	directory_take_database(directory, named);
	any = database_conf_from_pairs("*", &instant->entry, instant->err);
	if (any == NULL) {
		return -1;
	}
	free(any->dbname);
	any->dbname = NULL;
	directory_take_database(directory, any);
	return 0;
}

/* Who may come in: see config_from_connstr(). */
static int
open_door(struct instant *instant, struct problems *problems)
{
	const char *user = connstr_get(&instant->entry, "user");
	const char *password = connstr_get(&instant->entry, "password");
	bool has_password = password != NULL && password[0] != '\0';
	char *name = mem_strdup(user);
	char *secret = mem_strdup(has_password ? password : "");
	struct credential credential = {
	    .user = name, .secret = secret, .kind = credential_kind_of(secret)};
	int ret = 0;

	directory_add_credential(instant->config->directory, &credential);
	free(name);
	mem_wipe_free(&secret);
	if (apply_setting(instant, "admin_users", user) < 0) {
		return -1;
	}
	if (!instant->has_auth_type) {
		ret = apply_setting(instant, "auth_type",
		    has_password ? "scram-sha-256" : "any");
	}
	if (ret == 0 && instant->config->settings.auth_type == AUTH_ANY) {
		problems_add(problems, PROBLEM_NOTE, NULL, 0,
		    "auth_type = any: everyone who reaches the listener acts "
		    "as \"%.100s\"",
		    user);
	}
	return ret;
}

static int
parse(struct connstr *connstr, const char *text, struct error *err)
{
	return connstr_is_uri(text)
	    ? connstr_parse_uri(connstr, text, err)
	    : connstr_parse(connstr, CONNSTR_LIBPQ, text, err);
}

struct config *
config_from_connstr(const char *text, struct problems *problems)
{
	struct error err;
	struct connstr connstr = {0};
	struct instant instant = {.config = config_new(), .err = &err};
	int ret = -1;

	if (parse(&connstr, text, &err) < 0 || apply_defaults(&instant) < 0) {
		goto out;
	}
	for (size_t i = 0; i < connstr.count; i++) {
		if (apply_pair(&instant, connstr.pairs[i].key,
		        connstr.pairs[i].value) < 0) {
			goto out;
		}
	}
	if (add_missing(&instant) < 0 || add_databases(&instant) < 0 ||
	    open_door(&instant, problems) < 0) {
		goto out;
	}
	ret = 0;
out:
	if (ret < 0) {
		problems_add(problems, PROBLEM_ERROR, NULL, 0, "%s", err.text);
		config_unref(&instant.config);
	}
	if (instant.config != NULL &&
	    config_load_tls_files(instant.config, problems) < 0) {
		config_unref(&instant.config);
	}
	connstr_fini(&instant.entry);
	connstr_fini(&connstr);
	return instant.config;
}

bool
config_is_connstr(const char *argument)
{
	/* A path may hold "=" too. */
	return connstr_is_uri(argument) ||
	    (strchr(argument, '=') != NULL &&
	        strchr("/.", argument[0]) == NULL);
}
