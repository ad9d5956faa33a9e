/* test_secret.c - what a stored password is, and whether another fits it. */
#include "support/unit.h"

#include <limits.h>
#include <string.h>
#include <time.h>

#include "auth/keyring.h"
#include "auth/secret.h"
#include "core/error.h"
#include "core/mem.h"

/* All made by PostgreSQL 15. */
#define SCRAM_PENCIL                                    \
	"SCRAM-SHA-256$4096:ES/KlS5SHTzow0N11QAD7A==$"  \
	"kukNCxB24fLUQ8djkvY4x/SjYCGnYAON8fo7aBmwcwY=:" \
	"G9qgLy3OirNTsrdxgGZJZTkYrRdYR9isYtg8zIui1hA="
#define SCRAM_I_SOFT_X                                  \
	"SCRAM-SHA-256$4096:IfeWGJJc82lBSOUwem2PaQ==$"  \
	"MpSd6SsrL3+WR/CASco1cI1iDtp6SKUWsKiDvYj0m+Q=:" \
	"wpW7d4ESPvAT0aZ+CfRueTOX4+OcBjsF7cT0yfZmPQQ="
#define SCRAM_ROMAN_NINE                                \
	"SCRAM-SHA-256$4096:dTVJD+4MC4H/WT01gzZYzQ==$"  \
	"CskyNNoOmtnRBX9nqRrHPKi5YF0Hr1Jp1+NxQDzi/CM=:" \
	"COTmLMIC/CkrR2Ca+Eggw5iprz8O6J3Xa5krfHHuGvA="
#define SCRAM_BIDI                                      \
	"SCRAM-SHA-256$4096:KcxOMu808hGjD1rXnUKu6Q==$"  \
	"NowHb0XgMHIWjN6Ni+mfdu1uJvVXRLMQ+3Tm4MeO1vw=:" \
	"oCo5Ef4lQrsY+SMJiC33PMW0W18TuopbM4EETPgIPtk="
#define SCRAM_BELL                                      \
	"SCRAM-SHA-256$4096:OfM+S6Av6HzL4MahCtsrmA==$"  \
	"qe38lEsFrJ16KBIX06uBhKvDsX8HUH7NDqojJtswoJA=:" \
	"LpOQi5G7JNKxxPMmBXc9LjOWV8BLjHJI+SaYYcr+oVg="
#define SCRAM_ONLY_SOFT                                 \
	"SCRAM-SHA-256$4096:Vj2j68vafpumJL4IHH0Qmg==$"  \
	"AhANksETSgCEyBVRBLTHtjBUD1B0A+g8PYR+NpozILk=:" \
	"kP1UTYURONMk0I5gCcxMLSLpKHrZjEx1+8ns98j1qtM="
#define MD5_PENCIL "md5848c5ae3da80a228f65fc9770e19f9de"

static struct error err;
static struct keyring *keyring;

static const struct {
	const char *secret;
	enum secret_kind kind;
	int iterations;
} kinds[] = {
    {"", SECRET_PLAIN, 0},
    {"pencil", SECRET_PLAIN, 0},
    {MD5_PENCIL, SECRET_MD5, 0},
    {MD5_PENCIL "0", SECRET_PLAIN, 0},
    {"md5848c5ae3da80a228f65fc9770e19f9d", SECRET_PLAIN, 0},
    {"md5848C5AE3DA80A228F65FC9770E19F9DE", SECRET_PLAIN, 0},
    {SCRAM_PENCIL, SECRET_SCRAM, 4096},
    {SCRAM_PENCIL "=", SECRET_PLAIN, 0},
    {"SCRAM-SHA-256$4096:", SECRET_PLAIN, 0},
};

START_TEST(secret_kind_is_told_from_the_form)
{
	ck_assert_int_eq(secret_kind(kinds[_i].secret), kinds[_i].kind);
	ck_assert_int_eq(
	    secret_iterations(kinds[_i].secret), kinds[_i].iterations);
}
END_TEST

