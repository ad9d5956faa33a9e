/* test_verdict.c - what statements are, and how far they are parsed. */
#include "support/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "sql/session_ops.h"
#include "sql/shape.h"
#include "sql/verdict.h"

#define E(effect) EFFECT_##effect

/* R: a read. W: not a read, may run in a READ ONLY transaction on a replica.
 * P: needs the primary. */
static const struct row {
	const char *text;
	enum sql_kind kind;
	char where;
	uint32_t effects;
} rows[] = {
#include "unit/sql/verdict_rows.def"
};

static bool
judge(const char *text, struct verdict *verdict)
{
	struct buf out = {0};
	struct shape shape;
	bool ok;

	shape_scan(&shape, &out, text, strlen(text), true);
	ok = verdict_parse(
	    verdict, &shape, buf_text(&out), &verdict_bounds_default);
	session_ops_release(&verdict->ops);
	buf_fini(&out);
	return ok;
}

static void
check_row(const struct row *row)
{
	struct verdict verdict;
	char where;

	(void)judge(row->text, &verdict);
	where = verdict.is_read ? 'R' : verdict.needs_primary ? 'P' : 'W';
	ck_assert_msg(verdict.kind == row->kind && where == row->where &&
	        verdict.effects == row->effects,
	    "\"%s\": got %s %c effects %#x (%s), want %s %c effects %#x (%s)",
	    row->text, sql_kind_name(verdict.kind), where, verdict.effects,
	    verdict.reason == NULL ? "-" : verdict.reason,
	    sql_kind_name(row->kind), row->where, row->effects,
	    sql_effect_name(row->effects));
	ck_assert_msg((verdict.reason == NULL) == verdict.is_read,
	    "\"%s\": a reason, if and only if it is no read", row->text);
	ck_assert_msg(verdict.effects == 0 || verdict.needs_primary,
	    "\"%s\": what pins needs the primary", row->text);
}

START_TEST(verdict_is_as_the_table_says)
{
	check_row(&rows[_i]);
}
END_TEST

START_TEST(verdict_does_not_depend_on_how_the_text_is_laid_out)
{
	const struct row *row = &rows[_i];
	struct buf text = {0};
	struct verdict plain, spread;

	if (strpbrk(row->text, "'\"$/-\n.:<>=") != NULL) {
		return; /* a blank could matter */
	}
	for (const char *p = row->text; *p != '\0'; p++) {
		if (*p == ' ') {
			buf_append_str(&text, "\n/* a /* b */ ; */--x'\n\t");
		} else {
			buf_append(&text, p, 1);
		}
	}
	(void)judge(row->text, &plain);
	(void)judge(buf_text(&text), &spread);
	ck_assert_int_eq(plain.kind, spread.kind);
	ck_assert_int_eq(plain.is_read, spread.is_read);
	ck_assert_uint_eq(plain.effects, spread.effects);
	buf_fini(&text);
}
END_TEST

START_TEST(verdict_of_several_statements_is_that_of_the_worst)
{
	const struct row *row = &rows[_i];
	struct buf text = {0};
	struct verdict one, two;

	if (!judge(row->text, &one) || one.kind == SQL_EMPTY) {
		return;
	}
	buf_printf(&text, "select 1; %s", row->text);
	(void)judge(buf_text(&text), &two);
	ck_assert_int_eq(two.kind, SQL_MULTI);
	ck_assert_msg(one.is_read == two.is_read &&
	        one.effects == two.effects &&
	        one.needs_primary == two.needs_primary &&
	        one.has_transaction_control == two.has_transaction_control,
	    "\"%s\" behind another", row->text);
	buf_fini(&text);
}
END_TEST

