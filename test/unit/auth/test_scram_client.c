/* test_scram_client.c - logging in to a server by SCRAM-SHA-256. */
#include "support/unit.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "auth/keyring.h"
#include "auth/scram_client.h"
#include "auth/scram_keys.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

/* The exchange of RFC 7677, section 3. */
#define NONCE "rOprNGfwEbeRWgbNEkqO"
#define FULL_NONCE NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SERVER_FIRST "r=" FULL_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define CLIENT_FINAL \
	"c=biws,r=" FULL_NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SERVER_FINAL "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static struct error err;
static struct keyring *keyring;

static const uint8_t *
bytes(const char *text)
{
	return (const uint8_t *)text;
}

/* A login that has sent its first message. */
static struct scram_client *
begin(struct buf *out)
{
	struct scram_client *scram =
	    scram_client_new("user", "pencil", keyring, NONCE, &err);

	ck_assert_ptr_nonnull(scram);
	ck_assert_int_eq(scram_client_first(scram, out, &err), 0);
	return scram;
}

/* A login that has sent its proof, after the exchange of the RFC. */
static struct scram_client *
begin_final(void)
{
	struct buf out = {0};
	struct scram_client *scram = begin(&out);

	ck_assert_int_eq(scram_client_final(scram, bytes(SERVER_FIRST),
	                     strlen(SERVER_FIRST), &out, &err),
	    0);
	buf_fini(&out);
	return scram;
}

START_TEST(scram_speaks_the_exchange_of_rfc_7677)
{
	struct buf out = {0};
	struct scram_client *scram = begin(&out);

	ck_assert_str_eq(buf_text(&out), "n,,n=user,r=" NONCE);
	buf_clear(&out);
	ck_assert_int_eq(scram_client_final(scram, bytes(SERVER_FIRST),
	                     strlen(SERVER_FIRST), &out, &err),
	    0);
	ck_assert_str_eq(buf_text(&out), CLIENT_FINAL);
	ck_assert(!scram_client_is_verified(scram));
	ck_assert_int_eq(scram_client_verify(scram, bytes(SERVER_FINAL),
	                     strlen(SERVER_FINAL), &err),
	    0);
	ck_assert(scram_client_is_verified(scram));
	buf_fini(&out);
	scram_client_free(&scram);
	ck_assert_ptr_null(scram);
	scram_client_free(&scram);
}
END_TEST

START_TEST(scram_makes_a_new_nonce_for_each_login)
{
	struct scram_client *one =
	    scram_client_new(NULL, "x", keyring, NULL, &err);
	struct scram_client *two =
	    scram_client_new(NULL, "x", keyring, NULL, &err);
	struct buf first = {0}, second = {0};

	ck_assert_int_eq(scram_client_first(one, &first, &err), 0);
	ck_assert_int_eq(scram_client_first(two, &second, &err), 0);
	ck_assert_uint_eq(first.length, strlen("n,,n=,r=") + 24);
	ck_assert_int_eq(strncmp(buf_text(&first), "n,,n=,r=", 8), 0);
	ck_assert_str_ne(buf_text(&first), buf_text(&second));
	buf_fini(&first);
	buf_fini(&second);
	scram_client_free(&one);
	scram_client_free(&two);
}
END_TEST

START_TEST(scram_escapes_commas_and_equal_signs_in_the_name)
{
	struct scram_client *scram =
	    scram_client_new("a=b,c", "x", keyring, "nonce", &err);
	struct buf out = {0};

	ck_assert_int_eq(scram_client_first(scram, &out, &err), 0);
	ck_assert_str_eq(buf_text(&out), "n,,n=a=3Db=2Cc,r=nonce");
	buf_fini(&out);
	scram_client_free(&scram);
}
END_TEST

START_TEST(scram_needs_no_password_where_the_keys_are_known)
{
	struct scram_keys keys;
	struct buf out = {0};
	struct scram_client *scram;
	uint8_t salt[16];
	size_t size = 0;

	ck_assert(scram_base64_decode(
	    "W22ZaJ0SNY7soEsUEjb6gQ==", 24, salt, sizeof(salt), &size));
	ck_assert_int_eq(
	    keyring_derive(keyring, "pencil", salt, size, 4096, &keys), 0);
	scram = scram_client_new_with_keys("user", &keys, NONCE, &err);
	ck_assert_int_eq(scram_client_first(scram, &out, &err), 0);
	buf_clear(&out);
	ck_assert_int_eq(scram_client_final(scram, bytes(SERVER_FIRST),
	                     strlen(SERVER_FIRST), &out, &err),
	    0);
	ck_assert_str_eq(buf_text(&out), CLIENT_FINAL);
	ck_assert_int_eq(scram_client_verify(scram, bytes(SERVER_FINAL),
	                     strlen(SERVER_FINAL), &err),
	    0);
	buf_fini(&out);
	scram_client_free(&scram);
}
END_TEST

