/* test_shape.c - what is left of a text when its values are taken out. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "sql/shape.h"
#include "sql/verdict.h"
#include "support/ops_text.h"
#include "support/sqlgen.h"

static const struct {
	const char *text;
	const char *shape;
} shapes[] = {
    {"", ""},
    {" -- x\n /* y /* z */ */ ", ""},
    {"SELECT  A.b ,c FROM T -- x", "select a.b, c from t"},
    {"select 1, 2.5, 'x', $7, e'\\'', $$y$$, b'1', x'f', N'z', u&'w'",
        "select 1, 1.0, '', $1, '', '', b'', x'', n'', u&''"},
    {"select U&'d!0061' uescape '!'", "select u&'' uescape '!'"},
    {"select \"A\"\"b\", U&\"C\"", "select \"A\"\"b\", U&\"C\""},
    {"select a from t where b in (1,2,3)", "select a from t where b in (1)"},
    {"select a from t where b in ($1, $2)", "select a from t where b in ($1)"},
    {"select b in (1, - 2, +3, null, 'x')", "select b in (1)"},
    {"select b in (a, 1, 2, a)", "select b in (a, 1, a)"},
    {"select b in (a, a, a)", "select b in (a)"},
    {"select (b, c) in ((1, 2), (3, 4))", "select (b, c) in ((1, 1))"},
    {"select b in (select 1, 2)", "select b in (select 1, 1)"},
    {"select b in ('x'::date, 'y'::date)", "select b in (''::date)"},
    {"select array[1, 2, 3], array[[1, 2], [3, 4]]",
        "select array[1], array[[1, 1]]"},
    {"insert into t values (1, 'a'), (2, null), (3, default)",
        "insert into t values (1, '')"},
    {"values (now(), 1), (now(), 2), (1, 2), (3, 4) order by 1",
        "values (now (), 1), (1, 1) order by 1"},
    {"values (f(1)), (g(1)), (g(2))", "values (f (1)), (g (1))"},
    {"values (1 in (2, 3)), (4 in (5, 6))", "values (1 in (1))"},
    {"select * from (values (1), (2)) x, y", "select * from (values (1)) x, y"},
    {"select t.in (1, 2)", "select t.in (1, 1)"},
    {"set a = 'b', 5; select 'b', 5", "set a = 'b', 5; select '', 1"},
    {"set local A to 1E5", "set local a to 1E5"},
    {"update t set a = 'b'", "update t set a = ''"},
    {"select set_config('a', $2, f('b', 1)), 'c'",
        "select set_config ('a', $2, f ('b', 1)), ''"},
    {"select pg_catalog.\"set_config\" ('a', 'b', true)",
        "select pg_catalog.\"set_config\" ('a', 'b', true)"},
    {"select U&\"set_config\"('a', 'b')", "select U&\"set_config\" ('a', 'b')"},
    {"select set_config(a in (1, 2), b)", "select set_config (a in (1, 2), b)"},
    {"explain (analyze 0, format 'json') select 'x', 0",
        "explain (analyze 0, format 'json') select '', 1"},
    {"explain (select 'x')", "explain (select '')"},
    {"explain ((select 'x'))", "explain ((select ''))"},
    {"explain (with a as (select 'x') table a)",
        "explain (with a as (select '') table a)"},
    {"copy (select 'a') to stdout with (delimiter 'x')",
        "copy (select '') to stdout with (delimiter 'x')"},
    {"copy t (a) to '/x' csv quote '\"'", "copy t (a) to '/x' csv quote '\"'"},
    {"select 'a'::regclass, 'b'::text, 'c'::pg_catalog.regproc, 'd'",
        "select 'a'::regclass, ''::text, 'c'::pg_catalog.regproc, ''"},
    {"select cast('a' as regclass), regclass 'b', cast('c' as text)",
        "select cast ('a' as regclass), regclass 'b', cast ('' as text)"},
    {"select 'a'::\"regclass\", N'b'::regtype, 'c' :: /**/ regclass",
        "select 'a'::\"regclass\", n'b'::regtype, 'c'::regclass"},
    {"select b in ('x'::regclass, 'y'::regclass)",
        "select b in ('x'::regclass, 'y'::regclass)"},
    {"select a[1:2], b[3], (c).d, e.*", "select a[1 : 1], b[1], (c).d, e.*"},
    {"select 1-1, 1 - -1, a<@b, -(-a)",
        "select 1 - 1, 1 - - 1, a <@ b, - (- a)"},
    {"select 2147483647, 2147483648", "select 1, 1.0"},
    {"select 1.5::int, ''::text::date", "select 1.0::int, ''::text::date"},
};

