/*
 * show_sockets.c - SHOW CLIENTS and SHOW SERVERS: a row per connection.
 *
 * pgbouncer shows addresses of its memory as "ptr" and "link", which say which
 * client has which server. Ours say the same and give nothing away: a client is
 * 0xc followed by its id, a server 0x5 followed by its own.
 */
#include <stdio.h>
#include <string.h>

#include "admin/census.h"
#include "admin/instance_int.h"
#include "admin/show.h"
#include "client/client_int.h"
#include "conf/config.h"
#include "core/hash.h"
#include "core/mem.h"
#include "net/stream.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"

static const struct msg_column columns[] = {
    COLUMN_TEXT("type"),
    COLUMN_TEXT("user"),
    COLUMN_TEXT("database"),
    COLUMN_TEXT("replication"),
    COLUMN_TEXT("state"),
    COLUMN_TEXT("addr"),
    COLUMN_INT4("port"),
    COLUMN_TEXT("local_addr"),
    COLUMN_INT4("local_port"),
    COLUMN_TEXT("connect_time"),
    COLUMN_TEXT("request_time"),
    COLUMN_INT4("wait"),
    COLUMN_INT4("wait_us"),
    COLUMN_INT4("close_needed"),
    COLUMN_TEXT("ptr"),
    COLUMN_TEXT("link"),
    COLUMN_INT4("remote_pid"),
    COLUMN_TEXT("tls"),
    COLUMN_TEXT("application_name"),
    COLUMN_INT4("prepared_statements"),
    COLUMN_INT4("id"),
};

/* What a row says, of either kind. */
struct socket_row {
	const char *type;
	const char *user;
	const char *database;
	const char *state;
	struct address peer; /* no address: not connected yet */
	int fd;              /* -1: none */
	int64_t connect_us;
	int64_t request_us;
	int64_t wait_us;
	bool close_needed;
	uint64_t client_id; /* 0: none */
	uint64_t server_id;
	uint32_t remote_pid;
	const char *application_name;
	size_t prepared_count;
	uint64_t id;
};

static void
put_address(struct instance *instance, struct table *table,
    const struct address *address)
{
	char text[ADDRESS_TEXT_BYTES];

	if (address->length == 0) {
		table_put_text(table, "");
		table_put_int(table, 0);
		return;
	}
	table_put_text(table, address_host(address, text, sizeof(text)));
	/* The client's end of a Unix socket has no name: our port, then. */
	table_put_int(table,
	    address_is_unix(address) && address_port(address) == 0
	        ? config_settings(instance->config)->listen_port
	        : address_port(address));
}

static void
put_pointer(struct table *table, char kind, uint64_t id)
{
	char text[40] = "";

	if (id != 0) {
		(void)snprintf(text, sizeof(text), "0x%c%011llx", kind,
		    (unsigned long long)id);
	}
	table_put_text(table, text);
}

static void
put_row(struct instance *instance, struct table *table,
    const struct socket_row *row)
{
	struct address local = {0};
	bool is_client = row->type[0] == 'C';

	if (row->fd >= 0 && address_of_socket(&local, row->fd) != 0) {
		local = (struct address){0};
	}
	table_row_begin(table);
	table_put_text(table, row->type);
	table_put_text(table, row->user);
	table_put_text(table, row->database);
	table_put_text(table, "none");
	table_put_text(table, row->state);
	put_address(instance, table, &row->peer);
	put_address(instance, table, &local);
	show_put_time(table, instance, row->connect_us);
	show_put_time(table, instance, row->request_us);
	show_put_wait(table, row->wait_us);
	table_put_int(table, row->close_needed);
	put_pointer(table, is_client ? 'c' : '5', row->id);
	put_pointer(table, is_client ? '5' : 'c',
	    is_client ? row->server_id : row->client_id);
	table_put_count(table, row->remote_pid);
	table_put_text(table, "");
	table_put_text(table, row->application_name);
	table_put_count(table, row->prepared_count);
	table_put_count(table, row->id);
	table_row_end(table);
}

/* ---- CLIENTS ------------------------------------------------------------- */

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

/* How pgbouncer calls the states of those that have logged in. Who has not is
 * not in its table either. */
static const char *const client_states[] = {
    [CLIENT_ACTIVE] = "active",
    [CLIENT_IDLE] = "idle",
    [CLIENT_WAITING] = "waiting",
    [CLIENT_WELCOME] = "waiting",
    [CLIENT_CONSOLE] = "idle",
    [CLIENT_CLOSED] = NULL,
};