START_TEST(scram_computes_the_keys_of_a_password_once)
{
	uint64_t before;
	struct scram_client *scram = begin_final();

	scram_client_free(&scram);
	before = keyring_derivations(keyring);
	for (int i = 0; i < 10; i++) {
		scram = begin_final();
		scram_client_free(&scram);
	}
	ck_assert_uint_eq(keyring_derivations(keyring), before);
}
END_TEST

START_TEST(scram_binds_itself_to_the_certificate_or_says_that_it_could)
{
	static const struct scram_binding binding = {3, "abc"};
	struct buf out = {0};
	struct scram_client *scram =
	    scram_client_new("user", "pencil", keyring, NONCE, &err);

	scram_client_bind(scram, &binding, true);
	ck_assert_int_eq(scram_client_first(scram, &out, &err), 0);
	ck_assert_str_eq(
	    buf_text(&out), "p=tls-server-end-point,,n=user,r=" NONCE);
	buf_clear(&out);
	ck_assert_int_eq(scram_client_final(scram, bytes(SERVER_FIRST),
	                     strlen(SERVER_FIRST), &out, &err),
	    0);
	ck_assert_int_eq(strncmp(buf_text(&out),
	                     "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsYWJj,r=", 41),
	    0);
	scram_client_free(&scram);
	buf_clear(&out);
	scram = scram_client_new("user", "pencil", keyring, NONCE, &err);
	scram_client_bind(scram, &binding, false);
	ck_assert_int_eq(scram_client_first(scram, &out, &err), 0);
	ck_assert_str_eq(buf_text(&out), "y,,n=user,r=" NONCE);
	buf_clear(&out);
	ck_assert_int_eq(scram_client_final(scram, bytes(SERVER_FIRST),
	                     strlen(SERVER_FIRST), &out, &err),
	    0);
	ck_assert_int_eq(strncmp(buf_text(&out), "c=eSws,r=", 9), 0);
	scram_client_free(&scram);
	buf_fini(&out);
}
END_TEST

START_TEST(scram_needs_the_password_not_its_stored_form)
{
	static const char *const secrets[] = {"",
	    "md5848c5ae3da80a228f65fc9770e19f9de",
	    "SCRAM-SHA-256$4096:UlwrO3XO5MQ8/1rWu2kV+g==$"
	    "vm1yy+emtSz8vaxPQ59fx2csz80dFCGIuKXiZUE8mHw=:"
	    "3jXG8uoxFMkEI2KwTA2DkIeiw6yR3XkqEtOxFEeRUxU="};

	for (size_t i = 0; i < 3; i++) {
		ck_assert_ptr_null(
		    scram_client_new("u", secrets[i], keyring, NULL, &err));
		ck_assert_str_eq(err.sqlstate, SQLSTATE_INVALID_PASSWORD);
	}
}
END_TEST

static const struct {
	const char *message;
	const char *why;
} bad_firsts[] = {
    {"", "no nonce"},
    {"r=", "does not continue"},
    {"r=" NONCE ",s=QSXCR+Q6sek8bf92,i=4096", "does not continue"},
    {"r=xOprNGfwEbeRWgbNEkqOabc,s=QSXCR+Q6sek8bf92,i=4096",
        "does not continue"},
    {"m=future,r=" FULL_NONCE ",s=QSXCR+Q6sek8bf92,i=4096", "no nonce"},
    {"r=" FULL_NONCE, "salt"},
    {"r=" FULL_NONCE ",s=,i=4096", "salt"},
    {"r=" FULL_NONCE ",s=QSXCR+Q6sek8bf9,i=4096", "salt"},
    {"r=" FULL_NONCE ",s=QSXCR+Q6se*8bf92,i=4096", "salt"},
    {"r=" FULL_NONCE ",i=4096,s=QSXCR+Q6sek8bf92", "salt"},
    {"r=" FULL_NONCE ",s=QSXCR+Q6sek8bf92", "iteration count"},
    {"r=" FULL_NONCE ",s=QSXCR+Q6sek8bf92,i=", "iteration count"},
    {"r=" FULL_NONCE ",s=QSXCR+Q6sek8bf92,i=0", "iteration count"},
    {"r=" FULL_NONCE ",s=QSXCR+Q6sek8bf92,i=-1", "iteration count"},
    {"r=" FULL_NONCE ",s=QSXCR+Q6sek8bf92,i=4096x", "iteration count"},
    {"r=" FULL_NONCE ",s=QSXCR+Q6sek8bf92,i=99999999999999999999",
        "iteration count"},
    {"r=" FULL_NONCE ",s=QSXCR+Q6sek8bf92,i=1000001", "too many iterations"},
    {"r=" NONCE "a\x01z,s=QSXCR+Q6sek8bf92,i=4096", "not printable"},
};

