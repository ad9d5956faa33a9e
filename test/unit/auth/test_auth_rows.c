/* test_auth_rows.c - what the rows of an auth_query come to. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "auth/auth_rows.h"
#include "core/error.h"
#include "core/mem.h"

#define SCRAM                                           \
	"SCRAM-SHA-256$4096:ES/KlS5SHTzow0N11QAD7A==$"  \
	"kukNCxB24fLUQ8djkvY4x/SjYCGnYAON8fo7aBmwcwY=:" \
	"G9qgLy3OirNTsrdxgGZJZTkYrRdYR9isYtg8zIui1hA="

static struct auth_rows rows;
static struct error err;

static void
teardown(void)
{
	auth_rows_fini(&rows);
	ck_assert_uint_eq(rows.count, 0);
	ck_assert_ptr_null(rows.secret);
}

static const struct {
	const char *label;
	size_t columns;
	const char *user, *secret;
	const char *error; /* part of it; NULL: good */
} cases[] = {
    {"scram", 2, "app", SCRAM, NULL},
    {"md5", 2, "app", "md5848c5ae3da80a228f65fc9770e19f9de", NULL},
    {"a password", 2, "app", "open sesame", NULL},
    {"what is no md5 secret is a password", 2, "app", "md5123", NULL},
    {"no secret", 2, "app", NULL, NULL},
    {"an empty secret", 2, "app", "", NULL},
    {"one column", 1, "app", NULL, "2 columns from auth_query, not 1"},
    {"no column", 0, NULL, NULL, "2 columns from auth_query, not 0"},
    {"three columns", 3, "app", "x", "2 columns from auth_query, not 3"},
    {"nobody", 2, NULL, "x", "without the name of a role"},
    {"an empty name", 2, "", "x", "without the name of a role"},
    {"another digest", 2, "app", "SCRAM-SHA-512$4096:x$y:z", "of a kind"},
    {"half a secret", 2, "app", "SCRAM-SHA-256$4096:ES/KlS5S", "of a kind"},
    {"iterations without end", 2, "app",
        "SCRAM-SHA-256$20000000000000:ES/KlS5SHTzow0N11QAD7A==$"
        "kukNCxB24fLUQ8djkvY4x/SjYCGnYAON8fo7aBmwcwY=:"
        "G9qgLy3OirNTsrdxgGZJZTkYrRdYR9isYtg8zIui1hA=",
        "of a kind"},
};

START_TEST(auth_rows_are_taken_if_they_can_be_used)
{
	int ret;

	auth_rows_add(
	    &rows, cases[_i].columns, cases[_i].user, cases[_i].secret);
	ret = auth_rows_check(&rows, &err);
	if (cases[_i].error == NULL) {
		ck_assert_msg(ret == 0, "%s: %s", cases[_i].label, err.text);
		ck_assert_pstr_eq(rows.user, cases[_i].user);
		ck_assert_pstr_eq(rows.secret, cases[_i].secret);
		return;
	}
	ck_assert_msg(ret == -1, "%s is taken", cases[_i].label);
	ck_assert_msg(strstr(err.text, cases[_i].error) != NULL, "%s: %s",
	    cases[_i].label, err.text);
	ck_assert_msg(err.hint[0] != '\0', "%s: no remedy", cases[_i].label);
}
END_TEST

START_TEST(auth_rows_that_are_none_mean_nobody)
{
	ck_assert_int_eq(auth_rows_check(&rows, &err), 0);
}
END_TEST

START_TEST(auth_rows_must_not_be_several)
{
	auth_rows_add(&rows, 2, "app", "one");
	auth_rows_add(&rows, 2, "other", "two");
	ck_assert_int_eq(auth_rows_check(&rows, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "1 row from auth_query, not 2"));
	ck_assert_str_eq(rows.secret, "one");
}
END_TEST

/* An error must not tell what it is about. */
START_TEST(auth_rows_complain_without_the_secret)
{
	auth_rows_add(&rows, 2, "app", "SCRAM-SHA-256$geheim");
	ck_assert_int_eq(auth_rows_check(&rows, &err), -1);
	ck_assert_ptr_null(strstr(err.text, "geheim"));
	ck_assert_ptr_null(strstr(err.hint, "geheim"));
}
END_TEST

START_TEST(auth_rows_bound_what_they_keep)
{
	size_t limit = _i == 0 ? AUTH_SECRET_MAX : AUTH_NAME_MAX;
	char *text = mem_alloc(limit + 2);

	memset(text, 'x', limit + 1);
	text[limit + 1] = '\0';
	auth_rows_add(&rows, 2, _i == 0 ? "app" : text, _i == 0 ? text : "x");
	ck_assert_ptr_null(_i == 0 ? rows.secret : rows.user);
	ck_assert_int_eq(auth_rows_check(&rows, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "longer than"));
	auth_rows_fini(&rows);
	text[limit] = '\0';
	auth_rows_add(&rows, 2, _i == 0 ? "app" : text, _i == 0 ? text : "x");
	ck_assert_int_eq(auth_rows_check(&rows, &err), 0);
	free(text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("auth_rows");
	TCase *tcase = tcase_create("rows");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_loop_test(tcase, auth_rows_are_taken_if_they_can_be_used, 0,
	    sizeof(cases) / sizeof(*cases));
	tcase_add_test(tcase, auth_rows_that_are_none_mean_nobody);
	tcase_add_test(tcase, auth_rows_must_not_be_several);
	tcase_add_test(tcase, auth_rows_complain_without_the_secret);
	tcase_add_loop_test(tcase, auth_rows_bound_what_they_keep, 0, 2);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
