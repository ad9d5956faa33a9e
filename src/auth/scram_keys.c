/*
 * scram_keys.c - from a password to the keys of SCRAM-SHA-256.
 *
 *   prepared  = SASLprep(password)
 *   salted    = PBKDF2(prepared, salt, iterations)
 *   ClientKey = HMAC(salted, "Client Key"),  StoredKey = SHA-256(ClientKey)
 *   ServerKey = HMAC(salted, "Server Key")
 *
 * Sources: RFC 5802, RFC 4013. SASLprep of a text of printable ASCII is that
 * text, so only others meet libidn, and only short ones: its normalisation
 * sorts combining marks by exchanging neighbours.
 */
#include "auth/scram_keys.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <stringprep.h>

#include "core/mem.h"
#include "core/str.h"

#define SECRET_PREFIX "SCRAM-SHA-256$"

/* Longest "<iterations>:<salt>$<stored>:<server>" looked at. */
#define SECRET_TEXT_MAX ((size_t)1024)

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
scram_base64_encode(const uint8_t *bytes, size_t size, char *out)
{
	size_t i = 0;

	for (; i + 2 < size; i += 3) {
		*out++ = base64_digits[bytes[i] >> 2];
		*out++ = base64_digits[(bytes[i] & 3) << 4 | bytes[i + 1] >> 4];
		*out++ =
		    base64_digits[(bytes[i + 1] & 15) << 2 | bytes[i + 2] >> 6];
		*out++ = base64_digits[bytes[i + 2] & 63];
	}
	if (size - i == 1) {
		*out++ = base64_digits[bytes[i] >> 2];
		*out++ = base64_digits[(bytes[i] & 3) << 4];
		*out++ = '=';
		*out++ = '=';
	} else if (size - i == 2) {
		*out++ = base64_digits[bytes[i] >> 2];
		*out++ = base64_digits[(bytes[i] & 3) << 4 | bytes[i + 1] >> 4];
		*out++ = base64_digits[(bytes[i + 1] & 15) << 2];
		*out++ = '=';
	}
	*out = '\0';
}

/* The value of base64 digit C; -1 if it is none. */
static int
base64_value(char c)
{
	const char *at = c == '\0' ? NULL : strchr(base64_digits, c);

	return at == NULL ? -1 : (int)(at - base64_digits);
}

bool
scram_base64_decode(const char *text, size_t size, uint8_t *out,
    size_t capacity, size_t *decoded)
{
	size_t padding = 0, digits, used = 0;
	uint32_t bits = 0;

	if (size % 4 != 0) {
		return false;
	}
	while (
	    padding < 2 && padding < size && text[size - 1 - padding] == '=') {
		padding++;
	}
	digits = size - padding;
	if (size / 4 * 3 - padding > capacity) {
		return false;
	}
	for (size_t i = 0; i < digits; i++) {
		int value = base64_value(text[i]);

		if (value < 0) {
			return false;
		}
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 > 0) {
			/* 6 more bits complete a byte but for the first. */
			out[used++] =
			    (uint8_t)(bits >> (6 - 2 * (i % 4)) & 0xff);
		}
	}
	*decoded = used;
	return true;
}

static bool
is_printable_ascii(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < 0x20 || *text > 0x7e) {
			return false;
		}
	}
	return true;
}

char *
scram_prepare(const char *password)
{
	char *prepared = NULL;

	if (is_printable_ascii(password) || strlen(password) > SCRAM_PREP_MAX ||
	    stringprep_profile(password, &prepared, "SASLprep",
	        STRINGPREP_NO_UNASSIGNED) != STRINGPREP_OK) {
		return mem_strdup(password);
	}
	if (prepared[0] == '\0') {
		/* Nothing but characters that map to nothing. */
		free(prepared);
		return mem_strdup(password);
	}
	return prepared;
}

int
scram_salted_password(const char *prepared, const uint8_t *salt,
    size_t salt_size, int iterations, uint8_t out[SCRAM_KEY_BYTES])
{
	size_t length = strlen(prepared);

	assert(iterations > 0 && iterations <= SCRAM_ITERATIONS_MAX);
	assert(length <= INT32_MAX && salt_size <= SCRAM_SALT_MAX);
	return PKCS5_PBKDF2_HMAC(prepared, (int)length, salt, (int)salt_size,
	           iterations, EVP_sha256(), SCRAM_KEY_BYTES, out) == 1
	    ? 0
	    : -1;
}

