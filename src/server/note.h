/*
 * note.h - what is to happen when a certain message is answered.
 *
 * Beliefs (this server knows that statement, this session has that setting) are
 * set when the server acknowledges, never when we send. A note is attached to
 * an owed answer and follows it: see answers_attach().
 */
#ifndef SERVER_NOTE_H
#define SERVER_NOTE_H

#include <stdbool.h>

#include "core/list.h"

struct form;
struct profile;
struct statement;

/* What became of the message a note is attached to. */
enum note_event {
	NOTE_DONE,   /* answered, without an error */
	NOTE_FAILED, /* its answer was an error */
	NOTE_SKIPPED /* never executed: behind an error, or nobody waits */
};

/* What the server is to believe then. */
enum note_belief {
	BELIEF_NONE,
	BELIEF_PREPARED,  /* DONE: it knows .statement */
	BELIEF_CLOSED,    /* DONE: it no longer knows .statement */
	BELIEF_DESCRIBED, /* DONE: what it knows as .statement has .form */
	BELIEF_PROFILE,   /* DONE: it runs under .profile */
	BELIEF_TRIED      /* nothing: that it fails is nobody's business */
};

struct note {
	struct list_link link; /* in the server's answers */
	enum note_belief belief;
	struct statement *statement; /* shared; of the belief, else NULL */
	struct profile *profile;     /* shared; of the belief, else NULL */
	struct form *form; /* owned; of BELIEF_DESCRIBED: what has come
	                      of it; NULL: nothing that was looked at */
	bool is_there; /* of BELIEF_PREPARED that has FAILED: because the server
	                  knows one of that name */
	/* The holder's part: told to its on_note(), which ends it; NULL: none,
	 * or the holder has gone. */
	void *part;
};

/* Returns a zeroed note that believes nothing; the caller owns it until it is
 * attached. */
struct note *note_new(void);

/* Frees *NOTE, gives back what it shares, and sets it to NULL. Its part must
 * be NULL. */
void note_free(struct note **note);

#endif
