/* test_scram_keys.c - from a password to the keys of SCRAM-SHA-256. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/scram_keys.h"
#include "core/mem.h"

static const struct {
	const char *text, *bytes;
	size_t size;
} base64[] = {
    {"", "", 0},
    {"Zg==", "f", 1},
    {"Zm8=", "fo", 2},
    {"Zm9v", "foo", 3},
    {"Zm9vYg==", "foob", 4},
    {"Zm9vYmE=", "fooba", 5},
    {"Zm9vYmFy", "foobar", 6},
    {"+/+/", "\xfb\xff\xbf", 3},
};

START_TEST(base64_goes_both_ways)
{
	char text[SCRAM_BASE64_BYTES(16)];
	uint8_t bytes[16];
	size_t decoded = 99;

	scram_base64_encode(
	    (const uint8_t *)base64[_i].bytes, base64[_i].size, text);
	ck_assert_str_eq(text, base64[_i].text);
	ck_assert(scram_base64_decode(base64[_i].text, strlen(base64[_i].text),
	    bytes, base64[_i].size, &decoded));
	ck_assert_uint_eq(decoded, base64[_i].size);
	ck_assert_mem_eq(bytes, base64[_i].bytes, decoded);
	if (base64[_i].size > 0) {
		ck_assert(!scram_base64_decode(base64[_i].text,
		    strlen(base64[_i].text), bytes, base64[_i].size - 1,
		    &decoded));
	}
}
END_TEST

START_TEST(base64_refuses_what_is_none)
{
	static const char *const bad[] = {"Z", "Zg",
	    "Zg=", "====", "Z===", "Zg==Zg==", "=g==", "Zm 9v", "Zm9\xc3",
	    "Zm9v\n", "Zg=a"};
	uint8_t bytes[16];
	size_t decoded;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ck_assert_msg(!scram_base64_decode(bad[i], strlen(bad[i]),
		                  bytes, sizeof(bytes), &decoded),
		    "accepted %s", bad[i]);
	}
	/* A NUL is no digit either. */
	ck_assert(!scram_base64_decode("Zm\0v", 4, bytes, 16, &decoded));
}
END_TEST

static const struct {
	const char *label, *in, *out;
} preparations[] = {
    {"ASCII stays", "pencil", "pencil"},
    {"soft hyphen maps to nothing", "I\xc2\xadX", "IX"},
    {"user name of RFC 4013 keeps its case", "USER", "USER"},
    {"ordinal indicator is normalised", "\xc2\xaa", "a"},
    {"roman nine is normalised", "\xe2\x85\xa8", "IX"},
    {"no-break space becomes a space",
        "a\xc2\xa0"
        "b",
        "a b"},
    {"a control character leaves all as it was", "\x07\xc2\xad",
        "\x07\xc2\xad"},
    {"mixed directions leave all as it was",
        "\xd8\xa7"
        "1",
        "\xd8\xa7"
        "1"},
    {"bad UTF-8 stays", "a\xff\xc2", "a\xff\xc2"},
    {"an overlong form stays", "\xc0\x80", "\xc0\x80"},
    {"a surrogate stays", "\xed\xa0\x80", "\xed\xa0\x80"},
    {"nothing left: stays", "\xc2\xad", "\xc2\xad"},
    {"an unassigned code point stays", "\xc8\xa1\xc2\xad", "\xc8\xa1\xc2\xad"},
};

START_TEST(scram_prepare_follows_rfc_4013_or_keeps_the_bytes)
{
	char *prepared = scram_prepare(preparations[_i].in);

	ck_assert_msg(strcmp(prepared, preparations[_i].out) == 0, "%s: %s",
	    preparations[_i].label, prepared);
	mem_wipe_free(&prepared);
}
END_TEST

START_TEST(scram_prepare_takes_little_time_for_hostile_passwords)
{
	/* Combining marks in the worst order; beyond the bound untouched. */
	static const size_t sizes[] = {SCRAM_PREP_MAX, 65000};

	for (size_t s = 0; s < 2; s++) {
		char *password = mem_zalloc(sizes[s] + 1), *prepared;
		clock_t start = clock();

		for (size_t i = 0; i + 2 <= sizes[s]; i += 2) {
			memcpy(password + i,
			    i < sizes[s] / 2 ? "\xcd\x85" : "\xcc\x9b", 2);
		}
		prepared = scram_prepare(password);
		ck_assert_msg(clock() - start < CLOCKS_PER_SEC / 5,
		    "%zu bytes took %ld us", sizes[s], (long)(clock() - start));
		mem_wipe_free(&prepared);
		free(password);
	}
}
END_TEST

