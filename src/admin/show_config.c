/*
 * show_config.c - what was configured: SHOW CONFIG, PEERS, PEER_POOLS; and
 * what we are: VERSION, STATE.
 */
#include "admin/instance_int.h"
#include "admin/show.h"
#include "admin/version.h"
#include "conf/config.h"
#include "core/buf.h"
#include "server/pool.h"

/* ---- VERSION ------------------------------------------------------------- */

static const struct msg_column version_columns[] = {COLUMN_TEXT("version")};

static void
fill_version(struct instance *instance, struct table *table)
{
	struct buf text = {0};

	version_put(config_settings(instance->config), &text);
	table_row_begin(table);
	table_put_text(table, buf_text(&text));
	table_row_end(table);
	buf_fini(&text);
}

const struct show show_version = {
    .name = "version", SHOW_COLUMNS(version_columns), .fill = fill_version};

/* ---- STATE --------------------------------------------------------------- */

static const struct msg_column state_columns[] = {
    COLUMN_TEXT("key"), COLUMN_TEXT("value")};

static void
put_state(struct table *table, const char *key, bool value)
{
	table_row_begin(table);
	table_put_text(table, key);
	table_put_text(table, value ? "yes" : "no");
	table_row_end(table);
}

static void
fill_state(struct instance *instance, struct table *table)
{
	bool is_paused = pools_are_paused(instance->pools);
	bool is_suspended = pools_are_suspended(instance->pools);

	put_state(table, "active", !is_paused && !is_suspended);
	put_state(table, "paused", is_paused);
	put_state(table, "suspended", is_suspended);
}

const struct show show_state = {
    .name = "state", SHOW_COLUMNS(state_columns), .fill = fill_state};

/* ---- CONFIG -------------------------------------------------------------- */

static const struct msg_column config_columns[] = {
    COLUMN_TEXT("key"),
    COLUMN_TEXT("value"),
    COLUMN_TEXT("default"),
    COLUMN_TEXT("changeable"),
};

/* Secrets are masked by what prints them. */
static void
put_setting(struct table *table, const struct settings *settings,
    const struct setting *row)
{
	struct buf value = {0}, def = {0};

	settings_print(settings, row, &value);
	setting_print_default(row, &def);
	table_row_begin(table);
	table_put_text(table, row->name);
	table_put_text(table, buf_text(&value));
	table_put_text(table, buf_text(&def));
	table_put_text(table, row->when == WHEN_RELOAD ? "yes" : "no");
	table_row_end(table);
	buf_fini(&value);
	buf_fini(&def);
}

static void
fill_config(struct instance *instance, struct table *table)
{
	for (size_t i = 0; i < setting_count; i++) {
		put_setting(
		    table, config_settings(instance->config), &setting_rows[i]);
	}
}

const struct show show_config = {
    .name = "config", SHOW_COLUMNS(config_columns), .fill = fill_config};

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

/* We do not talk to peers yet: there is no pool of connections to them. */
static void
fill_nothing(struct instance *instance, struct table *table)
{
	(void)instance;
	(void)table;
}

const struct show show_peer_pools = {.name = "peer_pools",
    SHOW_COLUMNS(peer_pools_columns),
    .fill = fill_nothing};
