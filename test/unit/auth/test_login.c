/* test_login.c - the exchange with a client that logs in. */
#include "support/unit.h"

#include <string.h>

#include "auth/keyring.h"
#include "auth/login.h"
#include "auth/md5.h"
#include "auth/scram_client.h"
#include "auth/scram_keys.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "proto/msg.h"

/* Of "pencil". */
#define SCRAM_PENCIL                                    \
	"SCRAM-SHA-256$4096:ES/KlS5SHTzow0N11QAD7A==$"  \
	"kukNCxB24fLUQ8djkvY4x/SjYCGnYAON8fo7aBmwcwY=:" \
	"G9qgLy3OirNTsrdxgGZJZTkYrRdYR9isYtg8zIui1hA="
#define SCRAM_LONG                                                 \
	"SCRAM-SHA-256$9000:YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo=$" \
	"kukNCxB24fLUQ8djkvY4x/SjYCGnYAON8fo7aBmwcwY=:"            \
	"G9qgLy3OirNTsrdxgGZJZTkYrRdYR9isYtg8zIui1hA="

static struct error err;
static struct keyring *keyring;
static char md5_pencil[MD5_TEXT_BYTES];

static struct login_facts
facts_of(enum login_method method, const char *secret)
{
	return (struct login_facts){.method = method,
	    .user = "u",
	    .secret = secret,
	    .scram_iterations = 100,
	    .keyring = keyring};
}

/* ---- the beginning ------------------------------------------------------- */

enum {
	NOTHING = -1,
	CLEAR = 3,
	MD5 = 5,
	SASL = 10
};

static const struct {
	const char *label;
	enum login_method method;
	const char *secret, *forced_user, *model;
	enum login_step step;
	int request; /* code of the Authentication message */
	const char *sqlstate, *text;
} begins[] = {
    {"trust, known", LOGIN_TRUST, "x", NULL, NULL, LOGIN_ACCEPT, NOTHING, "",
        ""},
    {"trust, known without password", LOGIN_TRUST, "", NULL, NULL, LOGIN_ACCEPT,
        NOTHING, "", ""},
    {"trust, unknown", LOGIN_TRUST, NULL, NULL, NULL, LOGIN_REFUSE, NOTHING,
        "28000", "\"trust\" authentication failed"},
    {"trust, unknown, forced user", LOGIN_TRUST, NULL, "app", NULL,
        LOGIN_REFUSE, NOTHING, "28000", "\"trust\" authentication failed"},
    {"any, unknown, forced user", LOGIN_ANY, NULL, "app", NULL, LOGIN_ACCEPT,
        NOTHING, "", ""},
    {"any, known, no forced user", LOGIN_ANY, "x", NULL, NULL, LOGIN_REFUSE,
        NOTHING, "28000", "bouncer config error"},
    {"proven, unknown", LOGIN_PROVEN, NULL, NULL, NULL, LOGIN_REFUSE, NOTHING,
        "28000", "no such user"},
    {"proven, known", LOGIN_PROVEN, "x", NULL, NULL, LOGIN_ACCEPT, NOTHING, "",
        ""},
    {"plain, known", LOGIN_PLAIN, "x", NULL, NULL, LOGIN_ASK, CLEAR, "", ""},
    {"plain, unknown", LOGIN_PLAIN, NULL, NULL, NULL, LOGIN_ASK, CLEAR, "", ""},
    {"md5, password", LOGIN_MD5, "x", NULL, NULL, LOGIN_ASK, MD5, "", ""},
    {"md5, md5", LOGIN_MD5, md5_pencil, NULL, NULL, LOGIN_ASK, MD5, "", ""},
    {"md5, SCRAM", LOGIN_MD5, SCRAM_PENCIL, NULL, NULL, LOGIN_ASK, SASL, "",
        ""},
    {"md5, unknown like a password", LOGIN_MD5, NULL, NULL, "x", LOGIN_ASK, MD5,
        "", ""},
    {"md5, unknown like md5", LOGIN_MD5, NULL, NULL, md5_pencil, LOGIN_ASK, MD5,
        "", ""},
    {"md5, unknown like SCRAM", LOGIN_MD5, NULL, NULL, SCRAM_PENCIL, LOGIN_ASK,
        SASL, "", ""},
    {"md5, unknown like nobody", LOGIN_MD5, NULL, NULL, NULL, LOGIN_ASK, SASL,
        "", ""},
    {"md5, empty like md5", LOGIN_MD5, "", NULL, md5_pencil, LOGIN_ASK, MD5, "",
        ""},
    {"SCRAM, password", LOGIN_SCRAM, "x", NULL, NULL, LOGIN_ASK, SASL, "", ""},
    {"SCRAM, md5", LOGIN_SCRAM, md5_pencil, NULL, NULL, LOGIN_ASK, SASL, "",
        ""},
    {"SCRAM, SCRAM", LOGIN_SCRAM, SCRAM_PENCIL, NULL, NULL, LOGIN_ASK, SASL, "",
        ""},
    {"SCRAM, unknown like md5", LOGIN_SCRAM, NULL, NULL, md5_pencil, LOGIN_ASK,
        SASL, "", ""},
};

