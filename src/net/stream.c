/*
 * stream.c - a connection as bytes.
 *
 * Bytes go straight from the caller's memory to the socket. Only what the
 * socket refuses is copied, into recycled blocks; a stream that keeps up owns
 * no buffer. Order is kept: while bytes are kept, new ones queue behind them.
 */
#include "net/stream.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/mem.h"
#include "net/stream_int.h"

static void on_event(struct io *io, unsigned events);

static void
free_stream(struct grave *grave)
{
	free(list_entry(grave, struct stream, grave));
}

static struct stream *
make(struct loop *loop, const struct stream_owner *ops, void *owner)
{
	struct stream *stream = mem_zalloc(sizeof(*stream));

	stream->loop = loop;
	stream->ops = ops;
	stream->owner = owner;
	stream->fd = -1;
	stream->grave.reap = free_stream;
	return stream;
}

struct stream *
stream_new(struct loop *loop, int fd, const struct stream_owner *owner_ops,
    void *owner)
{
	struct stream *stream = make(loop, owner_ops, owner);

	stream->fd = fd;
	stream->is_direct = true;
	io_open(&stream->io, loop, fd, on_event);
	return stream;
}

void
stream_set_first(struct stream *stream)
{
	io_set_first(&stream->io);
}

struct stream *
stream_new_over(struct loop *loop, const struct stream_transport *transport,
    void *context, const struct stream_owner *owner_ops, void *owner)
{
	struct stream *stream = make(loop, owner_ops, owner);

	stream->transport = transport;
	stream->context = context;
	return stream;
}

void
stream_set_owner(
    struct stream *stream, const struct stream_owner *owner_ops, void *owner)
{
	stream->ops = owner_ops;
	stream->owner = owner;
}

void
stream_close(struct stream **stream)
{
	struct stream *s = *stream;

	if (s == NULL) {
		return;
	}
	*stream = NULL;
	assert(!s->closed);
	stream_tls_end(s);
	s->closed = true;
	s->owner = NULL;
	io_close(&s->io);
	if (s->fd >= 0) {
		(void)close(s->fd);
		s->fd = -1;
	}
	if (s->transport != NULL) {
		s->transport->close(s->context);
	}
	kept_fini(loop_blocks(s->loop), &s->kept);
	loop_bury(s->loop, &s->grave);
}

ssize_t
stream_receive_raw(struct stream *stream, void *bytes, size_t size)
{
	if (stream->transport != NULL) {
		return stream->transport->receive(stream->context, bytes, size);
	}
	return recv(stream->fd, bytes, size, 0);
}

static ssize_t
transmit(struct stream *stream, const void *bytes, size_t size)
{
	if (stream->transport != NULL) {
		return stream->transport->send(stream->context, bytes, size);
	}
	return send(stream->fd, bytes, size, MSG_NOSIGNAL);
}

enum io_result
stream_read(struct stream *stream, void *bytes, size_t size, size_t *got)
{
	ssize_t n;

	*got = 0;
	if (!stream->is_direct && stream->tls != NULL) {
		return stream_tls_read(stream, bytes, size, got);
	}
	do {
		n = stream->is_direct ? recv(stream->fd, bytes, size, 0)
		                      : stream_receive_raw(stream, bytes, size);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		*got = (size_t)n;
		return IO_DONE;
	}
	if (n == 0) {
		return IO_EOF;
	}
	return errno == EAGAIN || errno == EWOULDBLOCK ? IO_AGAIN : IO_FAILED;
}

/* Sends what the peer takes of BYTES; *SENT says how much. */
static enum io_result
send_some(
    struct stream *stream, const uint8_t *bytes, size_t size, size_t *sent)
{
	*sent = 0;
	while (*sent < size) {
		ssize_t n = transmit(stream, bytes + *sent, size - *sent);

		if (n >= 0) {
			*sent += (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return IO_AGAIN;
		} else if (errno != EINTR) {
			return IO_FAILED;
		}
	}
	return IO_DONE;
}

/* Of a stream that is not just its socket. */
static __attribute__((noinline)) void
set_indirect_interest(struct stream *stream, unsigned interest)
{
	if (stream->tls != NULL) {
		stream_tls_arm(stream);
	}
	if (stream->transport == NULL) {
		io_set(&stream->io, interest);
	}
}

static void
set_interest(struct stream *stream)
{
	unsigned interest = stream->want_read ? IO_READ : IO_NONE;

	if (stream->kept.length > 0) {
		interest |= IO_WRITE;
	}
	if (stream->is_direct) {
		io_set(&stream->io, interest);
	} else {
		set_indirect_interest(stream, interest);
	}
}

static inline enum io_result
write_raw(struct stream *stream, const void *bytes, size_t size)
{
	enum io_result result = IO_AGAIN;
	size_t sent = 0;

	if (stream->kept.length == 0) {
		result = send_some(stream, bytes, size, &sent);
	}
	if (result == IO_AGAIN) {
		kept_append(loop_blocks(stream->loop), &stream->kept,
		    (const uint8_t *)bytes + sent, size - sent);
		set_interest(stream);
	}
	return result;
}

enum io_result
stream_write_raw(struct stream *stream, const void *bytes, size_t size)
{
	return write_raw(stream, bytes, size);
}

enum io_result
stream_write(struct stream *stream, const void *bytes, size_t size)
{
	assert(!stream->closed);
	if (!stream->is_direct && stream->tls != NULL) {
		return stream_tls_write(stream, bytes, size);
	}
	return write_raw(stream, bytes, size);
}

/* Sends what the socket takes of PIECES at once; *SENT says how much. */
static enum io_result
gather(
    struct stream *stream, const struct iovec *pieces, int count, size_t *sent)
{
	/* sendmsg(2) only reads them, though its structure does not say so. */
	struct msghdr message = {
	    .msg_iov = (struct iovec *)(uintptr_t)pieces,
	    .msg_iovlen = (size_t)count,
	};
	ssize_t n;

