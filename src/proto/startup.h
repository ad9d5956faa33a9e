/*
 * startup.h - the packets a client opens a connection with.
 *
 * They have a length but no type byte. A client may ask for encryption, and
 * after the answer sends the next such packet; a StartupMessage or a
 * CancelRequest is the last.
 *
 * Source: PostgreSQL docs, "Frontend/Backend Protocol", "Message Formats",
 * StartupMessage, SSLRequest, GSSENCRequest, CancelRequest.
 */
#ifndef PROTO_STARTUP_H
#define PROTO_STARTUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/frame.h"
#include "proto/params.h"

struct buf;
struct error;

/* The length word in front of the body. */
#define STARTUP_HEADER_BYTES ((size_t)4)
/* PostgreSQL's own limit for what follows it. */
#define STARTUP_MAX_BODY ((uint32_t)10000)
/* More parameters than this are refused; drivers send about five. */
#define STARTUP_MAX_PARAMS ((size_t)256)
/* Longest secret of a CancelRequest, protocol 3.2 and later. */
#define CANCEL_KEY_MAX_BYTES ((size_t)256)
/* The newest 3.x we speak. 3.1 is reserved for ever, and the same as 3.0. */
#define PROTOCOL_NEWEST_MINOR ((uint16_t)2)
/* From here on secrets of cancel keys may be longer than 4 bytes. */
#define LONG_KEYS_MINOR ((uint16_t)2)

enum startup_kind {
	STARTUP_SSL_REQUEST,
	STARTUP_GSSENC_REQUEST,
	STARTUP_CANCEL_REQUEST,
	STARTUP_MESSAGE
};

enum replication_mode {
	REPLICATION_NONE,
	REPLICATION_LOGICAL, /* replication=database */
	REPLICATION_PHYSICAL /* replication=true */
};

/* A zeroed struct is valid for startup_fini(). */
struct startup {
	enum startup_kind kind;

	/* of a CancelRequest */
	uint32_t cancel_process_id;
	uint8_t cancel_key[CANCEL_KEY_MAX_BYTES];
	size_t cancel_key_bytes; /* at least 4 */

	/* of a StartupMessage, refused ones too */
	uint16_t major;
	uint16_t minor;

	/* of an accepted StartupMessage, which is 3.minor */
	char *user;     /* owned; never empty */
	char *database; /* owned; the user's name when none was given */
	enum replication_mode replication;
	char *options; /* owned, as sent; NULL when not sent */
	/* What it sets: those inside options first, then the plain ones, which
	 * win. Without user, database, replication, options and _pq_.*. */
	struct params settings;
	/* The protocol options asked for, "_pq_." included; we know none. */
	struct params protocol_options;
	bool negotiate; /* answer with startup_put_negotiation() */
};

/*
 * Reads the length of the packet that begins AT, of whose bytes AVAILABLE have
 * arrived, and sets BODY_BYTES with FRAME_OK. The body, which follows 4 bytes
 * on, need not be there. FRAME_BAD is told as early as the first byte: what
 * speaks another protocol is not waited for.
 */
enum frame_result startup_frame(
    const uint8_t *at, size_t available, uint32_t *body_bytes);

/*
 * Reads a body of BODY_BYTES into OUT, which the caller ends with
 * startup_fini() in any case. Returns 0, or -1 and ERR, with the words and
 * SQLSTATE PostgreSQL has for it, to be sent by startup_put_refusal().
 */
int startup_parse(const uint8_t *body, size_t body_bytes, struct startup *out,
    struct error *err) __attribute__((warn_unused_result));

/* Appends NegotiateProtocolVersion as STARTUP needs it. */
void startup_put_negotiation(const struct startup *startup, struct buf *out);

/* Appends ERR as FATAL, in the form that the protocol STARTUP asks for has;
 * nothing for a CancelRequest, whose sender waits for no answer. */
void startup_put_refusal(
    const struct startup *startup, const struct error *err, struct buf *out);

/* Frees what STARTUP owns and zeroes it. */
void startup_fini(struct startup *startup);

#endif
