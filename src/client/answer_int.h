/* answer_int.h - between the files of an answer's way, answer*.c. */
#ifndef CLIENT_ANSWER_INT_H
#define CLIENT_ANSWER_INT_H

#include "client/client_int.h"
#include "proto/frame.h"

/* One read's worth of a server's bytes; those from START to AT are the
 * client's and have not left yet. */
struct flow {
	struct server *server;
	const uint8_t *bytes;
	size_t size;
	size_t start;
	size_t at;
	size_t told; /* up to here the server's answers have been told: whoever
	                has the server next must not be shown it again */
	enum session_answer session; /* what becomes of the message at .at, and
	                                its tag, for its client's session */
	const char *tag;
	bool is_switch_error; /* the message at .at refuses settings of ours
	                         that travelled with the request, or what was
	                         only tried */
	bool was_there;       /* or it is that a server has a statement which we
	                         did not believe it had */
};

/* What to do after a message. */
enum next {
	NEXT_GO_ON,
	NEXT_STOP
};

/* answer.c: sends what is due, unless it must be held; leaves out the next
 * SKIPPED bytes. False when the client was closed. */
bool answer_cut(struct client *client, struct flow *flow, size_t skipped);

/* ---- answer_error.c: of the ErrorResponse at hand ------------------------ */

/* Before it is told to the server's answers: what it says of a Parse. */
void answer_look_for_name(struct flow *flow, const struct frame *frame);

/* Of which nothing has been passed on. True when the request was routed
 * again. */
bool answer_try_replay(
    struct client *client, struct flow *flow, const struct frame *frame);

/* Whether it is that settings were refused which have gone in front of the
 * request, or something failed that was only tried: no answer to the request,
 * which runs all the same. */
bool answer_is_switch_error(const struct flow *flow, const struct frame *frame);

/* Whether it is the one that was asked for, see prepare_check.c: if not it is
 * none of that kind. */
void answer_check_refused(
    struct client *client, const uint8_t *body, size_t size);

/* The client gets it: what follows from it for routing. */
void answer_note_error(struct client *client, const uint8_t *body, size_t size);

/* What it, which may be replayed, says of what we believed. */
void answer_note_belief(
    struct client *client, struct flow *flow, const uint8_t *body, size_t size);

/* If it names a statement by our name the client gets its own instead. False:
 * it does not. */
bool answer_put_renamed(struct client *client, struct flow *flow,
    const struct frame *frame, const uint8_t *body, enum next *next);

/* If it says that the statement was cancelled, and that was for its timeout,
 * the client is told so. False: it is another. */
bool answer_put_expired(struct client *client, struct flow *flow,
    const struct frame *frame, const uint8_t *body, enum next *next);

/* What we had sent ourselves, the BEGIN held back, has failed: what comes
 * behind it must not run without it. The client gets the server's words. */
enum next answer_own_refused(
    struct flow *flow, const struct frame *frame, const uint8_t *body);

#endif
