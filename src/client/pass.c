/*
 * pass.c - messages on their way to a server, as they lie in the buffer.
 *
 * Headers are read and counted; texts, and what touches the unnamed statement,
 * are looked into until the client keeps its server anyway. A message longer
 * than the buffer streams, its text through the effect scan.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/batch.h"
#include "client/pass_int.h"
#include "client/prepare.h"
#include "client/request.h"
#include "conf/config.h"
#include "core/error.h"
#include "server/note.h"
#include "server/server_int.h"
#include "server/statement.h"

void
pass_violation(struct client *client, const char *what, uint8_t type)
{
	struct error err;

	error_set(&err, SQLSTATE_PROTOCOL_VIOLATION, "%s 0x%02X", what, type);
	client_close(client, CLOSE_CLIENT_VIOLATION, &err);
}

/* ---- passing on ---------------------------------------------------------- */

/* What is due goes into .out; leaves out the next SKIPPED bytes. */
static void
run_cut(struct run *run, size_t skipped)
{
	out_borrow(&run->out, run->bytes + run->start, run->at - run->start);
	run->at += skipped;
	run->start = run->at;
}

/* All of it leaves. False when the server was lost over it, and perhaps the
 * client with it. */
static bool
run_flush(struct client *client, struct run *run)
{
	struct server *server = run->out.server;

	run_cut(run, 0);
	if (client->server == server && !answers_is_settled(&server->answers)) {
		server->status = 0; /* data of a failed copy leave it */
	}
	return out_flush(&run->out);
}

/* The rest of a message whose beginning has been dealt with. */
static void
pass_rest(struct client *client, struct run *run)
{
	size_t here = run->size - run->at;
	size_t n = here < client->pass_left ? here : client->pass_left;

	client->pass_left -= (uint32_t)n;
	if (client->drops_rest) {
		client->drops_rest = client->pass_left > 0;
		run_cut(run, n);
		return;
	}
	pass_scan(client, run->bytes + run->at, n, client->pass_left == 0);
	run->at += n;
}

/* Whether enough of FRAME is here to go on with it. */
static bool
is_enough(const struct client *client, const struct run *run,
    const struct frame *frame)
{
	size_t here = run->size - run->at;

	if (frame_bytes(frame) <= here) {
		return true;
	}
	if ((client->pin != NULL && !client->is_tracked) || run->judged) {
		return true;
	}
	switch (frame->type) {
	case MSG_QUERY:
	case MSG_PARSE:
	case MSG_BIND:
	case MSG_EXECUTE:
		return frame_bytes(frame) >= HELD_MAX && here >= HEAD_BYTES;
	case MSG_DESCRIBE:
	case MSG_CLOSE:
		return !client->is_tracked;
	default:
		return true;
	}
}

/* False: it has to wait. */
static bool
look_into(
    struct client *client, const struct run *run, const struct frame *frame)
{
	const uint8_t *body = run->bytes + run->at + FRAME_HEADER_BYTES;
	size_t here = run->size - run->at - FRAME_HEADER_BYTES;

	if (!client->on_replica && frame->type != MSG_SYNC) {
		client->wrote = client->wrote || !run->judged;
	}
	if ((client->pin != NULL && !client->is_tracked) || run->judged) {
		return true;
	}
	return pass_judge(client, frame, body, here);
}

static bool
names_statement(uint8_t type)
{
	return type == MSG_PARSE || type == MSG_BIND || type == MSG_DESCRIBE ||
	    type == MSG_CLOSE;
}

/* The batch under way begins with the message that is next. */
static void
begin_batch(struct client *client)
{
	const struct server *server = client->server;
	const struct answers *answers = &server->answers;

	if (answers->batch_open || answers->skipping) {
		return;
	}
	statement_release(&client->used);
	if (answers->count == 1 && server_is_switching(server)) {
		client->batch_status = 'I'; /* nothing else was sent yet */
	} else {
		client->batch_status =
		    answers_is_settled(answers) ? server->status : 0;
	}
	client->session.has_run = false;
}

/* What is done about a message before it goes on. */
static struct prepare_result
prepare(struct client *client, struct run *run, const struct frame *frame)
{
	const uint8_t *body = run->bytes + run->at + FRAME_HEADER_BYTES;
	size_t here = run->size - run->at - FRAME_HEADER_BYTES;
	struct prepare_result result = {.way = PREPARE_PASS};

	begin_batch(client);
	if (unnamed_must_wait(client, frame, body, here)) {
		result.way = PREPARE_STOP;
		return result;
	}
	if (unnamed_may_be_met(client, frame, body, here)) {
		run_cut(run, 0);
		unnamed_close(client, &run->out);
	}
	if (client->is_tracked && client->untracks && !client->on_replica &&
	    frame->type != MSG_SYNC && !client->server->answers.copy_in) {
		run_cut(run, 0);
		if (!prepare_untrack(client, &run->out)) {
			result.way = PREPARE_STOP;
		}
	}
	if (!client->is_tracked || result.way == PREPARE_STOP) {
		return result;
	}
	if (names_statement(frame->type)) {
		run_cut(run, 0);
		result.way = PREPARE_STOP;
		return run->out.failed
		    ? result
		    : prepare_pass(client, &run->out, frame, body, here);
	}
	if (frame->type == MSG_QUERY &&
	    !answers_is_skipping(&client->server->answers)) {
		unnamed_drop(client);
	}
	if (frame->type == MSG_SYNC && prepare_answer_sync(client)) {
		result.way = PREPARE_DROP;
	}
	return result;
}

