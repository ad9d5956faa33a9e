/* test_effects.c - session effects by key words, in any pieces. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "sql/effects.h"
#include "sql/session_ops.h"
#include "sql/shape.h"
#include "sql/verdict.h"
#include "support/sqlgen.h"

#define E(effect) EFFECT_##effect

static const struct row {
	const char *text;
	enum sql_kind kind;
	char where;
	uint32_t effects;
} rows[] = {
#include "unit/sql/verdict_rows.def"
};

/* What the scan must find free although it is no parser. */
static const char *const free_texts[] = {
    "select p.pg_advisory_lock.r",
    "insert into t (a, b) values (1, 'x'), (2, null), (-3.5e-7, default)",
    "insert into s.t (a, b) values (1, 'x')",
    "insert into \"T\" as x (a) select b from u where c in (1, 2, 3)",
    "insert into t values (1) on conflict (a) do update set b = excluded.b "
    "returning a, b",
    "insert into t values (1) on conflict (a) do update set (b, c) = (1, 2)",
    "insert into t (a) values (now()), (coalesce(null, 1)), (nextval('s'))",
    "select * from t where id in (1, 2, 3) and name like ('x') order by (a)",
    "select * from t where id = any (array[1, 2]) group by (a) limit (1)",
    "select a.b, count(*), pg_catalog.lower(c) from a left join (select 1) x "
    "on (true) cross join lateral (select 2) y",
    "select * from unnest($1) as t(a, b), generate_series(1, 2) g(i)",
    "select * from json_to_recordset('[]') x(a int, b varchar(10))",
    "select sum(a) over (partition by (b) order by c), count(*) filter "
    "(where d) from t",
    "with x (a, b) as (select 1, 2), y as materialized (select 3) select 4",
    "select 1::numeric(10, 2), a::s.thing(3), cast(a as bit(3))",
    "select 'it''s', E'a\\'b', $$ set x = 1 $$, $a$ load $b$ $a$, U&'x', "
    "b'01', x'ff', n'n', 1.5e+10, .5, 1., $1",
    "select 'a' -- c\n 'set role x; --' /* load /* x */ 'y' */, \"a\"\"b\"",
    "select a -- set x\n - - 1 / 2 /* set */ * 3",
    "update t set a = 1, b = lower(c) where d in (1) returning *",
    "delete from t using u where (a) is null",
    "merge into t using u on (t.a = u.a) when matched then delete when not "
    "matched then insert (a, b) values (1, 2)",
    "begin; set transaction read only; set local work_mem = '1GB'; commit",
    "begin read only; ; end;",
    "copy t (a, b) from stdin",
    "create table t (a int primary key (b), c text)",
    "create index a on b using btree",
    "select a from t where a @> '{}' and b ? 'x' and c <-> d < 5",
    "select (a).b, (c[1]).d, e.f.g from t",
    "select distinct on (a, (b)) lower(c) from t",
    "values (1), (2)",
    "(select 1) union (select 2)",
    "prepare transaction 'x'",
    "declare c cursor for select 1; fetch 5 from c; close c",
};

