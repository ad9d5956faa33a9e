/*
 * console_extended.c - the extended protocol of the console.
 *
 * A statement is its text; it is looked at when it is described or run. Nothing
 * has parameters, and an Execute gives all rows whatever it asks for: there are
 * few.
 *
 * Source: PostgreSQL docs, "Message Flow", "Extended Query".
 */
#include <stdlib.h>
#include <string.h>

#include "client/client_int.h"
#include "client/console.h"
#include "client/console_format.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "proto/reader.h"

/* A statement or a portal. */
struct named {
	struct list_link link;
	char *name;                     /* owned; "" for the unnamed one */
	char *text;                     /* owned */
	struct console_formats formats; /* of a portal */
};

struct console {
	struct list statements; /* of struct named, owned */
	struct list portals;
	bool is_skipping;  /* to the next Sync */
	bool is_executing; /* the command under way came with Execute */
	struct console_formats formats; /* it is to be answered in */
};

/* ---- names --------------------------------------------------------------- */

static struct named *
find(const struct list *list, const char *name)
{
	list_foreach (list, link) {
		struct named *item = list_entry(link, struct named, link);

		if (strcmp(item->name, name) == 0) {
			return item;
		}
	}
	return NULL;
}

static void
forget(struct list *list, struct named *item)
{
	list_remove(list, &item->link);
	free(item->name);
	free(item->text);
	free(item);
}

static void
forget_all(struct list *list)
{
	struct named *item;

	while ((item = list_first(list, struct named, link)) != NULL) {
		forget(list, item);
	}
}

/* The new entry; NULL and ERR when there are too many, or NAME is taken. */
static struct named *
add(struct list *list, const char *name, const char *text, struct error *err)
{
	struct named *item = find(list, name);

	if (item != NULL && name[0] != '\0') {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "\"%s\" already exists", name);
		return NULL;
	}
	if (item != NULL) {
		forget(list, item);
	}
	if (list->count >= CONSOLE_NAMES_MAX) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "too many prepared statements or portals");
		return NULL;
	}
	item = mem_zalloc(sizeof(*item));
	item->name = mem_strdup(name);
	item->text = mem_strdup(text);
	list_append(list, &item->link);
	return item;
}

static struct named *
find_or_say(const struct list *list, const char *name, struct error *err)
{
	struct named *item = find(list, name);

	if (item == NULL) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "\"%s\" does not exist", name);
	}
	return item;
}

void
console_free(struct console **console)
{
	if (*console == NULL) {
		return;
	}
	forget_all(&(*console)->statements);
	forget_all(&(*console)->portals);
	free(*console);
	*console = NULL;
}

/* ---- answers ------------------------------------------------------------- */

/* The first message of OUT is of TYPE; its bytes. 0: it is not. */
static size_t
first_message(const struct buf *out, uint8_t type)
{
	const uint8_t *bytes = buf_bytes(out);
	struct frame frame;

	if (bytes == NULL ||
	    frame_parse(bytes, out->length, FRAME_MAX_BODY, &frame) !=
	        FRAME_OK ||
	    frame.type != type) {
		return 0;
	}
	return frame_bytes(&frame);
}

/* Whether OUT, perhaps behind notices, says that the command has failed. */
static bool
has_error(const struct buf *out)
{
	size_t at = 0;
	struct frame frame;

	while (at < out->length &&
	    frame_parse(buf_bytes(out) + at, out->length - at, FRAME_MAX_BODY,
	        &frame) == FRAME_OK &&
	    frame.type == MSG_NOTICE_RESPONSE) {
		at += frame_bytes(&frame);
	}
	return at < out->length && buf_bytes(out)[at] == MSG_ERROR_RESPONSE;
}

bool
console_is_skipping(const struct client *client)
{
	return client->console != NULL && client->console->is_skipping;
}

/* OUT becomes what it is in the formats asked for. */
static void
put_formats(const struct console *console, struct buf *out)
{
	struct buf text = *out;
	struct error err;

	if (console->formats.count == 0) {
		return;
	}
	*out = (struct buf){0};
	if (!console_formats_apply(&console->formats, &text, out)) {
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "not as many result formats as columns");
		msg_error_from(out, "ERROR", &err);
	}
	buf_fini(&text);
}

bool
console_end_execute(struct client *client, struct buf *out)
{
	struct console *console = client->console;

	if (console == NULL || !console->is_executing) {
		return false;
	}
	console->is_executing = false;
	put_formats(console, out);
	console->is_skipping = has_error(out);
	/* Columns are told by Describe. */
	buf_consume(out, first_message(out, MSG_ROW_DESCRIPTION));
	return true;
}

/* ---- messages ------------------------------------------------------------ */

/* One message being taken. Each take_*() returns 0, or -1 and .err, for an
 * ErrorResponse; what it read is checked by its caller. */
struct taking {
	struct client *client;
	struct console *console;
	struct reader reader;
	struct buf *out;
	bool is_malformed; /* instead of .err */
	struct error err;
};

static int
malformed(struct taking *taking)
{
	taking->is_malformed = true;
	return -1;
}

static int
take_parse(struct taking *taking)
{
	const char *name = reader_cstr(&taking->reader);
	const char *text = reader_cstr(&taking->reader);
	size_t types = reader_u16(&taking->reader);

	(void)reader_bytes(&taking->reader, types * 4);
	if (!reader_finish(&taking->reader)) {
		return malformed(taking);
	}
	if (add(&taking->console->statements, name, text, &taking->err) ==
	    NULL) {
		return -1;
	}
	msg_parse_complete(taking->out);
	return 0;
}

