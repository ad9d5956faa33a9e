/* certs.h - certificates for tests, made on the spot. */
#ifndef SUPPORT_CERTS_H
#define SUPPORT_CERTS_H

#include <openssl/evp.h>
#include <openssl/x509.h>

struct test_cert {
	char *cert; /* owned; PEM */
	char *key;  /* owned; PEM */
	X509 *x509; /* owned */
	EVP_PKEY *pkey;
};

/* Makes a certificate for the common name NAME (BYTES long, it may hold
 * anything); ALT_NAMES as in a configuration of OpenSSL, "DNS:a,IP:1.2.3.4";
 * NULL: none. ISSUER NULL: an authority that signs itself. Ended with
 * test_cert_fini(). */
void test_cert_make(struct test_cert *cert, const char *name, int bytes,
    const char *alt_names, const struct test_cert *issuer);
void test_cert_fini(struct test_cert *cert);

#endif