START_TEST(login_begin_decides_by_method_and_secret)
{
	struct login_facts facts =
	    facts_of(begins[_i].method, begins[_i].secret);
	struct login_exchange *exchange = NULL;
	struct buf out = {0};

	facts.forced_user = begins[_i].forced_user;
	facts.model = begins[_i].model;
	memset(&err, 0, sizeof(err));
	ck_assert_msg(
	    login_begin(&facts, &exchange, &out, &err) == begins[_i].step, "%s",
	    begins[_i].label);
	ck_assert_str_eq(err.sqlstate, begins[_i].sqlstate);
	ck_assert_str_eq(err.text, begins[_i].text);
	ck_assert((exchange != NULL) == (begins[_i].step == LOGIN_ASK));
	if (begins[_i].request == NOTHING) {
		ck_assert_uint_eq(out.length, 0);
	} else {
		const uint8_t *bytes = buf_bytes(&out);

		ck_assert_ptr_nonnull(bytes);
		ck_assert_msg(
		    bytes[FRAME_HEADER_BYTES + 3] == begins[_i].request, "%s",
		    begins[_i].label);
	}
	login_exchange_free(&exchange);
	ck_assert_ptr_null(exchange);
	buf_fini(&out);
}
END_TEST

START_TEST(login_offers_channel_binding_first_where_there_is_tls)
{
	static const char both[] = "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0";
	struct login_facts facts = facts_of(LOGIN_SCRAM, "pencil");
	struct login_exchange *exchange = NULL;
	struct buf out = {0};

	ck_assert_int_eq(login_begin(&facts, &exchange, &out, &err), LOGIN_ASK);
	ck_assert_uint_eq(out.length, FRAME_HEADER_BYTES + 4 + 15);
	login_exchange_free(&exchange);
	buf_clear(&out);
	facts.binding = (struct scram_binding){3, "abc"};
	ck_assert_int_eq(login_begin(&facts, &exchange, &out, &err), LOGIN_ASK);
	ck_assert_uint_eq(out.length, FRAME_HEADER_BYTES + 4 + sizeof(both));
	ck_assert_mem_eq(
	    buf_bytes(&out) + FRAME_HEADER_BYTES + 4, both, sizeof(both));
	login_exchange_free(&exchange);
	buf_fini(&out);
}
END_TEST

/* ---- clear passwords ----------------------------------------------------- */

#define WRONG "password authentication failed for user \"u\""

