/*
 * console_format.c - the console's values in the formats a Bind asked for.
 *
 * Tables are made as text. Of their types text is the same in binary; whole
 * numbers are written anew. A bytea is always NULL here.
 *
 * Source: PostgreSQL docs, "Message Formats"; numeric as its send function
 * writes it: digits to the base of 10,000, the first with a weight.
 */
#include "client/console_format.h"

#include <assert.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/str.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "proto/reader.h"

enum {
	OID_INT8 = 20,
	OID_INT4 = 23,
	OID_NUMERIC = 1700
};

#define NUMERIC_BASE 10000
/* An int64 has no more digits to that base. */
#define NUMERIC_DIGITS_MAX 5

struct shape {
	uint32_t types[CONSOLE_COLUMNS_MAX];
	size_t count;
};

bool
console_formats_read(struct console_formats *formats, struct reader *reader)
{
	size_t count = reader_u16(reader);
	bool ok = count <= CONSOLE_COLUMNS_MAX;

	*formats = (struct console_formats){0};
	for (size_t i = 0; i < count && reader_ok(reader); i++) {
		uint16_t code = reader_u16(reader);

		ok = ok && code <= 1;
		if (i < CONSOLE_COLUMNS_MAX) {
			formats->is_binary[i] = code == 1;
		}
	}
	formats->count = ok ? count : 0;
	return ok;
}

static bool
is_binary(const struct console_formats *formats, size_t column)
{
	if (formats->count == 1) {
		return formats->is_binary[0];
	}
	return column < formats->count && formats->is_binary[column];
}

/* ---- values -------------------------------------------------------------- */

static void
put_int8(struct msg *msg, int64_t value)
{
	msg_put_i32(msg, 8);
	msg_put_u32(msg, (uint32_t)((uint64_t)value >> 32));
	msg_put_u32(msg, (uint32_t)value);
}

static void
put_numeric(struct msg *msg, int64_t value)
{
	int16_t digits[NUMERIC_DIGITS_MAX];
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	int16_t count = 0;

	for (; rest > 0; rest /= NUMERIC_BASE) {
		digits[count++] = (int16_t)(rest % NUMERIC_BASE);
	}
	msg_put_i32(msg, 8 + 2 * count);
	msg_put_i16(msg, count);
	msg_put_i16(msg, count == 0 ? 0 : (int16_t)(count - 1)); /* weight */
	msg_put_i16(msg, value < 0 ? 0x4000 : 0);
	msg_put_i16(msg, 0); /* digits behind the point */
	while (count > 0) {
		msg_put_i16(msg, digits[--count]);
	}
}

/* One value of TYPE; SIZE bytes of text. */
static void
put_binary(struct msg *msg, uint32_t type, const uint8_t *text, int32_t size)
{
	char copy[32] = "";
	int64_t value = 0;

	if (type == OID_INT4 || type == OID_INT8 || type == OID_NUMERIC) {
		for (int32_t i = 0; i < size && i < (int32_t)sizeof(copy) - 1;
		     i++) {
			copy[i] = (char)text[i];
		}
		(void)str_to_int64(copy, &value); /* it is ours */
	}
	switch (type) {
	case OID_INT4:
		msg_put_i32(msg, 4);
		msg_put_i32(msg,
		    value > INT32_MAX       ? INT32_MAX
		        : value < INT32_MIN ? INT32_MIN
		                            : (int32_t)value);
		return;
	case OID_INT8:
		put_int8(msg, value);
		return;
	case OID_NUMERIC:
		put_numeric(msg, value);
		return;
	default:
		msg_put_i32(msg, size);
		msg_put_bytes(msg, text, (size_t)size);
		return;
	}
}

/* ---- messages ------------------------------------------------------------ */

/* Copies a RowDescription, with the formats in it; notes the types. */
static void
put_description(const struct console_formats *formats, struct reader *reader,
    struct shape *shape, struct buf *out)
{
	struct msg msg;
	bool fits;

	msg_begin(&msg, out, MSG_ROW_DESCRIPTION);
	msg_put_count(&msg, shape->count);
	for (size_t i = 0; i < shape->count; i++) {
		msg_put_str(&msg, reader_cstr(reader));
		msg_put_u32(&msg, reader_u32(reader));
		msg_put_i16(&msg, reader_i16(reader));
		shape->types[i] = reader_u32(reader);
		msg_put_u32(&msg, shape->types[i]);
		msg_put_i16(&msg, reader_i16(reader));
		msg_put_i32(&msg, reader_i32(reader));
		(void)reader_i16(reader);
		msg_put_i16(&msg, is_binary(formats, i));
	}
	fits = msg_end(&msg);
	assert(fits);
}

static void
put_row(const struct console_formats *formats, struct reader *reader,
    const struct shape *shape, struct buf *out)
{
	size_t count = reader_u16(reader);
	struct msg msg;
	bool fits;

	assert(count == shape->count);
	msg_begin(&msg, out, MSG_DATA_ROW);
	msg_put_count(&msg, count);
	for (size_t i = 0; i < count; i++) {
		int32_t size = reader_i32(reader);
		const uint8_t *text =
		    size < 0 ? NULL : reader_bytes(reader, (size_t)size);

		if (text == NULL) {
			msg_put_i32(&msg, -1);
		} else if (is_binary(formats, i)) {
			put_binary(&msg, shape->types[i], text, size);
		} else {
			msg_put_i32(&msg, size);
			msg_put_bytes(&msg, text, (size_t)size);
		}
	}
	fits = msg_end(&msg);
	assert(fits);
}

/* Whether the first message of ANSWER, if it is a RowDescription, has as many
 * columns as there are formats. */
static bool
do_fit(const struct console_formats *formats, const uint8_t *bytes,
    const struct frame *frame)
{
	struct reader reader;
	size_t columns;

	if (frame->type != MSG_ROW_DESCRIPTION) {
		return true;
	}
	reader_init(&reader, bytes + FRAME_HEADER_BYTES, frame->body_bytes);
	columns = reader_u16(&reader);
	return columns <= CONSOLE_COLUMNS_MAX &&
	    (formats->count <= 1 || formats->count == columns);
}

static void
put_message(const struct console_formats *formats, const uint8_t *bytes,
    const struct frame *frame, struct shape *shape, struct buf *out)
{
	struct reader reader;

	reader_init(&reader, bytes + FRAME_HEADER_BYTES, frame->body_bytes);
	if (frame->type == MSG_ROW_DESCRIPTION) {
		shape->count = reader_u16(&reader);
		put_description(formats, &reader, shape, out);
	} else if (frame->type == MSG_DATA_ROW) {
		put_row(formats, &reader, shape, out);
	} else {
		buf_append(out, bytes, frame_bytes(frame));
	}
}

bool
console_formats_apply(const struct console_formats *formats,
    const struct buf *answer, struct buf *out)
{
	const uint8_t *bytes = buf_bytes(answer);
	struct shape shape = {0};
	struct frame frame;
	size_t at = 0;

	while (at < answer->length &&
	    frame_parse(bytes + at, answer->length - at, FRAME_MAX_BODY,
	        &frame) == FRAME_OK) {
		if (at == 0 && !do_fit(formats, bytes, &frame)) {
			return false;
		}
		put_message(formats, bytes + at, &frame, &shape, out);
		at += frame_bytes(&frame);
	}
	return true;
}
