/*
 * prepared.h - which statements a server has, as far as we know.
 *
 * An entry's truth changes when the server acknowledges. While messages about
 * it are under way, what it will come out as can be relied on only within the
 * batch they belong to: if something fails there, what follows up to the Sync
 * is skipped with it.
 */
#ifndef SERVER_PREPARED_H
#define SERVER_PREPARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash.h"
#include "core/list.h"
#include "server/note.h"

struct form;
struct statement;

struct prepared {
	struct prepared_entry *table; /* owned entries, by statement */
	struct list recent;           /* of known entries of which nothing is
	                                 under way, latest use first */
	struct prepared_entry *last;  /* the one found last; may be NULL */
	size_t known;                 /* how many are */
	size_t expected; /* how many will be when all is answered */
};

enum prepared_state {
	PREPARED_KNOWN,   /* it can be bound */
	PREPARED_MISSING, /* Parse it first */
	PREPARED_DOUBTED, /* Close it, then Parse it: what is there is unsure */
	PREPARED_WAIT     /* an earlier batch will tell; not before */
};

/* An entry counts the name of its statement, see statement_ref_name(). */
void prepared_init(struct prepared *prepared);
void prepared_fini(struct prepared *prepared);

/* What a message of batch number BATCH finds of STATEMENT. A known one is used
 * by this. */
enum prepared_state prepared_look(struct prepared *prepared,
    const struct statement *statement, uint64_t batch);

/* Whether STATEMENT is known, whatever is under way. */
bool prepared_has(
    const struct prepared *prepared, const struct statement *statement);

/*
 * A Parse of STATEMENT (BELIEF_PREPARED) or a Close of it (BELIEF_CLOSED) is
 * about to be sent in batch number BATCH. Returns the note to attach to it,
 * which the caller owns until then. After prepared_look() has not said WAIT.
 */
struct note *prepared_sent(struct prepared *prepared,
    struct statement *statement, enum note_belief belief, uint64_t batch);

/*
 * A Describe of STATEMENT is about to be sent, whose answer is to tell its
 * form. Returns the note to attach to it, which the caller owns until then; the
 * answer is put into it as it comes.
 */
struct note *prepared_describe_sent(
    struct prepared *prepared, struct statement *statement);

enum prepared_form {
	PREPARED_FORM_KNOWN,
	PREPARED_FORM_UNKNOWN, /* it was never described */
	PREPARED_FORM_AHEAD,   /* nor is what this batch makes of it */
	PREPARED_FORM_WAIT     /* an answer will tell */
};

/* The form of what the server knows as STATEMENT now. *FORM is borrowed; NULL
 * unless it is known. */
enum prepared_form prepared_look_form(struct prepared *prepared,
    const struct statement *statement, struct form **form);

/* What became of a message prepared_sent() or prepared_describe_sent() was told
 * of. */
void prepared_on_note(
    struct prepared *prepared, const struct note *note, enum note_event event);

/* The statement to close so that there are no more than LIMIT when all that
 * was sent is answered: the longest unused of which nothing is under way. NULL:
 * none is needed, or can be. Each one returned is to be closed, with
 * prepared_sent(), before the next is asked for. */
struct statement *prepared_surplus(struct prepared *prepared, size_t limit);

/* What we believed has turned out wrong: all that is known is doubted, until
 * the server has acknowledged it again. */
void prepared_doubt(struct prepared *prepared);

/* The server has lost them all (DISCARD ALL, DEALLOCATE ALL). What was sent
 * behind that is still to come. */
void prepared_forget(struct prepared *prepared);

/* How many are known. */
size_t prepared_count(const struct prepared *prepared);

#endif
