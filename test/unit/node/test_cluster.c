/* test_cluster.c - who leads the nodes of a host list. */
#include "support/unit.h"

#include <string.h>

#include "node/cluster.h"
#include "node/node.h"

#define NODES 3

static struct node_set *set;
static struct cluster *cluster;
static struct node *nodes[NODES];

/* What the cluster told, in order, as "P1" (new primary, node 1; "P-": none),
 * "C0" (changed), "T2" (two primaries), "F2" (foreign). */
static char told[256];
static struct cluster_observer observer;

static void
on_event(struct cluster_observer *self, struct cluster *c,
    enum cluster_event event, struct node *node)
{
	static const char letters[] = "PCTF";
	size_t used = strlen(told);
	char name = '-';

	ck_assert_ptr_eq(self, &observer);
	ck_assert_ptr_eq(c, cluster);
	for (size_t i = 0; i < NODES; i++) {
		name = nodes[i] == node ? (char)('0' + (int)i) : name;
	}
	ck_assert_uint_lt(used + 4, sizeof(told));
	told[used] = letters[event];
	told[used + 1] = name;
	told[used + 2] = ' ';
	told[used + 3] = '\0';
}

static void
setup(void)
{
	static const struct cluster_host hosts[] = {
	    {"a", 5432, 1}, {"b", 5432, 1}, {"c", 5432, 2}};

	set = node_set_new();
	cluster = cluster_new(set, hosts, NODES);
	for (size_t i = 0; i < NODES; i++) {
		nodes[i] = cluster_node(cluster, i);
	}
	observer.on_event = on_event;
	cluster_observe(cluster, &observer);
	told[0] = '\0';
}

static void
teardown(void)
{
	cluster_unobserve(cluster, &observer);
	cluster_free(&cluster);
	node_set_free(&set);
}

/* ---- rules --------------------------------------------------------------- */

enum what {
	END,
	PRIMARY, /* answers as a primary */
	REPLICA,
	DOWN
};

struct step {
	enum what what;
	size_t node;
	uint32_t timeline;
	int64_t started_us;
	uint64_t system;
};

static const struct {
	const char *label;
	struct step steps[8];
	const char *told;
	int primary; /* -1: none */
} rules[] = {
    {"nobody has answered", {{END, 0, 0, 0, 0}}, "", -1},
    {"the one primary", {{REPLICA, 0, 1, 10, 7}, {PRIMARY, 1, 1, 11, 7}},
        "C0 C1 P1 ", 1},
    {"the same answers again are not told again",
        {{PRIMARY, 1, 1, 11, 7}, {PRIMARY, 1, 1, 11, 7},
            {PRIMARY, 1, 1, 11, 7}},
        "C1 P1 ", 1},
    {"a primary that goes down leaves nobody",
        {{PRIMARY, 1, 1, 11, 7}, {DOWN, 1, 0, 0, 0}}, "C1 P1 C1 P- ", -1},
    {"a primary that comes back",
        {{PRIMARY, 1, 1, 11, 7}, {DOWN, 1, 0, 0, 0}, {PRIMARY, 1, 1, 12, 7}},
        "C1 P1 C1 P- C1 P1 ", 1},
    {"a promotion while the old one is down",
        {{PRIMARY, 0, 1, 10, 7}, {REPLICA, 1, 1, 11, 7}, {DOWN, 0, 0, 0, 0},
            {PRIMARY, 1, 2, 11, 7}},
        "C0 P0 C1 C0 P- C1 P1 ", 1},
    {"the higher timeline wins over the one in use",
        {{PRIMARY, 0, 1, 10, 7}, {PRIMARY, 1, 2, 11, 7}}, "C0 P0 C1 P1 ", 1},
    {"an old primary that comes back is not used",
        {{PRIMARY, 1, 2, 11, 7}, {PRIMARY, 0, 1, 10, 7}}, "C1 P1 C0 ", 1},
    {"one server by two addresses: the one in use stays, no alarm",
        {{PRIMARY, 1, 1, 10, 7}, {PRIMARY, 0, 1, 10, 7}}, "C1 P1 C0 ", 1},
    {"two primaries of one timeline: the one in use stays, told once",
        {{PRIMARY, 1, 1, 11, 7}, {PRIMARY, 0, 1, 10, 7}, {PRIMARY, 0, 1, 10, 7},
            {PRIMARY, 1, 1, 11, 7}},
        "C1 P1 C0 T0 ", 1},
    {"two primaries: told again after it was over",
        {{PRIMARY, 1, 1, 11, 7}, {PRIMARY, 0, 1, 10, 7}, {REPLICA, 0, 1, 12, 7},
            {PRIMARY, 0, 1, 13, 7}},
        "C1 P1 C0 T0 C0 C0 T0 ", 1},
    {"two primaries and the one in use goes",
        {{PRIMARY, 1, 1, 11, 7}, {PRIMARY, 0, 1, 10, 7}, {DOWN, 1, 0, 0, 0}},
        "C1 P1 C0 T0 C1 P0 ", 0},
    {"unknown starts are not one server",
        {{PRIMARY, 1, 1, 0, 7}, {PRIMARY, 0, 1, 0, 7}}, "C1 P1 C0 T0 ", 1},
    {"a foreign primary of a higher timeline is not used, told once",
        {{PRIMARY, 0, 1, 10, 7}, {PRIMARY, 2, 9, 12, 8},
            {PRIMARY, 2, 9, 12, 8}},
        "C0 P0 C2 F2 ", 0},
    {"a foreigner does not take over when ours is down",
        {{PRIMARY, 0, 1, 10, 7}, {PRIMARY, 2, 9, 12, 8}, {DOWN, 0, 0, 0, 0}},
        "C0 P0 C2 F2 C0 P- ", -1},
    {"a foreigner that mends its ways",
        {{PRIMARY, 0, 1, 10, 7}, {REPLICA, 2, 9, 12, 8},
            {REPLICA, 2, 1, 13, 7}},
        "C0 P0 C2 F2 ", 0},
    {"a cluster rebuilt at the primary's address",
        {{PRIMARY, 0, 5, 10, 7}, {REPLICA, 1, 5, 11, 7}, {DOWN, 1, 0, 0, 0},
            {DOWN, 0, 0, 0, 0}, {PRIMARY, 0, 1, 20, 8}},
        "C0 P0 C1 C1 C0 P- C0 F1 P0 ", 0},
    {"an unreadable system is nobody's enemy",
        {{PRIMARY, 0, 1, 10, 0}, {REPLICA, 1, 1, 11, 7}}, "C0 P0 C1 ", 0},
};

