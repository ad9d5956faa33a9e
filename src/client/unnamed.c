/*
 * unnamed.c - the unnamed statement, which belongs to the client.
 *
 * A server has one place for it, and many clients. Each one parsed has a number
 * of its own, which the client and the server it was sent to remember: before
 * the first message of a batch that might meet another, that is closed. What
 * the client has parsed last is kept with it, and parsed again on a server that
 * does not have it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/client_int.h"
#include "client/out.h"
#include "client/prepare_int.h"
#include "client/request.h"
#include "core/buf.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/form.h"
#include "server/server_int.h"
#include "server/statement.h"
#include "sql/session_ops.h"

/* A longer one is not kept: whoever leaves it behind unused keeps its server.
 */
#define UNNAMED_MAX ((size_t)16384)

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

/* Whether what lies on SERVER, if anything does, is what the client has parsed
 * last: nothing was parsed since, nor has a Query done away with it. */
static bool
is_there(const struct client *client, const struct server *server)
{
	return server->unnamed_number == client->unnamed.number &&
	    (!client->is_tracked ||
	        server->unnamed_queries == server->answers.queries);
}

bool
unnamed_may_be_met(const struct client *client, const struct frame *first,
    const uint8_t *body, size_t body_here)
{
	const struct server *server = client->server;

	return server->unnamed_number != 0 && !is_there(client, server) &&
	    !server->answers.batch_open && !server->answers.skipping &&
	    !server->answers.copy_in &&
	    (client_frame_kind(first->type) & FRAME_EXTENDED) != 0 &&
	    !(first->type == MSG_PARSE && body_here >= first->body_bytes &&
	        is_sure_parse(body, first->body_bytes));
}

void
unnamed_close(struct client *client, struct out *out)
{
	struct server *server = client->server;
	struct buf message = {0};
	bool fits = msg_close(&message, 'S', "");

	assert(fits);
	server->unnamed_number = 0;
	answers_sent_own(&server->answers, MSG_CLOSE);
	out_copy(out, buf_bytes(&message), message.length);
	buf_fini(&message);
}

void
unnamed_note(struct client *client, const uint8_t *body, size_t body_here)
{
	struct server *server = client->server;

	if (body_here > 0 && body[0] == '\0' &&
	    !answers_is_skipping(&server->answers)) {
		if (!client->is_tracked) {
			client->unnamed.number = ++client->set->last_unnamed;
		}
		client->unnamed.is_doubtful = false;
		client->unnamed.batch = answers_batch(&server->answers);
		client->unnamed.sent = server->answers.sent;
		server->unnamed_number = client->unnamed.number;
		server->unnamed_queries = server->answers.queries;
	}
}

void
unnamed_drop(struct client *client)
{
	client->unnamed.size = 0;
	client->unnamed.number = 0;
	form_release(&client->unnamed.told);
	session_ops_release(&client->session.unnamed_ops);
}

static bool
binds_unnamed(const struct frame *frame, const uint8_t *body, size_t here)
{
	struct prepare_name name;

	return frame->type == MSG_BIND &&
	    prepare_find_name(frame->type, body,
	        here < frame->body_bytes ? here : frame->body_bytes, &name) &&
	    name.length == 0;
}

bool
unnamed_must_wait(const struct client *client, const struct frame *frame,
    const uint8_t *body, size_t here)
{
	const struct server *server = client->server;

	return !client->on_replica && client->pin == NULL &&
	    client->unnamed.batch != answers_batch(&server->answers) &&
	    answers_owes_ready(&server->answers) && is_there(client, server) &&
	    binds_unnamed(frame, body, here);
}

bool
unnamed_is_doubtful(const struct client *client)
{
	return client->unnamed.is_doubtful && is_there(client, client->server);
}

/* Whether the error is about the Parse of the client's latest. A server that
 * has read such a message has none then, for it drops the older one first. */
static bool
fails_itself(const struct client *client)
{
	const struct unnamed *unnamed = &client->unnamed;

	return client->is_tracked && unnamed->size > 0 &&
	    unnamed->number == client->server->unnamed_number &&
	    unnamed->sent == client->server->answers.done + 1 &&
	    is_sure_parse(unnamed->bytes, unnamed->size);
}