/* What must pin, and not even the parser may be needed to see it. */
static const struct {
	const char *text;
	uint32_t effects;
} pinning[] = {
    {"select distinct on (a) pg_advisory_lock(1)", E(ADVISORY_LOCK)},
    {"select distinct on (a) f(1)", E(FUNCTION)},
    {"select 1; select pg_advisory_lock (1)", E(ADVISORY_LOCK)},
    {"select pg_advisory_lock/**/--\n(1)", E(ADVISORY_LOCK)},
    {"select \"pg_advisory_lock\"(1)", E(ADVISORY_LOCK)},
    {"select U&\"pg\\005fadvisory_lock\"(1)", E(FUNCTION)},
    {"select s . pg_advisory_lock(1)", E(FUNCTION)},
    {"select pg_catalog . pg_advisory_lock(1)", E(ADVISORY_LOCK)},
    {"select (1::bigint).pg_advisory_lock", E(ADVISORY_LOCK)},
    {"select (a).b.pg_advisory_lock", E(ADVISORY_LOCK)},
    {"select x.pg_advisory_lock from f x", E(ADVISORY_LOCK)},
    {"select p.r.pg_advisory_lock from p.r", E(ADVISORY_LOCK)},
    {"set local.x = 1", E(SET)},
    {"set local = 1", E(SET)},
    {"set local to 1", E(SET)},
    {"set transaction.x to 1", E(SET)},
    {"set transaction = a", E(SET)},
    {"set constraints /**/ . x = a", E(SET)},
    {"set local names 'SJIS'", E(SET)},
    {"set local client_encoding = 'SJIS'", E(SET)},
    {"set local standard_conforming_strings = off", E(SET)},
    {"insert into t (a) select f(b) from u", E(FUNCTION)},
    {"insert into t values (f (1))", E(FUNCTION)},
    {"select a from t join conflict(1) on true", E(FUNCTION)},
    {"insert into t select a from u join v on conflict(a)", E(FUNCTION)},
    {"select join(1)", E(FUNCTION)},
    {"select over(1)", E(FUNCTION)},
    {"select by(1)", E(FUNCTION)},
    {"select set(1)", E(FUNCTION)},
    {"select key(1)", E(FUNCTION)},
    {"select zone(1)", E(FUNCTION)},
    {"select 1 operator(s.+) f(2)", E(FUNCTION)},
    {"select null f(1)", E(FUNCTION)},
    {"select a[1:f(2)]", E(FUNCTION)},
    {"select 1from f(2)", E(UNKNOWN)},
    {"select 1 where f(2)", E(FUNCTION)},
    {"select 'a'\n'b', f(1)", E(FUNCTION)},
    {"select e'\\'', f(1) --'", E(FUNCTION)},
    {"select '\\', f(1) --'", E(FUNCTION)},
    {"select $a$ $a, f(1) $a$, f(1)", E(FUNCTION)},
    {"select $$ $$, f(1)", E(FUNCTION)},
    {"select 1 /* /* */ */, f(1)", E(FUNCTION)},
    {"select set_config('a', 'b', true)", E(SET_CONFIG)},
    {"create temp table t (a int)", E(TEMPORARY)},
    {"create or replace temp view v as select 1", E(TEMPORARY)},
    {"select 1 into temporary t", E(TEMPORARY)},
    {"insert into pg_temp.t values (1)", E(TEMPORARY)},
    {"insert into \"pg_temp_3\".t values (1)", E(TEMPORARY)},
    {"insert into U&\"pg\\005ftemp\".t values (1)", E(UNKNOWN)},
    {"set local search_path = x", E(SET)},
    {"set local \"search_path\" = x", E(SET)},
    {"select 1; set x = 1; select 2", E(SET)},
    {"explain (costs) execute p", E(PREPARE)},
    {"select 'a", E(UNKNOWN)},
    {"select /* a", E(UNKNOWN)},
    {"select $a$ b", E(UNKNOWN)},
    {"select \"a", E(UNKNOWN)},
    {"select {", E(UNKNOWN)},
    {"+ 1", E(UNKNOWN)},
    {"foo 1", E(UNKNOWN)},
    {"\"select\" 1", E(UNKNOWN)},
};

static uint32_t
scan(const char *text)
{
	return effect_scan_text(text, strlen(text), true);
}

static uint32_t
scan_in_pieces(const char *text, size_t length, size_t piece, bool std_strings)
{
	struct effect_scan scan;

	effect_scan_init(&scan, std_strings);
	for (size_t i = 0; i < length; i += piece) {
		effect_scan_feed(
		    &scan, text + i, length - i < piece ? length - i : piece);
	}
	return effect_scan_finish(&scan);
}

START_TEST(effects_never_misses_what_the_parser_sees)
{
	const struct row *row = &rows[_i];

	ck_assert_msg(row->effects == 0 || scan(row->text) != 0,
	    "\"%s\" pins, but not by its key words", row->text);
}
END_TEST

/* Texts by chance: what pins by the parser's verdict, pins by key words. */
START_TEST(effects_never_misses_what_the_parser_sees_in_any_text)
{
	struct sqlgen gen = {.seed = 0x13579bdf2468ace0};
	struct buf text = {0}, out = {0};
	struct verdict verdict;
	struct shape shape;
	int parsed = 0, found = 0;

	for (int i = 0; i < 20000; i++) {
		sqlgen_statement(&gen, &text);
		if (i % 2 == 0) {
			sqlgen_mutate(&gen, &text);
		}
		shape_scan(
		    &shape, &out, (char *)buf_bytes(&text), text.length, true);
		if (!verdict_parse(&verdict, &shape, buf_text(&out),
		        &verdict_bounds_default)) {
			continue;
		}
		session_ops_release(&verdict.ops);
		parsed++;
		found += verdict.effects == 0 && scan(buf_text(&text)) == 0;
		/* 'pg_temp.x'::regclass names, but makes nothing. */
		ck_assert_msg(
		    (verdict.effects & ~(uint32_t)E(TEMPORARY)) == 0 ||
		        scan(buf_text(&text)) != 0,
		    "\"%s\": %s", buf_text(&text),
		    sql_effect_name(verdict.effects));
	}
	ck_assert_int_gt(parsed, 4000);
	ck_assert_int_gt(found, 1000);
	buf_fini(&text);
	buf_fini(&out);
}
END_TEST

START_TEST(effects_of_plain_statements_are_none)
{
	ck_assert_msg(scan(free_texts[_i]) == EFFECT_NONE, "\"%s\": %s",
	    free_texts[_i], sql_effect_name(scan(free_texts[_i])));
}
END_TEST

