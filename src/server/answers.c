/*
 * answers.c - what a server still owes, in order: the protocol's rules.
 *
 * The ring they are kept in is answers_ring.c's. The rules that are easily got
 * wrong:
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

#include "proto/frame.h"
#include "server/answers_ring.h"

static enum answers_seen
whose_answer(uint8_t entry)
{
	return (entry & FLAG_SWALLOW) != 0 ? ANSWERS_SWALLOW : ANSWERS_PASS;
}

/* An error's. */
static enum answers_seen
whose_error(uint8_t entry)
{
	return (entry & FLAG_CLIENTS_ERROR) != 0 ? ANSWERS_PASS
	                                         : whose_answer(entry);
}

/* The oldest is answered; returns whose its answer is. */
static enum answers_seen
finish_head(struct answers *answers)
{
	uint8_t entry = ring_pop(answers, NOTE_DONE);

	ring_drop_copy_ends(answers);
	return whose_answer(entry);
}

static enum answers_seen
keep_head(struct answers *answers)
{
	return whose_answer(*ring_at(answers, 0));
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
		ring_push(answers, KIND_COPY_END, 0);
	}
	return ANSWERS_FORWARD;
}

static enum answers_sent
sent_sync(struct answers *answers, unsigned flags)
{
	answers->batches++;
	if (answers->copy_in) {
		ring_push(answers, KIND_MAYBE_SYNC, flags);
		return ANSWERS_FORWARD;
	}
	answers->skipping = false;
	answers->batch_open = false;
	ring_push(answers, KIND_SYNC, flags);
	return ANSWERS_FORWARD;
}

static enum answers_sent
sent_request(struct answers *answers, enum kind kind, unsigned flags)
{
	bool ends_batch = kind == KIND_QUERY || kind == KIND_FUNCTION;

	if (answers->copy_in) {
		return ANSWERS_VIOLATION;
	}
	if (answers->skipping) {
		return ANSWERS_FORWARD;
	}
	answers->batch_open = !ends_batch;
	answers->batches += ends_batch ? 1 : 0;
	ring_push(answers, kind, flags);
	return ANSWERS_FORWARD;
}

static enum answers_sent
tell(struct answers *answers, uint8_t type, unsigned flags)
{
	answers->told = TOLD_NEVER; /* unless it is pushed */
	switch (type) {
	case MSG_PARSE:
		return sent_request(answers, KIND_PARSE, flags);
	case MSG_BIND:
		return sent_request(answers, KIND_BIND, flags);
	case MSG_DESCRIBE:
		return sent_request(answers, KIND_DESCRIBE, flags);
	case MSG_EXECUTE:
		return sent_request(answers, KIND_EXECUTE, flags);
	case MSG_CLOSE:
		return sent_request(answers, KIND_CLOSE, flags);
	case MSG_QUERY:
		return sent_request(answers, KIND_QUERY, flags);
	case MSG_FUNCTION_CALL:
		return sent_request(answers, KIND_FUNCTION, flags);
	case MSG_SYNC:
		return sent_sync(answers, flags);
	case MSG_COPY_DATA:
	case MSG_COPY_DONE:
	case MSG_COPY_FAIL:
		return sent_copy(answers, type);
	default: /* Flush is never answered */
		return ANSWERS_FORWARD;
	}
}

enum answers_sent
answers_sent(struct answers *answers, uint8_t type, bool swallow)
{
	return tell(answers, type, swallow ? FLAG_SWALLOW : 0);
}

void
answers_sent_own(struct answers *answers, uint8_t type)
{
	enum answers_sent result = tell(answers, type, FLAG_SWALLOW);

	assert(result == ANSWERS_FORWARD);
}

void
answers_sent_helper(struct answers *answers, uint8_t type)
{
	enum answers_sent result;

	assert(
	    type != MSG_SYNC && type != MSG_QUERY && type != MSG_FUNCTION_CALL);
	result = tell(answers, type, FLAG_SWALLOW | FLAG_CLIENTS_ERROR);
	assert(result == ANSWERS_FORWARD);
}

void
answers_sent_probe(struct answers *answers)
{
	answers->probe_seen = false;
	answers->batches++;
	ring_push(answers, KIND_PROBE, FLAG_SWALLOW);
}

/* Whether a ReadyForQuery answers what is of KIND, whatever comes of it. */
static bool
is_ready_owed(enum kind kind)
{
	return kind == KIND_SYNC || kind == KIND_QUERY ||
	    kind == KIND_FUNCTION || kind == KIND_PROBE;
}

bool
answers_owes_parse(const struct answers *answers)
{
	if (is_ready_owed(ring_kind(answers, 0))) {
		return false; /* it fails alone */
	}
	for (uint32_t i = 0; ring_kind(answers, i) != KIND_NONE &&
	     ring_kind(answers, i) != KIND_SYNC;
	     i++) {
		if (*ring_at(answers, i) == KIND_PARSE) {
			return true;
		}
	}
	return false;
}

bool
answers_owes_ready(const struct answers *answers)
{
	for (uint32_t i = 0; i < answers->count; i++) {
		if (is_ready_owed(ring_kind(answers, i))) {
			return true;
		}
	}
	return false;
}

