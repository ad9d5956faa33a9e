/* scram_text.h - what both roles of SCRAM-SHA-256 read and write alike. */
#ifndef AUTH_SCRAM_TEXT_H
#define AUTH_SCRAM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;

#define SCRAM_MECHANISM "SCRAM-SHA-256"
#define SCRAM_MECHANISM_PLUS "SCRAM-SHA-256-PLUS" /* with channel binding */

/* The only kind of channel binding, RFC 5929. */
#define SCRAM_BINDING_TYPE "tls-server-end-point"

/* Longest message of a peer that is looked at; real ones are below 300 bytes.
 */
#define SCRAM_MESSAGE_MAX ((size_t)4096)

/* Longest hash of a certificate: SHA-512. */
#define SCRAM_END_POINT_MAX 64

/* What binds an exchange to the TLS connection it takes place in: the hash of
 * the server's certificate. SIZE 0: there is none. */
struct scram_binding {
	size_t size;
	uint8_t end_point[SCRAM_END_POINT_MAX];
};

/* How a client begins: whether it binds (RFC 5802, gs2-cbind-flag). */
enum scram_flag {
	SCRAM_FLAG_NO,       /* "n": it cannot */
	SCRAM_FLAG_UNTAKEN,  /* "y": it could, but thinks the server cannot */
	SCRAM_FLAG_END_POINT /* "p=tls-server-end-point" */
};

/* The whole gs2 header of FLAG, with both commas. */
const char *scram_flag_header(enum scram_flag flag);

/* Appends "c=" and what has to follow for FLAG and, with END_POINT, BINDING. */
void scram_put_binding(
    struct buf *out, enum scram_flag flag, const struct scram_binding *binding);

/* A part of a message that is being read. */
struct scram_text {
	const char *at; /* borrowed */
	size_t left;
};

/* Takes "NAME=value" with the comma behind it, or up to the end; the value is
 * returned as a view of *SIZE bytes. NULL if TEXT does not begin with it. */
const char *scram_take(struct scram_text *text, char name, size_t *size);

/* Whether SIZE bytes at TEXT can be a nonce: printable ASCII, no comma, not
 * empty. */
bool scram_is_nonce(const char *text, size_t size);

/* Whether SIZE bytes at TEXT are VALUE. */
bool scram_text_is(const char *text, size_t size, const char *value);

/* Returns a new nonce, 24 random characters, for free(); NULL and ERR if the
 * system has no random bytes. */
char *scram_make_nonce(struct error *err) __attribute__((warn_unused_result));

#endif
