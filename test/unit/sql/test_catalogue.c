/* test_catalogue.c - verdicts remembered by shape. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "sql/catalogue.h"
#include "sql/session_ops.h"

static const struct catalogue_session plain = {.std_strings = true};

static struct catalogue *catalogue;

static void
setup(void)
{
	struct catalogue_options options = catalogue_options_default;

	options.parse_share_us = 1000000000;
	catalogue = catalogue_new(&options);
}

static void
teardown(void)
{
	catalogue_free(&catalogue);
}

static struct verdict
look_up(const char *text)
{
	struct verdict verdict;

	catalogue_lookup(
	    catalogue, text, strlen(text), &plain, 1000000, &verdict);
	return verdict;
}

START_TEST(catalogue_parses_a_shape_once)
{
	const struct catalogue_counters *counters =
	    catalogue_counters(catalogue);

	ck_assert(look_up("select a from t where b = 1").is_read);
	ck_assert(look_up("SELECT a FROM t WHERE b = 22 -- x").is_read);
	ck_assert(look_up("select a\nfrom t where b=333").is_read);
	ck_assert_uint_eq(counters->parses, 1);
	ck_assert_uint_eq(counters->misses, 1);
	ck_assert_uint_eq(counters->hits, 2);
	ck_assert_uint_eq(catalogue_count(catalogue), 1);
	ck_assert(!look_up("select a from t where b = 'x' for update").is_read);
	ck_assert_uint_eq(counters->parses, 2);
}
END_TEST

START_TEST(catalogue_keys_by_the_string_setting)
{
	static const char text[] = "select '\\' || f('x') || '\\'";
	struct catalogue_session old = {.std_strings = false};
	struct verdict verdict;

	ck_assert_uint_eq(look_up(text).effects, EFFECT_FUNCTION);
	catalogue_lookup(
	    catalogue, text, strlen(text), &old, 1000000, &verdict);
	ck_assert_uint_ne(verdict.kind, SQL_QUERY);
	ck_assert(!verdict.is_read);
}
END_TEST

START_TEST(catalogue_classifies_nothing_in_unsafe_encodings)
{
	struct catalogue_session sjis = {
	    .std_strings = true, .is_encoding_unsafe = true};
	struct verdict verdict;

	catalogue_lookup(catalogue, "select 1", 8, &sjis, 1000000, &verdict);
	ck_assert_int_eq(verdict.kind, SQL_UNKNOWN);
	ck_assert(!verdict.is_read && verdict.needs_primary);
	ck_assert_uint_eq(verdict.effects, EFFECT_UNKNOWN);
	ck_assert_uint_eq(catalogue_count(catalogue), 0);
	ck_assert(!catalogue_last_shape(catalogue, &(struct hash128){0}));
}
END_TEST

START_TEST(catalogue_judges_long_texts_by_key_words)
{
	struct buf text = {0};
	struct verdict verdict;

	buf_append_str(&text, "insert into t (a) values ('");
	for (int i = 0; i < 70000; i++) {
		buf_append_char(&text, 'x');
	}
	buf_append_str(&text, "')");
	verdict = look_up(buf_text(&text));
	ck_assert_int_eq(verdict.kind, SQL_UNKNOWN);
	ck_assert(!verdict.is_read);
	ck_assert_uint_eq(verdict.effects, EFFECT_NONE);
	buf_append_str(&text, "; set a = 1");
	verdict = look_up(buf_text(&text));
	ck_assert_uint_eq(verdict.effects, EFFECT_SET);
	ck_assert_uint_eq(catalogue_counters(catalogue)->too_long, 2);
	ck_assert_uint_eq(catalogue_count(catalogue), 0);
	buf_fini(&text);
}
END_TEST

START_TEST(catalogue_judges_unparsable_shapes_by_key_words_once)
{
	struct buf text = {0};

	buf_append_str(&text, "select 0");
	for (int i = 0; i < 1000; i++) {
		buf_append_str(&text, " + a");
	}
	ck_assert_int_eq(look_up(buf_text(&text)).kind, SQL_UNKNOWN);
	ck_assert_uint_eq(look_up(buf_text(&text)).effects, EFFECT_NONE);
	ck_assert_uint_eq(catalogue_counters(catalogue)->hits, 1);
	ck_assert_uint_eq(look_up("select 0x1f").effects, EFFECT_UNKNOWN);
	ck_assert_uint_eq(look_up("selec 1").effects, EFFECT_UNKNOWN);
	buf_fini(&text);
}
END_TEST

START_TEST(catalogue_forgets_the_least_used_first)
{
	struct catalogue_options options = catalogue_options_default;
	size_t one, count;

	options.parse_share_us = 1000000000;
	(void)look_up("select 1 from t0");
	one = catalogue_used_bytes(catalogue);
	options.bytes = 10 * one;
	catalogue_configure(catalogue, &options);
	for (int i = 0; i < 30; i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "select 1 from t%d", i);
		(void)look_up(text);
		(void)look_up("select 1 from t0"); /* stays young */
		ck_assert_uint_le(
		    catalogue_used_bytes(catalogue), options.bytes);
	}
	count = catalogue_counters(catalogue)->parses;
	ck_assert_uint_eq(catalogue_count(catalogue), 10);
	ck_assert_uint_eq(catalogue_counters(catalogue)->evicted, 20);
	(void)look_up("select 1 from t0");
	(void)look_up("select 1 from t29");
	ck_assert_uint_eq(catalogue_counters(catalogue)->parses, count);
	(void)look_up("select 1 from t5");
	ck_assert_uint_eq(catalogue_counters(catalogue)->parses, count + 1);
	options.bytes = 0;
	catalogue_configure(catalogue, &options);
	ck_assert_uint_eq(catalogue_count(catalogue), 0);
	ck_assert(look_up("select 1 from t5").is_read);
}
END_TEST

