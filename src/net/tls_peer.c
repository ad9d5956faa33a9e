/*
 * tls_peer.c - what is known of a session and of who is at its other end.
 *
 * Source: RFC 5929, "Channel Bindings for TLS", section 4; RFC 6125 for the
 * names of hosts, as libpq reads it.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/mem.h"
#include "net/tls_session_int.h"

/* Longer names are nobody's. */
#define NAME_MAX_BYTES 1024

void
tls_session_describe(const struct tls_session *session, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/%s", SSL_get_version(session->ssl),
	    SSL_get_cipher_name(session->ssl));
}

bool
tls_session_has_protocol(const struct tls_session *session)
{
	const unsigned char *name = NULL;
	unsigned length = 0;

	SSL_get0_alpn_selected(session->ssl, &name, &length);
	return length > 0;
}

bool
tls_session_is_resumed(const struct tls_session *session)
{
	return SSL_session_reused(session->ssl) == 1;
}

bool
tls_session_is_verified(const struct tls_session *session)
{
	return session->is_up && session->context->verify != TLS_VERIFY_NOT &&
	    !session->has_bad_peer &&
	    SSL_get0_peer_certificate(session->ssl) != NULL &&
	    SSL_get_verify_result(session->ssl) == X509_V_OK;
}

/* ---- names --------------------------------------------------------------- */

/* The common name of SUBJECT; NULL: it has none, or none that is a text. */
static char *
common_name(const X509_NAME *subject)
{
	int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;
	char *name = NULL;
	int length;

	if (index < 0) {
		return NULL;
	}
	length = ASN1_STRING_to_UTF8(&text,
	    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
	/* A NUL in it would make it another name for who reads on. */
	if (length > 0 && length <= NAME_MAX_BYTES &&
	    memchr(text, '\0', (size_t)length) == NULL) {
		name = mem_strndup((const char *)text, (size_t)length);
	}
	OPENSSL_free(text);
	ERR_clear_error();
	return name;
}

static const X509_NAME *
peer_subject(const struct tls_session *session)
{
	const X509 *cert = SSL_get0_peer_certificate(session->ssl);

	return cert == NULL ? NULL : X509_get_subject_name(cert);
}

char *
tls_session_peer_name(const struct tls_session *session)
{
	const X509_NAME *subject = peer_subject(session);

	return subject == NULL ? NULL : common_name(subject);
}

char *
tls_session_peer_dn(const struct tls_session *session)
{
	const X509_NAME *subject = peer_subject(session);
	BIO *bio = subject == NULL ? NULL : BIO_new(BIO_s_mem());
	char *bytes = NULL, *name = NULL;
	long length;

	if (bio == NULL) {
		return NULL;
	}
	(void)X509_NAME_print_ex(bio, subject, 0, XN_FLAG_RFC2253);
	length = BIO_get_mem_data(bio, &bytes);
	if (length > 0 && length <= NAME_MAX_BYTES &&
	    memchr(bytes, '\0', (size_t)length) == NULL) {
		name = mem_strndup(bytes, (size_t)length);
	}
	BIO_free(bio);
	ERR_clear_error();
	return name;
}

/* ---- the right host ------------------------------------------------------ */

static bool
is_address(const char *host)
{
	struct in6_addr any;

	return inet_pton(AF_INET, host, &any) == 1 ||
	    inet_pton(AF_INET6, host, &any) == 1;
}

/* Certificates without other names may have an address for a common name. */
static bool
is_common_name(X509 *cert, const char *host)
{
	char *name;
	bool is_same;

	if (X509_get_ext_by_NID(cert, NID_subject_alt_name, -1) >= 0) {
		return false;
	}
	name = common_name(X509_get_subject_name(cert));
	is_same = name != NULL && strcasecmp(name, host) == 0;
	free(name);
	return is_same;
}

static bool
is_for_host(X509 *cert, const char *host)
{
	bool is_match;

	if (is_address(host)) {
		is_match = X509_check_ip_asc(cert, host, 0) == 1 ||
		    is_common_name(cert, host);
	} else {
		is_match = X509_check_host(cert, host, strlen(host),
		               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
	}
	ERR_clear_error();
	return is_match;
}

bool
tls_session_check_host(struct tls_session *session)
{
	X509 *cert = SSL_get0_peer_certificate(session->ssl);
	const char *host = session->host == NULL ? "" : session->host;
	struct buf text = {0};
	char *name = NULL;

	if (cert != NULL && host[0] != '\0' && is_for_host(cert, host)) {
		return true;
	}
	name = cert == NULL ? NULL : common_name(X509_get_subject_name(cert));
	buf_printf(&text,
	    "TLS handshake: certificate verify failed (the certificate is for "
	    "\"%.100s\", not for host \"%.200s\")",
	    name == NULL ? "" : name, host);
	session->reason = mem_strdup(buf_text(&text));
	buf_fini(&text);
	free(name);
	return false;
}

/* ---- channel binding ----------------------------------------------------- */

size_t
tls_session_end_point(
    const struct tls_session *session, uint8_t *out, size_t size)
{
	const X509 *cert = session->context->role == TLS_ACCEPTS
	    ? SSL_get_certificate(session->ssl)
	    : SSL_get0_peer_certificate(session->ssl);
	const EVP_MD *hash;
	unsigned length = 0;
	int kind = NID_undef;

	if (!session->is_up || cert == NULL || size < EVP_MAX_MD_SIZE ||
	    X509_get_signature_info(
	        (X509 *)(uintptr_t)cert, &kind, NULL, NULL, NULL) != 1) {
		ERR_clear_error();
		return 0;
	}
	if (kind == NID_md5 || kind == NID_sha1) {
		kind = NID_sha256;
	}
	/* Some signatures have no hash of their own: then nothing is agreed. */
	hash = EVP_get_digestbynid(kind);
	if (hash == NULL || X509_digest(cert, hash, out, &length) != 1) {
		ERR_clear_error();
		return 0;
	}
	return length;
}
