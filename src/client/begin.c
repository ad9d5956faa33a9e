/*
 * begin.c - BEGIN READ ONLY, held back until its first statement.
 *
 * Whether a READ ONLY transaction may go to a replica depends on what it
 * begins with. So the BEGIN is answered here, and travels with that statement.
 */
#include <assert.h>
#include <string.h>

#include "client/client_int.h"
#include "client/request.h"
#include "core/buf.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/server_int.h"

/* START TRANSACTION has a tag of its own. */
static const char *
command_tag(struct client *client)
{
	struct hash128 ignored;
	struct buf shape = {0};
	bool is_start;

	is_start =
	    catalogue_last_shape(client->set->catalogue, &ignored, &shape) &&
	    strncmp(buf_text(&shape), "start", 5) == 0;
	buf_fini(&shape);
	return is_start ? "START TRANSACTION" : "BEGIN";
}

static void
put_answer(struct buf *out, const struct frame *frame, const uint8_t *body,
    const char *tag)
{
	bool fits = true;

	switch (frame->type) {
	case MSG_QUERY:
		msg_command_complete(out, tag);
		msg_ready_for_query(out, 'T');
		break;
	case MSG_PARSE:
		msg_parse_complete(out);
		break;
	case MSG_BIND:
		msg_bind_complete(out);
		break;
	case MSG_DESCRIBE:
		if (frame->body_bytes > 0 && body[0] == 'S') {
			fits = msg_parameter_description(out, NULL, 0);
		}
		msg_no_data(out);
		break;
	case MSG_CLOSE:
		msg_close_complete(out);
		break;
	case MSG_EXECUTE:
		msg_command_complete(out, tag);
		break;
	case MSG_SYNC:
		msg_ready_for_query(out, 'T');
		break;
	default:
		break;
	}
	assert(fits);
}

void
begin_hold(struct client *client, const uint8_t *at)
{
	const char *tag = command_tag(client);
	size_t position = 0, size = client->batch.bytes;
	struct buf out = {0};
	struct frame frame;

	while (position < size &&
	    frame_parse(at + position, size - position, FRAME_MAX_BODY,
	        &frame) == FRAME_OK) {
		put_answer(
		    &out, &frame, at + position + FRAME_HEADER_BYTES, tag);
		position += frame_bytes(&frame);
	}
	kept_append(client_blocks(client), &client->begin, at, size);
	(void)client_write(client, buf_bytes(&out), out.length);
	buf_fini(&out);
}

bool
begin_send(struct client *client)
{
	struct server *server = client->server;
	const uint8_t *at = kept_bytes(&client->begin);
	size_t position = 0, size = client->begin.length;
	struct frame frame;

	while (position < size &&
	    frame_parse(at + position, size - position, FRAME_MAX_BODY,
	        &frame) == FRAME_OK) {
		answers_sent_own(&server->answers, frame.type);
		position += frame_bytes(&frame);
	}
	server->status = 0;
	server->unnamed_left = true; /* should it have parsed one */
	return server_write(server, at, size);
}
