/*
 * test_router.c - where a request may go: what was refused, and the fence.
 *
 * The monitor here watches nothing: what it would find out, the test reports.
 */
#include "support/house.h"
#include "support/unit.h"

#include <string.h>

#include "node/cluster.h"
#include "node/node.h"
#include "route/monitor.h"
#include "route/router.h"
#include "server/pool_int.h"

static const char config_text[] = "[databases]\n"
                                  "app = host=/a,/b,/c port=1,2,3 user=u\n"
                                  "other = host=/a,/b,/c port=1,2,3 user=u\n"
                                  "single = host=/a port=1 user=u\n"
                                  "[pgweir]\n"
                                  "auth_type = any\n"
                                  "pool_mode = transaction\n";

struct stage {
	struct house house;
	struct monitor *monitor;
	struct router *router;
	struct pool *pool;
	struct node *nodes[3]; /* the first is the primary */
};

/* Tells what NODE answered to question number QUESTION. */
static void
report(struct node *node, uint64_t position, uint64_t question)
{
	struct node_report told = {
	    .role = node->port == 1 ? NODE_PRIMARY : NODE_REPLICA,
	    .system_identifier = 1,
	    .timeline = 1,
	    .timeline_is_certain = true,
	    .has_position = position != 0,
	    .position = position,
	    .question = question,
	};

	node_report_answer(node, &told, 0);
}

static void
stage_open(struct stage *stage)
{
	struct monitor_options options = {.interval_us = 1000000};

	house_start(&stage->house, config_text);
	stage->monitor = monitor_new(
	    stage->house.loop, stage->house.resolver, NULL, &options);
	stage->router = router_new(stage->monitor);
	stage->pool = pool_find(stage->house.pools, "app", "u");
	for (size_t i = 0; i < 3; i++) {
		stage->nodes[i] = cluster_node(stage->pool->cluster, i);
		report(stage->nodes[i], 100, 0);
	}
}

static void
stage_close(struct stage *stage)
{
	router_free(&stage->router);
	router_free(&stage->router);
	monitor_free(&stage->monitor);
	house_stop(&stage->house);
}

static const struct hash128 shape = {1, 2};
static const struct hash128 other_shape = {1, 3};

/* Where a read of SHAPE (NULL: none known) may go. */
static enum pool_class
choose(struct stage *stage, struct router_state *state,
    const struct hash128 *of_shape)
{
	struct router_request request = {.is_read = true,
	    .bytes = 100,
	    .replay_max_bytes = 1000,
	    .shape = of_shape};

	return router_choose(stage->router, stage->pool, state, &request);
}

/* ---- what a request is --------------------------------------------------- */

START_TEST(only_reads_that_can_be_repeated_go_to_replicas)
{
	struct router_request read = {
	    .is_read = true, .bytes = 100, .replay_max_bytes = 100};
	struct router_request write = {.bytes = 10, .replay_max_bytes = 100};
	struct router_request longer = {
	    .is_read = true, .bytes = 101, .replay_max_bytes = 100};
	struct router_state state = {0};
	struct stage stage;

	stage_open(&stage);
	ck_assert_int_eq(
	    router_choose(stage.router, stage.pool, &state, &read), POOL_READ);
	ck_assert_int_eq(
	    router_choose(stage.router, stage.pool, &state, &write),
	    POOL_PRIMARY);
	ck_assert_int_eq(
	    router_choose(stage.router, stage.pool, &state, &longer),
	    POOL_PRIMARY);
	ck_assert_uint_eq(router_counters(stage.router)->reads, 1);
	ck_assert_uint_eq(router_counters(stage.router)->writes, 2);
	stage_close(&stage);
}
END_TEST

START_TEST(once_on_the_primary_means_once)
{
	struct router_state state = {.primary_once = true};
	struct stage stage;

	stage_open(&stage);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_PRIMARY);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_READ);
	stage_close(&stage);
}
END_TEST

START_TEST(without_replicas_everything_goes_to_the_primary)
{
	struct router_state state = {0};
	struct stage stage;

	stage_open(&stage);
	for (int i = 1; i < 3; i++) {
		struct error err;

		error_set(&err, SQLSTATE_CANNOT_CONNECT, "gone");
		node_report_down(stage.nodes[i], &err, 0);
	}
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_PRIMARY);
	stage.pool = pool_find(stage.house.pools, "single", "u");
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_PRIMARY);
	stage_close(&stage);
}
END_TEST

/* ---- what was refused ---------------------------------------------------- */

START_TEST(a_refused_shape_is_a_write_from_then_on_in_its_database)
{
	struct router_state state = {0};
	struct stage stage;

	stage_open(&stage);
	router_learn_write(stage.router, stage.pool, &shape);
	router_learn_write(stage.router, stage.pool, &shape);
	ck_assert_uint_eq(router_counters(stage.router)->learnt, 1);
	ck_assert_int_eq(choose(&stage, &state, &shape), POOL_PRIMARY);
	ck_assert_int_eq(choose(&stage, &state, &other_shape), POOL_READ);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_READ);
	stage.pool = pool_find(stage.house.pools, "other", "u");
	ck_assert_int_eq(choose(&stage, &state, &shape), POOL_READ);
	stage_close(&stage);
}
END_TEST

