/*
 * fuzz_scram.c - hostile SASL messages, to us as a client of a server and to us
 * as the server of a client.
 *
 * The input's first byte says which (and, for a client of ours, whether it has
 * chosen channel binding), the second how long the first message is; the rest
 * is the second message. Iteration counts are cut in the input, or time would
 * be all that is found.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/keyring.h"
#include "auth/scram_client.h"
#include "auth/scram_keys.h"
#include "auth/scram_server.h"
#include "auth/secret.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct keyring *keyring;

/* Two messages of a peer, each of exactly its size. */
struct messages {
	uint8_t *first, *second; /* owned */
	size_t first_size, second_size;
};

/* Makes the number behind the last ",i=" two digits at most. */
static void
shorten_count(uint8_t *message, size_t *size)
{
	for (size_t i = 0; i + 5 < *size; i++) {
		if (memcmp(message + i, ",i=", 3) == 0) {
			*size = i + 5;
		}
	}
}

/* PostgreSQL's salts are stable, and keys that are made once are remembered:
 * forgotten here, so that a run of the fuzzer is not one of its memory. */
static void
renew_keyring(void)
{
	if (keyring == NULL || keyring_count(keyring) > 1000) {
		keyring_free(&keyring);
		keyring = keyring_new();
	}
}

static void
fuzz_client(struct messages *messages)
{
	struct error err;
	struct buf out = {0};
	struct scram_client *scram =
	    scram_client_new("u", "pencil", keyring, "n", &err);

	shorten_count(messages->first, &messages->first_size);
	if (scram == NULL || scram_client_first(scram, &out, &err) != 0) {
		abort();
	}
	if (scram_client_final(scram, messages->first, messages->first_size,
	        &out, &err) == 0 &&
	    scram_client_verify(
	        scram, messages->second, messages->second_size, &err) == 0) {
		abort(); /* nobody guesses a signature */
	}
	scram_client_free(&scram);
	buf_fini(&out);
}

static void
fuzz_server(const struct messages *messages, bool is_tls, bool is_plus)
{
	static const struct scram_secret secret = {
	    .iterations = 4096, .salt_size = 2, .salt = "ab"};
	struct scram_binding binding = {is_tls ? 3 : 0, "abc"};
	struct error err;
	struct buf out = {0};
	struct scram_server *scram =
	    scram_server_new(&secret, &binding, is_tls && is_plus, "n", &err);

	if (scram == NULL) {
		abort();
	}
	if (scram_server_first(scram, messages->first, messages->first_size,
	        &out, &err) == 0 &&
	    scram_server_final(scram, messages->second, messages->second_size,
	        &out, &err) == 0) {
		abort(); /* nobody guesses a proof */
	}
	scram_server_free(&scram);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err;
	struct scram_secret secret;
	struct messages messages;
	bool is_plus;
	char *text;

	(void)!scram_pick_mechanism(data, size, true, &is_plus, &err);
	text = mem_strndup((const char *)data, size);
	(void)scram_secret_parse(&secret, text);
	(void)secret_kind(text);
	free(text);
	if (size < 2) {
		return 0;
	}
	renew_keyring();
	messages.first_size = data[1] < size - 2 ? data[1] : size - 2;
	messages.second_size = size - 2 - messages.first_size;
	messages.first = mem_dup(data + 2, messages.first_size);
	messages.second =
	    mem_dup(data + 2 + messages.first_size, messages.second_size);
	if ((data[0] & 1) == 0) {
		fuzz_client(&messages);
	} else {
		fuzz_server(&messages, (data[0] & 2) != 0, (data[0] & 4) != 0);
	}
	free(messages.first);
	free(messages.second);
	return 0;
}
