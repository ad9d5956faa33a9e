/*
 * pass_judge.c - what messages on their way keep their client on its server.
 *
 * Texts are looked up; a text that is longer than what is held streams through
 * the effect scan.
 */
#include <stdlib.h>
#include <string.h>

#include "client/batch.h"
#include "client/pass_int.h"
#include "client/prepare.h"
#include "core/mem.h"
#include "server/statement.h"
#include "sql/effects.h"

/* ---- long texts, as they pass -------------------------------------------- */

static void
scan_end(struct client *client)
{
	uint32_t effects = effect_scan_finish(client->scan);

	free(client->scan);
	client->scan = NULL;
	if (effects != EFFECT_NONE) {
		link_pin(client, sql_effect_name(effects));
	}
}

/* Feeds the scan up to the text's end; what follows are types. */
static void
scan_feed(struct client *client, const uint8_t *bytes, size_t size)
{
	const uint8_t *end;

	if (client->scan == NULL) {
		return;
	}
	end = memchr(bytes, 0, size);
	if (end == NULL) {
		effect_scan_feed(client->scan, (const char *)bytes, size);
		return;
	}
	effect_scan_feed(
	    client->scan, (const char *)bytes, (size_t)(end - bytes));
	scan_end(client);
}

/* A Query or Parse too long to be held; SIZE bytes of its BODY are here. */
static void
scan_begin(struct client *client, const struct frame *frame,
    const uint8_t *body, size_t size)
{
	const uint8_t *text = body;

	if (client->unsafe_encoding) {
		link_pin(client, "text in an encoding that is not read");
		return;
	}
	if (frame->type == MSG_PARSE) {
		const uint8_t *stop = memchr(body, 0, size);

		if (stop == NULL || stop != body) {
			link_pin(client, "prepared statement");
			return; /* one that is too long to be kept */
		}
		text = stop + 1;
		client->unnamed_open = true;
	} else {
		client->unnamed_open = false;
	}
	free(client->scan);
	client->scan = mem_alloc(sizeof(*client->scan));
	effect_scan_init(client->scan, client->std_strings);
	scan_feed(client, text, size - (size_t)(text - body));
}

void
pass_scan(
    struct client *client, const uint8_t *bytes, size_t size, bool is_last)
{
	scan_feed(client, bytes, size);
	if (is_last && client->scan != NULL) {
		scan_end(client); /* no NUL: the server will complain */
	}
}

/* ---- messages ------------------------------------------------------------ */

/* What comes next may be judged only when it may go on: false, it waits. */
static bool
judge_text(struct client *client, const char *text, size_t length)
{
	bool is_unread;
	const char *reason = batch_judge_text(client, text, length, &is_unread);

	if (reason == NULL) {
		return true;
	}
	if (is_unread && pin_has_to_wait(client)) {
		return false;
	}
	pin_for_text(client, reason, is_unread);
	return true;
}

static bool
judge_parse(struct client *client, const uint8_t *body, size_t size)
{
	size_t length, name_length;
	const char *text =
	    batch_text(MSG_PARSE, body, size, &length, &name_length);

	if (text == NULL || (name_length > 0 && client->is_tracked)) {
		return true; /* the server will say so; or prepare.c has seen to
		              * it */
	}
	if (!judge_text(client, text, length)) {
		return false;
	}
	if (name_length == 0) {
		client->unnamed_open = true;
	} else if (!client->is_tracked) {
		link_pin(client, "prepared statement");
	}
	return true;
}

static bool
judge_query(struct client *client, const uint8_t *body, size_t size)
{
	size_t length, ignored;
	const char *text = batch_text(MSG_QUERY, body, size, &length, &ignored);

	if (text != NULL && !judge_text(client, text, length)) {
		return false;
	}
	client->unnamed_open = false;
	return true;
}

/* A Bind of the unnamed statement is what that was parsed for. */
static void
judge_bind(struct client *client, const uint8_t *body, size_t size)
{
	struct statement *statement;
	struct prepare_name name;

	if (!prepare_find_name(MSG_BIND, body, size, &name)) {
		return;
	}
	if (name.length == 0) {
		client->unnamed_open = false;
	} else if (client->is_tracked &&
	    prepare_look_up(client, &name, &statement) == NAME_KNOWN) {
		client->untracks = client->untracks ||
		    batch_untracks(client, &statement->verdict);
	}
}

bool
pass_judge(struct client *client, const struct frame *frame,
    const uint8_t *body, size_t here)
{
	size_t size = here < frame->body_bytes ? here : frame->body_bytes;

	if (here < frame->body_bytes && pass_is_text(frame)) {
		scan_begin(client, frame, body, here);
		return true;
	}
	switch (frame->type) {
	case MSG_PARSE:
		return judge_parse(client, body, size);
	case MSG_QUERY:
		return judge_query(client, body, size);
	case MSG_BIND:
		judge_bind(client, body, size);
		return true;
	case MSG_FUNCTION_CALL:
		link_pin(client, "function call");
		return true;
	default:
		return true;
	}
}
