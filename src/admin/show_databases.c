/*
 * show_databases.c - SHOW DATABASES: what is configured, and what the fallback
 * entry "*" made of names that clients asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/census.h"
#include "admin/instance_int.h"
#include "admin/show.h"
#include "client/client_int.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/mem.h"
#include "server/pool_int.h"

static const struct msg_column columns[] = {
    COLUMN_TEXT("name"),
    COLUMN_TEXT("host"),
    COLUMN_INT4("port"),
    COLUMN_TEXT("database"),
    COLUMN_TEXT("force_user"),
    COLUMN_INT4("pool_size"),
    COLUMN_INT4("min_pool_size"),
    COLUMN_INT4("reserve_pool_size"),
    COLUMN_INT4("server_lifetime"),
    COLUMN_TEXT("pool_mode"),
    COLUMN_TEXT("load_balance_hosts"),
    COLUMN_INT4("max_connections"),
    COLUMN_INT4("current_connections"),
    COLUMN_INT4("max_client_connections"),
    COLUMN_INT4("current_client_connections"),
    COLUMN_INT4("paused"),
    COLUMN_INT4("disabled"),
};

/* ---- which there are ----------------------------------------------------- */

/* ENTRY NULL: the console's own. */
struct row {
	const char *name;
	const struct database_conf *entry;
};

struct rows {
	struct row *items; /* owned; by name, each once */
	size_t count;
};

static int
compare(const void *a, const void *b)
{
	const struct row *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static void
add(struct rows *rows, const char *name, const struct database_conf *entry)
{
	rows->items[rows->count++] = (struct row){name, entry};
}

static void
sort(struct rows *rows)
{
	size_t kept = 0;

	qsort(rows->items, rows->count, sizeof(*rows->items), compare);
	for (size_t i = 0; i < rows->count; i++) {
		if (kept == 0 ||
		    strcmp(rows->items[i].name, rows->items[kept - 1].name) !=
		        0) {
			rows->items[kept++] = rows->items[i];
		}
	}
	rows->count = kept;
}

static void
find_rows(
    struct rows *rows, struct instance *instance, const struct census *census)
{
	const struct config *config = instance->config;
	size_t configured = config_database_count(config);

	rows->count = 0;
	rows->items =
	    mem_zalloc((configured + census->count + 1) * sizeof(*rows->items));
	for (size_t i = 0; i < configured; i++) {
		const struct database_conf *entry = config_database(config, i);

		if (strcmp(entry->name, "*") != 0) {
			add(rows, entry->name, entry);
		}
	}
	for (size_t i = 0; i < census->count; i++) {
		const struct pool *pool = census->pools[i].pool;

		if (pool->conf != NULL) {
			add(rows, pool->database, pool->conf);
		}
	}
	add(rows, "pgbouncer", NULL);
	sort(rows);
}

size_t
show_database_count(struct instance *instance)
{
	struct census census;
	struct rows rows;

	census_take(&census, instance);
	find_rows(&rows, instance, &census);
	free(rows.items);
	census_fini(&census);
	return rows.count;
}

/* ---- what is said about them --------------------------------------------- */

static int64_t
given(int64_t own, int64_t otherwise)
{
	return own >= 0 ? own : otherwise;
}

static void
put_target(struct table *table, const struct row *row)
{
	const struct database_conf *entry = row->entry;
	struct buf hosts = {0};

	for (size_t i = 0; i < entry->host_count; i++) {
		buf_append_str(&hosts, i == 0 ? "" : ",");
		buf_append_str(&hosts, entry->hosts[i].name);
	}
	table_put_text(table, row->name);
	table_put_text(table, buf_text(&hosts));
	table_put_int(table, entry->hosts[0].port);
	table_put_text(table, database_conf_dbname(entry, row->name));
	table_put_text(table, entry->user);
	buf_fini(&hosts);
}

static void
put_limits(struct table *table, const struct settings *settings,
    const struct database_conf *entry)
{
	const struct overrides *own = &entry->overrides;
	int64_t lifetime_us =
	    given(own->server_lifetime_us, settings->server_lifetime_us);

	table_put_int(
	    table, given(own->pool_size, settings->default_pool_size));
	table_put_int(
	    table, given(own->min_pool_size, settings->min_pool_size));
	table_put_int(
	    table, given(own->reserve_pool_size, settings->reserve_pool_size));
	table_put_int(table, lifetime_us / 1000000);
	table_put_text(table,
	    own->pool_mode < 0
	        ? NULL
	        : setting_word("pool_mode", (int)own->pool_mode));
	table_put_text(table, entry->host_count > 1 ? "round-robin" : NULL);
}

static void
put_entry(struct table *table, const struct instance *instance,
    const struct row *row, struct database_count count)
{
	const struct settings *settings = config_settings(instance->config);
	const struct overrides *own = &row->entry->overrides;

	table_row_begin(table);
	put_target(table, row);
	put_limits(table, settings, row->entry);
	table_put_int(table,
	    given(own->max_db_connections, settings->max_db_connections));
	table_put_count(table, count.servers);
	table_put_int(table,
	    given(own->max_db_client_connections,
	        settings->max_db_client_connections));
	table_put_count(table, count.clients);
	table_put_int(table, pools_is_paused(instance->pools, row->name));
	table_put_int(table, pools_is_disabled(instance->pools, row->name));
	table_row_end(table);
}

/* As pgbouncer shows its own. */
static void
put_console(
    struct table *table, const struct settings *settings, size_t clients)
{
	table_row_begin(table);
	table_put_text(table, "pgbouncer");
	table_put_text(table, NULL);
	table_put_int(table, settings->listen_port);
	table_put_text(table, "pgbouncer");
	table_put_text(table, "pgbouncer");
	table_put_int(table, 2);
	table_put_int(table, 0);
	table_put_int(table, 0);
	table_put_int(table, settings->server_lifetime_us / 1000000);
	table_put_text(table, "statement");
	table_put_text(table, NULL);
	table_put_int(table, 0);
	table_put_int(table, 0);
	table_put_int(table, 0);
	table_put_count(table, clients);
	table_put_int(table, 0);
	table_put_int(table, 0);
	table_row_end(table);
}

static void
fill(struct instance *instance, struct table *table)
{
	const struct settings *settings = config_settings(instance->config);
	struct census census;
	struct rows rows;

	census_take(&census, instance);
	find_rows(&rows, instance, &census);
	for (size_t i = 0; i < rows.count; i++) {
		const struct row *row = &rows.items[i];

		if (row->entry == NULL) {
			put_console(table, settings,
			    instance->clients->by_state[CLIENT_CONSOLE].count);
		} else {
			put_entry(table, instance, row,
			    census_database(&census, row->name));
		}
	}
	free(rows.items);
	census_fini(&census);
}

const struct show show_databases = {
    .name = "databases", SHOW_COLUMNS(columns), .fill = fill};
