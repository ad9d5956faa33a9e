/* test_regex.c - PostgreSQL's regular expressions, matched in bounded time. */
#include "support/unit.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "auth/regex.h"
#include "core/error.h"
#include "core/mem.h"

static struct error err;

/* What a real server says of "text ~ pattern collate "C"" is checked with
 * the same table by test/e2e/test_hba.py. */
static const struct {
	const char *pattern;
	const char *text;
	enum regex_answer answer;
} rows[] = {
#define ROW(pattern, text, matches) \
	{pattern, text, (matches) ? REGEX_MATCHES : REGEX_DIFFERS},
#include "regex_rows.def"
#undef ROW
};

START_TEST(regex_matches_what_postgresql_matches)
{
	struct regex *regex = regex_compile(rows[_i].pattern, &err);
	struct regex_scratch *scratch = regex_scratch_new();

	ck_assert_msg(regex != NULL, "%s: %s", rows[_i].pattern, err.text);
	ck_assert_msg(
	    regex_match(regex, rows[_i].text, scratch, NULL) == rows[_i].answer,
	    "\"%s\" and \"%s\"", rows[_i].pattern, rows[_i].text);
	regex_scratch_free(&scratch);
	regex_free(&regex);
	ck_assert_ptr_null(regex);
}
END_TEST

static const char *const refused[] = {"(", ")", "a)", "[", "[a", "a**", "a*+",
    "a++", "*a", "a|*b", "(*b)", "^*", "a{2", "a{2,1}", "a{x}{2}{3}", "\\",
    "a\\", "\\b", "\\B", "\\u0041", "\\0", "\\10", "[\\D]", "[[.a.]]",
    "[[=a=]]", "[[:<:]]a", "[[:^alpha:]]", "[[:nosuch:]]", "(?<n>a)",
    "(?P<n>a)", "(?x)a", "a(?i)b", "(?>a)", "(?#c)", "(*UTF)a", "(?C1)", "(?1)",
    "(?R)", "\\K", "\\Qa\\E", "\\p{L}", "\\G", "\\C", "\\R", "\\h", "\\x41",
    "***=a", "\\1"};

START_TEST(regex_refuses_what_means_something_else_or_nothing)
{
	struct regex *regex;

	err.text[0] = '\0';
	regex = regex_compile(refused[_i], &err);
	ck_assert_msg(regex == NULL, "%s", refused[_i]);
	ck_assert_str_ne(err.text, "");
}
END_TEST

START_TEST(regex_gives_up_rather_than_take_long)
{
	static const char *const slow[] = {"^(a+)+$", "^(a|aa)+$",
	    "^(.*)*x(.*)*y$", "(a*)*(a*)*(a*)*b", "^(a|a)*$", "^(\\w+\\s?)*$"};
	struct regex_scratch *scratch = regex_scratch_new();
	char text[4001];

	memset(text, 'a', sizeof(text) - 2);
	text[sizeof(text) - 2] = '!';
	text[sizeof(text) - 1] = '\0';
	for (size_t i = 0; i < sizeof(slow) / sizeof(*slow); i++) {
		struct regex *regex = regex_compile(slow[i], &err);

		ck_assert_ptr_nonnull(regex);
		ck_assert_msg(
		    regex_match(regex, text, scratch, NULL) != REGEX_MATCHES,
		    "%s", slow[i]);
		regex_free(&regex);
	}
	regex_scratch_free(&scratch);
}
END_TEST

START_TEST(regex_counts_steps_and_not_only_memory)
{
	struct regex_scratch *scratch = regex_scratch_new();
	struct regex *regex = regex_compile("^(a|aa)+$", &err);
	char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
	clock_t start = clock();

	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(
		    regex_match(regex, text, scratch, NULL), REGEX_UNKNOWN);
	}
	/* Some 40 ms; some 8 s within the library's own limit. */
	ck_assert_int_lt((clock() - start) / (CLOCKS_PER_SEC / 1000), 2500);
	regex_free(&regex);
	regex_scratch_free(&scratch);
}
END_TEST

START_TEST(regex_is_no_larger_than_it_may_be)
{
	char pattern[REGEX_PATTERN_MAX + 2];
	struct regex *regex;

	memset(pattern, 'a', sizeof(pattern));
	pattern[REGEX_PATTERN_MAX + 1] = '\0';
	ck_assert_ptr_null(regex_compile(pattern, &err));
	pattern[REGEX_PATTERN_MAX] = '\0';
	regex = regex_compile(pattern, &err);
	ck_assert_ptr_nonnull(regex);
	regex_free(&regex);
	memset(pattern, '(', 101);
	ck_assert_ptr_null(regex_compile(pattern, &err));
	ck_assert_ptr_null(
	    regex_compile("((((a{250}){250}){250}){250})", &err));
}
END_TEST

START_TEST(regex_tells_what_its_first_group_matched)
{
	static const struct {
		const char *pattern;
		const char *text;
		const char *group; /* NULL: nothing */
	} groups[] = {
	    {"^(.*)@example\\.com$", "ann@example.com", "ann"},
	    {"^a(b)?c", "ac", NULL},
	    {"^a(b?)c", "ac", ""},
	    {"^abc", "abc", NULL},
	    {"(?:x)(y)(z)", "xyz", "y"},
	    {"(?=(x))x(y)", "xy", "y"},
	    {"^(ann|bob)@(x|y)$", "bob@y", "bob"},
	};
	struct regex_scratch *scratch = regex_scratch_new();

	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		struct regex *regex = regex_compile(groups[i].pattern, &err);
		struct regex_group group;
		char *got;

		ck_assert_int_eq(
		    regex_match(regex, groups[i].text, scratch, &group),
		    REGEX_MATCHES);
		if (groups[i].group == NULL) {
			ck_assert_msg(group.text == NULL, "%zu", i);
		} else {
			ck_assert_msg(group.text != NULL, "%zu", i);
			got = mem_strndup(group.text, group.length);
			ck_assert_str_eq(got, groups[i].group);
			free(got);
		}
		regex_free(&regex);
	}
	regex_scratch_free(&scratch);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("regex");
	TCase *tcase = tcase_create("regex");

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, regex_matches_what_postgresql_matches, 0,
	    sizeof(rows) / sizeof(*rows));
	tcase_add_loop_test(tcase,
	    regex_refuses_what_means_something_else_or_nothing, 0,
	    sizeof(refused) / sizeof(*refused));
	tcase_add_test(tcase, regex_gives_up_rather_than_take_long);
	tcase_add_test(tcase, regex_counts_steps_and_not_only_memory);
	tcase_add_test(tcase, regex_is_no_larger_than_it_may_be);
	tcase_add_test(tcase, regex_tells_what_its_first_group_matched);
	return unit_run(suite);
}