START_TEST(scram_refuses_a_bad_first_message_of_the_server)
{
	const char *message = bad_firsts[_i].message;
	struct buf out = {0};
	struct scram_client *scram = begin(&out);

	buf_clear(&out);
	ck_assert_msg(scram_client_final(scram, bytes(message), strlen(message),
	                  &out, &err) == -1,
	    "accepted %s", message);
	ck_assert_msg(strstr(err.text, bad_firsts[_i].why) != NULL, "%s: %s",
	    message, err.text);
	ck_assert_uint_eq(out.length, 0);
	/* And it stays dead. */
	ck_assert_int_eq(scram_client_final(scram, bytes(SERVER_FIRST),
	                     strlen(SERVER_FIRST), &out, &err),
	    -1);
	buf_fini(&out);
	scram_client_free(&scram);
}
END_TEST

START_TEST(scram_refuses_every_shortened_first_message)
{
	/* Up to the 'i=' digits a cut message is incomplete. */
	for (size_t size = 0; size <= strlen(SERVER_FIRST) - 4; size++) {
		struct buf out = {0};
		struct scram_client *scram = begin(&out);
		/* Of exactly this size, so that a sanitizer sees overreads. */
		uint8_t *copy = mem_dup(SERVER_FIRST, size);

		ck_assert_int_eq(
		    scram_client_final(scram, copy, size, &out, &err), -1);
		free(copy);
		buf_fini(&out);
		scram_client_free(&scram);
	}
}
END_TEST

START_TEST(scram_refuses_an_overlong_message)
{
	struct buf out = {0}, message = {0};
	struct scram_client *scram = begin(&out);

	buf_append_str(&message, "r=" NONCE);
	while (message.length <= SCRAM_MESSAGE_MAX) {
		buf_append_char(&message, 'a');
	}
	buf_append_str(&message, ",s=QSXCR+Q6sek8bf92,i=4096");
	ck_assert_int_eq(scram_client_final(scram, buf_bytes(&message),
	                     message.length, &out, &err),
	    -1);
	ck_assert_ptr_nonnull(strstr(err.text, "too long"));
	buf_fini(&message);
	buf_fini(&out);
	scram_client_free(&scram);
}
END_TEST

START_TEST(scram_refuses_every_changed_signature)
{
	size_t size = strlen(SERVER_FINAL);

	/* The last digit before '=' has two bits nobody looks at. */
	for (size_t i = 0; i < size; i++) {
		char changed[sizeof(SERVER_FINAL)] = SERVER_FINAL;
		struct scram_client *scram = begin_final();

		changed[i] = changed[i] == 'A' ? 'z' : 'A';
		ck_assert_int_eq(
		    scram_client_verify(scram, bytes(changed), size, &err), -1);
		ck_assert(!scram_client_is_verified(scram));
		scram_client_free(&scram);
	}
}
END_TEST

static const char *const bad_finals[] = {"", "v", "v=", "v=6rri",
    "e=unknown-user", "x=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=AAAA"};

START_TEST(scram_refuses_a_bad_final_message_of_the_server)
{
	struct scram_client *scram = begin_final();

	ck_assert_int_eq(scram_client_verify(scram, bytes(bad_finals[_i]),
	                     strlen(bad_finals[_i]), &err),
	    -1);
	ck_assert_int_eq(scram_client_verify(scram, bytes(SERVER_FINAL),
	                     strlen(SERVER_FINAL), &err),
	    -1);
	scram_client_free(&scram);
}
END_TEST

START_TEST(scram_refuses_steps_out_of_turn)
{
	struct buf out = {0};
	struct scram_client *scram =
	    scram_client_new("user", "pencil", keyring, NONCE, &err);

	ck_assert_int_eq(scram_client_verify(scram, bytes(SERVER_FINAL),
	                     strlen(SERVER_FINAL), &err),
	    -1);
	scram_client_free(&scram);
	scram = scram_client_new("user", "pencil", keyring, NONCE, &err);
	ck_assert_int_eq(scram_client_final(scram, bytes(SERVER_FIRST),
	                     strlen(SERVER_FIRST), &out, &err),
	    -1);
	scram_client_free(&scram);
	scram = begin(&out);
	ck_assert_int_eq(scram_client_first(scram, &out, &err), -1);
	scram_client_free(&scram);
	buf_fini(&out);
}
END_TEST

