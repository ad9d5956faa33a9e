/*
 * answers.h - what a server still owes, in order.
 *
 * Every message forwarded to a server is told to answers_sent(), every message
 * that comes back to answers_seen(), which says whose it is. This is how a
 * server is known to be clean, how answers to messages of our own are kept
 * from the client, and how our own answers find their place among a server's.
 *
 * Source: PostgreSQL docs, "Frontend/Backend Protocol", "Message Flow".
 */
#ifndef SERVER_ANSWERS_H
#define SERVER_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/list.h"
#include "server/note.h"

struct buf;

/* More owed answers than this and the client has to wait. */
#define ANSWERS_MAX ((uint32_t)65536)
#define ANSWERS_INLINE 16

/* What became of the message told last, or the answer invented last. */
enum answers_told {
	TOLD_NOTHING, /* none, or it has its note already, or is over */
	TOLD_OWED,    /* it is the last in the ring */
	TOLD_GIVEN,   /* invented with nothing owed: the caller's to deliver */
	TOLD_NEVER    /* not to be answered at all */
};

/*
 * NOTE's message is answered, or never will be. Called once for each, before
 * NOTE is freed; .part must be NULL on return. Must not call back into the
 * answers, nor close or free whoever they belong to.
 */
typedef void answers_on_note(
    void *context, struct note *note, enum note_event event);

/* The same of a note's PART alone, to HOLDER. */
typedef void answers_on_part(void *holder, void *part, enum note_event event);

struct answers {
	uint8_t *ring;        /* owned unless it is inline_ring */
	uint32_t capacity;    /* a power of two */
	uint32_t head;        /* index of the oldest entry */
	uint32_t count;       /* entries, markers included */
	uint32_t runs;        /* Query and Execute among them */
	uint32_t extra_ready; /* ReadyForQuery that may come unowed */
	uint64_t sent;        /* messages that are answered, forwarded */
	uint64_t done;        /* those answered, or never to be */
	uint64_t queries;     /* Query forwarded, ours included */
	uint64_t batches;     /* Sync, Query and FunctionCall forwarded */
	struct list invented; /* owned; one per invented entry, in order */
	struct list notes;    /* owned; one per entry with a note, in order */
	answers_on_note *on_note; /* may be NULL */
	void *note_context;       /* borrowed; outlives the answers */
	enum answers_told told;
	bool batch_open; /* extended message since the last Sync */
	bool skipping;   /* server ignores all up to a Sync */
	bool copying;    /* the oldest run is in COPY IN */
	bool copy_in;    /* and its end was not sent yet */
	bool probe_seen; /* EmptyQueryResponse of our probe */
	uint8_t inline_ring[ANSWERS_INLINE];
};

/* Prepares ANSWERS for a server that owes nothing. Not to be moved after.
 * ON_NOTE, NULL for none, is told of notes with NOTE_CONTEXT. */
void answers_init(
    struct answers *answers, answers_on_note *on_note, void *note_context);

/* Nothing will be answered any more: notes still there are skipped. */
void answers_fini(struct answers *answers);

enum answers_sent {
	ANSWERS_FORWARD,  /* send it on */
	ANSWERS_DROP,     /* COPY data after the copy has ended: to nobody */
	ANSWERS_VIOLATION /* no message for COPY IN; PostgreSQL would fail it */
};

/*
 * A client's message of TYPE is about to be forwarded; Terminate is not told.
 * SWALLOW: it is our own, its answers are not for the client. The caller has
 * made sure that answers_has_room().
 */
enum answers_sent answers_sent(struct answers *answers, uint8_t type,
    bool swallow) __attribute__((warn_unused_result));

/* A message of our own is about to be sent; its answers are swallowed. No copy
 * is on. */
void answers_sent_own(struct answers *answers, uint8_t type);

/* An empty Query of our own is about to be sent, see answers_needs_probe(). */
void answers_sent_probe(struct answers *answers);

