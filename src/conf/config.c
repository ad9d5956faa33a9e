/*
 * config.c - a whole configuration: settings, databases, users, credentials.
 *
 * What a snapshot answers. How one is made from a file is in loader.c, from a
 * connection string in instant.c.
 */
#include "conf/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config_int.h"
#include "conf/file.h"
#include "conf/places.h"
#include "conf/tls_files.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

static const char *const console_names[] = {"pgbouncer", "pgweir"};

/* ---- lifetime ----------------------------------------------------------- */

struct config *
config_new(void)
{
	struct config *config = mem_zalloc(sizeof(*config));

	config->references = 1;
	settings_init(&config->settings);
	config->directory = directory_new();
	config->places = places_new();
	config->tls_files = tls_files_none();
	return config;
}

struct config *
config_ref(struct config *config)
{
	config->references++;
	return config;
}

void
config_unref(struct config **configp)
{
	struct config *config = *configp;

	*configp = NULL;
	if (config == NULL || --config->references > 0) {
		return;
	}
	if (config->annex != NULL) {
		config->free_annex(config->annex);
	}
	settings_fini(&config->settings);
	directory_unref(&config->directory);
	places_unref(&config->places);
	tls_files_unref(&config->tls_files);
	free(config);
}

const struct places *
config_places(const struct config *config)
{
	return config->places;
}

struct tls_files *
config_tls_files(const struct config *config)
{
	return config->tls_files;
}

void
config_attach(
    struct config *config, void *annex, void (*free_annex)(void *annex))
{
	assert(config->annex == NULL && config->references == 1);
	config->annex = annex;
	config->free_annex = free_annex;
}

void *
config_annex(const struct config *config)
{
	return config->annex;
}

const struct settings *
config_settings(const struct config *config)
{
	return &config->settings;
}

/* ---- changing one setting ----------------------------------------------- */

static int
check_changeable(const struct setting *row, const char *key, struct error *err)
{
	const char *near = NULL;

	if (row == NULL) {
		near = setting_suggest(key);
		error_set(err, SQLSTATE_UNDEFINED_OBJECT,
		    "unknown setting \"%.100s\"", key);
		if (near != NULL) {
			error_hint(err, "did you mean \"%s\"?", near);
		}
		return -1;
	}
	if (row->when == WHEN_START) {
		error_set(err, SQLSTATE_INVALID_PARAMETER,
		    "%s cannot change while running", row->name);
		error_hint(err, "change it in the file and start again");
		return -1;
	}
	return 0;
}

int
config_load_tls_files(struct config *config, struct problems *problems)
{
	struct tls_files *files = tls_files_read_again(config, problems);

	if (files == NULL) {
		return -1;
	}
	tls_files_unref(&config->tls_files);
	config->tls_files = files;
	return 0;
}

/* CHANGED has another setting of TLS: the files are those it names now. */
static int
change_tls_files(struct config *changed, struct error *err)
{
	struct problems problems = {0};
	int ret = config_load_tls_files(changed, &problems);

	if (ret != 0) {
		error_set(
		    err, SQLSTATE_CONFIG_FILE, "%s", problems.items[0].text);
	}
	problems_fini(&problems);
	return ret;
}

/* All of CONFIG but its directory; that is the caller's to add. */
static struct config *
copy_without_directory(const struct config *config)
{
	struct config *copy = mem_zalloc(sizeof(*copy));

	copy->references = 1;
	copy->places = places_ref(config->places);
	copy->tls_files = tls_files_ref(config->tls_files);
	settings_copy(&copy->settings, &config->settings);
	return copy;
}

struct config *
config_with_setting(const struct config *config, const char *key,
    const char *value, struct error *err)
{
	const struct setting *row = setting_find(key);
	struct config *changed = NULL;

	if (check_changeable(row, key, err) < 0) {
		return NULL;
	}
	changed = copy_without_directory(config);
	changed->directory = directory_ref(config->directory);
	if (settings_set(&changed->settings, row, value, err) < 0 ||
	    setting_check_status(&changed->settings, row, false, err) < 0 ||
	    (row->group == GROUP_TLS && change_tls_files(changed, err) < 0)) {
		config_unref(&changed);
	}
	return changed;
}

struct config *
config_with_users(const struct config *config, struct problems *problems)
{
	size_t errors_before = problems->error_count;
	struct config *changed = copy_without_directory(config);
	struct error err;

	changed->directory = directory_with_entries_of(config->directory);
	if (config_load_users(changed, directory_source(config->directory),
	        problems, &err) != 0) {
		problems_add(problems, PROBLEM_ERROR, NULL, 0, "auth_file: %s",
		    err.text);
	}
	if (problems->error_count > errors_before) {
		config_unref(&changed);
	}
	return changed;
}

