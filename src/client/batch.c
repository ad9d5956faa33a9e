/*
 * batch.c - what a client asks for in one go, and what that is.
 *
 * Unknown is never a read, and what is not known to be free of session effects
 * pins. The unnamed statement belongs to the client: whoever leaves one behind
 * keeps its server, and whoever uses one it has not left finds none.
 */
#include "client/batch.h"

#include <string.h>

#include "client/client_int.h"
#include "conf/config.h"
#include "proto/frame.h"
#include "sql/effects.h"

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

static void
look_up(struct client *client, const char *text, size_t length,
    struct verdict *verdict)
{
	struct catalogue_session session = {
	    .std_strings = client->std_strings,
	    .is_encoding_unsafe = client->unsafe_encoding,
	};

	catalogue_lookup(client->set->catalogue, text, length, &session,
	    loop_now_us(client->set->loop), verdict);
}

/* The effects that concern others. What a transaction leaves behind that has
 * not ended is gone with it: only the text's own word counts. */
static const char *
pin_reason(const struct verdict *verdict)
{
	return verdict->effects == EFFECT_NONE
	    ? NULL
	    : sql_effect_name(verdict->effects);
}

const char *
batch_judge_text(struct client *client, const char *text, size_t length)
{
	struct verdict verdict;

	look_up(client, text, length, &verdict);
	return pin_reason(&verdict);
}

/* What is collected over the messages of a batch. */
struct collected {
	unsigned texts;    /* Query and Parse */
	unsigned executes; /* and Query */
	bool all_read;
	bool first_begins; /* the first text is BEGIN READ ONLY */
	bool first_ends;   /* the first text is COMMIT or ROLLBACK */
	bool rest_reads;   /* all after the first */
	bool is_odd;       /* something that is not for a replica */
	bool own_unnamed;  /* an unnamed statement of this batch is there */
};

/*
 * A READ ONLY transaction that may go to a replica. Its every statement has a
 * snapshot of its own, so that it can move to the primary between two of them;
 * one that must keep its snapshot is there from the start.
 */
static bool
begins_read_only(const struct client *client, const struct verdict *verdict)
{
	return verdict->kind == SQL_BEGIN &&
	    !(client->keeps_snapshot &&
	        verdict->isolation == ISOLATION_DEFAULT) &&
	    verdict->access == ACCESS_READ_ONLY &&
	    verdict->isolation != ISOLATION_REPEATABLE_READ &&
	    verdict->isolation != ISOLATION_SERIALIZABLE;
}

/* What is learnt of a batch is learnt of all its statements together. */
static void
collect_shape(
    struct client *client, const struct collected *all, struct batch *batch)
{
	struct hash128 shapes[2] = {batch->shape};
	bool has_shape =
	    catalogue_last_shape(client->set->catalogue, &shapes[1], NULL);

	if (all->texts == 0) {
		batch->shape = shapes[1];
		batch->has_shape = has_shape;
		return;
	}
	batch->shape = hash_bytes128(shapes, sizeof(shapes));
	batch->has_shape = batch->has_shape && has_shape;
}

static void
collect_text(struct client *client, const struct verdict *verdict,
    struct collected *all, struct batch *batch)
{
	if (all->texts == 0) {
		all->first_begins = begins_read_only(client, verdict);
		all->first_ends = (verdict->kind == SQL_COMMIT ||
		                      verdict->kind == SQL_ROLLBACK) &&
		    !verdict->has_chain;
	} else {
		all->rest_reads = all->rest_reads && verdict->is_read;
	}
	collect_shape(client, all, batch);
	batch->has_several = all->texts > 0 || verdict->kind == SQL_MULTI;
	all->all_read = all->all_read && verdict->is_read;
	batch->may_end = batch->may_end || verdict->kind == SQL_COMMIT ||
	    verdict->kind == SQL_ROLLBACK ||
	    verdict->kind == SQL_PREPARE_TRANSACTION ||
	    verdict->kind == SQL_MULTI;
	all->texts++;
	if (batch->pin == NULL) {
		batch->pin = pin_reason(verdict);
	}
}

static void
collect_parse(struct client *client, const uint8_t *body, size_t size,
    struct collected *all, struct batch *batch)
{
	struct verdict verdict;
	size_t length, name_length;
	const char *text =
	    batch_text(MSG_PARSE, body, size, &length, &name_length);

	if (text == NULL) {
		all->is_odd = true; /* the server will say so */
		return;
	}
	look_up(client, text, length, &verdict);
	collect_text(client, &verdict, all, batch);
	if (name_length > 0) {
		batch->pin = "prepared statement";
		return;
	}
	all->own_unnamed = true;
	batch->leaves_unnamed = true;
}

