/*
 * scram_client.c - logging in to a server by SCRAM-SHA-256.
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
 *
 * Over TLS "n" becomes "p=tls-server-end-point" if the server offers
 * SCRAM-SHA-256-PLUS, and "y" if it does not: a server that does will know
 * then that somebody in between has hidden its offer.
 */
#include "auth/scram_client.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "auth/keyring.h"
#include "auth/scram_keys.h"
#include "auth/secret.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

enum scram_state {
	SCRAM_NEW,
	SCRAM_FIRST_SENT,
	SCRAM_FINAL_SENT,
	SCRAM_VERIFIED,
	SCRAM_FAILED
};

struct scram_client {
	enum scram_state state;
	char *password;          /* owned; NULL once .keys are there */
	struct keyring *keyring; /* borrowed; may be NULL without .password */
	struct scram_keys keys;
	struct scram_binding binding;
	enum scram_flag flag;
	char *nonce; /* owned; ours */
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

/* What is read of a list of mechanisms. */
struct offer {
	bool has_plain; /* without channel binding */
	bool has_plus;
	bool is_whole; /* the list ends where it should */
	char names[256];
};

static void
read_offer(const uint8_t *list, size_t size, struct offer *offer)
{
	struct scram_text text = {(const char *)list, size};
	size_t used = 0;

	for (;;) {
		size_t length = strnlen(text.at, text.left);

		if (length == text.left) {
			return; /* no NUL */
		}
		if (length == 0) {
			break;
		}
		offer->has_plain |= strcmp(text.at, SCRAM_MECHANISM) == 0;
		offer->has_plus |= strcmp(text.at, SCRAM_MECHANISM_PLUS) == 0;
		if (used + length + 2 < sizeof(offer->names)) {
			offer->names[used] = ' ';
			memcpy(offer->names + used + 1, text.at, length);
			used += length + 1;
		}
		text.at += length + 1;
		text.left -= length + 1;
	}
	offer->is_whole = text.left == 1;
}

int
scram_pick_mechanism(const uint8_t *list, size_t size, bool can_bind,
    bool *is_plus, struct error *err)
{
	struct offer offer = {0};

	read_offer(list, size, &offer);
	if (!offer.is_whole) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "list of SASL mechanisms is malformed");
		return -1;
	}
	*is_plus = offer.has_plus && can_bind;
	if (!*is_plus && !offer.has_plain) {
		error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
		    "server offers no SASL mechanism that can be used here, "
		    "but:%s",
		    offer.names);
		return -1;
	}
	return 0;
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

static struct scram_client *
make(const char *user, const char *nonce, struct error *err)
{
	char *own_nonce =
	    nonce == NULL ? scram_make_nonce(err) : mem_strdup(nonce);
	struct scram_client *scram;

	if (own_nonce == NULL) {
		return NULL;
	}
	scram = mem_zalloc(sizeof(*scram));
	scram->nonce = own_nonce;
	buf_append_str(&scram->auth_message, "n=");
	append_saslname(&scram->auth_message, user == NULL ? "" : user);
	buf_append_str(&scram->auth_message, ",r=");
	buf_append_str(&scram->auth_message, own_nonce);
	return scram;
}

struct scram_client *
scram_client_new(const char *user, const char *password,
    struct keyring *keyring, const char *nonce, struct error *err)
{
	struct scram_client *scram;
	const char *clear = NULL;

	if (secret_cleartext(password, &clear, err) != 0 ||
	    (scram = make(user, nonce, err)) == NULL) {
		return NULL;
	}
	scram->password = mem_strdup(clear);
	scram->keyring = keyring;
	return scram;
}

struct scram_client *
scram_client_new_with_keys(const char *user, const struct scram_keys *keys,
    const char *nonce, struct error *err)
{
	struct scram_client *scram = make(user, nonce, err);

	if (scram != NULL) {
		scram->keys = *keys;
	}
	return scram;
}

