/* test_statement.c - prepared statements, interned. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "server/statement.h"

#define MEGABYTE ((size_t)1024 * 1024)

static const struct hash128 here = {1, 2};
static const struct hash128 there = {1, 3};

/* The body of a Parse of TEXT without parameters. */
static struct statement *
take(struct statements *set, const struct hash128 *meaning, const char *text)
{
	struct buf body = {0};
	struct statement *statement;

	buf_append(&body, text, strlen(text) + 1);
	buf_append(&body, "\0", 2);
	ck_assert(statement_body_is_valid(buf_bytes(&body), body.length));
	statement =
	    statements_take(set, meaning, buf_bytes(&body), body.length);
	buf_fini(&body);
	return statement;
}

/* ---- bodies -------------------------------------------------------------- */

#define BODY(text) text, sizeof(text) - 1

static const struct {
	const char *label;
	const char *bytes;
	size_t size;
	bool is_valid;
} bodies[] = {
    {"no parameters", BODY("SELECT 1\0\0\0"), true},
    {"an empty text", BODY("\0\0\0"), true},
    {"one type", BODY("SELECT $1\0\0\1\0\0\0\x17"), true},
    {"two types", BODY("a\0\0\2\0\0\0\x17\0\0\0\0"), true},
    {"nothing", "", 0, false},
    {"no NUL", BODY("SELECT 1"), false},
    {"no count", BODY("SELECT 1\0"), false},
    {"half a count", BODY("SELECT 1\0\0"), false},
    {"a byte too many", BODY("SELECT 1\0\0\0\0"), false},
    {"a type too few", BODY("a\0\0\2\0\0\0\x17"), false},
    {"a type too many", BODY("a\0\0\1\0\0\0\x17\0\0\0\x17"), false},
    {"three quarters of a type", BODY("a\0\0\1\0\0\0"), false},
    {"a lying count", BODY("a\0\xff\xff\0\0\0\x17"), false},
    {"a count below zero, if it had a sign", BODY("a\0\x80\0"), false},
    {"a NUL in the text", BODY("a\0b\0\0\0"), false},
};

START_TEST(a_body_is_a_text_and_exactly_its_types)
{
	/* As much memory as there is of it: a byte more is an error. */
	uint8_t *exact = malloc(bodies[_i].size + 1);

	memcpy(exact + 1, bodies[_i].bytes, bodies[_i].size);
	ck_assert_msg(statement_body_is_valid(exact + 1, bodies[_i].size) ==
	        bodies[_i].is_valid,
	    "%s", bodies[_i].label);
	free(exact);
}
END_TEST

START_TEST(a_body_cut_short_or_with_more_behind_it_is_none)
{
	const char body[] = "SELECT $1\0\0\2\0\0\0\x17\0\0\0\x14\0\0";
	const size_t whole = 20;

	for (size_t size = 0; size < sizeof(body); size++) {
		uint8_t *exact = malloc(size + 1);

		memcpy(exact + 1, body, size);
		ck_assert_msg(
		    statement_body_is_valid(exact + 1, size) == (size == whole),
		    "%zu bytes", size);
		free(exact);
	}
}
END_TEST

START_TEST(a_body_has_as_many_types_as_postgresql_takes)
{
	static uint8_t body[3 + 4 * 65535];

	body[1] = 0x9c; /* 40,000 */
	body[2] = 0x40;
	ck_assert(statement_body_is_valid(body, 3 + (size_t)4 * 40000));
	ck_assert(!statement_body_is_valid(body, 3 + (size_t)4 * 40000 - 1));
	body[1] = 0xff;
	body[2] = 0xff;
	ck_assert(statement_body_is_valid(body, sizeof(body)));
}
END_TEST

/* ---- interning ----------------------------------------------------------- */

START_TEST(the_same_text_is_one_statement_with_one_name)
{
	struct statements *set = statements_new(MEGABYTE);
	struct statement *a = take(set, &here, "SELECT 1");
	struct statement *b = take(set, &here, "SELECT 1");

	ck_assert_ptr_eq(a, b);
	ck_assert_uint_eq(a->references, 2);
	ck_assert_str_eq(a->name, STATEMENT_PREFIX "1");
	ck_assert_uint_eq(a->name_length, strlen(a->name));
	ck_assert_uint_eq(a->text_length, 8);
	ck_assert_uint_eq(a->body_bytes, 11);
	ck_assert(!a->is_judged && !a->has_shape);
	statement_release(&a);
	ck_assert_ptr_null(a);
	ck_assert_uint_eq(statements_count(set), 1);
	statement_release(&b);
	ck_assert_uint_eq(statements_count(set), 0);
	ck_assert_uint_eq(statements_bytes(set), 0);
	statements_free(&set);
	ck_assert_ptr_null(set);
}
END_TEST

