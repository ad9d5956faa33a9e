/*
 * answers_ring.c - the ring of answers owed, its notes and invented bytes.
 */
#include "server/answers_ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"

struct invented {
	struct list_link link;
	size_t size;
	uint8_t bytes[];
};

void
answers_init(
    struct answers *answers, answers_on_note *on_note, void *note_context)
{
	*answers = (struct answers){0};
	answers->ring = answers->inline_ring;
	answers->capacity = ANSWERS_INLINE;
	answers->on_note = on_note;
	answers->note_context = note_context;
}

void
answers_fini(struct answers *answers)
{
	while (answers->notes.count > 0 || answers->invented.count > 0) {
		(void)ring_pop(answers, NOTE_SKIPPED);
	}
	if (answers->ring != answers->inline_ring) {
		free(answers->ring);
	}
	answers_init(answers, NULL, NULL);
}

/* ---- notes --------------------------------------------------------------- */

/* Tells of NOTE, which is in no list any more, and frees it. */
static void
tell_note(struct answers *answers, struct note *note, enum note_event event)
{
	if (answers->on_note != NULL) {
		answers->on_note(answers->note_context, note, event);
	}
	note_free(&note);
}

static void
end_note(struct answers *answers, struct list_link *link, enum note_event event)
{
	assert(link != NULL);
	list_remove(&answers->notes, link);
	tell_note(answers, list_entry(link, struct note, link), event);
}

void
answers_attach(struct answers *answers, struct note *note)
{
	enum answers_told told = answers->told;
	uint8_t *entry;

	assert(told != TOLD_NOTHING);
	answers->told = TOLD_NOTHING; /* one note each */
	if (told != TOLD_OWED) {
		tell_note(answers, note,
		    told == TOLD_GIVEN ? NOTE_DONE : NOTE_SKIPPED);
		return;
	}
	assert(answers->count > 0);
	entry = ring_at(answers, answers->count - 1);
	*entry |= FLAG_NOTE;
	list_append(&answers->notes, &note->link);
}

struct note *
answers_head_note(const struct answers *answers)
{
	if (answers->count == 0 || (*ring_at(answers, 0) & FLAG_NOTE) == 0) {
		return NULL;
	}
	return list_first(&answers->notes, struct note, link);
}

void
answers_drop_parts(
    struct answers *answers, answers_on_part *on_part, void *holder)
{
	list_foreach (&answers->notes, link) {
		struct note *note = list_entry(link, struct note, link);
		void *part = note->part;

		if (part != NULL) {
			note->part = NULL;
			on_part(holder, part, NOTE_SKIPPED);
		}
	}
}

/* ---- entries ------------------------------------------------------------- */

static bool
is_answered(uint8_t entry)
{
	unsigned kind = entry & KIND_MASK;

	return kind != KIND_COPY_END && kind != KIND_INVENTED;
}

static void
grow(struct answers *answers)
{
	uint32_t capacity = answers->capacity * 2;
	uint8_t *ring = mem_alloc(capacity);

	for (uint32_t i = 0; i < answers->count; i++) {
		ring[i] = *ring_at(answers, i);
	}
	if (answers->ring != answers->inline_ring) {
		free(answers->ring);
	}
	answers->ring = ring;
	answers->capacity = capacity;
	answers->head = 0;
}

void
ring_push(struct answers *answers, enum kind kind, unsigned flags)
{
	uint8_t entry = (uint8_t)(kind | flags);

	if (answers->count == answers->capacity) {
		grow(answers);
	}
	*ring_at(answers, answers->count) = entry;
	answers->count++;
	answers->runs += entry_is_run(entry) ? 1 : 0;
	answers->sent += is_answered(entry) ? 1 : 0;
	answers->queries += kind == KIND_QUERY || kind == KIND_PROBE ? 1 : 0;
	answers->told = kind == KIND_COPY_END ? TOLD_NEVER : TOLD_OWED;
}

