/*
 * reader.c - takes a message body apart without ever reading beyond it.
 *
 * Invariant: failed implies left == 0, so that a failed reader answers every
 * further get by the ordinary check of bounds.
 */
#include "proto/reader.h"

#include <string.h>

#include "proto/frame.h"

void
reader_init(struct reader *reader, const void *bytes, size_t length)
{
	reader->at = bytes;
	reader->left = length;
	reader->failed = false;
}

static void
reader_fail(struct reader *reader)
{
	reader->failed = true;
	reader->left = 0;
}

const uint8_t *
reader_bytes(struct reader *reader, size_t length)
{
	static const uint8_t nothing[1];
	const uint8_t *bytes = reader->at;

	if (length > reader->left || reader->failed) {
		reader_fail(reader);
		return NULL;
	}
	if (length == 0) {
		return bytes == NULL ? nothing : bytes;
	}
	reader->at += length;
	reader->left -= length;
	return bytes;
}

uint8_t
reader_u8(struct reader *reader)
{
	const uint8_t *bytes = reader_bytes(reader, 1);

	return bytes == NULL ? 0 : bytes[0];
}

uint16_t
reader_u16(struct reader *reader)
{
	const uint8_t *bytes = reader_bytes(reader, 2);

	return bytes == NULL ? 0 : (uint16_t)(bytes[0] << 8 | bytes[1]);
}

int16_t
reader_i16(struct reader *reader)
{
	return (int16_t)reader_u16(reader);
}

uint32_t
reader_u32(struct reader *reader)
{
	const uint8_t *bytes = reader_bytes(reader, 4);

	return bytes == NULL ? 0 : frame_u32(bytes);
}

int32_t
reader_i32(struct reader *reader)
{
	return (int32_t)reader_u32(reader);
}

const char *
reader_cstr(struct reader *reader)
{
	const uint8_t *text = reader->at;
	const uint8_t *end = NULL;

	if (reader->left > 0) {
		end = memchr(text, '\0', reader->left);
	}
	if (end == NULL) {
		reader_fail(reader);
		return "";
	}
	reader->left -= (size_t)(end + 1 - text);
	reader->at = end + 1;
	return (const char *)text;
}

size_t
reader_left(const struct reader *reader)
{
	return reader->left;
}

bool
reader_ok(const struct reader *reader)
{
	return !reader->failed;
}

bool
reader_finish(const struct reader *reader)
{
	return !reader->failed && reader->left == 0;
}
