/*
 * scram_text.c - what both roles of SCRAM-SHA-256 read and write alike.
 *
 * Source: RFC 5802, section 7; RFC 5929.
 */
#include "auth/scram_text.h"

#include <assert.h>
#include <openssl/rand.h>
#include <string.h>

#include "auth/scram_keys.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

#define NONCE_BYTES 18

const char *
scram_flag_header(enum scram_flag flag)
{
	switch (flag) {
	case SCRAM_FLAG_NO:
		return "n,,";
	case SCRAM_FLAG_UNTAKEN:
		return "y,,";
	case SCRAM_FLAG_END_POINT:
		return "p=" SCRAM_BINDING_TYPE ",,";
	}
	assert(!"unreachable");
	return "";
}

void
scram_put_binding(
    struct buf *out, enum scram_flag flag, const struct scram_binding *binding)
{
	const char *header = scram_flag_header(flag);
	size_t size = strlen(header);
	uint8_t
	    bytes[sizeof("p=" SCRAM_BINDING_TYPE ",,") + SCRAM_END_POINT_MAX];
	char text[SCRAM_BASE64_BYTES(sizeof(bytes))];

	memcpy(bytes, header, size);
	if (flag == SCRAM_FLAG_END_POINT) {
		assert(
		    binding->size > 0 && binding->size <= SCRAM_END_POINT_MAX);
		memcpy(bytes + size, binding->end_point, binding->size);
		size += binding->size;
	}
	scram_base64_encode(bytes, size, text);
	buf_append_str(out, "c=");
	buf_append_str(out, text);
}

const char *
scram_take(struct scram_text *text, char name, size_t *size)
{
	const char *value, *comma;

	if (text->left < 2 || text->at[0] != name || text->at[1] != '=') {
		return NULL;
	}
	value = text->at + 2;
	comma = memchr(value, ',', text->left - 2);
	*size = comma == NULL ? text->left - 2 : (size_t)(comma - value);
	text->left -= 2 + *size;
	text->at = value + *size;
	if (comma != NULL) {
		text->at++;
		text->left--;
	}
	return value;
}

bool
scram_is_nonce(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] < 0x21 || text[i] > 0x7e || text[i] == ',') {
			return false;
		}
	}
	return size > 0;
}

bool
scram_text_is(const char *text, size_t size, const char *value)
{
	return strlen(value) == size && memcmp(text, value, size) == 0;
}

char *
scram_make_nonce(struct error *err)
{
	uint8_t random[NONCE_BYTES];
	char *nonce = NULL;

	if (RAND_bytes(random, sizeof(random)) != 1) {
		error_set(err, SQLSTATE_INTERNAL, "no random bytes for SCRAM");
		return NULL;
	}
	nonce = mem_alloc(SCRAM_BASE64_BYTES(sizeof(random)));
	scram_base64_encode(random, sizeof(random), nonce);
	mem_wipe(random, sizeof(random));
	return nonce;
}
