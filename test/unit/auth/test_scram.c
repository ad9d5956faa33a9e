/* test_scram.c - logging in to a server by SCRAM-SHA-256. */
#include "support/unit.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "auth/scram.h"
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
	    scram_client_new("user", "pencil", NONCE, &err);

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
	struct scram_client *one = scram_client_new(NULL, "x", NULL, &err);
	struct scram_client *two = scram_client_new(NULL, "x", NULL, &err);
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
	    scram_client_new("a=b,c", "x", "nonce", &err);
	struct buf out = {0};

	ck_assert_int_eq(scram_client_first(scram, &out, &err), 0);
	ck_assert_str_eq(buf_text(&out), "n,,n=a=3Db=2Cc,r=nonce");
	buf_fini(&out);
	scram_client_free(&scram);
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
		    scram_client_new("u", secrets[i], NULL, &err));
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
	    scram_client_new("user", "pencil", NONCE, &err);

	ck_assert_int_eq(scram_client_verify(scram, bytes(SERVER_FINAL),
	                     strlen(SERVER_FINAL), &err),
	    -1);
	scram_client_free(&scram);
	scram = scram_client_new("user", "pencil", NONCE, &err);
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
	int result;
	const char *why;
} mechanisms[] = {
    {"SCRAM-SHA-256\0", 15, 0, NULL},
    {"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0", 34, 0, NULL},
    {"SCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0", 34, 0, NULL},
    {"SCRAM-SHA-256-PLUS\0", 20, -1, "SCRAM-SHA-256-PLUS"},
    {"OAUTHBEARER\0EXTERNAL\0", 22, -1, "OAUTHBEARER EXTERNAL"},
    {"", 1, -1, "but: "},
    {"", 0, -1, "not terminated"},
    {"SCRAM-SHA-256", 13, -1, "not terminated"},
    {"SCRAM-SHA-256\0", 14, -1, "not terminated"},
    {"SCRAM-SHA-256\0\0x", 16, -1, "SCRAM-SHA-256"},
};

START_TEST(scram_picks_its_mechanism_from_the_list)
{
	ck_assert_int_eq(scram_pick_mechanism(bytes(mechanisms[_i].list),
	                     mechanisms[_i].size, &err),
	    mechanisms[_i].result);
	if (mechanisms[_i].why != NULL) {
		ck_assert_msg(strstr(err.text, mechanisms[_i].why) != NULL,
		    "row %d: %s", _i, err.text);
	}
}
END_TEST

START_TEST(scram_survives_an_endless_list_of_mechanisms)
{
	struct buf list = {0};

	for (int i = 0; i < 5000; i++) {
		buf_append(&list, "NO-SUCH-MECHANISM", 18);
	}
	buf_append_char(&list, '\0');
	ck_assert_int_eq(
	    scram_pick_mechanism(buf_bytes(&list), list.length, &err), -1);
	buf_fini(&list);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("scram");
	TCase *talk = tcase_create("exchange");
	TCase *bad = tcase_create("hostile server");
	TCase *list = tcase_create("mechanisms");

	tcase_add_test(talk, scram_speaks_the_exchange_of_rfc_7677);
	tcase_add_test(talk, scram_makes_a_new_nonce_for_each_login);
	tcase_add_test(talk, scram_escapes_commas_and_equal_signs_in_the_name);
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
	return unit_run(suite);
}
