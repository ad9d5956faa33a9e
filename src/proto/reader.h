/* reader.h - takes a message body apart without ever reading beyond it. */
#ifndef PROTO_READER_H
#define PROTO_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Each get checks bounds. The first that fails marks the reader as failed and
 * empties it; it and every later one return 0, "" or NULL. So a message is read
 * straight through and reader_finish() is asked once at the end, before any of
 * the values is used.
 */
struct reader {
	const uint8_t *at; /* borrowed: the body must outlive what was read */
	size_t left;
	bool failed;
};

void reader_init(struct reader *reader, const void *bytes, size_t length);

uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
int16_t reader_i16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
int32_t reader_i32(struct reader *reader);

/* Returns the text up to the next NUL, as a view into the body; fails when
 * there is none. Never NULL. */
const char *reader_cstr(struct reader *reader);

/* Returns the next LENGTH bytes as a view into the body; NULL only when they
 * are not all there. */
const uint8_t *reader_bytes(struct reader *reader, size_t length);

/* Bytes not read yet; 0 once failed. */
size_t reader_left(const struct reader *reader);

/* True when nothing failed so far. */
bool reader_ok(const struct reader *reader);

/* True when nothing failed and nothing is left over. */
bool reader_finish(const struct reader *reader)
    __attribute__((warn_unused_result));

#endif
