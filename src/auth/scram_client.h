/* scram_client.h - logging in to a server by SCRAM-SHA-256, as a pure state
 * machine. */
#ifndef AUTH_SCRAM_CLIENT_H
#define AUTH_SCRAM_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/scram_text.h"

struct buf;
struct error;
struct keyring;
struct scram_client;
struct scram_keys;

/*
 * Looks for what we speak in the SIZE bytes at LIST, the body of
 * AuthenticationSASL behind its code: NUL-terminated names, then an empty one.
 * Returns 0 and sets *IS_PLUS if SCRAM_MECHANISM_PLUS is offered and we can
 * bind, or false if SCRAM_MECHANISM is what there is; else -1 and ERR naming
 * what is. Source: PostgreSQL docs, "Message Formats", AuthenticationSASL.
 */
int scram_pick_mechanism(const uint8_t *list, size_t size, bool can_bind,
    bool *is_plus, struct error *err) __attribute__((warn_unused_result));

/*
 * Returns a login with PASSWORD, as it was typed (UTF-8 or any bytes), copied;
 * the caller ends it with scram_client_free(). KEYRING is borrowed until then:
 * keys that it knows need no PBKDF2. USER may be NULL: PostgreSQL takes the
 * name from the startup message and ignores this one. NONCE is NULL, or
 * printable text without commas for tests. NULL and ERR if PASSWORD is a stored
 * md5 or SCRAM secret, which proves nothing to a server, or is empty, or if the
 * system has no random bytes.
 */
struct scram_client *scram_client_new(const char *user, const char *password,
    struct keyring *keyring, const char *nonce, struct error *err)
    __attribute__((warn_unused_result));

/* As scram_client_new(), with the KEYS of the password (copied) instead of it:
 * those of the secret the server has, whatever salt it comes with. */
struct scram_client *scram_client_new_with_keys(const char *user,
    const struct scram_keys *keys, const char *nonce, struct error *err)
    __attribute__((warn_unused_result));

/* The login takes place over TLS, where BINDING is of the server's certificate.
 * IS_PLUS: as scram_pick_mechanism() found. To be called before the first step.
 */
void scram_client_bind(struct scram_client *scram,
    const struct scram_binding *binding, bool is_plus);

/* Wipes and frees *SCRAM and sets it to NULL. NULL is accepted. */
void scram_client_free(struct scram_client **scram);

/*
 * The three steps, in this order; each is called once. Those with OUT append
 * the payload of SASLInitialResponse and SASLResponse to it. MESSAGE is the
 * payload of AuthenticationSASLContinue and AuthenticationSASLFinal. Each
 * returns 0, or -1 and ERR, after which the login is dead. A login is only
 * proven, to both sides, when scram_client_verify() has returned 0: a server
 * that sends AuthenticationOk without that has not shown that it knows the
 * secret, see scram_client_is_verified(). Source: RFC 5802, RFC 7677.
 *
 * scram_client_final() computes PBKDF2 if the keyring does not know the keys,
 * which stops the process for as long as the server's iteration count says:
 * about 1 ms for the usual 4,096, and at most SCRAM_ITERATIONS_MAX
 * (scram_keys.h).
 */
int scram_client_first(struct scram_client *scram, struct buf *out,
    struct error *err) __attribute__((warn_unused_result));
int scram_client_final(struct scram_client *scram, const uint8_t *message,
    size_t size, struct buf *out, struct error *err)
    __attribute__((warn_unused_result));
int scram_client_verify(struct scram_client *scram, const uint8_t *message,
    size_t size, struct error *err) __attribute__((warn_unused_result));

/* Whether the server has proven that it knows the secret. */
bool scram_client_is_verified(const struct scram_client *scram);

#endif
