/*
 * tls_context.c - certificates, authorities, versions and ciphers.
 *
 * What TLS may do at all is decided here, once: no compression, no
 * renegotiation, no sessions remembered on our side (a client that wants to
 * resume brings its ticket), no read buffer for who has nothing to say.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"
#include "net/tls_int.h"

/* The keys of tickets: a name, and one key each to sign and to hide. */
#define TICKET_KEY_BYTES 80

/* As in the PostgreSQL docs, "SSL Session Encryption"; with its length. */
static const unsigned char protocol_name[] = "\012postgresql";
#define PROTOCOL_NAME_BYTES (sizeof(protocol_name) - 1)

void
tls_take_reason(char *out, size_t size)
{
	unsigned long code = ERR_get_error();
	const char *reason = ERR_reason_error_string(code);

	if (reason != NULL) {
		(void)snprintf(out, size, "%s", reason);
	} else if (code != 0) {
		(void)snprintf(out, size, "OpenSSL error %lu", code);
	} else {
		(void)snprintf(out, size, "no reason given");
	}
	ERR_clear_error();
}

/* Whether a reader of PEM has just come to the end of its text. */
static bool
is_at_end(void)
{
	unsigned long code = ERR_peek_last_error();
	bool is_end = ERR_GET_LIB(code) == ERR_LIB_PEM &&
	    ERR_GET_REASON(code) == PEM_R_NO_START_LINE;

	if (is_end) {
		ERR_clear_error();
	}
	return is_end;
}

/* ERR becomes "WHAT: " and the library's reason. */
static void
fail(struct error *err, const char *what, const char *name)
{
	char reason[256];

	if (is_at_end()) {
		(void)snprintf(reason, sizeof(reason),
		    "there is none in it, in PEM format");
	} else {
		tls_take_reason(reason, sizeof(reason));
	}
	error_set(
	    err, SQLSTATE_CONFIG_FILE, "%s \"%s\": %s", what, name, reason);
}

/* ---- versions ------------------------------------------------------------ */

#define SECURE (SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3)
#define ALL (SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SECURE)

/* What a word allows, as the bits that would switch it off. */
static const struct {
	const char *word;
	uint64_t bits;
} versions[] = {
    {"tlsv1.0", SSL_OP_NO_TLSv1},
    {"tlsv1.1", SSL_OP_NO_TLSv1_1},
    {"tlsv1.2", SSL_OP_NO_TLSv1_2},
    {"tlsv1.3", SSL_OP_NO_TLSv1_3},
    {"tlsv1", ALL},
    {"all", ALL},
    {"legacy", ALL},
    {"default", SECURE},
    {"secure", SECURE},
};

/* Takes what WORD allows from OFF; false: no such word. */
static bool
allow_versions(const char *word, uint64_t *off)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		if (str_equal_nocase(word, versions[i].word)) {
			*off &= ~versions[i].bits;
			return true;
		}
	}
	return false;
}

static int
set_protocols(SSL_CTX *ssl, const char *text, struct error *err)
{
	char copy[128], *rest = NULL;
	uint64_t off = ALL;

	if (!str_copy(copy, sizeof(copy), text)) {
		copy[0] = '\0';
	}
	for (char *word = strtok_r(copy, ",: ", &rest); word != NULL;
	     word = strtok_r(NULL, ",: ", &rest)) {
		if (!allow_versions(word, &off)) {
			off = ALL;
			break;
		}
	}
	if (off == ALL) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "\"%.100s\" names no versions of TLS", text);
		error_hint(err,
		    "Give \"secure\", \"all\", or a list of tlsv1.0, tlsv1.1, "
		    "tlsv1.2 and tlsv1.3.");
		return -1;
	}
	/* The system's own file of settings may have a minimum; ours counts. */
	(void)SSL_CTX_set_min_proto_version(ssl, TLS1_VERSION);
	SSL_CTX_set_options(ssl, off);
	return 0;
}

