/* test_profile.c - settings, interned, and the SQL between two of them. */
#include "support/unit.h"

#include <string.h>

#include "core/buf.h"
#include "core/hash.h"
#include "proto/params.h"
#include "server/profile.h"

#define NAMES_MAX 6

/* Names and values in turn, up to NULL. */
typedef const char *const settings_text[2 * NAMES_MAX + 1];

static struct profile *
take(struct profiles *set, settings_text settings)
{
	struct params params = {0};
	struct profile *profile;

	for (int i = 0; settings[i] != NULL; i += 2) {
		params_set(&params, settings[i], settings[i + 1]);
	}
	profile = profile_take(set, &params);
	params_fini(&params);
	return profile;
}

START_TEST(equal_settings_are_one_profile_in_any_order_and_case)
{
	struct profiles *set = profiles_new();
	struct profile *a =
	    take(set, (settings_text){"TimeZone", "UTC", "a.b", "1", NULL});
	struct profile *b =
	    take(set, (settings_text){"A.B", "1", "timezone", "UTC", NULL});
	struct profile *none = take(set, (settings_text){NULL});
	struct profile *again = take(set, (settings_text){NULL});

	ck_assert_ptr_eq(a, b);
	ck_assert_ptr_eq(none, again);
	ck_assert_ptr_ne(a, none);
	ck_assert_uint_eq(profile_settings(a)->count, 2);
	profile_release(&a);
	profile_release(&b);
	profile_release(&none);
	profile_release(&again);
	profiles_free(&set);
}
END_TEST

START_TEST(settings_that_only_run_into_each_other_are_different)
{
	struct profiles *set = profiles_new();
	struct profile *profiles[] = {
	    take(set, (settings_text){"a", "b", NULL}),
	    take(set, (settings_text){"a", "B", NULL}),
	    take(set, (settings_text){"ab", "", NULL}),
	    take(set, (settings_text){"a", "", "b", "", NULL}),
	    take(set, (settings_text){"a", "", NULL}),
	};

	for (int i = 0; i < 5; i++) {
		for (int k = 0; k < i; k++) {
			ck_assert_ptr_ne(profiles[i], profiles[k]);
		}
	}
	for (int i = 0; i < 5; i++) {
		profile_release(&profiles[i]);
		ck_assert_ptr_null(profiles[i]);
	}
	profiles_free(&set);
}
END_TEST

START_TEST(a_profile_lives_as_long_as_somebody_counts_it)
{
	struct profiles *set = profiles_new();
	struct profile *a = take(set, (settings_text){"a", "1", NULL});
	struct profile *b = profile_ref(a);

	profile_release(&a);
	ck_assert_str_eq(params_get(profile_settings(b), "a"), "1");
	profile_release(&b);
	profile_release(&b); /* NULL by now */
	ck_assert_ptr_null(profile_ref(NULL));
	profiles_free(&set); /* asserts that none is left */
}
END_TEST

#define SET(name, value) \
	"pg_catalog.set_config(E'" name "', E'" value "', false)"

#define LEAVE "RESET SESSION AUTHORIZATION; RESET ROLE; "

