/*
 * startup.c - the packets a client opens a connection with.
 *
 * Request codes take the place of a version number: 1234 where the major
 * version stands, so that they can never be one.
 */
#include "proto/startup.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"
#include "proto/msg.h"
#include "proto/options.h"
#include "proto/reader.h"

#define REQUEST_MAJOR 1234
#define REQUEST_CANCEL 5678
#define REQUEST_SSL 5679
#define REQUEST_GSSENC 5680
#define CANCEL_KEY_MIN_BYTES ((size_t)4)

enum frame_result
startup_frame(const uint8_t *at, size_t available, uint32_t *body_bytes)
{
	uint32_t length = 0;
	size_t known = available < 4 ? available : 4;

	for (size_t i = 0; i < known; i++) {
		length |= (uint32_t)at[i] << (24 - 8 * i);
	}
	if (length > STARTUP_MAX_BODY + STARTUP_HEADER_BYTES) {
		return FRAME_BAD;
	}
	if (known < 4) {
		return FRAME_PARTIAL;
	}
	if (length < STARTUP_HEADER_BYTES + 4) { /* a code or a version */
		return FRAME_BAD;
	}
	*body_bytes = length - (uint32_t)STARTUP_HEADER_BYTES;
	return FRAME_OK;
}

static int
parse_cancel(struct reader *reader, struct startup *out, struct error *err)
{
	const uint8_t *key;

	out->kind = STARTUP_CANCEL_REQUEST;
	out->cancel_process_id = reader_u32(reader);
	out->cancel_key_bytes = reader_left(reader);
	key = reader_bytes(reader, out->cancel_key_bytes);
	if (key == NULL || out->cancel_key_bytes < CANCEL_KEY_MIN_BYTES ||
	    out->cancel_key_bytes > CANCEL_KEY_MAX_BYTES) {
		out->cancel_key_bytes = 0;
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "invalid length of cancel request packet");
		return -1;
	}
	memcpy(out->cancel_key, key, out->cancel_key_bytes);
	return 0;
}

static int
parse_replication(const char *value, struct startup *out, struct error *err)
{
	/* PostgreSQL takes unique beginnings of these, too: "t", "of". */
	static const struct {
		const char *word;
		size_t least;
		enum replication_mode mode;
	} words[] = {
	    {"true", 1, REPLICATION_PHYSICAL},
	    {"yes", 1, REPLICATION_PHYSICAL},
	    {"on", 2, REPLICATION_PHYSICAL},
	    {"1", 1, REPLICATION_PHYSICAL},
	    {"false", 1, REPLICATION_NONE},
	    {"no", 1, REPLICATION_NONE},
	    {"off", 2, REPLICATION_NONE},
	    {"0", 1, REPLICATION_NONE},
	};
	size_t length = strlen(value);

	if (strcmp(value, "database") == 0) {
		out->replication = REPLICATION_LOGICAL;
		return 0;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (length >= words[i].least &&
		    strncasecmp(value, words[i].word, length) == 0) {
			out->replication = words[i].mode;
			return 0;
		}
	}
	error_set(err, SQLSTATE_INVALID_PARAMETER,
	    "invalid value for parameter \"replication\": \"%s\"", value);
	error_hint(
	    err, "Valid values are: \"false\", 0, \"true\", 1, \"database\".");
	return -1;
}

static void
replace(char **owned, const char *value)
{
	free(*owned);
	*owned = mem_strdup(value);
}

static int
take_parameter(
    const char *name, const char *value, struct startup *out, struct error *err)
{
	if (strcmp(name, "user") == 0) {
		replace(&out->user, value);
	} else if (strcmp(name, "database") == 0) {
		replace(&out->database, value);
	} else if (strcmp(name, "options") == 0) {
		replace(&out->options, value);
	} else if (strcmp(name, "replication") == 0) {
		return parse_replication(value, out, err);
	} else if (strncmp(name, "_pq_.", 5) == 0) {
		params_set(&out->protocol_options, name, value);
	} else {
		params_set(&out->settings, name, value);
	}
	return 0;
}

