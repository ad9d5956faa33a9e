/* scram_keys.h - from a password to the keys of SCRAM-SHA-256. */
#ifndef AUTH_SCRAM_KEYS_H
#define AUTH_SCRAM_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of SHA-256. */
#define SCRAM_KEY_BYTES 32

/* More iterations than this are never run: a million take about a quarter of a
 * second, in which nobody else is served. PostgreSQL's default is 4,096. */
#define SCRAM_ITERATIONS_MAX 1000000

/* Longest salt taken; PostgreSQL's has 16 bytes, and so have those of the
 * secrets made here. */
#define SCRAM_SALT_MAX 256
#define SCRAM_SALT_BYTES 16

/* Non-ASCII passwords longer than this are used without SASLprep, whose
 * normalisation takes time that grows with the square of the length. */
#define SCRAM_PREP_MAX ((size_t)1024)

/* A stored secret, "SCRAM-SHA-256$<iterations>:<salt>$<stored>:<server>". */
struct scram_secret {
	int iterations;
	size_t salt_size;
	uint8_t salt[SCRAM_SALT_MAX];
	uint8_t stored_key[SCRAM_KEY_BYTES];
	uint8_t server_key[SCRAM_KEY_BYTES];
};

/* Fills SECRET from TEXT; false if it is no such secret. Its iterations may be
 * more than SCRAM_ITERATIONS_MAX: whoever proves itself by SCRAM runs them
 * elsewhere. Source: PostgreSQL
 * docs, pg_authid. */
bool scram_secret_parse(struct scram_secret *secret, const char *text);

/*
 * Returns PASSWORD prepared by SASLprep (RFC 4013), or a plain copy where that
 * is impossible (not UTF-8, forbidden characters), as PostgreSQL does. The
 * caller ends it with mem_wipe_free().
 */
char *scram_prepare(const char *password);

/*
 * PBKDF2-HMAC-SHA-256 of PREPARED (see scram_prepare()) into OUT. ITERATIONS
 * is 1 to SCRAM_ITERATIONS_MAX. All functions below return 0, or -1 when
 * OpenSSL fails.
 */
int scram_salted_password(const char *prepared, const uint8_t *salt,
    size_t salt_size, int iterations, uint8_t out[SCRAM_KEY_BYTES])
    __attribute__((warn_unused_result));

/* What SALTED comes down to; see the top of scram_keys.c. */
struct scram_keys {
	uint8_t client_key[SCRAM_KEY_BYTES];
	uint8_t stored_key[SCRAM_KEY_BYTES];
	uint8_t server_key[SCRAM_KEY_BYTES];
};

/* Makes KEYS of SALTED, of scram_salted_password(). */
int scram_keys_make(const uint8_t salted[SCRAM_KEY_BYTES],
    struct scram_keys *keys) __attribute__((warn_unused_result));

/* HMAC-SHA-256 of SIZE bytes at DATA under KEY. */
int scram_hmac(const uint8_t key[SCRAM_KEY_BYTES], const void *data,
    size_t size, uint8_t out[SCRAM_KEY_BYTES])
    __attribute__((warn_unused_result));

/* SHA-256. */
int scram_hash(const void *data, size_t size, uint8_t out[SCRAM_KEY_BYTES])
    __attribute__((warn_unused_result));

/*
 * Decodes SIZE characters of base64 at TEXT into OUT of CAPACITY bytes and sets
 * *DECODED; false on a foreign character, wrong padding, or when it does not
 * fit. An empty text is valid.
 */
bool scram_base64_decode(const char *text, size_t size, uint8_t *out,
    size_t capacity, size_t *decoded);

/* Bytes of text scram_base64_encode() writes for SIZE bytes, with the NUL. */
#define SCRAM_BASE64_BYTES(size) (((size) + 2) / 3 * 4 + 1)

void scram_base64_encode(const uint8_t *bytes, size_t size, char *out);

#endif