static const struct {
	const char *label;
	settings_text from;
	bool from_login; /* .from is a session as it logged in */
	settings_text to;
	const char *sql;
} switches[] = {
    {"from login to nothing", {NULL}, true, {NULL}, ""},
    {"a first setting", {NULL}, true, {"a", "1", NULL},
        "SELECT " SET("a", "1")},
    {"two, sorted", {NULL}, true, {"b", "2", "A", "1", NULL},
        "SELECT " SET("a", "1") ", " SET("b", "2")},
    {"one that is the same", {"a", "1", "b", "2", NULL}, false,
        {"a", "1", "b", "3", NULL}, "SELECT " SET("b", "3")},
    {"one that goes", {"a", "1", "b", "2", NULL}, false, {"b", "2", NULL},
        "RESET \"a\"; "},
    {"all that go", {"a", "1", "b", "2", NULL}, false, {NULL},
        "RESET \"a\"; RESET \"b\"; "},
    {"one goes, one comes", {"a", "1", NULL}, false, {"b", "2", NULL},
        "RESET \"a\"; SELECT " SET("b", "2")},
    {"quotes and backslashes", {NULL}, true, {"a", "it's a \\ and \"", NULL},
        "SELECT " SET("a", "it\\x27s a \\x5c and \"")},
    {"what would end the literal", {NULL}, true,
        {"a", "', false); DROP TABLE t; --", NULL},
        "SELECT " SET("a", "\\x27, false); DROP TABLE t; --")},
    {"bytes that are not plain", {NULL}, true, {"a", "\xc3\xa9\n\x7f", NULL},
        "SELECT " SET("a", "\\xc3\\xa9\\x0a\\x7f")},
    {"a code before a digit", {NULL}, true, {"a", "'1f", NULL},
        "SELECT " SET("a", "\\x271f")},
    {"the name of an extension's setting", {"my.Name", "1", NULL}, false,
        {NULL}, "RESET \"my\".\"name\"; "},
    {"a role is taken on last", {NULL}, true,
        {"role", "r", "search_path", "s", "session_authorization", "u", NULL},
        "SELECT " SET("search_path", "s") ", " SET(
            "session_authorization", "u") ", " SET("role", "r")},
    {"another role", {"role", "a", NULL}, false, {"role", "b", NULL},
        LEAVE "SELECT " SET("role", "b")},
    {"a role goes", {"role", "a", "search_path", "s", NULL}, false,
        {"search_path", "s", NULL}, LEAVE},
    {"a role goes, and what it set", {"role", "a", "search_path", "s", NULL},
        false, {NULL}, LEAVE "RESET \"search_path\"; "},
    {"the same role, a label", {"role", "a", "application_name", "x", NULL},
        false, {"role", "a", "application_name", "y", NULL},
        "SELECT " SET("application_name", "y")},
    {"the same role, and what it may not set",
        {"role", "a", "session_authorization", "u", NULL}, false,
        {"role", "a", "session_authorization", "u", "log_statement", "all",
            NULL},
        LEAVE "SELECT " SET("log_statement", "all") ", " SET(
            "session_authorization", "u") ", " SET("role", "a")},
    {"the same role, and what nobody knows", {"role", "a", "b.c", "1", NULL},
        false, {"role", "a", NULL},
        LEAVE "RESET \"b\".\"c\"; SELECT " SET("role", "a")},
    {"a date style, which may be a half of one", {"datestyle", "sql", NULL},
        false, {"datestyle", "dmy", NULL},
        "RESET \"datestyle\"; SELECT " SET("datestyle", "dmy")},
    {"out of a serializable transaction",
        {"default_transaction_isolation", "serializable", NULL}, false, {NULL},
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; RESET "
        "\"default_transaction_isolation\"; "},
    {"a name with quotes and more", {"a\"b; --\xc3", "1", NULL}, false, {NULL},
        "RESET \"a\"\"b; --?\"; "},
};

START_TEST(a_switch_says_exactly_what_differs)
{
	struct profiles *set = profiles_new();
	struct profile *from =
	    switches[_i].from_login ? NULL : take(set, switches[_i].from);
	struct profile *to = take(set, switches[_i].to);
	struct buf sql = {0};

	profile_put_switch(from, to, &sql);
	ck_assert_msg(strcmp(buf_text(&sql), switches[_i].sql) == 0,
	    "%s: \"%s\"", switches[_i].label, buf_text(&sql));
	buf_clear(&sql);
	profile_put_switch(to, to, &sql);
	ck_assert_uint_eq(sql.length, 0);
	buf_fini(&sql);
	profile_release(&from);
	profile_release(&to);
	profiles_free(&set);
}
END_TEST

START_TEST(a_change_leads_to_the_profile_of_its_outcome)
{
	struct profiles *set = profiles_new();
	struct profile *a =
	    take(set, (settings_text){"a", "1", "role", "r", NULL});
	struct profile *b = profile_with(a, "B", "2");
	struct profile *c = profile_with(b, "A", NULL);
	struct profile *d = profile_with(c, "session_authorization", "u");
	struct profile *wanted[] = {
	    take(set, (settings_text){"a", "1", "b", "2", "role", "r", NULL}),
	    take(set, (settings_text){"b", "2", "role", "r", NULL}),
	    take(set,
	        (settings_text){"b", "2", "session_authorization", "u", NULL}),
	};
	struct profile *same = profile_with(a, "a", "1");
	struct profile *not_there = profile_with(a, "x", NULL);

	ck_assert_ptr_eq(b, wanted[0]);
	ck_assert_ptr_eq(c, wanted[1]);
	ck_assert_ptr_eq(d, wanted[2]);
	ck_assert_ptr_eq(same, a);
	ck_assert_ptr_eq(not_there, a);
	ck_assert_str_eq(profile_get(d, "B"), "2");
	ck_assert_ptr_null(profile_get(d, "role"));
	profile_release(&a);
	profile_release(&b);
	profile_release(&c);
	profile_release(&d);
	profile_release(&same);
	profile_release(&not_there);
	for (int i = 0; i < 3; i++) {
		profile_release(&wanted[i]);
	}
	profiles_free(&set);
}
END_TEST