/* Reads names and values up to the empty name that ends them. */
static int
parse_parameters(struct reader *reader, struct startup *out, struct error *err)
{
	const char *name = reader_cstr(reader);

	for (size_t count = 0; name[0] != '\0'; count++) {
		const char *value = reader_cstr(reader);

		if (!reader_ok(reader)) {
			break;
		}
		if (count == STARTUP_MAX_PARAMS) {
			error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
			    "too many startup parameters");
			return -1;
		}
		if (take_parameter(name, value, out, err) != 0) {
			return -1;
		}
		name = reader_cstr(reader);
	}
	if (!reader_finish(reader)) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "invalid startup packet layout: expected terminator as "
		    "last byte");
		return -1;
	}
	return 0;
}

/* Puts what the options parameter sets in front of the plain settings. */
static int
merge_options(struct startup *out, struct error *err)
{
	struct params settings = {0};

	if (out->options == NULL) {
		return 0;
	}
	if (options_parse(out->options, STARTUP_MAX_PARAMS, &settings, err) !=
	    0) {
		params_fini(&settings);
		return -1;
	}
	for (size_t i = 0; i < out->settings.count; i++) {
		params_set(&settings, out->settings.items[i].name,
		    out->settings.items[i].value);
	}
	params_fini(&out->settings);
	out->settings = settings;
	return 0;
}

static int
parse_message(struct reader *reader, struct startup *out, struct error *err)
{
	if (parse_parameters(reader, out, err) != 0) {
		return -1;
	}
	if (out->user == NULL || out->user[0] == '\0') {
		error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
		    "no PostgreSQL user name specified in startup packet");
		return -1;
	}
	if (out->database == NULL || out->database[0] == '\0') {
		replace(&out->database, out->user);
	}
	out->negotiate = out->minor > PROTOCOL_NEWEST_MINOR ||
	    out->protocol_options.count > 0;
	return merge_options(out, err);
}

int
startup_parse(const uint8_t *body, size_t body_bytes, struct startup *out,
    struct error *err)
{
	struct reader reader;
	uint16_t major, minor;

	*out = (struct startup){0};
	reader_init(&reader, body, body_bytes);
	major = reader_u16(&reader);
	minor = reader_u16(&reader);
	out->kind = STARTUP_MESSAGE;
	out->major = major;
	out->minor = minor;
	if (!reader_ok(&reader) || body_bytes > STARTUP_MAX_BODY) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "invalid length of startup packet");
		return -1;
	}
	if (major == REQUEST_MAJOR && minor == REQUEST_CANCEL) {
		return parse_cancel(&reader, out, err);
	}
	if (major == REQUEST_MAJOR &&
	    (minor == REQUEST_SSL || minor == REQUEST_GSSENC)) {
		out->kind = minor == REQUEST_SSL ? STARTUP_SSL_REQUEST
		                                 : STARTUP_GSSENC_REQUEST;
		return 0; /* as PostgreSQL, without a look at what follows */
	}
	if (major != 3) {
		error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
		    "unsupported frontend protocol %u.%u: server supports 3.0 "
		    "to 3.%u",
		    major, minor, PROTOCOL_NEWEST_MINOR);
		return -1;
	}
	return parse_message(&reader, out, err);
}

void
startup_put_negotiation(const struct startup *startup, struct buf *out)
{
	const struct params *options = &startup->protocol_options;
	const char *names[STARTUP_MAX_PARAMS];

	for (size_t i = 0; i < options->count; i++) {
		names[i] = options->items[i].name;
	}
	/* Never more than was asked for: libpq takes that for nonsense. */
	msg_negotiate_protocol_version(out,
	    startup->minor < PROTOCOL_NEWEST_MINOR ? startup->minor
	                                           : PROTOCOL_NEWEST_MINOR,
	    names, options->count);
}

void
startup_put_refusal(
    const struct startup *startup, const struct error *err, struct buf *out)
{
	if (startup->kind == STARTUP_CANCEL_REQUEST) {
		return;
	}
	if (startup->kind == STARTUP_MESSAGE && startup->major < 3) {
		msg_error_2_0(out, "FATAL", err->text);
	} else {
		msg_error_from(out, "FATAL", err);
	}
}

void
startup_fini(struct startup *startup)
{
	free(startup->user);
	free(startup->database);
	free(startup->options);
	params_fini(&startup->settings);
	params_fini(&startup->protocol_options);
	*startup = (struct startup){0};
}