static void
scan(struct shape *shape, struct buf *out, const char *text, bool std_strings)
{
	shape_scan(shape, out, text, strlen(text), std_strings);
}

START_TEST(shape_is_as_the_table_says)
{
	struct buf out = {0};
	struct shape shape;

	scan(&shape, &out, shapes[_i].text, true);
	ck_assert_str_eq(buf_text(&out), shapes[_i].shape);
	ck_assert_uint_eq(shape.flags & (SHAPE_JUNK | SHAPE_UNTERMINATED), 0);
	buf_fini(&out);
}
END_TEST

static bool
is_same(const struct shape *a, const struct shape *b)
{
	return memcmp(&a->hash, &b->hash, sizeof(a->hash)) == 0;
}

/* The shape of a shape is itself, also in what is counted. */
static void
check_stable(const char *text)
{
	struct buf first = {0}, second = {0};
	struct shape a, b;

	scan(&a, &first, text, true);
	if ((a.flags & (SHAPE_JUNK | SHAPE_UNTERMINATED)) == 0) {
		scan(&b, &second, buf_text(&first), true);
		ck_assert_msg(strcmp(buf_text(&first), buf_text(&second)) == 0,
		    "\"%s\": \"%s\" becomes \"%s\"", text, buf_text(&first),
		    buf_text(&second));
		ck_assert_uint_eq(a.token_count, b.token_count);
		ck_assert_uint_eq(a.statements, b.statements);
		ck_assert_uint_ge(a.depth, b.depth);
		ck_assert(is_same(&a, &b));
	}
	ck_assert_uint_le(first.length, 2 * strlen(text) + 64);
	buf_fini(&first);
	buf_fini(&second);
}

START_TEST(shape_of_a_shape_is_itself)
{
	check_stable(shapes[_i].text);
}
END_TEST

START_TEST(shape_of_a_shape_is_itself_for_any_text)
{
	struct sqlgen gen = {.seed = 0xabcdef0123456789};
	struct buf text = {0};

	for (int i = 0; i < 20000; i++) {
		if (i % 2 == 0) {
			sqlgen_soup(&gen, &text);
		} else {
			sqlgen_statement(&gen, &text);
		}
		check_stable(buf_text(&text));
	}
	buf_fini(&text);
}
END_TEST

static const struct verdict_bounds wide = {4000, 400, 1 << 20};

/* The verdict on TEXT without masking anything. */
static bool
judge_plain(struct verdict *verdict, const char *text)
{
	const struct shape shape = {.token_count = 0};

	return verdict_parse(verdict, &shape, text, &wide);
}

/* Both do the same to their session; gives back what both have of it. */
static void
check_ops(struct verdict *plain, struct verdict *masked, const char *text)
{
	struct buf want = {0}, got = {0};

	ops_to_text(&want, plain->ops);
	ops_to_text(&got, masked->ops);
	ck_assert_msg(strcmp(buf_text(&want), buf_text(&got)) == 0,
	    "\"%s\" does \"%s\", its shape does \"%s\"", text, buf_text(&want),
	    buf_text(&got));
	session_ops_release(&plain->ops);
	session_ops_release(&masked->ops);
	buf_fini(&want);
	buf_fini(&got);
}

START_TEST(shape_parses_as_its_text_does_to_the_same_verdict)
{
	struct sqlgen gen = {.seed = 0x5555aaaa12345678};
	struct buf text = {0}, out = {0};
	struct verdict plain, masked;
	struct shape shape;
	int parsed = 0;

	for (int i = 0; i < 6000; i++) {
		sqlgen_statement(&gen, &text);
		if (i % 3 == 0) {
			sqlgen_mutate(&gen, &text);
		}
		scan(&shape, &out, buf_text(&text), true);
		/* As a masked value the schema's name means nothing. */
		if (strstr(buf_text(&text), "pg_temp") != NULL ||
		    !judge_plain(&plain, buf_text(&text))) {
			continue;
		}
		parsed++;
		ck_assert_msg(
		    verdict_parse(&masked, &shape, buf_text(&out), &wide),
		    "\"%s\" parses, \"%s\" does not", buf_text(&text),
		    buf_text(&out));
		ck_assert_msg(plain.kind == masked.kind &&
		        plain.is_read == masked.is_read &&
		        plain.needs_primary == masked.needs_primary &&
		        plain.isolation == masked.isolation &&
		        plain.access == masked.access,
		    "\"%s\" and its shape \"%s\"", buf_text(&text),
		    buf_text(&out));
		ck_assert_msg(plain.effects == masked.effects &&
		        plain.followed == masked.followed,
		    "\"%s\" and its shape \"%s\"", buf_text(&text),
		    buf_text(&out));
		check_ops(&plain, &masked, buf_text(&text));
	}
	ck_assert_int_gt(parsed, 2000);
	buf_fini(&text);
	buf_fini(&out);
}
END_TEST

