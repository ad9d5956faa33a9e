/*
 * show_stats.c - SHOW STATS, STATS_TOTALS, STATS_AVERAGES and TOTALS: what went
 * on in each database.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "admin/census.h"
#include "admin/instance_int.h"
#include "admin/show.h"
#include "server/pool_int.h"

static const struct msg_column stats_columns[] = {
    COLUMN_TEXT("database"),
#define TRAFFIC(field, average, name, total, stats_average, averages, totals) \
	COLUMN_NUMERIC(total),
#include "stats/traffic.def"
#undef TRAFFIC
#define TRAFFIC(field, average, name, total, stats_average, averages, totals) \
	COLUMN_NUMERIC(stats_average),
#include "stats/traffic.def"
#undef TRAFFIC
};

static const struct msg_column totals_columns[] = {
    COLUMN_TEXT("database"),
#define TRAFFIC(field, average, name, total, stats_average, averages, totals) \
	COLUMN_NUMERIC(name),
#include "stats/traffic.def"
#undef TRAFFIC
};

static const struct msg_column averages_columns[] = {
    COLUMN_TEXT("database"),
#define TRAFFIC(field, average, name, total, stats_average, averages, totals) \
	COLUMN_NUMERIC(averages),
#include "stats/traffic.def"
#undef TRAFFIC
};

static void
put_values(struct table *table, const struct traffic *traffic)
{
	for (size_t i = 0; i < TRAFFIC_COUNT; i++) {
		table_put_count(
		    table, traffic_value(traffic, &traffic_rows[i]));
	}
}

/* The sums of one database, and their averages. */
struct row {
	const char *database;
	struct traffic sum;
	struct traffic average;
};

static void
put_console(struct instance *instance, struct table *table,
    void (*put)(struct table *table, const struct row *row))
{
	struct traffic_history history = stats_of_console(instance);
	struct row row = {
	    "pgbouncer", history.now, stats_average(instance, &history)};

	put(table, &row);
}

/* Calls PUT for every database, by name, the console among them. */
static void
each_database(struct instance *instance, struct table *table,
    void (*put)(struct table *table, const struct row *row))
{
	struct traffic_history history = {0};
	struct census census;
	struct row row;
	bool is_console_put = false;

	census_take(&census, instance);
	for (size_t i = 0; i < census.count; i++) {
		const struct pool *pool = census.pools[i].pool;

		traffic_history_add(&history, &pool->traffic);
		if (i + 1 < census.count &&
		    strcmp(pool->database,
		        census.pools[i + 1].pool->database) == 0) {
			continue; /* the next user of it */
		}
		if (!is_console_put &&
		    strcmp(pool->database, "pgbouncer") > 0) {
			put_console(instance, table, put);
			is_console_put = true;
		}
		row = (struct row){pool->database, history.now,
		    stats_average(instance, &history)};
		put(table, &row);
		history = (struct traffic_history){0};
	}
	if (!is_console_put) {
		put_console(instance, table, put);
	}
	census_fini(&census);
}

static void
put_stats(struct table *table, const struct row *row)
{
	table_row_begin(table);
	table_put_text(table, row->database);
	put_values(table, &row->sum);
	put_values(table, &row->average);
	table_row_end(table);
}

static void
put_totals(struct table *table, const struct row *row)
{
	table_row_begin(table);
	table_put_text(table, row->database);
	put_values(table, &row->sum);
	table_row_end(table);
}

static void
put_averages(struct table *table, const struct row *row)
{
	table_row_begin(table);
	table_put_text(table, row->database);
	put_values(table, &row->average);
	table_row_end(table);
}

static void
fill_stats(struct instance *instance, struct table *table)
{
	each_database(instance, table, put_stats);
}

static void
fill_totals_of_each(struct instance *instance, struct table *table)
{
	each_database(instance, table, put_totals);
}

static void
fill_averages(struct instance *instance, struct table *table)
{
	each_database(instance, table, put_averages);
}

const struct show show_stats = {
    .name = "stats", SHOW_COLUMNS(stats_columns), .fill = fill_stats};
const struct show show_stats_averages = {.name = "stats_averages",
    SHOW_COLUMNS(averages_columns),
    .fill = fill_averages};
const struct show show_stats_totals = {.name = "stats_totals",
    SHOW_COLUMNS(totals_columns),
    .fill = fill_totals_of_each};

/* ---- TOTALS -------------------------------------------------------------- */

static const struct msg_column all_columns[] = {
    COLUMN_TEXT("name"), COLUMN_NUMERIC("value")};

static void
put_rows(struct table *table, const char *prefix, const struct traffic *traffic)
{
	for (size_t i = 0; i < TRAFFIC_COUNT; i++) {
		const struct traffic_row *row = &traffic_rows[i];
		char name[64];
		int length =
		    snprintf(name, sizeof(name), "%s%s", prefix, row->totals);

		assert(length > 0 && (size_t)length < sizeof(name));
		table_row_begin(table);
		table_put_text(table, name);
		table_put_count(table, traffic_value(traffic, row));
		table_row_end(table);
	}
}

static void
fill_totals(struct instance *instance, struct table *table)
{
	struct traffic_history sum = stats_of_console(instance);
	struct pool *pool, *next;
	struct traffic average;

	HASH_ITER(hh, instance->pools->table, pool, next)
	{
		traffic_history_add(&sum, &pool->traffic);
	}
	average = stats_average(instance, &sum);
	put_rows(table, "total_", &sum.now);
	put_rows(table, "avg_", &average);
}

const struct show show_totals = {
    .name = "totals", SHOW_COLUMNS(all_columns), .fill = fill_totals};
