/* users.h - who may log in, and as what: auth_file, [users], [peers]. */
#ifndef CONF_USERS_H
#define CONF_USERS_H

#include <stddef.h>

#include "conf/database.h"

struct problems;

enum credential_kind {
	CREDENTIAL_NONE,  /* empty: this user has no password */
	CREDENTIAL_PLAIN, /* the password itself */
	CREDENTIAL_MD5,  /* "md5" and 32 hex digits, PostgreSQL's stored form */
	CREDENTIAL_SCRAM /* "SCRAM-SHA-256$...", PostgreSQL's stored form */
};

/* One line of the auth_file. */
struct credential {
	char *user;                /* owned */
	char *secret;              /* owned, wiped when freed; never NULL */
	enum credential_kind kind; /* what SECRET looks like */
};

/* One [users] entry. */
struct user_conf {
	char *name; /* owned */
	struct overrides overrides;
};

/* One [peers] entry. */
struct peer_conf {
	int id;                /* 1..16383 */
	struct host_conf host; /* owned */
	int pool_size;         /* -1: not given */
};

struct error;

/* What a stored secret looks like. */
enum credential_kind credential_kind_of(const char *secret);

/* Called once per line of an auth_file, in order; CREDENTIAL is borrowed. */
typedef void (*credential_fn)(void *arg, const struct credential *credential);

/*
 * Reads an auth_file's TEXT of SIZE bytes ("user" "password" per line, "" for
 * a quote, ; or # begin a comment) and calls TAKE for each entry. Errors are
 * added to PROBLEMS with FILE and line; reading goes on with the next line.
 */
void userlist_parse(const char *file, const char *text, size_t size,
    credential_fn take, void *arg, struct problems *problems);

/* Parses "NAME = TEXT" of [users]; NULL and ERR when it is wrong. */
struct user_conf *user_conf_parse(const char *name, const char *text,
    struct error *err) __attribute__((warn_unused_result));
void user_conf_free(struct user_conf **user);

/* Parses "NAME = TEXT" of [peers]; NULL and ERR when it is wrong. */
struct peer_conf *peer_conf_parse(const char *name, const char *text,
    struct error *err) __attribute__((warn_unused_result));
void peer_conf_free(struct peer_conf **peer);

#endif
