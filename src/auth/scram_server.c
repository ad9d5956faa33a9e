/*
 * scram_server.c - letting a client log in by SCRAM-SHA-256.
 *
 *   client                                  we
 *   n,,n=<user>,r=<nonce>            -->
 *                                    <--   r=<nonce><more>,s=<salt>,i=<count>
 *   c=biws,r=<nonce><more>,p=<proof> -->
 *                                    <--   v=<signature>
 *
 *   NEW --first--> FIRST_SENT --final--> PROVEN
 *     \________________\___________> FAILED
 *
 * What is taken and what is refused is what PostgreSQL takes and refuses. Its
 * details, which it sends as such, stand behind a colon. The name in the
 * client's message counts for nothing: who it wants to be was said at startup.
 *
 * proof = ClientKey XOR HMAC(StoredKey, messages), so whoever has StoredKey
 * learns ClientKey from a right proof, and can prove itself to another server
 * that has the same secret.
 */
#include "auth/scram_server.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "auth/scram_keys.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

enum scram_state {
	SCRAM_NEW,
	SCRAM_FIRST_SENT,
	SCRAM_PROVEN,
	SCRAM_FAILED
};

struct scram_server {
	enum scram_state state;
	struct scram_secret secret;
	struct scram_binding binding;
	bool is_plus;
	enum scram_flag flag; /* the client's, from its first message on */
	char *own_nonce;      /* owned */
	struct buf nonce;     /* the client's, then ours */
	/* client-first-bare, then "," server-first "," final-without-proof. */
	struct buf auth_message;
	uint8_t client_key[SCRAM_KEY_BYTES];
};

struct scram_server *
scram_server_new(const struct scram_secret *secret,
    const struct scram_binding *binding, bool is_plus, const char *nonce,
    struct error *err)
{
	char *own_nonce =
	    nonce == NULL ? scram_make_nonce(err) : mem_strdup(nonce);
	struct scram_server *scram;

	assert(!is_plus || binding->size > 0);
	if (own_nonce == NULL) {
		return NULL;
	}
	scram = mem_zalloc(sizeof(*scram));
	scram->secret = *secret;
	scram->binding = *binding;
	scram->is_plus = is_plus;
	scram->own_nonce = own_nonce;
	return scram;
}

void
scram_server_free(struct scram_server **scram)
{
	struct scram_server *s = *scram;

	if (s == NULL) {
		return;
	}
	free(s->own_nonce);
	buf_fini(&s->nonce);
	buf_fini(&s->auth_message);
	mem_wipe(s, sizeof(*s));
	free(s);
	*scram = NULL;
}

const uint8_t *
scram_server_client_key(const struct scram_server *scram)
{
	assert(scram->state == SCRAM_PROVEN);
	return scram->client_key;
}

/* Sets ERR to what PostgreSQL calls a malformed message; returns -1. */
static int
malformed(struct error *err, const char *why)
{
	error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
	    "malformed SCRAM message: %s", why);
	return -1;
}

/* Whether SIZE bytes at MESSAGE can be looked at, now. */
static int
begin_step(struct scram_server *scram, enum scram_state expected,
    const uint8_t *message, size_t size, struct error *err)
{
	if (scram->state != expected) {
		return malformed(err, "it is out of turn");
	}
	if (size == 0) {
		return malformed(err, "the message is empty");
	}
	if (size > SCRAM_MESSAGE_MAX) {
		return malformed(err, "the message is too long");
	}
	if (memchr(message, '\0', size) != NULL) {
		return malformed(
		    err, "message length does not match input length");
	}
	return 0;
}

/* ---- the first message --------------------------------------------------- */

static int
take_untaken(const struct scram_server *scram, struct error *err)
{
	if (scram->binding.size == 0) {
		return 0;
	}
	/* Somebody in between has hidden what we offer. */
	error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
	    "SCRAM channel binding negotiation error: the client supports "
	    "channel binding but thinks the server does not, however, this "
	    "server does");
	return -1;
}

static int
take_end_point(struct scram_text *text, struct error *err)
{
	size_t size = 0;
	const char *type = scram_take(text, 'p', &size);

	if (type == NULL || !scram_text_is(type, size, SCRAM_BINDING_TYPE)) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "unsupported SCRAM channel-binding type");
		return -1;
	}
	return 0;
}

/* Reads the flag and the comma behind it, which scram_take() has taken along
 * with a value. */
static int
take_flag(
    struct scram_server *scram, struct scram_text *text, struct error *err)
{
	char flag = text->at[0];