static const struct {
	const char *label, *secret, *body;
	size_t size;
	enum login_step step;
	const char *sqlstate, *text;
} passwords[] = {
    {"right", "pencil", "pencil", 7, LOGIN_ACCEPT, "", ""},
    {"right for md5", md5_pencil, "pencil", 7, LOGIN_ACCEPT, "", ""},
    {"right for SCRAM", SCRAM_PENCIL, "pencil", 7, LOGIN_ACCEPT, "", ""},
    {"wrong", "pencil", "pencils", 8, LOGIN_REFUSE, "28P01", WRONG},
    {"wrong for SCRAM", SCRAM_PENCIL, "pencils", 8, LOGIN_REFUSE, "28P01",
        WRONG},
    {"the secret itself", SCRAM_PENCIL, SCRAM_PENCIL, sizeof(SCRAM_PENCIL),
        LOGIN_REFUSE, "28P01", WRONG},
    {"unknown user", NULL, "pencil", 7, LOGIN_REFUSE, "28P01", WRONG},
    {"empty", "pencil", "", 1, LOGIN_REFUSE, "28P01",
        "empty password returned by client"},
    {"no secret, empty password", "", "", 1, LOGIN_REFUSE, "28P01",
        "empty password returned by client"},
    {"no terminator", "pencil", "pencil", 6, LOGIN_REFUSE, "08P01",
        "invalid password packet size"},
    {"empty body", "pencil", "", 0, LOGIN_REFUSE, "08P01",
        "invalid password packet size"},
    {"more behind the NUL", "pencil", "pencil\0x", 9, LOGIN_REFUSE, "08P01",
        "invalid password packet size"},
};

START_TEST(login_accepts_only_the_right_password)
{
	struct login_facts facts = facts_of(LOGIN_PLAIN, passwords[_i].secret);
	struct login_exchange *exchange = NULL;
	struct buf out = {0};

	memset(&err, 0, sizeof(err));
	ck_assert_int_eq(login_begin(&facts, &exchange, &out, &err), LOGIN_ASK);
	ck_assert_str_eq(login_exchange_expects(exchange), "password");
	buf_clear(&out);
	ck_assert_msg(
	    login_answer(&facts, exchange, (const uint8_t *)passwords[_i].body,
	        passwords[_i].size, &out, &err) == passwords[_i].step,
	    "%s", passwords[_i].label);
	ck_assert_str_eq(err.sqlstate, passwords[_i].sqlstate);
	ck_assert_str_eq(err.text, passwords[_i].text);
	ck_assert_uint_eq(out.length, 0);
	login_exchange_free(&exchange);
	buf_fini(&out);
}
END_TEST

/* ---- md5 ----------------------------------------------------------------- */

/* How a login by md5 with PASSWORD ends. */
static enum login_step
log_in_by_md5(const struct login_facts *facts, const char *password)
{
	struct login_exchange *exchange = NULL;
	struct buf out = {0};
	char answer[MD5_TEXT_BYTES] = "";
	enum login_step step;

	ck_assert_int_eq(login_begin(facts, &exchange, &out, &err), LOGIN_ASK);
	ck_assert_uint_eq(out.length, FRAME_HEADER_BYTES + 8);
	ck_assert_int_eq(
	    md5_answer(facts->user, password,
	        buf_bytes(&out) + FRAME_HEADER_BYTES + 4, answer, &err),
	    0);
	step = login_answer(facts, exchange, (const uint8_t *)answer,
	    sizeof(answer), &out, &err);
	login_exchange_free(&exchange);
	buf_fini(&out);
	return step;
}

START_TEST(login_by_md5_accepts_only_the_right_password)
{
	const char *secrets[] = {"pencil", md5_pencil};
	struct login_facts facts;

	for (size_t i = 0; i < 2; i++) {
		facts = facts_of(LOGIN_MD5, secrets[i]);
		ck_assert_int_eq(log_in_by_md5(&facts, "pencil"), LOGIN_ACCEPT);
		ck_assert_int_eq(
		    log_in_by_md5(&facts, "pencils"), LOGIN_REFUSE);
		ck_assert_str_eq(err.sqlstate, SQLSTATE_INVALID_PASSWORD);
		ck_assert_str_eq(err.text, WRONG);
	}
	facts = facts_of(LOGIN_MD5, NULL);
	facts.model = "pencil";
	ck_assert_int_eq(log_in_by_md5(&facts, "pencil"), LOGIN_REFUSE);
	ck_assert_int_eq(log_in_by_md5(&facts, "nobody's"), LOGIN_REFUSE);
	ck_assert_str_eq(err.text, WRONG);
	facts.secret = "";
	ck_assert_int_eq(log_in_by_md5(&facts, "pencil"), LOGIN_REFUSE);
}
END_TEST

