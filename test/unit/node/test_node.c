/* test_node.c - a PostgreSQL host as plain data. */
#include "support/unit.h"

#include <string.h>

#include "node/node.h"

static struct node_set *set;
static struct node *node;
static struct error refused;

struct witness {
	struct node_observer observer;
	unsigned calls;
	unsigned changes; /* of the last call */
};

static struct witness witness;

static void
on_change(
    struct node_observer *observer, struct node *changed, unsigned changes)
{
	struct witness *w = list_entry(observer, struct witness, observer);

	ck_assert_ptr_eq(changed, node);
	w->calls++;
	w->changes = changes;
}

static void
setup(void)
{
	set = node_set_new();
	node = node_set_take(set, "db1", 5432);
	memset(&witness, 0, sizeof(witness));
	witness.observer.on_change = on_change;
	node_observe(node, &witness.observer);
	error_set(&refused, SQLSTATE_CANNOT_CONNECT, "refused");
}

static void
teardown(void)
{
	node_unobserve(node, &witness.observer);
	node_release(&node);
	node_set_free(&set);
}

/* An answer of a primary. */
static struct node_report
primary_report(void)
{
	return (struct node_report){
	    NODE_PRIMARY, 77, 1000, 3, true, true, 0x100, 1};
}

START_TEST(node_set_shares_a_node_between_its_takers)
{
	struct node *again = node_set_take(set, "db1", 5432);
	struct node *other = node_set_take(set, "db1", 5433);

	ck_assert_ptr_eq(again, node);
	ck_assert_ptr_ne(other, node);
	ck_assert_uint_ne(other->id, node->id);
	ck_assert_str_eq(other->name, "db1:5433");
	ck_assert_ptr_eq(node_set_next(set, NULL), node);
	ck_assert_ptr_eq(node_set_next(set, node), other);
	ck_assert_ptr_null(node_set_next(set, other));
	node_release(&other);
	ck_assert_ptr_null(other);
	node_release(&again);
	ck_assert_str_eq(node->name, "db1:5432");
	ck_assert_ptr_null(node_set_next(set, node));
}
END_TEST

START_TEST(node_names_are_fit_for_logs)
{
	struct node *six = node_set_take(set, "::1", 5432);
	struct node *directory = node_set_take(set, "/run/pg:x", 5432);

	ck_assert_str_eq(six->name, "[::1]:5432");
	ck_assert_str_eq(directory->name, "/run/pg:x:5432");
	node_release(&six);
	node_release(&directory);
}
END_TEST

START_TEST(node_takes_over_the_answer_and_tells_what_changed)
{
	struct node_report report = primary_report();

	node_report_answer(node, &report, 5);
	ck_assert_int_eq(node->role, NODE_PRIMARY);
	ck_assert_int_eq(node->health, NODE_UP);
	ck_assert_int_eq(node->role_since_us, 5);
	ck_assert_uint_eq(node->timeline, 3);
	ck_assert_uint_eq(node->system_identifier, 77);
	ck_assert(node->has_position && node->position == 0x100);
	ck_assert_uint_eq(witness.calls, 1);
	ck_assert_uint_eq(witness.changes,
	    NODE_CHANGED_ROLE | NODE_CHANGED_HEALTH | NODE_CHANGED_IDENTITY);
}
END_TEST

START_TEST(node_tells_nothing_while_nothing_but_the_position_changes)
{
	struct node_report report = primary_report();

	node_report_answer(node, &report, 5);
	report.position = 0x200;
	report.question = 9;
	node_report_answer(node, &report, 6);
	ck_assert_uint_eq(witness.calls, 1);
	ck_assert_uint_eq(node->position, 0x200);
	ck_assert_uint_eq(node->position_question, 9);
	ck_assert_int_eq(node->role_since_us, 5);
}
END_TEST

START_TEST(node_that_goes_down_keeps_its_role_and_loses_its_position)
{
	struct node_report report = primary_report();

	node_report_answer(node, &report, 5);
	node_report_down(node, &refused, 6);
	node_report_down(node, &refused, 7);
	ck_assert_int_eq(node->health, NODE_DOWN);
	ck_assert_int_eq(node->health_since_us, 6);
	ck_assert_int_eq(node->role, NODE_PRIMARY);
	ck_assert(!node->has_position);
	ck_assert_str_eq(node->last_error.text, "refused");
	ck_assert_int_eq(node->last_error_us, 7);
	ck_assert_uint_eq(witness.calls, 2);
	ck_assert_uint_eq(witness.changes, NODE_CHANGED_HEALTH);
	node_report_answer(node, &report, 8);
	ck_assert_int_eq(node->health, NODE_UP);
	ck_assert_uint_eq(witness.changes, NODE_CHANGED_HEALTH);
}
END_TEST

