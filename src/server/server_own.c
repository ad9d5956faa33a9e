/*
 * server_own.c - what a server says while nobody else listens: during login,
 * when idle, while injected settings are under way, and when drained.
 *
 * Messages are looked at whole; those too long for the scratch buffer can only
 * be rows on their way to nobody and are skipped as they come.
 */
#include <assert.h>
#include <string.h>

#include "core/buf.h"
#include "node/node.h"
#include "proto/error_fields.h"
#include "proto/frame.h"
#include "proto/reader.h"
#include "server/cancel.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"

/* NAME is about to change under a holder: remembers what it was at first. */
static void
note_change(struct server *server, const char *name)
{
	const char *value = params_get(&server->params, name);

	if (params_get(&server->before, name) == NULL) {
		params_set(&server->before, name, value == NULL ? "" : value);
	}
}

/* Whether what the server reports now comes of settings we have sent. */
static bool
is_own_doing(const struct server *server)
{
	return server->applying != NULL || server_is_switching(server);
}

bool
server_note_parameter(
    struct server *server, const uint8_t *body, size_t size, bool *hidden)
{
	struct reader reader;
	const char *name, *value;

	reader_init(&reader, body, size);
	name = reader_cstr(&reader);
	value = reader_cstr(&reader);
	if (!reader_finish(&reader) || server->params.count > 64) {
		return false;
	}
	*hidden = strcmp(name, "in_hot_standby") == 0;
	if (*hidden) {
		struct pool *pool = server->slot->pool;

		node_report_hot_standby(server->slot->node,
		    strcmp(value, "on") == 0, loop_now_us(pool->set->loop));
	}
	if (is_own_doing(server)) {
		*hidden = true; /* its client has it so already */
	} else if (!*hidden &&
	    (server->state == SERVER_ACTIVE ||
	        server->state == SERVER_DRAINING)) {
		note_change(server, name);
	}
	params_set(&server->params, name, value);
	return true;
}

static void
close_out_of_step(struct server *server, uint8_t type)
{
	struct error err;

	error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
	    "unexpected message type 0x%02X from the server while %s", type,
	    server_state_name(server->state));
	server_close(server, CLOSE_SERVER_OUT_OF_STEP, &err);
}

static void
read_error(const uint8_t *body, size_t size, struct error *err, bool *is_fatal)
{
	struct error_fields fields;

	if (error_fields_parse(body, size, &fields) != 0) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "malformed error message from the server");
		*is_fatal = true;
		return;
	}
	error_fields_to_error(&fields, err);
	*is_fatal = error_fields_is_fatal(&fields);
}

static void
idle_message(
    struct server *server, uint8_t type, const uint8_t *body, size_t size)
{
	struct error err;
	bool ignored;

	switch (type) {
	case MSG_ERROR_RESPONSE:
		read_error(body, size, &err, &ignored);
		server_close(server, CLOSE_SERVER_ENDED, &err);
		return;
	case MSG_NOTICE_RESPONSE:
	case MSG_NOTIFICATION_RESPONSE:
		return;
	default:
		close_out_of_step(server, type);
	}
}

/* The settings were refused, or the server failed over them. */
static void
apply_failed(struct server *server, const struct error *err)
{
	const struct server_holder *ops = server->ops;
	void *holder = server->holder;
	bool is_refusal =
	    server->has_applied_resets && strncmp(err->sqlstate, "57", 2) != 0;

	server_drop(server, CLOSE_SERVER_UNCLEAN);
	ops->on_applied(holder, err, is_refusal);
}

static void
applying_message(
    struct server *server, uint8_t type, const uint8_t *body, size_t size)
{
	struct error err;
	bool ignored;

	if (answers_seen(&server->answers, type) == ANSWERS_UNEXPECTED) {
		close_out_of_step(server, type);
		return;
	}
	if (type == MSG_ERROR_RESPONSE) {
		read_error(body, size, &err, &ignored);
		apply_failed(server, &err);
		return;
	}
	if (type == MSG_ROW_DESCRIPTION) {
		server->has_applied_resets = true;
	}
	if (type != MSG_READY_FOR_QUERY) {
		return;
	}
	server_set_profile(server, server->applying);
	profile_release(&server->applying);
	/* The rest of this read belongs to the holder; there is none, since
	 * nothing else was sent. */
	server->ops->on_applied(server->holder, NULL, false);
}

static void
draining_message(
    struct server *server, uint8_t type, const uint8_t *body, size_t size)
{
	struct error err;
	bool is_fatal = false;

	if (answers_seen(&server->answers, type) == ANSWERS_UNEXPECTED) {
		close_out_of_step(server, type);
		return;
	}
	if (type == MSG_ERROR_RESPONSE) {
		read_error(body, size, &err, &is_fatal);
		if (is_fatal) {
			server_close(server, CLOSE_SERVER_ENDED, &err);
		}
	} else if (type == MSG_READY_FOR_QUERY) {
		cancel_go_on(server); /* to tell who has asked in vain */
	}
}

static void
tested_message(
    struct server *server, uint8_t type, const uint8_t *body, size_t size)
{
	struct error err;
	bool is_fatal = false;

