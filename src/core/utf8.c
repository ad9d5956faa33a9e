/*
 * utf8.c - text that others must be able to read.
 */
#include "core/utf8.h"

#include <stdint.h>

#include "core/buf.h"

/* One row of the standard's table: what may follow a first byte. */
struct sequence {
	uint8_t first_from, first_to;
	uint8_t second_from, second_to;
	uint8_t length;
};

static const struct sequence sequences[] = {
    {0x00, 0x7f, 0x00, 0x00, 1},
    {0xc2, 0xdf, 0x80, 0xbf, 2},
    {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4},
    {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static const struct sequence *
find_sequence(uint8_t first)
{
	for (size_t i = 0; i < sizeof(sequences) / sizeof(*sequences); i++) {
		if (first >= sequences[i].first_from &&
		    first <= sequences[i].first_to) {
			return &sequences[i];
		}
	}
	return NULL;
}

size_t
utf8_length(const void *at, size_t size)
{
	const uint8_t *bytes = at;
	const struct sequence *row = size == 0 ? NULL : find_sequence(bytes[0]);

	if (row == NULL || size < row->length) {
		return 0;
	}
	if (row->length > 1 &&
	    (bytes[1] < row->second_from || bytes[1] > row->second_to)) {
		return 0;
	}
	for (size_t i = 2; i < row->length; i++) {
		if ((bytes[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return row->length;
}

void
utf8_append(struct buf *out, const void *text, size_t size)
{
	const uint8_t *bytes = text;
	size_t at = 0, good = 0;

	/* Runs of good bytes are appended whole. */
	while (at < size) {
		size_t n = utf8_length(bytes + at, size - at);

		if (n > 0) {
			at += n;
			continue;
		}
		buf_append(out, bytes + good, at - good);
		buf_append_char(out, '?');
		good = ++at;
	}
	buf_append(out, bytes + good, at - good);
}

size_t
utf8_cut(const void *text, size_t size, size_t max)
{
	const uint8_t *bytes = text;
	size_t at = max;

	if (size <= max) {
		return size;
	}
	while (at > 0 && max - at < 3 && (bytes[at] & 0xc0) == 0x80) {
		at--;
	}
	return at;
}
