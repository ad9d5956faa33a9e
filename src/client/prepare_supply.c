/*
 * prepare_supply.c - a server gets the statements it is to be asked for.
 */
#include "client/prepare_int.h"

#include "client/client_int.h"
#include "client/meter.h"
#include "client/out.h"
#include "conf/config.h"
#include "core/buf.h"
#include "proto/frame.h"
#include "server/note.h"
#include "server/server_int.h"
#include "server/statement.h"

static void
put_note(struct server *server, enum note_belief belief,
    struct statement *statement, void *part)
{
	struct note *note = prepared_sent(&server->prepared, statement, belief,
	    answers_batch(&server->answers));

	note->part = part;
	answers_attach(&server->answers, note);
}

void
supply_send(struct out *out, struct statement *statement, uint8_t type,
    void (*put)(const struct statement *statement, struct buf *out))
{
	struct server *server = out->server;
	struct buf message = {0};

	if (out->failed) {
		return;
	}
	put(statement, &message);
	answers_sent_helper(&server->answers, type);
	put_note(server, type == MSG_PARSE ? BELIEF_PREPARED : BELIEF_CLOSED,
	    statement, NULL);
	out_copy(out, buf_bytes(&message), message.length);
	buf_fini(&message);
}

void
supply_make_room(struct client *client, struct out *out)
{
	const struct settings *settings = config_settings(client->set->config);
	size_t limit = (size_t)settings->max_prepared_statements;
	struct statement *surplus;

	limit = limit > 0 ? limit - 1 : 0;
	while ((surplus = prepared_surplus(&out->server->prepared, limit)) !=
	    NULL) {
		supply_send(out, surplus, MSG_CLOSE, statement_put_close);
	}
}

enum prepared_state
supply_look(struct out *out, const struct statement *statement)
{
	return prepared_look(&out->server->prepared, statement,
	    answers_batch(&out->server->answers));
}

bool
supply(struct client *client, struct out *out, struct statement *statement)
{
	switch (supply_look(out, statement)) {
	case PREPARED_KNOWN:
		return true;
	case PREPARED_DOUBTED:
		supply_send(out, statement, MSG_CLOSE, statement_put_close);
		break;
	case PREPARED_MISSING:
		supply_make_room(client, out);
		break;
	case PREPARED_WAIT:
		return false;
	}
	supply_send(out, statement, MSG_PARSE, statement_put_parse);
	meter_server_parse(client);
	return true;
}