void
scram_client_bind(struct scram_client *scram,
    const struct scram_binding *binding, bool is_plus)
{
	assert(scram->state == SCRAM_NEW && binding->size > 0);
	scram->binding = *binding;
	scram->flag = is_plus ? SCRAM_FLAG_END_POINT : SCRAM_FLAG_UNTAKEN;
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
	buf_append_str(out, scram_flag_header(scram->flag));
	buf_append(
	    out, buf_bytes(&scram->auth_message), scram->auth_message.length);
	scram->state = SCRAM_FIRST_SENT;
	return 0;
}

/* Reads COUNT as the iteration count, at most MOST; NULL, or what is wrong with
 * it. */
static const char *
read_iterations(const char *count, size_t size, int most, int *iterations)
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
	if (value > most) {
		return "server asks for too many iterations";
	}
	*iterations = (int)value;
	return NULL;
}

/* Reads server-first-message; NULL, or what is wrong with it. */
static const char *
read_server_first(const struct scram_client *scram, struct scram_text text,
    struct server_first *first)
{
	const char *salt, *count, *own_nonce = scram->nonce;
	size_t own_size = strlen(own_nonce), size = 0;

	if (text.left > SCRAM_MESSAGE_MAX) {
		return "server's message is too long";
	}
	first->nonce = scram_take(&text, 'r', &first->nonce_size);
	if (first->nonce == NULL) {
		return "server's first message has no nonce";
	}
	if (first->nonce_size <= own_size ||
	    memcmp(first->nonce, own_nonce, own_size) != 0) {
		return "server's nonce does not continue ours";
	}
	if (!scram_is_nonce(first->nonce, first->nonce_size)) {
		return "server's nonce is not printable";
	}
	salt = scram_take(&text, 's', &size);
	if (salt == NULL || size == 0 ||
	    !scram_base64_decode(salt, size, first->salt, sizeof(first->salt),
	        &first->salt_size)) {
		return "server sent no valid salt";
	}
	count = scram_take(&text, 'i', &size);
	return read_iterations(count, size,
	    scram->password != NULL ? SCRAM_ITERATIONS_MAX : INT32_MAX,
	    &first->iterations);
}

/* Sets .keys to those of the password, and wipes that. */
static int
make_keys(struct scram_client *scram, const struct server_first *first)
{
	int ret = 0;

	if (scram->password != NULL) {
		ret =
		    keyring_derive(scram->keyring, scram->password, first->salt,
		        first->salt_size, first->iterations, &scram->keys);
		mem_wipe_free(&scram->password);
	}
	return ret;
}

/* Computes PROOF and the signature expected of the server from the complete
 * AuthMessage; -1 when OpenSSL fails. */
static int
make_proof(struct scram_client *scram, uint8_t proof[SCRAM_KEY_BYTES])
{
	const struct scram_keys *keys = &scram->keys;
	const uint8_t *message = buf_bytes(&scram->auth_message);
	size_t size = scram->auth_message.length;

	if (scram_hmac(keys->stored_key, message, size, proof) != 0 ||
	    scram_hmac(keys->server_key, message, size,
	        scram->server_signature) != 0) {
		return -1;
	}
	for (size_t i = 0; i < SCRAM_KEY_BYTES; i++) {
		proof[i] ^= keys->client_key[i];
	}
	return 0;
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
	    scram, (struct scram_text){(const char *)message, size}, &first);
	if (wrong != NULL) {
		return fail(scram, err, wrong);
	}
	buf_append_char(signed_text, ',');
	buf_append(signed_text, message, size);
	buf_append_char(signed_text, ',');
	bare = signed_text->length;
	scram_put_binding(signed_text, scram->flag, &scram->binding);
	buf_append_str(signed_text, ",r=");
	buf_append(signed_text, first.nonce, first.nonce_size);
	if (make_keys(scram, &first) != 0 || make_proof(scram, proof) != 0) {
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
	struct scram_text text = {(const char *)message, size};
	uint8_t signature[SCRAM_KEY_BYTES];
	size_t length = 0, decoded = 0;
	const char *value;

	if (expect(scram, SCRAM_FINAL_SENT, err) != 0) {
		return -1;
	}
	if (size > SCRAM_MESSAGE_MAX) {
		return fail(scram, err, "server's message is too long");
	}
	if (scram_take(&text, 'e', &length) != NULL) {
		return fail(scram, err, "server reports an error");
	}
	value = scram_take(&text, 'v', &length);
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
