/*
 * tls.h - what all TLS connections of one kind have in common: certificate,
 * trusted authorities, versions and ciphers.
 *
 * A context is made whole from texts in memory and never changed afterwards; a
 * new certificate is a new context. Connections hold the one they began with.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct tls_context;

/* Which end of a connection we are. */
enum tls_role {
	TLS_ACCEPTS, /* of clients */
	TLS_CONNECTS /* to servers */
};

/* What is asked of the other side's certificate. */
enum tls_verify {
	TLS_VERIFY_NOT,
	TLS_VERIFY_IF_GIVEN, /* looked at, but a bad one is no obstacle; see
	                        stream_tls_is_verified() */
	TLS_VERIFY_CA,       /* that an authority of ours has signed it */
	TLS_VERIFY_NAME      /* and it is of the host we wanted; for
	                        TLS_CONNECTS */
};

/* The text of a file in PEM format. */
struct tls_pem {
	const char *name; /* for messages */
	const char *text; /* NULL: there is none */
	size_t size;
};

/* In words as the settings have them. */
struct tls_options {
	enum tls_role role;
	enum tls_verify verify;
	struct tls_pem ca;   /* without one, verifying goes by the system's */
	struct tls_pem cert; /* and those of authorities between, behind it */
	struct tls_pem key;
	const char *protocols;     /* "secure", "all", "tlsv1.2,tlsv1.3" */
	const char *ciphers;       /* "default", or as OpenSSL has them */
	const char *tls13_ciphers; /* "": those of OpenSSL */
	const char *curve;         /* "auto", "none", or a name */
	const char *dheparams;     /* "auto", "legacy", "none" */
};

/* What a context fails over. */
enum tls_part {
	TLS_PART_CA,
	TLS_PART_CERT,
	TLS_PART_KEY,
	TLS_PART_PROTOCOLS,
	TLS_PART_CIPHERS,
	TLS_PART_TLS13_CIPHERS,
	TLS_PART_CURVE,
	TLS_PART_DHEPARAMS
};

/*
 * Returns a context with one reference. Nothing of OPTIONS is needed
 * afterwards. NULL, CULPRIT and ERR when a part of it is of no use; no text of
 * a key is in ERR.
 */
struct tls_context *tls_context_new(const struct tls_options *options,
    enum tls_part *culprit, struct error *err)
    __attribute__((warn_unused_result));

/* Counts one more reference and returns CONTEXT. */
struct tls_context *tls_context_ref(struct tls_context *context);

/* Gives back one reference and sets *CONTEXT to NULL, which is accepted. */
void tls_context_unref(struct tls_context **context);

/*
 * From now on TO resumes the sessions that FROM has given tickets for, unless
 * it trusts others or asks for more: a ticket stands for a certificate that was
 * verified once.
 */
void tls_context_resume(struct tls_context *to, const struct tls_context *from);

#endif