START_TEST(catalogue_forgets_when_the_bounds_change)
{
	struct catalogue_options options = catalogue_options_default;

	ck_assert(look_up("select a, b").is_read);
	options.bounds.token_count = 2;
	catalogue_configure(catalogue, &options);
	ck_assert(!look_up("select a, b").is_read);
}
END_TEST

START_TEST(catalogue_parses_no_more_than_its_share)
{
	struct catalogue_options options = catalogue_options_default;
	const struct catalogue_counters *counters;
	struct verdict verdict;
	char text[64];
	int i = 0;

	catalogue_free(&catalogue);
	options.parse_share_us = 2000;
	catalogue = catalogue_new(&options);
	counters = catalogue_counters(catalogue);
	do {
		(void)snprintf(text, sizeof(text), "select f%d(1), 2", i++);
		catalogue_lookup(
		    catalogue, text, strlen(text), &plain, 10000000, &verdict);
	} while (counters->refused == 0 && i < 1000000);
	ck_assert_int_lt(i, 1000000);
	ck_assert_int_eq(verdict.kind, SQL_UNKNOWN);
	ck_assert_uint_eq(verdict.effects, EFFECT_FUNCTION);
	ck_assert_uint_eq(catalogue_count(catalogue), counters->parses);
	/* What is known is still answered, and time brings more. */
	catalogue_lookup(
	    catalogue, "select f0(1), 2", 15, &plain, 10000000, &verdict);
	ck_assert_int_eq(verdict.kind, SQL_QUERY);
	catalogue_lookup(
	    catalogue, text, strlen(text), &plain, 3600000000, &verdict);
	ck_assert_int_eq(verdict.kind, SQL_QUERY);
	ck_assert_uint_eq(
	    counters->misses, counters->parses + counters->refused);
}
END_TEST

/* Ever new settings and savepoints take none of the time for parsing, and no
 * room from verdicts that were parsed. */
