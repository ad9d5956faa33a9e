/*
 * prepare_untrack.c - a client's statements become its server's business.
 */
#include "client/prepare.h"

#include <endian.h>

#include "client/client_int.h"
#include "client/out.h"
#include "client/prepare_int.h"
#include "core/buf.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/note.h"
#include "server/server_int.h"
#include "server/statement.h"

struct raw {
	struct out *out;
	bool is_inside; /* a batch of the client's */
};

/* In a batch of its own: what cannot be parsed any more, under the settings of
 * today, keeps nothing else from being there. */
static void
tell_alone(struct out *out, struct buf *message)
{
	struct answers *answers = &out->server->answers;
	struct note *note = note_new();

	note->belief = BELIEF_TRIED;
	answers_sent_own(answers, MSG_PARSE);
	answers_attach(answers, note);
	answers_sent_own(answers, MSG_SYNC);
	msg_sync(message);
}

/* Parses STATEMENT under the client's own NAME. */
static void
parse_raw(
    void *context, const char *name, size_t length, struct statement *statement)
{
	const struct raw *raw = context;
	struct out *out = raw->out;
	struct buf message = {0};
	uint8_t type = MSG_PARSE;
	uint32_t size =
	    htobe32((uint32_t)(4 + length + 1 + statement->body_bytes));

	buf_append(&message, &type, 1);
	buf_append(&message, &size, sizeof(size));
	buf_append(&message, name, length);
	buf_append(&message, "", 1);
	buf_append(&message, statement->body, statement->body_bytes);
	if (!out->failed && raw->is_inside) {
		answers_sent_helper(&out->server->answers, MSG_PARSE);
	} else if (!out->failed) {
		tell_alone(out, &message);
	}
	out_copy(out, buf_bytes(&message), message.length);
	buf_fini(&message);
}

/* Nobody else's statements are left for the client to find. */
static void
close_all(struct out *out)
{
	struct statement *left;

	while (!out->failed &&
	    (left = prepared_surplus(&out->server->prepared, 0)) != NULL) {
		supply_send(out, left, MSG_CLOSE, statement_put_close);
	}
}

void
prepare_put_flush(struct client *client, struct out *out)
{
	struct buf message = {0};

	if (client->flushed == out->server->answers.sent) {
		return;
	}
	client->flushed = out->server->answers.sent;
	msg_flush(&message);
	out_copy(out, buf_bytes(&message), message.length);
	buf_fini(&message);
}

bool
prepare_untrack(struct client *client, struct out *out)
{
	struct answers *answers = &out->server->answers;
	bool is_inside = answers->batch_open;
	struct buf sync = {0};

	if (answers->notes.count > 0 ||
	    (client->batch_status == 0 && answers->count > 0 && !is_inside)) {
		if (is_inside) {
			/* Its Sync is behind what waits. */
			prepare_put_flush(client, out);
		}
		return false;
	}
	if (client->batch_status == 'E' || answers_is_skipping(answers)) {
		return true; /* the text will not run either */
	}
	link_pin(client, "prepared statements under names of its own");
	close_all(out);
	if (!is_inside && answers->batch_open && !out->failed) {
		msg_sync(&sync);
		answers_sent_own(answers, MSG_SYNC);
		out_copy(out, buf_bytes(&sync), sync.length);
		buf_fini(&sync);
	}
	names_each(&client->names, parse_raw,
	    &(struct raw){.out = out, .is_inside = is_inside});
	names_clear(&client->names);
	client->is_tracked = false;
	client->untracks = false;
	return true;
}
