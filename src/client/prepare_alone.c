/*
 * prepare_alone.c - a Parse or a Close that needs no server.
 *
 * Drivers prepare and close statements in batches of their own. What some
 * server of the pool has accepted under the same settings need not be asked
 * again, and closing a name is between the client and us; so nobody waits for a
 * server with that. (A program with many connections in one thread, such as
 * pgbench, would wait for ever: others of its connections have the servers.)
 */
#include "client/batch.h"
#include "client/client_int.h"
#include "client/meter.h"
#include "client/prepare_int.h"
#include "core/buf.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/pool_int.h"
#include "server/server_int.h"
#include "server/statement.h"

/* Whether a server in STATE of one of POOL's nodes has STATEMENT. At most as
 * many look-ups as the pool has servers. */
static bool
is_known_in(const struct pool *pool, enum server_state state,
    const struct statement *statement)
{
	list_foreach (&pool->slots, link) {
		const struct pool_slot *slot =
		    list_entry(link, struct pool_slot, link);

		list_foreach (&slot->by_state[state], server_link) {
			const struct server *server =
			    list_entry(server_link, struct server, link);

			if (prepared_has(&server->prepared, statement)) {
				return true;
			}
		}
	}
	return false;
}

static bool
parse_alone(struct client *client, const struct frame *frame,
    const uint8_t *body, const struct prepare_name *name)
{
	const uint8_t *rest = body + name->length + 1;
	size_t size = frame->body_bytes - name->length - 1;
	struct statement *statement, *ignored;
	struct name_change *change;
	bool is_known;

	if (prepare_look_up(client, name, &ignored) != NAME_UNKNOWN ||
	    !prepare_is_ascii(name) || !statement_body_is_valid(rest, size) ||
	    !prepare_has_room(client, size)) {
		return false;
	}
	statement = statements_find(pools_statements(client->set->pools),
	    &client->session.meaning, rest, size);
	if (statement == NULL) {
		return false;
	}
	is_known = is_known_in(client->pool, SERVER_IDLE, statement) ||
	    is_known_in(client->pool, SERVER_ACTIVE, statement);
	if (is_known) {
		meter_client_parse(client);
		change = names_change(
		    &client->names, name->bytes, name->length, statement, 0);
		names_on_note(&client->names, &change, NOTE_DONE);
	}
	return is_known;
}

static void
close_alone(struct client *client, const struct prepare_name *name)
{
	struct name_change *change =
	    names_change(&client->names, name->bytes, name->length, NULL, 0);

	names_on_note(&client->names, &change, NOTE_DONE);
}

bool
prepare_answer_alone(
    struct client *client, const uint8_t *at, const struct batch *batch)
{
	struct prepare_name name;
	struct buf out = {0};
	struct frame frame;
	const uint8_t *body = at + FRAME_HEADER_BYTES;
	size_t sync_bytes = FRAME_HEADER_BYTES;

	if (!client->is_tracked || client->begin.length > 0 ||
	    !batch->is_complete || client->session.was_refused ||
	    frame_parse(at, batch->bytes, FRAME_MAX_BODY, &frame) != FRAME_OK ||
	    frame_bytes(&frame) + sync_bytes != batch->bytes ||
	    (frame.type != MSG_PARSE && frame.type != MSG_CLOSE) ||
	    !prepare_find_name(frame.type, body, frame.body_bytes, &name) ||
	    name.length == 0) {
		return false;
	}
	if (frame.type == MSG_CLOSE) {
		close_alone(client, &name);
		msg_close_complete(&out);
	} else if (parse_alone(client, &frame, body, &name)) {
		msg_parse_complete(&out);
	} else {
		return false;
	}
	meter_asked(client);
	meter_answered(client, 'I');
	msg_ready_for_query(&out, 'I');
	(void)client_write(client, buf_bytes(&out), out.length);
	buf_fini(&out);
	return true;
}
