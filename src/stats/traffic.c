/* traffic.c - what goes on in a pool: counters, and their averages. */
#include "stats/traffic.h"

#include <string.h>

const struct traffic_row traffic_rows[] = {
#define TRAFFIC(field, average, name, total, stats_average, averages, totals) \
	{offsetof(struct traffic, field), TRAFFIC_##average, name, total,     \
	    stats_average, averages, totals},
#include "stats/traffic.def"
#undef TRAFFIC
};

uint64_t
traffic_value(const struct traffic *traffic, const struct traffic_row *row)
{
	uint64_t value;

	memcpy(&value, (const char *)traffic + row->offset, sizeof(value));
	return value;
}

static void
set_value(
    struct traffic *traffic, const struct traffic_row *row, uint64_t value)
{
	memcpy((char *)traffic + row->offset, &value, sizeof(value));
}

void
traffic_add(struct traffic *sum, const struct traffic *more)
{
	for (size_t i = 0; i < TRAFFIC_COUNT; i++) {
		const struct traffic_row *row = &traffic_rows[i];

		set_value(sum, row,
		    traffic_value(sum, row) + traffic_value(more, row));
	}
}

/* Whole seconds first: the product with a million might not fit. */
static uint64_t
per_second(uint64_t amount, uint64_t duration_us)
{
	const uint64_t second_us = 1000000;
	uint64_t rate = amount / duration_us * second_us;

	if (amount % duration_us > UINT64_MAX / second_us) {
		return rate;
	}
	return rate + amount % duration_us * second_us / duration_us;
}

static uint64_t
divide(uint64_t amount, uint64_t count)
{
	return count == 0 ? 0 : amount / count;
}

struct traffic
traffic_average(
    const struct traffic *now, const struct traffic *then, int64_t duration_us)
{
	struct traffic result = {0};

	for (size_t i = 0; i < TRAFFIC_COUNT && duration_us > 0; i++) {
		const struct traffic_row *row = &traffic_rows[i];
		uint64_t value =
		    traffic_value(now, row) - traffic_value(then, row);

		switch (row->average) {
		case TRAFFIC_RATE:
			value = per_second(value, (uint64_t)duration_us);
			break;
		case TRAFFIC_PER_TRANSACTION:
			value = divide(
			    value, now->transactions - then->transactions);
			break;
		case TRAFFIC_PER_QUERY:
			value = divide(value, now->queries - then->queries);
			break;
		}
		set_value(&result, row, value);
	}
	return result;
}

void
traffic_roll(struct traffic_history *history)
{
	history->older = history->newer;
	history->newer = history->now;
}

void
traffic_history_add(
    struct traffic_history *sum, const struct traffic_history *more)
{
	traffic_add(&sum->now, &more->now);
	traffic_add(&sum->newer, &more->newer);
	traffic_add(&sum->older, &more->older);
}