static const struct {
	const char *text;
	enum sql_isolation isolation;
	enum sql_access access;
	bool is_deferrable;
} begins[] = {
    {"begin", ISOLATION_DEFAULT, ACCESS_DEFAULT, false},
    {"BEGIN READ ONLY", ISOLATION_DEFAULT, ACCESS_READ_ONLY, false},
    {"start transaction read only", ISOLATION_DEFAULT, ACCESS_READ_ONLY, false},
    {"begin work read write", ISOLATION_DEFAULT, ACCESS_READ_WRITE, false},
    {"begin isolation level serializable, read only, deferrable",
        ISOLATION_SERIALIZABLE, ACCESS_READ_ONLY, true},
    {"begin isolation level serializable read only not deferrable",
        ISOLATION_SERIALIZABLE, ACCESS_READ_ONLY, false},
    {"begin transaction isolation level repeatable read",
        ISOLATION_REPEATABLE_READ, ACCESS_DEFAULT, false},
    {"begin isolation level read committed", ISOLATION_READ_COMMITTED,
        ACCESS_DEFAULT, false},
    {"begin isolation level read uncommitted", ISOLATION_READ_UNCOMMITTED,
        ACCESS_DEFAULT, false},
    {"begin read only, read write", ISOLATION_DEFAULT, ACCESS_READ_WRITE,
        false},
    {"set transaction read write", ISOLATION_DEFAULT, ACCESS_READ_WRITE, false},
    {"set transaction isolation level serializable", ISOLATION_SERIALIZABLE,
        ACCESS_DEFAULT, false},
};

START_TEST(verdict_tells_the_modes_of_a_transaction)
{
	struct verdict verdict;

	ck_assert(judge(begins[_i].text, &verdict));
	ck_assert_int_eq(verdict.isolation, begins[_i].isolation);
	ck_assert_int_eq(verdict.access, begins[_i].access);
	ck_assert_int_eq(verdict.is_deferrable, begins[_i].is_deferrable);
}
END_TEST

START_TEST(verdict_tells_chained_transactions)
{
	struct verdict verdict;

	ck_assert(judge("commit and chain", &verdict));
	ck_assert(verdict.has_chain && verdict.has_transaction_control);
	ck_assert(judge("rollback and no chain", &verdict));
	ck_assert(!verdict.has_chain && verdict.has_transaction_control);
	ck_assert(judge("savepoint a", &verdict));
	ck_assert(!verdict.has_transaction_control);
	ck_assert(judge("rollback to a", &verdict));
	ck_assert(verdict.has_transaction_control);
}
END_TEST

START_TEST(verdict_tells_which_way_a_copy_goes)
{
	struct verdict verdict;

	ck_assert(judge("copy t from stdin; select 1", &verdict));
	ck_assert(verdict.has_copy_in && !verdict.has_copy_out);
	ck_assert(judge("copy t to stdout", &verdict));
	ck_assert(!verdict.has_copy_in && verdict.has_copy_out);
	ck_assert(judge("copy t to '/tmp/x'", &verdict));
	ck_assert(!verdict.has_copy_in && !verdict.has_copy_out);
}
END_TEST

START_TEST(verdict_names_every_effect_and_kind)
{
	for (unsigned i = 0; i < EFFECT_COUNT; i++) {
		ck_assert_uint_gt(strlen(sql_effect_name(1U << i)), 0);
	}
	ck_assert_str_eq(sql_effect_name(0), "none");
	for (int kind = SQL_UNKNOWN; kind <= SQL_OTHER; kind++) {
		ck_assert_ptr_nonnull(sql_kind_name((enum sql_kind)kind));
	}
}
END_TEST

/* ---- bounds -------------------------------------------------------------- */

/* PREFIX, UNIT n times, MIDDLE, CLOSE n times, SUFFIX. */
static const struct chain {
	const char *prefix, *unit, *middle, *close, *suffix;
} chains[] = {
#include "unit/sql/chain_rows.def"
};

static void
build_chain(struct buf *out, const struct chain *chain, unsigned count)
{
	buf_clear(out);
	buf_append_str(out, chain->prefix);
	for (unsigned i = 0; i < count; i++) {
		buf_append_str(out, chain->unit);
	}
	buf_append_str(out, chain->middle);
	for (unsigned i = 0; i < count; i++) {
		buf_append_str(out, chain->close);
	}
	buf_append_str(out, chain->suffix);
}

/* Whether COUNT units of CHAIN are within the default bounds. */
static bool
is_within(const struct chain *chain, unsigned count)
{
	struct buf text = {0}, out = {0};
	struct shape shape;

	build_chain(&text, chain, count);
	shape_scan(&shape, &out, (char *)buf_bytes(&text), text.length, true);
	const bool is_inside = shape.token_count <= VERDICT_TOKENS_DEFAULT &&
	    shape.depth <= VERDICT_DEPTH_DEFAULT &&
	    out.length <= VERDICT_BYTES_DEFAULT;

	buf_fini(&text);
	buf_fini(&out);
	return is_inside;
}

