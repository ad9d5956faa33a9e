/*
 * refuse.c - a request that is answered with an error instead of being run.
 *
 * As a server would: the error, nothing of what follows in the same batch, and
 * ReadyForQuery where that is due. What of the batch is not here yet is dropped
 * as it comes.
 */
#include <assert.h>

#include "client/client_int.h"
#include "client/request.h"
#include "core/buf.h"
#include "proto/frame.h"
#include "proto/msg.h"

/* The batch that .held begins with was cut: by a message too long to be held,
 * or by Flush. */
static void
skip_cut(struct client *client, struct buf *out)
{
	struct frame frame;

	if (frame_parse(kept_bytes(&client->held), client->held.length,
	        FRAME_MAX_BODY, &frame) == FRAME_OK &&
	    (frame.type == MSG_QUERY || frame.type == MSG_FUNCTION_CALL)) {
		client->pass_left = (uint32_t)frame_bytes(&frame);
		client->drops_rest = true;
		msg_ready_for_query(out, refuse_status(client));
	} else {
		client->skips_to_sync = true;
	}
}

char
refuse_status(const struct client *client)
{
	if (client->begin.length == 0) {
		return 'I';
	}
	return client->begin_status == 'E' ? 'E' : 'T';
}

/* What is refused was to begin a transaction: more of it may be on its way, and
 * must not run without. So it has begun, and failed. */
static void
keep_begin(struct client *client)
{
	struct buf begin = {0};
	bool fits = msg_query(&begin, "BEGIN");

	assert(fits);
	kept_append(client_blocks(client), &client->begin, buf_bytes(&begin),
	    begin.length);
	buf_fini(&begin);
}

bool
refuse_held(struct client *client, const struct error *err)
{
	struct buf out = {0};
	bool ok;

	client->has_batch = false;
	if (client->begin.length == 0 && client->batch.bytes > 0 &&
	    client->batch.has_begin) {
		keep_begin(client);
	}
	if (client->begin.length > 0) {
		/* What begins on a server one day has failed already. */
		client->begin_status = 'E';
		client->route.primary_once = true;
	}
	msg_error_from(&out, "ERROR", err);
	client->held_scanned = 0;
	if (client->batch.bytes > 0) {
		assert(client->batch.bytes <= client->held.length);
		kept_consume(
		    client_blocks(client), &client->held, client->batch.bytes);
		msg_ready_for_query(&out, refuse_status(client));
	} else {
		skip_cut(client, &out);
	}
	ok = client_write(client, buf_bytes(&out), out.length);
	buf_fini(&out);
	return ok;
}

size_t
refuse_skip(struct client *client, const uint8_t *at, size_t size)
{
	struct frame frame;

	switch (frame_parse(at, size, FRAME_MAX_BODY, &frame)) {
	case FRAME_PARTIAL:
		return 0;
	case FRAME_BAD:
		pass_violation(client, "invalid length of message type", at[0]);
		return 0;
	case FRAME_OK:
		break;
	}
	if (frame.type == MSG_TERMINATE) {
		client_close(client, CLOSE_CLIENT_TERMINATED, NULL);
		return 0;
	}
	if (client_frame_kind(frame.type) == 0) {
		pass_violation(client, "invalid message type", frame.type);
		return 0;
	}
	if (frame.type == MSG_SYNC) {
		struct buf out = {0};

		client->skips_to_sync = false;
		msg_ready_for_query(&out, refuse_status(client));
		(void)client_write(client, buf_bytes(&out), out.length);
		buf_fini(&out);
	}
	return frame_bytes(&frame);
}
