/* test_session_ops.c - what texts do to their session. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "sql/session_ops.h"
#include "sql/shape.h"
#include "sql/verdict.h"
#include "support/ops_text.h"
#include "support/sqlgen.h"

#define E(effect) EFFECT_##effect

static const struct row {
	const char *text;
	const char *ops;
	uint32_t effects;
	uint32_t followed;
} rows[] = {
#include "unit/sql/session_rows.def"
};

#define ROW_COUNT ((int)(sizeof(rows) / sizeof(rows[0])))

/* The verdict on TEXT, whose operations go to OPS as text. */
static bool
judge(const char *text, struct verdict *verdict, struct buf *ops)
{
	struct buf out = {0};
	struct shape shape;
	bool ok;

	shape_scan(&shape, &out, text, strlen(text), true);
	ok = verdict_parse(
	    verdict, &shape, buf_text(&out), &verdict_bounds_default);
	ops_to_text(ops, verdict->ops);
	session_ops_release(&verdict->ops);
	buf_fini(&out);
	return ok;
}

START_TEST(session_ops_are_as_the_table_says)
{
	const struct row *row = &rows[_i];
	struct verdict verdict;
	struct buf ops = {0};

	ck_assert_msg(judge(row->text, &verdict, &ops), "\"%s\" does not parse",
	    row->text);
	ck_assert_msg(strcmp(buf_text(&ops), row->ops) == 0,
	    "\"%s\": got \"%s\", want \"%s\"", row->text, buf_text(&ops),
	    row->ops);
	ck_assert_msg(verdict.effects == row->effects &&
	        verdict.followed == row->followed,
	    "\"%s\": got effects %#x followed %#x, want %#x %#x", row->text,
	    verdict.effects, verdict.followed, row->effects, row->followed);
	ck_assert(!verdict.is_read || row->effects == 0);
	buf_fini(&ops);
}
END_TEST

/* ---- without the parser -------------------------------------------------- */

static const char *const recognised[] = {
    "set a = 1",
    "SET LOCAL app.tenant TO 'x';",
    "set session \"My\".\"Tenant\" = 'it''s', b, \"C\", -1.5, + 2, on;;",
    "set search_path = a, \"B\", 'C d', \"$user\"",
    "set role \"R\"",
    "set local role 'r'",
    "set role none",
    "set a to default",
    "reset my.tenant",
    "reset role",
    "select set_config('my.tenant', 'x', false)",
    "select pg_catalog.set_config('a', $1::text, true) as b",
    "select set_config('c', null, false), set_config('d', E'it''s', true);",
    "savepoint a1",
    "release savepoint \"A1\"",
    "release a",
    "rollback to a",
    "rollback work to savepoint a;",
    "rollback transaction to a;",
    "deallocate \"_pg3_1\"",
    "deallocate prepare a",
};

static bool
is_same(const struct verdict *a, const struct verdict *b)
{
	return a->kind == b->kind && a->is_read == b->is_read &&
	    a->needs_primary == b->needs_primary && a->effects == b->effects &&
	    a->followed == b->followed &&
	    a->has_transaction_control == b->has_transaction_control &&
	    a->has_chain == b->has_chain && a->has_copy_in == b->has_copy_in &&
	    a->has_copy_out == b->has_copy_out &&
	    a->isolation == b->isolation && a->access == b->access &&
	    a->is_deferrable == b->is_deferrable &&
	    strcmp(a->reason, b->reason) == 0;
}

