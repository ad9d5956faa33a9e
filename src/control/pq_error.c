/*
 * pq_error.c - libpq's words as a struct error.
 *
 * A failed login leaves only a text behind. With verbose errors it contains
 * the SQLSTATE, which is cut out of it again.
 */
#include "control/pq_error.h"

#include <string.h>

#include "core/error.h"

/*
 * Finds ":  XXXXX: " in TEXT, libpq's "SEVERITY:  SQLSTATE: message"; the
 * severity may be in any language. NULL if there is none.
 */
static const char *
find_sqlstate(const char *text)
{
	while ((text = strstr(text, ":  ")) != NULL) {
		text += 3;
		if (strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 &&
		    strncmp(text + 5, ": ", 2) == 0) {
			return text;
		}
	}
	return NULL;
}

bool
pq_error_has_sqlstate(const char *text)
{
	return find_sqlstate(text) != NULL;
}

void
pq_error_set(struct error *err, const char *text, const char *fallback)
{
	const char *at = find_sqlstate(text);
	char sqlstate[6] = "";

	if (at != NULL) {
		memcpy(sqlstate, at, 5);
		text = at + 7;
	} else if (strncmp(text, "connection to server", 20) == 0 &&
	    (at = strstr(text, " failed: ")) != NULL) {
		/* Who tells of it knows to which server. */
		text = at + 9;
		at = NULL;
	}
	error_set(err, at != NULL ? sqlstate : fallback, "%.*s",
	    (int)strcspn(text, "\n"), text);
}

void
pq_error_set_result(struct error *err, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (sqlstate == NULL || strlen(sqlstate) != 5 || text == NULL) {
		pq_error_set(err, PQresultErrorMessage(result),
		    SQLSTATE_CONNECTION_FAILURE);
		return;
	}
	error_set(err, sqlstate, "%s", text);
}
