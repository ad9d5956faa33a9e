/*
 * through.c - replication connections: bytes that pass as they come.
 *
 * Their server is their own from its login to its end, so nothing needs to be
 * known of what they do, a copy in both directions at once among it. Headers
 * are read all the same: a message of ours may only stand between messages, and
 * Terminate is for us.
 *
 * Source: PostgreSQL docs, "Streaming Replication Protocol".
 */
#include "client/through.h"

#include <assert.h>

#include "client/client_int.h"
#include "client/request.h"
#include "conf/config.h"
#include "core/error.h"
#include "net/stream.h"
#include "proto/error_fields.h"
#include "proto/frame.h"
#include "server/server_int.h"

/* The headers of what goes one way. */
struct way {
	const uint8_t *bytes;
	size_t size;
	size_t at;      /* all before it may pass */
	uint32_t *left; /* of the message that AT is in */
};

/* On to the next header. False: it has not all arrived, or there is no more. */
static bool
way_find_header(struct way *way)
{
	size_t here = way->size - way->at;
	size_t n = here < *way->left ? here : *way->left;

	*way->left -= (uint32_t)n;
	way->at += n;
	return *way->left == 0 && way->size - way->at >= FRAME_HEADER_BYTES;
}

/* Past the header of FRAME, which is at hand. */
static void
way_enter(struct way *way, const struct frame *frame)
{
	way->at += FRAME_HEADER_BYTES;
	*way->left = frame->body_bytes;
}

/* ---- to the server ------------------------------------------------------- */

/* Passes on what lies before the way's end. False: nothing may follow. */
static bool
send_to_server(struct client *client, const struct way *way)
{
	struct server *server = client->server;

	if (way->at == 0) {
		return true;
	}
	server->status = 0; /* at work, until it says otherwise */
	return server_write(server, way->bytes, way->at);
}

size_t
through_take(struct client *client, const uint8_t *bytes, size_t size)
{
	const struct settings *settings = config_settings(client->set->config);
	struct way way = {bytes, size, 0, &client->pass_left};

	if (stream_pending(client->server->stream) > 0) {
		return 0;
	}
	while (way_find_header(&way)) {
		struct frame frame;

		if (frame_parse(bytes + way.at, size - way.at, FRAME_MAX_BODY,
		        &frame) != FRAME_OK ||
		    client_frame_kind(frame.type) == 0 ||
		    frame.body_bytes > settings->max_packet_size) {
			pass_violation(client,
			    "invalid message type or length: type",
			    bytes[way.at]);
			return way.at;
		}
		if (frame.type == MSG_TERMINATE) {
			if (send_to_server(client, &way)) {
				client_close(
				    client, CLOSE_CLIENT_TERMINATED, NULL);
			}
			return way.at;
		}
		way_enter(&way, &frame);
	}
	(void)send_to_server(client, &way);
	return way.at;
}

/* ---- to the client ------------------------------------------------------- */

/* Whether FRAME, at hand, has to be here whole before it may pass. */
static bool
is_looked_into(const struct frame *frame)
{
	return (frame->type == MSG_READY_FOR_QUERY ||
	           frame->type == MSG_ERROR_RESPONSE) &&
	    frame_bytes(frame) < SCRATCH_BYTES;
}

/* What FRAME, which is here whole, says of the connection. */
static void
look_into(struct client *client, const struct frame *frame, const uint8_t *body)
{
	struct error_fields fields;

	if (frame->type == MSG_READY_FOR_QUERY) {
		client->server->status =
		    frame->body_bytes == 1 ? (char)body[0] : 0;
	} else if (error_fields_parse(body, frame->body_bytes, &fields) == 0 &&
	    error_fields_is_fatal(&fields)) {
		client->told_fatal = true; /* when it has passed */
	}
}

/* How many of SIZE BYTES may pass; SIZE_MAX: the server talks nonsense. */
static size_t
find_end(struct client *client, const uint8_t *bytes, size_t size)
{
	struct way way = {bytes, size, 0, &client->answer_left};

	while (way_find_header(&way)) {
		const uint8_t *head = bytes + way.at;
		struct frame frame;

		if (frame_parse(head, size - way.at, FRAME_MAX_BODY, &frame) !=
		    FRAME_OK) {
			return SIZE_MAX;
		}
		if (is_looked_into(&frame)) {
			if (frame_bytes(&frame) > size - way.at) {
				break; /* the rest is waited for */
			}
			look_into(client, &frame, head + FRAME_HEADER_BYTES);
		}
		way_enter(&way, &frame);
	}
	return way.at;
}

void
through_on_readable(struct client *client)
{
	struct server *server = client->server;
	uint8_t *bytes;
	size_t size, used;
	struct error err;

	if (!server_read(server, client, &bytes, &size)) {
		if (client_is_open(client)) {
			client_update_interest(client);
		}
		return;
	}
	used = find_end(client, bytes, size);
	if (used == SIZE_MAX) {
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "invalid length of a message from the server");
		server_close(server, CLOSE_SERVER_OUT_OF_STEP, &err);
	} else if (used > 0) {
		(void)client_write(client, bytes, used);
	}
	/* Only a server that is open keeps anything. */
	server_read_done(server, client, bytes + (used == SIZE_MAX ? 0 : used),
	    used == SIZE_MAX ? 0 : size - used);
	if (client_is_open(client)) {
		client_update_interest(client);
	}
}