START_TEST(scram_keys_of_a_real_secret_come_out)
{
	struct scram_secret secret;
	uint8_t salted[SCRAM_KEY_BYTES], key[SCRAM_KEY_BYTES];

	/* Made by PostgreSQL 15 for the password "pencil". */
	ck_assert(scram_secret_parse(&secret,
	    "SCRAM-SHA-256$4096:ES/KlS5SHTzow0N11QAD7A==$"
	    "kukNCxB24fLUQ8djkvY4x/SjYCGnYAON8fo7aBmwcwY=:"
	    "G9qgLy3OirNTsrdxgGZJZTkYrRdYR9isYtg8zIui1hA="));
	ck_assert_int_eq(secret.iterations, 4096);
	ck_assert_uint_eq(secret.salt_size, 16);
	ck_assert_int_eq(scram_salted_password("pencil", secret.salt,
	                     secret.salt_size, secret.iterations, salted),
	    0);
	ck_assert_int_eq(scram_hmac(salted, "Server Key", 10, key), 0);
	ck_assert_mem_eq(key, secret.server_key, SCRAM_KEY_BYTES);
	ck_assert_int_eq(scram_hmac(salted, "Client Key", 10, key), 0);
	ck_assert_int_eq(scram_hash(key, sizeof(key), key), 0);
	ck_assert_mem_eq(key, secret.stored_key, SCRAM_KEY_BYTES);
}
END_TEST

#define KEY_A "kukNCxB24fLUQ8djkvY4x/SjYCGnYAON8fo7aBmwcwY="
#define KEY_B "G9qgLy3OirNTsrdxgGZJZTkYrRdYR9isYtg8zIui1hA="

static const char *const bad_secrets[] = {
    "",
    "SCRAM-SHA-256",
    "SCRAM-SHA-256$",
    "scram-sha-256$4096:ES/KlS5SHTzow0N11QAD7A==$" KEY_A ":" KEY_B,
    "SCRAM-SHA-1$4096:ES/KlS5SHTzow0N11QAD7A==$" KEY_A ":" KEY_B,
    "SCRAM-SHA-256$0:ES/KlS5SHTzow0N11QAD7A==$" KEY_A ":" KEY_B,
    "SCRAM-SHA-256$:ES/KlS5SHTzow0N11QAD7A==$" KEY_A ":" KEY_B,
    "SCRAM-SHA-256$-1:ES/KlS5SHTzow0N11QAD7A==$" KEY_A ":" KEY_B,
    "SCRAM-SHA-256$4096x:ES/KlS5SHTzow0N11QAD7A==$" KEY_A ":" KEY_B,
    "SCRAM-SHA-256$2147483648:ES/KlS5SHTzow0N11QAD7A==$" KEY_A ":" KEY_B,
    "SCRAM-SHA-256$99999999999999:ES/KlS5SHTzow0N11QAD7A==$" KEY_A ":" KEY_B,
    "SCRAM-SHA-256$4096:!!!!$" KEY_A ":" KEY_B,
    "SCRAM-SHA-256$4096:ES/KlS5SHTzow0N11QAD7A==$" KEY_A,
    "SCRAM-SHA-256$4096:ES/KlS5SHTzow0N11QAD7A==$" KEY_A ":",
    "SCRAM-SHA-256$4096:ES/KlS5SHTzow0N11QAD7A==$:" KEY_B,
    "SCRAM-SHA-256$4096:ES/KlS5SHTzow0N11QAD7A==$" KEY_A ":" KEY_B "x",
    "SCRAM-SHA-256$4096:ES/KlS5SHTzow0N11QAD7A==$" KEY_A KEY_A ":" KEY_B,
};

START_TEST(scram_secret_may_ask_for_more_iterations_than_we_run)
{
	struct scram_secret secret;

	ck_assert(scram_secret_parse(&secret,
	    "SCRAM-SHA-256$2147483647:ES/KlS5SHTzow0N11QAD7A==$" KEY_A
	    ":" KEY_B));
	ck_assert_int_eq(secret.iterations, INT32_MAX);
}
END_TEST

START_TEST(scram_secret_parse_refuses_what_is_none)
{
	struct scram_secret secret;

	ck_assert_msg(!scram_secret_parse(&secret, bad_secrets[_i]),
	    "accepted %s", bad_secrets[_i]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("scram_keys");
	TCase *theme = tcase_create("keys");

	tcase_add_loop_test(
	    theme, base64_goes_both_ways, 0, sizeof(base64) / sizeof(*base64));
	tcase_add_test(theme, base64_refuses_what_is_none);
	tcase_add_loop_test(theme,
	    scram_prepare_follows_rfc_4013_or_keeps_the_bytes, 0,
	    sizeof(preparations) / sizeof(*preparations));
	tcase_add_test(
	    theme, scram_prepare_takes_little_time_for_hostile_passwords);
	tcase_add_test(theme, scram_keys_of_a_real_secret_come_out);
	tcase_add_test(
	    theme, scram_secret_may_ask_for_more_iterations_than_we_run);
	tcase_add_loop_test(theme, scram_secret_parse_refuses_what_is_none, 0,
	    sizeof(bad_secrets) / sizeof(*bad_secrets));
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
