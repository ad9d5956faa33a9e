/*
 * stats.c - the periods over which traffic is averaged.
 *
 * The line in the log has the form of pgbouncer's: programs read it.
 */
#include "admin/stats.h"

#include <inttypes.h>

#include "admin/instance_int.h"
#include "client/client_int.h"
#include "conf/config.h"
#include "server/pool_int.h"

struct traffic_history
stats_of_console(const struct instance *instance)
{
	struct traffic_history history = instance->stats.console;

	history.now = instance->clients->console_traffic;
	return history;
}

struct traffic
stats_average(
    const struct instance *instance, const struct traffic_history *history)
{
	return traffic_average(&history->now, &history->older,
	    loop_now_us(instance->loop) - instance->stats.older_us);
}

static void
log_line(const struct instance *instance, const struct traffic *average)
{
	if (!config_settings(instance->config)->log_stats) {
		return;
	}
	log_info(&instance->log,
	    "stats: %" PRIu64 " xacts/s, %" PRIu64 " queries/s, %" PRIu64
	    " client parses/s, %" PRIu64 " server parses/s, %" PRIu64
	    " binds/s, in %" PRIu64 " B/s, out %" PRIu64 " B/s, xact %" PRIu64
	    " us, query %" PRIu64 " us, wait %" PRIu64 " us",
	    average->transactions, average->queries, average->client_parses,
	    average->server_parses, average->binds, average->received,
	    average->sent, average->transaction_us, average->query_us,
	    average->wait_us);
}

static void
on_period(struct timer *timer)
{
	struct instance *instance =
	    list_entry(timer, struct instance, stats.timer);
	struct stats *stats = &instance->stats;
	struct traffic_history sum = {0};
	struct traffic average;
	struct pool *pool, *next;

	stats->older_us = stats->newer_us;
	stats->newer_us = loop_now_us(instance->loop);
	stats->console = stats_of_console(instance);
	traffic_roll(&stats->console);
	HASH_ITER(hh, instance->pools->table, pool, next)
	{
		traffic_roll(&pool->traffic);
		traffic_history_add(&sum, &pool->traffic);
	}
	average = stats_average(instance, &sum);
	log_line(instance, &average);
}

void
stats_configure(struct instance *instance)
{
	int64_t period_us = config_settings(instance->config)->stats_period_us;
	struct stats *stats = &instance->stats;

	if (stats->period_us == period_us) {
		return;
	}
	if (stats->period_us == 0) {
		stats->newer_us = loop_now_us(instance->loop);
		stats->older_us = stats->newer_us;
	}
	stats->period_us = period_us;
	timer_start(
	    &stats->timer, instance->loop, period_us, period_us, on_period);
}

void
stats_end(struct instance *instance)
{
	timer_stop(&instance->stats.timer);
}