START_TEST(another_text_type_or_meaning_is_another_statement)
{
	struct statements *set = statements_new(MEGABYTE);
	struct statement *all[] = {
	    take(set, &here, "SELECT 1"),
	    take(set, &here, "SELECT 2"),
	    take(set, &here, "SELECT 1 "),
	    take(set, &here, ""),
	    take(set, &there, "SELECT 1"),
	    statements_take(set, &here,
	        (const uint8_t *)"SELECT 1\0\0\1\0\0\0"
	                         "\x17",
	        15),
	};
	const size_t count = sizeof(all) / sizeof(*all);

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < i; k++) {
			ck_assert_ptr_ne(all[i], all[k]);
			ck_assert_str_ne(all[i]->name, all[k]->name);
		}
	}
	ck_assert_uint_eq(statements_count(set), count);
	for (size_t i = 0; i < count; i++) {
		statement_release(&all[i]);
	}
	statements_free(&set);
}
END_TEST

START_TEST(what_is_found_by_its_key_is_compared_in_full)
{
	struct statements *set = statements_new(MEGABYTE);
	struct statement *a = take(set, &here, "SELECT 1");
	struct statement *b, *again;

	/* As if another text had the key of this one. */
	a->body[0] = 'X';
	b = take(set, &here, "SELECT 1");
	again = take(set, &here, "SELECT 1");
	ck_assert_ptr_ne(a, b);
	ck_assert_ptr_eq(b, again);
	ck_assert_str_ne(a->name, b->name);
	a->body[0] = 'S';
	a->meaning = there;
	statement_release(&again);
	again = take(set, &here, "SELECT 1");
	ck_assert_ptr_eq(b, again);
	/* One without the other. */
	statement_release(&a);
	statement_release(&again);
	ck_assert_str_eq((const char *)b->body, "SELECT 1");
	statement_release(&b);
	statements_free(&set);
}
END_TEST

START_TEST(a_statement_is_found_by_its_whole_name)
{
	struct statements *set = statements_new(MEGABYTE);
	struct statement *all[20];

	for (int i = 0; i < 20; i++) {
		char text[20];

		(void)snprintf(text, sizeof(text), "SELECT %d", i);
		all[i] = take(set, &here, text);
	}
	ck_assert_ptr_eq(statements_find_name(set, "pgweir_1", 8), all[0]);
	ck_assert_ptr_eq(statements_find_name(set, "pgweir_14", 9), all[19]);
	ck_assert_ptr_eq(statements_find_name(set, "pgweir_14", 8), all[0]);
	ck_assert_ptr_eq(statements_find_name(set, "pgweir_a", 8), all[9]);
	ck_assert_ptr_null(statements_find_name(set, "pgweir_A", 8));
	ck_assert_ptr_null(statements_find_name(set, "pgweir_15", 9));
	ck_assert_ptr_null(statements_find_name(set, "", 0));
	for (int i = 0; i < 20; i++) {
		statement_release(&all[i]);
	}
	statements_free(&set);
}
END_TEST

START_TEST(a_name_is_never_used_twice)
{
	struct statements *set = statements_new(MEGABYTE);
	struct statement *a = take(set, &here, "SELECT 1");
	char name[sizeof(a->name)];

	memcpy(name, a->name, sizeof(name));
	statement_release(&a);
	a = take(set, &here, "SELECT 1");
	ck_assert_str_ne(a->name, name);
	statement_release(&a);
	statement_release(&a); /* NULL by now */
	ck_assert_ptr_null(statement_ref(NULL));
	statement_release_name(&a);
	statements_free(&set);
	statements_free(&set);
}
END_TEST

/* ---- messages ------------------------------------------------------------ */