/* SHA-256, looked up once: that takes longer than the hash of a message. */
static const EVP_MD *
sha256(void)
{
	static EVP_MD *fetched;

	if (fetched == NULL) {
		fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
	}
	return fetched;
}

/* One of the two hashes that make up an HMAC: of KEY, masked by PAD, and of
 * SIZE bytes at DATA. */
static bool
hash_keyed(EVP_MD_CTX *context, const uint8_t key[SCRAM_KEY_BYTES], uint8_t pad,
    const void *data, size_t size, uint8_t out[SCRAM_KEY_BYTES])
{
	uint8_t block[SHA256_CBLOCK];
	bool done;

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < SCRAM_KEY_BYTES; i++) {
		block[i] ^= key[i];
	}
	done = EVP_DigestInit_ex(context, sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(context, block, sizeof(block)) == 1 &&
	    EVP_DigestUpdate(context, data, size) == 1 &&
	    EVP_DigestFinal_ex(context, out, NULL) == 1;
	mem_wipe(block, sizeof(block));
	return done;
}

/* By hand: OpenSSL's HMAC() takes four times as long to set itself up. Source:
 * RFC 2104. */
int
scram_hmac(const uint8_t key[SCRAM_KEY_BYTES], const void *data, size_t size,
    uint8_t out[SCRAM_KEY_BYTES])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t inner[SCRAM_KEY_BYTES];
	bool done = context != NULL && sha256() != NULL &&
	    hash_keyed(context, key, 0x36, data, size, inner) &&
	    hash_keyed(context, key, 0x5c, inner, sizeof(inner), out);

	EVP_MD_CTX_free(context);
	mem_wipe(inner, sizeof(inner));
	return done ? 0 : -1;
}

int
scram_hash(const void *data, size_t size, uint8_t out[SCRAM_KEY_BYTES])
{
	return sha256() != NULL &&
	        EVP_Digest(data, size, out, NULL, sha256(), NULL) == 1
	    ? 0
	    : -1;
}

int
scram_keys_make(const uint8_t salted[SCRAM_KEY_BYTES], struct scram_keys *keys)
{
	return scram_hmac(salted, "Client Key", 10, keys->client_key) == 0 &&
	        scram_hash(keys->client_key, sizeof(keys->client_key),
	            keys->stored_key) == 0 &&
	        scram_hmac(salted, "Server Key", 10, keys->server_key) == 0
	    ? 0
	    : -1;
}

/* Decodes one key of exactly SCRAM_KEY_BYTES. */
static bool
decode_key(const char *text, size_t size, uint8_t out[SCRAM_KEY_BYTES])
{
	size_t decoded = 0;

	return scram_base64_decode(
	           text, size, out, SCRAM_KEY_BYTES, &decoded) &&
	    decoded == SCRAM_KEY_BYTES;
}

/* Reads decimal digits up to COLON as an iteration count. */
static bool
parse_iterations(const char *text, const char *colon, int *iterations)
{
	int64_t value = 0;
	char digits[16];
	size_t length = (size_t)(colon - text);

	if (length == 0 || length >= sizeof(digits) ||
	    strspn(text, "0123456789") != length) {
		return false;
	}
	memcpy(digits, text, length);
	digits[length] = '\0';
	if (!str_to_int64(digits, &value) || value < 1 || value > INT32_MAX) {
		return false;
	}
	*iterations = (int)value;
	return true;
}

bool
scram_secret_parse(struct scram_secret *secret, const char *text)
{
	size_t prefix = strlen(SECRET_PREFIX);
	const char *salt, *stored, *server;

	if (strncmp(text, SECRET_PREFIX, prefix) != 0 ||
	    strnlen(text, SECRET_TEXT_MAX) == SECRET_TEXT_MAX) {
		return false;
	}
	text += prefix;
	if ((salt = strchr(text, ':')) == NULL ||
	    (stored = strchr(salt, '$')) == NULL ||
	    (server = strchr(stored, ':')) == NULL) {
		return false;
	}
	return parse_iterations(text, salt, &secret->iterations) &&
	    scram_base64_decode(salt + 1, (size_t)(stored - salt - 1),
	        secret->salt, sizeof(secret->salt), &secret->salt_size) &&
	    decode_key(stored + 1, (size_t)(server - stored - 1),
	        secret->stored_key) &&
	    decode_key(server + 1, strlen(server + 1), secret->server_key);
}