static const struct {
	const char *label, *secret, *user, *password;
	bool fits;
} fits[] = {
    {"plain", "pencil", "u", "pencil", true},
    {"plain, wrong", "pencil", "u", "pencil ", false},
    {"plain, prefix", "pencil", "u", "penci", false},
    {"plain, case", "pencil", "u", "Pencil", false},
    {"plain, empty password", "pencil", "u", "", false},
    {"empty secret, empty password", "", "u", "", false},
    {"empty secret", "", "u", "x", false},
    {"no such user", NULL, "u", "x", false},
    {"no such user, empty password", NULL, "u", "", false},
    {"md5", MD5_PENCIL, "md5mon", "pencil", true},
    {"md5, wrong", MD5_PENCIL, "md5mon", "pen", false},
    {"md5, of another user", MD5_PENCIL, "other", "pencil", false},
    {"md5 of an empty password", "md57b774effe4a349c6dd82ad4f4f21d34c", "u", "",
        false},
    {"md5 secret sent as password", MD5_PENCIL, "md5mon", MD5_PENCIL, false},
    {"scram", SCRAM_PENCIL, "any", "pencil", true},
    {"scram, wrong", SCRAM_PENCIL, "any", "pencil2", false},
    {"scram secret sent as password", SCRAM_PENCIL, "any", SCRAM_PENCIL, false},
    {"scram, mapped to nothing", SCRAM_I_SOFT_X, "u", "I\xc2\xadX", true},
    {"scram, equal after SASLprep", SCRAM_I_SOFT_X, "u", "IX", true},
    {"scram, normalised", SCRAM_ROMAN_NINE, "u", "\xe2\x85\xa8", true},
    {"scram, normalised, other", SCRAM_ROMAN_NINE, "u", "IX", true},
    {"scram, forbidden directions", SCRAM_BIDI, "u",
        "\xd9\x85"
        "e",
        true},
    {"scram, forbidden control", SCRAM_BELL, "u",
        "a\x07"
        "b",
        true},
    {"scram, nothing left", SCRAM_ONLY_SOFT, "u", "\xc2\xad", true},
};

START_TEST(secret_fits_the_right_password_and_no_other)
{
	ck_assert_msg(secret_fits(keyring, fits[_i].secret, fits[_i].user,
	                  fits[_i].password, 4096) == fits[_i].fits,
	    "%s", fits[_i].label);
	/* The padding changes nothing about the answer. */
	ck_assert_msg(secret_fits(keyring, fits[_i].secret, fits[_i].user,
	                  fits[_i].password, 0) == fits[_i].fits,
	    "%s", fits[_i].label);
}
END_TEST

START_TEST(secret_fits_passwords_of_65535_bytes)
{
	char *password = mem_zalloc(65536);

	memset(password, 'x', 65535);
	ck_assert(secret_fits(keyring, password, "u", password, 4096));
	password[65534] = 'y';
	ck_assert(!secret_fits(keyring, "xxxx", "u", password, 0));
	free(password);
}
END_TEST

/* Lowers *LEAST to the processor time of one check; the least of many leaves
 * out interruptions. */
static void
measure(const char *secret, long *least)
{
	clock_t start = clock();
	long cost;

	(void)secret_fits(keyring, secret, "someone", "pencils", 20000);
	cost = (long)(clock() - start);
	*least = cost < *least ? cost : *least;
}

/* Without the padding the factors would be 5 and more. */
START_TEST(secret_fits_costs_the_same_for_unknown_users_and_all_kinds)
{
	static const char *const secrets[] = {
	    NULL, "pencil", MD5_PENCIL, SCRAM_PENCIL};
	long least[4] = {LONG_MAX, LONG_MAX, LONG_MAX, LONG_MAX};

	for (int round = 0; round < 15; round++) {
		for (size_t i = 0; i < 4; i++) {
			measure(secrets[i], &least[i]);
		}
	}
	for (size_t i = 1; i < 4; i++) {
		ck_assert_msg(
		    least[i] < least[0] * 2 && least[0] < least[i] * 2,
		    "kind %zu: %ld us, unknown user: %ld us", i, least[i],
		    least[0]);
	}
}
END_TEST

