/*
 * console.c - a client of the console: messages in, answers out.
 *
 * What the words mean is the console's own business, in a room below; here is
 * only the protocol. Simple queries; whoever uses the extended protocol is
 * told so.
 */
#include <string.h>

#include "client/client_int.h"
#include "core/buf.h"
#include "core/error.h"
#include "proto/frame.h"
#include "proto/msg.h"

/* Longest command; HELD_MAX bounds it anyway. */
#define COMMAND_MAX ((uint32_t)16384)

void
console_answer(struct client *client, struct buf *out)
{
	client->awaits_answer = false;
	msg_ready_for_query(out, 'I');
	if (client_write(client, buf_bytes(out), out->length) &&
	    client->held.length > 0) {
		loop_ready(client->set->loop, &client->ready);
	}
}

static void
run_query(struct client *client, const uint8_t *body, size_t size)
{
	const struct console_ops *console = &client->set->console;
	struct buf out = {0};
	struct error err;

	if (memchr(body, 0, size) != body + size - 1) {
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "malformed query message");
		client_close(client, CLOSE_CLIENT_VIOLATION, &err);
		return;
	}
	client->awaits_answer = true;
	if (console->on_query(
	        console->context, client, (const char *)body, &out) &&
	    client_is_open(client)) {
		console_answer(client, &out);
	}
	buf_fini(&out);
}

static void
take_message(
    struct client *client, const struct frame *frame, const uint8_t *body)
{
	struct error err;

	switch (frame->type) {
	case MSG_QUERY:
		run_query(client, body, frame->body_bytes);
		return;
	case MSG_TERMINATE:
		client_close(client, CLOSE_CLIENT_TERMINATED, NULL);
		return;
	default:
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "extended query protocol not supported by admin console");
		client_close(client, CLOSE_CLIENT_VIOLATION, &err);
	}
}

size_t
console_take(struct client *client, const uint8_t *bytes, size_t size)
{
	size_t used = 0;

	while (client->state == CLIENT_CONSOLE && !client->awaits_answer) {
		struct frame frame;
		enum frame_result result =
		    frame_parse(bytes + used, size - used, COMMAND_MAX, &frame);
		struct error err;

		if (result == FRAME_PARTIAL) {
			break;
		}
		if (result == FRAME_BAD) {
			error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
			    "invalid or too long a message for the console");
			client_close(client, CLOSE_CLIENT_VIOLATION, &err);
			break;
		}
		if (frame_bytes(&frame) > size - used) {
			break;
		}
		take_message(client, &frame, bytes + used + FRAME_HEADER_BYTES);
		used += frame_bytes(&frame);
	}
	return used;
}
