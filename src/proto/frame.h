/*
 * frame.h - message headers as they lie in the byte stream: type and length.
 *
 * After the startup packet every message, in both directions, is one type
 * byte, a length that counts itself but not the type, and the body. The same
 * byte means different messages in the two directions.
 *
 * Source: PostgreSQL docs, "Frontend/Backend Protocol", "Message Formats".
 */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* From the client to us, and from us to a server. */
#define MSG_BIND 'B'
#define MSG_CLOSE 'C'
#define MSG_COPY_FAIL 'f'
#define MSG_DESCRIBE 'D'
#define MSG_EXECUTE 'E'
#define MSG_FLUSH 'H'
#define MSG_FUNCTION_CALL 'F'
#define MSG_PARSE 'P'
#define MSG_PASSWORD 'p' /* also SASLInitialResponse and SASLResponse */
#define MSG_QUERY 'Q'
#define MSG_SYNC 'S'
#define MSG_TERMINATE 'X'

/* In both directions. */
#define MSG_COPY_DATA 'd'
#define MSG_COPY_DONE 'c'

/* From a server to us, and from us to the client. */
#define MSG_AUTHENTICATION 'R'
#define MSG_BACKEND_KEY_DATA 'K'
#define MSG_BIND_COMPLETE '2'
#define MSG_CLOSE_COMPLETE '3'
#define MSG_COMMAND_COMPLETE 'C'
#define MSG_COPY_BOTH_RESPONSE 'W'
#define MSG_COPY_IN_RESPONSE 'G'
#define MSG_COPY_OUT_RESPONSE 'H'
#define MSG_DATA_ROW 'D'
#define MSG_EMPTY_QUERY_RESPONSE 'I'
#define MSG_ERROR_RESPONSE 'E'
#define MSG_FUNCTION_CALL_RESPONSE 'V'
#define MSG_NEGOTIATE_PROTOCOL_VERSION 'v'
#define MSG_NO_DATA 'n'
#define MSG_NOTICE_RESPONSE 'N'
#define MSG_NOTIFICATION_RESPONSE 'A'
#define MSG_PARAMETER_DESCRIPTION 't'
#define MSG_PARAMETER_STATUS 'S'
#define MSG_PARSE_COMPLETE '1'
#define MSG_PORTAL_SUSPENDED 's'
#define MSG_READY_FOR_QUERY 'Z'
#define MSG_ROW_DESCRIPTION 'T'

/* Type and length. */
#define FRAME_HEADER_BYTES ((size_t)5)

/* PostgreSQL takes no longer body than this from a client in messages flagged
 * FRAME_SMALL, and none longer than FRAME_MAX_BODY in any other. */
#define FRAME_SMALL_BODY ((uint32_t)10000 - 4)
#define FRAME_MAX_BODY ((uint32_t)0x3ffffffe - 4)

struct frame {
	uint8_t type;
	uint32_t body_bytes; /* behind the header */
};

enum frame_result {
	FRAME_OK,
	FRAME_PARTIAL, /* the header is not all there yet */
	FRAME_BAD      /* the length is impossible or above the limit */
};

/* The four bytes AT, which need no alignment, as a big-endian number. */
static inline uint32_t
frame_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return be32toh(value);
}

/*
 * Reads the header of the frame that begins AT, of whose bytes AVAILABLE have
 * arrived. The body need not be there. OUT is set only with FRAME_OK.
 */
static inline enum frame_result
frame_parse(
    const uint8_t *at, size_t available, uint32_t max_body, struct frame *out)
{
	uint32_t length;

	if (available < FRAME_HEADER_BYTES) {
		return FRAME_PARTIAL;
	}
	length = frame_u32(at + 1);
	if (length < 4 || length - 4 > max_body) {
		return FRAME_BAD;
	}
	out->type = at[0];
	out->body_bytes = length - 4;
	return FRAME_OK;
}

/* Header and body together. */
static inline size_t
frame_bytes(const struct frame *frame)
{
	return FRAME_HEADER_BYTES + frame->body_bytes;
}

/* What a message of a client is, after login; flags. */
enum client_frame {
	FRAME_KNOWN = 1,    /* a client may send it after login */
	FRAME_ANSWERED = 2, /* a server answers it, unless it skips to Sync */
	FRAME_EXTENDED = 4, /* opens or continues a batch that Sync ends */
	FRAME_COPY = 8,     /* part of COPY IN; never answered by itself */
	FRAME_SMALL = 16    /* body at most FRAME_SMALL_BODY */
};

/*
 * Returns the flags of a client's message of TYPE; 0 for one that may not be
 * sent after login (PasswordMessage too) or is unknown. Sync ends a batch and
 * is therefore not FRAME_EXTENDED.
 */
static inline unsigned
client_frame_kind(uint8_t type)
{
	switch (type) {
	case MSG_QUERY:
	case MSG_FUNCTION_CALL:
		return FRAME_KNOWN | FRAME_ANSWERED;
	case MSG_PARSE:
	case MSG_BIND:
		return FRAME_KNOWN | FRAME_ANSWERED | FRAME_EXTENDED;
	case MSG_DESCRIBE:
	case MSG_EXECUTE:
	case MSG_CLOSE:
		return FRAME_KNOWN | FRAME_ANSWERED | FRAME_EXTENDED |
		    FRAME_SMALL;
	case MSG_SYNC:
		return FRAME_KNOWN | FRAME_ANSWERED | FRAME_SMALL;
	case MSG_FLUSH:
		return FRAME_KNOWN | FRAME_EXTENDED | FRAME_SMALL;
	case MSG_COPY_DATA:
		return FRAME_KNOWN | FRAME_COPY;
	case MSG_COPY_DONE:
	case MSG_COPY_FAIL:
		return FRAME_KNOWN | FRAME_COPY | FRAME_SMALL;
	case MSG_TERMINATE:
		return FRAME_KNOWN | FRAME_SMALL;
	default:
		return 0;
	}
}

#endif
