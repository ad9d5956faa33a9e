/*
 * stream_tls.c - streams with TLS.
 *
 * The session's bytes take the way of a stream without TLS: straight to the
 * socket, and what that refuses is kept and leaves first. What is kept is
 * therefore encrypted already, nothing has to be tried again, and back-pressure
 * is the same for both.
 *
 * What has been received wakes no loop. So a stream whose last read has left
 * something in the session is put on the ready list if it may read, and then
 * comes to that, and to nothing more.
 */
#include "net/stream_tls.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "net/stream_int.h"
#include "net/tls_session.h"

/* ---- the wire ------------------------------------------------------------ */

static ssize_t
wire_receive(void *context, void *bytes, size_t size)
{
	return stream_receive_raw(context, bytes, size);
}

static int
wire_send(void *context, const void *bytes, size_t size)
{
	return stream_write_raw(context, bytes, size) == IO_FAILED ? -1 : 0;
}

static size_t
wire_pending(void *context)
{
	return ((struct stream *)context)->kept.length;
}

/* ---- coming and going ---------------------------------------------------- */

static void
on_ready(struct ready *ready)
{
	struct stream_tls *tls = list_entry(ready, struct stream_tls, ready);
	struct stream *stream = tls->stream;

	if (tls->was_held && stream_pending(stream) == 0) {
		tls->was_held = false;
		stream->ops->on_drained(stream->owner);
		return;
	}
	if (!stream->want_read) {
		return;
	}
	/* Of the socket the loop tells: who sends without end takes no more
	 * than his turn. */
	tls_session_rest(tls->session, true);
	stream->ops->on_readable(stream->owner);
	if (stream->tls != NULL) {
		tls_session_rest(tls->session, false);
	}
}

void
stream_start_tls(struct stream *stream, struct tls_context *context,
    const char *host, const void *early, size_t size)
{
	struct tls_wire wire = {wire_receive, wire_send, wire_pending, stream};
	struct stream_tls *tls = mem_zalloc(sizeof(*tls));

	assert(stream->tls == NULL && !stream->closed);
	tls->stream = stream;
	tls->ready.run = on_ready;
	tls->session = tls_session_new(context, &wire, host, early, size);
	stream->tls = tls;
	stream->is_direct = false;
	if (host != NULL) {
		tls_session_start(tls->session);
	}
	stream_tls_arm(stream);
}

void
stream_tls_end(struct stream *stream)
{
	struct stream_tls *tls = stream->tls;

	if (tls == NULL) {
		return;
	}
	stream->want_read = false; /* nothing follows the goodbye */
	tls->was_held = false;
	tls_session_free(&tls->session);
	loop_unready(stream->loop, &tls->ready);
	free(tls);
	stream->tls = NULL;
}

void
stream_tls_arm(struct stream *stream)
{
	struct stream_tls *tls = stream->tls;
	bool has_drained = tls->was_held && stream_pending(stream) == 0;

	if (has_drained ||
	    (stream->want_read && tls_session_has_more(tls->session))) {
		loop_ready(stream->loop, &tls->ready);
	} else {
		loop_unready(stream->loop, &tls->ready);
	}
}

/* ---- bytes --------------------------------------------------------------- */

static void
note_held(struct stream *stream)
{
	stream->held = tls_session_unsent(stream->tls->session);
	if (stream->held > 0) {
		stream->tls->was_held = true;
	}
}

enum io_result
stream_tls_read(struct stream *stream, void *bytes, size_t size, size_t *got)
{
	enum io_result result =
	    tls_session_read(stream->tls->session, bytes, size, got);

	note_held(stream);
	stream_tls_arm(stream);
	return result;
}

static enum io_result
was_written(struct stream *stream, enum io_result result)
{
	note_held(stream);
	return result == IO_DONE && stream_pending(stream) > 0 ? IO_AGAIN
	                                                       : result;
}

enum io_result
stream_tls_write(struct stream *stream, const void *bytes, size_t size)
{
	return was_written(
	    stream, tls_session_write(stream->tls->session, bytes, size));
}

/* Many small pieces become one record, long ones go as they are. */
enum io_result
stream_tls_writev(struct stream *stream, const struct iovec *pieces, int count)
{
	struct tls_session *session = stream->tls->session;
	enum io_result result = IO_DONE;
	uint8_t record[TLS_RECORD_BYTES];
	size_t length = 0;

	for (int i = 0; i < count && result == IO_DONE; i++) {
		const uint8_t *bytes = pieces[i].iov_base;
		size_t size = pieces[i].iov_len;

		while (size > 0 && result == IO_DONE) {
			size_t room = sizeof(record) - length;
			size_t n = size < room ? size : room;

			if (length == 0 && (n == room || i == count - 1)) {
				result =
				    tls_session_write(session, bytes, size);
				break;
			}
			memcpy(record + length, bytes, n);
			length += n;
			bytes += n;
			size -= n;
			if (length == sizeof(record)) {
				result =
				    tls_session_write(session, record, length);
				length = 0;
			}
		}
	}
	if (result == IO_DONE && length > 0) {
		result = tls_session_write(session, record, length);
	}
	return was_written(stream, result);
}

/* ---- what is known ------------------------------------------------------- */

/* The session of STREAM once it is up; NULL before, and without. */
static const struct tls_session *
session_of(const struct stream *stream)
{
	if (stream == NULL || stream->tls == NULL ||
	    !tls_session_is_up(stream->tls->session)) {
		return NULL;
	}
	return stream->tls->session;
}

bool
stream_has_tls(const struct stream *stream)
{
	return stream->tls != NULL;
}

const char *
stream_error(const struct stream *stream)
{
	const char *reason = stream->tls == NULL
	    ? NULL
	    : tls_session_error(stream->tls->session);

	return reason == NULL ? strerror(errno) : reason;
}

const char *
stream_tls_text(const struct stream *stream, char *out, size_t size)
{
	const struct tls_session *session = session_of(stream);

	out[0] = '\0';
	if (session != NULL) {
		tls_session_describe(session, out, size);
	}
	return out;
}

bool
stream_tls_has_protocol(const struct stream *stream)
{
	const struct tls_session *session = session_of(stream);

	return session != NULL && tls_session_has_protocol(session);
}

bool
stream_tls_is_resumed(const struct stream *stream)
{
	const struct tls_session *session = session_of(stream);

	return session != NULL && tls_session_is_resumed(session);
}

bool
stream_tls_is_verified(const struct stream *stream)
{
	const struct tls_session *session = session_of(stream);

	return session != NULL && tls_session_is_verified(session);
}

char *
stream_tls_peer_name(const struct stream *stream)
{
	const struct tls_session *session = session_of(stream);

	return session == NULL ? NULL : tls_session_peer_name(session);
}

char *
stream_tls_peer_dn(const struct stream *stream)
{
	const struct tls_session *session = session_of(stream);

	return session == NULL ? NULL : tls_session_peer_dn(session);
}

size_t
stream_tls_server_end_point(
    const struct stream *stream, uint8_t out[TLS_END_POINT_BYTES])
{
	const struct tls_session *session = session_of(stream);

	return session == NULL
	    ? 0
	    : tls_session_end_point(session, out, TLS_END_POINT_BYTES);
}