/* ---- ciphers ------------------------------------------------------------- */

static const char *
cipher_words(const char *text)
{
	static const char *const plain[] = {
	    "", "default", "secure", "normal", "fast"};

	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		if (str_equal_nocase(text, plain[i])) {
			return "HIGH:!aNULL:!eNULL:!3DES";
		}
	}
	return str_equal_nocase(text, "all") ? "ALL:!aNULL:!eNULL" : text;
}

static int
set_ciphers(SSL_CTX *ssl, const struct tls_options *options,
    enum tls_part *culprit, struct error *err)
{
	char words[2048];
	int length = snprintf(words, sizeof(words), "%s%s%s",
	    cipher_words(options->ciphers),
	    str_equal_nocase(options->curve, "none") ? ":!kECDHE" : "",
	    str_equal_nocase(options->dheparams, "none") ? ":!kDHE" : "");

	*culprit = TLS_PART_CIPHERS;
	if (length < 0 || (size_t)length >= sizeof(words) ||
	    SSL_CTX_set_cipher_list(ssl, words) != 1) {
		fail(err, "cipher suites", options->ciphers);
		error_hint(err,
		    "\"openssl ciphers -v 'LIST'\" shows what a list comes to.");
		return -1;
	}
	*culprit = TLS_PART_TLS13_CIPHERS;
	if (options->tls13_ciphers[0] != '\0' &&
	    SSL_CTX_set_ciphersuites(ssl, options->tls13_ciphers) != 1) {
		fail(err, "failed to set the TLSv1.3 cipher suites",
		    options->tls13_ciphers);
		return -1;
	}
	return 0;
}

/* The curves and groups that keys are agreed on with. */
static int
set_exchange(SSL_CTX *ssl, const struct tls_options *options,
    enum tls_part *culprit, struct error *err)
{
	const char *dhe = options->dheparams, *curve = options->curve;

	*culprit = TLS_PART_DHEPARAMS;
	if (str_equal_nocase(dhe, "auto") || dhe[0] == '\0') {
		(void)SSL_CTX_set_dh_auto(ssl, 1);
	} else if (str_equal_nocase(dhe, "legacy")) {
		(void)SSL_CTX_set_dh_auto(ssl, 2); /* 1024 bits */
	} else if (!str_equal_nocase(dhe, "none")) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "\"%.100s\" is none of auto, legacy and none", dhe);
		return -1;
	}
	*culprit = TLS_PART_CURVE;
	if (curve[0] == '\0' || str_equal_nocase(curve, "auto") ||
	    str_equal_nocase(curve, "none")) {
		return 0;
	}
	/* Only read, whatever the type of the argument says. */
	if (SSL_CTX_ctrl(ssl, SSL_CTRL_SET_GROUPS_LIST, 0,
	        (void *)(uintptr_t)curve) != 1) {
		ERR_clear_error();
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "\"%.100s\" is no curve that OpenSSL knows", curve);
		error_hint(err, "\"openssl ecparam -list_curves\" shows them.");
		return -1;
	}
	return 0;
}

/* ---- certificates -------------------------------------------------------- */

/* Without a terminal to ask at; OpenSSL would. */
static int
no_passphrase(char *out, int size, int is_writing, void *context)
{
	(void)out;
	(void)size;
	(void)is_writing;
	*(bool *)context = true;
	return -1;
}

static BIO *
open_pem(const struct tls_pem *pem)
{
	BIO *bio = BIO_new_mem_buf(
	    pem->text, pem->size > INT32_MAX ? INT32_MAX : (int)pem->size);

	if (bio == NULL) {
		abort(); /* out of memory */
	}
	return bio;
}

/* The certificate that comes first, and those behind it, which lead to an
 * authority. */
