/*
 * answers.c - what a server still owes, in order.
 *
 * One byte per owed message in a ring: its kind, and whether the answer is
 * ours. Sixteen fit into the server itself, so the steady state allocates
 * nothing. The rules that are easily got wrong:
 *
 * - After an ErrorResponse to an extended message the server ignores
 *   everything up to the next Sync, Query and FunctionCall included.
 * - In COPY IN, Sync and Flush are ignored. libpq sends the Sync of a COPY
 *   right behind its Execute, before it can know: that one is never answered.
 * - A COPY that fails at once (a trigger, for instance) may leave such a Sync
 *   unread, and then it is answered. From outside both look the same, so the
 *   extra ReadyForQuery is allowed for and settled by a probe.
 * - CopyDone and CopyFail are marked in the ring to know, when CopyInResponse
 *   arrives, whether the client has ended that copy already.
 */
#include "server/answers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "proto/frame.h"

enum kind {
	KIND_PARSE = 1,
	KIND_BIND,
	KIND_DESCRIBE,
	KIND_EXECUTE,
	KIND_CLOSE,
	KIND_SYNC,
	KIND_QUERY,
	KIND_FUNCTION,
	KIND_PROBE,      /* our empty Query */
	KIND_MAYBE_SYNC, /* a Sync that the copy before it should eat */
	KIND_COPY_END,   /* marks a CopyDone or CopyFail; not answered */
	KIND_INVENTED    /* an answer of ours waits here */
};

#define SWALLOW_FLAG 0x80U
#define KIND_MASK 0x7fU

struct invented {
	struct list_link link;
	size_t size;
	uint8_t bytes[];
};

void
answers_init(struct answers *answers)
{
	*answers = (struct answers){0};
	answers->ring = answers->inline_ring;
	answers->capacity = ANSWERS_INLINE;
}

static void
drop_invented(struct answers *answers)
{
	struct list_link *link = list_pop(&answers->invented);

	assert(link != NULL);
	free(list_entry(link, struct invented, link));
}

void
answers_fini(struct answers *answers)
{
	while (answers->invented.count > 0) {
		drop_invented(answers);
	}
	if (answers->ring != answers->inline_ring) {
		free(answers->ring);
	}
	answers_init(answers);
}

/* ---- the ring ------------------------------------------------------------ */

static bool
is_run(uint8_t entry)
{
	unsigned kind = entry & KIND_MASK;

	return kind == KIND_QUERY || kind == KIND_EXECUTE;
}

static bool
is_answered(uint8_t entry)
{
	unsigned kind = entry & KIND_MASK;

	return kind != KIND_COPY_END && kind != KIND_INVENTED;
}

static uint8_t *
entry_at(struct answers *answers, uint32_t position)
{
	return &answers->ring[(answers->head + position) &
	    (answers->capacity - 1)];
}

static unsigned
kind_at(struct answers *answers, uint32_t position)
{
	if (position >= answers->count) {
		return 0;
	}
	return *entry_at(answers, position) & KIND_MASK;
}

static void
grow(struct answers *answers)
{
	uint32_t capacity = answers->capacity * 2;
	uint8_t *ring = mem_alloc(capacity);

	for (uint32_t i = 0; i < answers->count; i++) {
		ring[i] = *entry_at(answers, i);
	}
	if (answers->ring != answers->inline_ring) {
		free(answers->ring);
	}
	answers->ring = ring;
	answers->capacity = capacity;
	answers->head = 0;
}

static void
push(struct answers *answers, unsigned kind, bool swallow)
{
	uint8_t entry = (uint8_t)(kind | (swallow ? SWALLOW_FLAG : 0));

	if (answers->count == answers->capacity) {
		grow(answers);
	}
	*entry_at(answers, answers->count) = entry;
	answers->count++;
	answers->runs += is_run(entry) ? 1 : 0;
	answers->sent += is_answered(entry) ? 1 : 0;
}

static uint8_t
pop(struct answers *answers)
{
	uint8_t entry = *entry_at(answers, 0);

	assert(answers->count > 0);
	answers->head = (answers->head + 1) & (answers->capacity - 1);
	answers->count--;
	answers->runs -= is_run(entry) ? 1 : 0;
	answers->done += is_answered(entry) ? 1 : 0;
	return entry;
}

