/*
 * login.c - who may come in: the exchange with a client that logs in.
 *
 * Pure: the client's room sends and receives, this says what. The texts begin
 * with pgbouncer's, which people's alerts know, and go on in PostgreSQL's.
 *
 * Nobody can find out which users there are. Who has no secret, or one that
 * cannot fit, is asked like a model: another user, chosen once and for all by a
 * number that nobody can foretell, so that there are as many of each kind
 * among the made-up as among the real. The salt is a function of the name, the
 * keys fit nothing.
 *
 * Sources: PostgreSQL docs, "Message Flow", "SASL Authentication".
 */
#include "auth/login.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "auth/keyring.h"
#include "auth/md5.h"
#include "auth/scram_keys.h"
#include "auth/scram_server.h"
#include "auth/secret.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "proto/msg.h"
#include "proto/reader.h"

/* Of secrets that PostgreSQL makes, unless told otherwise. */
#define USUAL_ITERATIONS 4096

enum awaited {
	AWAITS_PASSWORD,
	AWAITS_MD5,
	AWAITS_MECHANISM,  /* SASLInitialResponse */
	AWAITS_SASL_FIRST, /* a SASLResponse, since that brought no message */
	AWAITS_SASL_FINAL
};

struct login_exchange {
	enum awaited awaits;
	uint8_t md5_salt[MD5_SALT_BYTES];
	struct scram_server *scram; /* owned; from its first message on */
};

static struct login_exchange *
make(enum awaited awaits)
{
	struct login_exchange *exchange = mem_zalloc(sizeof(*exchange));

	exchange->awaits = awaits;
	return exchange;
}

void
login_exchange_free(struct login_exchange **exchange)
{
	struct login_exchange *e = *exchange;

	if (e == NULL) {
		return;
	}
	scram_server_free(&e->scram);
	mem_wipe(e, sizeof(*e));
	free(e);
	*exchange = NULL;
}

const char *
login_exchange_expects(const struct login_exchange *exchange)
{
	return exchange->awaits == AWAITS_PASSWORD ||
	        exchange->awaits == AWAITS_MD5
	    ? "password"
	    : "SASL";
}

bool
login_exchange_repeats(const struct login_exchange *exchange)
{
	return exchange->awaits == AWAITS_PASSWORD ||
	    exchange->awaits == AWAITS_MD5;
}

/* ---- what a secret is good for ------------------------------------------- */

static bool
has_secret(const struct login_facts *facts)
{
	return facts->secret != NULL && facts->secret[0] != '\0';
}

/* Whether the exchange is SCRAM, by the user's secret or its model's. */
static bool
is_by_scram(const struct login_facts *facts)
{
	const char *secret = has_secret(facts) ? facts->secret : facts->model;

	return facts->method == LOGIN_SCRAM ||
	    (facts->method == LOGIN_MD5 &&
	        (secret == NULL || secret_kind(secret) == SECRET_SCRAM));
}

const char *
login_obstacle(const struct login_facts *facts)
{
	if (facts->method < LOGIN_PLAIN) {
		return NULL;
	}
	if (facts->secret == NULL) {
		return "there is no such user";
	}
	if (facts->secret[0] == '\0') {
		return "the user's password is empty";
	}
	if (facts->method == LOGIN_SCRAM &&
	    secret_kind(facts->secret) == SECRET_MD5) {
		return "the user's secret is an md5 one, with which nobody can "
		       "log in by scram-sha-256: store a SCRAM secret or the "
		       "password, or use auth_type = md5";
	}
	if (facts->method == LOGIN_PLAIN &&
	    secret_iterations(facts->secret) > SCRAM_ITERATIONS_MAX) {
		return "the user's SCRAM secret has more iterations than are "
		       "run here for a clear password: use auth_type = "
		       "scram-sha-256";
	}
	return NULL;
}

/* ---- the beginning ------------------------------------------------------- */

/* With "any" nobody has a name of his own, so the database must give one. */
static enum login_step
begin_any(const struct login_facts *facts, struct error *err)
{
	if (facts->forced_user == NULL) {
		error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
		    "bouncer config error");
		error_hint(err,
		    "auth_type=any needs user= in the entry of the database.");
		return LOGIN_REFUSE;
	}
	return LOGIN_ACCEPT;
}

