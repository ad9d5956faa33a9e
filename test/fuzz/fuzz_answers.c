/*
 * fuzz_answers.c - whatever is sent and answered, the count of what is owed
 * agrees with itself, and every note is told of once.
 *
 * The input is a script as in test_answers.c: after '>' letters are messages
 * sent, after '<' messages seen, with '-' (ours), '+' (a helper) and '*' (a
 * note) behind them.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/buf.h"
#include "server/answers_ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE_MAX_TAKEN 2048

struct told {
	uint64_t batch;
	bool is_sync;
	bool is_over;
	bool is_dropped; /* its part */
};

struct run {
	struct answers answers;
	struct told notes[SIZE_MAX_TAKEN];
	size_t count;
	struct told *failed; /* last */
	uint8_t seen;        /* being taken; 0: none */
	size_t over;
	bool has_ended;
};

/* Of two messages of one batch, an error in the first skips the second, if that
 * is not the Sync. */
static void
check_order(
    const struct run *run, const struct told *told, enum note_event event)
{
	assert(run->failed == NULL || told < run->failed || told->is_sync ||
	    told->batch != run->failed->batch || event == NOTE_SKIPPED);
}

static void
on_note(void *context, struct note *note, enum note_event event)
{
	struct run *run = context;
	struct told *told = (struct told *)(void *)note->profile;

	note->profile = NULL; /* was none */
	assert((note->part == NULL) == told->is_dropped);
	note->part = NULL;
	assert(!told->is_over);
	told->is_over = true;
	run->over++;
	check_order(run, told, event);
	assert(event != NOTE_FAILED || run->seen == 'E');
	assert(!run->has_ended || event == NOTE_SKIPPED);
	if (event == NOTE_FAILED) {
		run->failed = told;
	}
}

static void
on_part(void *holder, void *part, enum note_event event)
{
	struct told *told = part;

	(void)holder;
	assert(event == NOTE_SKIPPED && !told->is_over && !told->is_dropped);
	told->is_dropped = true;
}

/* What is counted and what is there. */
static void
check(const struct run *run)
{
	const struct answers *answers = &run->answers;
	uint32_t runs = 0, notes = 0, invented = 0, answered = 0;

	for (uint32_t i = 0; i < answers->count; i++) {
		uint8_t entry = *ring_at(answers, i);
		enum kind kind = ring_kind(answers, i);

		assert(kind != KIND_NONE && kind <= KIND_INVENTED);
		runs += entry_is_run(entry) ? 1 : 0;
		notes += (entry & FLAG_NOTE) != 0 ? 1 : 0;
		invented += kind == KIND_INVENTED ? 1 : 0;
		answered += kind != KIND_INVENTED && kind != KIND_COPY_END;
	}
	assert(runs == answers->runs);
	assert(notes == answers->notes.count);
	assert(invented == answers->invented.count);
	assert(answered == answers->sent - answers->done);
	assert(run->count == run->over + notes);
	assert(!answers->skipping || answers->count == 0);
	assert(ring_kind(answers, 0) != KIND_INVENTED);
	assert(ring_kind(answers, 0) != KIND_COPY_END);
	assert((answers_head_note(answers) != NULL) ==
	    (answers->count > 0 && (*ring_at(answers, 0) & FLAG_NOTE) != 0));
}

static void
attach(struct run *run, uint64_t batch, uint8_t type)
{
	struct note *note = note_new();
	struct told *told = &run->notes[run->count++];

	told->batch = batch;
	told->is_sync = type == 'S';
	note->part = told;
	/* Carries the same, and survives the part; taken out in time. */
	note->profile = (struct profile *)(void *)told;
	answers_attach(&run->answers, note);
}

/* False when the connection is over. */
static bool
act_sent(struct run *run, uint8_t type, bool is_own, bool is_helper)
{
	struct answers *answers = &run->answers;
	bool ends_batch = type == 'S' || type == 'Q' || type == 'F';

	if (type == 'i') {
		(void)!answers_invent(answers, "i", 1);
		return true;
	}
	if (type == 'o') {
		if (answers_is_settled(answers) &&
		    answers_needs_probe(answers)) {
			answers_sent_probe(answers);
		}
		return true;
	}
	if (is_helper && !ends_batch && strchr("PBDEC", type) != NULL &&
	    !answers->copy_in) {
		answers_sent_helper(answers, type);
		return true;
	}
	return answers_sent(answers, type, is_own) != ANSWERS_VIOLATION;
}

/* False when the connection is over. */
static bool
act_seen(struct run *run, uint8_t type)
{
	struct buf out = {0};
	enum answers_seen seen;

	run->seen = type;
	seen = answers_seen(&run->answers, type);
	run->seen = 0;
	(void)answers_take_invented(&run->answers, &out);
	buf_fini(&out);
	return seen != ANSWERS_UNEXPECTED && seen != ANSWERS_CLIENT_FAULT;
}

static bool
has_mark(const uint8_t *data, size_t size, size_t at, uint8_t mark)
{
	for (; at < size && strchr("-+*x!?", data[at]) != NULL; at++) {
		if (data[at] == mark) {
			return true;
		}
	}
	return false;
}

/* What stands AT; false when the connection is over. */
static bool
act(struct run *run, const uint8_t *data, size_t size, size_t at, bool sending)
{
	uint64_t batch = answers_batch(&run->answers);
	bool goes_on;

	switch (data[at]) {
	case '~':
		answers_swallow_all(&run->answers);
		return true;
	case '#':
		answers_drop_parts(&run->answers, on_part, NULL);
		return true;
	default:
		break;
	}
	if (!sending) {
		return act_seen(run, data[at]);
	}
	if (!answers_has_room(&run->answers)) {
		return true;
	}
	goes_on = act_sent(run, data[at], has_mark(data, size, at + 1, '-'),
	    has_mark(data, size, at + 1, '+'));
	assert(answers_batch(&run->answers) >= batch);
	/* A probe that was not due is nothing to attach to. */
	if (data[at] != 'o' && has_mark(data, size, at + 1, '*')) {
		attach(run, batch, data[at]);
	}
	return goes_on;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run run;
	bool sending = true;

	if (size > SIZE_MAX_TAKEN || memchr(data, 0, size) != NULL) {
		return 0;
	}
	memset(&run, 0, sizeof(run));
	answers_init(&run.answers, on_note, &run);
	for (size_t at = 0; at < size; at++) {
		if (data[at] == '<' || data[at] == '>') {
			sending = data[at] == '>';
		} else if (strchr("-+*x!?", data[at]) == NULL &&
		    !act(&run, data, size, at, sending)) {
			break;
		} else {
			check(&run);
		}
	}
	run.has_ended = true;
	answers_fini(&run.answers);
	assert(run.over == run.count);
	return 0;
}
