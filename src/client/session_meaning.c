/*
 * session_meaning.c - what texts mean until it is known what the statements
 * before them come to.
 *
 * The same text may be another statement under other settings. Until a server
 * has answered a SET it is not known which are in force, so texts are told
 * apart by what stands between; and some settings change how a text is read.
 */
#include <string.h>

#include "client/session_int.h"
#include "core/buf.h"
#include "core/str.h"
#include "server/profile.h"
#include "server/statement.h"
#include "sql/session_ops.h"

static bool
differs(const struct session *session, const char *name)
{
	return !str_equal(profile_get(session->now, name),
	    profile_get(session->startup, name));
}

static bool
is_lexical(const struct session *session, const struct session_op *op)
{
	static const char *const names[] = {
	    "standard_conforming_strings", "client_encoding"};

	for (int i = 0; i < 2; i++) {
		if (op->name != NULL && strcmp(op->name, names[i]) == 0) {
			return true;
		}
		if ((op->kind == SESSION_RESET_ALL ||
		        op->kind == SESSION_DISCARD_ALL) &&
		    differs(session, names[i])) {
			return true;
		}
	}
	return false;
}

/* Statements prepared behind OPS in their batch are others than those before;
 * two are the same if the same was set between. */
static void
mix_meaning(
    struct session *session, const struct session_ops *ops, char *const *values)
{
	struct buf text = {0};

	buf_append(&text, &session->meaning, sizeof(session->meaning));
	for (size_t i = 0; i < ops->count; i++) {
		const struct session_op *op = &ops->items[i];
		const char *value = session_value(ops, values, i);
		const char *name = op->name == NULL ? "" : op->name;

		buf_append_char(&text, (char)op->kind);
		buf_append(&text, name, strlen(name) + 1);
		buf_append_char(&text, value == NULL ? 0 : 1);
		if (value != NULL) {
			buf_append(&text, value, strlen(value) + 1);
		}
	}
	session->meaning = hash_bytes128(buf_bytes(&text), text.length);
	buf_fini(&text);
}

void
session_settle(
    struct client *client, const struct session_ops *ops, char *const *values)
{
	struct session *session = &client->session;

	session->is_settling = true;
	mix_meaning(session, ops, values);
	for (size_t i = 0; i < ops->count; i++) {
		session->is_lexical =
		    session->is_lexical || is_lexical(session, &ops->items[i]);
	}
}

/* Under which settings a literal was read is decided when it is parsed. */
static const char *const literal_names[] = {"array_nulls", "client_encoding",
    "datestyle", "intervalstyle", "lc_monetary", "standard_conforming_strings",
    "timezone", "transform_null_equals", "xmloption"};

static bool
changes_literals(const struct session *session, const struct session_op *op)
{
	size_t count = sizeof(literal_names) / sizeof(*literal_names);

	for (size_t i = 0; i < count; i++) {
		bool is_it =
		    op->name != NULL && strcmp(op->name, literal_names[i]) == 0;

		if ((session_is_settings_op(op) && is_it) ||
		    (op->kind == SESSION_RESET_ALL &&
		        differs(session, literal_names[i]))) {
			return true;
		}
	}
	return false;
}

static void
look_for_quote(
    void *context, const char *name, size_t length, struct statement *statement)
{
	bool *found = context;

	(void)name;
	(void)length;
	*found = *found ||
	    memchr(statement->body, '\'', statement->text_length) != NULL;
}

bool
session_changes_literals(
    const struct client *client, const struct session_ops *ops)
{
	bool changes = false, found = false;

	for (size_t i = 0; ops != NULL && i < ops->count; i++) {
		changes = changes ||
		    changes_literals(&client->session, &ops->items[i]);
	}
	if (changes && names_count(&client->names) > 0) {
		names_each(&client->names, look_for_quote, &found);
	}
	return found;
}