	if (flag == 'p') {
		scram->flag = SCRAM_FLAG_END_POINT;
		if (!scram->is_plus) {
			return malformed(err,
			    "the client selected " SCRAM_MECHANISM
			    " without channel binding, but the message "
			    "includes channel binding data");
		}
		return take_end_point(text, err);
	}
	if (flag != 'n' && flag != 'y') {
		return malformed(err, "unexpected channel-binding flag");
	}
	if (scram->is_plus) {
		return malformed(err,
		    "the client selected " SCRAM_MECHANISM_PLUS
		    ", but the message does not include channel binding "
		    "data");
	}
	scram->flag = flag == 'n' ? SCRAM_FLAG_NO : SCRAM_FLAG_UNTAKEN;
	if (flag == 'y' && take_untaken(scram, err) != 0) {
		return -1;
	}
	if (text->left < 2 || text->at[1] != ',') {
		return malformed(
		    err, "comma expected behind the channel-binding flag");
	}
	text->at += 2;
	text->left -= 2;
	return 0;
}

/* Reads "[authzid],"; nobody may act for somebody else. */
static int
take_identity(struct scram_text *text, struct error *err)
{
	if (text->left > 0 && text->at[0] == 'a') {
		error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
		    "client uses authorization identity, but it is not "
		    "supported");
		return -1;
	}
	if (text->left == 0 || text->at[0] != ',') {
		return malformed(
		    err, "unexpected attribute in client-first-message");
	}
	text->at++;
	text->left--;
	return 0;
}

/* Reads client-first-bare; *NONCE is a view. */
static int
take_bare(struct scram_text text, const char **nonce, size_t *nonce_size,
    struct error *err)
{
	size_t size = 0;

	if (text.left > 0 && text.at[0] == 'm') {
		error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
		    "client requires an unsupported SCRAM extension");
		return -1;
	}
	if (scram_take(&text, 'n', &size) == NULL) {
		return malformed(err, "attribute \"n\" expected");
	}
	*nonce = scram_take(&text, 'r', nonce_size);
	if (*nonce == NULL) {
		return malformed(err, "attribute \"r\" expected");
	}
	if (!scram_is_nonce(*nonce, *nonce_size)) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "non-printable characters in SCRAM nonce");
		return -1;
	}
	return 0; /* extensions that follow are optional */
}

/* Appends server-first-message. */
static void
put_server_first(struct scram_server *scram, struct buf *out)
{
	const struct scram_secret *secret = &scram->secret;
	char salt[SCRAM_BASE64_BYTES(SCRAM_SALT_MAX)];

	scram_base64_encode(secret->salt, secret->salt_size, salt);
	buf_append_str(out, "r=");
	buf_append(out, buf_bytes(&scram->nonce), scram->nonce.length);
	buf_printf(out, ",s=%s,i=%d", salt, secret->iterations);
}

int
scram_server_first(struct scram_server *scram, const uint8_t *message,
    size_t size, struct buf *out, struct error *err)
{
	struct scram_text text = {(const char *)message, size};
	struct buf *signed_text = &scram->auth_message;
	const char *nonce = NULL;
	size_t nonce_size = 0;

	if (begin_step(scram, SCRAM_NEW, message, size, err) != 0 ||
	    take_flag(scram, &text, err) != 0 ||
	    take_identity(&text, err) != 0 ||
	    take_bare(text, &nonce, &nonce_size, err) != 0) {
		scram->state = SCRAM_FAILED;
		return -1;
	}
	buf_append(&scram->nonce, nonce, nonce_size);
	buf_append_str(&scram->nonce, scram->own_nonce);
	buf_append(signed_text, text.at, text.left);
	buf_append_char(signed_text, ',');
	put_server_first(scram, signed_text);
	buf_append(out, buf_bytes(signed_text) + text.left + 1,
	    signed_text->length - text.left - 1);
	scram->state = SCRAM_FIRST_SENT;
	return 0;
}

/* ---- the final message --------------------------------------------------- */

/* Whether the client has bound itself to this very connection. */
static int
take_binding(const struct scram_server *scram, struct scram_text *text,
    struct error *err)
{
	struct buf expected = {0};
	size_t size = 0;
	const char *binding = scram_take(text, 'c', &size);
	bool fits;

	if (binding == NULL) {
		return malformed(err, "attribute \"c\" expected");
	}
	scram_put_binding(&expected, scram->flag, &scram->binding);
	fits = scram_text_is(binding, size, buf_text(&expected) + 2);
	buf_fini(&expected);
	if (fits) {
		return 0;
	}
	if (scram->flag == SCRAM_FLAG_END_POINT) {
		error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
		    "SCRAM channel binding check failed");
	} else {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "unexpected SCRAM channel-binding attribute in "
		    "client-final-message");
	}
	return -1;
}

