/*
 * batch.h - what a client asks for in one go: up to Sync, or one Query.
 *
 * A batch decides its route as a whole. Finding its end costs a look at the
 * headers; what it is, a look at each text.
 */
#ifndef CLIENT_BATCH_H
#define CLIENT_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batch;
struct client;
struct statement;
struct verdict;

/* Of a message too long to be waited for, this much is: its names. */
#define HEAD_BYTES ((size_t)8192)

enum batch_end {
	BATCH_WHOLE,     /* .bytes says where it ends */
	BATCH_CUT,       /* by Flush, or too long to be held */
	BATCH_PARTIAL,   /* more must arrive; SCANNED frames are whole */
	BATCH_NOTHING,   /* the first .bytes concern nobody: drop them */
	BATCH_TERMINATE, /* the client says goodbye */
	BATCH_BAD        /* no message of the protocol */
};

/*
 * Looks for the end of the batch that SIZE bytes AT begin with. *SCANNED is
 * how far whole frames have been seen without an end, from an earlier call
 * with the same beginning; 0 at first.
 */
enum batch_end batch_find(const struct client *client, const uint8_t *at,
    size_t size, size_t *scanned, struct batch *batch);

/* batch_judge.c: fills the rest of BATCH, whose .bytes lie whole AT. */
void batch_judge(struct client *client, const uint8_t *at, struct batch *batch);

/* Judges the text of STATEMENT, once for all. */
void batch_judge_statement(struct client *client, struct statement *statement);

/* Looks TEXT up as one of CLIENT's; .ops is borrowed until the next look-up. */
void batch_look_up(struct client *client, const char *text, size_t length,
    struct verdict *verdict);

/* Whether a text of VERDICT may do to CLIENT's prepared statements what is not
 * followed. */
bool batch_untracks(const struct client *client, const struct verdict *verdict);

/* Why a server on which a text of VERDICT has run cannot be shared, static;
 * NULL: it can. */
const char *batch_pin_reason(
    const struct client *client, const struct verdict *verdict);

/* Judges one text on a linked connection. Returns why its server cannot be
 * shared any more, static; NULL if it can. IS_UNREAD: we could not read it. */
const char *batch_judge_text(
    struct client *client, const char *text, size_t length, bool *is_unread);

/*
 * The text of a Query or Parse BODY of SIZE bytes. NULL if it is malformed. For
 * Parse, *NAME_LENGTH is the length of the statement's name.
 */
const char *batch_text(uint8_t type, const uint8_t *body, size_t size,
    size_t *length, size_t *name_length);

#endif