static void
take_step(const struct step *step, int64_t now_us)
{
	struct node_report report = {.role = NODE_PRIMARY,
	    .system_identifier = step->system,
	    .started_us = step->started_us,
	    .timeline = step->timeline,
	    .timeline_is_certain = true};
	struct error err = {.text = "gone"};

	switch (step->what) {
	case END:
		break;
	case REPLICA:
		report.role = NODE_REPLICA;
		node_report_answer(nodes[step->node], &report, now_us);
		break;
	case PRIMARY:
		node_report_answer(nodes[step->node], &report, now_us);
		break;
	case DOWN:
		node_report_down(nodes[step->node], &err, now_us);
		break;
	}
}

START_TEST(cluster_follows_its_rules)
{
	const struct node *expected =
	    rules[_i].primary < 0 ? NULL : nodes[rules[_i].primary];

	for (size_t i = 0; rules[_i].steps[i].what != END; i++) {
		take_step(&rules[_i].steps[i], (int64_t)i + 1);
	}
	ck_assert_msg(strcmp(told, rules[_i].told) == 0, "%s: told %s",
	    rules[_i].label, told);
	ck_assert_msg(
	    cluster_primary(cluster) == expected, "%s", rules[_i].label);
}
END_TEST

START_TEST(cluster_gives_both_addresses_of_one_server_in_turn)
{
	const struct step both[] = {
	    {PRIMARY, 0, 1, 10, 7}, {PRIMARY, 2, 1, 10, 7}};
	int count[2] = {0, 0};

	take_step(&both[0], 1);
	ck_assert_ptr_eq(cluster_next_primary(cluster), nodes[0]);
	take_step(&both[1], 2);
	for (int i = 0; i < 10; i++) {
		struct node *node = cluster_next_primary(cluster);

		ck_assert(node == nodes[0] || node == nodes[2]);
		count[node == nodes[2]]++;
	}
	ck_assert_int_eq(count[0], 5);
	ck_assert_int_eq(count[1], 5);
	ck_assert_ptr_eq(cluster_primary(cluster), nodes[0]);
	ck_assert(cluster_is_primary(cluster, nodes[0]));
	ck_assert(!cluster_is_primary(cluster, nodes[1]));
	ck_assert(cluster_is_primary(cluster, nodes[2]));
}
END_TEST