/* Whether TEXT is recognised; what is, must be as the parser has it. */
static bool
check_recognised(const char *text)
{
	struct verdict parsed, seen;
	struct buf out = {0}, want = {0}, got = {0};
	struct shape shape;
	bool ok;

	shape_scan(&shape, &out, text, strlen(text), true);
	ok = verdict_recognise(
	    &seen, &shape, buf_text(&out), &verdict_bounds_default);
	if (ok) {
		ck_assert_msg(verdict_parse(&parsed, &shape, buf_text(&out),
		                  &verdict_bounds_default),
		    "\"%s\" does not parse", text);
		ops_to_text(&want, parsed.ops);
		ops_to_text(&got, seen.ops);
		ck_assert_msg(strcmp(buf_text(&want), buf_text(&got)) == 0,
		    "\"%s\": got \"%s\", want \"%s\"", text, buf_text(&got),
		    buf_text(&want));
		ck_assert_msg(is_same(&parsed, &seen), "\"%s\"", text);
		session_ops_release(&parsed.ops);
		session_ops_release(&seen.ops);
	}
	buf_fini(&out);
	buf_fini(&want);
	buf_fini(&got);
	return ok;
}

START_TEST(session_recognises_plain_statements)
{
	ck_assert_msg(
	    check_recognised(recognised[_i]), "\"%s\"", recognised[_i]);
}
END_TEST

START_TEST(session_recognises_only_as_the_parser_reads)
{
	(void)check_recognised(rows[_i].text);
}
END_TEST

/* The statements above with tokens put in, left out and changed. */
START_TEST(session_recognises_only_as_the_parser_reads_by_chance)
{
	const size_t count = sizeof(recognised) / sizeof(recognised[0]);
	struct sqlgen gen = {.seed = 0x0f1e2d3c4b5a6978};
	struct buf text = {0};
	int found = 0;

	for (int i = 0; i < 60000; i++) {
		buf_clear(&text);
		buf_append_str(&text, recognised[(size_t)i % count]);
		sqlgen_mutate(&gen, &text);
		if (i % 3 == 0) {
			sqlgen_mutate(&gen, &text);
		}
		found += check_recognised(buf_text(&text));
	}
	ck_assert_int_gt(found, 3000);
	buf_fini(&text);
}
END_TEST

/* ---- ranges -------------------------------------------------------------- */

static const struct {
	const char *text;
	unsigned index;
	const char *statement; /* NULL: there is none, or it cannot be told */
} ranges[] = {
    {"select 1", 0, "select 1"},
    {"select 1", 1, NULL},
    {"", 0, NULL},
    {" ;; -- x", 0, NULL},
    {" select 1 ; select 2 ;", 0, "select 1"},
    {" select 1 ; select 2 ;", 1, "select 2"},
    {" select 1 ; select 2 ;", 2, NULL},
    {";;select 1;/* a */;select 2", 1, "select 2"},
    {"/* a */ select ';' /* b; */; reset all -- c", 0, "select ';'"},
    {"/* a */ select ';' /* b; */; reset all -- c", 1, "reset all"},
    {"select $$;$$; select $a$;$a$", 1, "select $a$;$a$"},
    {"select \";\"; select u&\";\"", 1, "select u&\";\""},
    {"select E'\\';'; select 2", 1, "select 2"},
    {"create rule r as on insert to t do (select 1; select 2); reset all", 1,
        "reset all"},
    {"select a[1]; select 2", 1, "select 2"},
    {"create function f() returns int begin atomic select 1; end", 0, NULL},
    {"create function f() returns int BEGIN\n Atomic select 1; end; select 2",
        1, NULL},
    {"select 1; create function f() begin atomic select 1; end", 0, NULL},
    {"begin; select atomic", 1, "select atomic"},
    {"select (1; select 2", 0, NULL},
    {"select 1); select 2", 1, NULL},
    {"select 'a; select 2", 0, NULL},
    {"select /* 1; select 2", 0, NULL},
    {"select 0x1f; select 2", 1, NULL},
};

START_TEST(session_statements_are_found_in_their_text)
{
	const char *text = ranges[_i].text, *want = ranges[_i].statement;
	size_t start = 0, end = 0;
	const bool is_found = sql_statement_range(
	    text, strlen(text), true, ranges[_i].index, &start, &end);

	ck_assert_msg(is_found == (want != NULL), "\"%s\"", text);
	if (is_found && want != NULL) {
		ck_assert_msg(end - start == strlen(want) &&
		        memcmp(text + start, want, end - start) == 0,
		    "\"%s\": got \"%.*s\"", text, (int)(end - start),
		    text + start);
	}
}
END_TEST

