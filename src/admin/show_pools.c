/*
 * show_pools.c - SHOW POOLS: a row per database and user, all nodes together.
 */
#include "admin/census.h"
#include "admin/instance_int.h"
#include "admin/show.h"
#include "client/client_int.h"
#include "conf/database.h"
#include "conf/settings.h"
#include "server/pool_int.h"

static const struct msg_column columns[] = {
    COLUMN_TEXT("database"),
    COLUMN_TEXT("user"),
    COLUMN_INT4("cl_active"),
    COLUMN_INT4("cl_waiting"),
    COLUMN_INT4("cl_active_cancel_req"),
    COLUMN_INT4("cl_waiting_cancel_req"),
    COLUMN_INT4("sv_active"),
    COLUMN_INT4("sv_active_cancel"),
    COLUMN_INT4("sv_being_canceled"),
    COLUMN_INT4("sv_idle"),
    COLUMN_INT4("sv_used"),
    COLUMN_INT4("sv_tested"),
    COLUMN_INT4("sv_login"),
    COLUMN_INT4("maxwait"),
    COLUMN_INT4("maxwait_us"),
    COLUMN_TEXT("pool_mode"),
    COLUMN_TEXT("load_balance_hosts"),
};

static void
put_servers(struct table *table, const struct pool_count *count)
{
	const size_t *servers = count->servers;

	table_put_count(table, servers[SERVER_ACTIVE]);
	table_put_count(table, count->cancels);
	table_put_count(table, servers[SERVER_DRAINING]);
	table_put_count(table, servers[SERVER_IDLE]);
	table_put_int(table, 0); /* sv_used: what is to be checked, is */
	table_put_count(table, servers[SERVER_TESTED]);
	table_put_count(
	    table, servers[SERVER_CONNECTING] + servers[SERVER_LOGIN]);
}

static void
put_pool(struct table *table, const struct pool_count *count, int64_t now_us)
{
	const struct pool *pool = count->pool;
	const struct database_conf *conf = pool->conf;
	int64_t wait_us =
	    count->waiting_since_us == 0 ? 0 : now_us - count->waiting_since_us;

	table_row_begin(table);
	table_put_text(table, pool->database);
	table_put_text(table, pool->user);
	table_put_count(table, count->clients_active);
	table_put_count(table, count->clients_waiting);
	table_put_count(table, count->cancellers_sent);
	table_put_count(table, count->cancellers_waiting);
	put_servers(table, count);
	show_put_wait(table, wait_us);
	table_put_text(table, setting_word("pool_mode", pool->options.mode));
	table_put_text(
	    table, conf != NULL && conf->host_count > 1 ? "round-robin" : NULL);
	table_row_end(table);
}

/* The console counts as a pool without servers, as it does for pgbouncer. */
static void
put_console(struct table *table, size_t clients)
{
	table_row_begin(table);
	table_put_text(table, "pgbouncer");
	table_put_text(table, "pgbouncer");
	table_put_count(table, clients);
	for (int i = 0; i < 12; i++) {
		table_put_int(table, 0);
	}
	table_put_text(table, "statement");
	table_put_text(table, NULL);
	table_row_end(table);
}

/* Rows stand in the order of their databases' names, the console's among them.
 */
static bool
is_behind_console(const struct census *census, size_t i)
{
	return strcmp(census->pools[i].pool->database, "pgbouncer") > 0;
}

static void
fill(struct instance *instance, struct table *table)
{
	size_t consoles = instance->clients->by_state[CLIENT_CONSOLE].count;
	struct census census;
	size_t i = 0;

	census_take(&census, instance);
	for (; i < census.count && !is_behind_console(&census, i); i++) {
		put_pool(table, &census.pools[i], loop_now_us(instance->loop));
	}
	put_console(table, consoles);
	for (; i < census.count; i++) {
		put_pool(table, &census.pools[i], loop_now_us(instance->loop));
	}
	census_fini(&census);
}

const struct show show_pools = {
    .name = "pools", SHOW_COLUMNS(columns), .fill = fill};
