/*
 * scram.c - logging in to a server by SCRAM-SHA-256.
 *
 *   we                                     server
 *   n,,n=<user>,r=<nonce>            -->
 *                                    <--   r=<nonce><more>,s=<salt>,i=<count>
 *   c=biws,r=<nonce><more>,p=<proof> -->
 *                                    <--   v=<signature>  or  e=<error>
 *
 *   NEW --first--> FIRST_SENT --final--> FINAL_SENT --verify--> VERIFIED
 *     \________________\___________________\______________> FAILED
 *
 * The attributes come in this order and no other; an extension ("m=") that
 * we would have to understand is an error. Whoever is not proven to know our
 * secret may be anybody, so a missing or false signature ends the login.
 * No channel binding ("n") yet: SCRAM-SHA-256-PLUS is not offered by us.
 */
#include "auth/scram.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "auth/scram_keys.h"
#include "auth/secret.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

#define NONCE_BYTES 18

/* "n,,": no channel binding, no other identity; and its base64 in "c=". */
#define GS2_HEADER "n,,"
#define CHANNEL_BINDING "c=biws"

enum scram_state {
	SCRAM_NEW,
	SCRAM_FIRST_SENT,
	SCRAM_FINAL_SENT,
	SCRAM_VERIFIED,
	SCRAM_FAILED
};

struct scram_client {
	enum scram_state state;
	char *password; /* owned; prepared; NULL once the keys are made */
	char *nonce;    /* owned; ours */
	/* client-first-bare, then "," server-first "," final-without-proof. */
	struct buf auth_message;
	uint8_t server_signature[SCRAM_KEY_BYTES];
};

/* What server-first-message says; views into the message. */
struct server_first {
	const char *nonce;
	size_t nonce_size;
	uint8_t salt[SCRAM_SALT_MAX];
	size_t salt_size;
	int iterations;
};

/* A part of a message that is being read. */
struct text {
	const char *at;
	size_t left;
};

int
scram_pick_mechanism(const uint8_t *list, size_t size, struct error *err)
{
	struct text text = {(const char *)list, size};
	bool found = false;
	char names[256] = "";
	size_t used = 0;

	for (;;) {
		size_t length = strnlen(text.at, text.left);

		if (length == text.left) {
			error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
			    "list of SASL mechanisms is not terminated");
			return -1;
		}
		if (length == 0) {
			break;
		}
		found = found || strcmp(text.at, SCRAM_MECHANISM) == 0;
		if (used + length + 2 < sizeof(names)) {
			memcpy(names + used, text.at, length);
			names[used + length] = ' ';
			used += length + 1;
		}
		text.at += length + 1;
		text.left -= length + 1;
	}
	if (!found || text.left != 1) {
		names[used > 0 ? used - 1 : 0] = '\0';
		error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
		    "server offers no SASL mechanism known here, but: %s",
		    names);
		return -1;
	}
	return 0;
}

static char *
make_nonce(struct error *err)
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

/* Appends USER as a saslname: '=' and ',' are written "=3D" and "=2C". */
static void
append_saslname(struct buf *out, const char *user)
{
	for (; *user != '\0'; user++) {
		if (*user == '=') {
			buf_append_str(out, "=3D");
		} else if (*user == ',') {
			buf_append_str(out, "=2C");
		} else {
			buf_append_char(out, *user);
		}
	}
}

struct scram_client *
scram_client_new(const char *user, const char *password, const char *nonce,
    struct error *err)
{
	struct scram_client *scram;
	const char *clear = NULL;
	char *own_nonce;

	if (secret_cleartext(password, &clear, err) != 0) {
		return NULL;
	}
	own_nonce = nonce == NULL ? make_nonce(err) : mem_strdup(nonce);
	if (own_nonce == NULL) {
		return NULL;
	}
	scram = mem_zalloc(sizeof(*scram));
	scram->password = scram_prepare(clear);
	scram->nonce = own_nonce;
	buf_append_str(&scram->auth_message, "n=");
	append_saslname(&scram->auth_message, user == NULL ? "" : user);
	buf_append_str(&scram->auth_message, ",r=");
	buf_append_str(&scram->auth_message, own_nonce);
	return scram;
}

