/* test_md5.c - PostgreSQL's md5 passwords. */
#include "support/unit.h"

#include <string.h>

#include "auth/md5.h"
#include "core/error.h"

/* pg_authid.rolpassword of user md5mon, password pencil, PostgreSQL 15. */
#define STORED "md5848c5ae3da80a228f65fc9770e19f9de"

static struct error err;

START_TEST(md5_secret_is_what_a_server_stores)
{
	char out[MD5_TEXT_BYTES];

	ck_assert_int_eq(md5_secret("md5mon", "pencil", out, &err), 0);
	ck_assert_str_eq(out, STORED);
}
END_TEST

START_TEST(md5_answer_is_the_same_from_password_and_stored_form)
{
	static const uint8_t salt[MD5_SALT_BYTES] = {0x01, 0x00, 0xff, 0x7f};
	char plain[MD5_TEXT_BYTES], stored[MD5_TEXT_BYTES];

	ck_assert_int_eq(md5_answer("md5mon", "pencil", salt, plain, &err), 0);
	ck_assert_int_eq(md5_answer("md5mon", STORED, salt, stored, &err), 0);
	ck_assert_str_eq(plain, stored);
	ck_assert_str_eq(plain, "md530d24ec2f96ed7abce485ace2ab094c7");
}
END_TEST

START_TEST(md5_answer_hashes_what_only_looks_like_a_stored_form)
{
	static const uint8_t salt[MD5_SALT_BYTES] = {1, 2, 3, 4};
	static const char *const passwords[] = {
	    "md5", "md5zz", "md5848C5AE3DA80A228F65FC9770E19F9DE", STORED "0"};
	char answer[MD5_TEXT_BYTES], secret[MD5_TEXT_BYTES];
	char via[MD5_TEXT_BYTES];

	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(
		    md5_answer("u", passwords[i], salt, answer, &err), 0);
		ck_assert_int_eq(
		    md5_secret("u", passwords[i], secret, &err), 0);
		ck_assert_int_eq(md5_answer("u", secret, salt, via, &err), 0);
		ck_assert_str_eq(answer, via);
	}
}
END_TEST

START_TEST(md5_answer_cannot_be_made_from_a_scram_secret)
{
	static const uint8_t salt[MD5_SALT_BYTES] = {1, 2, 3, 4};
	char answer[MD5_TEXT_BYTES];

	ck_assert_int_eq(md5_answer("u",
	                     "SCRAM-SHA-256$4096:UlwrO3XO5MQ8/1rWu2kV+g==$"
	                     "vm1yy+emtSz8vaxPQ59fx2csz80dFCGIuKXiZUE8mHw=:"
	                     "3jXG8uoxFMkEI2KwTA2DkIeiw6yR3XkqEtOxFEeRUxU=",
	                     salt, answer, &err),
	    -1);
	ck_assert_str_eq(err.sqlstate, SQLSTATE_INVALID_PASSWORD);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("md5");
	TCase *theme = tcase_create("md5");

	tcase_add_test(theme, md5_secret_is_what_a_server_stores);
	tcase_add_test(
	    theme, md5_answer_is_the_same_from_password_and_stored_form);
	tcase_add_test(
	    theme, md5_answer_hashes_what_only_looks_like_a_stored_form);
	tcase_add_test(theme, md5_answer_cannot_be_made_from_a_scram_secret);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
