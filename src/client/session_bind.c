/*
 * session_bind.c - a client's settings by the extended protocol: what is bound
 * to the unnamed portal, and what its Execute comes to.
 *
 * What a Bind gives as a value is kept until it is run. A RESET is followed by
 * a statement of our own that sets what the client came with.
 */
#include <stdlib.h>
#include <string.h>

#include "client/session_int.h"
#include "core/buf.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "proto/reader.h"
#include "server/note.h"
#include "server/profile.h"
#include "server/server_int.h"
#include "sql/session_ops.h"

/* ---- bound, then run ----------------------------------------------------- */

static void
unbind(struct session_bound *bound)
{
	if (bound->ops != NULL) {
		session_free_values(bound->ops, &bound->values);
		session_ops_release(&bound->ops);
	}
}

void
session_unbind(struct client *client)
{
	unbind(&client->session.bound);
}

#define OID_TEXT 25
#define OID_UNKNOWN 705
#define OID_VARCHAR 1043

static bool
is_text(const uint8_t *types, size_t count, size_t index)
{
	uint32_t oid = index < count ? frame_u32(types + 4 * index) : 0;

	return oid == 0 || oid == OID_TEXT || oid == OID_UNKNOWN ||
	    oid == OID_VARCHAR;
}

/* Copies parameter number WANTED (from 1) of a Bind, whose rest behind its
 * names READER reads. False if that cannot be. */
static bool
copy_parameter(struct reader reader, size_t wanted, char **value)
{
	int16_t formats = reader_i16(&reader);
	int16_t count;

	*value = NULL;
	if (formats < 0) {
		return false;
	}
	(void)reader_bytes(&reader, 2 * (size_t)formats);
	count = reader_i16(&reader);
	for (int16_t i = 0; i < count; i++) {
		int32_t size = reader_i32(&reader);
		const uint8_t *bytes =
		    size < 0 ? NULL : reader_bytes(&reader, (size_t)size);

		if (!reader_ok(&reader)) {
			return false;
		}
		if ((size_t)i + 1 != wanted) {
			continue;
		}
		if (size < 0) {
			return true; /* NULL */
		}
		if ((size_t)size > SESSION_VALUE_MAX_BYTES ||
		    memchr(bytes, 0, (size_t)size) != NULL) {
			return false;
		}
		*value = mem_strndup((const char *)bytes, (size_t)size);
		return true;
	}
	return false;
}

static bool
copy_values(struct session_bound *bound, const uint8_t *body, size_t size,
    const uint8_t *types, size_t count)
{
	struct reader reader;

	reader_init(&reader, body, size);
	(void)reader_cstr(&reader); /* portal */
	(void)reader_cstr(&reader); /* statement */
	if (!reader_ok(&reader)) {
		return false;
	}
	bound->values = mem_zalloc(bound->ops->count * sizeof(*bound->values));
	for (size_t i = 0; i < bound->ops->count; i++) {
		size_t parameter = bound->ops->items[i].parameter;

		if (parameter > 0 &&
		    (!is_text(types, count, parameter - 1) ||
		        !copy_parameter(
		            reader, parameter, &bound->values[i]))) {
			return false;
		}
	}
	return true;
}

/* ---- NULL, which resets -------------------------------------------------- */

/* Whether parameter number WANTED stands in TEXT once at most. What is a
 * string or a comment there is taken for one, too. */
static bool
is_used_once(const char *text, size_t length, size_t wanted)
{
	unsigned found = 0;

	for (size_t i = 0; i < length; i++) {
		size_t number = 0;

		if (text[i] != '$') {
			continue;
		}
		while (i + 1 < length && text[i + 1] >= '0' &&
		    text[i + 1] <= '9' && number <= UINT16_MAX) {
			number = 10 * number + (size_t)(text[++i] - '0');
		}
		found += number == wanted ? 1 : 0;
	}
	return found <= 1;
}

/* What NULL for parameter number WANTED is to be; NULL: that. */
static const char *
value_for_null(const struct client *client, const struct session_ops *ops,
    size_t wanted, const char *text, size_t length)
{
	for (size_t i = 0; i < ops->count; i++) {
		const struct session_op *op = &ops->items[i];

		if (op->kind == SESSION_SET && op->parameter == wanted &&
		    strcmp(op->name, "session_authorization") != 0 &&
		    is_used_once(text, length, wanted)) {
			return profile_get(client->session.startup, op->name);
		}
	}
	return NULL;
}