const char *
config_users_path(const struct config *config)
{
	return directory_source(config->directory);
}

struct file_stamp
config_users_stamp(const struct config *config)
{
	return directory_source_stamp(config->directory);
}

/* ---- finding ------------------------------------------------------------ */

bool
config_is_console(const char *name)
{
	return strcmp(name, console_names[0]) == 0 ||
	    strcmp(name, console_names[1]) == 0;
}

const struct database_conf *
config_find_database(const struct config *config, const char *name)
{
	const struct database_conf *entry = NULL;

	if (config_is_console(name)) {
		return NULL;
	}
	entry = directory_find_database(config->directory, name);
	return entry != NULL ? entry
	                     : directory_find_database(config->directory, "*");
}

const struct user_conf *
config_find_user(const struct config *config, const char *name)
{
	return directory_find_user(config->directory, name);
}

int
config_most_iterations(const struct config *config)
{
	return directory_most_iterations(config->directory);
}

const struct credential *
config_find_credential(const struct config *config, const char *user)
{
	return directory_find_credential(config->directory, user);
}

const struct peer_conf *
config_find_peer(const struct config *config, int id)
{
	return directory_find_peer(config->directory, id);
}

size_t
config_database_count(const struct config *config)
{
	return directory_database_count(config->directory);
}

const struct database_conf *
config_database(const struct config *config, size_t index)
{
	return directory_database(config->directory, index);
}

size_t
config_user_count(const struct config *config)
{
	return directory_user_count(config->directory);
}

const struct user_conf *
config_user(const struct config *config, size_t index)
{
	return directory_user(config->directory, index);
}

size_t
config_peer_count(const struct config *config)
{
	return directory_peer_count(config->directory);
}

const struct peer_conf *
config_peer(const struct config *config, size_t index)
{
	return directory_peer(config->directory, index);
}

size_t
config_credential_count(const struct config *config)
{
	return directory_credential_count(config->directory);
}

const struct credential *
config_credential(const struct config *config, size_t index)
{
	return directory_credential(config->directory, index);
}

/* ---- how secrets are found ----------------------------------------------- */

const char *
config_auth_user(const struct config *config, const struct database_conf *entry)
{
	return entry != NULL && entry->auth_user != NULL
	    ? entry->auth_user
	    : config->settings.auth_user;
}

const char *
config_auth_query(
    const struct config *config, const struct database_conf *entry)
{
	return entry != NULL && entry->auth_query != NULL
	    ? entry->auth_query
	    : config->settings.auth_query;
}

const char *
config_auth_dbname(
    const struct config *config, const struct database_conf *entry)
{
	return entry != NULL && entry->auth_dbname != NULL
	    ? entry->auth_dbname
	    : config->settings.auth_dbname;
}

/* ---- the monitor --------------------------------------------------------- */

const char *
config_monitor_user(
    const struct config *config, const struct database_conf *entry)
{
	if (config->settings.monitor_user[0] != '\0') {
		return config->settings.monitor_user;
	}
	return entry->user != NULL ? entry->user
	                           : config_auth_user(config, entry);
}

static const char *
if_password(const char *secret)
{
	return credential_kind_of(secret) == CREDENTIAL_PLAIN ? secret : NULL;
}

const char *
config_monitor_password(
    const struct config *config, const struct database_conf *entry)
{
	const char *user = config_monitor_user(config, entry);
	const struct credential *credential =
	    config_find_credential(config, user);

	if (config->settings.monitor_user[0] != '\0' &&
	    config->settings.monitor_password[0] != '\0') {
		return config->settings.monitor_password;
	}
	if (entry->password != NULL && str_equal(entry->user, user)) {
		return if_password(entry->password);
	}
	return credential == NULL ? NULL : if_password(credential->secret);
}

char *
config_monitor_passfile(const struct config *config)
{
	const char *name = config->settings.monitor_passfile;

	return name[0] == '\0' ? NULL
	                       : file_resolve(name,
	                             places_file(config->places,
	                                 setting_find("monitor_passfile")));
}

/* ---- who may what ------------------------------------------------------- */

bool
config_is_admin(const struct config *config, const char *user)
{
	/* Where nobody proves who he is, a list of names protects nothing;
	 * pgbouncer documents the same. */
	return config->settings.auth_type == AUTH_ANY ||
	    name_list_has(&config->settings.admin_users, user);
}

