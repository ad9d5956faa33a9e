/*
 * tls_session.h - TLS on one connection, whoever carries its bytes.
 *
 * For stream_tls.c and tests. The bytes that the session makes are taken by
 * its wire in any case, sent or kept: so writing never has to be tried again,
 * and the order of bytes is the wire's business alone.
 */
#ifndef NET_TLS_SESSION_H
#define NET_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/stream.h"

struct tls_context;
struct tls_session;

/* Longest piece of plain text that becomes one record. */
#define TLS_RECORD_BYTES ((size_t)16384)

/* What a session runs over. */
struct tls_wire {
	/* As recv(2). */
	ssize_t (*receive)(void *context, void *bytes, size_t size);
	/* Sends BYTES or keeps them for later; -1 and errno on failure. */
	int (*send)(void *context, const void *bytes, size_t size);
	/* Bytes kept. */
	size_t (*pending)(void *context);
	void *context;
};

/*
 * Begins a session under CONTEXT, which is referenced. HOST is the server's
 * name or address, for TLS_CONNECTS. The SIZE bytes EARLY were received
 * already. Nothing is sent before tls_session_read() or tls_session_start().
 */
struct tls_session *tls_session_new(struct tls_context *context,
    const struct tls_wire *wire, const char *host, const void *early,
    size_t size);

/* Says goodbye if the wire is free to take it, frees, sets *SESSION to NULL,
 * which is accepted. */
void tls_session_free(struct tls_session **session);

/* Takes the first step; a failure is reported by the next read. */
void tls_session_start(struct tls_session *session);

/*
 * As stream_read(), and it takes the steps of the handshake, before which there
 * are no bytes. What is received and answered in one call is bounded.
 */
enum io_result tls_session_read(struct tls_session *session, void *bytes,
    size_t size, size_t *got) __attribute__((warn_unused_result));

/* While RESTS a read receives nothing new: there is only what was received and
 * not read yet. */
void tls_session_rest(struct tls_session *session, bool rests);

/* Whether to read on though nothing new has arrived: the last read was full and
 * has left something. */
bool tls_session_has_more(const struct tls_session *session);

/* Sends BYTES, or keeps them until the handshake is over. IO_DONE or
 * IO_FAILED: a later read reports it, too. */
enum io_result tls_session_write(
    struct tls_session *session, const void *bytes, size_t size);

/* Bytes kept until the handshake is over. */
size_t tls_session_unsent(const struct tls_session *session);

/* Whether the handshake is over, and well. */
bool tls_session_is_up(const struct tls_session *session);

/* Why it has failed; NULL: it has not, or over its wire. */
const char *tls_session_error(const struct tls_session *session);

/* ---- what is known of it; see stream_tls.h ------------------------------- */

void tls_session_describe(
    const struct tls_session *session, char *out, size_t size);
bool tls_session_has_protocol(const struct tls_session *session);
bool tls_session_is_resumed(const struct tls_session *session);
bool tls_session_is_verified(const struct tls_session *session);
char *tls_session_peer_name(const struct tls_session *session)
    __attribute__((warn_unused_result));
char *tls_session_peer_dn(const struct tls_session *session)
    __attribute__((warn_unused_result));
size_t tls_session_end_point(
    const struct tls_session *session, uint8_t *out, size_t size);

#endif
