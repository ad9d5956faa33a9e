/*
 * secret.c - what a password in auth_file is, and whether another fits it.
 *
 * Nothing that takes time here depends on what is stored: each check hashes
 * the sent password once for each kind of secret, and runs PBKDF2 for the
 * number of iterations the caller names, whether or not the secret needs it.
 * What was computed for the kind at hand is then compared, in constant time.
 */
#include "auth/secret.h"

#include <openssl/crypto.h>
#include <string.h>

#include "auth/keyring.h"
#include "auth/md5.h"
#include "auth/scram_keys.h"
#include "core/error.h"
#include "core/mem.h"

enum secret_kind
secret_kind(const char *secret)
{
	struct scram_secret parsed;

	if (strncmp(secret, "md5", 3) == 0 &&
	    strnlen(secret, MD5_TEXT_BYTES) == MD5_TEXT_BYTES - 1 &&
	    strspn(secret + 3, "0123456789abcdef") == MD5_TEXT_BYTES - 4) {
		return SECRET_MD5;
	}
	return scram_secret_parse(&parsed, secret) ? SECRET_SCRAM
	                                           : SECRET_PLAIN;
}

int
secret_iterations(const char *secret)
{
	struct scram_secret parsed;

	return scram_secret_parse(&parsed, secret) ? parsed.iterations : 0;
}

/* PASSWORD of any length as 32 bytes that can be compared. */
static bool
plain_fits(const char *secret, const char *password)
{
	uint8_t ours[SCRAM_KEY_BYTES], theirs[SCRAM_KEY_BYTES];
	bool fits = scram_hash(secret, strlen(secret), ours) == 0 &&
	    scram_hash(password, strlen(password), theirs) == 0 &&
	    CRYPTO_memcmp(ours, theirs, sizeof(ours)) == 0;

	mem_wipe(ours, sizeof(ours));
	mem_wipe(theirs, sizeof(theirs));
	return fits;
}

static bool
md5_fits(const char *secret, const char *user, const char *password)
{
	char computed[MD5_TEXT_BYTES] = "", stored[MD5_TEXT_BYTES] = "";
	bool fits;

	/* What is no md5 secret is cut to a length that never compares equal
	 * by accident: it does not begin with "md5" and 32 digits. */
	memcpy(stored, secret, strnlen(secret, sizeof(stored) - 1));
	fits = md5_secret(user, password, computed, NULL) == 0 &&
	    CRYPTO_memcmp(computed, stored, sizeof(stored)) == 0;
	mem_wipe(computed, sizeof(computed));
	return fits;
}

/* Runs PBKDF2 for ITERATIONS more and forgets the result; the time it takes is
 * all that is wanted, so a failure does not matter. */
static void
burn(struct keyring *keyring, const char *password, int iterations)
{
	static const uint8_t salt[16] = {0};
	struct scram_keys forgotten;

	if (iterations > 0 &&
	    keyring_compute(keyring, password, salt, sizeof(salt), iterations,
	        &forgotten) == 0) {
		mem_wipe(&forgotten, sizeof(forgotten));
	}
}

/* Whether KEYS are those of SECRET. */
static bool
keys_fit(const struct scram_secret *secret, const struct scram_keys *keys)
{
	return CRYPTO_memcmp(keys->stored_key, secret->stored_key,
	           sizeof(keys->stored_key)) == 0;
}

/* Whether PASSWORD is known to be the one of SECRET; else it has to be found
 * out. */
static bool
is_known(struct keyring *keyring, const struct scram_secret *secret,
    const char *password)
{
	struct scram_keys keys;
	bool is_it = keyring_recall(keyring, password, secret->salt,
	                 secret->salt_size, secret->iterations, &keys) &&
	    keys_fit(secret, &keys);

	if (is_it) {
		keyring_keep(keyring, secret->stored_key, keys.client_key);
	}
	mem_wipe(&keys, sizeof(keys));
	return is_it;
}

/* Whether the keys made from PASSWORD are those of SECRET. */
static bool
scram_fits(struct keyring *keyring, const struct scram_secret *secret,
    const char *password)
{
	struct scram_keys keys;
	bool fits;

	if (secret->iterations > SCRAM_ITERATIONS_MAX ||
	    keyring_compute(keyring, password, secret->salt, secret->salt_size,
	        secret->iterations, &keys) != 0) {
		return false;
	}
	fits = keys_fit(secret, &keys);
	if (fits) {
		keyring_remember(keyring, password, secret->salt,
		    secret->salt_size, secret->iterations, &keys);
		keyring_keep(keyring, secret->stored_key, keys.client_key);
	}
	mem_wipe(&keys, sizeof(keys));
	return fits;
}

bool
secret_fits(struct keyring *keyring, const char *secret, const char *user,
    const char *password, int iterations)
{
	const char *compared = secret == NULL ? "" : secret;
	struct scram_secret parsed = {0};
	bool is_scram = scram_secret_parse(&parsed, compared), fits[3];
	bool may_fit = *compared != '\0' && *password != '\0', does_fit;
	int most = iterations > SCRAM_ITERATIONS_MAX ? SCRAM_ITERATIONS_MAX
	                                             : iterations;

	fits[SECRET_PLAIN] = plain_fits(compared, password);
	fits[SECRET_MD5] = md5_fits(compared, user, password);
	fits[SECRET_SCRAM] = is_scram && is_known(keyring, &parsed, password);
	does_fit = may_fit && fits[secret_kind(compared)];
	if (!does_fit) {
		/* Who has shown nothing yet must not see a difference. */
		does_fit = is_scram && scram_fits(keyring, &parsed, password);
		does_fit = does_fit && may_fit;
		burn(keyring, password, most - parsed.iterations);
	}
	mem_wipe(&parsed, sizeof(parsed));
	return does_fit;
}

int
secret_cleartext(const char *secret, const char **password, struct error *err)
{
	if (secret == NULL || *secret == '\0') {
		error_set(err, SQLSTATE_INVALID_PASSWORD,
		    "server asks for a password, but none is stored for this "
		    "user");
		return -1;
	}
	if (secret_kind(secret) != SECRET_PLAIN) {
		error_set(err, SQLSTATE_INVALID_PASSWORD,
		    "server asks for the password itself, but only its %s form "
		    "is stored for this user",
		    secret_kind(secret) == SECRET_MD5 ? "md5" : "SCRAM");
		return -1;
	}
	*password = secret;
	return 0;
}