bool
config_may_show(const struct config *config, const char *user)
{
	return config_is_admin(config, user) ||
	    name_list_has(&config->settings.stats_users, user);
}

/* ---- what is in force --------------------------------------------------- */

#define NO_OVERRIDE INT64_C(-1)

/* The first of the three that is given. */
#define IN_FORCE(config, entry, user, field, global)                          \
	in_force(user_value(config, user, offsetof(struct overrides, field)), \
	    (entry)->overrides.field, (global))

static int64_t
user_value(const struct config *config, const char *name, size_t offset)
{
	const struct user_conf *user =
	    directory_find_user(config->directory, name);
	int64_t value = NO_OVERRIDE;

	if (user != NULL) {
		memcpy(&value, (const char *)&user->overrides + offset,
		    sizeof(value));
	}
	return value;
}

static int64_t
in_force(int64_t user, int64_t entry, int64_t global)
{
	if (user != NO_OVERRIDE) {
		return user;
	}
	return entry != NO_OVERRIDE ? entry : global;
}

int
config_pool_size(const struct config *config, const struct database_conf *entry,
    const char *user)
{
	/* The row's range fits an int. */
	return (int)IN_FORCE(
	    config, entry, user, pool_size, config->settings.default_pool_size);
}

int
config_reserve_pool_size(const struct config *config,
    const struct database_conf *entry, const char *user)
{
	return (int)IN_FORCE(config, entry, user, reserve_pool_size,
	    config->settings.reserve_pool_size);
}

int
config_min_pool_size(
    const struct config *config, const struct database_conf *entry)
{
	return (int)in_force(NO_OVERRIDE, entry->overrides.min_pool_size,
	    config->settings.min_pool_size);
}

int
config_max_db_connections(
    const struct config *config, const struct database_conf *entry)
{
	return (int)in_force(NO_OVERRIDE, entry->overrides.max_db_connections,
	    config->settings.max_db_connections);
}

int
config_max_db_client_connections(
    const struct config *config, const struct database_conf *entry)
{
	return (int)in_force(NO_OVERRIDE,
	    entry->overrides.max_db_client_connections,
	    config->settings.max_db_client_connections);
}

int
config_max_user_connections(const struct config *config, const char *user)
{
	return (int)in_force(
	    user_value(
	        config, user, offsetof(struct overrides, max_user_connections)),
	    NO_OVERRIDE, config->settings.max_user_connections);
}

int
config_max_user_client_connections(
    const struct config *config, const char *user)
{
	return (int)in_force(
	    user_value(config, user,
	        offsetof(struct overrides, max_user_client_connections)),
	    NO_OVERRIDE, config->settings.max_user_client_connections);
}

enum pool_mode
config_pool_mode(const struct config *config, const struct database_conf *entry,
    const char *user)
{
	/* One of the row's words. */
	return (enum pool_mode)IN_FORCE(
	    config, entry, user, pool_mode, config->settings.pool_mode);
}

int64_t
config_server_lifetime_us(
    const struct config *config, const struct database_conf *entry)
{
	return in_force(NO_OVERRIDE, entry->overrides.server_lifetime_us,
	    config->settings.server_lifetime_us);
}

int64_t
config_query_wait_timeout_us(const struct config *config,
    const struct database_conf *entry, const char *user)
{
	return IN_FORCE(config, entry, user, query_wait_timeout_us,
	    config->settings.query_wait_timeout_us);
}

int64_t
config_query_timeout_us(const struct config *config, const char *user)
{
	return in_force(user_value(config, user,
	                    offsetof(struct overrides, query_timeout_us)),
	    NO_OVERRIDE, config->settings.query_timeout_us);
}

int64_t
config_idle_transaction_timeout_us(
    const struct config *config, const char *user)
{
	return in_force(
	    user_value(config, user,
	        offsetof(struct overrides, idle_transaction_timeout_us)),
	    NO_OVERRIDE, config->settings.idle_transaction_timeout_us);
}

int64_t
config_transaction_timeout_us(const struct config *config, const char *user)
{
	return in_force(user_value(config, user,
	                    offsetof(struct overrides, transaction_timeout_us)),
	    NO_OVERRIDE, config->settings.transaction_timeout_us);
}

int64_t
config_client_idle_timeout_us(const struct config *config, const char *user)
{
	return in_force(user_value(config, user,
	                    offsetof(struct overrides, client_idle_timeout_us)),
	    NO_OVERRIDE, config->settings.client_idle_timeout_us);
}
