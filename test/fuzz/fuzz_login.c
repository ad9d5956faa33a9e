/*
 * fuzz_login.c - a hostile client that answers what it is asked to log in.
 *
 * The input's first byte is the method, the second whose secret is stored, the
 * third whether there is TLS; then come messages, each behind the two bytes of
 * its length. Nobody knows the passwords: whoever is let in has found a hole.
 */
#include <openssl/rand.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/keyring.h"
#include "auth/login.h"
#include "auth/md5.h"
#include "auth/scram_keys.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct keyring *keyring;
static char password[33], md5[MD5_TEXT_BYTES], scram[256];

static void
make_secrets(void)
{
	uint8_t random[16];
	char keys[2][SCRAM_BASE64_BYTES(SCRAM_KEY_BYTES)];

	keyring = keyring_new();
	if (RAND_bytes(random, sizeof(random)) != 1) {
		abort();
	}
	for (size_t i = 0; i < sizeof(random); i++) {
		(void)snprintf(password + 2 * i, 3, "%02x", random[i]);
	}
	for (size_t i = 0; i < 2; i++) {
		uint8_t key[SCRAM_KEY_BYTES];

		if (RAND_bytes(key, sizeof(key)) != 1) {
			abort();
		}
		scram_base64_encode(key, sizeof(key), keys[i]);
	}
	(void)snprintf(scram, sizeof(scram),
	    "SCRAM-SHA-256$4:MDEyMzQ1Njc4OWFiY2RlZg==$%s:%s", keys[0], keys[1]);
	if (md5_secret("u", password, md5, NULL) != 0) {
		abort();
	}
}

static struct login_facts
make_facts(const uint8_t *choice)
{
	static const enum login_method methods[] = {
	    LOGIN_PLAIN, LOGIN_MD5, LOGIN_SCRAM};
	const char *secrets[] = {NULL, "", password, md5, scram};
	struct login_facts facts = {
	    .method = methods[choice[0] % 3],
	    .user = "u",
	    .secret = secrets[choice[1] % 5],
	    .model = secrets[choice[1] / 5 % 5],
	    .most_iterations = 4,
	    .scram_iterations = 4,
	    .keyring = keyring,
	    .binding = {(choice[2] & 1) * 3U, "abc"},
	};

	if (facts.model != NULL && facts.model[0] == '\0') {
		facts.model = NULL;
	}
	return facts;
}

/* One message; false when the exchange is over. */
static bool
answer(const struct login_facts *facts, struct login_exchange *exchange,
    const uint8_t *data, size_t size)
{
	struct buf out = {0};
	struct error err = {.sqlstate = ""};
	uint8_t *body = mem_dup(data, size);
	enum login_step step =
	    login_answer(facts, exchange, body, size, &out, &err);

	free(body);
	if (step == LOGIN_ACCEPT ||
	    (step == LOGIN_REFUSE) != (err.sqlstate[0] != '\0') ||
	    (step == LOGIN_ASK) != (out.length > 0)) {
		abort();
	}
	buf_fini(&out);
	return step == LOGIN_ASK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct login_facts facts;
	struct login_exchange *exchange = NULL;
	struct buf out = {0};
	struct error err;

	if (size < 3) {
		return 0;
	}
	if (keyring == NULL) {
		make_secrets();
	}
	facts = make_facts(data);
	(void)login_obstacle(&facts);
	if (login_begin(&facts, &exchange, &out, &err) != LOGIN_ASK) {
		abort();
	}
	buf_fini(&out);
	data += 3;
	size -= 3;
	while (size >= 2) {
		size_t wanted = (size_t)data[0] << 8 | data[1];
		size_t length = wanted < size - 2 ? wanted : size - 2;

		if (!answer(&facts, exchange, data + 2, length)) {
			break;
		}
		data += 2 + length;
		size -= 2 + length;
	}
	login_exchange_free(&exchange);
	return 0;
}