void
scram_client_free(struct scram_client **scram)
{
	struct scram_client *s = *scram;

	if (s == NULL) {
		return;
	}
	mem_wipe_free(&s->password);
	free(s->nonce);
	buf_fini(&s->auth_message);
	mem_wipe(s, sizeof(*s));
	free(s);
	*scram = NULL;
}

bool
scram_client_is_verified(const struct scram_client *scram)
{
	return scram->state == SCRAM_VERIFIED;
}

/* Ends the login with ERR saying why; returns -1. */
static int
fail(struct scram_client *scram, struct error *err, const char *why)
{
	scram->state = SCRAM_FAILED;
	error_set(
	    err, SQLSTATE_PROTOCOL_VIOLATION, "SCRAM login failed: %s", why);
	return -1;
}

/* Whether SCRAM is in STATE; if not, the peer's messages came out of turn. */
static int
expect(struct scram_client *scram, enum scram_state state, struct error *err)
{
	return scram->state == state ? 0
	                             : fail(scram, err, "message out of turn");
}

int
scram_client_first(
    struct scram_client *scram, struct buf *out, struct error *err)
{
	if (expect(scram, SCRAM_NEW, err) != 0) {
		return -1;
	}
	buf_append_str(out, GS2_HEADER);
	buf_append(
	    out, buf_bytes(&scram->auth_message), scram->auth_message.length);
	scram->state = SCRAM_FIRST_SENT;
	return 0;
}

/* Takes "NAME=value" up to the next comma or the end; NULL if TEXT does not
 * begin with it. */
static const char *
take_attribute(struct text *text, char name, size_t *size)
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

/* Reads COUNT as the iteration count; NULL, or what is wrong with it. */
static const char *
read_iterations(const char *count, size_t size, int *iterations)
{
	char digits[12];
	int64_t value = 0;

	if (count == NULL || size == 0 || size >= sizeof(digits)) {
		return "no valid iteration count";
	}
	memcpy(digits, count, size);
	digits[size] = '\0';
	if (strspn(digits, "0123456789") != size ||
	    !str_to_int64(digits, &value) || value < 1) {
		return "no valid iteration count";
	}
	if (value > SCRAM_ITERATIONS_MAX) {
		return "server asks for too many iterations";
	}
	*iterations = (int)value;
	return NULL;
}

/* Reads server-first-message; NULL, or what is wrong with it. */
static const char *
read_server_first(
    struct text text, const char *own_nonce, struct server_first *first)
{
	const char *salt, *count;
	size_t own_size = strlen(own_nonce), size = 0;

	if (text.left > SCRAM_MESSAGE_MAX) {
		return "server's message is too long";
	}
	first->nonce = take_attribute(&text, 'r', &first->nonce_size);
	if (first->nonce == NULL) {
		return "server's first message has no nonce";
	}
	if (first->nonce_size <= own_size ||
	    memcmp(first->nonce, own_nonce, own_size) != 0) {
		return "server's nonce does not continue ours";
	}
	for (size_t i = 0; i < first->nonce_size; i++) {
		if (first->nonce[i] < 0x21 || first->nonce[i] > 0x7e) {
			return "server's nonce is not printable";
		}
	}
	salt = take_attribute(&text, 's', &size);
	if (salt == NULL || size == 0 ||
	    !scram_base64_decode(salt, size, first->salt, sizeof(first->salt),
	        &first->salt_size)) {
		return "server sent no valid salt";
	}
	count = take_attribute(&text, 'i', &size);
	return read_iterations(count, size, &first->iterations);
}

/* Computes PROOF and the signature expected of the server from the complete
 * AuthMessage; -1 when OpenSSL fails. Wipes the password. */
