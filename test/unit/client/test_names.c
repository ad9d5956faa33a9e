/* test_names.c - what a client calls its prepared statements. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "client/names.h"
#include "server/statement.h"

#define STATEMENTS 8

static struct statements *set;
static struct statement *all[STATEMENTS];
static struct names names;

static void
stage_set(void)
{
	const struct hash128 meaning = {1, 2};

	set = statements_new(SIZE_MAX);
	for (int i = 0; i < STATEMENTS; i++) {
		char body[20] = "";
		int length = snprintf(body, sizeof(body), "SELECT %d", i);

		all[i] = statements_take(
		    set, &meaning, (const uint8_t *)body, (size_t)length + 3);
	}
	names = (struct names){0};
}

/* All memory must have come back. */
static void
stage_strike(void)
{
	names_fini(&names);
	ck_assert_ptr_null(names.table);
	ck_assert_uint_eq(names_cost(&names), 0);
	ck_assert_uint_eq(names_count(&names), 0);
	for (int i = 0; i < STATEMENTS; i++) {
		ck_assert_uint_eq(all[i]->references, 1);
		statement_release(&all[i]);
	}
	statements_free(&set);
}

/* What NAME is: the statement's number, -1 nothing, -2 wait. */
static int
look(const char *name, uint64_t batch)
{
	struct statement *statement = all[0];
	enum name_state state =
	    names_look(&names, name, strlen(name), batch, &statement);

	ck_assert((statement != NULL) == (state == NAME_KNOWN));
	for (int i = 0; i < STATEMENTS && state == NAME_KNOWN; i++) {
		if (statement == all[i]) {
			return i;
		}
	}
	return state == NAME_WAIT ? -2 : -1;
}

/* NAME becomes statement I; -1: nothing. */
static struct name_change *
change(const char *name, int i, uint64_t batch)
{
	return names_change(
	    &names, name, strlen(name), i < 0 ? NULL : all[i], batch);
}

static void
answer(struct name_change *under_way, enum note_event event)
{
	names_on_note(&names, &under_way, event);
	ck_assert_ptr_null(under_way);
}

static void
define(const char *name, int i)
{
	answer(change(name, i, 1), NOTE_DONE);
}

/* ---- one name ------------------------------------------------------------ */

START_TEST(a_name_is_defined_when_the_server_says_so)
{
	struct name_change *parse;

	ck_assert_int_eq(look("s", 1), -1);
	parse = change("s", 3, 1);
	ck_assert_int_eq(look("s", 1), 3);
	ck_assert_int_eq(look("s", 2), -2);
	ck_assert_int_eq(look("t", 1), -1);
	ck_assert_uint_eq(names_count(&names), 0);
	answer(parse, NOTE_DONE);
	ck_assert_int_eq(look("s", 2), 3);
	ck_assert_uint_eq(names_count(&names), 1);
}
END_TEST

START_TEST(a_change_that_failed_or_was_skipped_changes_nothing)
{
	const enum note_event event = _i == 0 ? NOTE_FAILED : NOTE_SKIPPED;

	answer(change("s", 0, 1), event);
	ck_assert_int_eq(look("s", 1), -1);
	ck_assert_ptr_null(names.table);
	ck_assert_uint_eq(names_cost(&names), 0);
	define("s", 1);
	answer(change("s", -1, 2), event);
	ck_assert_int_eq(look("s", 3), 1);
	answer(change("s", 2, 3), event);
	ck_assert_int_eq(look("s", 4), 1);
	ck_assert_uint_eq(names_count(&names), 1);
}
END_TEST

START_TEST(a_closed_name_is_gone_when_the_server_says_so)
{
	struct name_change *close;

	define("s", 1);
	close = change("s", -1, 2);
	ck_assert_int_eq(look("s", 2), -1);
	ck_assert_int_eq(look("s", 3), -2);
	ck_assert_uint_eq(names_count(&names), 1);
	answer(close, NOTE_DONE);
	ck_assert_int_eq(look("s", 3), -1);
	ck_assert_uint_eq(names_count(&names), 0);
	ck_assert_uint_eq(names_cost(&names), 0);
}
END_TEST

START_TEST(a_name_may_be_closed_and_used_again_in_one_batch)
{
	struct name_change *close, *parse;

	define("s", 1);
	close = change("s", -1, 2);
	parse = change("s", 2, 2);
	ck_assert_int_eq(look("s", 2), 2);
	answer(close, NOTE_DONE);
	ck_assert_int_eq(look("s", 2), 2);
	ck_assert_int_eq(look("s", 3), -2);
	answer(parse, NOTE_DONE);
	ck_assert_int_eq(look("s", 3), 2);
	/* And half of it only. */
	close = change("s", -1, 3);
	parse = change("s", 3, 3);
	answer(close, NOTE_DONE);
	answer(parse, NOTE_FAILED);
	ck_assert_int_eq(look("s", 4), -1);
	ck_assert_uint_eq(names_cost(&names), 0);
}
END_TEST

