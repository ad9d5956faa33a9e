/*
 * out.c - messages on their way to a server, gathered for one write.
 */
#include "client/out.h"

#include <assert.h>
#include <string.h>

#include "core/buf.h"
#include "server/server_int.h"

void
out_init(struct out *out, struct server *server)
{
	out->server = server;
	out->count = 0;
	out->used = 0;
	out->failed = false;
	out->aside = (struct buf){0};
}

/* Makes room: what there is is copied. Nothing is sent here, for that can close
 * the server and its holder, in whose midst the caller is. */
static void
set_aside(struct out *out)
{
	for (int i = 0; i < out->count; i++) {
		buf_append(&out->aside, out->pieces[i].iov_base,
		    out->pieces[i].iov_len);
	}
	out->count = 0;
	out->used = 0;
}

bool
out_flush(struct out *out)
{
	int count;

	if (out->aside.length > 0) {
		set_aside(out);
		out->pieces[out->count++] =
		    (struct iovec){.iov_base = buf_bytes(&out->aside),
		        .iov_len = out->aside.length};
	}
	count = out->count;
	out->count = 0;
	out->used = 0;
	/* It may have been lost since, over something else. */
	out->failed = out->failed || out->server->state == SERVER_CLOSED;
	if (!out->failed && (count > 0 || out->server->prelude.length > 0)) {
		out->failed = !server_writev(out->server, out->pieces, count);
	}
	buf_fini(&out->aside);
	return !out->failed;
}

void
out_fini(struct out *out)
{
	buf_fini(&out->aside);
}

void
out_borrow(struct out *out, const void *bytes, size_t size)
{
	struct iovec *last;

	if (size == 0 || out->failed) {
		return;
	}
	if (out->count > 0) {
		last = &out->pieces[out->count - 1];
		if ((const uint8_t *)last->iov_base + last->iov_len == bytes) {
			last->iov_len += size;
			return;
		}
	}
	if (out->count == OUT_PIECES) {
		set_aside(out);
	}
	/* Pieces are only read, though their structure does not say so. */
	out->pieces[out->count++] = (struct iovec){
	    .iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
}

void
out_copy(struct out *out, const void *bytes, size_t size)
{
	uint8_t *place;

	if (size == 0 || out->failed) {
		return;
	}
	if (size > OUT_ROOM - out->used || out->count == OUT_PIECES) {
		set_aside(out);
	}
	if (size > OUT_ROOM) {
		set_aside(out);
		buf_append(&out->aside, bytes, size);
		return;
	}
	place = out->room + out->used;
	memcpy(place, bytes, size);
	out->used += size;
	out_borrow(out, place, size);
}
