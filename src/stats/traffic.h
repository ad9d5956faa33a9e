/* traffic.h - what goes on in a pool: counters, and their averages. */
#ifndef STATS_TRAFFIC_H
#define STATS_TRAFFIC_H

#include <stddef.h>
#include <stdint.h>

/* Sums since the beginning; they only grow. Zeroed: nothing yet. */
struct traffic {
#define TRAFFIC(field, ...) uint64_t field;
#include "stats/traffic.def"
#undef TRAFFIC
};

enum traffic_average {
	TRAFFIC_RATE,            /* per second */
	TRAFFIC_PER_TRANSACTION, /* divided by .transactions */
	TRAFFIC_PER_QUERY        /* divided by .queries */
};

/* A row of traffic.def. */
struct traffic_row {
	size_t offset; /* of the field in struct traffic */
	enum traffic_average average;
	const char *name;
	const char *stats_total;
	const char *stats_average;
	const char *averages;
	const char *totals;
};

extern const struct traffic_row traffic_rows[];
#define TRAFFIC_COUNT (sizeof(struct traffic) / sizeof(uint64_t))

uint64_t traffic_value(
    const struct traffic *traffic, const struct traffic_row *row);

/* Adds MORE to SUM. */
void traffic_add(struct traffic *sum, const struct traffic *more);

/* The averages between THEN and NOW, DURATION_US apart; all 0 if that is not
 * positive. */
struct traffic traffic_average(
    const struct traffic *now, const struct traffic *then, int64_t duration_us);

/*
 * The sums, and what they were when the last two periods ended: averages are
 * made from the start of the period before this one, so that they never come
 * from a moment only.
 */
struct traffic_history {
	struct traffic now;
	struct traffic newer;
	struct traffic older;
};

/* A period has ended. */
void traffic_roll(struct traffic_history *history);

/* Adds all three of MORE to SUM. */
void traffic_history_add(
    struct traffic_history *sum, const struct traffic_history *more);

#endif
