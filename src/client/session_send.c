/*
 * session_send.c - a client's settings as its own statements change them: what
 * can be followed, and what is to be noted when it has been done.
 */
#include <string.h>

#include "client/session_int.h"
#include "core/str.h"
#include "server/note.h"
#include "server/server_int.h"
#include "sql/session_ops.h"

/* ---- what is of interest ------------------------------------------------- */

bool
session_is_settings_op(const struct session_op *op)
{
	return op->kind == SESSION_SET || op->kind == SESSION_RESET ||
	    op->kind == SESSION_RESET_ALL;
}

bool
session_is_statements_op(const struct session_op *op)
{
	return op->kind == SESSION_DISCARD_ALL ||
	    op->kind == SESSION_DEALLOCATE ||
	    op->kind == SESSION_DEALLOCATE_ALL;
}

/* Ends of transactions count only when there is something to be ended. */
bool
session_is_of_interest(
    const struct client *client, const struct session_ops *ops)
{
	const struct session *session = &client->session;

	if (session->is_settling || !changes_are_none(&session->changes)) {
		return true;
	}
	for (size_t i = 0; i < ops->count; i++) {
		if (session_is_settings_op(&ops->items[i]) ||
		    session_is_statements_op(&ops->items[i])) {
			return true;
		}
	}
	return false;
}

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text >= 0x80) {
			return false;
		}
	}
	return true;
}

/* Whether the server keeps a client's bytes as they are. */
static bool
is_encoding_shared(const struct server *server)
{
	const char *client = params_get(&server->params, "client_encoding");
	const char *own = params_get(&server->params, "server_encoding");

	return client != NULL && own != NULL && str_equal_nocase(client, own);
}

bool
session_limits_idling(const char *name, const char *value)
{
	return strcmp(name, "idle_session_timeout") == 0 && value != NULL &&
	    strspn(value, "0") != strlen(value);
}

static const char *
check_set(
    const struct client *client, const struct session_op *op, const char *value)
{
	if (value == NULL) {
		return NULL;
	}
	if (strlen(value) > SESSION_VALUE_MAX_BYTES) {
		return "setting that is too long";
	}
	if (!is_ascii(value) && !is_encoding_shared(client->server)) {
		return "setting that is not ASCII";
	}
	if (!op->is_local && session_limits_idling(op->name, value)) {
		return "limit of idle time";
	}
	if (strcmp(op->name, "search_path") == 0 &&
	    sql_names_temporary(value, strlen(value))) {
		return "temporary object";
	}
	return NULL;
}

const char *
session_check(const struct client *client, const struct session_ops *ops,
    char *const *values)
{
	for (size_t i = 0; i < ops->count; i++) {
		const struct session_op *op = &ops->items[i];
		const char *reason = NULL;

		if (op->kind == SESSION_SET) {
			reason = check_set(
			    client, op, session_value(ops, values, i));
		}
		if (reason != NULL) {
			return reason;
		}
	}
	return NULL;
}

/* ---- a Query ------------------------------------------------------------- */

struct session_run
session_query(struct client *client, const char *text, size_t length,
    struct session_ops *ops, struct buf *rewritten)
{
	struct session_run run = {0};
	struct session_part *part;
	char **values = NULL;

	if (ops == NULL || !session_is_of_interest(client, ops)) {
		return run;
	}
	part = session_part_new(ops, &values);
	switch (session_rewrite(client, text, length, ops, rewritten, part)) {
	case SESSION_FORM_WAITS:
		part->part.on_note(client, &part->part, NOTE_SKIPPED);
		run.must_wait = true;
		return run;
	case SESSION_FORM_UNKNOWN:
		run.pin = "statement not understood";
		break;
	case SESSION_FORM_OTHER:
		run.is_rewritten = true;
		break;
	case SESSION_FORM_OWN:
		break;
	}
	if (run.pin == NULL) {
		run.pin = session_check(client, ops, NULL);
	}
	run.note = note_new();
	run.note->part = &part->part;
	session_settle(client, ops, NULL);
	return run;
}

bool
session_may_go_on(const struct client *client)
{
	const struct answers *answers = &client->server->answers;

	return !client->session.is_settling || answers->batch_open ||
	    answers->skipping || answers->copy_in ||
	    answers_is_settled(answers);
}
