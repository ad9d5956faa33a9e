/* auth_rows.h - what the rows of an auth_query come to. */
#ifndef AUTH_AUTH_ROWS_H
#define AUTH_AUTH_ROWS_H

#include <stdbool.h>
#include <stddef.h>

struct error;

/* A secret longer than this is none: as long as auth_file takes them. */
#define AUTH_SECRET_MAX ((size_t)65535)

/* Longest name of a role that is taken; PostgreSQL's own are cut at 63. */
#define AUTH_NAME_MAX ((size_t)1024)

/* The rows so far. Zeroed: none. End it with auth_rows_fini(). */
struct auth_rows {
	size_t count;
	size_t columns; /* of the first row */
	char *user;     /* owned; its first column; NULL if that is NULL */
	char *secret;   /* owned; its second; NULL if that is NULL */
	bool is_long;   /* one of the two is too long, and not kept */
};

/* Takes one row of COLUMNS; USER and SECRET are the texts of its first two,
 * NULL where they are NULL or missing. They are copied. */
void auth_rows_add(struct auth_rows *rows, size_t columns, const char *user,
    const char *secret);

/*
 * Whether ROWS are an answer that can be used: no row at all (there is no such
 * user), or one whose columns are the name of a role and its secret, which may
 * be NULL. Otherwise -1 and ERR, with what to do about it; for the log, not for
 * clients.
 */
int auth_rows_check(const struct auth_rows *rows, struct error *err)
    __attribute__((warn_unused_result));

/* Wipes and forgets the rows. */
void auth_rows_fini(struct auth_rows *rows);

#endif