START_TEST(login_by_md5_refuses_answers_of_other_lengths)
{
	static const char *const answers[] = {"", "md5", "pencil",
	    "md500000000000000000000000000000000000000000000000000000000"};
	struct login_facts facts = facts_of(LOGIN_MD5, "pencil");

	for (size_t i = 0; i < 4; i++) {
		struct login_exchange *exchange = NULL;
		struct buf out = {0};

		(void)login_begin(&facts, &exchange, &out, &err);
		ck_assert_int_eq(
		    login_answer(&facts, exchange, (const uint8_t *)answers[i],
		        strlen(answers[i]) + 1, &out, &err),
		    LOGIN_REFUSE);
		ck_assert_str_eq(err.text,
		    i == 0 ? "empty password returned by client" : WRONG);
		login_exchange_free(&exchange);
		buf_fini(&out);
	}
}
END_TEST

/* ---- SCRAM --------------------------------------------------------------- */

/* The payload of the SASL message in OUT. */
static const uint8_t *
payload(const struct buf *out, size_t *size)
{
	*size = out->length - FRAME_HEADER_BYTES - 4;
	return buf_bytes(out) + FRAME_HEADER_BYTES + 4;
}

/* The body of the message in OUT. */
static const uint8_t *
body(const struct buf *out, size_t *size)
{
	*size = out->length - FRAME_HEADER_BYTES;
	return buf_bytes(out) + FRAME_HEADER_BYTES;
}

/* Sends the client's first message; *ANSWER gets what comes. */
static struct scram_client *
begin_scram(const struct login_facts *facts, const char *password,
    struct login_exchange **exchange, struct buf *answer)
{
	struct scram_client *scram =
	    scram_client_new("", password, keyring, NULL, &err);
	struct buf first = {0}, message = {0};
	const uint8_t *bytes;
	size_t size = 0;

	*exchange = NULL;
	ck_assert_int_eq(login_begin(facts, exchange, answer, &err), LOGIN_ASK);
	ck_assert_str_eq(login_exchange_expects(*exchange), "SASL");
	buf_clear(answer);
	ck_assert_int_eq(scram_client_first(scram, &first, &err), 0);
	msg_sasl_initial_response(
	    &message, SCRAM_MECHANISM, buf_bytes(&first), first.length);
	bytes = body(&message, &size);
	ck_assert_int_eq(
	    login_answer(facts, *exchange, bytes, size, answer, &err),
	    LOGIN_ASK);
	buf_fini(&first);
	buf_fini(&message);
	return scram;
}

/* How a login by SCRAM with PASSWORD ends. */
static enum login_step
log_in(const struct login_facts *facts, const char *password)
{
	struct login_exchange *exchange;
	struct buf answer = {0}, final = {0};
	struct scram_client *scram =
	    begin_scram(facts, password, &exchange, &answer);
	const uint8_t *bytes;
	size_t size = 0;
	enum login_step step;

	bytes = payload(&answer, &size);
	ck_assert_int_eq(
	    scram_client_final(scram, bytes, size, &final, &err), 0);
	buf_clear(&answer);
	step = login_answer(
	    facts, exchange, buf_bytes(&final), final.length, &answer, &err);
	if (step == LOGIN_ACCEPT) {
		bytes = payload(&answer, &size);
		ck_assert_int_eq(
		    scram_client_verify(scram, bytes, size, &err), 0);
	}
	scram_client_free(&scram);
	login_exchange_free(&exchange);
	buf_fini(&answer);
	buf_fini(&final);
	return step;
}

