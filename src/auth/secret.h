/* secret.h - what a password in auth_file is, and whether another fits it. */
#ifndef AUTH_SECRET_H
#define AUTH_SECRET_H

#include <stdbool.h>

struct error;
struct keyring;

enum secret_kind {
	SECRET_PLAIN,
	SECRET_MD5,  /* "md5" and 32 lower-case hexadecimal digits */
	SECRET_SCRAM /* "SCRAM-SHA-256$..." */
};

/* What SECRET is; whatever is not a well-formed md5 or SCRAM secret is a
 * password, as PostgreSQL has it. */
enum secret_kind secret_kind(const char *secret);

/* Iterations of a SCRAM secret; 0 for the other kinds. */
int secret_iterations(const char *secret);

/*
 * Whether PASSWORD, sent in clear by USER, fits SECRET of any kind; never, if
 * either is empty, or if SECRET asks for more than SCRAM_ITERATIONS_MAX. SECRET
 * NULL means that there is no such user: false. What fits a SCRAM secret is put
 * into KEYRING: it need not be computed the next time, and it is the key to
 * servers that have the same secret, see keyring_find().
 *
 * But for a microsecond or two of reading SECRET, and for a password that is
 * right and need not be found to be so by its iterations, the time this takes
 * depends on the lengths of USER and PASSWORD and on ITERATIONS only, so it
 * tells neither whether the user exists nor what kind of secret there is, as
 * long as ITERATIONS is not less than secret_iterations() of any secret in use
 * (0 if none is a SCRAM secret).
 */
bool secret_fits(struct keyring *keyring, const char *secret, const char *user,
    const char *password, int iterations);

/* Sets *PASSWORD (borrowed from SECRET) to what is sent when a server asks for
 * a clear password; -1 and ERR if SECRET is only a stored form. */
int secret_cleartext(const char *secret, const char **password,
    struct error *err) __attribute__((warn_unused_result));

#endif
