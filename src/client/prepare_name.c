/*
 * prepare_name.c - the names of statements in messages: exchanged on the way to
 * a server, and back again in its errors.
 */
#include "client/prepare_int.h"

#include <stdlib.h>
#include <string.h>

#include "client/client_int.h"
#include "client/out.h"
#include "core/buf.h"
#include "proto/error_fields.h"
#include "proto/frame.h"
#include "server/pool.h"
#include "server/statement.h"

/* ---- to the server ------------------------------------------------------- */

bool
prepare_find_name(
    uint8_t type, const uint8_t *body, size_t size, struct prepare_name *name)
{
	const uint8_t *at = body, *end = body + size, *stop;

	if (type == MSG_BIND) {
		stop = size == 0 ? NULL : memchr(at, 0, size);
		if (stop == NULL) {
			return false;
		}
		at = stop + 1;
	} else if (type == MSG_DESCRIBE || type == MSG_CLOSE) {
		if (size < 2 || body[0] != 'S') {
			return false;
		}
		at++;
	}
	stop = at == end ? NULL : memchr(at, 0, (size_t)(end - at));
	if (stop == NULL) {
		return false;
	}
	name->bytes = (const char *)at;
	name->length = (size_t)(stop - at);
	name->before = (size_t)(at - body);
	return true;
}

bool
prepare_is_ascii(const struct prepare_name *name)
{
	for (size_t i = 0; i < name->length; i++) {
		if ((unsigned char)name->bytes[i] >= 0x80) {
			return false;
		}
	}
	return true;
}

static bool
is_like_ours(const struct prepare_name *name)
{
	return name->length >= sizeof(STATEMENT_PREFIX) - 1 &&
	    memcmp(name->bytes, STATEMENT_PREFIX,
	        sizeof(STATEMENT_PREFIX) - 1) == 0;
}

void
prepare_put_head(struct out *out, const struct frame *frame,
    const uint8_t *body, const struct prepare_name *name, const char *text,
    size_t length)
{
	uint32_t size =
	    htobe32((uint32_t)(4 + frame->body_bytes - name->length + length));

	out_copy(out, &frame->type, 1);
	out_copy(out, &size, sizeof(size));
	out_copy(out, body, name->before);
	out_copy(out, text, length);
	out_copy(out, "", 1);
}

size_t
prepare_head_bytes(const struct prepare_name *name)
{
	return FRAME_HEADER_BYTES + name->before + name->length + 1;
}

struct prepare_result
prepare_pass_unknown(struct out *out, const struct frame *frame,
    const uint8_t *body, const struct prepare_name *name)
{
	struct prepare_result result = {.way = PREPARE_PASS};
	struct buf text = {0};

	if (!is_like_ours(name)) {
		return result;
	}
	buf_append_str(&text, STATEMENT_PREFIX);
	buf_append(&text, name->bytes, name->length);
	prepare_put_head(out, frame, body, name, buf_text(&text), text.length);
	buf_fini(&text);
	result.replaced = prepare_head_bytes(name);
	return result;
}
/* ---- back in an error ---------------------------------------------------- */

/* The end of the name of ours that begins at NAME. */
static const char *
end_of_ours(const char *name)
{
	name += sizeof(STATEMENT_PREFIX) - 1;
	return name + strspn(name, "0123456789abcdef");
}

/* Appends what the client calls the statement of ours at NAME, up to END. */
static void
put_client_name(
    struct client *client, const char *name, const char *end, struct buf *out)
{
	struct statement *statement = statements_find_name(
	    pools_statements(client->set->pools), name, (size_t)(end - name));
	size_t length = 0;
	const char *its = statement == NULL
	    ? NULL
	    : names_of(&client->names, statement, &length);

	if (client->taken_name != NULL) {
		buf_append_str(out, client->taken_name);
	} else if (its == NULL) {
		buf_append(out, name, (size_t)(end - name));
	} else {
		buf_append(out, its, length);
	}
}

/* TEXT without names of ours. */
static void
put_renamed(struct client *client, const char *text, struct buf *out)
{
	const size_t prefix = sizeof(STATEMENT_PREFIX) - 1;
	const char *name;

	while ((name = strstr(text, STATEMENT_PREFIX)) != NULL) {
		const char *end = end_of_ours(name);

		buf_append(out, text, (size_t)(name - text));
		if (strncmp(name + prefix, STATEMENT_PREFIX, prefix) == 0) {
			/* Its own, which was like ours: see
			 * prepare_pass_unknown(). */
			buf_append_str(out, STATEMENT_PREFIX);
			end = name + 2 * prefix;
		} else {
			put_client_name(client, name, end, out);
		}
		text = end;
	}
	buf_append(out, text, strlen(text) + 1);
}

static void
forget_taken(struct client *client)
{
	free(client->taken_name);
	client->taken_name = NULL;
}

bool
prepare_rename_error(
    struct client *client, const uint8_t *body, size_t size, struct buf *out)
{
	const uint8_t *at = body, *end = body + size;
	struct error_fields fields;
	struct buf fresh = {0};
	uint8_t type = MSG_ERROR_RESPONSE;
	uint32_t length;

	if (client->is_form_changed) {
		told_put_error(out);
		return true;
	}
	if (error_fields_parse(body, size, &fields) != 0 ||
	    strstr(fields.message, STATEMENT_PREFIX) == NULL) {
		forget_taken(client);
		return false;
	}
	while (at < end && *at != '\0') {
		const char *text = (const char *)at + 1;

		buf_append(&fresh, at, 1);
		if (*at == 'M') {
			put_renamed(client, text, &fresh);
		} else {
			buf_append(&fresh, text, strlen(text) + 1);
		}
		at += strlen(text) + 2;
	}
	buf_append(&fresh, "", 1);
	forget_taken(client);
	length = htobe32((uint32_t)(4 + fresh.length));
	buf_append(out, &type, 1);
	buf_append(out, &length, sizeof(length));
	buf_append(out, buf_bytes(&fresh), fresh.length);
	buf_fini(&fresh);
	return true;
}
