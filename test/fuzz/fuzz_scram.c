/*
 * fuzz_scram.c - a hostile server's SASL messages.
 *
 * The input's first byte says how long the first message is; the rest is the
 * second. Iteration counts are cut in the input, or time would be all that is
 * found.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/scram.h"
#include "auth/scram_keys.h"
#include "auth/secret.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err;
	struct buf out = {0};
	struct scram_client *scram;
	struct scram_secret secret;
	uint8_t *first;
	char *text;
	size_t first_size, taken;

	(void)!scram_pick_mechanism(data, size, &err);
	text = mem_strndup((const char *)data, size);
	(void)scram_secret_parse(&secret, text);
	(void)secret_kind(text);
	free(text);
	if (size < 1) {
		return 0;
	}
	first_size = data[0] < size - 1 ? data[0] : size - 1;
	taken = first_size;
	first = mem_dup(data + 1, first_size);
	shorten_count(first, &first_size);
	scram = scram_client_new("u", "pencil", "n", &err);
	if (scram == NULL || scram_client_first(scram, &out, &err) != 0) {
		abort();
	}
	if (scram_client_final(scram, first, first_size, &out, &err) == 0 &&
	    scram_client_verify(
	        scram, data + 1 + taken, size - 1 - taken, &err) == 0) {
		abort(); /* nobody guesses a signature */
	}
	scram_client_free(&scram);
	buf_fini(&out);
	free(first);
	return 0;
}
