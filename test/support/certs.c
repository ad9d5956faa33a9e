/* certs.c - certificates for tests, made on the spot. */
#include "support/certs.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "core/mem.h"

static void
check(int ok)
{
	if (ok <= 0) {
		abort();
	}
}

static char *
take_text(BIO *bio)
{
	char *bytes = NULL, *text;
	long size = BIO_get_mem_data(bio, &bytes);

	text = mem_strndup(bytes, (size_t)size);
	BIO_free(bio);
	return text;
}

static void
add_extension(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	check(extension != NULL);
	check(X509_add_ext(x509, extension, -1));
	X509_EXTENSION_free(extension);
}

void
test_cert_make(struct test_cert *cert, const char *name, int bytes,
    const char *alt_names, const struct test_cert *issuer)
{
	static long serial;
	X509 *x509 = X509_new();
	X509_NAME *subject = X509_get_subject_name(x509);
	BIO *bio;

	cert->pkey = EVP_EC_gen("P-256");
	check(cert->pkey != NULL);
	check(X509_set_version(x509, 2));
	check(ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial));
	check(X509_gmtime_adj(X509_getm_notBefore(x509), -60) != NULL);
	check(X509_gmtime_adj(X509_getm_notAfter(x509), 3600) != NULL);
	check(X509_set_pubkey(x509, cert->pkey));
	check(X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8,
	    (const unsigned char *)"Tests", -1, -1, 0));
	check(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
	    (const unsigned char *)name, bytes, -1, 0));
	check(X509_set_issuer_name(x509,
	    issuer == NULL ? subject : X509_get_subject_name(issuer->x509)));
	add_extension(x509, NID_basic_constraints,
	    issuer == NULL ? "critical,CA:TRUE" : "CA:FALSE");
	if (alt_names != NULL) {
		add_extension(x509, NID_subject_alt_name, alt_names);
	}
	check(X509_sign(
	    x509, issuer == NULL ? cert->pkey : issuer->pkey, EVP_sha256()));
	cert->x509 = x509;
	bio = BIO_new(BIO_s_mem());
	check(PEM_write_bio_X509(bio, x509));
	cert->cert = take_text(bio);
	bio = BIO_new(BIO_s_mem());
	check(PEM_write_bio_PrivateKey(
	    bio, cert->pkey, NULL, NULL, 0, NULL, NULL));
	cert->key = take_text(bio);
}

void
test_cert_fini(struct test_cert *cert)
{
	X509_free(cert->x509);
	EVP_PKEY_free(cert->pkey);
	free(cert->cert);
	free(cert->key);
	*cert = (struct test_cert){0};
}
