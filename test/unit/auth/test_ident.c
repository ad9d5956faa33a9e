/* test_ident.c - maps from names outside to users. */
#include "support/unit.h"

#include <string.h>

#include "auth/ident.h"
#include "auth/regex.h"
#include "conf/problems.h"

static const char file[] = "# map  system  user\n"
                           "m1 root postgres\n"
                           "m1 \"O=x, CN=ann\" ann\n"
                           "m1 bob bob\n"
                           "m1 bob robert\n"
                           "any carol all\n"
                           "lit dave \"all\"\n"
                           "re /^(.*)@example\\.com$ \\1\n"
                           "re /^(.*)@other\\.org$ x_\\1_y\n"
                           "re2 /^guest guest\n"
                           "re3 /^(.*)$ \"\\1\"\n"
                           "usr frank /^app_\n"
                           "opt /^a(x)?$ u\\1\n"
                           "plain eve \\1\n"
                           "\"m q\" zed zed\n";

static const struct {
	const char *map, *system, *user;
	bool allowed;
} rows[] = {
    {"m1", "root", "postgres", true},
    {"m1", "root", "root", false},
    {"m1", "O=x, CN=ann", "ann", true},
    {"m1", "bob", "bob", true},
    {"m1", "bob", "robert", true},
    {"m1", "bob", "Robert", false},
    {"m1", "Bob", "bob", false},
    {"m2", "root", "postgres", false},
    {"any", "carol", "whoever", true},
    {"any", "all", "whoever", false},
    {"lit", "dave", "dave", false},
    {"lit", "dave", "all", true},
    {"re", "ann@example.com", "ann", true},
    {"re", "ann@example.com", "bob", false},
    {"re", "ann@example.comx", "ann", false},
    {"re", "ann@example.com", "", false},
    {"re", "@example.com", "", true},
    {"re", "ann@other.org", "x_ann_y", true},
    {"re", "ann@other.org", "x_ann", false},
    {"re", "ann@other.org", "x_annn_y", false},
    {"re", "ann@other.org", "x_ann_yz", false},
    {"re", "ann@example.com", "anna", false},
    {"opt", "ax", "ux", true},
    {"opt", "a", "u", false},
    /* What comes of \1 is a name, whatever it looks like. */
    {"re", "all@example.com", "bob", false},
    {"re", "all@example.com", "all", true},
    {"re", "/.*@example.com", "bob", false},
    {"re2", "guest7", "guest", true},
    {"re2", "aguest", "guest", false},
    {"re3", "x", "x", true},
    {"usr", "frank", "app_1", true},
    {"usr", "frank", "my_app_1", false},
    {"usr", "fran", "app_1", false},
    /* Without a group \1 is what it is. */
    {"plain", "eve", "\\1", true},
    {"plain", "eve", "eve", false},
    {"m q", "zed", "zed", true},
};

static struct ident *
load(const char *text, struct problems *problems)
{
	return ident_load_text("i", text, strlen(text), problems);
}

START_TEST(ident_allows_what_its_lines_say)
{
	struct problems problems = {0};
	struct ident *ident = load(file, &problems);
	struct regex_scratch *scratch = regex_scratch_new();

	ck_assert_uint_eq(problems.error_count, 0);
	ck_assert_msg(ident_allows(ident, rows[_i].map, rows[_i].system,
	                  rows[_i].user, scratch) == rows[_i].allowed,
	    "%s %s %s", rows[_i].map, rows[_i].system, rows[_i].user);
	regex_scratch_free(&scratch);
	ident_free(&ident);
	ck_assert_ptr_null(ident);
	problems_fini(&problems);
}
END_TEST

START_TEST(ident_knows_which_maps_there_are)
{
	struct problems problems = {0};
	struct ident *ident = load(file, &problems);

	ck_assert(ident_has_map(ident, "m1"));
	ck_assert(ident_has_map(ident, "m q"));
	ck_assert(!ident_has_map(ident, "m2"));
	ck_assert(!ident_has_map(ident, ""));
	ident_free(&ident);
}
END_TEST

static const struct {
	const char *text;
	const char *problem; /* begins so */
} wrong[] = {
    {"m a", "a line has three fields"},
    {"m", "a line has three fields"},
    {"m a b c", "a line has three fields"},
    {"m a,b c", "several values"},
    {"m,n a b", "several values"},
    {"m a b,c", "several values"},
    {"m a +g", "\"+g\": who is a member"},
    {"m /( b", "the regular expression is wrong"},
    {"m a /(", "the regular expression is wrong"},
    {"m /a b\\1", "\"/a\" has no parentheses"},
};

START_TEST(ident_says_what_is_wrong_with_a_line)
{
	struct problems problems = {0};
	struct ident *ident = load(wrong[_i].text, &problems);

	ck_assert_uint_eq(problems.error_count, 1);
	ck_assert_str_eq(problems.items[0].file, "i");
	ck_assert_int_eq(problems.items[0].line, 1);
	ck_assert_msg(strncmp(problems.items[0].text, wrong[_i].problem,
	                  strlen(wrong[_i].problem)) == 0,
	    "%s", problems.items[0].text);
	ident_free(&ident);
	problems_fini(&problems);
}
END_TEST

START_TEST(ident_says_no_when_a_pattern_takes_too_long)
{
	struct problems problems = {0};
	struct ident *ident = load("m /^(a+)+$ all", &problems);
	struct regex_scratch *scratch = regex_scratch_new();

	ck_assert(ident_allows(ident, "m", "aaaa", "u", scratch));
	ck_assert(!ident_allows(ident, "m",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
	    "u", scratch));
	regex_scratch_free(&scratch);
	ident_free(&ident);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ident");
	TCase *tcase = tcase_create("ident");

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, ident_allows_what_its_lines_say, 0,
	    sizeof(rows) / sizeof(*rows));
	tcase_add_test(tcase, ident_knows_which_maps_there_are);
	tcase_add_loop_test(tcase, ident_says_what_is_wrong_with_a_line, 0,
	    sizeof(wrong) / sizeof(*wrong));
	tcase_add_test(tcase, ident_says_no_when_a_pattern_takes_too_long);
	return unit_run(suite);
}
