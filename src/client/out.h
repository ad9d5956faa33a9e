/*
 * out.h - messages on their way to a server, gathered for one write.
 *
 * Pieces that lie in a buffer already are borrowed, short ones of our own are
 * copied into room inside. Lives on the stack of one callback; what it borrows
 * must stay until it is flushed.
 */
#ifndef CLIENT_OUT_H
#define CLIENT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/buf.h"

struct server;

#define OUT_PIECES 64
#define OUT_ROOM 2048

struct out {
	struct server *server; /* borrowed */
	int count;
	size_t used; /* of room */
	bool failed; /* the server was lost; all further calls do nothing */
	struct buf aside; /* owned; what goes before the pieces */
	struct iovec pieces[OUT_PIECES];
	uint8_t room[OUT_ROOM];
};

/* Only the fields that need it are set: cheap. */
void out_init(struct out *out, struct server *server);

/* BYTES go next; they stay where they are until out_flush(). Adjoining pieces
 * become one. When it is full, what there is is copied aside: only out_flush()
 * sends, and can lose the server. */
void out_borrow(struct out *out, const void *bytes, size_t size);

/* As out_borrow(), for bytes that do not stay: copied. */
void out_copy(struct out *out, const void *bytes, size_t size);

/* Drops what was never sent. */
void out_fini(struct out *out);

/* Sends everything. False when the server was lost over it, and perhaps its
 * holder with it. */
bool out_flush(struct out *out);

#endif