START_TEST(what_is_of_one_transaction_only_is_in_no_profile)
{
	struct profiles *set = profiles_new();
	struct profile *a = take(set,
	    (settings_text){"transaction_read_only", "on", "Seed", "0", NULL});
	struct profile *none = take(set, (settings_text){NULL});
	struct profile *b = profile_with(none, "transaction_isolation", "x");

	ck_assert_ptr_eq(a, none);
	ck_assert_ptr_eq(b, none);
	profile_release(&a);
	profile_release(&b);
	profile_release(&none);
	profiles_free(&set);
}
END_TEST

static bool
is_equal(const struct hash128 *a, const struct hash128 *b)
{
	return a->low == b->low && a->high == b->high;
}

START_TEST(the_meaning_is_that_of_what_matters)
{
	struct profiles *set = profiles_new();
	struct profile *plain =
	    take(set, (settings_text){"search_path", "a", NULL});
	struct profile *labelled = take(set,
	    (settings_text){"search_path", "a", "application_name", "x",
	        "statement_timeout", "1s", NULL});
	struct profile *other =
	    take(set, (settings_text){"search_path", "b", NULL});
	struct profile *tenant = take(
	    set, (settings_text){"search_path", "a", "my.tenant", "1", NULL});
	struct profile *dated = take(
	    set, (settings_text){"search_path", "a", "datestyle", "x", NULL});

	ck_assert(is_equal(profile_meaning(plain), profile_meaning(labelled)));
	ck_assert(!is_equal(profile_meaning(plain), profile_meaning(other)));
	ck_assert(!is_equal(profile_meaning(plain), profile_meaning(tenant)));
	ck_assert(is_equal(profile_formats(plain), profile_formats(tenant)));
	ck_assert(!is_equal(profile_formats(plain), profile_formats(dated)));
	profile_release(&plain);
	profile_release(&labelled);
	profile_release(&other);
	profile_release(&tenant);
	profile_release(&dated);
	profiles_free(&set);
}
END_TEST

static const struct {
	const char *label;
	settings_text from;
	bool from_login;
	settings_text to;
	enum profile_switch kind;
} kinds[] = {
    {"nothing", {NULL}, true, {NULL}, SWITCH_NOTHING},
    {"a label", {NULL}, true, {"application_name", "a", NULL}, SWITCH_TRAVELS},
    {"a label goes", {"application_name", "a", "role", "r", NULL}, false,
        {"role", "r", NULL}, SWITCH_TRAVELS},
    {"a label and a format", {"application_name", "a", NULL}, false,
        {"datestyle", "a", NULL}, SWITCH_FORMATS},
    {"a format goes", {"datestyle", "a", NULL}, false, {NULL}, SWITCH_FORMATS},
    {"a path", {NULL}, true, {"search_path", "a", "timezone", "b", NULL},
        SWITCH_WAITS},
    {"a path goes", {"search_path", "a", NULL}, false, {NULL}, SWITCH_WAITS},
    {"what nobody knows", {NULL}, true, {"my.tenant", "1", NULL}, SWITCH_WAITS},
    {"a label, of a role that may not", {"role", "r", NULL}, false,
        {"role", "r", "log_duration", "on", NULL}, SWITCH_WAITS},
    {"the same label without a role", {NULL}, true,
        {"log_duration", "on", NULL}, SWITCH_TRAVELS},
};

START_TEST(a_switch_waits_if_anything_in_it_must)
{
	struct profiles *set = profiles_new();
	struct profile *from =
	    kinds[_i].from_login ? NULL : take(set, kinds[_i].from);
	struct profile *to = take(set, kinds[_i].to);

	ck_assert_msg(
	    profile_compare(from, to) == kinds[_i].kind, "%s", kinds[_i].label);
	ck_assert_int_eq(profile_compare(to, to), SWITCH_NOTHING);
	profile_release(&from);
	profile_release(&to);
	profiles_free(&set);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("profile");
	TCase *interning = tcase_create("interning");
	TCase *sql = tcase_create("switch");

	tcase_add_test(
	    interning, equal_settings_are_one_profile_in_any_order_and_case);
	tcase_add_test(
	    interning, settings_that_only_run_into_each_other_are_different);
	tcase_add_test(
	    interning, a_profile_lives_as_long_as_somebody_counts_it);
	tcase_add_test(interning, a_change_leads_to_the_profile_of_its_outcome);
	tcase_add_test(
	    interning, what_is_of_one_transaction_only_is_in_no_profile);
	tcase_add_test(interning, the_meaning_is_that_of_what_matters);
	tcase_add_loop_test(sql, a_switch_waits_if_anything_in_it_must, 0,
	    (int)(sizeof(kinds) / sizeof(*kinds)));
	tcase_add_loop_test(sql, a_switch_says_exactly_what_differs, 0,
	    (int)(sizeof(switches) / sizeof(*switches)));
	suite_add_tcase(suite, interning);
	suite_add_tcase(suite, sql);
	return unit_run(suite);
}
