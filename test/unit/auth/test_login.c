/* test_login.c - the decisions of a client's login. */
#include "support/unit.h"

#include <string.h>

#include "auth/login.h"
#include "core/error.h"

static struct error err;

START_TEST(login_method_is_read_from_auth_type)
{
	enum login_method method = LOGIN_ANY;

	ck_assert(login_method_parse("plain", &method));
	ck_assert_int_eq(method, LOGIN_PLAIN);
	ck_assert(login_method_parse("trust", &method));
	ck_assert_int_eq(method, LOGIN_TRUST);
	ck_assert(login_method_parse("any", &method));
	ck_assert_int_eq(method, LOGIN_ANY);
	ck_assert(!login_method_parse("md5", &method));
	ck_assert(!login_method_parse("", &method));
}
END_TEST

static const struct {
	const char *label;
	struct login_facts facts;
	enum login_step step;
	const char *sqlstate, *text;
} begins[] = {
    {"trust, known", {LOGIN_TRUST, "u", "x", NULL, 0}, LOGIN_ACCEPT, "", ""},
    {"trust, known without password", {LOGIN_TRUST, "u", "", NULL, 0},
        LOGIN_ACCEPT, "", ""},
    {"trust, unknown", {LOGIN_TRUST, "u", NULL, NULL, 0}, LOGIN_REFUSE, "28000",
        "\"trust\" authentication failed"},
    {"trust, unknown, forced user", {LOGIN_TRUST, "u", NULL, "app", 0},
        LOGIN_REFUSE, "28000", "\"trust\" authentication failed"},
    {"any, unknown, forced user", {LOGIN_ANY, "u", NULL, "app", 0},
        LOGIN_ACCEPT, "", ""},
    {"any, known, no forced user", {LOGIN_ANY, "u", "x", NULL, 0}, LOGIN_REFUSE,
        "28000", "bouncer config error"},
    {"plain, known", {LOGIN_PLAIN, "u", "x", NULL, 0}, LOGIN_ASK_PASSWORD, "",
        ""},
    {"plain, unknown", {LOGIN_PLAIN, "u", NULL, NULL, 0}, LOGIN_ASK_PASSWORD,
        "", ""},
};

START_TEST(login_begin_decides_by_method_and_user)
{
	memset(&err, 0, sizeof(err));
	ck_assert_msg(login_begin(&begins[_i].facts, &err) == begins[_i].step,
	    "%s", begins[_i].label);
	ck_assert_str_eq(err.sqlstate, begins[_i].sqlstate);
	ck_assert_str_eq(err.text, begins[_i].text);
}
END_TEST

static const struct {
	const char *label, *secret, *body;
	size_t size;
	enum login_step step;
	const char *sqlstate, *text;
} passwords[] = {
    {"right", "pencil", "pencil", 7, LOGIN_ACCEPT, "", ""},
    {"wrong", "pencil", "pencils", 8, LOGIN_REFUSE, "28P01",
        "password authentication failed"},
    {"unknown user", NULL, "pencil", 7, LOGIN_REFUSE, "28P01",
        "password authentication failed"},
    {"empty", "pencil", "", 1, LOGIN_REFUSE, "28P01",
        "password authentication failed"},
    {"no secret, empty password", "", "", 1, LOGIN_REFUSE, "28P01",
        "password authentication failed"},
    {"no terminator", "pencil", "pencil", 6, LOGIN_REFUSE, "08P01",
        "invalid password packet size"},
    {"empty body", "pencil", "", 0, LOGIN_REFUSE, "08P01",
        "invalid password packet size"},
    {"more behind the NUL", "pencil", "pencil\0x", 9, LOGIN_REFUSE, "08P01",
        "invalid password packet size"},
};

START_TEST(login_check_password_accepts_only_the_right_one)
{
	struct login_facts facts = {
	    LOGIN_PLAIN, "u", passwords[_i].secret, NULL, 0};

	memset(&err, 0, sizeof(err));
	ck_assert_msg(
	    login_check_password(&facts, (const uint8_t *)passwords[_i].body,
	        passwords[_i].size, &err) == passwords[_i].step,
	    "%s", passwords[_i].label);
	ck_assert_str_eq(err.sqlstate, passwords[_i].sqlstate);
	ck_assert_str_eq(err.text, passwords[_i].text);
}
END_TEST

START_TEST(login_server_user_is_the_forced_one_if_there_is_one)
{
	struct login_facts facts = {LOGIN_PLAIN, "u", "x", NULL, 0};

	ck_assert_str_eq(login_server_user(&facts), "u");
	facts.forced_user = "app";
	ck_assert_str_eq(login_server_user(&facts), "app");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("login");
	TCase *theme = tcase_create("login");

	tcase_add_test(theme, login_method_is_read_from_auth_type);
	tcase_add_loop_test(theme, login_begin_decides_by_method_and_user, 0,
	    sizeof(begins) / sizeof(*begins));
	tcase_add_loop_test(theme,
	    login_check_password_accepts_only_the_right_one, 0,
	    sizeof(passwords) / sizeof(*passwords));
	tcase_add_test(
	    theme, login_server_user_is_the_forced_one_if_there_is_one);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
