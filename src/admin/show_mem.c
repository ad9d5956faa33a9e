/*
 * show_mem.c - SHOW MEM: what the objects there are many of take.
 *
 * The rows are pgbouncer's, whose objects come from caches of their own. Ours
 * come from the general allocator and go back to it: none is free, and the size
 * is that of the object alone. What connections have buffered is in
 * iobuf_cache: recycled blocks, the free ones as many of 4 KB as they would be.
 */
#include <stdint.h>

#include "admin/instance_int.h"
#include "admin/show.h"
#include "admin/socket_row.h"
#include "client/client_int.h"
#include "conf/config.h"
#include "core/blocks.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"
#include "server/statement.h"

#define BLOCK_BYTES ((size_t)4096)

static const struct msg_column columns[] = {
    COLUMN_TEXT("name"),
    COLUMN_INT4("size"),
    COLUMN_INT4("used"),
    COLUMN_INT4("free"),
    COLUMN_INT4("memtotal"),
};

/* The columns have room for no more. */
static void
put_limited(struct table *table, size_t value)
{
	table_put_count(table, value > INT32_MAX ? INT32_MAX : value);
}

static void
put_cache(struct table *table, const char *name, size_t size, size_t used,
    size_t unused)
{
	table_row_begin(table);
	table_put_text(table, name);
	put_limited(table, size);
	put_limited(table, used);
	put_limited(table, unused);
	put_limited(table, size * (used + unused));
	table_row_end(table);
}

/* How much is buffered for clients, in blocks. */
static size_t
count_blocks(const struct clients *clients)
{
	size_t count = 0;

	for (int i = 0; i < CLIENT_CLOSED; i++) {
		list_foreach (&clients->by_state[i], link) {
			const struct client *client =
			    list_entry(link, struct client, link);

			count += (client->held.capacity + BLOCK_BYTES - 1) /
			    BLOCK_BYTES;
		}
	}
	return count;
}

static void
add_owed(void *context, const struct server *server)
{
	size_t *count = context;

	*count += server->answers.count;
}

/* Answers that servers owe, a byte each. */
static size_t
count_owed(struct instance *instance)
{
	size_t count = 0;

	sockets_each_server(instance, add_owed, &count);
	return count;
}

static void
put_configured(struct table *table, const struct instance *instance)
{
	const struct config *config = instance->config;

	put_cache(table, "user_cache", sizeof(struct user_conf),
	    config_user_count(config), 0);
	put_cache(table, "credentials_cache", sizeof(struct credential),
	    config_credential_count(config), 0);
	put_cache(table, "db_cache", sizeof(struct database_conf),
	    config_database_count(config), 0);
	put_cache(table, "peer_cache", sizeof(struct peer_conf),
	    config_peer_count(config), 0);
	put_cache(table, "peer_pool_cache", 0, 0, 0);
}

static void
fill(struct instance *instance, struct table *table)
{
	const struct pools *pools = instance->pools;
	const struct statements *statements = pools_statements(pools);
	size_t count = statements_count(statements);

	put_configured(table, instance);
	put_cache(table, "pool_cache", sizeof(struct pool),
	    HASH_COUNT(pools->table), 0);
	put_cache(
	    table, "outstanding_request_cache", 1, count_owed(instance), 0);
	put_cache(table, "server_cache", sizeof(struct server),
	    pools_all_servers(pools, NULL), 0);
	put_cache(table, "client_cache", sizeof(struct client),
	    clients_count(instance->clients), 0);
	put_cache(table, "iobuf_cache", BLOCK_BYTES,
	    count_blocks(instance->clients),
	    blocks_idle_bytes(loop_blocks(instance->loop)) / BLOCK_BYTES);
	put_cache(table, "var_list_cache", profile_size(),
	    profiles_count(pools->profiles), 0);
	put_cache(table, "server_prepared_statement_cache",
	    count == 0 ? 0 : statements_bytes(statements) / count, count, 0);
}

const struct show show_mem = {
    .name = "mem", SHOW_COLUMNS(columns), .fill = fill};