START_TEST(catalogue_follows_a_flood_of_settings_without_parsing)
{
	static const char *const texts[][2] = {{"set my.tenant = 't", "'"},
	    {"set local a to ", ""}, {"savepoint s", ""},
	    {"rollback to \"s", "\""},
	    {"select set_config('my.tenant', 't", "', false)"},
	    {"deallocate \"_pg3_", "\""}, {"set role r", ""}};
	const struct catalogue_counters *counters =
	    catalogue_counters(catalogue);
	struct catalogue_options options = catalogue_options_default;
	uint64_t parses;

	options.bytes = 16 << 10;
	options.parse_share_us = 1000000000;
	catalogue_configure(catalogue, &options);
	for (int i = 0; i < 20; i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "select 1 from t%d", i);
		(void)look_up(text);
	}
	parses = counters->parses;
	for (int i = 0; i < 20000; i++) {
		struct verdict verdict;
		char text[64];

		(void)snprintf(text, sizeof(text), "%s%d%s", texts[i % 7][0], i,
		    texts[i % 7][1]);
		verdict = look_up(text);
		ck_assert_ptr_nonnull(verdict.ops);
		ck_assert_uint_eq(verdict.effects, verdict.followed);
		ck_assert_uint_le(
		    catalogue_used_bytes(catalogue), options.bytes);
	}
	ck_assert_uint_eq(counters->parses, parses);
	ck_assert_uint_eq(counters->recognised, 20000);
	for (int i = 0; i < 20; i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "select 1 from t%d", i);
		(void)look_up(text);
	}
	ck_assert_uint_eq(counters->parses, parses);
}
END_TEST

START_TEST(catalogue_remembers_what_is_asked_for_again)
{
	const struct catalogue_counters *counters =
	    catalogue_counters(catalogue);

	for (int i = 0; i < 3; i++) {
		ck_assert_str_eq(
		    look_up("set a = 'x'").ops->items[0].value, "x");
	}
	ck_assert_uint_eq(counters->recognised, 1);
	ck_assert_uint_eq(counters->hits, 2);
}
END_TEST

/* Whoever has a verdict may look at its operations until the next look-up, and
 * longer if it counts them, whatever becomes of the entry. */
START_TEST(catalogue_lends_operations)
{
	static const char *const texts[] = {
	    "set a = 'x'", "set a = 'x'; set b = 'y'"};
	struct catalogue_options options = catalogue_options_default;

	for (int i = 0; i < 4; i++) {
		struct session_ops *kept, *lent;
		size_t before;

		options.bytes = i < 2 ? 1 << 20 : 0;
		options.parse_share_us = 1000000000;
		catalogue_configure(catalogue, &options);
		before = catalogue_used_bytes(catalogue);
		lent = look_up(texts[i % 2]).ops;
		if (i < 2) {
			ck_assert_uint_gt(catalogue_used_bytes(catalogue),
			    before + lent->bytes);
		}
		options.bytes = 0;
		catalogue_configure(catalogue, &options);
		ck_assert_uint_eq(catalogue_used_bytes(catalogue), 0);
		ck_assert_str_eq(lent->items[0].value, "x");
		kept = session_ops_ref(lent);
		(void)look_up("select 1");
		ck_assert_uint_eq(kept->references, 1);
		ck_assert_str_eq(kept->items[0].value, "x");
		session_ops_release(&kept);
	}
}
END_TEST

START_TEST(catalogue_follows_nothing_it_cannot_parse)
{
	struct buf text = {0};
	struct verdict verdict;

	buf_append_str(&text, "set a = '");
	for (int i = 0; i < 70000; i++) {
		buf_append_char(&text, 'x');
	}
	buf_append_str(&text, "'");
	verdict = look_up(buf_text(&text));
	ck_assert_uint_eq(verdict.effects, EFFECT_SET);
	ck_assert_uint_eq(verdict.followed, 0);
	ck_assert_ptr_null(verdict.ops);
	buf_truncate(&text, 20000);
	buf_append_str(&text, "'");
	verdict = look_up(buf_text(&text));
	ck_assert_uint_eq(verdict.effects, EFFECT_SET);
	ck_assert_uint_eq(verdict.followed, 0);
	ck_assert_ptr_null(verdict.ops);
	buf_fini(&text);
}
END_TEST