/* As answers_sent_own(), in an extended batch of the client's: its success is
 * swallowed, its error is the client's, who loses the rest of its batch; what
 * the server notes beside it the client has heard before. TYPE is none that
 * ends a batch. */
void answers_sent_helper(struct answers *answers, uint8_t type);

/*
 * Attaches NOTE (owned by ANSWERS from now on) to the message told last, or to
 * the answer invented last; to be done before anything else is told or seen.
 * Its event comes
 *   DONE      with the answer that ends it: a Query's and a FunctionCall's
 *             ReadyForQuery; an invented one when it is delivered
 *   FAILED    with the ErrorResponse to it
 *   SKIPPED   when an error before it, or the end of all, leaves it unanswered
 * and here and now if it is not to be answered at all (SKIPPED: the server
 * skips to a Sync, or this is none that is answered), or if nothing is owed
 * and so the caller delivers what was invented (DONE).
 */
void answers_attach(struct answers *answers, struct note *note);

/* The note of the oldest answer owed; NULL: it has none. Borrowed. */
struct note *answers_head_note(const struct answers *answers);

/*
 * Whoever the parts of all notes are of is about to leave: ON_PART(HOLDER) is
 * told of each, in order, as skipped. The notes stay without them. ON_PART may
 * be NULL if there are none.
 */
void answers_drop_parts(
    struct answers *answers, answers_on_part *on_part, void *holder);

/*
 * BYTES are to reach the client behind everything owed so far, in the place of
 * the answer to a message of its; in an extended batch that fails before, they
 * are dropped. False, and nothing kept, when nothing is owed: the caller passes
 * them on now, unless answers_is_skipping().
 */
bool answers_invent(struct answers *answers, const void *bytes, size_t size)
    __attribute__((warn_unused_result));

enum answers_seen {
	ANSWERS_PASS,        /* the client's */
	ANSWERS_SWALLOW,     /* ours */
	ANSWERS_UNEXPECTED,  /* nobody asked: the connection is out of step */
	ANSWERS_CLIENT_FAULT /* the client broke COPY IN, see VIOLATION */
};

/* A server's message of TYPE has arrived. */
enum answers_seen answers_seen(struct answers *answers, uint8_t type)
    __attribute__((warn_unused_result));

/* Appends to OUT the invented answers whose turn has come; true if any. To be
 * asked after every answers_seen(). */
bool answers_take_invented(struct answers *answers, struct buf *out);

/* From here on everything owed is ours: the client has gone elsewhere. What was
 * invented for it is dropped. */
void answers_swallow_all(struct answers *answers);

static inline bool
answers_has_room(const struct answers *answers)
{
	return answers->count < ANSWERS_MAX;
}

/* An extended message has failed: the server ignores all up to a Sync. */
static inline bool
answers_is_skipping(const struct answers *answers)
{
	return answers->skipping;
}

/*
 * The number of the batch that the message told next is part of. It stays the
 * same up to and including the Sync, Query or FunctionCall that ends a batch
 * and is higher behind it: of two messages with the same number, an error in
 * the first makes the server skip the second, unless that is the Sync.
 */
static inline uint64_t
answers_batch(const struct answers *answers)
{
	return answers->batches;
}

/* Whether an error now would leave a Parse of the unnamed statement undone or
 * unread: one without a note, not of ours. */
bool answers_owes_parse(const struct answers *answers);

/* Whether a ReadyForQuery is owed: of the batches sent not all have come to
 * their end. */
bool answers_owes_ready(const struct answers *answers);

/* Nothing is owed, no batch is open, no copy is on. */
static inline bool
answers_is_settled(const struct answers *answers)
{
	return answers->count == 0 && !answers->batch_open &&
	    !answers->skipping && !answers->copy_in;
}

/*
 * A COPY failed at a moment that leaves open whether a Sync sent early was
 * eaten by it. Before the server goes to anybody else, an empty Query must
 * show what still comes.
 */
static inline bool
answers_needs_probe(const struct answers *answers)
{
	return answers->extra_ready > 0;
}

#endif
