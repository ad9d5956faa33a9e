/*
 * unnamed.c - the unnamed statement of a server that many clients use.
 *
 * A client that parses one and uses it leaves it behind when its link ends. The
 * next client must not find it: before the first batch that might, it is
 * closed, and whoever uses it is told by the server that there is none.
 */
#include "client/request.h"

#include <assert.h>
#include <string.h>

#include "client/client_int.h"
#include "core/buf.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/server_int.h"

static bool
is_ascii(const uint8_t *at, size_t size)
{
	uint64_t all = 0, word;

	for (; size >= sizeof(word); at += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		all |= word;
	}
	for (; size > 0; size--) {
		all |= *at++;
	}
	return (all & UINT64_C(0x8080808080808080)) == 0;
}

/*
 * Whether a Parse of BODY is certain to do away with the unnamed statement
 * there was. A server drops that once it has read the message; before, it may
 * fail over one that is malformed, or not valid in its encoding.
 */
static bool
is_sure_parse(const uint8_t *body, size_t size)
{
	const uint8_t *end = body + size, *stop;
	size_t left;

	if (size < 2 || body[0] != '\0' ||
	    (stop = memchr(body + 1, 0, size - 1)) == NULL) {
		return false;
	}
	left = (size_t)(end - stop) - 1;
	if (left < 2 || left != 2 + 4 * ((size_t)stop[1] << 8 | stop[2])) {
		return false;
	}
	return is_ascii(body + 1, (size_t)(stop - body) - 1);
}

bool
unnamed_may_be_met(const struct client *client, const struct frame *first,
    const uint8_t *body, size_t body_here)
{
	const struct server *server = client->server;

	return server->unnamed_left && !client->unnamed_own &&
	    !server->answers.batch_open && !server->answers.skipping &&
	    !server->answers.copy_in &&
	    (client_frame_kind(first->type) & FRAME_EXTENDED) != 0 &&
	    !(first->type == MSG_PARSE && body_here >= first->body_bytes &&
	        is_sure_parse(body, first->body_bytes));
}

void
unnamed_close(struct client *client)
{
	struct server *server = client->server;
	struct buf out = {0};
	bool ok = msg_close(&out, 'S', "");

	assert(ok);
	server->unnamed_left = false;
	server->status = 0;
	answers_sent_own(&server->answers, MSG_CLOSE);
	server_write_first(server, buf_bytes(&out), out.length);
	buf_fini(&out);
}

void
unnamed_note(struct client *client, const uint8_t *body, size_t body_here)
{
	if (body_here > 0 && body[0] == '\0') {
		client->unnamed_own = true;
		client->server->unnamed_left = true;
	}
}
