/* test_question.c - what the answer to the monitor's question says. */
#include "support/unit.h"

#include <string.h>

#include "node/node.h"
#include "route/question.h"

static const struct {
	const char *label;
	const char *values[QUESTION_COLUMNS];
	bool makes_sense;
	struct node_report report;
} answers[] = {
    {"a primary",
        {"f", "1795465707003492", "0/4041F08", "000000020000000000000004", NULL,
            "7711466564484601658"},
        true,
        {NODE_PRIMARY, 7711466564484601658, 1795465707003492, 2, true, true,
            0x4041F08, 0}},
    {"a replica of an ordinary role",
        {"t", "1795465707003492", "1/0", NULL, "3", "77"}, true,
        {NODE_REPLICA, 77, 1795465707003492, 3, false, true, 0x100000000, 0}},
    {"a replica whose receiver is seen", {"t", "1", "1/0", NULL, "3!", "77"},
        true, {NODE_REPLICA, 77, 1, 3, true, true, 0x100000000, 0}},
    {"a replica that has replayed nothing", {"t", "1", NULL, NULL, "1", "77"},
        true, {NODE_REPLICA, 77, 1, 1, false, false, 0, 0}},
    {"only the role", {"f", NULL, NULL, NULL, NULL, NULL}, true,
        {NODE_PRIMARY, 0, 0, 0, false, false, 0, 0}},
    {"a system identifier beyond 63 bits", {"f", NULL, NULL, NULL, NULL, "-1"},
        true, {NODE_PRIMARY, UINT64_MAX, 0, 0, false, false, 0, 0}},
    {"no role", {NULL, "1", "1/0", NULL, NULL, NULL}, false, {0}},
    {"a strange role", {"true", "1", "1/0", NULL, NULL, NULL}, false, {0}},
    {"a strange start", {"t", "soon", "1/0", NULL, NULL, NULL}, false, {0}},
    {"a strange position", {"t", "1", "10", NULL, NULL, NULL}, false, {0}},
    {"a strange file", {"f", "1", "1/0", "00000002", NULL, NULL}, false, {0}},
    {"a file in the wrong case",
        {"f", "1", "1/0", "0000000a0000000000000004", NULL, NULL}, false, {0}},
    {"a strange timeline", {"t", "1", "1/0", NULL, "!", NULL}, false, {0}},
    {"two marks", {"t", "1", "1/0", NULL, "3!!", NULL}, false, {0}},
    {"a timeline too large", {"t", "1", "1/0", NULL, "4294967296", NULL}, false,
        {0}},
    {"a strange system", {"t", "1", "1/0", NULL, "3", "x"}, false, {0}},
};

START_TEST(question_reads_the_answer_or_refuses_it)
{
	struct node_report report = {0};
	const struct node_report *wanted = &answers[_i].report;

	ck_assert_msg(question_read(answers[_i].values, &report) ==
	        answers[_i].makes_sense,
	    "%s", answers[_i].label);
	ck_assert_int_eq(report.role, wanted->role);
	ck_assert_uint_eq(report.system_identifier, wanted->system_identifier);
	ck_assert_int_eq(report.started_us, wanted->started_us);
	ck_assert_uint_eq(report.timeline, wanted->timeline);
	ck_assert_int_eq(
	    report.timeline_is_certain, wanted->timeline_is_certain);
	ck_assert_int_eq(report.has_position, wanted->has_position);
	ck_assert_uint_eq(report.position, wanted->position);
}
END_TEST

START_TEST(question_weakens_step_by_step)
{
	enum question question = QUESTION_FULL;
	const char *full = question_sql(question);

	ck_assert_ptr_nonnull(strstr(full, "pg_control_system"));
	ck_assert(question_weaken(&question));
	ck_assert_ptr_null(strstr(question_sql(question), "pg_control"));
	ck_assert_ptr_nonnull(strstr(question_sql(question), "insert_lsn"));
	ck_assert(question_weaken(&question));
	ck_assert_ptr_null(strstr(question_sql(question), "lsn"));
	ck_assert_ptr_nonnull(strstr(question_sql(question), "in_recovery"));
	ck_assert(!question_weaken(&question));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("question");
	TCase *theme = tcase_create("question");

	tcase_add_loop_test(theme, question_reads_the_answer_or_refuses_it, 0,
	    sizeof(answers) / sizeof(*answers));
	tcase_add_test(theme, question_weakens_step_by_step);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
