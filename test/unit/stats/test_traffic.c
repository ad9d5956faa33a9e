/* test_traffic.c - what goes on in a pool: counters, and their averages. */
#include "stats/traffic.h"

#include "support/unit.h"

#define SECOND_US ((int64_t)1000000)

START_TEST(every_counter_has_its_row)
{
	struct traffic traffic;
	uint64_t *words = (uint64_t *)&traffic;

	for (size_t i = 0; i < TRAFFIC_COUNT; i++) {
		words[i] = i + 1;
	}
	for (size_t i = 0; i < TRAFFIC_COUNT; i++) {
		ck_assert_uint_eq(
		    traffic_value(&traffic, &traffic_rows[i]), i + 1);
	}
}
END_TEST

START_TEST(sums_are_sums_of_every_counter)
{
	struct traffic sum = {.queries = 1, .logins = 2};
	const struct traffic more = {.queries = 10, .logins = 20, .binds = 5};

	traffic_add(&sum, &more);
	ck_assert_uint_eq(sum.queries, 11);
	ck_assert_uint_eq(sum.logins, 22);
	ck_assert_uint_eq(sum.binds, 5);
	ck_assert_uint_eq(sum.sent, 0);
}
END_TEST

START_TEST(averages_are_per_second_per_query_and_per_transaction)
{
	const struct traffic then = {.queries = 100,
	    .transactions = 10,
	    .query_us = 5000,
	    .transaction_us = 1000,
	    .received = 7};
	const struct traffic now = {.queries = 400,
	    .transactions = 20,
	    .query_us = 8000,
	    .transaction_us = 3000,
	    .received = 1007,
	    .wait_us = 30};
	struct traffic average = traffic_average(&now, &then, 10 * SECOND_US);

	ck_assert_uint_eq(average.queries, 30);
	ck_assert_uint_eq(average.transactions, 1);
	ck_assert_uint_eq(average.query_us, 10);
	ck_assert_uint_eq(average.transaction_us, 200);
	ck_assert_uint_eq(average.received, 100);
	ck_assert_uint_eq(average.wait_us, 3);
}
END_TEST

START_TEST(averages_of_nothing_are_nothing)
{
	const struct traffic then = {.query_us = 1},
	                     now = {.query_us = 9, .received = 100};
	struct traffic average = traffic_average(&now, &then, SECOND_US);

	ck_assert_uint_eq(average.query_us, 0); /* no query has ended */
	ck_assert_uint_eq(average.received, 100);
	average = traffic_average(&now, &then, 0);
	ck_assert_uint_eq(average.received, 0);
	average = traffic_average(&now, &then, -5);
	ck_assert_uint_eq(average.received, 0);
}
END_TEST

START_TEST(averages_of_very_much_do_not_overflow)
{
	const struct traffic then = {0};
	const struct traffic now = {.received = UINT64_MAX / 4};
	struct traffic average = traffic_average(&now, &then, 1000 * SECOND_US);

	ck_assert_uint_ge(average.received, UINT64_MAX / 4001);
	ck_assert_uint_le(average.received, UINT64_MAX / 4000);
}
END_TEST

START_TEST(the_history_keeps_two_periods)
{
	struct traffic_history history = {.now = {.queries = 5}}, sum = {0};

	traffic_roll(&history);
	history.now.queries = 8;
	traffic_roll(&history);
	history.now.queries = 9;
	ck_assert_uint_eq(history.older.queries, 5);
	ck_assert_uint_eq(history.newer.queries, 8);
	traffic_history_add(&sum, &history);
	traffic_history_add(&sum, &history);
	ck_assert_uint_eq(sum.now.queries, 18);
	ck_assert_uint_eq(sum.newer.queries, 16);
	ck_assert_uint_eq(sum.older.queries, 10);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("traffic");
	TCase *counters = tcase_create("counters");

	tcase_add_test(counters, every_counter_has_its_row);
	tcase_add_test(counters, sums_are_sums_of_every_counter);
	tcase_add_test(
	    counters, averages_are_per_second_per_query_and_per_transaction);
	tcase_add_test(counters, averages_of_nothing_are_nothing);
	tcase_add_test(counters, averages_of_very_much_do_not_overflow);
	tcase_add_test(counters, the_history_keeps_two_periods);
	suite_add_tcase(suite, counters);
	return unit_run(suite);
}