static enum login_step
begin_md5(struct login_exchange **exchange, struct buf *out, struct error *err)
{
	*exchange = make(AWAITS_MD5);
	if (RAND_bytes((*exchange)->md5_salt, MD5_SALT_BYTES) != 1) {
		error_set(err, SQLSTATE_INTERNAL, "no random bytes for md5");
		return LOGIN_REFUSE;
	}
	msg_authentication_md5_password(out, (*exchange)->md5_salt);
	return LOGIN_ASK;
}

static enum login_step
begin_scram(const struct login_facts *facts, struct login_exchange **exchange,
    struct buf *out)
{
	static const char *const mechanisms[] = {
	    SCRAM_MECHANISM_PLUS, SCRAM_MECHANISM};
	bool can_bind = facts->binding.size > 0;

	*exchange = make(AWAITS_MECHANISM);
	msg_authentication_sasl(
	    out, can_bind ? mechanisms : mechanisms + 1, can_bind ? 2 : 1);
	return LOGIN_ASK;
}

enum login_step
login_begin(const struct login_facts *facts, struct login_exchange **exchange,
    struct buf *out, struct error *err)
{
	switch (facts->method) {
	case LOGIN_ANY:
		return begin_any(facts, err);
	case LOGIN_TRUST:
		if (facts->secret == NULL) {
			error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
			    "\"trust\" authentication failed");
			return LOGIN_REFUSE;
		}
		return LOGIN_ACCEPT;
	case LOGIN_PROVEN:
		if (facts->secret == NULL) {
			error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
			    "no such user");
			error_hint(err,
			    "Users who show a certificate, or come over a "
			    "Unix socket, have to be in auth_file, too, or be "
			    "found by auth_query.");
			return LOGIN_REFUSE;
		}
		return LOGIN_ACCEPT;
	case LOGIN_PLAIN:
		*exchange = make(AWAITS_PASSWORD);
		msg_authentication_cleartext_password(out);
		return LOGIN_ASK;
	case LOGIN_MD5:
	case LOGIN_SCRAM:
		return is_by_scram(facts) ? begin_scram(facts, exchange, out)
		                          : begin_md5(exchange, out, err);
	}
	assert(!"unreachable");
	return LOGIN_REFUSE;
}

/* ---- passwords ----------------------------------------------------------- */

static enum login_step
refuse_password(
    const struct login_facts *facts, const char *how, struct error *err)
{
	error_set(err, SQLSTATE_INVALID_PASSWORD,
	    "%spassword authentication failed for user \"%.128s\"", how,
	    facts->user);
	return LOGIN_REFUSE;
}

/* Whether BODY is one NUL-terminated string and nothing else. */
static bool
is_one_string(const uint8_t *body, size_t size)
{
	return size > 0 && memchr(body, '\0', size) == body + size - 1;
}

/* Whether ANSWER is what the secret comes to with the exchange's salt. What is
 * no secret is computed like one. */
static bool
md5_fits(const struct login_facts *facts, const struct login_exchange *exchange,
    const char *answer)
{
	bool is_real =
	    has_secret(facts) && secret_kind(facts->secret) != SECRET_SCRAM;
	char expected[MD5_TEXT_BYTES] = "", given[MD5_TEXT_BYTES] = "";
	bool fits;

	/* What is longer or shorter is not equal: it does not end here. */
	memcpy(given, answer, strnlen(answer, sizeof(given)));
	fits = md5_answer(facts->user, is_real ? facts->secret : "nobody's",
	           exchange->md5_salt, expected, NULL) == 0 &&
	    CRYPTO_memcmp(given, expected, sizeof(given)) == 0;
	mem_wipe(expected, sizeof(expected));
	mem_wipe(given, sizeof(given));
	return is_real && fits;
}

static enum login_step
take_password(const struct login_facts *facts,
    const struct login_exchange *exchange, const uint8_t *body, size_t size,
    struct error *err)
{
	const char *text = (const char *)body;
	bool fits;