START_TEST(login_by_scram_accepts_only_the_right_password)
{
	static const char *const secrets[] = {"pencil", SCRAM_PENCIL};

	for (size_t i = 0; i < 2; i++) {
		struct login_facts facts = facts_of(LOGIN_SCRAM, secrets[i]);

		ck_assert_int_eq(log_in(&facts, "pencil"), LOGIN_ACCEPT);
		ck_assert_int_eq(log_in(&facts, "pencils"), LOGIN_REFUSE);
		ck_assert_str_eq(err.sqlstate, SQLSTATE_INVALID_PASSWORD);
		ck_assert_str_eq(
		    err.text, "SASL authentication failed: " WRONG);
	}
}
END_TEST

START_TEST(login_by_scram_lets_in_nobody_without_a_secret_that_fits)
{
	const char *secrets[] = {NULL, "", md5_pencil};
	const char *models[] = {NULL, "pencil", SCRAM_PENCIL, md5_pencil};

	for (size_t i = 0; i < 12; i++) {
		struct login_facts facts =
		    facts_of(LOGIN_SCRAM, secrets[i % 3]);

		facts.model = models[i / 3];
		ck_assert_int_eq(log_in(&facts, "pencil"), LOGIN_REFUSE);
		ck_assert_str_eq(
		    err.text, "SASL authentication failed: " WRONG);
		ck_assert_ptr_nonnull(login_obstacle(&facts));
	}
}
END_TEST

/* What follows the nonce in the server-first-message to USER. */
static char *
challenge(const char *user, const char *secret, const char *model)
{
	struct login_facts facts = facts_of(LOGIN_SCRAM, secret);
	struct login_exchange *exchange;
	struct buf answer = {0};
	struct scram_client *scram;
	char *text;

	facts.user = user;
	facts.model = model;
	scram = begin_scram(&facts, "x", &exchange, &answer);
	text = mem_strdup(
	    strstr(buf_text(&answer) + FRAME_HEADER_BYTES + 4, ",s="));
	scram_client_free(&scram);
	login_exchange_free(&exchange);
	buf_fini(&answer);
	return text;
}

START_TEST(login_asks_an_unknown_user_as_it_would_ask_another_each_time)
{
	char *known = challenge("a", "pencil", NULL);
	char *unknown = challenge("a", NULL, "pencil");
	char *other = challenge("b", NULL, "pencil");
	char *like_scram = challenge("a", NULL, SCRAM_LONG);
	char *like_nobody = challenge("a", NULL, NULL);

	/* With a password and without one, even the salt is the same. */
	ck_assert_str_eq(known, unknown);
	ck_assert_str_ne(unknown, other);
	ck_assert_uint_eq(strlen(unknown), strlen(other));
	ck_assert_ptr_nonnull(strstr(unknown, ",i=100"));
	ck_assert_ptr_nonnull(strstr(like_scram, ",i=9000"));
	ck_assert_uint_eq(strlen(like_scram),
	    strlen(",s=YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo=,i=9000"));
	ck_assert_ptr_null(strstr(like_scram, "YWJjZGVmZ2"));
	ck_assert_ptr_nonnull(strstr(like_nobody, ",i=4096"));
	free(known);
	free(unknown);
	free(other);
	free(like_scram);
	free(like_nobody);
}
END_TEST

START_TEST(login_by_scram_computes_nothing_anew_for_a_known_password)
{
	struct login_facts plain = facts_of(LOGIN_SCRAM, "pencil");
	struct login_facts scram = facts_of(LOGIN_SCRAM, SCRAM_PENCIL);
	uint64_t before;

	/* The client of this test uses the same keyring. */
	ck_assert_int_eq(log_in(&plain, "pencil"), LOGIN_ACCEPT);
	ck_assert_int_eq(log_in(&scram, "pencil"), LOGIN_ACCEPT);
	before = keyring_derivations(keyring);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(log_in(&plain, "pencil"), LOGIN_ACCEPT);
		ck_assert_int_eq(log_in(&scram, "pencil"), LOGIN_ACCEPT);
	}
	ck_assert_uint_eq(keyring_derivations(keyring), before);
}
END_TEST

