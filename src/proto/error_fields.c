/*
 * error_fields.c - what an ErrorResponse or NoticeResponse says.
 *
 * The body is a list of one-byte codes, each with a text, ended by a zero code.
 */
#include "proto/error_fields.h"

#include <string.h>

#include "core/error.h"
#include "proto/reader.h"

static const struct error_fields nothing = {.severity = "",
    .sqlstate = "",
    .message = "",
    .detail = "",
    .hint = "",
    .context = "",
    .inner_query = "",
    .routine = ""};

int
error_fields_parse(
    const void *body, size_t body_bytes, struct error_fields *out)
{
	const char *localised = "";
	struct reader reader;
	uint8_t code;

	*out = nothing;
	reader_init(&reader, body, body_bytes);
	while ((code = reader_u8(&reader)) != 0) {
		const char *text = reader_cstr(&reader);

		switch (code) {
		case 'V':
			out->severity = text;
			break;
		case 'S':
			localised = text;
			break;
		case 'C':
			out->sqlstate = text;
			break;
		case 'M':
			out->message = text;
			break;
		case 'D':
			out->detail = text;
			break;
		case 'H':
			out->hint = text;
			break;
		case 'W':
			out->context = text;
			break;
		case 'q':
			out->inner_query = text;
			break;
		case 'R':
			out->routine = text;
			break;
		default: /* more may be added in future */
			break;
		}
	}
	if (!reader_finish(&reader)) {
		*out = nothing;
		return -1;
	}
	if (out->severity[0] == '\0') {
		out->severity = localised;
	}
	return 0;
}

bool
error_fields_is_fatal(const struct error_fields *fields)
{
	return strcmp(fields->severity, "FATAL") == 0 ||
	    strcmp(fields->severity, "PANIC") == 0;
}

void
error_fields_to_error(const struct error_fields *fields, struct error *err)
{
	bool has_state = strlen(fields->sqlstate) == 5;

	error_set(err, has_state ? fields->sqlstate : SQLSTATE_INTERNAL, "%s",
	    fields->message);
	if (fields->hint[0] != '\0') {
		error_hint(err, "%s", fields->hint);
	}
}