	if (!is_one_string(body, size)) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "invalid password packet size");
		return LOGIN_REFUSE;
	}
	if (size == 1) { /* whoever it is: nobody has that password */
		error_set(err, SQLSTATE_INVALID_PASSWORD,
		    "empty password returned by client");
		return LOGIN_REFUSE;
	}
	fits = exchange->awaits == AWAITS_MD5
	    ? md5_fits(facts, exchange, text)
	    : secret_fits(facts->keyring, facts->secret, facts->user, text,
	          facts->most_iterations);
	return fits ? LOGIN_ACCEPT : refuse_password(facts, "", err);
}

/* ---- SCRAM --------------------------------------------------------------- */

/* Sets SECRET to one nobody knows the password of, of MODEL's shape. */
static int
make_up(const struct login_facts *facts, const char *model,
    struct scram_secret *secret)
{
	if (model == NULL || !scram_secret_parse(secret, model)) {
		bool is_plain =
		    model != NULL && secret_kind(model) == SECRET_PLAIN;

		secret->iterations =
		    is_plain ? facts->scram_iterations : USUAL_ITERATIONS;
		secret->salt_size = SCRAM_SALT_BYTES;
	}
	/* A longer salt repeats itself; PostgreSQL makes none. */
	for (size_t i = 0; i < secret->salt_size; i += SCRAM_SALT_BYTES) {
		uint8_t salt[SCRAM_SALT_BYTES];
		size_t left = secret->salt_size - i;

		if (keyring_salt(facts->keyring, facts->user, salt) != 0) {
			return -1;
		}
		memcpy(secret->salt + i, salt,
		    left < sizeof(salt) ? left : sizeof(salt));
	}
	return RAND_bytes(secret->stored_key, SCRAM_KEY_BYTES) == 1 &&
	        RAND_bytes(secret->server_key, SCRAM_KEY_BYTES) == 1
	    ? 0
	    : -1;
}

/* Sets SECRET to that of the password in FACTS, with a salt of ours. */
static int
make_of_password(const struct login_facts *facts, struct scram_secret *secret)
{
	struct scram_keys keys;

	secret->iterations = facts->scram_iterations;
	secret->salt_size = SCRAM_SALT_BYTES;
	if (keyring_salt(facts->keyring, facts->user, secret->salt) != 0 ||
	    keyring_derive(facts->keyring, facts->secret, secret->salt,
	        secret->salt_size, secret->iterations, &keys) != 0) {
		return -1;
	}
	memcpy(secret->stored_key, keys.stored_key, SCRAM_KEY_BYTES);
	memcpy(secret->server_key, keys.server_key, SCRAM_KEY_BYTES);
	mem_wipe(&keys, sizeof(keys));
	return 0;
}

static int
find_scram_secret(const struct login_facts *facts, struct scram_secret *secret)
{
	if (!has_secret(facts)) {
		return make_up(facts, facts->model, secret);
	}
	switch (secret_kind(facts->secret)) {
	case SECRET_PLAIN:
		return make_of_password(facts, secret);
	case SECRET_MD5:
		return make_up(facts, facts->model, secret);
	case SECRET_SCRAM:
		return scram_secret_parse(secret, facts->secret) ? 0 : -1;
	}
	assert(!"unreachable");
	return -1;
}

static enum login_step
take_sasl_first(struct login_exchange *exchange, const uint8_t *message,
    size_t size, struct buf *out, struct error *err)
{
	struct buf payload = {0};
	enum login_step step = LOGIN_REFUSE;

	if (scram_server_first(exchange->scram, message, size, &payload, err) ==
	    0) {
		msg_authentication_sasl_continue(
		    out, buf_bytes(&payload), payload.length);
		exchange->awaits = AWAITS_SASL_FINAL;
		step = LOGIN_ASK;
	}
	buf_fini(&payload);
	return step;
}

static enum login_step
take_sasl_final(const struct login_facts *facts,
    struct login_exchange *exchange, const uint8_t *message, size_t size,
    struct buf *out, struct error *err)
{
	struct scram_secret secret;
	struct buf payload = {0};