START_TEST(cluster_never_alternates_between_two_primaries)
{
	const struct step both[] = {
	    {PRIMARY, 0, 1, 10, 7}, {PRIMARY, 2, 1, 99, 7}};

	take_step(&both[0], 1);
	take_step(&both[1], 2);
	for (int i = 0; i < 10; i++) {
		ck_assert_ptr_eq(cluster_next_primary(cluster), nodes[0]);
	}
	ck_assert(cluster_is_primary(cluster, nodes[0]));
	ck_assert(!cluster_is_primary(cluster, nodes[2]));
}
END_TEST

START_TEST(cluster_of_one_leads_without_being_asked)
{
	static const struct cluster_host hosts[] = {
	    {"solo", 5432, 1}, {"solo", 5432, 1}};
	struct cluster *one = cluster_new(set, hosts, 2);
	struct node *solo = cluster_node(one, 0);
	struct error err = {.text = "gone"};

	ck_assert_uint_eq(cluster_count(one), 1);
	ck_assert_ptr_eq(cluster_primary(one), solo);
	node_report_login_failure(solo, &err, 1);
	ck_assert_ptr_eq(cluster_primary(one), solo);
	node_report_hot_standby(solo, true, 2);
	ck_assert_ptr_eq(cluster_primary(one), solo);
	ck_assert_ptr_eq(cluster_next_primary(one), solo);
	ck_assert_ptr_null(cluster_next_replica(one, NULL, NULL));
	ck_assert(!cluster_is_replica(one, solo));
	cluster_free(&one);
	ck_assert_ptr_null(one);
}
END_TEST

START_TEST(cluster_made_late_knows_what_its_nodes_know)
{
	static const struct cluster_host hosts[] = {
	    {"b", 5432, 1}, {"a", 5432, 1}};
	const struct step primary = {PRIMARY, 1, 1, 10, 7};
	struct cluster *late;

	take_step(&primary, 1);
	late = cluster_new(set, hosts, 2);
	ck_assert_ptr_eq(cluster_primary(late), nodes[1]);
	cluster_free(&late);
}
END_TEST

START_TEST(cluster_offers_candidates_while_no_primary_is_known)
{
	const struct step down = {DOWN, 0, 0, 0, 0};

	ck_assert_ptr_eq(cluster_next_candidate(cluster), nodes[0]);
	ck_assert_ptr_eq(cluster_next_candidate(cluster), nodes[1]);
	ck_assert_ptr_eq(cluster_next_candidate(cluster), nodes[2]);
	take_step(&down, 1);
	ck_assert_ptr_eq(cluster_next_candidate(cluster), nodes[1]);
	node_report_hot_standby(nodes[1], true, 2);
	ck_assert_ptr_eq(cluster_next_candidate(cluster), nodes[2]);
	ck_assert_ptr_eq(cluster_next_candidate(cluster), nodes[2]);
	node_report_hot_standby(nodes[2], false, 3);
	ck_assert_ptr_eq(cluster_primary(cluster), nodes[2]);
	ck_assert_ptr_null(cluster_next_candidate(cluster));
}
END_TEST

START_TEST(cluster_remembers_the_last_primary)
{
	const struct step steps[] = {
	    {PRIMARY, 1, 1, 10, 7}, {DOWN, 1, 0, 0, 0}};

	ck_assert_ptr_null(cluster_last_primary(cluster));
	take_step(&steps[0], 1);
	take_step(&steps[1], 2);
	ck_assert_ptr_null(cluster_primary(cluster));
	ck_assert_ptr_eq(cluster_last_primary(cluster), nodes[1]);
}
END_TEST

/* ---- replicas ------------------------------------------------------------ */

static void
make_two_replicas(void)
{
	static const struct step steps[] = {{PRIMARY, 0, 2, 10, 7},
	    {REPLICA, 1, 2, 11, 7}, {REPLICA, 2, 2, 12, 7}};

	for (size_t i = 0; i < 3; i++) {
		take_step(&steps[i], 1);
	}
}

START_TEST(cluster_spreads_reads_by_weight_and_evenly)
{
	char order[16] = "";

	make_two_replicas();
	/* b weighs 1, c weighs 2: never three of c in a row. */
	for (size_t i = 0; i < 9; i++) {
		order[i] = cluster_next_replica(cluster, NULL, NULL) == nodes[1]
		    ? 'b'
		    : 'c';
	}
	ck_assert_str_eq(order, "cbccbccbc");
}
END_TEST