static int
use_certificates(SSL_CTX *ssl, const struct tls_pem *pem, struct error *err)
{
	BIO *bio = open_pem(pem);
	X509 *own = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL), *next;
	int ret = -1;

	if (own == NULL || SSL_CTX_use_certificate(ssl, own) != 1) {
		fail(err, "certificate", pem->name);
		goto out;
	}
	while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (SSL_CTX_add0_chain_cert(ssl, next) != 1) {
			X509_free(next);
			fail(err, "certificate", pem->name);
			goto out;
		}
	}
	if (!is_at_end()) {
		fail(err, "certificate", pem->name);
		goto out;
	}
	ret = 0;
out:
	X509_free(own);
	BIO_free(bio);
	return ret;
}

static int
use_key(SSL_CTX *ssl, const struct tls_pem *pem, struct error *err)
{
	bool is_encrypted = false;
	BIO *bio = open_pem(pem);
	EVP_PKEY *key =
	    PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &is_encrypted);
	int ret = -1;

	if (is_encrypted) {
		ERR_clear_error();
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "private key \"%s\" is protected by a passphrase",
		    pem->name);
		error_hint(err,
		    "There is nobody to ask for it: \"openssl pkey\" writes "
		    "the key without.");
	} else if (key == NULL) {
		fail(err, "private key", pem->name);
	} else if (SSL_CTX_use_PrivateKey(ssl, key) != 1 ||
	    SSL_CTX_check_private_key(ssl) != 1) {
		ERR_clear_error();
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "private key \"%s\" does not belong to the certificate",
		    pem->name);
		error_hint(err,
		    "If they have been replaced, perhaps only one of the two "
		    "files has been so far.");
	} else {
		ret = 0;
	}
	EVP_PKEY_free(key);
	BIO_free(bio);
	return ret;
}

static int
use_pair(SSL_CTX *ssl, const struct tls_options *options,
    enum tls_part *culprit, struct error *err)
{
	bool has_cert = options->cert.text != NULL;

	*culprit = has_cert ? TLS_PART_KEY : TLS_PART_CERT;
	if (has_cert != (options->key.text != NULL)) {
		error_set(err, SQLSTATE_CONFIG_FILE, "there is a %s",
		    has_cert ? "certificate but no private key"
		             : "private key but no certificate");
		return -1;
	}
	if (!has_cert) {
		return 0;
	}
	*culprit = TLS_PART_CERT;
	if (use_certificates(ssl, &options->cert, err) != 0) {
		return -1;
	}
	*culprit = TLS_PART_KEY;
	return use_key(ssl, &options->key, err);
}

/* Authorities, and what they have revoked if that is in the same file. */
static int
trust_authorities(
    SSL_CTX *ssl, const struct tls_options *options, struct error *err)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);
	BIO *bio = open_pem(&options->ca);
	X509 *cert;
	int count = 0, ret = -1;

	while ((cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
		bool is_added = X509_STORE_add_cert(store, cert) == 1 &&
		    (options->role == TLS_CONNECTS ||
		        SSL_CTX_add_client_CA(ssl, cert) == 1);

		X509_free(cert);
		if (!is_added) {
			fail(err, "certificate authorities", options->ca.name);
			goto out;
		}
		count++;
	}
	if (count == 0 || !is_at_end()) {
		fail(err, "certificate authorities", options->ca.name);
		goto out;
	}
	ret = 0;
out:
	BIO_free(bio);
	return ret;
}

static int
set_trust(struct tls_context *context, const struct tls_options *options,
    struct error *err)
{
	static const int modes[] = {
	    [TLS_VERIFY_NOT] = SSL_VERIFY_NONE,
	    [TLS_VERIFY_IF_GIVEN] = SSL_VERIFY_PEER,
	    [TLS_VERIFY_CA] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
	    [TLS_VERIFY_NAME] =
	        SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
	};