START_TEST(node_silence_voids_the_position_and_nothing_else)
{
	struct node_report report = primary_report();

	node_report_answer(node, &report, 5);
	node_report_silence(node, &refused, 6);
	ck_assert(!node->has_position);
	ck_assert_int_eq(node->health, NODE_UP);
	ck_assert(node->is_monitored);
	ck_assert_uint_eq(witness.calls, 1);
}
END_TEST

START_TEST(node_listens_to_the_data_plane_only_without_a_monitor)
{
	struct node_report report = primary_report();

	node_report_hot_standby(node, true, 1);
	ck_assert_int_eq(node->role, NODE_REPLICA);
	ck_assert_int_eq(node->health, NODE_UP);
	node_report_login_failure(node, &refused, 2);
	ck_assert_int_eq(node->health, NODE_DOWN);
	node_report_hot_standby(node, false, 3);
	ck_assert_int_eq(node->role, NODE_PRIMARY);
	ck_assert_int_eq(node->health, NODE_UP);

	node_report_answer(node, &report, 4);
	node_report_hot_standby(node, true, 5);
	node_report_login_failure(node, &refused, 5);
	ck_assert_int_eq(node->role, NODE_PRIMARY);
	ck_assert_int_eq(node->health, NODE_UP);

	node_report_unmonitored(node);
	ck_assert(!node->has_position);
	node_report_hot_standby(node, true, 6);
	ck_assert_int_eq(node->role, NODE_REPLICA);
}
END_TEST

static const struct {
	const char *label;
	struct node_report before, after;
	uint32_t timeline;
	bool is_certain;
} timelines[] = {
    {"a promotion", {NODE_REPLICA, 7, 1000, 1, false, false, 0, 1},
        {NODE_PRIMARY, 7, 1000, 2, true, false, 0, 2}, 2, true},
    {"a control file that lags", {NODE_REPLICA, 7, 1000, 2, false, false, 0, 1},
        {NODE_REPLICA, 7, 1000, 1, false, false, 0, 2}, 2, false},
    {"a control file behind what was certain",
        {NODE_REPLICA, 7, 1000, 2, true, false, 0, 1},
        {NODE_REPLICA, 7, 1000, 1, false, false, 0, 2}, 2, true},
    {"a restart from an older backup",
        {NODE_REPLICA, 7, 1000, 2, false, false, 0, 1},
        {NODE_REPLICA, 7, 2000, 1, false, false, 0, 2}, 1, false},
    {"another system", {NODE_PRIMARY, 7, 0, 5, true, false, 0, 1},
        {NODE_REPLICA, 8, 0, 1, false, false, 0, 2}, 1, false},
};

START_TEST(node_timeline_follows_what_is_known_best)
{
	node_report_answer(node, &timelines[_i].before, 1);
	node_report_answer(node, &timelines[_i].after, 2);
	ck_assert_msg(node->timeline == timelines[_i].timeline, "%s: %u",
	    timelines[_i].label, node->timeline);
	ck_assert_int_eq(node->timeline_is_certain, timelines[_i].is_certain);
}
END_TEST

START_TEST(node_keeps_what_a_report_could_not_read)
{
	struct node_report report = primary_report();

	node_report_answer(node, &report, 1);
	report.system_identifier = 0;
	report.started_us = 0;
	node_report_answer(node, &report, 2);
	ck_assert_uint_eq(node->system_identifier, 77);
	ck_assert_int_eq(node->started_us, 1000);
	ck_assert_uint_eq(witness.calls, 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("node");
	TCase *theme = tcase_create("node");

	tcase_add_checked_fixture(theme, setup, teardown);
	tcase_add_test(theme, node_set_shares_a_node_between_its_takers);
	tcase_add_test(theme, node_names_are_fit_for_logs);
	tcase_add_test(
	    theme, node_takes_over_the_answer_and_tells_what_changed);
	tcase_add_test(
	    theme, node_tells_nothing_while_nothing_but_the_position_changes);
	tcase_add_test(
	    theme, node_that_goes_down_keeps_its_role_and_loses_its_position);
	tcase_add_test(theme, node_silence_voids_the_position_and_nothing_else);
	tcase_add_test(
	    theme, node_listens_to_the_data_plane_only_without_a_monitor);
	tcase_add_loop_test(theme, node_timeline_follows_what_is_known_best, 0,
	    sizeof(timelines) / sizeof(*timelines));
	tcase_add_test(theme, node_keeps_what_a_report_could_not_read);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