static bool
accept_only(const struct node *node, void *context)
{
	return node == context;
}

START_TEST(cluster_gives_only_replicas_that_are_accepted)
{
	make_two_replicas();
	for (int i = 0; i < 5; i++) {
		ck_assert_ptr_eq(
		    cluster_next_replica(cluster, accept_only, nodes[1]),
		    nodes[1]);
	}
	ck_assert_ptr_null(
	    cluster_next_replica(cluster, accept_only, nodes[0]));
	/* Nothing was owed to the other one meanwhile. */
	ck_assert_ptr_eq(cluster_next_replica(cluster, NULL, NULL), nodes[2]);
	ck_assert_ptr_eq(cluster_next_replica(cluster, NULL, NULL), nodes[1]);
}
END_TEST

static const struct {
	const char *label;
	struct step step; /* what becomes of node 1 */
	bool is_replica;
} fates[] = {
    {"as it was", {END, 1, 0, 0, 0}, true},
    {"down", {DOWN, 1, 0, 0, 0}, false},
    {"another system", {REPLICA, 1, 2, 11, 8}, false},
    {"on the timeline before", {REPLICA, 1, 1, 11, 7}, false},
    {"an old primary", {PRIMARY, 1, 1, 11, 7}, false},
    {"promoted", {PRIMARY, 1, 3, 11, 7}, false},
};

START_TEST(cluster_reads_only_from_good_replicas)
{
	make_two_replicas();
	take_step(&fates[_i].step, 2);
	ck_assert_msg(
	    cluster_is_replica(cluster, nodes[1]) == fates[_i].is_replica, "%s",
	    fates[_i].label);
}
END_TEST

START_TEST(cluster_waits_until_a_replica_is_seen_on_the_new_timeline)
{
	struct node_report report = {.role = NODE_REPLICA,
	    .system_identifier = 7,
	    .started_us = 99, /* restarted, so its control file counts */
	    .timeline = 1};

	make_two_replicas();
	node_report_answer(nodes[1], &report, 3);
	ck_assert(!cluster_is_replica(cluster, nodes[1]));
	report.timeline = 2;
	node_report_answer(nodes[1], &report, 4);
	ck_assert(cluster_is_replica(cluster, nodes[1]));
}
END_TEST

START_TEST(cluster_reads_from_replicas_of_unknown_timeline)
{
	struct node_report report = {
	    .role = NODE_REPLICA, .system_identifier = 7, .started_us = 99};

	make_two_replicas();
	node_report_answer(nodes[1], &report, 3);
	ck_assert_uint_eq(nodes[1]->timeline, 0);
	ck_assert(cluster_is_replica(cluster, nodes[1]));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cluster");
	TCase *rule = tcase_create("primary");
	TCase *replica = tcase_create("replicas");

	tcase_add_checked_fixture(rule, setup, teardown);
	tcase_add_checked_fixture(replica, setup, teardown);
	tcase_add_loop_test(
	    rule, cluster_follows_its_rules, 0, sizeof(rules) / sizeof(*rules));
	tcase_add_test(
	    rule, cluster_gives_both_addresses_of_one_server_in_turn);
	tcase_add_test(rule, cluster_never_alternates_between_two_primaries);
	tcase_add_test(rule, cluster_of_one_leads_without_being_asked);
	tcase_add_test(rule, cluster_made_late_knows_what_its_nodes_know);
	tcase_add_test(
	    rule, cluster_offers_candidates_while_no_primary_is_known);
	tcase_add_test(rule, cluster_remembers_the_last_primary);
	tcase_add_test(replica, cluster_spreads_reads_by_weight_and_evenly);
	tcase_add_test(replica, cluster_gives_only_replicas_that_are_accepted);
	tcase_add_loop_test(replica, cluster_reads_only_from_good_replicas, 0,
	    sizeof(fates) / sizeof(*fates));
	tcase_add_test(
	    replica, cluster_waits_until_a_replica_is_seen_on_the_new_timeline);
	tcase_add_test(
	    replica, cluster_reads_from_replicas_of_unknown_timeline);
	suite_add_tcase(suite, rule);
	suite_add_tcase(suite, replica);
	return unit_run(suite);
}