START_TEST(catalogue_gives_the_last_shape)
{
	struct hash128 first, second, third;

	(void)look_up("select 'a' from T");
	ck_assert(catalogue_last_shape(catalogue, &first));
	(void)look_up("select 'b' from t");
	ck_assert(catalogue_last_shape(catalogue, &second));
	ck_assert_mem_eq(&first, &second, sizeof(first));
	(void)look_up("select 'b' from u");
	ck_assert(catalogue_last_shape(catalogue, &third));
	ck_assert_mem_ne(&first, &third, sizeof(first));
	(void)look_up("select 'a' from T");
	ck_assert(catalogue_last_shape(catalogue, &third));
	ck_assert_mem_eq(&first, &third, sizeof(first));
}
END_TEST

/* The same text, met again, need not be scanned; other ones that take its place
 * or another way of reading strings must not be mistaken for it. */
START_TEST(catalogue_tells_the_same_text_from_others)
{
	static const char ways[] = "select '\\' || f('x') || '\\'";
	struct catalogue_session old = {.std_strings = false};
	struct verdict verdict;
	char text[64];

	for (int round = 0; round < 3; round++) {
		ck_assert(look_up("select 1").is_read);
		ck_assert_int_eq(look_up(ways).kind, SQL_QUERY);
		catalogue_lookup(
		    catalogue, ways, strlen(ways), &old, 1000000, &verdict);
		ck_assert_int_ne(verdict.kind, SQL_QUERY);
		for (int i = 0; i < 5000; i++) {
			(void)snprintf(text, sizeof(text),
			    i % 2 == 0 ? "select %d from t" : "delete from t%d",
			    i);
			ck_assert_int_eq(look_up(text).is_read, i % 2 == 0);
		}
	}
}
END_TEST

/* What was forgotten is learnt again, by the same text, too. */
START_TEST(catalogue_scans_again_what_it_has_forgotten)
{
	struct catalogue_options options = catalogue_options_default;

	ck_assert(!look_up("delete from t").is_read);
	options.bounds.token_count--;
	catalogue_configure(catalogue, &options);
	ck_assert_uint_eq(catalogue_count(catalogue), 0);
	ck_assert(!look_up("delete from t").is_read);
	ck_assert_uint_eq(catalogue_count(catalogue), 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("catalogue");
	TCase *tcase = tcase_create("look-up");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, catalogue_parses_a_shape_once);
	tcase_add_test(tcase, catalogue_keys_by_the_string_setting);
	tcase_add_test(tcase, catalogue_classifies_nothing_in_unsafe_encodings);
	tcase_add_test(tcase, catalogue_judges_long_texts_by_key_words);
	tcase_add_test(
	    tcase, catalogue_judges_unparsable_shapes_by_key_words_once);
	tcase_add_test(tcase, catalogue_forgets_the_least_used_first);
	tcase_add_test(tcase, catalogue_forgets_when_the_bounds_change);
	tcase_add_test(tcase, catalogue_parses_no_more_than_its_share);
	tcase_add_test(
	    tcase, catalogue_follows_a_flood_of_settings_without_parsing);
	tcase_add_test(tcase, catalogue_remembers_what_is_asked_for_again);
	tcase_add_test(tcase, catalogue_lends_operations);
	tcase_add_test(tcase, catalogue_follows_nothing_it_cannot_parse);
	tcase_add_test(tcase, catalogue_gives_the_last_shape);
	tcase_add_test(tcase, catalogue_tells_the_same_text_from_others);
	tcase_add_test(tcase, catalogue_scans_again_what_it_has_forgotten);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
