/* test_auth_models.c - what the secrets look like that databases have told. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "auth/auth_models.h"
#include "auth/scram_keys.h"
#include "auth/secret.h"

#define KEYS                                             \
	"$kukNCxB24fLUQ8djkvY4x/SjYCGnYAON8fo7aBmwcwY=:" \
	"G9qgLy3OirNTsrdxgGZJZTkYrRdYR9isYtg8zIui1hA="
#define SALT "ES/KlS5SHTzow0N11QAD7A=="
#define OTHER_SALT "IfeWGJJc82lBSOUwem2PaQ=="

static struct auth_models models;

static void
teardown(void)
{
	auth_models_fini(&models);
}

START_TEST(auth_models_have_the_shape_of_a_secret_and_nothing_of_it)
{
	struct scram_secret model;
	static const uint8_t zeros[SCRAM_KEY_BYTES];

	auth_models_note(&models, "SCRAM-SHA-256$20000:" SALT KEYS);
	ck_assert_int_eq(models.most_iterations, 20000);
	ck_assert(scram_secret_parse(&model, auth_models_pick(&models, 7)));
	ck_assert_int_eq(model.iterations, 20000);
	ck_assert_uint_eq(model.salt_size, 16);
	ck_assert_mem_eq(model.salt, zeros, 16);
	ck_assert_mem_eq(model.stored_key, zeros, SCRAM_KEY_BYTES);
	ck_assert_mem_eq(model.server_key, zeros, SCRAM_KEY_BYTES);
}
END_TEST

START_TEST(auth_models_are_kept_once)
{
	auth_models_note(&models, "SCRAM-SHA-256$4096:" SALT KEYS);
	auth_models_note(&models, "SCRAM-SHA-256$4096:" OTHER_SALT KEYS);
	auth_models_note(&models, "md5848c5ae3da80a228f65fc9770e19f9de");
	auth_models_note(&models, "md5948c5ae3da80a228f65fc9770e19f9de");
	auth_models_note(&models, "open sesame");
	auth_models_note(&models, "another");
	ck_assert_uint_eq(models.count, 3);
	ck_assert_int_eq(
	    secret_kind(auth_models_pick(&models, 0)), SECRET_SCRAM);
	ck_assert_int_eq(secret_kind(auth_models_pick(&models, 1)), SECRET_MD5);
	ck_assert_int_eq(
	    secret_kind(auth_models_pick(&models, 2)), SECRET_PLAIN);
	ck_assert_ptr_eq(
	    auth_models_pick(&models, 4), auth_models_pick(&models, 1));
}
END_TEST

START_TEST(auth_models_follow_the_length_of_a_salt)
{
	static const char *const salts[] = {"QQ==", "QUI=", "QUJD", "QUJDRA=="};

	for (size_t i = 0; i < 4; i++) {
		struct scram_secret model;
		char secret[200];

		(void)snprintf(secret, sizeof(secret),
		    "SCRAM-SHA-256$4096:%s" KEYS, salts[i]);
		auth_models_note(&models, secret);
		ck_assert(
		    scram_secret_parse(&model, auth_models_pick(&models, i)));
		ck_assert_uint_eq(model.salt_size, i + 1);
	}
}
END_TEST

START_TEST(auth_models_are_bounded)
{
	for (int i = 0; i < 100; i++) {
		char secret[200];

		(void)snprintf(secret, sizeof(secret),
		    "SCRAM-SHA-256$%d:" SALT KEYS, 4096 + i);
		auth_models_note(&models, secret);
	}
	ck_assert_uint_eq(models.count, AUTH_MODELS_MAX);
	ck_assert_int_eq(models.most_iterations, 4195);
}
END_TEST

START_TEST(auth_models_may_be_none)
{
	ck_assert_ptr_null(auth_models_pick(&models, 3));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("auth_models");
	TCase *tcase = tcase_create("models");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(
	    tcase, auth_models_have_the_shape_of_a_secret_and_nothing_of_it);
	tcase_add_test(tcase, auth_models_are_kept_once);
	tcase_add_test(tcase, auth_models_follow_the_length_of_a_salt);
	tcase_add_test(tcase, auth_models_are_bounded);
	tcase_add_test(tcase, auth_models_may_be_none);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
