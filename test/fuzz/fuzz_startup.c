/*
 * fuzz_startup.c - the first packets of a client, with their length word.
 *
 * What is accepted can be written again and reads the same.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "proto/msg.h"
#include "proto/startup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Parses a copy of the exact size, for the sanitizer. */
static int
parse(const uint8_t *body, size_t size, struct startup *startup)
{
	struct error err = {0};
	uint8_t *copy = mem_dup(body, size);
	int ret = startup_parse(copy, size, startup, &err);

	free(copy);
	assert(ret == 0 || (err.text[0] != '\0' && strlen(err.sqlstate) == 5));
	return ret;
}

static void
check_negotiation(const struct startup *startup)
{
	struct buf out = {0};
	struct frame frame;

	startup_put_negotiation(startup, &out);
	assert(frame_parse(buf_bytes(&out), out.length, FRAME_MAX_BODY,
	           &frame) == FRAME_OK);
	assert(frame.type == MSG_NEGOTIATE_PROTOCOL_VERSION);
	assert(frame_bytes(&frame) == out.length);
	buf_fini(&out);
}

static void
check_settings(const struct params *a, const struct params *b)
{
	assert(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		assert(strcmp(a->items[i].name, b->items[i].name) == 0);
		assert(strcmp(a->items[i].value, b->items[i].value) == 0);
	}
}

/* A setting inside options may have a name that means something else, or is
 * not taken, as a plain parameter. */
static bool
is_plain(const struct params *settings)
{
	static const char *const words[] = {
	    "user", "database", "options", "replication"};

	for (size_t i = 0; i < settings->count; i++) {
		const char *name = settings->items[i].name;

		for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
			if (strcmp(name, words[k]) == 0) {
				return false;
			}
		}
		if (strncmp(name, "_pq_.", 5) == 0) {
			return false;
		}
	}
	return settings->count + 2 <= STARTUP_MAX_PARAMS;
}

static void
check_message(const struct startup *startup)
{
	struct msg_parameter parameters[STARTUP_MAX_PARAMS];
	struct startup again = {0};
	struct buf out = {0};
	size_t count = 0;

	assert(startup->user[0] != '\0' && startup->database[0] != '\0');
	assert(startup->protocol_options.count <= STARTUP_MAX_PARAMS);
	check_negotiation(startup);
	if (!is_plain(&startup->settings)) {
		return;
	}
	parameters[count++] = (struct msg_parameter){"user", startup->user};
	parameters[count++] =
	    (struct msg_parameter){"database", startup->database};
	for (size_t i = 0; i < startup->settings.count; i++) {
		parameters[count++] =
		    (struct msg_parameter){startup->settings.items[i].name,
		        startup->settings.items[i].value};
	}
	msg_startup(&out, parameters, count);
	if (out.length - STARTUP_HEADER_BYTES <= STARTUP_MAX_BODY) {
		assert(parse(buf_bytes(&out) + STARTUP_HEADER_BYTES,
		           out.length - STARTUP_HEADER_BYTES, &again) == 0);
		assert(strcmp(again.user, startup->user) == 0);
		assert(strcmp(again.database, startup->database) == 0);
		check_settings(&startup->settings, &again.settings);
	}
	startup_fini(&again);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct startup startup = {0};
	uint32_t body_bytes = 0;
	enum frame_result result = startup_frame(data, size, &body_bytes);

	for (size_t n = 0; n < 4 && n < size; n++) {
		uint32_t unused;

		/* What is bad at first sight stays bad. */
		assert(startup_frame(data, n, &unused) != FRAME_BAD ||
		    result == FRAME_BAD);
	}
	if (result != FRAME_OK || body_bytes > size - STARTUP_HEADER_BYTES) {
		return 0;
	}
	if (parse(data + STARTUP_HEADER_BYTES, body_bytes, &startup) == 0 &&
	    startup.kind == STARTUP_MESSAGE) {
		check_message(&startup);
	}
	startup_fini(&startup);
	return 0;
}