START_TEST(login_leaves_the_key_that_opens_servers)
{
	struct login_facts facts = facts_of(LOGIN_SCRAM, SCRAM_PENCIL);
	struct scram_secret secret;
	uint8_t key[SCRAM_KEY_BYTES];

	ck_assert(scram_secret_parse(&secret, SCRAM_PENCIL));
	keyring_drop(keyring, secret.stored_key);
	ck_assert_int_eq(log_in(&facts, "pencils"), LOGIN_REFUSE);
	ck_assert(!keyring_find(keyring, secret.stored_key, key));
	ck_assert_int_eq(log_in(&facts, "pencil"), LOGIN_ACCEPT);
	ck_assert(keyring_find(keyring, secret.stored_key, key));
	ck_assert_int_eq(scram_hash(key, sizeof(key), key), 0);
	ck_assert_mem_eq(key, secret.stored_key, sizeof(key));
}
END_TEST

#define FIRST "n,,n=,r=abc"

static const struct {
	const char *label, *body;
	size_t size;
	enum login_step step;
	const char *sqlstate, *text;
} initials[] = {
    {"whole", "SCRAM-SHA-256\0\0\0\0\x0b" FIRST, 29, LOGIN_ASK, "", ""},
    {"without a message", "SCRAM-SHA-256\0\xff\xff\xff\xff", 18, LOGIN_ASK, "",
        ""},
    {"PLUS without TLS", "SCRAM-SHA-256-PLUS\0\0\0\0\x0b" FIRST, 34,
        LOGIN_REFUSE, "08P01", "client selected an invalid SASL"},
    {"another mechanism", "OAUTHBEARER\0\0\0\0\0", 16, LOGIN_REFUSE, "08P01",
        "client selected an invalid SASL"},
    {"a password", "pencil", 7, LOGIN_REFUSE, "08P01",
        "client selected an invalid SASL"},
    {"nothing", "", 0, LOGIN_REFUSE, "08P01", "invalid SASLInitialResponse"},
    {"no NUL", "SCRAM-SHA-256", 13, LOGIN_REFUSE, "08P01",
        "invalid SASLInitialResponse"},
    {"no length", "SCRAM-SHA-256", 14, LOGIN_REFUSE, "08P01",
        "invalid SASLInitialResponse"},
    {"half a length", "SCRAM-SHA-256\0\0", 16, LOGIN_REFUSE, "08P01",
        "invalid SASLInitialResponse"},
    {"a lying length", "SCRAM-SHA-256\0\0\0\0\x0c" FIRST, 29, LOGIN_REFUSE,
        "08P01", "invalid SASLInitialResponse"},
    {"a short length", "SCRAM-SHA-256\0\0\0\0\x0a" FIRST, 29, LOGIN_REFUSE,
        "08P01", "invalid SASLInitialResponse"},
    {"a huge length", "SCRAM-SHA-256\0\x7f\xff\xff\xff" FIRST, 29, LOGIN_REFUSE,
        "08P01", "invalid SASLInitialResponse"},
    {"a negative length", "SCRAM-SHA-256\0\xff\xff\xff\xfe", 18, LOGIN_REFUSE,
        "08P01", "invalid SASLInitialResponse"},
    {"-1 and a message", "SCRAM-SHA-256\0\xff\xff\xff\xff" FIRST, 29,
        LOGIN_REFUSE, "08P01", "invalid SASLInitialResponse"},
    {"an empty message", "SCRAM-SHA-256\0\0\0\0\0", 18, LOGIN_REFUSE, "08P01",
        "malformed SCRAM message: the message is empty"},
};

