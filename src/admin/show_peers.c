/* show_peers.c - SHOW PEERS and SHOW PEER_POOLS: other processes of our group.
 */
#include "admin/instance_int.h"
#include "admin/show.h"
#include "client/client_int.h"
#include "conf/config.h"
#include "server/peers.h"

/* ---- PEERS --------------------------------------------------------------- */

static const struct msg_column peers_columns[] = {
    COLUMN_INT4("peer_id"),
    COLUMN_TEXT("host"),
    COLUMN_INT4("port"),
    COLUMN_INT4("pool_size"),
};

static void
fill_peers(struct instance *instance, struct table *table)
{
	const struct config *config = instance->config;

	for (size_t i = 0; i < config_peer_count(config); i++) {
		const struct peer_conf *peer = config_peer(config, i);

		table_row_begin(table);
		table_put_int(table, peer->id);
		table_put_text(table, peer->host.name);
		table_put_int(table, peer->host.port);
		table_put_int(table,
		    peer->pool_size >= 0
		        ? peer->pool_size
		        : config_settings(config)->default_pool_size);
		table_row_end(table);
	}
}

const struct show show_peers = {
    .name = "peers", SHOW_COLUMNS(peers_columns), .fill = fill_peers};

static const struct msg_column peer_pools_columns[] = {
    COLUMN_INT4("peer_id"),
    COLUMN_INT4("cl_active_cancel_req"),
    COLUMN_INT4("cl_waiting_cancel_req"),
    COLUMN_INT4("sv_active_cancel"),
    COLUMN_INT4("sv_login"),
};

static void
fill_peer_pools(struct instance *instance, struct table *table)
{
	const struct config *config = instance->config;

	for (size_t i = 0; i < config_peer_count(config); i++) {
		int id = config_peer(config, i)->id;
		struct peer_count count =
		    peers_count(instance->clients->peers, id);

		table_row_begin(table);
		table_put_int(table, id);
		table_put_count(table, count.askers_sent);
		table_put_count(table, count.askers_waiting);
		table_put_count(table, count.connected);
		table_put_count(table, count.connecting);
		table_row_end(table);
	}
}

const struct show show_peer_pools = {.name = "peer_pools",
    SHOW_COLUMNS(peer_pools_columns),
    .fill = fill_peer_pools};