static int
take_bind(struct taking *taking)
{
	struct reader *reader = &taking->reader;
	const char *portal = reader_cstr(reader);
	const char *name = reader_cstr(reader);
	size_t formats = reader_u16(reader);
	struct named *statement, *made;
	struct console_formats results;
	size_t parameters;
	bool are_known;

	(void)reader_bytes(reader, formats * 2);
	parameters = reader_u16(reader);
	for (size_t i = 0; i < parameters && reader_ok(reader); i++) {
		int32_t size = reader_i32(reader);

		if (size > 0) {
			(void)reader_bytes(reader, (size_t)size);
		}
	}
	are_known = console_formats_read(&results, reader);
	if (!reader_finish(reader)) {
		return malformed(taking);
	}
	statement =
	    find_or_say(&taking->console->statements, name, &taking->err);
	if (statement == NULL) {
		return -1;
	}
	if (parameters > 0 || !are_known) {
		error_set(&taking->err, SQLSTATE_PROTOCOL_VIOLATION,
		    parameters > 0 ? "console commands have no parameters"
		                   : "invalid result formats");
		return -1;
	}
	made = add(
	    &taking->console->portals, portal, statement->text, &taking->err);
	if (made == NULL) {
		return -1;
	}
	made->formats = results;
	msg_bind_complete(taking->out);
	return 0;
}

/* The statement or portal that a Describe or Close names, in LIST. */
static const char *
read_target(struct taking *taking, struct list **list)
{
	uint8_t kind = reader_u8(&taking->reader);
	const char *name = reader_cstr(&taking->reader);

	if (!reader_finish(&taking->reader) || (kind != 'S' && kind != 'P')) {
		(void)malformed(taking);
		return NULL;
	}
	*list = kind == 'S' ? &taking->console->statements
	                    : &taking->console->portals;
	return name;
}

static int
take_describe(struct taking *taking)
{
	const struct console_ops *ops = &taking->client->set->console;
	struct list *list;
	const char *name = read_target(taking, &list);
	struct named *item;
	struct buf answer = {0};
	size_t columns;

	if (name == NULL) {
		return -1;
	}
	item = find_or_say(list, name, &taking->err);
	if (item == NULL) {
		return -1;
	}
	if (list == &taking->console->statements) {
		(void)msg_parameter_description(taking->out, NULL, 0);
	}
	ops->on_describe(ops->context, taking->client, item->text, &answer);
	taking->console->formats = item->formats;
	put_formats(taking->console, &answer);
	columns = first_message(&answer, MSG_ROW_DESCRIPTION);
	if (columns > 0) {
		buf_append(taking->out, buf_bytes(&answer), columns);
	} else {
		msg_no_data(taking->out);
	}
	buf_fini(&answer);
	return 0;
}

static int
take_execute(struct taking *taking)
{
	const struct console_ops *ops = &taking->client->set->console;
	struct client *client = taking->client;
	const char *name = reader_cstr(&taking->reader);
	struct buf answer = {0};
	struct named *portal;

	(void)reader_u32(&taking->reader); /* how many rows */
	if (!reader_finish(&taking->reader)) {
		return malformed(taking);
	}
	portal = find_or_say(&taking->console->portals, name, &taking->err);
	if (portal == NULL) {
		return -1;
	}
	client->awaits_answer = true;
	taking->console->is_executing = true;
	taking->console->formats = portal->formats;
	if (ops->on_query(ops->context, client, portal->text, &answer)) {
		client->awaits_answer = false;
		(void)console_end_execute(client, &answer);
		buf_append(taking->out, buf_bytes(&answer), answer.length);
	}
	buf_fini(&answer);
	return 0;
}

static int
take_close(struct taking *taking)
{
	struct list *list;
	const char *name = read_target(taking, &list);
	struct named *item;

	if (name == NULL) {
		return -1;
	}
	item = find(list, name);
	if (item != NULL) {
		forget(list, item);
	}
	msg_close_complete(taking->out);
	return 0;
}

static int
take_sync(struct taking *taking)
{
	if (!reader_finish(&taking->reader)) {
		return malformed(taking);
	}
	taking->console->is_skipping = false;
	forget_all(&taking->console->portals);
	msg_ready_for_query(taking->out, 'I');
	return 0;
}

/* Everything is sent at once anyway. */
static int
take_flush(struct taking *taking)
{
	return reader_finish(&taking->reader) ? 0 : malformed(taking);
}

struct message {
	uint8_t type;
	int (*take)(struct taking *taking);
};

static const struct message messages[] = {
    {MSG_PARSE, take_parse},
    {MSG_BIND, take_bind},
    {MSG_DESCRIBE, take_describe},
    {MSG_EXECUTE, take_execute},
    {MSG_CLOSE, take_close},
    {MSG_FLUSH, take_flush},
    {MSG_SYNC, take_sync},
};

static const struct message *
find_message(uint8_t type)
{
	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
		if (messages[i].type == type) {
			return &messages[i];
		}
	}
	return NULL;
}

void
console_take_extended(struct client *client, const struct frame *frame,
    const uint8_t *body, struct buf *out)
{
	const struct message *message = find_message(frame->type);
	struct taking taking = {.client = client, .out = out};

	if (message == NULL) {
		console_refuse(
		    client, out, "the console knows no message of this type");
		return;
	}
	if (client->console == NULL) {
		client->console = mem_zalloc(sizeof(*client->console));
	}
	if (client->console->is_skipping && frame->type != MSG_SYNC) {
		return;
	}
	taking.console = client->console;
	reader_init(&taking.reader, body, frame->body_bytes);
	if (message->take(&taking) == 0) {
		return;
	}
	if (taking.is_malformed) {
		console_refuse(client, out, "malformed message");
		return;
	}
	msg_error_from(out, "ERROR", &taking.err);
	client->console->is_skipping = true;
}
