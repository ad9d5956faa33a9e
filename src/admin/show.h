/*
 * show.h - the tables of the console: SHOW CLIENTS and its kin.
 *
 * One struct show per table: its name, its columns, and what fills it. To add
 * a table: write the struct and list it in show.c.
 */
#ifndef ADMIN_SHOW_H
#define ADMIN_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/table.h"

struct buf;
struct instance;

struct show {
	const char *name; /* lower case */
	const struct msg_column *columns;
	size_t column_count;
	bool needs_admin;
	/* Appends the rows. */
	void (*fill)(struct instance *instance, struct table *table);
};

/* The columns are an array. */
#define SHOW_COLUMNS(array) \
	.columns = (array), .column_count = sizeof(array) / sizeof((array)[0])

extern const struct show show_active_sockets;
extern const struct show show_cancels;
extern const struct show show_clients;
extern const struct show show_config;
extern const struct show show_databases;
extern const struct show show_dns_hosts;
extern const struct show show_dns_zones;
extern const struct show show_fds;
extern const struct show show_hba;
extern const struct show show_lists;
extern const struct show show_logins;
extern const struct show show_mem;
extern const struct show show_nodes;
extern const struct show show_peer_pools;
extern const struct show show_peers;
extern const struct show show_pools;
extern const struct show show_router;
extern const struct show show_servers;
extern const struct show show_sockets;
extern const struct show show_state;
extern const struct show show_stats;
extern const struct show show_stats_averages;
extern const struct show show_stats_totals;
extern const struct show show_totals;
extern const struct show show_users;
extern const struct show show_version;

/* The table called NAME, in any case of letters; NULL if nobody has heard of
 * it. */
const struct show *show_find(const char *name);

/* Appends NAME in capitals, as commands are written. */
void show_put_upper(struct buf *out, const char *name);

/* Appends the names of all tables: "CLIENTS|CONFIG|...". */
void show_put_names(struct buf *out);

/* Appends the whole result of SHOW. */
void show_answer(
    const struct show *show, struct instance *instance, struct buf *out);

/* ---- for those that fill ------------------------------------------------- */

/* The moment AT_US of the loop's clock as pgbouncer writes it, "2026-01-31
 * 23:59:59 CET", into a text column. */
void show_put_time(
    struct table *table, struct instance *instance, int64_t at_us);

/* DURATION_US into two columns: whole seconds and the microseconds left. */
void show_put_wait(struct table *table, int64_t duration_us);

/* Rows of SHOW DATABASES and SHOW USERS, for SHOW LISTS. */
size_t show_database_count(struct instance *instance);
size_t show_user_count(struct instance *instance);

#endif