/* ---- from the server ----------------------------------------------------- */

static bool
has_sync(struct answers *answers)
{
	for (uint32_t i = 0; i < answers->count; i++) {
		if (ring_kind(answers, i) == KIND_SYNC) {
			return true;
		}
	}
	return false;
}

/*
 * The oldest run has begun COPY IN. Syncs right behind it are eaten by the
 * copy. Behind a Query only the copy's end may follow; behind an Execute
 * anything else is failed and skipped by the server, up to a Sync. A message
 * that we answer ourselves it does not see, and so it would wait for ever.
 */
static enum answers_seen
begin_copy(struct answers *answers)
{
	uint32_t position = 1;
	enum kind next;

	while (ring_kind(answers, position) == KIND_SYNC) {
		uint8_t *entry = ring_at(answers, position);

		*entry = (uint8_t)(KIND_MAYBE_SYNC | (*entry & ~KIND_MASK));
		position++;
	}
	next = ring_kind(answers, position);
	if (position > 1 && ring_kind(answers, 0) == KIND_EXECUTE &&
	    !has_sync(answers)) {
		answers->batch_open = true; /* the Sync sent did not end it */
	}
	answers->copying = true;
	answers->copy_in = next == KIND_NONE;
	if (next == KIND_INVENTED ||
	    (next != KIND_NONE && next != KIND_COPY_END &&
	        ring_kind(answers, 0) == KIND_QUERY)) {
		return ANSWERS_CLIENT_FAULT;
	}
	return keep_head(answers);
}

/* The copy of the oldest run has succeeded: it has read its end, and so every
 * Sync before that. */
static void
end_copy(struct answers *answers)
{
	while (ring_kind(answers, 1) == KIND_MAYBE_SYNC) {
		ring_drop_second(answers);
	}
	if (ring_kind(answers, 1) == KIND_COPY_END) {
		ring_drop_second(answers);
	}
	answers->copying = false;
	answers->copy_in = false;
}

static enum answers_seen
seen_command_complete(struct answers *answers)
{
	if (!entry_is_run(*ring_at(answers, 0))) {
		return ANSWERS_UNEXPECTED;
	}
	if (answers->copying) {
		end_copy(answers);
	}
	if (ring_kind(answers, 0) == KIND_QUERY) {
		return keep_head(answers);
	}
	return finish_head(answers);
}

/* The oldest entry, an extended message's, has failed: drops it and what that
 * leaves unanswered. */
static void
skip_to_sync(struct answers *answers)
{
	enum kind kind = ring_kind(answers, 0);

	ring_fail_head(answers);
	while (kind != KIND_SYNC && kind != KIND_NONE) {
		answers->extra_ready += kind == KIND_MAYBE_SYNC ? 1 : 0;
		(void)ring_pop(answers, NOTE_SKIPPED);
		kind = ring_kind(answers, 0);
	}
	answers->skipping = kind == KIND_NONE;
}

/* The oldest entry, a Query's, has failed; its ReadyForQuery is to come. */
static void
fail_query(struct answers *answers)
{
	ring_fail_head(answers);
	while (ring_kind(answers, 1) == KIND_MAYBE_SYNC) {
		answers->extra_ready++;
		ring_drop_second(answers);
	}
}

static enum answers_seen
seen_error(struct answers *answers)
{
	enum answers_seen whose;

	answers->copying = false;
	answers->copy_in = false;
	if (answers->count == 0) {
		return ANSWERS_PASS; /* shutting down, or a timeout of its own
		                      */
	}
	whose = whose_error(*ring_at(answers, 0));
	switch (ring_kind(answers, 0)) {
	case KIND_SYNC:
	case KIND_FUNCTION:
	case KIND_PROBE:
		ring_fail_head(answers);
		break;
	case KIND_QUERY:
		fail_query(answers);
		break;
	default:
		skip_to_sync(answers);
		break;
	}
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
	switch (ring_kind(answers, 0)) {
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
	if (ring_kind(answers, 0) == KIND_PROBE) {
		answers->probe_seen = true;
		return ANSWERS_SWALLOW;
	}
	return seen_command_complete(answers);
}

/* The answer that ends a message of KIND and nothing else. */
static enum answers_seen
seen_end_of(struct answers *answers, enum kind kind)
{
	return ring_kind(answers, 0) == kind ? finish_head(answers)
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
	if (ring_kind(answers, 0) == KIND_QUERY) {
		return keep_head(answers);
	}
	return seen_end_of(answers, KIND_DESCRIBE);
}

enum answers_seen
answers_seen(struct answers *answers, uint8_t type)
{
	bool owed = answers->count > 0;
	bool running = owed && entry_is_run(*ring_at(answers, 0));

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
		    answers, ring_kind(answers, 0) == KIND_DESCRIBE);
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
		    answers, ring_kind(answers, 0) == KIND_FUNCTION);
	case MSG_NOTICE_RESPONSE:
		return owed ? whose_answer(*ring_at(answers, 0)) : ANSWERS_PASS;
	case MSG_NOTIFICATION_RESPONSE:
	case MSG_PARAMETER_STATUS:
		return ANSWERS_PASS;
	default:
		return ANSWERS_UNEXPECTED;
	}
}