static void
drop_invented(struct answers *answers)
{
	struct list_link *link = list_pop(&answers->invented);

	assert(link != NULL);
	free(list_entry(link, struct invented, link));
}

/* ENTRY has left the ring, and LINK is its note's if it has one. */
static void
end_entry(struct answers *answers, uint8_t entry, struct list_link *link,
    enum note_event event)
{
	answers->runs -= entry_is_run(entry) ? 1 : 0;
	answers->done += is_answered(entry) ? 1 : 0;
	answers->told = TOLD_NOTHING;
	if ((entry & KIND_MASK) == KIND_INVENTED) {
		drop_invented(answers);
	}
	if ((entry & FLAG_NOTE) != 0) {
		end_note(answers, link, event);
	}
}

uint8_t
ring_pop(struct answers *answers, enum note_event event)
{
	uint8_t entry = *ring_at(answers, 0);

	assert(answers->count > 0);
	answers->head = (answers->head + 1) & (answers->capacity - 1);
	answers->count--;
	end_entry(answers, entry, answers->notes.head, event);
	return entry;
}

void
ring_drop_copy_ends(struct answers *answers)
{
	while (ring_kind(answers, 0) == KIND_COPY_END) {
		(void)ring_pop(answers, NOTE_SKIPPED);
	}
}

void
ring_drop_second(struct answers *answers)
{
	uint8_t head = *ring_at(answers, 0), entry = *ring_at(answers, 1);
	struct list_link *link = answers->notes.head;

	assert(answers->count > 1);
	assert((entry & KIND_MASK) != KIND_INVENTED); /* not the first */
	if (link != NULL && (head & FLAG_NOTE) != 0) {
		link = link->next;
	}
	*ring_at(answers, 1) = head;
	answers->head = (answers->head + 1) & (answers->capacity - 1);
	answers->count--;
	end_entry(answers, entry, link, NOTE_SKIPPED);
}

void
ring_fail_head(struct answers *answers)
{
	uint8_t *entry = ring_at(answers, 0);

	assert(answers->count > 0);
	if ((*entry & FLAG_NOTE) != 0) {
		*entry &= (uint8_t)~FLAG_NOTE;
		end_note(answers, answers->notes.head, NOTE_FAILED);
	}
}

void
answers_swallow_all(struct answers *answers)
{
	struct list_link *note = answers->notes.head;
	uint32_t count = answers->count;

	answers->count = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t entry = *ring_at(answers, i);
		struct list_link *link = note;

		if (note != NULL && (entry & FLAG_NOTE) != 0) {
			note = note->next;
		}
		if ((entry & KIND_MASK) == KIND_INVENTED) {
			end_entry(answers, entry, link, NOTE_SKIPPED);
			continue;
		}
		*ring_at(answers, answers->count) =
		    (uint8_t)((entry | FLAG_SWALLOW) & ~FLAG_CLIENTS_ERROR);
		answers->count++;
	}
}

/* ---- answers of our own -------------------------------------------------- */

bool
answers_invent(struct answers *answers, const void *bytes, size_t size)
{
	struct invented *item;

	if (answers->count == 0) {
		answers->told = answers->skipping ? TOLD_NEVER : TOLD_GIVEN;
		return false;
	}
	item = mem_zalloc(sizeof(*item) + size);
	item->size = size;
	memcpy(item->bytes, bytes, size);
	list_append(&answers->invented, &item->link);
	ring_push(answers, KIND_INVENTED, 0);
	return true;
}

bool
answers_take_invented(struct answers *answers, struct buf *out)
{
	bool any = false;

	while (ring_kind(answers, 0) == KIND_INVENTED) {
		struct invented *item =
		    list_first(&answers->invented, struct invented, link);

		assert(item != NULL);
		buf_append(out, item->bytes, item->size);
		(void)ring_pop(answers, NOTE_DONE);
		ring_drop_copy_ends(answers);
		any = true;
	}
	return any;
}
