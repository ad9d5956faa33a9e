/*
 * auth_rows.c - what the rows of an auth_query come to.
 *
 * Whatever PostgreSQL would take for a password is one, except for text that is
 * meant to be a SCRAM secret and is none we can use: as a password it would
 * never fit, and nobody would find out why.
 */
#include "auth/auth_rows.h"

#include <string.h>

#include "auth/scram_keys.h"
#include "core/error.h"
#include "core/mem.h"

/* What every kind of SCRAM secret begins with. */
#define SCRAM_PREFIX "SCRAM-"

static char *
copy(const char *text, size_t limit, bool *is_long)
{
	if (text == NULL) {
		return NULL;
	}
	if (strnlen(text, limit + 1) > limit) {
		*is_long = true;
		return NULL;
	}
	return mem_strdup(text);
}

void
auth_rows_add(struct auth_rows *rows, size_t columns, const char *user,
    const char *secret)
{
	if (rows->count++ > 0) {
		return;
	}
	rows->columns = columns;
	rows->user = copy(user, AUTH_NAME_MAX, &rows->is_long);
	rows->secret = copy(secret, AUTH_SECRET_MAX, &rows->is_long);
}

static int
check_shape(const struct auth_rows *rows, struct error *err)
{
	if (rows->columns != 2) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "expected 2 columns from auth_query, not %zu",
		    rows->columns);
		error_hint(err,
		    "Let it return the name of the role and its secret, in "
		    "this order.");
		return -1;
	}
	if (rows->count > 1) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "expected 1 row from auth_query, not %zu", rows->count);
		error_hint(err, "Let it return the row of user $1 only.");
		return -1;
	}
	return 0;
}

static bool
is_usable(const char *secret)
{
	struct scram_secret parsed;
	bool is_scram;

	if (strncmp(secret, SCRAM_PREFIX, strlen(SCRAM_PREFIX)) != 0) {
		return true;
	}
	is_scram = scram_secret_parse(&parsed, secret);
	mem_wipe(&parsed, sizeof(parsed));
	return is_scram;
}

static int
check_texts(const struct auth_rows *rows, struct error *err)
{
	if (rows->is_long) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "auth_query returned a name longer than %zu bytes or a "
		    "secret longer than %zu",
		    AUTH_NAME_MAX, AUTH_SECRET_MAX);
		error_hint(
		    err, "Let it return rolname and rolpassword of pg_authid.");
		return -1;
	}
	if (rows->user == NULL || rows->user[0] == '\0') {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "auth_query returned a row without the name of a role");
		error_hint(err,
		    "Let it return no row for who does not exist, and else "
		    "the name in the first column.");
		return -1;
	}
	if (rows->secret != NULL && !is_usable(rows->secret)) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "auth_query returned a secret of a kind that cannot be "
		    "used");
		error_hint(err,
		    "Usable are SCRAM-SHA-256 and md5 secrets as in pg_authid, "
		    "and passwords; let the user set the password again.");
		return -1;
	}
	return 0;
}

int
auth_rows_check(const struct auth_rows *rows, struct error *err)
{
	if (rows->count == 0) {
		return 0;
	}
	return check_shape(rows, err) == 0 ? check_texts(rows, err) : -1;
}

void
auth_rows_fini(struct auth_rows *rows)
{
	mem_wipe_free(&rows->user);
	mem_wipe_free(&rows->secret);
	*rows = (struct auth_rows){0};
}