START_TEST(its_parse_and_close_bear_its_own_name)
{
	struct statements *set = statements_new(MEGABYTE);
	const char body[] = "SELECT $1\0\0\1\0\0\0\x17";
	struct statement *a =
	    statements_take(set, &here, (const uint8_t *)body, 16);
	const char parse[] = "P\0\0\0\x1dpgweir_1\0SELECT $1\0\0\1\0\0\0\x17";
	const char close[] = "C\0\0\0\x0eSpgweir_1";
	struct buf out = {0};

	statement_put_parse(a, &out);
	ck_assert_mem_eq(buf_bytes(&out), parse, sizeof(parse) - 1);
	ck_assert_uint_eq(out.length, sizeof(parse) - 1);
	buf_clear(&out);
	statement_put_close(a, &out);
	ck_assert_uint_eq(out.length, sizeof(close));
	ck_assert_mem_eq(buf_bytes(&out), close, sizeof(close));
	buf_fini(&out);
	statement_release(&a);
	statements_free(&set);
}
END_TEST

/* ---- memory -------------------------------------------------------------- */

START_TEST(beyond_the_limit_only_a_new_one_is_refused)
{
	struct statements *set = statements_new(MEGABYTE);
	struct statement *a = take(set, &here, "SELECT 1");
	size_t one = statements_bytes(set);
	struct statement *b;

	ck_assert_uint_gt(one, sizeof(*a) + a->body_bytes);
	statements_set_limit(set, 2 * one - 1);
	ck_assert_ptr_null(take(set, &here, "SELECT 2"));
	b = take(set, &here, "SELECT 1");
	ck_assert_ptr_eq(a, b);
	statements_set_limit(set, 2 * one);
	statement_release(&b);
	b = take(set, &here, "SELECT 2");
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_null(take(set, &here, "SELECT 3"));
	/* What is there stays when the limit sinks below it. */
	statements_set_limit(set, 0);
	ck_assert_uint_eq(statements_bytes(set), 2 * one);
	statement_release(&b);
	ck_assert_ptr_null(take(set, &here, "SELECT 2"));
	statement_release(&a);
	statements_free(&set);
}
END_TEST

START_TEST(a_body_longer_than_a_message_is_refused_unread)
{
	struct statements *set = statements_new(SIZE_MAX);
	size_t size = (size_t)1 << 30;
	uint8_t *body = calloc(1, size);

	if (body != NULL) {
		ck_assert_ptr_null(statements_take(set, &here, body, size));
		free(body);
	}
	statements_free(&set);
}
END_TEST

START_TEST(what_only_servers_have_makes_room_longest_unused_first)
{
	struct statements *set = statements_new(MEGABYTE);
	struct statement *all[4];
	struct statement *names[3];
	struct buf out = {0};
	size_t one = 0;

	for (int i = 0; i < 3; i++) {
		all[i] = take(set, &here, (const char *[]){"a", "b", "c"}[i]);
		names[i] = statement_ref_name(all[i]);
		one = statements_bytes(set) / (size_t)(i + 1);
	}
	/* Unused: b, then a. */
	statement_release(&all[1]);
	statement_release(&all[0]);
	ck_assert_uint_eq(statements_count(set), 3);
	/* A struct is less than a statement: both must go for one. */
	statements_set_limit(set, 3 * one + 24);
	all[3] = take(set, &here, "d");
	ck_assert_ptr_null(all[3]);
	ck_assert_ptr_null(names[0]->body);
	ck_assert_ptr_null(names[1]->body);
	ck_assert_ptr_nonnull(names[2]->body);
	ck_assert_uint_eq(statements_count(set), 1);
	/* Of the stripped ones the name is enough to close them. */
	statement_put_close(names[1], &out);
	ck_assert_str_eq((const char *)buf_bytes(&out) + 6, names[1]->name);
	buf_fini(&out);
	statement_release_name(&names[1]);
	all[3] = take(set, &here, "d");
	ck_assert_ptr_nonnull(all[3]);
	/* The text of a stripped one is a new statement. */
	statement_release(&all[3]);
	all[3] = take(set, &here, "a");
	ck_assert_ptr_ne(all[3], names[0]);
	ck_assert_str_ne(all[3]->name, names[0]->name);
	statement_release(&all[3]);
	statement_release(&all[2]);
	statement_release_name(&names[0]);
	statement_release_name(&names[2]);
	ck_assert_uint_eq(statements_bytes(set), 0);
	statements_free(&set);
}
END_TEST

