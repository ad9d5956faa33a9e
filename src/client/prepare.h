/*
 * prepare.h - a client's prepared statements on servers that many use.
 *
 * Source: PostgreSQL docs, "Frontend/Backend Protocol", "Extended Query".
 */
#ifndef CLIENT_PREPARE_H
#define CLIENT_PREPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/names.h"
#include "server/note.h"

struct batch;
struct buf;
struct client;
struct frame;
struct out;
struct statement;

/* Whether names of statements are followed for CLIENT, which has its pool:
 * not in session pooling, nor when max_prepared_statements is 0. */
bool prepare_is_tracked(const struct client *client);

/* A statement's name in a message. */
struct prepare_name {
	const char *bytes; /* borrowed; a NUL is behind it */
	size_t length;
	size_t before; /* bytes of the body in front of it */
};

/* Finds the statement's name in SIZE bytes of the BODY of a Parse, Bind,
 * Describe or Close. False: there is none (a portal's), or it is cut. */
bool prepare_find_name(
    uint8_t type, const uint8_t *body, size_t size, struct prepare_name *name);

/* What NAME is to a message that CLIENT sends now. *STATEMENT is borrowed. */
enum name_state prepare_look_up(const struct client *client,
    const struct prepare_name *name, struct statement **statement);

enum prepare_way {
	PREPARE_PASS, /* on it goes, the first .replaced bytes left out */
	PREPARE_DROP, /* answered here: it goes to nobody */
	PREPARE_STOP  /* not before an answer has come; or the client was
	                 closed */
};

struct prepare_result {
	enum prepare_way way;
	size_t replaced;   /* of the message; OUT has them in another form */
	struct note *note; /* to be attached to it; for the caller */
	const char *pin;   /* static; why its server cannot be shared */
};

/*
 * A Parse, Bind, Describe or Close FRAME of a tracked client is about to be
 * passed on; HERE bytes of its BODY are here. What must go in front of it is
 * put into OUT, to which everything before it has been given.
 */
struct prepare_result prepare_pass(struct client *client, struct out *out,
    const struct frame *frame, const uint8_t *body, size_t here);

/*
 * A text comes that uses or changes prepared statements in ways that are not
 * followed; the client keeps its server from here on. Its statements are put
 * there under their own names, in front of that text, and are then the server's
 * business alone. False: not before an answer has come.
 */
bool prepare_untrack(struct client *client, struct out *out)
    __attribute__((warn_unused_result));

/* The server is to answer what OUT has told it so far; said once. */
void prepare_put_flush(struct client *client, struct out *out);

/* A Sync is next. True: nothing of its batch is with the server, and it has
 * been answered here. */
bool prepare_answer_sync(struct client *client);

/*
 * A client without a server has sent BATCH, which lies whole AT. True: it was a
 * Parse of what servers of its pool know, or a Close, and has been answered
 * here; the client may have been closed over that.
 */
bool prepare_answer_alone(
    struct client *client, const uint8_t *at, const struct batch *batch);

/* What the client calls the statement in the message of an ErrorResponse BODY,
 * if one of ours is named there: the whole message anew in OUT. False: nothing
 * to be changed. */
bool prepare_rename_error(
    struct client *client, const uint8_t *body, size_t size, struct buf *out);

/* For client_close(). */
void told_fini(struct client *client);

/* ---- unnamed.c ----------------------------------------------------------- */

/* As prepare_pass(), for the unnamed statement. */
struct prepare_result unnamed_pass(struct client *client, struct out *out,
    const struct frame *frame, const uint8_t *body, size_t here);

#endif
