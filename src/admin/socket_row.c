/*
 * socket_row.c - a connection as the console shows it.
 */
#include "admin/socket_row.h"

#include <stdlib.h>

#include "admin/census.h"
#include "admin/instance_int.h"
#include "client/client_int.h"
#include "core/mem.h"
#include "net/stream.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"

/* ---- who has which server ------------------------------------------------ */

static void
add_holders(struct holders *holders, const struct list *clients)
{
	list_foreach (clients, link) {
		const struct client *client =
		    list_entry(link, struct client, link);
		struct holder *item = &holders->items[holders->count];

		if (client->server != NULL) {
			item->server = client->server;
			item->client = client;
			HASH_ADD_PTR(holders->by_server, server, item);
			holders->count++;
		}
	}
}

void
holders_find(struct holders *holders, const struct instance *instance)
{
	const struct list *clients = instance->clients->by_state;
	size_t most =
	    clients[CLIENT_ACTIVE].count + clients[CLIENT_WELCOME].count;

	*holders = (struct holders){0};
	holders->items = mem_zalloc((most + 1) * sizeof(*holders->items));
	add_holders(holders, &clients[CLIENT_ACTIVE]);
	add_holders(holders, &clients[CLIENT_WELCOME]);
}

void
holders_fini(struct holders *holders)
{
	HASH_CLEAR(hh, holders->by_server);
	free(holders->items);
}

const struct client *
holders_client(const struct holders *holders, const struct server *server)
{
	struct holder *holder = NULL;

	HASH_FIND_PTR(holders->by_server, &server, holder);
	return holder == NULL ? NULL : holder->client;
}

/* ---- rows ---------------------------------------------------------------- */

/* The process at the other end of a Unix socket; 0: not known. */
static uint32_t
peer_pid(const struct client *client)
{
	pid_t pid;

	return address_is_unix(&client->peer) &&
	        address_peer_pid(stream_fd(client->stream), &pid) == 0
	    ? (uint32_t)pid
	    : 0;
}

/* How pgbouncer calls the states of those that have logged in. Who has not
 * is only in SHOW SOCKETS. */
static const char *const client_states[] = {
    [CLIENT_ACTIVE] = "active",
    [CLIENT_IDLE] = "idle",
    [CLIENT_WAITING] = "waiting",
    [CLIENT_WELCOME] = "waiting",
    [CLIENT_CONSOLE] = "idle",
    [CLIENT_STARTUP] = "login",
    [CLIENT_SECRET] = "login",
    [CLIENT_PASSWORD] = "login",
    [CLIENT_CLOSED] = NULL,
};

static const char *
state_of_client(const struct client *client)
{
	if (client->state == CLIENT_CANCEL) {
		return client->asker.is_sent ? "active_cancel_req"
		                             : "waiting_cancel_req";
	}
	return client_states[client->state];
}

static const char *const replications[] = {
    [REPLICATION_NONE] = "none",
    [REPLICATION_LOGICAL] = "logical",
    [REPLICATION_PHYSICAL] = "physical",
};

struct socket_row
socket_row_of_client(
    const struct instance *instance, const struct client *client)
{
	const char *application_name = client->profile == NULL
	    ? NULL
	    : params_get(profile_settings(client->profile), "application_name");
	struct socket_row row = {
	    .type = "C",
	    .user = client->user == NULL ? "(nouser)" : client->user,
	    .database = client->database == NULL ? "(nodb)" : client->database,
	    .replication = replications[client->private_login.replication],
	    .state = state_of_client(client),
	    .peer = client->peer,
	    .fd = stream_fd(client->stream),
	    .stream = client->stream,
	    .connect_us = client->connect_us,
	    .request_us = client->request_us,
	    .server_id = client->server == NULL ? 0 : client->server->id,
	    .remote_pid = peer_pid(client),
	    .application_name =
	        application_name == NULL ? "" : application_name,
	    .prepared_count = names_count(&client->names),
	    .id = client->id,
	    .held_bytes = client->held.length,
	    .pending_bytes = stream_pending(client->stream),
	    .message_left = client->pass_left,
	};

	if (client->waiter.pool != NULL) {
		row.wait_us =
		    loop_now_us(instance->loop) - client->waiter.since_us;
	}
	return row;
}

static const char *const server_states[] = {
    [SERVER_CONNECTING] = "new",
    [SERVER_LOGIN] = "new",
    [SERVER_IDLE] = "idle",
    [SERVER_ACTIVE] = "active",
    [SERVER_DRAINING] = "being_canceled",
    [SERVER_TESTED] = "tested",
};

struct socket_row
socket_row_of_server(const struct holders *holders, const struct server *server)
{
	const struct pool *pool = server->slot->pool;
	const char *application_name =
	    params_get(&server->params, "application_name");
	const struct client *client = holders_client(holders, server);
	struct socket_row row = {
	    .type = "S",
	    .user = pool->user,
	    .database = pool->database,
	    .replication = replications[server->replication],
	    .state = server_states[server->state],
	    .peer = server->address,
	    .fd = server->stream == NULL ? -1 : stream_fd(server->stream),
	    .stream = server->stream,
	    .connect_us = server->connect_us,
	    .request_us = server->request_us == 0 ? server->connect_us
	                                          : server->request_us,
	    .close_needed = server->retire || server->slot->is_old,
	    .remote_pid = server->process_id,
	    .application_name =
	        application_name == NULL ? "" : application_name,
	    .prepared_count = prepared_count(&server->prepared),
	    .id = server->id,
	    .held_bytes = server->partial.length,
	    .pending_bytes =
	        server->stream == NULL ? 0 : stream_pending(server->stream),
	    .message_left = client == NULL ? 0 : client->answer_left,
	    .client_id = client == NULL ? 0 : client->id,
	};

	return row;
}

/* ---- all of them --------------------------------------------------------- */

void
sockets_each_client(struct instance *instance, bool with_logins,
    void (*each)(void *context, const struct client *client), void *context)
{
	int first = with_logins ? CLIENT_STARTUP : CLIENT_WELCOME;

	for (int i = first; i < CLIENT_CLOSED; i++) {
		list_foreach (&instance->clients->by_state[i], link) {
			each(context, list_entry(link, struct client, link));
		}
	}
}

static void
each_of_slots(const struct list *slots,
    void (*each)(void *context, const struct server *server), void *context)
{
	list_foreach (slots, slot_link) {
		const struct pool_slot *slot =
		    list_entry(slot_link, struct pool_slot, link);

		for (int i = 0; i < SERVER_CLOSED; i++) {
			list_foreach (&slot->by_state[i], link) {
				each(context,
				    list_entry(link, struct server, link));
			}
		}
	}
}

void
sockets_each_server(struct instance *instance,
    void (*each)(void *context, const struct server *server), void *context)
{
	struct census census;

	census_take(&census, instance);
	for (size_t i = 0; i < census.count; i++) {
		const struct pool *pool = census.pools[i].pool;

		each_of_slots(&pool->slots, each, context);
		each_of_slots(&pool->old_slots, each, context);
	}
	census_fini(&census);
}