static int
take_nonce(
    struct scram_server *scram, struct scram_text *text, struct error *err)
{
	size_t size = 0;
	const char *nonce = scram_take(text, 'r', &size);

	if (nonce == NULL) {
		return malformed(err, "attribute \"r\" expected");
	}
	if (!scram_text_is(nonce, size, buf_text(&scram->nonce))) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "invalid SCRAM response: nonce does not match");
		return -1;
	}
	return 0;
}

/* Passes over extensions up to the proof, and reads that. TEXT begins where
 * "p=" stood then, for it is not part of what is signed. */
static int
take_proof(
    struct scram_text *text, uint8_t proof[SCRAM_KEY_BYTES], struct error *err)
{
	for (;;) {
		struct scram_text rest = *text;
		size_t size = 0, decoded = 0;
		const char *value =
		    rest.left < 2 ? NULL : scram_take(&rest, rest.at[0], &size);

		if (value == NULL) {
			return malformed(err, "attribute \"p\" expected");
		}
		if (text->at[0] != 'p') {
			*text = rest;
			continue;
		}
		if (!scram_base64_decode(
		        value, size, proof, SCRAM_KEY_BYTES, &decoded) ||
		    decoded != SCRAM_KEY_BYTES) {
			return malformed(
			    err, "malformed proof in client-final-message");
		}
		if (value + size != text->at + text->left) {
			return malformed(err,
			    "garbage found at the end of "
			    "client-final-message");
		}
		return 0;
	}
}

/* Whether PROOF is that of the password; sets .client_key. */
static bool
fits(struct scram_server *scram, const uint8_t proof[SCRAM_KEY_BYTES])
{
	uint8_t key[SCRAM_KEY_BYTES]; /* ClientSignature, then StoredKey */
	bool does_fit;

	if (scram_hmac(scram->secret.stored_key,
	        buf_bytes(&scram->auth_message), scram->auth_message.length,
	        key) != 0) {
		return false;
	}
	for (size_t i = 0; i < SCRAM_KEY_BYTES; i++) {
		scram->client_key[i] = proof[i] ^ key[i];
	}
	does_fit = scram_hash(scram->client_key, SCRAM_KEY_BYTES, key) == 0 &&
	    CRYPTO_memcmp(key, scram->secret.stored_key, sizeof(key)) == 0;
	mem_wipe(key, sizeof(key));
	return does_fit;
}

static int
put_signature(
    const struct scram_server *scram, struct buf *out, struct error *err)
{
	uint8_t signature[SCRAM_KEY_BYTES];
	char text[SCRAM_BASE64_BYTES(SCRAM_KEY_BYTES)];

	if (scram_hmac(scram->secret.server_key,
	        buf_bytes(&scram->auth_message), scram->auth_message.length,
	        signature) != 0) {
		error_set(err, SQLSTATE_INTERNAL,
		    "OpenSSL cannot compute the SCRAM signature");
		return -1;
	}
	scram_base64_encode(signature, sizeof(signature), text);
	buf_append_str(out, "v=");
	buf_append_str(out, text);
	return 0;
}

int
scram_server_final(struct scram_server *scram, const uint8_t *message,
    size_t size, struct buf *out, struct error *err)
{
	struct scram_text text = {(const char *)message, size};
	struct buf *signed_text = &scram->auth_message;
	uint8_t proof[SCRAM_KEY_BYTES];
	int ret = -1;

	if (begin_step(scram, SCRAM_FIRST_SENT, message, size, err) != 0 ||
	    take_binding(scram, &text, err) != 0 ||
	    take_nonce(scram, &text, err) != 0 ||
	    take_proof(&text, proof, err) != 0) {
		goto out;
	}
	buf_append_char(signed_text, ',');
	buf_append(signed_text, message,
	    (size_t)(text.at - (const char *)message) - 1);
	if (!fits(scram, proof)) {
		error_set(err, SQLSTATE_INVALID_PASSWORD,
		    "SASL authentication failed");
		goto out;
	}
	if (put_signature(scram, out, err) != 0) {
		goto out;
	}
	ret = 0;
out:
	mem_wipe(proof, sizeof(proof));
	scram->state = ret == 0 ? SCRAM_PROVEN : SCRAM_FAILED;
	return ret;
}
