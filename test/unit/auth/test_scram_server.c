/* test_scram_server.c - letting a client log in by SCRAM-SHA-256. */
#include "support/unit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/keyring.h"
#include "auth/scram_client.h"
#include "auth/scram_keys.h"
#include "auth/scram_server.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

/* The exchange of RFC 7677, section 3. */
#define NONCE "rOprNGfwEbeRWgbNEkqO"
#define OWN_NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define FULL_NONCE NONCE OWN_NONCE
#define SALT "W22ZaJ0SNY7soEsUEjb6gQ=="
#define CLIENT_FIRST "n,,n=user,r=" NONCE
#define SERVER_FIRST "r=" FULL_NONCE ",s=" SALT ",i=4096"
#define PROOF "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define CLIENT_FINAL "c=biws,r=" FULL_NONCE "," PROOF
#define SERVER_FINAL "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static struct error err;
static struct keyring *keyring;
static const struct scram_binding no_tls, tls = {3, "abc"};

static const uint8_t *
bytes(const char *text)
{
	return (const uint8_t *)text;
}

/* That of "pencil". */
static struct scram_secret
make_secret(void)
{
	struct scram_secret secret = {.iterations = 4096};
	struct scram_keys keys;

	ck_assert(scram_base64_decode(SALT, strlen(SALT), secret.salt,
	    sizeof(secret.salt), &secret.salt_size));
	ck_assert_int_eq(keyring_derive(keyring, "pencil", secret.salt,
	                     secret.salt_size, 4096, &keys),
	    0);
	memcpy(secret.stored_key, keys.stored_key, SCRAM_KEY_BYTES);
	memcpy(secret.server_key, keys.server_key, SCRAM_KEY_BYTES);
	return secret;
}

static struct scram_server *
make(const struct scram_binding *binding, bool is_plus)
{
	struct scram_secret secret = make_secret();
	struct scram_server *scram =
	    scram_server_new(&secret, binding, is_plus, OWN_NONCE, &err);

	ck_assert_ptr_nonnull(scram);
	return scram;
}

/* An exchange that has sent its salt. */
static struct scram_server *
begin(void)
{
	struct buf out = {0};
	struct scram_server *scram = make(&no_tls, false);

	ck_assert_int_eq(scram_server_first(scram, bytes(CLIENT_FIRST),
	                     strlen(CLIENT_FIRST), &out, &err),
	    0);
	ck_assert_str_eq(buf_text(&out), SERVER_FIRST);
	buf_fini(&out);
	return scram;
}

START_TEST(scram_server_speaks_the_exchange_of_rfc_7677)
{
	struct buf out = {0};
	struct scram_server *scram = begin();
	struct scram_secret secret = make_secret();
	struct scram_keys keys;

	ck_assert_int_eq(scram_server_final(scram, bytes(CLIENT_FINAL),
	                     strlen(CLIENT_FINAL), &out, &err),
	    0);
	ck_assert_str_eq(buf_text(&out), SERVER_FINAL);
	ck_assert_int_eq(keyring_derive(keyring, "pencil", secret.salt,
	                     secret.salt_size, 4096, &keys),
	    0);
	ck_assert_mem_eq(
	    scram_server_client_key(scram), keys.client_key, SCRAM_KEY_BYTES);
	buf_fini(&out);
	scram_server_free(&scram);
	ck_assert_ptr_null(scram);
	scram_server_free(&scram);
}
END_TEST

START_TEST(scram_server_continues_the_nonce_with_a_new_one_each_time)
{
	struct scram_secret secret = make_secret();
	char *seen[2];

	for (int i = 0; i < 2; i++) {
		struct buf out = {0};
		struct scram_server *scram =
		    scram_server_new(&secret, &no_tls, false, NULL, &err);

		ck_assert_int_eq(scram_server_first(scram, bytes(CLIENT_FIRST),
		                     strlen(CLIENT_FIRST), &out, &err),
		    0);
		ck_assert_int_eq(
		    strncmp(buf_text(&out), "r=" NONCE, strlen(NONCE) + 2), 0);
		seen[i] = mem_strdup(buf_text(&out));
		buf_fini(&out);
		scram_server_free(&scram);
	}
	ck_assert_str_ne(seen[0], seen[1]);
	free(seen[0]);
	free(seen[1]);
}
END_TEST

