/* request.h - what request.c has in files of their own. */
#ifndef CLIENT_REQUEST_H
#define CLIENT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;
struct error;
struct frame;
struct out;

/* Goes on with a batch of which a part had to wait. May close CLIENT. */
void request_resume(struct client *client);

/* ---- begin.c ------------------------------------------------------------- */

/*
 * The SIZE bytes AT are a BEGIN READ ONLY: answers it, and keeps it until its
 * first statement shows where both go. The last text looked up is the BEGIN or
 * follows it in the same batch. May close CLIENT.
 */
void begin_hold(struct client *client, const uint8_t *at, size_t size);

/* The SIZE bytes AT end a transaction that was held back and has failed before
 * it has met a server: answers them, and forgets it. May close CLIENT. */
void begin_end(struct client *client, const uint8_t *at, size_t size);

/* Sends the BEGIN held back to the server the client has got, in front of what
 * is written next; its answers go to nobody. */
void begin_send(struct client *client);

/* ---- refuse.c ------------------------------------------------------------ */

/*
 * The request that .held begins with, of which no server has got anything, is
 * answered with ERR instead; a transaction whose BEGIN is held back has failed.
 * Where .batch is cut, the client is in IDLE. May close CLIENT: then false.
 */
bool refuse_held(struct client *client, const struct error *err);

/* While .skips_to_sync: how many bytes, from AT on, are to be dropped; 0: more
 * must arrive. May close CLIENT. */
size_t refuse_skip(struct client *client, const uint8_t *at, size_t size);

/* The transaction status of a client without a server. */
char refuse_status(const struct client *client);

/* ---- pass.c -------------------------------------------------------------- */

/* Passes on messages from SIZE BYTES; returns how many were used. JUDGED: the
 * batch they are has been looked at. May close CLIENT. */
size_t pass_messages(
    struct client *client, const uint8_t *bytes, size_t size, bool judged);

/* Terminate was read: what was asked before is answered first, as a server
 * would. May close CLIENT. */
void pass_leave(struct client *client);

/* Whether messages of TYPE are allowed at all. May close CLIENT: then false. */
bool pass_allows(struct client *client, uint8_t type)
    __attribute__((warn_unused_result));

/* Closes CLIENT for a message of TYPE; WHAT says what is wrong with it. */
void pass_violation(struct client *client, const char *what, uint8_t type);

/* ---- unnamed.c ----------------------------------------------------------- */

/* Whether the batch that FIRST begins, of whose BODY some bytes are here, might
 * meet the unnamed statement that somebody else left on the client's server. */
bool unnamed_may_be_met(const struct client *client, const struct frame *first,
    const uint8_t *body, size_t body_here);

/* Closes that statement, by a message that goes into OUT. */
void unnamed_close(struct client *client, struct out *out);

/* A Parse of BODY is on its way: if it has no name, what is there from now on
 * is the client's own. */
void unnamed_note(struct client *client, const uint8_t *body, size_t body_here);

/* The client parses an unnamed statement: keeps the SIZE bytes of that Parse's
 * BODY, unless they are too many. */
void unnamed_keep(struct client *client, const uint8_t *body, size_t size);

/* The client has closed it, or run a Query, which does the same. */
void unnamed_drop(struct client *client);

/* Whether FRAME, which is next, binds a statement of which is not known yet
 * whether it was parsed: its batch is not answered. An error there would leave
 * an older one in its place, and what that does to the session is forgotten. */
bool unnamed_must_wait(const struct client *client, const struct frame *frame,
    const uint8_t *body, size_t here);

/* Whether the server may still have an older one than the client parsed last,
 * because an error came before that. */
bool unnamed_is_doubtful(const struct client *client);

/* An error, not told to the server's answers yet: what was parsed in its batch
 * may not have been. */
void unnamed_on_error(struct client *client);

void unnamed_fini(struct client *client);

#endif