START_TEST(what_is_learnt_is_bounded)
{
	struct router_state state = {0};
	struct hash128 last = {0};
	unsigned known = 0;
	struct stage stage;

	stage_open(&stage);
	for (uint64_t i = 1; i <= 50000; i++) {
		last = (struct hash128){i, i};
		router_learn_write(stage.router, stage.pool, &last);
	}
	ck_assert_int_eq(choose(&stage, &state, &last), POOL_PRIMARY);
	for (uint64_t i = 1; i <= 50000; i++) {
		last = (struct hash128){i, i};
		known += choose(&stage, &state, &last) == POOL_PRIMARY;
	}
	ck_assert_uint_gt(known, 0);
	ck_assert_uint_le(known, 20000);
	stage_close(&stage);
}
END_TEST

/* ---- the fence ----------------------------------------------------------- */

START_TEST(a_fence_is_lifted_by_the_answer_to_a_later_question)
{
	struct router_state state = {0};
	struct stage stage;

	stage_open(&stage);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_READ);
	router_wrote(stage.router, stage.pool, &state);
	ck_assert_uint_eq(
	    state.fence, monitor_last_question(stage.monitor) + 1);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_PRIMARY);
	ck_assert_uint_eq(router_counters(stage.router)->fenced, 1);
	/* An answer to a question asked before does not count. */
	report(stage.nodes[0], 200, state.fence - 1);
	report(stage.nodes[1], 300, state.fence - 1);
	report(stage.nodes[2], 300, state.fence - 1);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_PRIMARY);
	report(stage.nodes[0], 200, state.fence);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_READ);
	stage_close(&stage);
}
END_TEST

START_TEST(every_replica_must_have_what_was_written)
{
	struct router_state state = {0};
	struct stage stage;

	stage_open(&stage);
	router_wrote(stage.router, stage.pool, &state);
	report(stage.nodes[0], 200, state.fence);
	report(stage.nodes[1], 200, state.fence + 1);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_PRIMARY);
	report(stage.nodes[2], 199, state.fence + 2);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_PRIMARY);
	report(stage.nodes[2], 200, state.fence + 3);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_READ);
	stage_close(&stage);
}
END_TEST

START_TEST(a_replica_of_unknown_position_keeps_the_fence)
{
	struct error err;
	struct router_state state = {0};
	struct stage stage;

	stage_open(&stage);
	router_wrote(stage.router, stage.pool, &state);
	report(stage.nodes[0], 200, state.fence);
	report(stage.nodes[1], 300, 1);
	report(stage.nodes[2], 300, 1);
	error_set(&err, SQLSTATE_CANNOT_CONNECT, "silent");
	node_report_silence(stage.nodes[2], &err, 0);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_PRIMARY);
	report(stage.nodes[2], 300, 2);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_READ);
	stage_close(&stage);
}
END_TEST

START_TEST(another_write_raises_the_fence_again)
{
	struct router_state state = {0};
	struct stage stage;

	stage_open(&stage);
	router_wrote(stage.router, stage.pool, &state);
	report(stage.nodes[0], 100, state.fence);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_READ);
	router_wrote(stage.router, stage.pool, &state);
	report(stage.nodes[0], 300, 1);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_PRIMARY);
	stage_close(&stage);
}
END_TEST

START_TEST(without_a_primary_the_fence_stays)
{
	struct error err;
	struct router_state state = {0};
	struct stage stage;

	stage_open(&stage);
	router_wrote(stage.router, stage.pool, &state);
	error_set(&err, SQLSTATE_CANNOT_CONNECT, "gone");
	node_report_down(stage.nodes[0], &err, 0);
	ck_assert_int_eq(choose(&stage, &state, NULL), POOL_PRIMARY);
	ck_assert_uint_ne(state.fence, 0);
	stage_close(&stage);
}
END_TEST

START_TEST(without_a_monitor_there_is_no_fence)
{
	struct router_state state = {0};
	struct router *router = router_new(NULL);
	struct router_request read = {
	    .is_read = true, .bytes = 1, .replay_max_bytes = 1};
	struct stage stage;

	stage_open(&stage);
	router_wrote(router, stage.pool, &state);
	ck_assert_uint_eq(state.fence, 0);
	ck_assert_int_eq(
	    router_choose(router, stage.pool, &state, &read), POOL_READ);
	router_free(&router);
	stage_close(&stage);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("router");
	TCase *request = tcase_create("request");
	TCase *learnt = tcase_create("learnt");
	TCase *fence = tcase_create("fence");

	tcase_add_test(request, only_reads_that_can_be_repeated_go_to_replicas);
	tcase_add_test(request, once_on_the_primary_means_once);
	tcase_add_test(
	    request, without_replicas_everything_goes_to_the_primary);
	tcase_add_test(
	    learnt, a_refused_shape_is_a_write_from_then_on_in_its_database);
	tcase_add_test(learnt, what_is_learnt_is_bounded);
	tcase_add_test(
	    fence, a_fence_is_lifted_by_the_answer_to_a_later_question);
	tcase_add_test(fence, every_replica_must_have_what_was_written);
	tcase_add_test(fence, a_replica_of_unknown_position_keeps_the_fence);
	tcase_add_test(fence, another_write_raises_the_fence_again);
	tcase_add_test(fence, without_a_primary_the_fence_stays);
	tcase_add_test(fence, without_a_monitor_there_is_no_fence);
	suite_add_tcase(suite, request);
	suite_add_tcase(suite, learnt);
	suite_add_tcase(suite, fence);
	return unit_run(suite);
}