	if (answers_seen(&server->answers, type) == ANSWERS_UNEXPECTED) {
		close_out_of_step(server, type);
		return;
	}
	if (type == MSG_ERROR_RESPONSE) {
		read_error(body, size, &err, &is_fatal);
		server_test_error(server, &err, is_fatal);
	} else if (type == MSG_READY_FOR_QUERY) {
		server_test_on(server);
	}
}

/* One complete message. May close SERVER and its holder. */
static void
take_message(
    struct server *server, uint8_t type, const uint8_t *body, size_t size)
{
	bool hidden;

	if (type == MSG_PARAMETER_STATUS) {
		if (!server_note_parameter(server, body, size, &hidden)) {
			close_out_of_step(server, type);
		}
		return;
	}
	if (type == MSG_READY_FOR_QUERY && server->state != SERVER_IDLE) {
		server->status = size == 1 ? (char)body[0] : 0;
	}
	switch (server->state) {
	case SERVER_LOGIN:
		server_login_message(server, type, body, size);
		return;
	case SERVER_IDLE:
		idle_message(server, type, body, size);
		return;
	case SERVER_ACTIVE:
		applying_message(server, type, body, size);
		return;
	case SERVER_DRAINING:
		draining_message(server, type, body, size);
		return;
	case SERVER_TESTED:
		tested_message(server, type, body, size);
		return;
	case SERVER_CONNECTING:
	case SERVER_CLOSED:
		break;
	}
	assert(!"unreachable");
}

/* Which messages may come while nothing is owed. */
static bool
is_unasked(uint8_t type)
{
	return type == MSG_ERROR_RESPONSE || type == MSG_NOTICE_RESPONSE ||
	    type == MSG_NOTIFICATION_RESPONSE || type == MSG_PARAMETER_STATUS;
}

/* Whether reading is still this file's business. */
static bool
is_own(const struct server *server)
{
	return server->state != SERVER_CLOSED &&
	    server->state != SERVER_CONNECTING &&
	    (server->state != SERVER_ACTIVE || server->applying != NULL);
}

/* Only rows of abandoned answers may be longer than the scratch buffer. */
static bool
skip_long(struct server *server, const struct frame *frame)
{
	if (frame_bytes(frame) <= SCRATCH_BYTES - 1) {
		return false;
	}
	if ((server->state != SERVER_DRAINING &&
	        server->state != SERVER_TESTED) ||
	    answers_seen(&server->answers, frame->type) == ANSWERS_UNEXPECTED) {
		close_out_of_step(server, frame->type);
		return true;
	}
	server->skip_bytes = frame->body_bytes;
	return true;
}

/* Takes messages from SIZE bytes AT; returns how many bytes are used up. */
static size_t
take_messages(struct server *server, const uint8_t *at, size_t size)
{
	size_t used = 0;

	while (is_own(server)) {
		struct frame frame;
		enum frame_result result;

		if (server->skip_bytes > 0) {
			size_t n = size - used < server->skip_bytes
			    ? size - used
			    : server->skip_bytes;

			server->skip_bytes -= (uint32_t)n;
			used += n;
		}
		result =
		    frame_parse(at + used, size - used, FRAME_MAX_BODY, &frame);
		if (result == FRAME_PARTIAL) {
			break;
		}
		if (result == FRAME_BAD) {
			close_out_of_step(server, at[used]);
			break;
		}
		if ((frame.type == MSG_READY_FOR_QUERY &&
		        frame.body_bytes != 1) ||
		    (server->state == SERVER_IDLE && !is_unasked(frame.type))) {
			/* Not one byte of it waits for the next client. */
			close_out_of_step(server, frame.type);
			break;
		}
		if (skip_long(server, &frame)) {
			used += FRAME_HEADER_BYTES;
			continue;
		}
		if (frame_bytes(&frame) > size - used) {
			break;
		}
		take_message(server, frame.type, at + used + FRAME_HEADER_BYTES,
		    frame.body_bytes);
		used += frame_bytes(&frame);
	}
	return used;
}

void
server_take_kept(struct server *server)
{
	struct loop *loop = server->slot->pool->set->loop;
	size_t size = server->partial.length, used;
	uint8_t *scratch;

	if (is_own(server) && size > 0) {
		scratch = loop_scratch_take(loop, server);
		memcpy(scratch, kept_bytes(&server->partial), size);
		kept_fini(loop_blocks(loop), &server->partial);
		used = take_messages(server, scratch, size);
		server_read_done(server, server, scratch + used, size - used);
	}
	if (server->state == SERVER_DRAINING) {
		server_drain_on(server);
	}
}

void
server_read_own(struct server *server)
{
	uint8_t *bytes;
	size_t size, used;

	if (!server_read(server, server, &bytes, &size)) {
		return;
	}
	if (server->awaits_tls) {
		server_tls_answer(server, bytes, size);
		server_read_done(server, server, bytes, 0);
		return;
	}
	used = take_messages(server, bytes, size);
	server_read_done(server, server, bytes + used, size - used);
	if (server->state == SERVER_DRAINING) {
		server_drain_on(server);
	}
}