/* ---- the session's part -------------------------------------------------- */

/* The session's part of a message that is told to the server's answers. */
static void
attach_session(struct client *client, struct run *run)
{
	if (run->session.note != NULL) {
		answers_attach(&client->server->answers, run->session.note);
		run->session.note = NULL;
	}
	if (run->session.pin != NULL) {
		link_pin(client, run->session.pin);
	}
}

/* A Query whose text is .rewritten. */
static void
put_rewritten(struct run *run)
{
	uint8_t type = MSG_QUERY;
	uint32_t length = htobe32((uint32_t)(4 + run->rewritten.length));

	run_cut(run, 0);
	out_copy(&run->out, &type, 1);
	out_copy(&run->out, &length, sizeof(length));
	out_copy(&run->out, buf_bytes(&run->rewritten), run->rewritten.length);
	buf_clear(&run->rewritten);
}

static void
forget_session(struct client *client, struct run *run)
{
	if (run->session.note != NULL) {
		struct note_part *part = run->session.note->part;

		run->session.note->part = NULL;
		part->on_note(client, part, NOTE_SKIPPED);
		note_free(&run->session.note);
	}
	free(run->session.in_front);
	free(run->session.instead);
	free(run->session.behind);
	run->session = (struct session_run){0};
	buf_clear(&run->rewritten);
}

/* ---- one message --------------------------------------------------------- */

/* The N bytes of FRAME that are here go to nobody, nor does the rest. */
static void
drop_message(
    struct client *client, struct run *run, const struct frame *frame, size_t n)
{
	client->pass_left = (uint32_t)(frame_bytes(frame) - n);
	client->drops_rest = client->pass_left > 0;
	run_cut(run, n);
}

/* What is next keeps its server, and that is a replica: the primary is to have
 * it, and the batch with it. May close CLIENT. */
static void
leave_for_primary(struct client *client, const char *reason)
{
	struct error err;

	if (client->replay.is_holding) {
		/* What was gathered of it is not sent. */
		client->replay.unsent = 0;
		link_replay(client, true);
		return;
	}
	error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
	    "%s behind a read under way", reason);
	client_close(client, CLOSE_CLIENT_VIOLATION, &err);
}

/* Passes the message at the run's position on. False: stop here. */
static bool
pass_message(struct client *client, struct run *run, const struct frame *frame)
{
	const uint8_t *body = run->bytes + run->at + FRAME_HEADER_BYTES;
	size_t here = run->size - run->at;
	size_t n = here < frame_bytes(frame) ? here : frame_bytes(frame);
	struct prepare_result prepared;

	if (!look_into(client, run, frame) ||
	    !pass_look_for_clearing(client, run, frame)) {
		return false;
	}
	prepared = prepare(client, run, frame);
	if (prepared.pin != NULL && client->on_replica) {
		note_free(&prepared.note);
		leave_for_primary(client, prepared.pin);
		return false;
	}
	if (prepared.way == PREPARE_STOP || run->out.failed ||
	    !pass_session(client, run, frame)) {
		note_free(&prepared.note);
		return false;
	}
	if (prepared.way == PREPARE_DROP) {
		drop_message(client, run, frame, n);
		return client_is_open(client);
	}
	if (run->session.instead != NULL) {
		run_cut(run, 0);
		session_put_in_front(client, &run->session, &run->out);
	}
	switch (answers_sent(&client->server->answers, frame->type, false)) {
	case ANSWERS_FORWARD:
		if (prepared.note != NULL) {
			answers_attach(&client->server->answers, prepared.note);
		}
		attach_session(client, run);
		pin_on_sent(client, frame->type);
		if (frame->type == MSG_PARSE) {
			unnamed_note(client, body, here - FRAME_HEADER_BYTES);
		}
		if (prepared.pin != NULL) {
			link_pin(client, prepared.pin);
		}
		if (run->session.is_rewritten) {
			put_rewritten(run);
			prepared.replaced = n;
		}
		if (prepared.replaced > 0) {
			run->start = run->at + prepared.replaced;
		}
		run->at += n;
		if (run->session.behind != NULL) {
			run_cut(run, 0);
			session_put_behind(client, &run->session, &run->out);
		}
		client->pass_left = (uint32_t)(frame_bytes(frame) - n);
		client->drops_rest = false;
		return true;
	case ANSWERS_DROP:
		drop_message(client, run, frame, n);
		return true;
	case ANSWERS_VIOLATION:
		pass_violation(client,
		    "unexpected message during COPY from stdin: type",
		    frame->type);
		return false;
	}
	assert(!"unreachable");
	return false;
}

