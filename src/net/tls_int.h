/* tls_int.h - the inside of TLS contexts, for the sessions. */
#ifndef NET_TLS_INT_H
#define NET_TLS_INT_H

#include <openssl/ssl.h>
#include <stdint.h>

#include "net/tls.h"

/* Enough for SHA-256. */
#define TLS_TRUST_BYTES 32

struct tls_context {
	unsigned references;
	SSL_CTX *ssl;     /* owned */
	BIO_METHOD *wire; /* owned; see tls_session.c */
	enum tls_role role;
	enum tls_verify verify;
	uint8_t trust[TLS_TRUST_BYTES]; /* which authorities, by their hash */
};

/* How the sessions of a context send and receive. */
BIO_METHOD *tls_wire_method(void);

/* Why the library has failed, as far as it says: never empty. Forgets it. */
void tls_take_reason(char *out, size_t size);

/* A certificate that is not accepted goes on being looked at: the session
 * remembers that it was not. For TLS_VERIFY_IF_GIVEN. */
int tls_on_verify(int is_good, X509_STORE_CTX *store);

#endif