static void
put_client(
    struct instance *instance, struct table *table, const struct client *client)
{
	const char *application_name = client->profile == NULL
	    ? NULL
	    : params_get(profile_settings(client->profile), "application_name");
	struct socket_row row = {
	    .type = "C",
	    .user = client->user,
	    .database = client->database,
	    .state = client_states[client->state],
	    .peer = client->peer,
	    .fd = stream_fd(client->stream),
	    .connect_us = client->connect_us,
	    .request_us = client->request_us,
	    .server_id = client->server == NULL ? 0 : client->server->id,
	    .remote_pid = peer_pid(client),
	    .application_name =
	        application_name == NULL ? "" : application_name,
	    .prepared_count = names_count(&client->names),
	    .id = client->id,
	};

	if (client->waiter.pool != NULL) {
		row.wait_us =
		    loop_now_us(instance->loop) - client->waiter.since_us;
	}
	put_row(instance, table, &row);
}

static void
fill_clients(struct instance *instance, struct table *table)
{
	for (int i = 0; i < CLIENT_CLOSED; i++) {
		if (client_states[i] == NULL) {
			continue;
		}
		list_foreach (&instance->clients->by_state[i], link) {
			put_client(instance, table,
			    list_entry(link, struct client, link));
		}
	}
}

const struct show show_clients = {
    .name = "clients", SHOW_COLUMNS(columns), .fill = fill_clients};

/* ---- SERVERS ------------------------------------------------------------- */

static const char *const server_states[] = {
    [SERVER_CONNECTING] = "new",
    [SERVER_LOGIN] = "new",
    [SERVER_IDLE] = "idle",
    [SERVER_ACTIVE] = "active",
    [SERVER_DRAINING] = "being_canceled",
};

/* Which client has a server. */
struct holder {
	const struct server *server; /* the key */
	uint64_t client_id;
	UT_hash_handle hh;
};

struct holders {
	struct holder *items; /* owned */
	size_t count;
	struct holder *by_server;
};

static void
add_holders(struct holders *holders, const struct list *clients)
{
	list_foreach (clients, link) {
		const struct client *client =
		    list_entry(link, struct client, link);
		struct holder *item = &holders->items[holders->count];

		if (client->server != NULL) {
			item->server = client->server;
			item->client_id = client->id;
			HASH_ADD_PTR(holders->by_server, server, item);
			holders->count++;
		}
	}
}

static void
find_holders(struct holders *holders, const struct instance *instance)
{
	const struct list *clients = instance->clients->by_state;
	size_t most =
	    clients[CLIENT_ACTIVE].count + clients[CLIENT_WELCOME].count;

	*holders = (struct holders){0};
	holders->items = mem_zalloc((most + 1) * sizeof(*holders->items));
	add_holders(holders, &clients[CLIENT_ACTIVE]);
	add_holders(holders, &clients[CLIENT_WELCOME]);
}

static void
holders_fini(struct holders *holders)
{
	HASH_CLEAR(hh, holders->by_server);
	free(holders->items);
}

static void
put_server(struct instance *instance, struct table *table,
    const struct holders *holders, const struct server *server)
{
	const struct pool *pool = server->slot->pool;
	const char *application_name =
	    params_get(&server->params, "application_name");
	struct holder *holder = NULL;
	struct socket_row row = {
	    .type = "S",
	    .user = pool->user,
	    .database = pool->database,
	    .state = server_states[server->state],
	    .peer = server->address,
	    .fd = server->stream == NULL ? -1 : stream_fd(server->stream),
	    .connect_us = server->connect_us,
	    .request_us = server->request_us == 0 ? server->connect_us
	                                          : server->request_us,
	    .close_needed = server->retire || server->slot->is_old,
	    .remote_pid = server->process_id,
	    .application_name =
	        application_name == NULL ? "" : application_name,
	    .prepared_count = prepared_count(&server->prepared),
	    .id = server->id,
	};

	HASH_FIND_PTR(holders->by_server, &server, holder);
	if (holder != NULL) {
		row.client_id = holder->client_id;
	}
	put_row(instance, table, &row);
}

static void
put_slots(struct instance *instance, struct table *table,
    const struct holders *holders, const struct list *slots)
{
	list_foreach (slots, slot_link) {
		const struct pool_slot *slot =
		    list_entry(slot_link, struct pool_slot, link);

		for (int i = 0; i < SERVER_CLOSED; i++) {
			list_foreach (&slot->by_state[i], link) {
				put_server(instance, table, holders,
				    list_entry(link, struct server, link));
			}
		}
	}
}

static void
fill_servers(struct instance *instance, struct table *table)
{
	struct census census;
	struct holders holders;

	census_take(&census, instance);
	find_holders(&holders, instance);
	for (size_t i = 0; i < census.count; i++) {
		const struct pool *pool = census.pools[i].pool;

		put_slots(instance, table, &holders, &pool->slots);
		put_slots(instance, table, &holders, &pool->old_slots);
	}
	holders_fini(&holders);
	census_fini(&census);
}

const struct show show_servers = {
    .name = "servers", SHOW_COLUMNS(columns), .fill = fill_servers};