START_TEST(closing_what_is_not_there_leaves_nothing)
{
	answer(change("s", -1, 1), NOTE_DONE);
	ck_assert_ptr_null(names.table);
}
END_TEST

START_TEST(any_bytes_can_be_a_name)
{
	struct statement *statement;
	struct name_change *one, *two;

	define("", 0);
	one = names_change(&names, "a\0b", 3, all[1], 1);
	two = names_change(&names, "a\0c", 3, all[2], 1);
	answer(one, NOTE_DONE);
	answer(two, NOTE_DONE);
	ck_assert_int_eq(look("", 2), 0);
	ck_assert_int_eq(look("a", 2), -1);
	(void)names_look(&names, "a\0b", 3, 2, &statement);
	ck_assert_ptr_eq(statement, all[1]);
	(void)names_look(&names, "a\0c", 3, 2, &statement);
	ck_assert_ptr_eq(statement, all[2]);
	ck_assert_uint_eq(names_count(&names), 3);
}
END_TEST

/* ---- all names ----------------------------------------------------------- */

START_TEST(cleared_names_are_gone_but_for_what_is_under_way)
{
	struct name_change *parse, *close, *skipped;

	define("a", 1);
	define("b", 2);
	define("c", 3);
	parse = change("d", 4, 2);
	close = change("b", -1, 2);
	skipped = change("c", 5, 2);
	names_clear(&names);
	ck_assert_uint_eq(names_count(&names), 0);
	ck_assert_int_eq(look("a", 2), -1);
	ck_assert_int_eq(look("d", 2), 4);
	ck_assert_int_eq(look("d", 3), -2);
	answer(parse, NOTE_DONE);
	answer(close, NOTE_DONE);
	answer(skipped, NOTE_SKIPPED);
	ck_assert_int_eq(look("b", 3), -1);
	ck_assert_int_eq(look("c", 3), -1);
	ck_assert_int_eq(look("d", 3), 4);
	ck_assert_uint_eq(names_count(&names), 1);
	names_clear(&names);
	ck_assert_uint_eq(names_cost(&names), 0);
}
END_TEST

START_TEST(a_client_may_end_before_its_notes)
{
	struct name_change *parse, *again;

	define("a", 1);
	parse = change("b", 2, 2);
	again = change("b", 3, 2);
	names_fini(&names);
	ck_assert_ptr_null(names.table);
	answer(parse, NOTE_SKIPPED);
	answer(again, NOTE_DONE);
	ck_assert_uint_eq(names_cost(&names), 0);
	ck_assert_uint_eq(names_count(&names), 0);
}
END_TEST

START_TEST(a_statement_is_found_by_its_number_and_named_as_the_client_does)
{
	size_t length;

	define("first", 1);
	ck_assert_mem_eq(names_of(&names, all[1], &length), "first", 5);
	ck_assert_uint_eq(length, 5);
	ck_assert_ptr_null(names_of(&names, all[2], &length));
	ck_assert_uint_eq(length, 0);
	answer(change("first", -1, 2), NOTE_DONE);
	ck_assert_ptr_null(names_of(&names, all[1], &length));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("names");
	TCase *one = tcase_create("one name");
	TCase *many = tcase_create("all names");

	tcase_add_checked_fixture(one, stage_set, stage_strike);
	tcase_add_test(one, a_name_is_defined_when_the_server_says_so);
	tcase_add_loop_test(
	    one, a_change_that_failed_or_was_skipped_changes_nothing, 0, 2);
	tcase_add_test(one, a_closed_name_is_gone_when_the_server_says_so);
	tcase_add_test(one, a_name_may_be_closed_and_used_again_in_one_batch);
	tcase_add_test(one, closing_what_is_not_there_leaves_nothing);
	tcase_add_test(one, any_bytes_can_be_a_name);
	tcase_add_checked_fixture(many, stage_set, stage_strike);
	tcase_add_test(many, cleared_names_are_gone_but_for_what_is_under_way);
	tcase_add_test(many, a_client_may_end_before_its_notes);
	tcase_add_test(many,
	    a_statement_is_found_by_its_number_and_named_as_the_client_does);
	suite_add_tcase(suite, one);
	suite_add_tcase(suite, many);
	return unit_run(suite);
}