	SSL_CTX_set_verify(context->ssl, modes[options->verify],
	    options->verify == TLS_VERIFY_IF_GIVEN ? tls_on_verify : NULL);
	if (options->verify == TLS_VERIFY_NOT) {
		return 0;
	}
	if (options->ca.text == NULL) {
		(void)SSL_CTX_set_default_verify_paths(context->ssl);
		return 0;
	}
	if (EVP_Digest(options->ca.text, options->ca.size, context->trust, NULL,
	        EVP_sha256(), NULL) != 1) {
		abort(); /* out of memory */
	}
	return trust_authorities(context->ssl, options, err);
}

/* ---- the whole ----------------------------------------------------------- */

/* Who names protocols must name ours: no other server's client is talked to by
 * mistake, nor by somebody else's doing. */
static int
on_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_bytes,
    const unsigned char *in, unsigned in_bytes, void *context)
{
	unsigned char *chosen = NULL;

	(void)ssl;
	(void)context;
	if (SSL_select_next_proto(&chosen, out_bytes, protocol_name,
	        PROTOCOL_NAME_BYTES, in, in_bytes) != OPENSSL_NPN_NEGOTIATED) {
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static void
set_manners(SSL_CTX *ssl, enum tls_role role)
{
	SSL_CTX_set_options(ssl,
	    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
	        SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_SINGLE_DH_USE |
	        SSL_OP_SINGLE_ECDH_USE | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	if (role == TLS_ACCEPTS) {
		(void)SSL_CTX_set_session_id_context(
		    ssl, protocol_name, PROTOCOL_NAME_BYTES);
		(void)SSL_CTX_set_num_tickets(ssl, 1);
		SSL_CTX_set_alpn_select_cb(ssl, on_protocols, NULL);
	} else {
		(void)SSL_CTX_set_alpn_protos(
		    ssl, protocol_name, PROTOCOL_NAME_BYTES);
	}
}

struct tls_context *
tls_context_new(const struct tls_options *options, enum tls_part *culprit,
    struct error *err)
{
	struct tls_context *context = mem_zalloc(sizeof(*context));

	ERR_clear_error();
	context->references = 1;
	context->role = options->role;
	context->verify = options->verify;
	context->wire = tls_wire_method();
	context->ssl =
	    SSL_CTX_new(options->role == TLS_ACCEPTS ? TLS_server_method()
	                                             : TLS_client_method());
	if (context->ssl == NULL) {
		abort(); /* out of memory */
	}
	set_manners(context->ssl, options->role);
	*culprit = TLS_PART_PROTOCOLS;
	if (set_protocols(context->ssl, options->protocols, err) != 0 ||
	    set_ciphers(context->ssl, options, culprit, err) != 0 ||
	    set_exchange(context->ssl, options, culprit, err) != 0 ||
	    use_pair(context->ssl, options, culprit, err) != 0) {
		tls_context_unref(&context);
		return NULL;
	}
	*culprit = TLS_PART_CA;
	if (set_trust(context, options, err) != 0) {
		tls_context_unref(&context);
	}
	return context;
}

struct tls_context *
tls_context_ref(struct tls_context *context)
{
	context->references++;
	return context;
}

void
tls_context_unref(struct tls_context **contextp)
{
	struct tls_context *context = *contextp;

	*contextp = NULL;
	if (context == NULL || --context->references > 0) {
		return;
	}
	SSL_CTX_free(context->ssl);
	BIO_meth_free(context->wire);
	free(context);
}

void
tls_context_resume(struct tls_context *to, const struct tls_context *from)
{
	unsigned char keys[TICKET_KEY_BYTES];

	if (to->role != TLS_ACCEPTS || from->role != TLS_ACCEPTS ||
	    to->verify != from->verify ||
	    memcmp(to->trust, from->trust, sizeof(to->trust)) != 0) {
		return;
	}
	if (SSL_CTX_get_tlsext_ticket_keys(from->ssl, keys, sizeof(keys)) ==
	    1) {
		(void)SSL_CTX_set_tlsext_ticket_keys(
		    to->ssl, keys, sizeof(keys));
	}
	ERR_clear_error();
	mem_wipe(keys, sizeof(keys));
}
