/*
 * stats.h - the periods over which traffic is averaged, and the line in the log
 * at the end of each.
 */
#ifndef ADMIN_STATS_H
#define ADMIN_STATS_H

#include <stdint.h>

#include "net/loop.h"
#include "stats/traffic.h"

struct instance;

struct stats {
	struct timer timer; /* at the end of the period */
	int64_t period_us;
	int64_t newer_us; /* loop time when the last period ended */
	int64_t older_us; /* and the one before it */
	struct traffic_history console;
};

/* Begins, or goes on with what the configuration says now. */
void stats_configure(struct instance *instance);
void stats_end(struct instance *instance);

/* The averages of HISTORY as they are now. */
struct traffic stats_average(
    const struct instance *instance, const struct traffic_history *history);

/* The console's. */
struct traffic_history stats_of_console(const struct instance *instance);

#endif
