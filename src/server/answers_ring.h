/*
 * answers_ring.h - the inside of the answers owed: the ring and what hangs on
 * it. Knows no protocol; the rules are in answers.c.
 *
 * One byte per owed message: its kind, and three flags. Sixteen fit into the
 * server itself, so the steady state allocates nothing. Notes and invented
 * bytes wait in lists of their own, in the order of the entries they are of.
 */
#ifndef SERVER_ANSWERS_RING_H
#define SERVER_ANSWERS_RING_H

#include "server/answers.h"

enum kind {
	KIND_NONE,
	KIND_PARSE,
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

#define FLAG_SWALLOW 0x80U       /* its answers are ours */
#define FLAG_NOTE 0x40U          /* the next of the notes is its */
#define FLAG_CLIENTS_ERROR 0x20U /* but an error is the client's */
#define KIND_MASK 0x1fU

static inline bool
entry_is_run(uint8_t entry)
{
	unsigned kind = entry & KIND_MASK;

	return kind == KIND_QUERY || kind == KIND_EXECUTE;
}

/* POSITION counts from the oldest entry. */
static inline uint8_t *
ring_at(const struct answers *answers, uint32_t position)
{
	return &answers->ring[(answers->head + position) &
	    (answers->capacity - 1)];
}

/* KIND_NONE past the last entry. */
static inline enum kind
ring_kind(const struct answers *answers, uint32_t position)
{
	return position >= answers->count
	    ? KIND_NONE
	    : (enum kind)(*ring_at(answers, position) & KIND_MASK);
}

/* Appends an entry. */
void ring_push(struct answers *answers, enum kind kind, unsigned flags);

/* Removes the oldest entry, of which there is one, and returns it; EVENT is
 * what became of it. What it had invented is dropped. */
uint8_t ring_pop(struct answers *answers, enum note_event event);

/* Removes the entry behind the oldest as skipped. There is one. */
void ring_drop_second(struct answers *answers);

/* Removes from the front the ends of copies when no copy was on any more. */
void ring_drop_copy_ends(struct answers *answers);

/* Ends the note of the oldest entry, if it has one, as failed; the entry
 * stays. */
void ring_fail_head(struct answers *answers);

#endif
