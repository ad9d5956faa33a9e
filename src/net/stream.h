/*
 * stream.h - a connection as bytes: read what is there, write what fits, keep
 * the rest.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct loop;
struct stream;
struct tls_context;

enum io_result {
	IO_DONE,
	IO_AGAIN,
	IO_EOF,
	IO_FAILED
};

/* Who a stream talks to. Called from the loop only; each may close. */
struct stream_owner {
	/* Bytes, end of file or an error wait to be read. */
	void (*on_readable)(void *owner);
	/* Everything that was kept has been sent. */
	void (*on_drained)(void *owner);
};

/* Where bytes go and come from; the socket's by default, memory in tests.
 * As recv(2) and send(2): -1 and errno on failure. */
struct stream_transport {
	ssize_t (*receive)(void *context, void *bytes, size_t size);
	ssize_t (*send)(void *context, const void *bytes, size_t size);
	void (*close)(void *context);
};

/*
 * Returns a stream over FD, which it takes over; it watches nothing yet.
 * OWNER_OPS must outlive it; OWNER is borrowed until stream_close().
 */
struct stream *stream_new(struct loop *loop, int fd,
    const struct stream_owner *owner_ops, void *owner);

/* STREAM's events come before those of other streams in one turn of the loop.
 * To be said before any is wanted. */
void stream_set_first(struct stream *stream);

/* As stream_new(), over TRANSPORT; events come from stream_poke(). */
struct stream *stream_new_over(struct loop *loop,
    const struct stream_transport *transport, void *context,
    const struct stream_owner *owner_ops, void *owner);

/*
 * From here on everything written is encrypted and everything read has been,
 * under CONTEXT, which is referenced. HOST: we connect, to the server called
 * so; NULL: we accept. The SIZE bytes at EARLY were read already and belong to
 * TLS. What is written before the handshake is over waits for it; the
 * handshake goes on whenever the stream is read. Once per stream.
 */
void stream_start_tls(struct stream *stream, struct tls_context *context,
    const char *host, const void *early, size_t size);

/* Whether that was called; what came of it is in stream_tls.h. */
bool stream_has_tls(const struct stream *stream);

/* Why STREAM has just said IO_FAILED: TLS's reason, or errno's. Borrowed until
 * the stream is used again. */
const char *stream_error(const struct stream *stream);

/* Hands the stream to another owner. */
void stream_set_owner(
    struct stream *stream, const struct stream_owner *owner_ops, void *owner);

/* Closes the descriptor and drops kept bytes; the memory goes with the loop's
 * reaper. Sets *STREAM to NULL; NULL is accepted. No callback follows. */
void stream_close(struct stream **stream);

/*
 * Receives up to SIZE bytes into BYTES. IO_DONE: *GOT > 0 bytes. IO_AGAIN:
 * none now. IO_EOF: the peer has ended. IO_FAILED: errno says why.
 */
enum io_result stream_read(struct stream *stream, void *bytes, size_t size,
    size_t *got) __attribute__((warn_unused_result));

/*
 * Sends BYTES behind whatever is kept. IO_DONE: all left. IO_AGAIN: the rest
 * was copied and leaves when the peer takes it. IO_FAILED: errno says why; a
 * later read reports it too. The caller bounds what it adds while
 * stream_pending() is not 0.
 */
enum io_result stream_write(
    struct stream *stream, const void *bytes, size_t size);

/* As stream_write(), for COUNT pieces, one behind the other, in one system
 * call; at most IOV_MAX. */
enum io_result stream_writev(
    struct stream *stream, const struct iovec *pieces, int count);

/* Bytes kept because the peer did not take them. */
size_t stream_pending(const struct stream *stream);

/* Derives the watchers: read if WANT_READ, write if bytes are kept. */
void stream_update_interest(struct stream *stream, bool want_read);

bool stream_wants_read(const struct stream *stream);

/* The descriptor, -1 over a transport. */
int stream_fd(const struct stream *stream);

/* Acts as if the loop had seen readiness. For streams over a transport. */
void stream_poke(struct stream *stream);

#endif
