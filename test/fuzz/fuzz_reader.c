/*
 * fuzz_reader.c - the reader under any order of gets, and error fields.
 *
 * The first byte says how many of the next choose the gets; the rest is the
 * body.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "proto/error_fields.h"
#include "proto/msg.h"
#include "proto/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
get(struct reader *reader, uint8_t choice)
{
	size_t length = choice >> 3;

	if ((choice & 7) == 4) {
		length = reader_u32(reader); /* lengths that lie */
	}
	switch (choice & 7) {
	case 0:
		(void)reader_u8(reader);
		break;
	case 1:
		(void)reader_i16(reader);
		break;
	case 2:
		(void)reader_u32(reader);
		break;
	case 3:
		(void)strlen(reader_cstr(reader));
		break;
	default:
		if (reader_bytes(reader, length) == NULL) {
			assert(!reader_ok(reader));
		}
		break;
	}
}

static void
check_reader(
    const uint8_t *choices, size_t count, const uint8_t *body, size_t size)
{
	struct reader reader;

	reader_init(&reader, body, size);
	for (size_t i = 0; i < count; i++) {
		size_t before = reader_left(&reader);
		bool failed = !reader_ok(&reader);

		get(&reader, choices[i]);
		assert(reader_left(&reader) <= before);
		assert(!failed || (!reader_ok(&reader) && before == 0));
	}
	assert(reader_finish(&reader) ==
	    (reader_ok(&reader) && reader_left(&reader) == 0));
}

static void
check_error_fields(const uint8_t *body, size_t size)
{
	struct error_fields fields, again;
	struct error err;
	struct buf out = {0};

	if (error_fields_parse(body, size, &fields) != 0) {
		return;
	}
	(void)error_fields_is_fatal(&fields);
	error_fields_to_error(&fields, &err);
	assert(strlen(err.sqlstate) == 5);
	msg_error_response(&out,
	    &(struct msg_report){
	        .severity = fields.severity,
	        .sqlstate = fields.sqlstate,
	        .message = fields.message,
	        .detail = fields.detail,
	        .hint = fields.hint,
	    });
	assert(error_fields_parse(
	           buf_bytes(&out) + 5, out.length - 5, &again) == 0);
	assert(strcmp(fields.severity, again.severity) == 0);
	assert(strcmp(fields.sqlstate, again.sqlstate) == 0);
	assert(strcmp(fields.message, again.message) == 0);
	assert(strcmp(fields.detail, again.detail) == 0);
	assert(strcmp(fields.hint, again.hint) == 0);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count, left;
	uint8_t *body;

	if (size == 0) {
		return 0;
	}
	count = data[0] < size ? data[0] : size - 1;
	left = size - 1 - count;
	body = mem_alloc(left > 0 ? left : 1); /* exact, for the sanitizer */
	memcpy(body, data + 1 + count, left);
	check_reader(data + 1, count, body, left);
	check_error_fields(body, left);
	free(body);
	return 0;
}
