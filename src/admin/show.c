/*
 * show.c - the tables of the console: which there are, and what they share.
 */
#include "admin/show.h"

#include <ctype.h>
#include <time.h>

#include "admin/instance_int.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/str.h"
#include "net/loop.h"

static const struct show *const shows[] = {
    &show_active_sockets,
    &show_cancels,
    &show_clients,
    &show_config,
    &show_databases,
    &show_dns_hosts,
    &show_dns_zones,
    &show_fds,
    &show_hba,
    &show_lists,
    &show_logins,
    &show_mem,
    &show_nodes,
    &show_peer_pools,
    &show_peers,
    &show_pools,
    &show_router,
    &show_servers,
    &show_sockets,
    &show_state,
    &show_stats,
    &show_stats_averages,
    &show_stats_totals,
    &show_totals,
    &show_users,
    &show_version,
};

#define SHOW_COUNT (sizeof(shows) / sizeof(shows[0]))

const struct show *
show_find(const char *name)
{
	for (size_t i = 0; i < SHOW_COUNT; i++) {
		if (str_equal_nocase(shows[i]->name, name)) {
			return shows[i];
		}
	}
	return NULL;
}

void
show_put_upper(struct buf *out, const char *name)
{
	for (const char *c = name; *c != '\0'; c++) {
		buf_append_char(out, (char)toupper((unsigned char)*c));
	}
}

void
show_put_names(struct buf *out)
{
	const char *before = "";

	for (size_t i = 0; i < SHOW_COUNT; i++) {
		buf_append_str(out, before);
		show_put_upper(out, shows[i]->name);
		before = "|";
	}
}

void
show_answer(const struct show *show, struct instance *instance, struct buf *out)
{
	struct table table;

	table_begin(&table, out, show->columns, show->column_count);
	show->fill(instance, &table);
	table_end(&table, "SHOW");
}

void
show_put_time(struct table *table, struct instance *instance, int64_t at_us)
{
	int64_t age_us = loop_now_us(instance->loop) - at_us;
	time_t at = (time_t)((clock_wall_us() - age_us) / 1000000);
	char text[64];
	struct tm parts;

	if (localtime_r(&at, &parts) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z", &parts) == 0) {
		text[0] = '\0';
	}
	table_put_text(table, text);
}

void
show_put_wait(struct table *table, int64_t duration_us)
{
	table_put_int(table, duration_us / 1000000);
	table_put_int(table, duration_us % 1000000);
}
