/*
 * connstr.h - key=value connection strings, and postgresql:// URIs.
 *
 * Two dialects of the first: pgbouncer's (a quote inside quotes is doubled,
 * backslash is an ordinary character) and libpq's (backslash escapes).
 * PostgreSQL docs, "Connection Strings"; pgbouncer docs, "Section [databases]".
 */
#ifndef CONF_CONNSTR_H
#define CONF_CONNSTR_H

#include <stdbool.h>
#include <stddef.h>

struct error;

enum connstr_dialect {
	CONNSTR_PGBOUNCER,
	CONNSTR_LIBPQ
};

/* The pairs of one connection string, in order. Zeroed: none. */
struct connstr {
	struct connstr_pair {
		char *key;   /* owned */
		char *value; /* owned, wiped: it may be a password */
	} * pairs;           /* owned array */
	size_t count;
};

/* At most this many pairs in a connection string, hosts in a list. */
#define CONNSTR_PAIRS_MAX 100
#define CONNSTR_LIST_MAX 64

/* Splits TEXT into OUT (zeroed). -1 and ERR when it is malformed; OUT is then
 * empty. The caller ends OUT with connstr_fini(). */
int connstr_parse(struct connstr *out, enum connstr_dialect dialect,
    const char *text, struct error *err) __attribute__((warn_unused_result));

/*
 * As connstr_parse() for "postgresql://user:password@host:port,host/db?k=v".
 * Several hosts become the lists host=a,b and port=1,2 (an empty element where
 * none was given).
 */
int connstr_parse_uri(struct connstr *out, const char *text, struct error *err)
    __attribute__((warn_unused_result));

/* Whether TEXT begins with postgresql:// or postgres://. */
bool connstr_is_uri(const char *text);

/* The last value given for KEY, NULL if there is none. */
const char *connstr_get(const struct connstr *connstr, const char *key);

void connstr_fini(struct connstr *connstr);

#endif