/* Pairs that differ in what matters, and so must not share a verdict. */
static const struct {
	const char *a, *b;
} distinct[] = {
    {"set a = 'b'", "set a = 'c'"},
    {"set a = 1", "set a = 2"},
    {"begin; set a = 'b'", "begin; set a = 'c'"},
    {"select set_config('a', 'b', true)", "select set_config('a', 'b', false)"},
    {"select set_config('a', 'b', true)", "select set_config('c', 'b', true)"},
    {"select set_config('a', $1, true)", "select set_config('a', $2, true)"},
    {"select \"set_config\"('a', 'b')", "select \"set_config\"('a', 'c')"},
    {"select U&\"set\\005fconfig\"('a', 'b')",
        "select U&\"set\\005fconfig\"('a', 'c')"},
    {"select set_config(a, (select 'b'), true)",
        "select set_config(a, (select 'c'), true)"},
    {"explain (analyze 0) select 1", "explain (analyze 1) select 1"},
    {"explain (analyze 'on') select 1", "explain (analyze 'off') select 1"},
    {"copy t to stdout (format 'csv')", "copy t to stdout (format 'binary')"},
    {"copy t to '/a'", "copy t to '/b'"},
    {"select nextval('a'::regclass)", "select nextval('b'::regclass)"},
    {"select nextval(cast('a' as regclass))",
        "select nextval(cast('b' as regclass))"},
    {"select regclass 'a'", "select regclass 'b'"},
    {"select 'a'::pg_catalog.regclass", "select 'b'::pg_catalog.regclass"},
    {"select 'a'::U&\"regclass\"", "select 'b'::U&\"regclass\""},
    {"set a = 'b\\'", "set a = 'b'"},
    {"select 1", "select '1'"},
    {"select 1", "select 1.0"},
    {"select a", "select \"A\""},
    {"select a--1", "select a- -1"},
    {"select a", "select a; select a"},
    {"values (1), (f())", "values (1), (2)"},
    {"select a in (1, f())", "select a in (1, 2)"},
    {"select a in (1, f(), g())", "select a in (1, f(), f())"},
    {"select a in (f(1), f(1), 2)", "select a in (f(1), g(1), 2)"},
};

START_TEST(shape_keeps_apart_what_matters)
{
	struct buf out = {0};
	struct shape a, b;

	for (int std = 0; std < 2; std++) {
		scan(&a, &out, distinct[_i].a, std);
		scan(&b, &out, distinct[_i].b, std);
		ck_assert_msg(!is_same(&a, &b), "\"%s\" and \"%s\"",
		    distinct[_i].a, distinct[_i].b);
	}
	buf_fini(&out);
}
END_TEST

START_TEST(shape_of_old_strings_means_the_same_under_new_ones)
{
	struct buf out = {0};
	struct shape old, new;

	scan(&old, &out, "set a = 'b\\'c', 'd'; select '\\'', 1", false);
	ck_assert_str_eq(
	    buf_text(&out), "set a = e'b\\'c', e'd'; select '', 1");
	scan(&old, &out, "set a = N'b\\'c'", false); /* cannot be written */
	ck_assert_uint_eq(old.flags, SHAPE_JUNK);
	scan(&old, &out, "select 1", false);
	scan(&new, &out, "select 1", true);
	ck_assert(!is_same(&old, &new));
	buf_fini(&out);
}
END_TEST

START_TEST(shape_of_lists_of_any_length_is_one)
{
	struct buf text = {0}, out = {0};
	struct shape first, shape;

	for (int n = 1; n < 3000; n = n * 3 + 1) {
		buf_clear(&text);
		buf_append_str(&text, "select * from t where a in (");
		for (int i = 0; i < n; i++) {
			buf_printf(&text, "%s%d", i == 0 ? "" : ", ", i);
		}
		buf_append_str(&text, ") and b = $9");
		scan(&shape, &out, buf_text(&text), true);
		if (n == 1) {
			first = shape;
		}
		ck_assert(is_same(&first, &shape));
		ck_assert_uint_eq(shape.token_count, first.token_count);
	}
	buf_fini(&text);
	buf_fini(&out);
}
END_TEST

