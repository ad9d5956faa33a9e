/*
 * buf.c - a growing run of bytes: append at the end, consume at the start.
 *
 * Grows by doubling; who needs a bound checks .length first. Space freed at
 * the start is used again before the memory grows.
 */
#include "core/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

#define MIN_CAPACITY 64

void
buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){0};
}

void
buf_clear(struct buf *buf)
{
	buf->start = 0;
	buf->length = 0;
}

uint8_t *
buf_reserve(struct buf *buf, size_t size)
{
	size_t wanted = buf->length + size;
	size_t capacity = buf->capacity;

	assert(wanted >= size);
	if (buf->data != NULL && buf->start + wanted <= buf->capacity) {
		return buf->data + buf->start + buf->length;
	}
	if (buf->start > 0) {
		assert(buf->data != NULL);
		memmove(buf->data, buf->data + buf->start, buf->length);
		buf->start = 0;
	}
	if (buf->data == NULL || wanted > capacity) {
		capacity = capacity < MIN_CAPACITY ? MIN_CAPACITY : capacity;
		while (capacity < wanted) {
			capacity *= 2;
		}
		buf->data = mem_realloc(buf->data, capacity);
		buf->capacity = capacity;
	}
	return buf->data + buf->length;
}

void
buf_added(struct buf *buf, size_t size)
{
	buf->length += size;
	assert(buf->start + buf->length <= buf->capacity);
}

void
buf_append(struct buf *buf, const void *bytes, size_t size)
{
	if (size == 0) {
		return;
	}
	memcpy(buf_reserve(buf, size), bytes, size);
	buf_added(buf, size);
}

void
buf_append_str(struct buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}

void
buf_append_char(struct buf *buf, char c)
{
	buf_append(buf, &c, 1);
}

void
buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args, again;
	int needed;

	va_start(args, format);
	va_copy(again, args);
	needed = vsnprintf(NULL, 0, format, args);
	va_end(args);
	assert(needed >= 0);
	(void)vsnprintf((char *)buf_reserve(buf, (size_t)needed + 1),
	    (size_t)needed + 1, format, again);
	va_end(again);
	buf_added(buf, (size_t)needed);
}

void
buf_consume(struct buf *buf, size_t size)
{
	assert(size <= buf->length);
	buf->start += size;
	buf->length -= size;
	if (buf->length == 0) {
		buf->start = 0;
	}
}

void
buf_truncate(struct buf *buf, size_t length)
{
	assert(length <= buf->length);
	buf->length = length;
}

const char *
buf_text(struct buf *buf)
{
	*buf_reserve(buf, 1) = '\0';
	return (const char *)buf_bytes(buf);
}
