/* scram_server.h - letting a client log in by SCRAM-SHA-256, as a pure state
 * machine. */
#ifndef AUTH_SCRAM_SERVER_H
#define AUTH_SCRAM_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/scram_text.h"

struct buf;
struct error;
struct scram_secret;
struct scram_server;

/*
 * Returns an exchange that lets in whoever knows the password of SECRET, which
 * is copied; for somebody who must not come in, SECRET has keys that fit
 * nothing. BINDING: of the connection, copied; .size 0 if it is not TLS.
 * IS_PLUS: the client has chosen SCRAM_MECHANISM_PLUS, which was offered to it
 * because of BINDING. NONCE is NULL, or printable text without commas for
 * tests. The caller ends it with scram_server_free(). NULL and ERR if the
 * system has no random bytes.
 */
struct scram_server *scram_server_new(const struct scram_secret *secret,
    const struct scram_binding *binding, bool is_plus, const char *nonce,
    struct error *err) __attribute__((warn_unused_result));

/* Wipes and frees *SCRAM and sets it to NULL. NULL is accepted. */
void scram_server_free(struct scram_server **scram);

/*
 * The two steps, in this order; each is called once. MESSAGE is the payload of
 * SASLInitialResponse and SASLResponse; the payload of
 * AuthenticationSASLContinue and AuthenticationSASLFinal is appended to OUT.
 * Each returns 0, or -1 and ERR, in the words and with the SQLSTATE of
 * PostgreSQL, after which the exchange is dead: 28P01 is a proof that does not
 * fit. Source: RFC 5802, RFC 7677.
 */
int scram_server_first(struct scram_server *scram, const uint8_t *message,
    size_t size, struct buf *out, struct error *err)
    __attribute__((warn_unused_result));
int scram_server_final(struct scram_server *scram, const uint8_t *message,
    size_t size, struct buf *out, struct error *err)
    __attribute__((warn_unused_result));

/* The ClientKey of a client that has proven itself, 32 bytes, which is as good
 * as its password for logging in elsewhere. Borrowed. */
const uint8_t *scram_server_client_key(const struct scram_server *scram);

#endif