START_TEST(no_more_is_stripped_than_is_needed)
{
	struct statements *set = statements_new(MEGABYTE);
	struct statement *names[3];
	struct statement *one;
	size_t before;
	uint8_t *huge;

	for (int i = 0; i < 3; i++) {
		one = take(set, &here, (const char *[]){"a", "b", "c"}[i]);
		names[i] = statement_ref_name(one);
		statement_release(&one);
	}
	/* "a" is used again, so "b" is the longest unused. */
	one = take(set, &here, "a");
	statement_release(&one);
	before = statements_bytes(set);
	statements_set_limit(set, before - 1);
	ck_assert_ptr_nonnull(names[0]->body);
	ck_assert_ptr_null(names[1]->body);
	ck_assert_ptr_nonnull(names[2]->body);
	ck_assert_uint_lt(statements_bytes(set), before);
	/* What could not fit in any case takes nothing with it. */
	huge = calloc(1, before);
	ck_assert_ptr_null(statements_take(set, &here, huge, before));
	ck_assert_ptr_nonnull(names[0]->body);
	free(huge);
	for (int i = 0; i < 3; i++) {
		statement_release_name(&names[i]);
	}
	statements_free(&set);
}
END_TEST

START_TEST(what_a_client_takes_again_is_in_use_again)
{
	struct statements *set = statements_new(MEGABYTE);
	struct statement *a = take(set, &here, "a");
	struct statement *name = statement_ref_name(a);
	struct statement *again;

	statement_release(&a);
	again = take(set, &here, "a");
	ck_assert_ptr_eq(again, name);
	statements_set_limit(set, 0);
	ck_assert_ptr_nonnull(again->body);
	statement_release(&again);
	statements_set_limit(set, 0);
	ck_assert_ptr_null(name->body);
	/* Counted in full once more, as the note of its Close does. */
	again = statement_ref(name);
	statement_release(&again);
	statement_release_name(&name);
	statements_free(&set);
}
END_TEST

START_TEST(memory_is_what_was_asked_for_whatever_comes_and_goes)
{
	const size_t limit = 64 * (size_t)1024;
	struct statements *set = statements_new(limit);
	struct statement *held[300] = {0};
	struct statement *names[300] = {0};
	int refused = 0;

	srand(1);
	for (int i = 0; i < 100000; i++) {
		int k = rand() % 300;
		char text[200];

		if (held[k] != NULL) {
			statement_release(&held[k]);
		} else if (names[k] != NULL) {
			statement_release_name(&names[k]);
		} else {
			(void)snprintf(text, sizeof(text), "SELECT %0*d",
			    rand() % 150 + 1, rand() % 400);
			held[k] = take(set, &here, text);
			if (held[k] == NULL) {
				refused++;
			} else if (rand() % 2 == 0) {
				names[k] = statement_ref_name(held[k]);
			}
		}
		ck_assert_uint_le(statements_bytes(set), limit);
	}
	ck_assert_int_gt(refused, 0);
	for (int k = 0; k < 300; k++) {
		statement_release(&held[k]);
		statement_release_name(&names[k]);
	}
	ck_assert_uint_eq(statements_count(set), 0);
	ck_assert_uint_eq(statements_bytes(set), 0);
	statements_free(&set);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("statement");
	TCase *body = tcase_create("bodies");
	TCase *interning = tcase_create("interning");
	TCase *memory = tcase_create("memory");

	tcase_add_loop_test(body, a_body_is_a_text_and_exactly_its_types, 0,
	    (int)(sizeof(bodies) / sizeof(*bodies)));
	tcase_add_test(body, a_body_cut_short_or_with_more_behind_it_is_none);
	tcase_add_test(body, a_body_has_as_many_types_as_postgresql_takes);
	tcase_add_test(interning, the_same_text_is_one_statement_with_one_name);
	tcase_add_test(
	    interning, another_text_type_or_meaning_is_another_statement);
	tcase_add_test(interning, what_is_found_by_its_key_is_compared_in_full);
	tcase_add_test(interning, a_statement_is_found_by_its_whole_name);
	tcase_add_test(interning, a_name_is_never_used_twice);
	tcase_add_test(interning, its_parse_and_close_bear_its_own_name);
	tcase_add_test(memory, beyond_the_limit_only_a_new_one_is_refused);
	tcase_add_test(memory, a_body_longer_than_a_message_is_refused_unread);
	tcase_add_test(
	    memory, what_only_servers_have_makes_room_longest_unused_first);
	tcase_add_test(memory, no_more_is_stripped_than_is_needed);
	tcase_add_test(memory, what_a_client_takes_again_is_in_use_again);
	tcase_add_test(
	    memory, memory_is_what_was_asked_for_whatever_comes_and_goes);
	suite_add_tcase(suite, body);
	suite_add_tcase(suite, interning);
	suite_add_tcase(suite, memory);
	return unit_run(suite);
}