START_TEST(shape_counts_statements_brackets_and_odd_bytes)
{
	struct buf out = {0};
	struct shape shape;

	scan(&shape, &out, ";; select (1); ; select ((2)[3]);", true);
	ck_assert_uint_eq(shape.statements, 2);
	ck_assert_uint_eq(shape.depth, 2);
	ck_assert_uint_eq(shape.flags, 0);
	scan(&shape, &out, "select ')' /* ( */ -- (\n", true);
	ck_assert_uint_eq(shape.depth, 0);
	scan(&shape, &out, "select (((1", true);
	ck_assert_uint_eq(shape.depth, 3);
	scan(&shape, &out, "))))select 1", true);
	ck_assert_uint_eq(shape.depth, 0);
	scan(&shape, &out, "select 'a", true);
	ck_assert_uint_eq(shape.flags, SHAPE_UNTERMINATED);
	scan(&shape, &out, "select 0x1f", true);
	ck_assert_uint_eq(shape.flags, SHAPE_JUNK);
	scan(&shape, &out, "select '\xc3\xa9'", true);
	ck_assert_uint_eq(shape.flags, SHAPE_HAS_HIGH_BIT);
	shape_scan(&shape, &out, "select '\0'", 10, true);
	ck_assert(shape.flags & SHAPE_HAS_NUL);
	shape_scan(&shape, &out, "\"regclass\0\0\0\0\0\"", 15, true);
	ck_assert(shape.flags & SHAPE_HAS_NUL);
	shape_scan(&shape, &out, NULL, 0, true);
	ck_assert_uint_eq(shape.token_count, 0);
	buf_fini(&out);
}
END_TEST

START_TEST(shape_survives_brackets_and_lists_nested_without_end)
{
	static const char *const units[] = {"(", "[", "in (", "values (",
	    "array[", "values (in (", ")", "),(", "in (1,", "explain (",
	    "set_config(", "'a'::regclass,", "in ('a'::regclass,"};
	struct buf text = {0}, out = {0};
	struct shape shape;

	for (size_t k = 0; k < sizeof(units) / sizeof(units[0]); k++) {
		buf_clear(&text);
		for (int i = 0; i < 20000; i++) {
			buf_append_str(&text, units[k]);
		}
		scan(&shape, &out, buf_text(&text), true);
		ck_assert_uint_le(out.length, 2 * text.length + 64);
	}
	buf_fini(&text);
	buf_fini(&out);
}
END_TEST

START_TEST(shape_allocates_nothing_once_its_buffer_is_warm)
{
	struct buf out = {0};
	struct shape shape;
	const uint8_t *data;

	scan(
	    &shape, &out, "select a from t where b = 'some longer text'", true);
	data = out.data;
	for (int i = 0; i < 100; i++) {
		scan(&shape, &out, "select a from t where b = 'x'", true);
		ck_assert_ptr_eq(out.data, data);
	}
	buf_fini(&out);
}
END_TEST

int
main(void)
{
	const int shape_count = (int)(sizeof(shapes) / sizeof(shapes[0]));
	Suite *suite = suite_create("shape");
	TCase *tcase = tcase_create("shape");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, shape_is_as_the_table_says, 0, shape_count);
	tcase_add_loop_test(tcase, shape_of_a_shape_is_itself, 0, shape_count);
	tcase_add_test(tcase, shape_of_a_shape_is_itself_for_any_text);
	tcase_add_test(
	    tcase, shape_parses_as_its_text_does_to_the_same_verdict);
	tcase_add_loop_test(tcase, shape_keeps_apart_what_matters, 0,
	    (int)(sizeof(distinct) / sizeof(distinct[0])));
	tcase_add_test(
	    tcase, shape_of_old_strings_means_the_same_under_new_ones);
	tcase_add_test(tcase, shape_of_lists_of_any_length_is_one);
	tcase_add_test(tcase, shape_counts_statements_brackets_and_odd_bytes);
	tcase_add_test(
	    tcase, shape_survives_brackets_and_lists_nested_without_end);
	tcase_add_test(tcase, shape_allocates_nothing_once_its_buffer_is_warm);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