START_TEST(session_statements_depend_on_the_string_setting)
{
	static const char text[] = "select '\\'; select '";
	size_t start, end;

	ck_assert(sql_statement_range(
	    text, sizeof(text) - 1, false, 0, &start, &end));
	ck_assert_uint_eq(end, sizeof(text) - 1);
	ck_assert(!sql_statement_range(
	    text, sizeof(text) - 1, true, 0, &start, &end));
}
END_TEST

/* As many statements as the parser counts are found by the tokens. */
START_TEST(session_statements_are_counted_as_the_parser_counts)
{
	const char *text = rows[_i].text;
	struct buf out = {0};
	struct verdict verdict;
	struct shape shape;
	size_t start, end;

	shape_scan(&shape, &out, text, strlen(text), true);
	ck_assert(verdict_parse(
	    &verdict, &shape, buf_text(&out), &verdict_bounds_default));
	if (verdict.ops != NULL) {
		const unsigned count = verdict.ops->statements;

		ck_assert(sql_statement_range(
		    text, strlen(text), true, count - 1, &start, &end));
		ck_assert(!sql_statement_range(
		    text, strlen(text), true, count, &start, &end));
	}
	session_ops_release(&verdict.ops);
	buf_fini(&out);
}
END_TEST

START_TEST(session_ops_are_shared_by_counting)
{
	struct buf out = {0};
	struct verdict verdict;
	struct shape shape;
	struct session_ops *other, *none = NULL;

	shape_scan(&shape, &out, "set a = 1", 9, true);
	ck_assert(verdict_parse(
	    &verdict, &shape, buf_text(&out), &verdict_bounds_default));
	other = session_ops_ref(verdict.ops);
	session_ops_release(&verdict.ops);
	ck_assert_ptr_null(verdict.ops);
	ck_assert_str_eq(other->items[0].value, "1");
	session_ops_release(&other);
	ck_assert_ptr_null(session_ops_ref(NULL));
	session_ops_release(&none);
	buf_fini(&out);
}
END_TEST

START_TEST(session_tells_the_temporary_schema_in_a_value)
{
	ck_assert(sql_names_temporary("pg_temp", 7));
	ck_assert(sql_names_temporary("a, \"PG_Temp_3\"", 15));
	ck_assert(!sql_names_temporary("pg_temp", 6));
	ck_assert(!sql_names_temporary("pg\x7ftemp, pg_tem", 15));
	ck_assert(!sql_names_temporary("", 0));
}
END_TEST

int
main(void)
{
	const int range_count = (int)(sizeof(ranges) / sizeof(ranges[0]));
	Suite *suite = suite_create("session_ops");
	TCase *table = tcase_create("operations");
	TCase *plain = tcase_create("without the parser");
	TCase *places = tcase_create("ranges");

	tcase_add_loop_test(
	    table, session_ops_are_as_the_table_says, 0, ROW_COUNT);
	tcase_add_test(table, session_ops_are_shared_by_counting);
	tcase_add_test(table, session_tells_the_temporary_schema_in_a_value);
	tcase_add_loop_test(
	    places, session_statements_are_found_in_their_text, 0, range_count);
	tcase_add_test(places, session_statements_depend_on_the_string_setting);
	tcase_add_loop_test(places,
	    session_statements_are_counted_as_the_parser_counts, 0, ROW_COUNT);
	tcase_set_timeout(plain, 60);
	tcase_add_loop_test(plain, session_recognises_plain_statements, 0,
	    (int)(sizeof(recognised) / sizeof(recognised[0])));
	tcase_add_loop_test(
	    plain, session_recognises_only_as_the_parser_reads, 0, ROW_COUNT);
	tcase_add_test(
	    plain, session_recognises_only_as_the_parser_reads_by_chance);
	suite_add_tcase(suite, table);
	suite_add_tcase(suite, plain);
	suite_add_tcase(suite, places);
	return unit_run(suite);
}