static int
make_proof(struct scram_client *scram, const struct server_first *first,
    uint8_t proof[SCRAM_KEY_BYTES])
{
	uint8_t salted[SCRAM_KEY_BYTES], client_key[SCRAM_KEY_BYTES];
	uint8_t key[SCRAM_KEY_BYTES]; /* StoredKey, then ServerKey */
	const uint8_t *message = buf_bytes(&scram->auth_message);
	size_t size = scram->auth_message.length;
	int ret = -1;

	if (scram_salted_password(scram->password, first->salt,
	        first->salt_size, first->iterations, salted) == 0 &&
	    scram_hmac(salted, "Client Key", 10, client_key) == 0 &&
	    scram_hash(client_key, sizeof(client_key), key) == 0 &&
	    scram_hmac(key, message, size, proof) == 0 &&
	    scram_hmac(salted, "Server Key", 10, key) == 0 &&
	    scram_hmac(key, message, size, scram->server_signature) == 0) {
		for (size_t i = 0; i < SCRAM_KEY_BYTES; i++) {
			proof[i] ^= client_key[i];
		}
		ret = 0;
	}
	mem_wipe(salted, sizeof(salted));
	mem_wipe(client_key, sizeof(client_key));
	mem_wipe(key, sizeof(key));
	mem_wipe_free(&scram->password);
	return ret;
}

int
scram_client_final(struct scram_client *scram, const uint8_t *message,
    size_t size, struct buf *out, struct error *err)
{
	struct server_first first = {0};
	struct buf *signed_text = &scram->auth_message;
	uint8_t proof[SCRAM_KEY_BYTES];
	char encoded[SCRAM_BASE64_BYTES(SCRAM_KEY_BYTES)];
	size_t bare;
	const char *wrong;

	if (expect(scram, SCRAM_FIRST_SENT, err) != 0) {
		return -1;
	}
	wrong = read_server_first(
	    (struct text){(const char *)message, size}, scram->nonce, &first);
	if (wrong != NULL) {
		return fail(scram, err, wrong);
	}
	buf_append_char(signed_text, ',');
	buf_append(signed_text, message, size);
	buf_append_char(signed_text, ',');
	bare = signed_text->length;
	buf_append_str(signed_text, CHANNEL_BINDING ",r=");
	buf_append(signed_text, first.nonce, first.nonce_size);
	if (make_proof(scram, &first, proof) != 0) {
		return fail(scram, err, "OpenSSL cannot compute the proof");
	}
	scram_base64_encode(proof, sizeof(proof), encoded);
	buf_append(
	    out, buf_bytes(signed_text) + bare, signed_text->length - bare);
	buf_append_str(out, ",p=");
	buf_append_str(out, encoded);
	mem_wipe(proof, sizeof(proof));
	mem_wipe(encoded, sizeof(encoded));
	scram->state = SCRAM_FINAL_SENT;
	return 0;
}

int
scram_client_verify(struct scram_client *scram, const uint8_t *message,
    size_t size, struct error *err)
{
	struct text text = {(const char *)message, size};
	uint8_t signature[SCRAM_KEY_BYTES];
	size_t length = 0, decoded = 0;
	const char *value;

	if (expect(scram, SCRAM_FINAL_SENT, err) != 0) {
		return -1;
	}
	if (size > SCRAM_MESSAGE_MAX) {
		return fail(scram, err, "server's message is too long");
	}
	if (take_attribute(&text, 'e', &length) != NULL) {
		return fail(scram, err, "server reports an error");
	}
	value = take_attribute(&text, 'v', &length);
	if (value == NULL ||
	    !scram_base64_decode(
	        value, length, signature, sizeof(signature), &decoded) ||
	    decoded != sizeof(signature)) {
		return fail(scram, err, "server sent no valid signature");
	}
	if (CRYPTO_memcmp(
	        signature, scram->server_signature, sizeof(signature)) != 0) {
		return fail(scram, err,
		    "server's signature is wrong, it does not know the "
		    "password");
	}
	scram->state = SCRAM_VERIFIED;
	return 0;
}
