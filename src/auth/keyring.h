/*
 * keyring.h - keys of SCRAM that are known already.
 *
 * PBKDF2 takes a millisecond in which nobody else is served, so what it came
 * to is remembered. And a client that has logged in by SCRAM leaves a key that
 * opens servers with the same secret, where nothing but that secret is stored.
 */
#ifndef AUTH_KEYRING_H
#define AUTH_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/scram_keys.h"

struct keyring;

/* Most of each kind that are remembered; then the longest unused is wiped. */
#define KEYRING_MAX 20000

/* Returns an empty one; the caller ends it with keyring_free(). */
struct keyring *keyring_new(void) __attribute__((warn_unused_result));

/* Wipes and frees *KEYRING and sets it to NULL. NULL is accepted. */
void keyring_free(struct keyring **keyring);

/*
 * Sets KEYS to those of PASSWORD, as it was typed, under SALT and ITERATIONS
 * (1 to SCRAM_ITERATIONS_MAX): by PBKDF2 only if they are not known yet. -1
 * when OpenSSL fails. The caller wipes KEYS.
 */
int keyring_derive(struct keyring *keyring, const char *password,
    const uint8_t *salt, size_t salt_size, int iterations,
    struct scram_keys *keys) __attribute__((warn_unused_result));

/* The parts of keyring_derive(), for passwords that may be wrong ones: whether
 * the keys are known; PBKDF2; remembering what that came to. */
bool keyring_recall(struct keyring *keyring, const char *password,
    const uint8_t *salt, size_t salt_size, int iterations,
    struct scram_keys *keys);
int keyring_compute(struct keyring *keyring, const char *password,
    const uint8_t *salt, size_t salt_size, int iterations,
    struct scram_keys *keys) __attribute__((warn_unused_result));
void keyring_remember(struct keyring *keyring, const char *password,
    const uint8_t *salt, size_t salt_size, int iterations,
    const struct scram_keys *keys);

/* How often PBKDF2 has run, and how many keys are remembered, in all. */
uint64_t keyring_derivations(const struct keyring *keyring);
size_t keyring_count(const struct keyring *keyring);

/*
 * The salt of exchanges with USER, for whom no SCRAM secret is stored: the same
 * each time, as if there were one, and nothing an outsider could compute. -1
 * when OpenSSL fails.
 */
int keyring_salt(const struct keyring *keyring, const char *user,
    uint8_t salt[SCRAM_SALT_BYTES]) __attribute__((warn_unused_result));

/* A number that is the same for USER each time, and nobody can foretell: whom
 * to imitate where there is no such user. */
uint64_t keyring_number(const struct keyring *keyring, const char *user);

/* ---- keys of clients ----------------------------------------------------- */

/* Remembers the CLIENT_KEY of somebody who has shown to have it: its hash is
 * STORED_KEY. */
void keyring_keep(struct keyring *keyring,
    const uint8_t stored_key[SCRAM_KEY_BYTES],
    const uint8_t client_key[SCRAM_KEY_BYTES]);

/* Sets CLIENT_KEY to the one whose hash is STORED_KEY; false if nobody has
 * shown it. The caller wipes it. */
bool keyring_find(struct keyring *keyring,
    const uint8_t stored_key[SCRAM_KEY_BYTES],
    uint8_t client_key[SCRAM_KEY_BYTES]);

/* Forgets it: STORED_KEY is nobody's any more. */
void keyring_drop(
    struct keyring *keyring, const uint8_t stored_key[SCRAM_KEY_BYTES]);

#endif