void
unnamed_on_error(struct client *client)
{
	struct server *server = client->server;

	if (fails_itself(client)) {
		unnamed_drop(client);
		server->unnamed_number = 0;
		client->unnamed_open = false;
	} else if (answers_owes_parse(&server->answers)) {
		/* The server knows what is there. */
		client->unnamed.size = 0;
		client->unnamed.is_doubtful = true;
	} else if (client->is_tracked && client->unnamed.size > 0) {
		server->unnamed_number = UNNAMED_UNSURE;
	}
}

void
unnamed_keep(struct client *client, const uint8_t *body, size_t size)
{
	struct unnamed *unnamed = &client->unnamed;

	session_ops_release(&client->session.unnamed_ops);
	unnamed->size = 0;
	unnamed->check = UNNAMED_FITS;
	form_release(&unnamed->told);
	unnamed->number = ++client->set->last_unnamed;
	if (size > UNNAMED_MAX) {
		return;
	}
	if (size > unnamed->capacity) {
		unnamed->bytes = mem_realloc(unnamed->bytes, size);
		unnamed->capacity = (uint32_t)size;
	}
	memcpy(unnamed->bytes, body, size);
	unnamed->size = (uint32_t)size;
}

void
unnamed_fini(struct client *client)
{
	free(client->unnamed.bytes);
	form_release(&client->unnamed.told);
	client->unnamed = (struct unnamed){0};
}

/* The client's own, on a server that does not have it. Its parameters keep the
 * types they were described with. */
static void
parse_again(struct client *client, struct out *out)
{
	const struct unnamed *unnamed = &client->unnamed;
	struct answers *answers = &out->server->answers;
	uint8_t type = MSG_PARSE;
	size_t kept = unnamed->size, types_bytes = 0;
	const uint8_t *types = unnamed->told == NULL
	    ? NULL
	    : form_types(unnamed->told, &types_bytes);
	uint32_t size;

	if (types != NULL &&
	    statement_body_is_valid(unnamed->bytes + 1, unnamed->size - 1)) {
		kept = strlen((const char *)unnamed->bytes + 1) + 2;
	} else {
		types_bytes = 0;
	}
	size = htobe32((uint32_t)(4 + kept + types_bytes));
	answers_sent_helper(answers, type);
	out_copy(out, &type, 1);
	out_copy(out, &size, sizeof(size));
	out_copy(out, unnamed->bytes, kept);
	out_copy(out, types, types_bytes);
	out->server->unnamed_number = client->unnamed.number;
	out->server->unnamed_queries = out->server->answers.queries;
	client->unnamed.sent = 0; /* if it fails, the client has it still */
}

/* A Bind of the unnamed statement of an earlier batch, or a Describe. */
static struct prepare_result
use(struct client *client, struct out *out, const struct frame *frame,
    const uint8_t *body, size_t here)
{
	struct prepare_result result = {.way = PREPARE_PASS};
	bool is_bind = frame->type == MSG_BIND;
	bool goes_by_told = is_bind && unnamed_goes_by_told(client) &&
	    !(here > frame->body_bytes &&
	        told_describes_next(frame, body, here));

	if (goes_by_told && client->unnamed.check == UNNAMED_CHANGED) {
		struct prepare_name name;
		bool found = prepare_find_name(MSG_BIND, body,
		    here < frame->body_bytes ? here : frame->body_bytes, &name);

		assert(found);
		return told_refuse(out, frame, body, &name);
	}
	if (client->unnamed.size > 0 && !is_there(client, out->server)) {
		parse_again(client, out);
		if (goes_by_told) {
			unnamed_ask(client, out);
		}
	}
	if (goes_by_told && unnamed_awaits_form(client)) {
		result.way = PREPARE_STOP;
	} else if (!is_bind) {
		result.note = unnamed_describe(client, out);
	}
	return result;
}

struct prepare_result
unnamed_pass(struct client *client, struct out *out, const struct frame *frame,
    const uint8_t *body, size_t here)
{
	struct prepare_result result = {.way = PREPARE_PASS};

	if (answers_is_skipping(&out->server->answers)) {
		return result;
	}
	switch (frame->type) {
	case MSG_PARSE:
		if (here >= frame->body_bytes) {
			unnamed_keep(client, body, frame->body_bytes);
		} else {
			unnamed_keep(client, NULL, SIZE_MAX);
		}
		break;
	case MSG_CLOSE:
		unnamed_drop(client);
		break;
	default:
		return use(client, out, frame, body, here);
	}
	return result;
}