/* The statement a Bind, Describe or Close BODY names; NULL if none. */
static const char *
statement_of(uint8_t type, const uint8_t *body, size_t size)
{
	const uint8_t *name = body;

	if (type == MSG_BIND) {
		const uint8_t *stop = size == 0 ? NULL : memchr(body, 0, size);

		if (stop == NULL) {
			return NULL;
		}
		name = stop + 1;
	} else if (size < 2 || body[0] != 'S') {
		return NULL;
	} else {
		name = body + 1;
	}
	if (memchr(name, 0, size - (size_t)(name - body)) == NULL) {
		return NULL;
	}
	return (const char *)name;
}

static void
collect_use(uint8_t type, const uint8_t *body, size_t size,
    struct collected *all, struct batch *batch)
{
	const char *name = statement_of(type, body, size);

	if (name == NULL) {
		return; /* a portal, or malformed */
	}
	if (name[0] != '\0') {
		/* It cannot be there: who prepares one is pinned. */
		all->is_odd = true;
		return;
	}
	if (type == MSG_CLOSE) {
		all->own_unnamed = false;
		batch->leaves_unnamed = false;
		return;
	}
	if (!all->own_unnamed) {
		all->is_odd = true;
	}
	if (type == MSG_BIND) {
		batch->leaves_unnamed = false;
	}
}

/* Of an unnamed portal, to its end: leaves nothing behind. Body: the portal's
 * name, and how many rows at most. */
static bool
is_plain_execute(const uint8_t *body, size_t size)
{
	static const uint8_t plain[5];

	return size == sizeof(plain) && memcmp(body, plain, size) == 0;
}

static void
collect(struct client *client, const struct frame *frame, const uint8_t *body,
    struct collected *all, struct batch *batch)
{
	struct verdict verdict;
	size_t length, ignored;
	const char *text;

	switch (frame->type) {
	case MSG_QUERY:
		text = batch_text(
		    MSG_QUERY, body, frame->body_bytes, &length, &ignored);
		if (text == NULL) {
			all->is_odd = true;
			return;
		}
		look_up(client, text, length, &verdict);
		collect_text(client, &verdict, all, batch);
		all->executes++;
		all->is_odd = all->is_odd || verdict.has_copy_in;
		return;
	case MSG_PARSE:
		collect_parse(client, body, frame->body_bytes, all, batch);
		return;
	case MSG_BIND:
		/* A named portal lives until the transaction ends. */
		all->is_odd =
		    all->is_odd || (frame->body_bytes > 0 && body[0] != '\0');
		collect_use(frame->type, body, frame->body_bytes, all, batch);
		return;
	case MSG_DESCRIBE:
	case MSG_CLOSE:
		collect_use(frame->type, body, frame->body_bytes, all, batch);
		return;
	case MSG_EXECUTE:
		all->executes++;
		all->is_odd =
		    all->is_odd || !is_plain_execute(body, frame->body_bytes);
		return;
	case MSG_SYNC:
		return;
	case MSG_FUNCTION_CALL:
		batch->pin = "function call";
		all->is_odd = true;
		return;
	default:
		all->is_odd = true;
		return;
	}
}

void
batch_judge(struct client *client, const uint8_t *at, struct batch *batch)
{
	struct collected all = {.all_read = true, .rest_reads = true};
	size_t position = 0;
	unsigned frames = 0;
	bool reads;

	while (position < batch->bytes) {
		struct frame frame;

		if (frame_parse(at + position, batch->bytes - position,
		        FRAME_MAX_BODY, &frame) != FRAME_OK) {
			break; /* cannot be: batch_find() has seen it */
		}
		collect(client, &frame, at + position + FRAME_HEADER_BYTES,
		    &all, batch);
		position += frame_bytes(&frame);
		frames++;
		if (frame.type == MSG_EXECUTE && all.executes == 1) {
			batch->begin_bytes = position;
		}
	}
	batch->has_several = batch->has_several || all.executes > 1;
	batch->syncs = batch->is_complete ? 1 : 0;
	batch->is_empty =
	    batch->is_complete && frames == 1 && at[0] == MSG_SYNC;
	reads = batch->is_complete && !all.is_odd && batch->pin == NULL &&
	    !batch->leaves_unnamed && all.texts > 0 && all.executes > 0;
	batch->is_read = reads && all.all_read;
	batch->begins_read_only =
	    reads && all.first_begins && all.texts == 1 && all.executes == 1;
	batch->ends_transaction =
	    reads && all.first_ends && all.texts == 1 && all.executes == 1;
	if (!reads || !all.first_begins || all.texts < 2 || !all.rest_reads) {
		batch->begin_bytes = 0;
	}
}