static void
push_front(struct answers *answers, uint8_t entry)
{
	answers->head = (answers->head - 1) & (answers->capacity - 1);
	answers->count++;
	*entry_at(answers, 0) = entry;
	answers->runs += is_run(entry) ? 1 : 0;
	answers->done -= is_answered(entry) ? 1 : 0;
}

/* A copy's end that came when no copy was on any more. */
static void
drop_stale_copy_ends(struct answers *answers)
{
	while (kind_at(answers, 0) == KIND_COPY_END) {
		(void)pop(answers);
	}
}

/* Removes the oldest entry; returns whether its answer is ours. */
static enum answers_seen
finish_head(struct answers *answers)
{
	uint8_t entry = pop(answers);

	drop_stale_copy_ends(answers);
	return (entry & SWALLOW_FLAG) != 0 ? ANSWERS_SWALLOW : ANSWERS_PASS;
}

static enum answers_seen
keep_head(struct answers *answers)
{
	return (*entry_at(answers, 0) & SWALLOW_FLAG) != 0 ? ANSWERS_SWALLOW
	                                                   : ANSWERS_PASS;
}

/* ---- towards the server -------------------------------------------------- */

static enum answers_sent
sent_copy(struct answers *answers, uint8_t type)
{
	if (!answers->copy_in && answers->runs == 0) {
		return ANSWERS_DROP;
	}
	if (type != MSG_COPY_DATA) {
		answers->copy_in = false;
		push(answers, KIND_COPY_END, false);
	}
	return ANSWERS_FORWARD;
}

static enum answers_sent
sent_sync(struct answers *answers, bool swallow)
{
	if (answers->copy_in) {
		push(answers, KIND_MAYBE_SYNC, swallow);
		return ANSWERS_FORWARD;
	}
	answers->skipping = false;
	answers->batch_open = false;
	push(answers, KIND_SYNC, swallow);
	return ANSWERS_FORWARD;
}

static enum answers_sent
sent_request(
    struct answers *answers, unsigned kind, bool opens_batch, bool swallow)
{
	if (answers->copy_in) {
		return ANSWERS_VIOLATION;
	}
	if (answers->skipping) {
		return ANSWERS_FORWARD;
	}
	answers->batch_open = opens_batch;
	push(answers, kind, swallow);
	return ANSWERS_FORWARD;
}

enum answers_sent
answers_sent(struct answers *answers, uint8_t type, bool swallow)
{
	switch (type) {
	case MSG_PARSE:
		return sent_request(answers, KIND_PARSE, true, swallow);
	case MSG_BIND:
		return sent_request(answers, KIND_BIND, true, swallow);
	case MSG_DESCRIBE:
		return sent_request(answers, KIND_DESCRIBE, true, swallow);
	case MSG_EXECUTE:
		return sent_request(answers, KIND_EXECUTE, true, swallow);
	case MSG_CLOSE:
		return sent_request(answers, KIND_CLOSE, true, swallow);
	case MSG_QUERY:
		return sent_request(answers, KIND_QUERY, false, swallow);
	case MSG_FUNCTION_CALL:
		return sent_request(answers, KIND_FUNCTION, false, swallow);
	case MSG_SYNC:
		return sent_sync(answers, swallow);
	case MSG_COPY_DATA:
	case MSG_COPY_DONE:
	case MSG_COPY_FAIL:
		return sent_copy(answers, type);
	default: /* Flush is never answered */
		return ANSWERS_FORWARD;
	}
}

void
answers_sent_own(struct answers *answers, uint8_t type)
{
	enum answers_sent result = answers_sent(answers, type, true);

	assert(result == ANSWERS_FORWARD);
}

void
answers_sent_probe(struct answers *answers)
{
	answers->probe_seen = false;
	push(answers, KIND_PROBE, true);
}

bool
answers_invent(struct answers *answers, const void *bytes, size_t size)
{
	struct invented *item;

	if (answers->count == 0) {
		return false;
	}
	item = mem_zalloc(sizeof(*item) + size);
	item->size = size;
	memcpy(item->bytes, bytes, size);
	list_append(&answers->invented, &item->link);
	push(answers, KIND_INVENTED, false);
	return true;
}