#define MALFORMED "malformed SCRAM message: "

static const struct {
	const char *message;
	const struct scram_binding *binding;
	bool is_plus;
	const char *sqlstate; /* NULL: it is accepted */
	const char *text;
} firsts[] = {
    {"n,,n=,r=x", &no_tls, false, NULL, ""},
    {"n,,n=any=2Cname,r=x,e=extension", &no_tls, false, NULL, ""},
    {"y,,n=,r=x", &no_tls, false, NULL, ""},
    {"n,,n=,r=x", &tls, false, NULL, ""},
    {"p=tls-server-end-point,,n=,r=x", &tls, true, NULL, ""},
    {"y,,n=,r=x", &tls, false, "28000",
        "SCRAM channel binding negotiation error"},
    {"y,,n=,r=x", &tls, true, "08P01", MALFORMED "the client selected"},
    {"n,,n=,r=x", &tls, true, "08P01", MALFORMED "the client selected"},
    {"p=tls-server-end-point,,n=,r=x", &no_tls, false, "08P01",
        MALFORMED "the client selected"},
    {"p=tls-server-end-point,,n=,r=x", &tls, false, "08P01",
        MALFORMED "the client selected"},
    {"p=tls-unique,,n=,r=x", &tls, true, "08P01",
        "unsupported SCRAM channel-binding type"},
    {"p,,n=,r=x", &tls, true, "08P01",
        "unsupported SCRAM channel-binding type"},
    {"p=tls-server-end-point", &tls, true, "08P01",
        MALFORMED "unexpected attribute"},
    {"x,,n=,r=x", &no_tls, false, "08P01",
        MALFORMED "unexpected channel-binding flag"},
    {"n", &no_tls, false, "08P01", MALFORMED "comma expected"},
    {"n,", &no_tls, false, "08P01", MALFORMED "unexpected attribute"},
    {"nn,n=,r=x", &no_tls, false, "08P01", MALFORMED "comma expected"},
    {"n,a=other,n=,r=x", &no_tls, false, "0A000",
        "client uses authorization identity"},
    {"n,b=other,n=,r=x", &no_tls, false, "08P01",
        MALFORMED "unexpected attribute"},
    {"n,,m=future,n=,r=x", &no_tls, false, "0A000",
        "client requires an unsupported SCRAM extension"},
    {"n,,", &no_tls, false, "08P01", MALFORMED "attribute \"n\""},
    {"n,,r=x,n=", &no_tls, false, "08P01", MALFORMED "attribute \"n\""},
    {"n,,n=user", &no_tls, false, "08P01", MALFORMED "attribute \"r\""},
    {"n,,n=user,r", &no_tls, false, "08P01", MALFORMED "attribute \"r\""},
    {"n,,n=user,r=", &no_tls, false, "08P01", "non-printable"},
    {"n,,n=user,r=a\x01", &no_tls, false, "08P01", "non-printable"},
    {"n,,n=user,r=\xc3\xa4", &no_tls, false, "08P01", "non-printable"},
    {"", &no_tls, false, "08P01", MALFORMED "the message is empty"},
};