START_TEST(secret_fits_computes_a_right_password_once_and_keeps_its_key)
{
	struct keyring *own = keyring_new();
	struct scram_secret secret;
	uint8_t key[SCRAM_KEY_BYTES];

	ck_assert(scram_secret_parse(&secret, SCRAM_PENCIL));
	ck_assert(!secret_fits(own, SCRAM_PENCIL, "u", "pen", 20000));
	ck_assert_uint_eq(keyring_count(own), 0);
	ck_assert(!keyring_find(own, secret.stored_key, key));
	ck_assert_uint_eq(keyring_derivations(own), 2);
	ck_assert(secret_fits(own, SCRAM_PENCIL, "u", "pencil", 20000));
	ck_assert_uint_eq(keyring_derivations(own), 4);
	ck_assert(secret_fits(own, SCRAM_PENCIL, "u", "pencil", 20000));
	ck_assert_uint_eq(keyring_derivations(own), 4);
	/* Right at once: nothing is to be hidden. */
	ck_assert(secret_fits(own, "pencil", "u", "pencil", 20000));
	ck_assert_uint_eq(keyring_derivations(own), 4);
	ck_assert(keyring_find(own, secret.stored_key, key));
	ck_assert(!secret_fits(own, SCRAM_PENCIL, "u", "pen", 20000));
	keyring_free(&own);
}
END_TEST

START_TEST(secret_fits_nothing_that_would_take_too_long)
{
	const char *rest = strchr(SCRAM_PENCIL, ':');
	char *secret = mem_alloc(strlen(SCRAM_PENCIL) + 16);
	uint64_t before = keyring_derivations(keyring);

	strcpy(secret, "SCRAM-SHA-256$1000001");
	strcat(secret, rest);
	ck_assert_int_eq(secret_kind(secret), SECRET_SCRAM);
	ck_assert(!secret_fits(keyring, secret, "u", "pencil", 0));
	ck_assert(!secret_fits(keyring, secret, "u", secret, 0));
	ck_assert_uint_eq(keyring_derivations(keyring), before);
	free(secret);
}
END_TEST

START_TEST(secret_cleartext_is_only_the_password_itself)
{
	const char *password = NULL;

	ck_assert_int_eq(secret_cleartext("pencil", &password, &err), 0);
	ck_assert_str_eq(password, "pencil");
	ck_assert_int_eq(secret_cleartext(NULL, &password, &err), -1);
	ck_assert_int_eq(secret_cleartext("", &password, &err), -1);
	ck_assert_int_eq(secret_cleartext(MD5_PENCIL, &password, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "md5"));
	ck_assert_int_eq(secret_cleartext(SCRAM_PENCIL, &password, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "SCRAM"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("secret");
	TCase *theme = tcase_create("secret");
	int failed;

	tcase_add_loop_test(theme, secret_kind_is_told_from_the_form, 0,
	    sizeof(kinds) / sizeof(*kinds));
	tcase_add_loop_test(theme, secret_fits_the_right_password_and_no_other,
	    0, sizeof(fits) / sizeof(*fits));
	tcase_add_test(theme, secret_fits_passwords_of_65535_bytes);
	tcase_add_test(
	    theme, secret_fits_costs_the_same_for_unknown_users_and_all_kinds);
	tcase_add_test(theme,
	    secret_fits_computes_a_right_password_once_and_keeps_its_key);
	tcase_add_test(theme, secret_fits_nothing_that_would_take_too_long);
	tcase_add_test(theme, secret_cleartext_is_only_the_password_itself);
	suite_add_tcase(suite, theme);
	keyring = keyring_new();
	failed = unit_run(suite);
	keyring_free(&keyring);
	return failed;
}