bool
session_fill_bind(const struct client *client, const uint8_t *body, size_t size,
    const struct session_ops *ops, const char *text, size_t length,
    struct buf *out)
{
	bool is_filled = false;
	struct reader reader;
	struct msg msg;
	int16_t count;
	size_t taken = 0;

	reader_init(&reader, body, size);
	(void)reader_cstr(&reader); /* portal */
	(void)reader_cstr(&reader); /* statement */
	count = reader_i16(&reader);
	(void)reader_bytes(&reader, count < 0 ? 0 : 2 * (size_t)count);
	count = reader_i16(&reader);
	msg_begin(&msg, out, MSG_BIND);
	for (int16_t i = 0; i < count && reader_ok(&reader); i++) {
		int32_t bytes = reader_i32(&reader);
		size_t at = size - reader_left(&reader);
		const char *value;

		if (bytes >= 0) {
			(void)reader_bytes(&reader, (size_t)bytes);
		} else if (reader_ok(&reader) &&
		    (value = value_for_null(
		         client, ops, (size_t)i + 1, text, length)) != NULL) {
			msg_put_bytes(&msg, body + taken, at - 4 - taken);
			msg_put_i32(&msg, (int32_t)strlen(value));
			msg_put_bytes(&msg, value, strlen(value));
			taken = at;
			is_filled = true;
		}
	}
	msg_put_bytes(&msg, body + taken, size - taken);
	return msg_end(&msg) && is_filled && reader_ok(&reader);
}

/* set_config() with NULL is a RESET, which needs the client's own value. */
static bool
is_reset_by_value(const struct client *client, const struct session_ops *ops,
    char *const *values)
{
	for (size_t i = 0; i < ops->count; i++) {
		const struct session_op *op = &ops->items[i];

		if (op->kind == SESSION_SET &&
		    session_value(ops, values, i) == NULL &&
		    (profile_get(client->session.startup, op->name) != NULL ||
		        strcmp(op->name, "session_authorization") == 0)) {
			return true;
		}
	}
	return false;
}

const char *
session_bind(struct client *client, const uint8_t *body, size_t size,
    struct session_ops *ops, const uint8_t *types, size_t count)
{
	struct session_bound *bound = &client->session.bound;

	unbind(bound);
	if (ops == NULL) {
		return NULL;
	}
	bound->ops = session_ops_ref(ops);
	bound->batch = answers_batch(&client->server->answers);
	bound->is_doubtful = false;
	if (!copy_values(bound, body, size, types, count) ||
	    is_reset_by_value(client, ops, bound->values)) {
		return "set_config()";
	}
	return session_check(client, ops, bound->values);
}

/* The SQL that sets what OPS, of one statement, have not; NULL: there is none.
 * The caller owns it. */
static char *
own_values_behind(const struct client *client, const struct session_ops *ops)
{
	struct buf values = {0};
	char *text = NULL;

	for (size_t i = 0; i < ops->count && values.length == 0; i++) {
		const struct session_op *op = &ops->items[i];

		if (op->kind == SESSION_RESET ||
		    op->kind == SESSION_RESET_ALL ||
		    op->kind == SESSION_DISCARD_ALL) {
			(void)session_put_own_values(client, op, &values);
		}
	}
	if (values.length > 0) {
		text = mem_strdup(buf_text(&values));
	}
	buf_fini(&values);
	return text;
}

struct session_run
session_execute(struct client *client)
{
	struct session_bound *bound = &client->session.bound;
	struct session_run run = {0};
	struct session_part *part;

	if (bound->ops == NULL || !session_is_of_interest(client, bound->ops)) {
		return run;
	}
	session_settle(client, bound->ops, bound->values);
	run.behind = own_values_behind(client, bound->ops);
	part = session_part_new(bound->ops, &bound->values);
	session_replace(client, &run, part);
	client->session.is_clearing = session_clears(part->ops);
	client->session.has_discarded = client->session.is_clearing &&
	    part->ops->items[0].kind == SESSION_DISCARD_ALL;
	unbind(bound); /* once done it does nothing more */
	run.note = note_new();
	run.note->part = &part->part;
	return run;
}