	if (scram_server_final(exchange->scram, message, size, &payload, err) !=
	    0) {
		return strcmp(err->sqlstate, SQLSTATE_INVALID_PASSWORD) == 0
		    ? refuse_password(
		          facts, "SASL authentication failed: ", err)
		    : LOGIN_REFUSE;
	}
	msg_authentication_sasl_final(out, buf_bytes(&payload), payload.length);
	buf_fini(&payload);
	if (facts->secret != NULL &&
	    scram_secret_parse(&secret, facts->secret)) {
		keyring_keep(facts->keyring, secret.stored_key,
		    scram_server_client_key(exchange->scram));
		mem_wipe(&secret, sizeof(secret));
	}
	return LOGIN_ACCEPT;
}

/* What a SASLInitialResponse says. */
struct initial {
	bool is_plus;
	const uint8_t *message; /* view; NULL: none */
	size_t size;
};

/* Source: PostgreSQL docs, "Message Formats", SASLInitialResponse. */
static int
read_initial(const struct login_facts *facts, const uint8_t *body, size_t size,
    struct initial *initial, struct error *err)
{
	struct reader reader;
	const char *mechanism;
	int32_t length;

	reader_init(&reader, body, size);
	mechanism = reader_cstr(&reader);
	if (reader_ok(&reader)) {
		initial->is_plus = facts->binding.size > 0 &&
		    strcmp(mechanism, SCRAM_MECHANISM_PLUS) == 0;
		if (!initial->is_plus &&
		    strcmp(mechanism, SCRAM_MECHANISM) != 0) {
			error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
			    "client selected an invalid SASL authentication "
			    "mechanism");
			return -1;
		}
	}
	length = reader_i32(&reader);
	initial->size = length < 0 ? 0 : (size_t)length;
	initial->message =
	    length == -1 ? NULL : reader_bytes(&reader, initial->size);
	if (length < -1 || !reader_finish(&reader)) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "invalid SASLInitialResponse message");
		return -1;
	}
	return 0;
}

static enum login_step
take_mechanism(const struct login_facts *facts, struct login_exchange *exchange,
    const uint8_t *body, size_t size, struct buf *out, struct error *err)
{
	struct scram_secret secret = {0};
	struct initial initial = {0};

	if (read_initial(facts, body, size, &initial, err) != 0) {
		return LOGIN_REFUSE;
	}
	if (find_scram_secret(facts, &secret) != 0) {
		error_set(err, SQLSTATE_INTERNAL,
		    "OpenSSL cannot make a SCRAM secret");
		return LOGIN_REFUSE;
	}
	exchange->scram = scram_server_new(
	    &secret, &facts->binding, initial.is_plus, NULL, err);
	mem_wipe(&secret, sizeof(secret));
	if (exchange->scram == NULL) {
		return LOGIN_REFUSE;
	}
	if (initial.message == NULL) {
		/* It wants to be asked: an empty challenge. */
		msg_authentication_sasl_continue(out, "", 0);
		exchange->awaits = AWAITS_SASL_FIRST;
		return LOGIN_ASK;
	}
	return take_sasl_first(
	    exchange, initial.message, initial.size, out, err);
}

enum login_step
login_answer(const struct login_facts *facts, struct login_exchange *exchange,
    const uint8_t *body, size_t size, struct buf *out, struct error *err)
{
	switch (exchange->awaits) {
	case AWAITS_PASSWORD:
	case AWAITS_MD5:
		return take_password(facts, exchange, body, size, err);
	case AWAITS_MECHANISM:
		return take_mechanism(facts, exchange, body, size, out, err);
	case AWAITS_SASL_FIRST:
		return take_sasl_first(exchange, body, size, out, err);
	case AWAITS_SASL_FINAL:
		return take_sasl_final(facts, exchange, body, size, out, err);
	}
	assert(!"unreachable");
	return LOGIN_REFUSE;
}

const char *
login_server_user(const struct login_facts *facts)
{
	return facts->forced_user != NULL ? facts->forced_user : facts->user;
}
