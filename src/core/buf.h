/* buf.h - a growing run of bytes: append at the end, consume at the start. */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stddef.h>
#include <stdint.h>

/*
 *   data          data+start        data+start+length     data+capacity
 *   | consumed    | held bytes      | free                |
 *
 * A zeroed struct is a valid empty buffer that owns nothing. Read the bytes
 * with buf_bytes() and .length; change them only through the functions.
 */
struct buf {
	uint8_t *data; /* owned; NULL while capacity == 0 */
	size_t start;
	size_t length;
	size_t capacity;
};

/* Frees what BUF owns; it is then a valid empty buffer. */
void buf_fini(struct buf *buf);

/* Forgets the bytes, keeps the memory. */
void buf_clear(struct buf *buf);

/* Makes room for SIZE more bytes and returns where they go; see buf_added().
 * The bytes may move. */
uint8_t *buf_reserve(struct buf *buf, size_t size);

/* Counts SIZE bytes, written behind buf_reserve(), as held. */
void buf_added(struct buf *buf, size_t size);

void buf_append(struct buf *buf, const void *bytes, size_t size);
void buf_append_str(struct buf *buf, const char *text);
void buf_append_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Drops SIZE bytes, at most .length, from the start. */
void buf_consume(struct buf *buf, size_t size);

/* Drops all but the first LENGTH bytes, at most .length. */
void buf_truncate(struct buf *buf, size_t length);

/* Returns the held bytes as text: a NUL stands behind them, not counted.
 * Valid until BUF is changed. */
const char *buf_text(struct buf *buf);

static inline uint8_t *
buf_bytes(const struct buf *buf)
{
	return buf->data == NULL ? NULL : buf->data + buf->start;
}

#endif
