/*
 * error_fields.h - what an ErrorResponse or NoticeResponse says.
 *
 * Source: PostgreSQL docs, "Error and Notice Message Fields".
 */
#ifndef PROTO_ERROR_FIELDS_H
#define PROTO_ERROR_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* Views into the body, valid as long as that; "" for what was not sent. */
struct error_fields {
	const char *severity; /* V; S (localised) where a server has no V */
	const char *sqlstate;
	const char *message;
	const char *detail;
	const char *hint;
	const char *context;     /* of a function, where it was raised in one */
	const char *inner_query; /* the text, if it is not the client's */
	const char *routine;     /* of the server's source; not localised */
};

/* Reads a body of BODY_BYTES into OUT; fields it does not know are passed over.
 * Returns 0, or -1 when the body is malformed; OUT is all "" then. */
int error_fields_parse(const void *body, size_t body_bytes,
    struct error_fields *out) __attribute__((warn_unused_result));

/* True when the server closes the connection after it. */
bool error_fields_is_fatal(const struct error_fields *fields);

/* Sets ERR to PostgreSQL's own words; text too long for it is cut. */
void error_fields_to_error(
    const struct error_fields *fields, struct error *err);

#endif