START_TEST(scram_server_judges_a_first_message_as_postgresql_does)
{
	const char *message = firsts[_i].message;
	struct scram_server *scram =
	    make(firsts[_i].binding, firsts[_i].is_plus);
	struct buf out = {0};
	/* Of exactly this size, so that a sanitizer sees overreads. */
	uint8_t *copy = mem_dup(message, strlen(message));
	int result =
	    scram_server_first(scram, copy, strlen(message), &out, &err);

	ck_assert_msg((result == 0) == (firsts[_i].sqlstate == NULL), "%s: %s",
	    message, result == 0 ? "accepted" : err.text);
	if (result != 0) {
		ck_assert_str_eq(err.sqlstate, firsts[_i].sqlstate);
		ck_assert_msg(strncmp(err.text, firsts[_i].text,
		                  strlen(firsts[_i].text)) == 0,
		    "%s: %s", message, err.text);
		ck_assert_uint_eq(out.length, 0);
		/* And it stays dead. */
		ck_assert_int_eq(scram_server_first(scram, bytes(CLIENT_FIRST),
		                     strlen(CLIENT_FIRST), &out, &err),
		    -1);
	}
	free(copy);
	buf_fini(&out);
	scram_server_free(&scram);
}
END_TEST

static const struct {
	const char *message;
	const char *sqlstate;
	const char *text;
} finals[] = {
    {"", "08P01", MALFORMED "the message is empty"},
    {"c=biws", "08P01", MALFORMED "attribute \"r\""},
    {"r=" FULL_NONCE "," PROOF, "08P01", MALFORMED "attribute \"c\""},
    {"c=eSws,r=" FULL_NONCE "," PROOF, "08P01",
        "unexpected SCRAM channel-binding attribute"},
    {"c=,r=" FULL_NONCE "," PROOF, "08P01",
        "unexpected SCRAM channel-binding attribute"},
    {"c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsYWJj,r=" FULL_NONCE "," PROOF, "08P01",
        "unexpected SCRAM channel-binding attribute"},
    {"c=biws,r=" NONCE "," PROOF, "08P01",
        "invalid SCRAM response: nonce does not match"},
    {"c=biws,r=" FULL_NONCE "x," PROOF, "08P01",
        "invalid SCRAM response: nonce does not match"},
    {"c=biws,r=," PROOF, "08P01",
        "invalid SCRAM response: nonce does not match"},
    {"c=biws," PROOF ",r=" FULL_NONCE, "08P01", MALFORMED "attribute \"r\""},
    {"c=biws,r=" FULL_NONCE, "08P01", MALFORMED "attribute \"p\""},
    {"c=biws,r=" FULL_NONCE ",", "08P01", MALFORMED "attribute \"p\""},
    {"c=biws,r=" FULL_NONCE ",p", "08P01", MALFORMED "attribute \"p\""},
    {"c=biws,r=" FULL_NONCE ",p=", "08P01", MALFORMED "malformed proof"},
    {"c=biws,r=" FULL_NONCE ",p=dHzb", "08P01", MALFORMED "malformed proof"},
    {"c=biws,r=" FULL_NONCE ",p=*HzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "08P01", MALFORMED "malformed proof"},
    {"c=biws,r=" FULL_NONCE "," PROOF "AAAA", "08P01",
        MALFORMED "malformed proof"},
    {"c=biws,r=" FULL_NONCE "," PROOF ",", "08P01", MALFORMED "garbage"},
    {"c=biws,r=" FULL_NONCE "," PROOF ",x=y", "08P01", MALFORMED "garbage"},
    /* An extension is part of what is signed. */
    {"c=biws,r=" FULL_NONCE ",x=y," PROOF, "28P01", ""},
    {"c=biws,r=" FULL_NONCE ",p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "28P01", "SASL authentication failed"},
};

START_TEST(scram_server_judges_a_final_message_as_postgresql_does)
{
	const char *message = finals[_i].message;
	struct scram_server *scram = begin();
	struct buf out = {0};
	uint8_t *copy = mem_dup(message, strlen(message));

	ck_assert_msg(
	    scram_server_final(scram, copy, strlen(message), &out, &err) == -1,
	    "accepted %s", message);
	ck_assert_str_eq(err.sqlstate, finals[_i].sqlstate);
	ck_assert_msg(
	    strncmp(err.text, finals[_i].text, strlen(finals[_i].text)) == 0,
	    "%s: %s", message, err.text);
	ck_assert_uint_eq(out.length, 0);
	/* There is no second attempt. */
	ck_assert_int_eq(scram_server_final(scram, bytes(CLIENT_FINAL),
	                     strlen(CLIENT_FINAL), &out, &err),
	    -1);
	free(copy);
	buf_fini(&out);
	scram_server_free(&scram);
}
END_TEST

START_TEST(scram_server_refuses_every_shortened_message)
{
	for (size_t size = 0; size < strlen(CLIENT_FINAL); size++) {
		struct buf out = {0};
		struct scram_server *scram = begin();
		uint8_t *copy = mem_dup(CLIENT_FINAL, size);

		ck_assert_int_eq(
		    scram_server_final(scram, copy, size, &out, &err), -1);
		free(copy);
		buf_fini(&out);
		scram_server_free(&scram);
	}
	for (size_t size = 0; size < strlen("n,,n=user,r="); size++) {
		struct buf out = {0};
		struct scram_server *scram = make(&no_tls, false);
		uint8_t *copy = mem_dup(CLIENT_FIRST, size);

		ck_assert_int_eq(
		    scram_server_first(scram, copy, size, &out, &err), -1);
		free(copy);
		buf_fini(&out);
		scram_server_free(&scram);
	}
}
END_TEST

START_TEST(scram_server_refuses_every_changed_final_message)
{
	for (size_t i = 0; i < strlen(CLIENT_FINAL); i++) {
		char changed[sizeof(CLIENT_FINAL)] = CLIENT_FINAL;
		struct buf out = {0};
		struct scram_server *scram = begin();

		changed[i] = changed[i] == 'A' ? 'z' : 'A';
		ck_assert_msg(scram_server_final(scram, bytes(changed),
		                  strlen(changed), &out, &err) == -1,
		    "%s", changed);
		buf_fini(&out);
		scram_server_free(&scram);
	}
}
END_TEST

START_TEST(scram_server_refuses_nuls_and_overlong_messages)
{
	struct buf out = {0}, message = {0};
	struct scram_server *scram = make(&no_tls, false);

	ck_assert_int_eq(scram_server_first(scram, bytes(CLIENT_FIRST "\0"),
	                     strlen(CLIENT_FIRST) + 1, &out, &err),
	    -1);
	ck_assert_ptr_nonnull(strstr(err.text, "length does not match"));
	scram_server_free(&scram);
	scram = make(&no_tls, false);
	buf_append_str(&message, CLIENT_FIRST);
	while (message.length <= SCRAM_MESSAGE_MAX) {
		buf_append_char(&message, 'a');
	}
	ck_assert_int_eq(scram_server_first(scram, buf_bytes(&message),
	                     message.length, &out, &err),
	    -1);
	ck_assert_ptr_nonnull(strstr(err.text, "too long"));
	ck_assert_str_eq(err.sqlstate, SQLSTATE_PROTOCOL_VIOLATION);
	scram_server_free(&scram);
	buf_fini(&message);
	buf_fini(&out);
}
END_TEST

START_TEST(scram_server_refuses_steps_out_of_turn)
{
	struct buf out = {0};
	struct scram_server *scram = make(&no_tls, false);

	ck_assert_int_eq(scram_server_final(scram, bytes(CLIENT_FINAL),
	                     strlen(CLIENT_FINAL), &out, &err),
	    -1);
	scram_server_free(&scram);
	scram = begin();
	ck_assert_int_eq(scram_server_first(scram, bytes(CLIENT_FIRST),
	                     strlen(CLIENT_FIRST), &out, &err),
	    -1);
	scram_server_free(&scram);
	buf_fini(&out);
}
END_TEST

/* ---- both roles ---------------------------------------------------------- */

static const struct {
	const char *password;
	struct scram_binding client, server;
	bool is_plus;
	const char *sqlstate; /* NULL: both are content */
} pairs[] = {
    {"pencil", {0}, {0}, false, NULL},
    {"pencil", {3, "abc"}, {3, "abc"}, true, NULL},
    /* A server in between that has its own certificate. */
    {"pencil", {3, "abc"}, {3, "abd"}, true, "28000"},
    {"pencil", {3, "abc"}, {2, "ab"}, true, "28000"},
    /* And one that strips the offer of binding. */
    {"pencil", {3, "abc"}, {3, "abc"}, false, "28000"},
    {"pencil", {3, "abc"}, {0}, false, NULL},
    {"Pencil", {0}, {0}, false, "28P01"},
    {"Pencil", {3, "abc"}, {3, "abc"}, true, "28P01"},
};

/* How the exchange of row I ends; ERR is the side's that has ended it. */
static int
talk(int i)
{
	struct buf message = {0}, answer = {0};
	struct scram_client *client =
	    scram_client_new("user", pairs[i].password, keyring, NULL, &err);
	struct scram_server *server = make(&pairs[i].server, pairs[i].is_plus);
	int ret = -1;

	if (pairs[i].client.size > 0) {
		scram_client_bind(client, &pairs[i].client, pairs[i].is_plus);
	}
	ck_assert_int_eq(scram_client_first(client, &message, &err), 0);
	if (scram_server_first(server, buf_bytes(&message), message.length,
	        &answer, &err) != 0) {
		goto out;
	}
	buf_clear(&message);
	ck_assert_int_eq(scram_client_final(client, buf_bytes(&answer),
	                     answer.length, &message, &err),
	    0);
	buf_clear(&answer);
	if (scram_server_final(server, buf_bytes(&message), message.length,
	        &answer, &err) != 0) {
		goto out;
	}
	ret = scram_client_verify(
	    client, buf_bytes(&answer), answer.length, &err);
out:
	buf_fini(&message);
	buf_fini(&answer);
	scram_client_free(&client);
	scram_server_free(&server);
	return ret;
}

START_TEST(scram_roles_agree_or_see_who_stands_between_them)
{
	int ret = talk(_i);

	ck_assert_msg((ret == 0) == (pairs[_i].sqlstate == NULL), "row %d: %s",
	    _i, ret == 0 ? "accepted" : err.text);
	if (ret != 0) {
		ck_assert_str_eq(err.sqlstate, pairs[_i].sqlstate);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("scram_server");
	TCase *good = tcase_create("exchange");
	TCase *bad = tcase_create("hostile client");
	int failed;

	tcase_add_test(good, scram_server_speaks_the_exchange_of_rfc_7677);
	tcase_add_test(
	    good, scram_server_continues_the_nonce_with_a_new_one_each_time);
	tcase_add_loop_test(good,
	    scram_roles_agree_or_see_who_stands_between_them, 0,
	    sizeof(pairs) / sizeof(*pairs));
	tcase_add_loop_test(bad,
	    scram_server_judges_a_first_message_as_postgresql_does, 0,
	    sizeof(firsts) / sizeof(*firsts));
	tcase_add_loop_test(bad,
	    scram_server_judges_a_final_message_as_postgresql_does, 0,
	    sizeof(finals) / sizeof(*finals));
	tcase_add_test(bad, scram_server_refuses_every_shortened_message);
	tcase_add_test(bad, scram_server_refuses_every_changed_final_message);
	tcase_add_test(bad, scram_server_refuses_nuls_and_overlong_messages);
	tcase_add_test(bad, scram_server_refuses_steps_out_of_turn);
	suite_add_tcase(suite, good);
	suite_add_tcase(suite, bad);
	keyring = keyring_new();
	failed = unit_run(suite);
	keyring_free(&keyring);
	return failed;
}