struct job {
	const struct chain *chain;
	unsigned count;
	bool ok;
	struct verdict verdict;
};

static void *
run_job(void *context)
{
	struct job *job = context;
	struct buf text = {0};

	build_chain(&text, job->chain, job->count);
	job->ok = judge(buf_text(&text), &job->verdict);
	buf_fini(&text);
	return NULL;
}

/* On a stack of exactly what the header promises to be enough. */
static void
run_on_small_stack(struct job *job)
{
	pthread_attr_t attr;
	pthread_t thread;

	ck_assert_int_eq(pthread_attr_init(&attr), 0);
	ck_assert_int_eq(
	    pthread_attr_setstacksize(&attr, VERDICT_STACK_BYTES), 0);
	ck_assert_int_eq(pthread_create(&thread, &attr, run_job, job), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(pthread_attr_destroy(&attr), 0);
}

START_TEST(verdict_parses_every_production_at_the_bound_on_a_small_stack)
{
	struct job job = {.chain = &chains[_i]};
	unsigned count = 1;

	while (is_within(job.chain, count + 1) && count < 2000) {
		count++;
	}
	job.count = count;
	run_on_small_stack(&job);
	ck_assert_msg(
	    job.ok, "%u times \"%s\" is not parsed", count, job.chain->unit);
}
END_TEST

START_TEST(verdict_refuses_any_production_beyond_the_bound)
{
	struct job job = {.chain = &chains[_i], .count = 100000};

	if (is_within(job.chain, 3000)) {
		return; /* a list, that the shape makes short */
	}
	run_on_small_stack(&job);
	ck_assert(!job.ok);
	ck_assert_int_eq(job.verdict.kind, SQL_UNKNOWN);
	ck_assert(!job.verdict.is_read && job.verdict.needs_primary);
	ck_assert_uint_eq(job.verdict.effects, EFFECT_UNKNOWN);
}
END_TEST

START_TEST(verdict_refuses_what_the_scanner_does_not_understand)
{
	static const char *const texts[] = {"select 'a", "select 0x1f",
	    "select 1_000", "select /* a", "select \"a", "select $a$ b",
	    "select 1 \\", "select 1\v", "selec 1", "select 1 where"};
	struct verdict verdict;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_msg(!judge(texts[i], &verdict), "%s", texts[i]);
		ck_assert_int_eq(verdict.kind, SQL_UNKNOWN);
		ck_assert(verdict.has_transaction_control);
	}
}
END_TEST

int
main(void)
{
	const int row_count = (int)(sizeof(rows) / sizeof(rows[0]));
	const int begin_count = (int)(sizeof(begins) / sizeof(begins[0]));
	const int chain_count = (int)(sizeof(chains) / sizeof(chains[0]));
	Suite *suite = suite_create("verdict");
	TCase *table = tcase_create("classification");
	TCase *bounds = tcase_create("bounds");

	tcase_add_loop_test(table, verdict_is_as_the_table_says, 0, row_count);
	tcase_add_loop_test(table,
	    verdict_does_not_depend_on_how_the_text_is_laid_out, 0, row_count);
	tcase_add_loop_test(table,
	    verdict_of_several_statements_is_that_of_the_worst, 0, row_count);
	tcase_add_loop_test(
	    table, verdict_tells_the_modes_of_a_transaction, 0, begin_count);
	tcase_add_test(table, verdict_tells_chained_transactions);
	tcase_add_test(table, verdict_tells_which_way_a_copy_goes);
	tcase_add_test(table, verdict_names_every_effect_and_kind);
	tcase_set_timeout(bounds, 60);
	tcase_add_loop_test(bounds,
	    verdict_parses_every_production_at_the_bound_on_a_small_stack, 0,
	    chain_count);
	tcase_add_loop_test(bounds,
	    verdict_refuses_any_production_beyond_the_bound, 0, chain_count);
	tcase_add_test(
	    bounds, verdict_refuses_what_the_scanner_does_not_understand);
	suite_add_tcase(suite, table);
	suite_add_tcase(suite, bounds);
	return unit_run(suite);
}
