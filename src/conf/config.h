/*
 * config.h - a whole configuration: settings, databases, users, credentials.
 *
 * A configuration is an immutable snapshot with a reference count. A reload
 * builds a complete new one, then the owner swaps; who still uses the old one
 * holds a reference. Everything is read when it is loaded, the auth_file
 * included, so a process can load as root and drop privileges afterwards.
 */
#ifndef CONF_CONFIG_H
#define CONF_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/database.h"
#include "conf/file.h"
#include "conf/problems.h"
#include "conf/settings.h"
#include "conf/users.h"

struct config;
struct error;
struct places;
struct tls_files;

/*
 * Reads the file at PATH and what it includes. Returns a configuration with
 * one reference, or NULL when PROBLEMS (zeroed or in use; always appended to)
 * got an error. Notes may be added in both cases.
 */
struct config *config_load(const char *path, struct problems *problems)
    __attribute__((warn_unused_result));

/*
 * Reads the file OLD came from (its conffile setting) again. What can only
 * change at a start keeps its value, with a note. As config_load() otherwise;
 * OLD is unchanged, and values given by SET are those of the file again.
 */
struct config *config_reload(const struct config *old,
    struct problems *problems) __attribute__((warn_unused_result));

/* As config_load(), from TEXT of SIZE bytes; FILE is its name in messages.
 * No file is opened: %include and auth_file are errors. */
struct config *config_load_text(const char *file, const char *text, size_t size,
    struct problems *problems) __attribute__((warn_unused_result));

/*
 * Makes a configuration from a libpq connection string or postgresql:// URI:
 * its database and every other database of the same hosts, transaction mode,
 * a listener on 127.0.0.1:6432. With a password, clients give the same user
 * and password as they would to the server; without one, whoever reaches the
 * listener acts as the string's user.
 */
struct config *config_from_connstr(const char *text, struct problems *problems)
    __attribute__((warn_unused_result));

/* Whether an argument is a connection string or URI rather than a path. */
bool config_is_connstr(const char *argument);

/* Counts one more reference and returns CONFIG. */
struct config *config_ref(struct config *config);

/* Gives back one reference and sets *CONFIG to NULL; the last frees and wipes.
 * NULL is accepted. */
void config_unref(struct config **config);

/*
 * Leaves ANNEX with CONFIG: what a room to the right has read along with it,
 * and FREE_ANNEX ends when the last reference is given back. Once, before
 * anybody else has one. A changed copy has none.
 */
void config_attach(
    struct config *config, void *annex, void (*free_annex)(void *annex));

/* What was attached; NULL: nothing. */
void *config_annex(const struct config *config);

/* Valid as long as a reference is held, as everything returned below. */
const struct settings *config_settings(const struct config *config);

/* Where the settings were given; and the files those of TLS name, as they were
 * when it was loaded. */
const struct places *config_places(const struct config *config);
struct tls_files *config_tls_files(const struct config *config);

/*
 * A copy of CONFIG with one setting changed, for the console's SET: NULL and
 * ERR when KEY is unknown, cannot change while running, VALUE is wrong, or
 * asks for what does not exist yet. CONFIG itself is unchanged.
 */
struct config *config_with_setting(const struct config *config, const char *key,
    const char *value, struct error *err) __attribute__((warn_unused_result));

/*
 * A copy of CONFIG with the users of its auth_file as that is now. NULL: errors
 * were added to PROBLEMS. CONFIG itself is unchanged.
 */
struct config *config_with_users(const struct config *config,
    struct problems *problems) __attribute__((warn_unused_result));

/* The auth_file that was read, and as it was then; NULL: none was. */
const char *config_users_path(const struct config *config);
struct file_stamp config_users_stamp(const struct config *config);

/*
 * The entry called NAME, else the fallback "*", else NULL. Of the fallback,
 * the name on the server is database_conf_dbname(entry, NAME). The console's
 * names ("pgbouncer", "pgweir") are no entries: config_is_console().
 */
const struct database_conf *config_find_database(
    const struct config *config, const char *name);

/* Whether NAME is one of the console's virtual databases. */
bool config_is_console(const char *name);

/* The [users] entry, or NULL. */
const struct user_conf *config_find_user(
    const struct config *config, const char *name);

/* The auth_file's entry, or NULL. */
const struct credential *config_find_credential(
    const struct config *config, const char *user);

/* The highest iteration count of any SCRAM secret in the auth_file; 0 without
 * any. */
int config_most_iterations(const struct config *config);

/* The [peers] entry, or NULL. */
const struct peer_conf *config_find_peer(const struct config *config, int id);

/*
 * As whom the nodes of ENTRY are asked for their role and position: a role, ""
 * if there is none, and its password, NULL if none is known; a stored md5 or
 * SCRAM secret is no password.
 */
const char *config_monitor_user(
    const struct config *config, const struct database_conf *entry);
const char *config_monitor_password(
    const struct config *config, const struct database_conf *entry);

/* Where monitor_passfile is, for free(); NULL: it is not given. */
char *config_monitor_passfile(const struct config *config)
    __attribute__((warn_unused_result));

/*
 * How the secrets of users are found that are missing from the auth_file and
 * want ENTRY (NULL: the console): the role that asks, "" if there is none; what
 * it asks; and the entry where, "" for the one wanted.
 */
const char *config_auth_user(
    const struct config *config, const struct database_conf *entry);
const char *config_auth_query(
    const struct config *config, const struct database_conf *entry);
const char *config_auth_dbname(
    const struct config *config, const struct database_conf *entry);

/* In the file's order; INDEX < count. */
size_t config_database_count(const struct config *config);
const struct database_conf *config_database(
    const struct config *config, size_t index);
size_t config_user_count(const struct config *config);
const struct user_conf *config_user(const struct config *config, size_t index);
size_t config_peer_count(const struct config *config);
const struct peer_conf *config_peer(const struct config *config, size_t index);
size_t config_credential_count(const struct config *config);
const struct credential *config_credential(
    const struct config *config, size_t index);

/* Listed in admin_users: every console command. */
bool config_is_admin(const struct config *config, const char *user);

/* Listed in stats_users, or an admin: SHOW. */
bool config_may_show(const struct config *config, const char *user);

/*
 * What is in force for USER (the client's) in database ENTRY: the user's own
 * value, else the entry's, else the global one. POOL_SIZE 0 is no limit.
 */
int config_pool_size(const struct config *config,
    const struct database_conf *entry, const char *user);
enum pool_mode config_pool_mode(const struct config *config,
    const struct database_conf *entry, const char *user);
int config_reserve_pool_size(const struct config *config,
    const struct database_conf *entry, const char *user);
int64_t config_server_lifetime_us(
    const struct config *config, const struct database_conf *entry);
int64_t config_query_wait_timeout_us(const struct config *config,
    const struct database_conf *entry, const char *user);

/* The entry's value, else the global one. Of the last two, 0 is no limit. */
int config_min_pool_size(
    const struct config *config, const struct database_conf *entry);
int config_max_db_connections(
    const struct config *config, const struct database_conf *entry);
int config_max_db_client_connections(
    const struct config *config, const struct database_conf *entry);

/* The user's own value, else the global one. 0 is no limit. */
int config_max_user_connections(const struct config *config, const char *user);
int config_max_user_client_connections(
    const struct config *config, const char *user);
int64_t config_query_timeout_us(const struct config *config, const char *user);
int64_t config_idle_transaction_timeout_us(
    const struct config *config, const char *user);
int64_t config_transaction_timeout_us(
    const struct config *config, const char *user);
int64_t config_client_idle_timeout_us(
    const struct config *config, const char *user);

#endif