/* Passes BIND on in place of FRAME, which is at the run's position. */
static bool
pass_instead(struct client *client, struct run *run, const struct frame *frame,
    const struct buf *bind)
{
	const uint8_t *bytes = run->bytes;
	size_t at = run->at, size = run->size;
	struct frame filled;
	bool ok;

	run_cut(run, 0);
	run->bytes = buf_bytes(bind);
	run->size = bind->length;
	run->at = 0;
	run->start = 0;
	ok = frame_parse(run->bytes, run->size, FRAME_MAX_BODY, &filled) ==
	        FRAME_OK &&
	    pass_message(client, run, &filled);
	if (ok) {
		out_copy(
		    &run->out, run->bytes + run->start, run->at - run->start);
		at += frame_bytes(frame);
	}
	run->bytes = bytes;
	run->size = size;
	run->at = at;
	run->start = at;
	return ok;
}

static bool
pass_next(struct client *client, struct run *run, const struct frame *frame)
{
	struct buf bind = {0};
	bool ok;

	if (frame->type != MSG_BIND) {
		return pass_message(client, run, frame);
	}
	ok = pass_fill_bind(client, run, frame, &bind)
	    ? pass_instead(client, run, frame, &bind)
	    : pass_message(client, run, frame);
	buf_fini(&bind);
	return ok;
}

bool
pass_allows(struct client *client, uint8_t type)
{
	struct error err;

	if (type != MSG_QUERY ||
	    !config_settings(client->set->config)->disable_pqexec) {
		return true;
	}
	error_set(&err, SQLSTATE_FEATURE_NOT_SUPPORTED, "PQexec disallowed");
	error_hint(&err,
	    "The simple query protocol is switched off (disable_pqexec).");
	client_close(client, CLOSE_CLIENT_VIOLATION, &err);
	return false;
}

/* Whether the message at the run's position may go on now. False: stop. */
static bool
next_message(struct client *client, struct run *run, struct frame *frame)
{
	const struct settings *settings = config_settings(client->set->config);
	enum frame_result result = frame_parse(
	    run->bytes + run->at, run->size - run->at, FRAME_MAX_BODY, frame);
	unsigned kind;

	if (result == FRAME_PARTIAL) {
		return false;
	}
	if (result == FRAME_BAD) {
		pass_violation(client, "invalid length of message type",
		    run->bytes[run->at]);
		return false;
	}
	kind = client_frame_kind(frame->type);
	if (kind == 0) {
		pass_violation(client, "invalid message type", frame->type);
		return false;
	}
	if (((kind & FRAME_SMALL) != 0 &&
	        frame->body_bytes > FRAME_SMALL_BODY) ||
	    frame->body_bytes > settings->max_packet_size) {
		pass_violation(
		    client, "too long a message of type", frame->type);
		return false;
	}
	if (!pass_allows(client, frame->type)) {
		return false;
	}
	if (session_is_clearing(client)) {
		run_cut(run, 0);
		if (!session_may_follow(client, frame->type, &run->out)) {
			return false;
		}
	}
	return is_enough(client, run, frame) && session_may_go_on(client) &&
	    pin_may_go_on(client) && answers_has_room(&client->server->answers);
}

void
pass_leave(struct client *client)
{
	client->is_leaving = true;
	if (client_is_open(client) && client->server != NULL &&
	    client->server->answers.count == 0) {
		client_close(client, CLOSE_CLIENT_TERMINATED, NULL);
	}
}

size_t
pass_messages(
    struct client *client, const uint8_t *bytes, size_t size, bool judged)
{
	struct server *server = client->server;
	struct run run;
	struct frame frame;

	run.bytes = bytes;
	run.size = size;
	run.start = 0;
	run.at = 0;
	run.judged = judged;
	run.session = (struct session_run){0};
	run.rewritten = (struct buf){0};
	out_init(&run.out, server);
	while (run.at < run.size && client->server == server) {
		if (client->pass_left > 0) {
			pass_rest(client, &run);
			continue;
		}
		if (!next_message(client, &run, &frame)) {
			break;
		}
		if (frame.type == MSG_TERMINATE) {
			if (run_flush(client, &run)) {
				pass_leave(client);
			}
			return run.at;
		}
		if (!pass_next(client, &run, &frame)) {
			break;
		}
		forget_session(client, &run);
	}
	forget_session(client, &run);
	buf_fini(&run.rewritten);
	if (client->state == CLIENT_ACTIVE && client->server == server) {
		(void)run_flush(client, &run);
	}
	out_fini(&run.out);
	return run.at;
}
