/* database.h - [databases] entries: where a database is and how to log in. */
#ifndef CONF_DATABASE_H
#define CONF_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* One place to connect to, from the parallel lists host=, port=, weight=. */
struct host_conf {
	char *name;   /* owned; host name, IP address, or socket directory */
	bool is_unix; /* NAME is a directory ("/...") or abstract ("@...") */
	int port;     /* 1..65535; of a socket directory: its .s.PGSQL.PORT */
	int weight;   /* 1..1000; 1 when not given */
};

/* What [databases] and [users] entries may say instead of the global settings.
 * -1: not given. */
struct overrides {
	int64_t pool_size;
	int64_t min_pool_size;
	int64_t reserve_pool_size;
	int64_t pool_mode; /* enum pool_mode */
	int64_t max_db_connections;
	int64_t max_db_client_connections;
	int64_t max_user_connections;
	int64_t max_user_client_connections;
	int64_t server_lifetime_us;
	int64_t query_wait_timeout_us;
	int64_t query_timeout_us;
	int64_t idle_transaction_timeout_us;
	int64_t transaction_timeout_us;
	int64_t client_idle_timeout_us;
};

/* One entry. Immutable; belongs to its struct config. */
struct database_conf {
	char *name;   /* owned; as clients ask for it; "*" is the
	                 fallback for every other name */
	char *dbname; /* owned; on the server; NULL: as asked for, see
	                 database_conf_dbname() */
	struct host_conf *hosts; /* owned array */
	size_t host_count;       /* >= 1 */
	char *user;              /* owned; log in as this user; NULL: as the
	                            client's user */
	char *password;          /* owned, secret; NULL: from the credentials */
	char *client_encoding;   /* owned; startup settings; NULL: not given */
	char *datestyle;         /* owned */
	char *timezone;          /* owned */
	char *application_name;  /* owned */
	char *connect_query;     /* owned; NULL when not given */
	char *auth_user;         /* owned; NULL when not given */
	char *auth_query;        /* owned */
	char *auth_dbname;       /* owned */
	struct overrides overrides;
};

/* The name on the server when a client asked for ASKED and got ENTRY. */
const char *database_conf_dbname(
    const struct database_conf *entry, const char *asked);

/*
 * Parses TEXT, the right side of "NAME = ..." in [databases]: pgbouncer's
 * connection string, with host, port and weight as parallel lists. Returns a
 * new entry, or NULL and ERR. The caller ends it with database_conf_free().
 */
struct database_conf *database_conf_parse(const char *name, const char *text,
    struct error *err) __attribute__((warn_unused_result));

struct connstr;

/* As database_conf_parse(), from pairs that are already cut. */
struct database_conf *database_conf_from_pairs(
    const char *name, const struct connstr *connstr, struct error *err)
    __attribute__((warn_unused_result));

/* Whether a pool of A can go on under B: same hosts and same login. */
bool database_conf_same_target(
    const struct database_conf *a, const struct database_conf *b);

/* Frees *ENTRY, wiping secrets, and sets it to NULL. NULL is accepted. */
void database_conf_free(struct database_conf **entry);

#endif