void
answers_swallow_all(struct answers *answers)
{
	for (uint32_t i = 0; i < answers->count; i++) {
		*entry_at(answers, i) |= SWALLOW_FLAG;
	}
}

/* ---- from the server ----------------------------------------------------- */

static bool
has_sync(struct answers *answers)
{
	for (uint32_t i = 0; i < answers->count; i++) {
		if (kind_at(answers, i) == KIND_SYNC) {
			return true;
		}
	}
	return false;
}

/*
 * The oldest run has begun COPY IN. Syncs right behind it are eaten by the
 * copy. Behind a Query only the copy's end may follow; behind an Execute
 * anything else is failed and skipped by the server, up to a Sync.
 */
static enum answers_seen
begin_copy(struct answers *answers)
{
	uint32_t position = 1;
	unsigned next;

	while (kind_at(answers, position) == KIND_SYNC) {
		*entry_at(answers, position) = (uint8_t)(KIND_MAYBE_SYNC |
		    (*entry_at(answers, position) & SWALLOW_FLAG));
		position++;
	}
	next = kind_at(answers, position);
	if (position > 1 && kind_at(answers, 0) == KIND_EXECUTE &&
	    !has_sync(answers)) {
		answers->batch_open = true; /* the Sync sent did not end it */
	}
	answers->copying = true;
	answers->copy_in = next == 0;
	if (next != 0 && next != KIND_COPY_END &&
	    kind_at(answers, 0) == KIND_QUERY) {
		return ANSWERS_CLIENT_FAULT;
	}
	return keep_head(answers);
}

/* The copy of the oldest run has succeeded: it has read its end, and so every
 * Sync before that. */
static void
end_copy(struct answers *answers)
{
	uint8_t head = pop(answers);

	while (kind_at(answers, 0) == KIND_MAYBE_SYNC) {
		(void)pop(answers);
	}
	if (kind_at(answers, 0) == KIND_COPY_END) {
		(void)pop(answers);
	}
	push_front(answers, head);
	answers->copying = false;
	answers->copy_in = false;
}

static enum answers_seen
seen_command_complete(struct answers *answers)
{
	if (!is_run(*entry_at(answers, 0))) {
		return ANSWERS_UNEXPECTED;
	}
	if (answers->copying) {
		end_copy(answers);
	}
	if (kind_at(answers, 0) == KIND_QUERY) {
		return keep_head(answers);
	}
	return finish_head(answers);
}

/* Drops what an error in an extended batch leaves unanswered. */
static void
skip_to_sync(struct answers *answers)
{
	for (;;) {
		unsigned kind = kind_at(answers, 0);

		if (kind == KIND_SYNC) {
			return;
		}
		if (kind == 0) {
			answers->skipping = true;
			return;
		}
		if (kind == KIND_MAYBE_SYNC) {
			answers->extra_ready++;
		} else if (kind == KIND_INVENTED) {
			drop_invented(answers);
		}
		(void)pop(answers);
	}
}

static enum answers_seen
seen_error(struct answers *answers)
{
	unsigned kind = kind_at(answers, 0);
	enum answers_seen whose;

	answers->copying = false;
	answers->copy_in = false;
	if (kind == 0) {
		return ANSWERS_PASS; /* shutting down, or a timeout of its own
		                      */
	}
	whose = keep_head(answers);
	if (kind == KIND_SYNC || kind == KIND_FUNCTION || kind == KIND_PROBE) {
		return whose;
	}
	if (kind == KIND_QUERY) {
		uint8_t head = pop(answers);

		while (kind_at(answers, 0) == KIND_MAYBE_SYNC) {
			answers->extra_ready++;
			(void)pop(answers);
		}
		push_front(answers, head);
		return whose;
	}
	skip_to_sync(answers);
	return whose;
}

static enum answers_seen
seen_extra_ready(struct answers *answers)
{
	if (answers->extra_ready == 0) {
		return ANSWERS_UNEXPECTED;
	}
	answers->extra_ready--;
	if (answers->skipping) {
		/* That Sync was read after all, and ended the batch. */
		answers->skipping = false;
		answers->batch_open = false;
	}
	return ANSWERS_PASS;
}

