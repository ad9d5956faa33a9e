/* pass_int.h - between the files that pass messages on, pass*.c. */
#ifndef CLIENT_PASS_INT_H
#define CLIENT_PASS_INT_H

#include "client/client_int.h"
#include "client/out.h"
#include "client/session.h"
#include "core/buf.h"
#include "proto/frame.h"

/* A run of bytes on its way: those from START to AT are in .out already or go
 * there next; all leave together. */
struct run {
	const uint8_t *bytes;
	size_t size;
	size_t start;
	size_t at;
	bool judged;                /* the texts have been looked at already */
	struct session_run session; /* of the message that is next */
	struct buf rewritten;       /* its text */
	struct out out;
};

static inline bool
pass_is_text(const struct frame *frame)
{
	return frame->type == MSG_QUERY || frame->type == MSG_PARSE;
}

/* A message FRAME on its way to a server, of whose body HERE bytes are at BODY:
 * what keeps its client there. A text that is longer is scanned as it comes,
 * see pass_scan(). False: it has to wait. */
bool pass_judge(struct client *client, const struct frame *frame,
    const uint8_t *body, size_t here);

/* SIZE more bytes of the message under way; IS_LAST: there are no more. */
void pass_scan(
    struct client *client, const uint8_t *bytes, size_t size, bool is_last);

/* Whether FRAME, which is next in RUN, may do to its client's prepared
 * statements what is not followed is noted in client->untracks. False: it has
 * to wait. */
bool pass_look_for_clearing(
    struct client *client, const struct run *run, const struct frame *frame);

/* Looks at what FRAME, which is next in RUN, does to its client's session: what
 * is to be done about it goes into run->session. False: it has to wait. */
bool pass_session(
    struct client *client, struct run *run, const struct frame *frame);

/* Whether the Bind FRAME, which is next in RUN, has to be another one, which is
 * then in OUT: NULL would set what the server began with, not the client. */
bool pass_fill_bind(struct client *client, const struct run *run,
    const struct frame *frame, struct buf *out);

#endif
