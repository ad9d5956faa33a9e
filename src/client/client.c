/*
 * client.c - a client's life: its states, its bytes, its end.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/client_int.h"
#include "client/meter.h"
#include "client/prepare.h"
#include "client/request.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/stream.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"
#include "server/statement.h"

/* From row to bits. */
static const unsigned transitions[] = {
    [CLIENT_STARTUP] = 1U << CLIENT_SECRET | 1U << CLIENT_PASSWORD |
        1U << CLIENT_WELCOME | 1U << CLIENT_CONSOLE | 1U << CLIENT_CANCEL |
        1U << CLIENT_CLOSED,
    [CLIENT_SECRET] = 1U << CLIENT_PASSWORD | 1U << CLIENT_WELCOME |
        1U << CLIENT_CONSOLE | 1U << CLIENT_CLOSED,
    [CLIENT_PASSWORD] = 1U << CLIENT_SECRET | 1U << CLIENT_WELCOME |
        1U << CLIENT_CONSOLE | 1U << CLIENT_CLOSED,
    [CLIENT_WELCOME] = 1U << CLIENT_IDLE | 1U << CLIENT_CLOSED,
    [CLIENT_IDLE] =
        1U << CLIENT_WAITING | 1U << CLIENT_ACTIVE | 1U << CLIENT_CLOSED,
    [CLIENT_WAITING] =
        1U << CLIENT_IDLE | 1U << CLIENT_ACTIVE | 1U << CLIENT_CLOSED,
    [CLIENT_ACTIVE] = 1U << CLIENT_IDLE | 1U << CLIENT_CLOSED,
    [CLIENT_CONSOLE] = 1U << CLIENT_CLOSED,
    [CLIENT_CANCEL] = 1U << CLIENT_CLOSED,
    [CLIENT_CLOSED] = 0,
};

const char *
client_state_name(enum client_state state)
{
	static const char *const names[] = {"startup", "secret", "password",
	    "welcome", "idle", "waiting", "active", "console", "cancel",
	    "closed"};

	return names[state];
}

void
client_set_state(struct client *client, enum client_state state)
{
	struct clients *set = client->set;

	assert((transitions[client->state] & 1U << state) != 0);
	log_debug(&client->log, "%s -> %s", client_state_name(client->state),
	    client_state_name(state));
	list_remove(&set->by_state[client->state], &client->link);
	client->state = state;
	if (state == CLIENT_CLOSED) {
		set->count--;
		return;
	}
	list_append(&set->by_state[state], &client->link);
}

struct blocks *
client_blocks(const struct client *client)
{
	return loop_blocks(client->set->loop);
}

char
client_status(const struct client *client)
{
	return client->batch_status;
}

bool
client_is_private(const struct client *client)
{
	return client->private_login.replication != REPLICATION_NONE;
}

bool
client_is_open(const struct client *client)
{
	return client->state != CLIENT_CLOSED;
}

/* ---- interest ------------------------------------------------------------ */

static bool
wants_read(const struct client *client)
{
	if (client->set->is_suspended && client->state != CLIENT_CONSOLE) {
		return false;
	}
	switch (client->state) {
	case CLIENT_STARTUP:
	case CLIENT_PASSWORD:
	case CLIENT_IDLE:
		/* Who does not read our answers is not asked for more. */
		return client->held.length < HELD_MAX &&
		    stream_pending(client->stream) == 0;
	case CLIENT_CONSOLE:
		return client->held.length < HELD_MAX &&
		    stream_pending(client->stream) == 0;
	case CLIENT_SECRET:
	case CLIENT_WELCOME:
	case CLIENT_WAITING:
	case CLIENT_CANCEL:
		/* To notice that it leaves, and what it pipelines. */
		return client->held.length < HELD_MAX;
	case CLIENT_ACTIVE:
		return client->held.length < HELD_MAX &&
		    stream_pending(client->server->stream) == 0 &&
		    answers_has_room(&client->server->answers);
	case CLIENT_CLOSED:
		break;
	}
	return false;
}

void
client_update_interest(struct client *client)
{
	if (!client_is_open(client)) {
		return;
	}
	timeouts_update(client);
	stream_update_interest(client->stream, wants_read(client));
	if (client->server != NULL) {
		server_update_interest(
		    client->server, stream_pending(client->stream) == 0);
	}
}

/* ---- bytes --------------------------------------------------------------- */

bool
client_write(struct client *client, const void *bytes, size_t size)
{
	meter_sent(client, size);
	if (stream_write(client->stream, bytes, size) != IO_FAILED) {
		return true;
	}
	client_close(client, CLOSE_CLIENT_IO, NULL);
	return false;
}