START_TEST(login_takes_an_initial_response_that_is_whole_and_no_other)
{
	struct login_facts facts = facts_of(LOGIN_SCRAM, SCRAM_PENCIL);
	struct login_exchange *exchange = NULL;
	struct buf out = {0};
	uint8_t *copy = mem_dup(initials[_i].body, initials[_i].size);

	memset(&err, 0, sizeof(err));
	(void)login_begin(&facts, &exchange, &out, &err);
	buf_clear(&out);
	ck_assert_msg(login_answer(&facts, exchange, copy, initials[_i].size,
	                  &out, &err) == initials[_i].step,
	    "%s: %s", initials[_i].label, err.text);
	ck_assert_str_eq(err.sqlstate, initials[_i].sqlstate);
	ck_assert_msg(strncmp(err.text, initials[_i].text,
	                  strlen(initials[_i].text)) == 0,
	    "%s: %s", initials[_i].label, err.text);
	ck_assert((out.length > 0) == (initials[_i].step == LOGIN_ASK));
	free(copy);
	login_exchange_free(&exchange);
	buf_fini(&out);
}
END_TEST

START_TEST(login_asks_for_the_first_message_that_did_not_come_along)
{
	static const char initial[] = "SCRAM-SHA-256\0\xff\xff\xff\xff";
	struct login_facts facts = facts_of(LOGIN_SCRAM, SCRAM_PENCIL);
	struct login_exchange *exchange = NULL;
	struct buf out = {0};
	size_t size;

	(void)login_begin(&facts, &exchange, &out, &err);
	buf_clear(&out);
	ck_assert_int_eq(login_answer(&facts, exchange,
	                     (const uint8_t *)initial, 18, &out, &err),
	    LOGIN_ASK);
	(void)payload(&out, &size);
	ck_assert_uint_eq(size, 0);
	buf_clear(&out);
	ck_assert_int_eq(login_answer(&facts, exchange, (const uint8_t *)FIRST,
	                     strlen(FIRST), &out, &err),
	    LOGIN_ASK);
	(void)payload(&out, &size);
	ck_assert_uint_gt(size, 20);
	login_exchange_free(&exchange);
	buf_fini(&out);
}
END_TEST

START_TEST(login_server_user_is_the_forced_one_if_there_is_one)
{
	struct login_facts facts = facts_of(LOGIN_PLAIN, "x");

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
	TCase *scram = tcase_create("scram");
	int failed;

	tcase_add_loop_test(theme, login_begin_decides_by_method_and_secret, 0,
	    sizeof(begins) / sizeof(*begins));
	tcase_add_loop_test(theme, login_accepts_only_the_right_password, 0,
	    sizeof(passwords) / sizeof(*passwords));
	tcase_add_test(theme, login_by_md5_accepts_only_the_right_password);
	tcase_add_test(theme, login_by_md5_refuses_answers_of_other_lengths);
	tcase_add_test(
	    theme, login_server_user_is_the_forced_one_if_there_is_one);
	tcase_add_test(
	    scram, login_offers_channel_binding_first_where_there_is_tls);
	tcase_add_test(scram, login_by_scram_accepts_only_the_right_password);
	tcase_add_test(
	    scram, login_by_scram_lets_in_nobody_without_a_secret_that_fits);
	tcase_add_test(scram,
	    login_asks_an_unknown_user_as_it_would_ask_another_each_time);
	tcase_add_test(
	    scram, login_by_scram_computes_nothing_anew_for_a_known_password);
	tcase_add_test(scram, login_leaves_the_key_that_opens_servers);
	tcase_add_loop_test(scram,
	    login_takes_an_initial_response_that_is_whole_and_no_other, 0,
	    sizeof(initials) / sizeof(*initials));
	tcase_add_test(
	    scram, login_asks_for_the_first_message_that_did_not_come_along);
	suite_add_tcase(suite, theme);
	suite_add_tcase(suite, scram);
	keyring = keyring_new();
	if (md5_secret("u", "pencil", md5_pencil, &err) != 0) {
		return EXIT_FAILURE;
	}
	failed = unit_run(suite);
	keyring_free(&keyring);
	return failed;
}
