/*
 * begin.c - BEGIN READ ONLY, held back until its first statement.
 *
 * Whether a READ ONLY transaction may go to a replica depends on what it
 * begins with. So the BEGIN is answered here, and travels with that statement.
 */
#include <assert.h>
#include <strings.h>

#include "client/batch.h"
#include "client/client_int.h"
#include "client/meter.h"
#include "client/request.h"
#include "core/buf.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/server_int.h"
#include "sql/lexer.h"

/* START TRANSACTION has a tag of its own. */
static const char *
command_tag(uint8_t type, const uint8_t *body, size_t size)
{
	size_t length = 0, ignored;
	const char *text = batch_text(type, body, size, &length, &ignored);
	struct lexer lexer;
	struct token first;

	lexer_init(&lexer, text == NULL ? "" : text, length, true);
	lexer_next(&lexer, &first);
	return first.class == TOKEN_WORD && first.length == 5 &&
	        strncasecmp(first.start, "start", 5) == 0
	    ? "START TRANSACTION"
	    : "BEGIN";
}

static void
put_answer(struct buf *out, const struct frame *frame, const uint8_t *body,
    const char *tag, char status)
{
	bool fits = true;

	switch (frame->type) {
	case MSG_QUERY:
		msg_command_complete(out, tag);
		msg_ready_for_query(out, status);
		break;
	case MSG_PARSE:
		msg_parse_complete(out);
		break;
	case MSG_BIND:
		msg_bind_complete(out);
		break;
	case MSG_DESCRIBE:
		if (frame->body_bytes > 0 && body[0] == 'S') {
			fits = msg_parameter_description(out, NULL, 0);
		}
		msg_no_data(out);
		break;
	case MSG_CLOSE:
		msg_close_complete(out);
		break;
	case MSG_EXECUTE:
		msg_command_complete(out, tag);
		break;
	case MSG_SYNC:
		msg_ready_for_query(out, status);
		break;
	default:
		break;
	}
	assert(fits);
}

/* Answers the SIZE bytes AT, messages about one statement, with TAG (NULL: that
 * of a BEGIN) and STATUS. Returns the type of the last message. */
static uint8_t
put_answers(struct client *client, const uint8_t *at, size_t size,
    const char *tag, char status, struct buf *out)
{
	size_t position = 0;
	struct frame frame = {0};

	while (position < size &&
	    frame_parse(at + position, size - position, FRAME_MAX_BODY,
	        &frame) == FRAME_OK) {
		const uint8_t *body = at + position + FRAME_HEADER_BYTES;

		if (frame.type == MSG_QUERY || frame.type == MSG_PARSE) {
			if (tag == NULL) {
				tag = command_tag(
				    frame.type, body, frame.body_bytes);
			}
			unnamed_drop(client);
		}
		if (frame.type == MSG_PARSE) {
			unnamed_keep(client, body, frame.body_bytes);
		}
		put_answer(
		    out, &frame, body, tag == NULL ? "BEGIN" : tag, status);
		position += frame_bytes(&frame);
	}
	return frame.type;
}

void
begin_hold(struct client *client, const uint8_t *at, size_t size)
{
	struct buf out = {0}, sync = {0};
	uint8_t last = put_answers(client, at, size, NULL, 'T', &out);

	kept_append(client_blocks(client), &client->begin, at, size);
	if (last != MSG_QUERY && last != MSG_SYNC) {
		msg_sync(&sync); /* it is to stand alone */
		kept_append(client_blocks(client), &client->begin,
		    buf_bytes(&sync), sync.length);
		buf_fini(&sync);
	}
	meter_asked(client);
	if (last == MSG_QUERY || last == MSG_SYNC) {
		meter_answered(client, 'T');
	}
	(void)client_write(client, buf_bytes(&out), out.length);
	buf_fini(&out);
}

void
begin_end(struct client *client, const uint8_t *at, size_t size)
{
	struct buf out = {0};

	(void)put_answers(client, at, size, "ROLLBACK", 'I', &out);
	kept_fini(client_blocks(client), &client->begin);
	client->begin_status = 0;
	client->route.primary_once = false;
	meter_asked(client);
	meter_answered(client, 'I');
	(void)client_write(client, buf_bytes(&out), out.length);
	buf_fini(&out);
}

/* A transaction that has come from a replica goes on as what it was there: one
 * that has begun to read, or has failed. */
static void
repeat_status(struct client *client)
{
	struct server *server = client->server;
	struct buf out = {0};
	bool ok;

	if (client->on_replica || client->begin_status == 0) {
		return;
	}
	ok = msg_query(&out,
	    client->begin_status == 'E' ? "ROLLBACK TO SAVEPOINT failed"
	                                : "SELECT 1");
	assert(ok);
	if (client->begin_status != 'E') {
		client->begin_status = 0;
	}
	answers_sent_own(&server->answers, MSG_QUERY);
	server_write_first(server, buf_bytes(&out), out.length);
	buf_fini(&out);
}

void
begin_send(struct client *client)
{
	struct server *server = client->server;
	const uint8_t *at = kept_bytes(&client->begin);
	size_t position = 0, size = client->begin.length;
	struct frame frame;

	while (position < size &&
	    frame_parse(at + position, size - position, FRAME_MAX_BODY,
	        &frame) == FRAME_OK) {
		answers_sent_own(&server->answers, frame.type);
		if (frame.type == MSG_PARSE) {
			server->unnamed_number = UNNAMED_UNSURE;
		}
		position += frame_bytes(&frame);
	}
	server->status = 0;
	server_write_first(server, at, size);
	repeat_status(client);
}