/* Takes what it can, in whatever state the client is. */
static size_t
take(struct client *client, uint8_t *bytes, size_t size)
{
	switch (client->state) {
	case CLIENT_STARTUP:
	case CLIENT_PASSWORD:
		return login_take(client, bytes, size);
	case CLIENT_CONSOLE:
		return console_take(client, bytes, size);
	case CLIENT_IDLE:
	case CLIENT_ACTIVE:
		return request_take(client, bytes, size);
	case CLIENT_CANCEL:
		return size; /* nothing more concerns us */
	case CLIENT_SECRET:
	case CLIENT_WELCOME:
	case CLIENT_WAITING:
	case CLIENT_CLOSED:
		return 0;
	}
	assert(!"unreachable");
	return 0;
}

/* Looks at .held again: there is more of it, or what it waited for is here. */
static void
take_held(struct client *client)
{
	size_t used;

	if (client->held.length == 0) {
		return;
	}
	used = take(client, kept_bytes(&client->held), client->held.length);
	if (client_is_open(client) && used > 0) {
		kept_consume(client_blocks(client), &client->held, used);
		client->held_scanned = 0;
	}
}

/* What can go on has gone on: perhaps the rest of a copy that had failed, or a
 * batch that was answered here. What is still held, if anything, is the
 * beginning of a message, for which no server waits. */
static void
end_link_if_idle(struct client *client)
{
	if (client->state == CLIENT_ACTIVE) {
		link_end_if_done(client);
	}
}

/* Its server's last read was full: more may lie there, or nothing at all. */
static bool
has_unread_answer(const struct client *client)
{
	return client->state == CLIENT_ACTIVE && client->server->unread &&
	    answers_is_settled(&client->server->answers) &&
	    stream_pending(client->stream) == 0;
}

static void
on_ready(struct ready *ready)
{
	struct client *client = list_entry(ready, struct client, ready);

	if (!client_is_open(client)) {
		return;
	}
	link_restore(client);
	request_resume(client);
	take_held(client);
	if (has_unread_answer(client)) {
		answer_on_readable(client);
		return;
	}
	end_link_if_idle(client);
	client_update_interest(client);
}

/* Receives; false when there is nothing to look at. May close CLIENT. */
static bool
receive(struct client *client, uint8_t *scratch, size_t *size)
{
	size_t room = HELD_MAX - client->held.length;
	enum io_result result =
	    stream_read(client->stream, scratch, room, size);

	if (result == IO_DONE) {
		client->timeouts.reads++;
		meter_received(client, *size);
		return true;
	}
	if (result == IO_EOF) {
		client_close(client, CLOSE_CLIENT_GONE, NULL);
	} else if (result == IO_FAILED) {
		struct error err;

		error_set(&err, SQLSTATE_CONNECTION_FAILURE, "%s",
		    stream_error(client->stream));
		client_close(client, CLOSE_CLIENT_IO, &err);
	}
	return false;
}

static void
on_readable(void *owner)
{
	struct client *client = owner;
	struct loop *loop = client->set->loop;
	size_t size = 0, used = 0;
	bool may_be_secret;
	uint8_t *scratch;

	link_restore(client);
	if (client->held.length >= HELD_MAX) {
		client_update_interest(client);
		return;
	}
	scratch = loop_scratch_take(loop, client);
	if (!receive(client, scratch, &size)) {
		loop_scratch_give(loop, client);
		return;
	}
	may_be_secret = client->state == CLIENT_PASSWORD;
	if (client->held.length > 0) {
		kept_append(
		    client_blocks(client), &client->held, scratch, size);
		take_held(client);
	} else {
		used = take(client, scratch, size);
		if (client_is_open(client)) {
			kept_append(client_blocks(client), &client->held,
			    scratch + used, size - used);
		}
	}
	if (may_be_secret) {
		mem_wipe(scratch, size); /* also where it was only a part */
	}
	loop_scratch_give(loop, client);
	end_link_if_idle(client);
	client_update_interest(client);
}

static void
on_drained(void *owner)
{
	struct client *client = owner;

	if ((client->state == CLIENT_CONSOLE && client->held.length > 0) ||
	    has_unread_answer(client)) {
		loop_ready(client->set->loop, &client->ready);
	}
	client_update_interest(client);
}

static const struct stream_owner stream_ops = {on_readable, on_drained};

/* ---- coming and going ---------------------------------------------------- */

static void
put_context(const void *object, struct buf *out)
{
	const struct client *client = object;
	char text[ADDRESS_TEXT_BYTES];

	buf_printf(out, " client=%llu", (unsigned long long)client->id);
	if (client->user != NULL) {
		buf_append_str(out, " db=");
		log_append_value(out, client->database);
		buf_append_str(out, " user=");
		log_append_value(out, client->user);
	}
	buf_append_str(out, " addr=");
	log_append_value(
	    out, address_format(&client->peer, text, sizeof(text)));
}

