/*
 * console.c - a client of the console: messages in, answers out.
 *
 * What the words mean is the console's own business, in a room below; here is
 * only the protocol. Who sends many commands at once gets the next answer when
 * the last one has left: what waits here is bounded.
 */
#include <string.h>

#include "client/client_int.h"
#include "client/console.h"
#include "core/buf.h"
#include "core/error.h"
#include "net/stream.h"
#include "proto/frame.h"
#include "proto/msg.h"

/* Longest message; HELD_MAX bounds it anyway. */
#define COMMAND_MAX ((uint32_t)16384)

static void
run_query(
    struct client *client, const uint8_t *body, size_t size, struct buf *out)
{
	const struct console_ops *console = &client->set->console;

	if (console_is_skipping(client)) {
		return; /* as PostgreSQL does */
	}
	if (size == 0 || memchr(body, 0, size) != body + size - 1) {
		console_refuse(client, out, "malformed query message");
		return;
	}
	client->awaits_answer = true;
	if (console->on_query(
	        console->context, client, (const char *)body, out)) {
		client->awaits_answer = false;
		msg_ready_for_query(out, 'I');
	}
}

static void
take_message(struct client *client, const struct frame *frame,
    const uint8_t *body, struct buf *out)
{
	if (frame->type == MSG_TERMINATE) {
		client_close(client, CLOSE_CLIENT_TERMINATED, NULL);
	} else if (frame->type == MSG_QUERY) {
		run_query(client, body, frame->body_bytes, out);
	} else {
		console_take_extended(client, frame, body, out);
	}
}

/* Sends OUT, which is empty then. May close CLIENT. */
static void
flush(struct client *client, struct buf *out)
{
	if (client_is_open(client) && out->length > 0) {
		(void)client_write(client, buf_bytes(out), out->length);
	}
	buf_clear(out);
}

void
console_refuse(struct client *client, struct buf *out, const char *why)
{
	struct error err;

	flush(client, out);
	error_set(&err, SQLSTATE_PROTOCOL_VIOLATION, "%s", why);
	client_close(client, CLOSE_CLIENT_VIOLATION, &err);
}

void
console_answer(struct client *client, struct buf *out)
{
	client->awaits_answer = false;
	if (!console_end_execute(client, out)) {
		msg_ready_for_query(out, 'I');
	}
	flush(client, out);
	if (client_is_open(client) && client->held.length > 0) {
		loop_ready(client->set->loop, &client->ready);
	}
}

static bool
may_take(const struct client *client)
{
	return client->state == CLIENT_CONSOLE && !client->awaits_answer &&
	    stream_pending(client->stream) == 0;
}

size_t
console_take(struct client *client, const uint8_t *bytes, size_t size)
{
	size_t used = 0;
	struct buf out = {0};

	while (may_take(client)) {
		struct frame frame;
		enum frame_result result =
		    frame_parse(bytes + used, size - used, COMMAND_MAX, &frame);

		if (result == FRAME_BAD) {
			console_refuse(client, &out,
			    "invalid or too long a message for the console");
			break;
		}
		if (result == FRAME_PARTIAL ||
		    frame_bytes(&frame) > size - used) {
			break;
		}
		take_message(
		    client, &frame, bytes + used + FRAME_HEADER_BYTES, &out);
		used += frame_bytes(&frame);
		flush(client, &out);
		if (client_is_open(client) && used < size) {
			/* One command at a time: an answer can be long. */
			loop_ready(client->set->loop, &client->ready);
			break;
		}
	}
	buf_fini(&out);
	return used;
}
