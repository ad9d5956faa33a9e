/* test_gate.c - which databases an operator has paused or disabled. */
#include "server/gate.h"

#include "support/unit.h"

START_TEST(every_database_is_open_at_first)
{
	struct gates gates = {0};

	ck_assert(!gates_is_paused(&gates, "app"));
	ck_assert(!gates_is_disabled(&gates, "app"));
	ck_assert_uint_eq(gates_count_paused(&gates), 0);
	gates_fini(&gates);
}
END_TEST

START_TEST(paused_and_disabled_are_two_things)
{
	struct gates gates = {0};

	gates_set_paused(&gates, "app", true);
	gates_set_disabled(&gates, "app", true);
	gates_set_paused(&gates, "", true);
	ck_assert_uint_eq(gates_count_paused(&gates), 2);
	gates_set_paused(&gates, "app", false);
	ck_assert(!gates_is_paused(&gates, "app"));
	ck_assert(gates_is_disabled(&gates, "app"));
	ck_assert(gates_is_paused(&gates, ""));
	ck_assert(!gates_is_paused(&gates, "App"));
	gates_fini(&gates);
}
END_TEST

START_TEST(what_is_as_usual_is_not_kept)
{
	struct gates gates = {0};

	gates_set_paused(&gates, "app", false);
	gates_set_disabled(&gates, "app", true);
	gates_set_disabled(&gates, "app", true);
	gates_set_disabled(&gates, "app", false);
	ck_assert_ptr_null(gates.by_database);
	gates_fini(&gates);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gate");
	TCase *gates = tcase_create("gates");

	tcase_add_test(gates, every_database_is_open_at_first);
	tcase_add_test(gates, paused_and_disabled_are_two_things);
	tcase_add_test(gates, what_is_as_usual_is_not_kept);
	suite_add_tcase(suite, gates);
	return unit_run(suite);
}