START_TEST(effects_of_what_pins_are_found)
{
	ck_assert_msg(scan(pinning[_i].text) & pinning[_i].effects,
	    "\"%s\": %#x", pinning[_i].text, scan(pinning[_i].text));
}
END_TEST

START_TEST(effects_do_not_depend_on_how_the_text_is_cut)
{
	const char *text = _i < (int)(sizeof(rows) / sizeof(rows[0]))
	    ? rows[_i].text
	    : pinning[_i - (int)(sizeof(rows) / sizeof(rows[0]))].text;
	const size_t length = strlen(text);

	for (int std = 0; std < 2; std++) {
		const uint32_t whole = effect_scan_text(text, length, std);

		for (size_t piece = 1; piece < 9; piece++) {
			ck_assert_uint_eq(
			    whole, scan_in_pieces(text, length, piece, std));
		}
	}
}
END_TEST

START_TEST(effects_of_a_shape_are_those_of_its_text)
{
	struct buf out = {0};
	struct shape shape;

	shape_scan(&shape, &out, free_texts[_i], strlen(free_texts[_i]), true);
	ck_assert_msg(scan(buf_text(&out)) == EFFECT_NONE, "\"%s\": %s",
	    buf_text(&out), sql_effect_name(scan(buf_text(&out))));
	buf_fini(&out);
}
END_TEST

START_TEST(effects_follow_the_string_setting)
{
	static const char text[] = "select '\\', f(1) --'";

	ck_assert_uint_eq(
	    effect_scan_text(text, strlen(text), true), EFFECT_FUNCTION);
	ck_assert_uint_eq(
	    effect_scan_text(text, strlen(text), false), EFFECT_NONE);
}
END_TEST

START_TEST(effects_of_big_inserts_and_lists_are_none)
{
	struct buf text = {0};

	buf_append_str(&text, "INSERT INTO app.events (id, name, at) VALUES ");
	for (int i = 0; i < 20000; i++) {
		buf_printf(&text,
		    "%s(%d, 'name %d; SET x', '2020-01-01'::date)",
		    i == 0 ? "" : ",\n", i, i);
	}
	buf_append_str(&text, "; SELECT * FROM t WHERE id IN (0");
	for (int i = 0; i < 50000; i++) {
		buf_printf(&text, ", %d", i);
	}
	buf_append_str(&text, ")");
	ck_assert_uint_gt(text.length, 1 << 20);
	ck_assert_uint_eq(
	    effect_scan_text((char *)buf_bytes(&text), text.length, true),
	    EFFECT_NONE);
	buf_append_str(&text, "; select f(1)");
	ck_assert_uint_eq(
	    effect_scan_text((char *)buf_bytes(&text), text.length, true),
	    EFFECT_FUNCTION);
	buf_fini(&text);
}
END_TEST

START_TEST(effects_survive_words_and_tags_of_any_length)
{
	char word[300];
	struct buf text = {0};

	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	buf_printf(&text, "select %s from \"%s\"", word, word);
	ck_assert_uint_eq(scan(buf_text(&text)), EFFECT_NONE);
	buf_clear(&text);
	buf_printf(&text, "select %s(1)", word);
	ck_assert_uint_eq(scan(buf_text(&text)), EFFECT_FUNCTION);
	buf_clear(&text);
	buf_printf(&text, "select $%s$ x $%s$", word, word);
	ck_assert_uint_eq(scan(buf_text(&text)), EFFECT_UNKNOWN);
	buf_fini(&text);
}
END_TEST

int
main(void)
{
	const int row_count = (int)(sizeof(rows) / sizeof(rows[0]));
	const int free_count =
	    (int)(sizeof(free_texts) / sizeof(free_texts[0]));
	const int pin_count = (int)(sizeof(pinning) / sizeof(pinning[0]));
	Suite *suite = suite_create("effects");
	TCase *words = tcase_create("key words");
	TCase *pieces = tcase_create("pieces");

	tcase_add_loop_test(
	    words, effects_never_misses_what_the_parser_sees, 0, row_count);
	tcase_set_timeout(words, 60);
	tcase_add_test(
	    words, effects_never_misses_what_the_parser_sees_in_any_text);
	tcase_add_loop_test(
	    words, effects_of_plain_statements_are_none, 0, free_count);
	tcase_add_loop_test(
	    words, effects_of_what_pins_are_found, 0, pin_count);
	tcase_add_loop_test(
	    words, effects_of_a_shape_are_those_of_its_text, 0, free_count);
	tcase_add_loop_test(pieces,
	    effects_do_not_depend_on_how_the_text_is_cut, 0,
	    row_count + pin_count);
	tcase_add_test(pieces, effects_follow_the_string_setting);
	tcase_add_test(pieces, effects_of_big_inserts_and_lists_are_none);
	tcase_add_test(pieces, effects_survive_words_and_tags_of_any_length);
	suite_add_tcase(suite, words);
	suite_add_tcase(suite, pieces);
	return unit_run(suite);
}
