/*
 * batch.c - what a client asks for in one go: where it ends, and its texts.
 */
#include "client/batch.h"

#include <string.h>

#include "client/client_int.h"
#include "conf/config.h"
#include "proto/frame.h"
#include "server/statement.h"
#include "sql/effects.h"
#include "sql/session_ops.h"

/* A longer message is not waited for, but relayed as it comes, when its first
 * HEAD_BYTES are there: a header alone gets nobody a server. */
#define WHOLE_MAX (HELD_MAX - 1)

static bool
is_limit_broken(const struct client *client, const struct frame *frame)
{
	const struct settings *settings = config_settings(client->set->config);
	unsigned kind = client_frame_kind(frame->type);

	return kind == 0 ||
	    ((kind & FRAME_SMALL) != 0 &&
	        frame->body_bytes > FRAME_SMALL_BODY) ||
	    frame->body_bytes > settings->max_packet_size;
}

/* What one whole frame means for the end of the batch that begins at 0. */
static enum batch_end
judge_end(const struct frame *frame, size_t at, struct batch *batch)
{
	size_t end = at + frame_bytes(frame);

	batch->bytes = end;
	batch->is_complete = true;
	switch (frame->type) {
	case MSG_QUERY:
	case MSG_FUNCTION_CALL:
		if (at == 0) {
			return BATCH_WHOLE;
		}
		/* In the midst of an extended batch: unusual, and its own
		 * end. What came before it stays with it. */
		batch->is_complete = false;
		return BATCH_CUT;
	case MSG_SYNC:
		return BATCH_WHOLE;
	case MSG_FLUSH:
		if (at == 0) {
			return BATCH_NOTHING;
		}
		batch->is_complete = false;
		return BATCH_CUT;
	case MSG_COPY_DATA:
	case MSG_COPY_DONE:
	case MSG_COPY_FAIL:
		/* The rest of a copy that failed, or a stray. */
		return at == 0 ? BATCH_NOTHING : BATCH_PARTIAL;
	case MSG_TERMINATE:
		return BATCH_TERMINATE;
	default:
		return BATCH_PARTIAL;
	}
}

enum batch_end
batch_find(const struct client *client, const uint8_t *at, size_t size,
    size_t *scanned, struct batch *batch)
{
	size_t position = *scanned;

	*batch = (struct batch){0};
	for (;;) {
		struct frame frame;
		enum frame_result result;
		enum batch_end end;

		result = frame_parse(
		    at + position, size - position, FRAME_MAX_BODY, &frame);
		if (result == FRAME_PARTIAL) {
			break;
		}
		if (result == FRAME_BAD || is_limit_broken(client, &frame)) {
			return BATCH_BAD;
		}
		if (position + frame_bytes(&frame) > WHOLE_MAX) {
			unsigned kind = client_frame_kind(frame.type);

			if (position == 0 && (kind & FRAME_COPY) != 0) {
				batch->bytes = frame_bytes(&frame);
				return BATCH_NOTHING;
			}
			if (size - position < HEAD_BYTES) {
				break;
			}
			return BATCH_CUT;
		}
		if (position + frame_bytes(&frame) > size) {
			break;
		}
		end = judge_end(&frame, position, batch);
		if (end != BATCH_PARTIAL) {
			return end;
		}
		position += frame_bytes(&frame);
	}
	*scanned = position;
	return BATCH_PARTIAL;
}

const char *
batch_text(uint8_t type, const uint8_t *body, size_t size, size_t *length,
    size_t *name_length)
{
	const uint8_t *end = body + size, *text = body, *stop;

	*name_length = 0;
	if (type == MSG_PARSE) {
		stop = size == 0 ? NULL : memchr(body, 0, size);
		if (stop == NULL) {
			return NULL;
		}
		*name_length = (size_t)(stop - body);
		text = stop + 1;
	}
	stop = text == end ? NULL : memchr(text, 0, (size_t)(end - text));
	if (stop == NULL) {
		return NULL;
	}
	*length = (size_t)(stop - text);
	return (const char *)text;
}

void
batch_look_up(struct client *client, const char *text, size_t length,
    struct verdict *verdict)
{
	struct catalogue_session session = {
	    .std_strings = client->std_strings,
	    .is_encoding_unsafe = client->unsafe_encoding,
	};

	catalogue_lookup(client->set->catalogue, text, length, &session,
	    loop_now_us(client->set->loop), verdict);
}

bool
batch_untracks(const struct client *client, const struct verdict *verdict)
{
	uint32_t effects = verdict->ops != NULL
	    ? verdict->effects & ~verdict->followed
	    : verdict->effects;

	return (effects & (EFFECT_PREPARE | EFFECT_DISCARD)) != 0 ||
	    session_changes_literals(client, verdict->ops);
}

const char *
batch_pin_reason(const struct client *client, const struct verdict *verdict)
{
	const char *reason = session_pin_reason(verdict);

	if (reason == NULL && session_changes_literals(client, verdict->ops)) {
		reason = "prepared statement read under other settings";
	}
	return reason;
}

const char *
batch_judge_text(
    struct client *client, const char *text, size_t length, bool *is_unread)
{
	struct verdict verdict;

	batch_look_up(client, text, length, &verdict);
	*is_unread = verdict.kind == SQL_UNKNOWN;
	client->untracks = client->untracks || batch_untracks(client, &verdict);
	return batch_pin_reason(client, &verdict);
}

void
batch_judge_statement(struct client *client, struct statement *statement)
{
	batch_look_up(client, (const char *)statement->body,
	    statement->text_length, &statement->verdict);
	statement->has_shape =
	    catalogue_last_shape(client->set->catalogue, &statement->shape);
	(void)session_ops_ref(statement->verdict.ops);
	statement->is_judged = true;
}