	do {
		n = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	*sent = n < 0 ? 0 : (size_t)n;
	if (n >= 0 || errno == EAGAIN || errno == EWOULDBLOCK) {
		return IO_AGAIN; /* unless that was all */
	}
	return IO_FAILED;
}

/* The same piece by piece, for a transport. */
static enum io_result
send_pieces(
    struct stream *stream, const struct iovec *pieces, int count, size_t *sent)
{
	enum io_result result = IO_DONE;

	*sent = 0;
	for (int i = 0; i < count && result == IO_DONE; i++) {
		size_t n;

		result = send_some(
		    stream, pieces[i].iov_base, pieces[i].iov_len, &n);
		*sent += n;
	}
	return result;
}

/* Keeps PIECES without their first SENT bytes; returns how many bytes. */
static size_t
keep_pieces(
    struct stream *stream, const struct iovec *pieces, int count, size_t sent)
{
	size_t before = stream->kept.length;

	for (int i = 0; i < count; i++) {
		const uint8_t *bytes = pieces[i].iov_base;
		size_t size = pieces[i].iov_len;
		size_t skipped = sent < size ? sent : size;

		sent -= skipped;
		if (size > skipped) {
			kept_append(loop_blocks(stream->loop), &stream->kept,
			    bytes + skipped, size - skipped);
		}
	}
	return stream->kept.length - before;
}

enum io_result
stream_writev(struct stream *stream, const struct iovec *pieces, int count)
{
	enum io_result result = IO_AGAIN;
	size_t sent = 0;

	assert(!stream->closed && count >= 0 && count <= IOV_MAX);
	if (!stream->is_direct && stream->tls != NULL) {
		return stream_tls_writev(stream, pieces, count);
	}
	if (stream->kept.length == 0) {
		result = stream->is_direct
		    ? gather(stream, pieces, count, &sent)
		    : send_pieces(stream, pieces, count, &sent);
	}
	if (result != IO_AGAIN) {
		return result;
	}
	if (keep_pieces(stream, pieces, count, sent) == 0) {
		return stream->kept.length > 0 ? IO_AGAIN : IO_DONE;
	}
	set_interest(stream);
	return IO_AGAIN;
}

size_t
stream_pending(const struct stream *stream)
{
	return stream->kept.length + stream->held;
}

void
stream_update_interest(struct stream *stream, bool want_read)
{
	stream->want_read = want_read;
	set_interest(stream);
}

bool
stream_wants_read(const struct stream *stream)
{
	return stream->want_read;
}

int
stream_fd(const struct stream *stream)
{
	return stream->fd;
}

/* Sends kept bytes; tells the owner when none are left. */
static void
flush_kept(struct stream *stream)
{
	size_t sent = 0;
	enum io_result result = send_some(
	    stream, kept_bytes(&stream->kept), stream->kept.length, &sent);

	kept_consume(loop_blocks(stream->loop), &stream->kept, sent);
	if (result == IO_FAILED) {
		/* The read that follows reports why. */
		kept_fini(loop_blocks(stream->loop), &stream->kept);
		stream->want_read = true;
	}
	set_interest(stream);
	if (stream_pending(stream) == 0) {
		stream->ops->on_drained(stream->owner);
	}
}

static void
act(struct stream *stream, unsigned events)
{
	if ((events & IO_WRITE) != 0 && stream->kept.length > 0) {
		flush_kept(stream);
	}
	if (!stream->closed && (events & IO_READ) != 0 && stream->want_read) {
		stream->ops->on_readable(stream->owner);
	}
}

static void
on_event(struct io *io, unsigned events)
{
	act(list_entry(io, struct stream, io), events);
}

void
stream_poke(struct stream *stream)
{
	act(stream, IO_READ | IO_WRITE);
}
