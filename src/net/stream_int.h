/* stream_int.h - the inside of a stream. */
#ifndef NET_STREAM_INT_H
#define NET_STREAM_INT_H

#include "core/blocks.h"
#include "net/loop.h"
#include "net/stream.h"

struct tls_session;

/* What a stream with TLS has besides. */
struct stream_tls {
	struct stream *stream;       /* borrowed; owns it */
	struct tls_session *session; /* owned */
	struct ready ready;          /* to read on, or to tell of a drain */
	bool was_held;               /* bytes have waited for the handshake */
};

struct stream {
	struct io io;
	struct grave grave;
	struct loop *loop;              /* borrowed; outlives every stream */
	const struct stream_owner *ops; /* borrowed; static */
	void *owner;                    /* borrowed; NULL once closed */
	const struct stream_transport *transport; /* NULL: the socket */
	void *context;                            /* borrowed; transport's */
	struct stream_tls *tls;                   /* owned; NULL: none */
	struct kept kept; /* refused by the peer so far; with TLS, as it
	                     goes over the wire */
	size_t held;      /* by TLS until its handshake is over */
	int fd;           /* owned; -1 once closed */
	bool is_direct;   /* the caller's bytes are those of the socket */
	bool want_read;
	bool closed;
};

/* ---- stream.c: bytes as they go over the wire ---------------------------- */

/* As recv(2). */
ssize_t stream_receive_raw(struct stream *stream, void *bytes, size_t size);

/* Sends BYTES behind what is kept, or keeps them. As stream_write(). */
enum io_result stream_write_raw(
    struct stream *stream, const void *bytes, size_t size);

/* ---- stream_tls.c -------------------------------------------------------- */

enum io_result stream_tls_read(
    struct stream *stream, void *bytes, size_t size, size_t *got);
enum io_result stream_tls_write(
    struct stream *stream, const void *bytes, size_t size);
enum io_result stream_tls_writev(
    struct stream *stream, const struct iovec *pieces, int count);

/* Goes on after this callback if there is reason to that the loop cannot see.
 */
void stream_tls_arm(struct stream *stream);

/* Says goodbye and frees; the socket is still there. */
void stream_tls_end(struct stream *stream);

#endif