static void
reap_client(struct grave *grave)
{
	free(list_entry(grave, struct client, grave));
}

static struct client *
make(struct clients *set, const struct address *peer)
{
	struct client *client = mem_zalloc(sizeof(*client));

	client->set = set;
	client->state = CLIENT_STARTUP;
	client->id = ++set->last_id;
	client->peer = *peer;
	client->connect_us = loop_now_us(set->loop);
	client->request_us = client->connect_us;
	client->std_strings = true;
	client->log = (struct log_source){set->logger, put_context, client};
	client->ready.run = on_ready;
	client->waiter.on_granted = link_on_granted;
	client->waiter.on_refused = link_on_refused;
	client->grave.reap = reap_client;
	list_append(&set->by_state[CLIENT_STARTUP], &client->link);
	set->count++;
	timeouts_configure(client);
	return client;
}

void
clients_accept(struct clients *clients, int fd, const struct address *peer)
{
	struct client *client = make(clients, peer);
	uid_t uid;

	client->stream = stream_new(clients->loop, fd, &stream_ops, client);
	client->has_unix_owner = address_is_unix(peer) &&
	    address_peer_uid(fd, &uid) == 0 && uid == geteuid();
	client_update_interest(client);
}

struct client *
clients_accept_over(struct clients *clients,
    const struct stream_transport *transport, void *context,
    const struct address *peer)
{
	struct client *client = make(clients, peer);

	client->stream = stream_new_over(
	    clients->loop, transport, context, &stream_ops, client);
	client_update_interest(client);
	return client;
}

/* Says goodbye where a whole message can still be inserted. */
static void
send_reason(
    struct client *client, enum close_reason reason, const struct error *detail)
{
	const struct close_reason_row *row = close_reason_row(reason);
	struct buf out = {0};
	struct error err;

	if (row->sqlstate[0] == '\0' || client->answer_left > 0 ||
	    client->told_fatal) {
		return;
	}
	if (detail != NULL) {
		err = *detail;
	} else {
		error_set(&err, row->sqlstate, "%s", row->text);
	}
	msg_error_from(&out, "FATAL", &err);
	(void)stream_write(client->stream, buf_bytes(&out), out.length);
	buf_fini(&out);
}

static bool
is_worth_a_line(const struct client *client, enum close_reason reason)
{
	const struct settings *settings = config_settings(client->set->config);

	if (close_reason_row(reason)->level < LEVEL_INFO) {
		return settings->log_pooler_errors != 0;
	}
	return settings->log_disconnections != 0;
}

static void
log_close(const struct client *client, enum close_reason reason,
    const struct error *detail)
{
	const struct close_reason_row *row = close_reason_row(reason);
	int64_t age_us = loop_now_us(client->set->loop) - client->connect_us;

	/* What the client is told is the reason; otherwise it is a detail. */
	bool is_told = detail != NULL && row->sqlstate[0] != '\0';

	if (is_worth_a_line(client, reason)) {
		log_at(&client->log, row->level,
		    "closing because: %s (age=%llds)%s%s",
		    is_told ? detail->text : row->text,
		    (long long)(age_us / 1000000),
		    detail == NULL || is_told ? "" : ": ",
		    detail == NULL || is_told ? "" : detail->text);
	}
}

static void
release_parts(struct client *client)
{
	struct blocks *blocks = client_blocks(client);

	timeouts_end(client);
	pool_forget(&client->waiter);
	limits_unseat(&client->set->pools->limits, &client->seat);
	if (client->pool != NULL) {
		pool_leave(client->pool);
	}
	loop_unready(client->set->loop, &client->ready);
	stream_close(&client->stream);
	login_free(client);
	console_free(&client->console);
	session_fini(client);
	profile_release(&client->profile);
	names_fini(&client->names);
	kept_fini(blocks, &client->held);
	kept_fini(blocks, &client->begin);
	unnamed_fini(client);
	statement_release(&client->used);
	told_fini(client);
	free(client->taken_name);
	client->taken_name = NULL;
	replay_fini(client);
	free(client->scan);
	client->scan = NULL;
	key_forget(client);
	canceller_end(client);
	free(client->user);
	free(client->database);
	client->user = NULL;
	client->database = NULL;
}

void
client_close(
    struct client *client, enum close_reason reason, const struct error *detail)
{
	struct error copy;

	if (!client_is_open(client)) {
		return;
	}
	if (detail != NULL) {
		copy = *detail; /* it may be part of what goes now */
		detail = &copy;
	}
	log_close(client, reason, detail);
	send_reason(client, reason, detail);
	link_cut(client);
	client_set_state(client, CLIENT_CLOSED);
	release_parts(client);
	loop_bury(client->set->loop, &client->grave);
}