static const struct {
	const char *list;
	size_t size; /* without the literal's own NUL */
	bool can_bind;
	int result;
	bool is_plus;
	const char *why;
} mechanisms[] = {
    {"SCRAM-SHA-256\0", 15, false, 0, false, NULL},
    {"SCRAM-SHA-256\0", 15, true, 0, false, NULL},
    {"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0", 34, false, 0, false, NULL},
    {"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0", 34, true, 0, true, NULL},
    {"SCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0", 34, true, 0, true, NULL},
    {"SCRAM-SHA-256-PLUS\0", 20, true, 0, true, NULL},
    {"SCRAM-SHA-256-PLUS\0", 20, false, -1, false, "SCRAM-SHA-256-PLUS"},
    {"OAUTHBEARER\0EXTERNAL\0", 22, false, -1, false, "OAUTHBEARER EXTERNAL"},
    {"", 1, false, -1, false, "but:"},
    {"", 0, false, -1, false, "malformed"},
    {"SCRAM-SHA-256", 13, false, -1, false, "malformed"},
    {"SCRAM-SHA-256\0", 14, false, -1, false, "malformed"},
    {"SCRAM-SHA-256\0\0x", 16, false, -1, false, "malformed"},
};

START_TEST(scram_picks_its_mechanism_from_the_list)
{
	bool is_plus = true;

	ck_assert_int_eq(
	    scram_pick_mechanism(bytes(mechanisms[_i].list),
	        mechanisms[_i].size, mechanisms[_i].can_bind, &is_plus, &err),
	    mechanisms[_i].result);
	if (mechanisms[_i].result == 0) {
		ck_assert(is_plus == mechanisms[_i].is_plus);
	}
	if (mechanisms[_i].why != NULL) {
		ck_assert_msg(strstr(err.text, mechanisms[_i].why) != NULL,
		    "row %d: %s", _i, err.text);
	}
}
END_TEST

START_TEST(scram_survives_an_endless_list_of_mechanisms)
{
	struct buf list = {0};
	bool is_plus;

	for (int i = 0; i < 5000; i++) {
		buf_append(&list, "NO-SUCH-MECHANISM", 18);
	}
	buf_append_char(&list, '\0');
	ck_assert_int_eq(scram_pick_mechanism(buf_bytes(&list), list.length,
	                     true, &is_plus, &err),
	    -1);
	buf_fini(&list);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("scram_client");
	TCase *talk = tcase_create("exchange");
	TCase *bad = tcase_create("hostile server");
	TCase *list = tcase_create("mechanisms");
	int failed;

	tcase_add_test(talk, scram_speaks_the_exchange_of_rfc_7677);
	tcase_add_test(talk, scram_makes_a_new_nonce_for_each_login);
	tcase_add_test(talk, scram_escapes_commas_and_equal_signs_in_the_name);
	tcase_add_test(talk, scram_needs_no_password_where_the_keys_are_known);
	tcase_add_test(talk, scram_computes_the_keys_of_a_password_once);
	tcase_add_test(
	    talk, scram_binds_itself_to_the_certificate_or_says_that_it_could);
	tcase_add_test(talk, scram_needs_the_password_not_its_stored_form);
	tcase_add_test(talk, scram_refuses_steps_out_of_turn);
	tcase_add_loop_test(bad,
	    scram_refuses_a_bad_first_message_of_the_server, 0,
	    sizeof(bad_firsts) / sizeof(*bad_firsts));
	tcase_add_test(bad, scram_refuses_every_shortened_first_message);
	tcase_add_test(bad, scram_refuses_an_overlong_message);
	tcase_add_test(bad, scram_refuses_every_changed_signature);
	tcase_add_loop_test(bad,
	    scram_refuses_a_bad_final_message_of_the_server, 0,
	    sizeof(bad_finals) / sizeof(*bad_finals));
	tcase_add_loop_test(list, scram_picks_its_mechanism_from_the_list, 0,
	    sizeof(mechanisms) / sizeof(*mechanisms));
	tcase_add_test(list, scram_survives_an_endless_list_of_mechanisms);
	suite_add_tcase(suite, talk);
	suite_add_tcase(suite, bad);
	suite_add_tcase(suite, list);
	keyring = keyring_new();
	failed = unit_run(suite);
	keyring_free(&keyring);
	return failed;
}