static enum answers_seen
seen_ready(struct answers *answers)
{
	switch (kind_at(answers, 0)) {
	case KIND_SYNC:
	case KIND_QUERY:
	case KIND_FUNCTION:
		answers->copying = false;
		answers->copy_in = false;
		return finish_head(answers);
	case KIND_PROBE:
		if (!answers->probe_seen) {
			return seen_extra_ready(answers);
		}
		answers->extra_ready = 0;
		return finish_head(answers);
	default:
		return seen_extra_ready(answers);
	}
}

static enum answers_seen
seen_empty(struct answers *answers)
{
	if (kind_at(answers, 0) == KIND_PROBE) {
		answers->probe_seen = true;
		return ANSWERS_SWALLOW;
	}
	return seen_command_complete(answers);
}

/* The answer that ends a message of KIND and nothing else. */
static enum answers_seen
seen_end_of(struct answers *answers, unsigned kind)
{
	return kind_at(answers, 0) == kind ? finish_head(answers)
	                                   : ANSWERS_UNEXPECTED;
}

static enum answers_seen
seen_part_of(struct answers *answers, bool expected)
{
	return expected ? keep_head(answers) : ANSWERS_UNEXPECTED;
}

static enum answers_seen
seen_row_description(struct answers *answers)
{
	if (kind_at(answers, 0) == KIND_QUERY) {
		return keep_head(answers);
	}
	return seen_end_of(answers, KIND_DESCRIBE);
}

enum answers_seen
answers_seen(struct answers *answers, uint8_t type)
{
	bool owed = answers->count > 0;
	bool running = owed && is_run(*entry_at(answers, 0));

	switch (type) {
	case MSG_DATA_ROW:
	case MSG_COPY_OUT_RESPONSE:
	case MSG_COPY_DATA:
	case MSG_COPY_DONE:
		return seen_part_of(answers, running);
	case MSG_COMMAND_COMPLETE:
		return running ? seen_command_complete(answers)
		               : ANSWERS_UNEXPECTED;
	case MSG_READY_FOR_QUERY:
		return seen_ready(answers);
	case MSG_PARSE_COMPLETE:
		return seen_end_of(answers, KIND_PARSE);
	case MSG_BIND_COMPLETE:
		return seen_end_of(answers, KIND_BIND);
	case MSG_CLOSE_COMPLETE:
		return seen_end_of(answers, KIND_CLOSE);
	case MSG_ROW_DESCRIPTION:
		return seen_row_description(answers);
	case MSG_NO_DATA:
		return seen_end_of(answers, KIND_DESCRIBE);
	case MSG_PARAMETER_DESCRIPTION:
		return seen_part_of(
		    answers, kind_at(answers, 0) == KIND_DESCRIBE);
	case MSG_PORTAL_SUSPENDED:
		return seen_end_of(answers, KIND_EXECUTE);
	case MSG_EMPTY_QUERY_RESPONSE:
		return owed ? seen_empty(answers) : ANSWERS_UNEXPECTED;
	case MSG_ERROR_RESPONSE:
		return seen_error(answers);
	case MSG_COPY_IN_RESPONSE:
		return running ? begin_copy(answers) : ANSWERS_UNEXPECTED;
	case MSG_FUNCTION_CALL_RESPONSE:
		return seen_part_of(
		    answers, kind_at(answers, 0) == KIND_FUNCTION);
	case MSG_NOTICE_RESPONSE:
		return owed ? keep_head(answers) : ANSWERS_PASS;
	case MSG_NOTIFICATION_RESPONSE:
	case MSG_PARAMETER_STATUS:
		return ANSWERS_PASS;
	default:
		return ANSWERS_UNEXPECTED;
	}
}

bool
answers_take_invented(struct answers *answers, struct buf *out)
{
	bool any = false;

	while (kind_at(answers, 0) == KIND_INVENTED) {
		struct invented *item =
		    list_first(&answers->invented, struct invented, link);

		assert(item != NULL);
		buf_append(out, item->bytes, item->size);
		drop_invented(answers);
		(void)pop(answers);
		drop_stale_copy_ends(answers);
		any = true;
	}
	return any;
}
