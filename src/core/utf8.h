/* utf8.h - text that others must be able to read. */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stddef.h>

struct buf;

/* Bytes of the well-formed character AT, of SIZE bytes at most; 0 if there is
 * none. Source: the Unicode Standard, "Well-Formed UTF-8 Byte Sequences". */
size_t utf8_length(const void *at, size_t size);

/* Appends SIZE bytes of TEXT, a '?' for each byte that belongs to no
 * well-formed character. For names that come from the network. */
void utf8_append(struct buf *out, const void *text, size_t size);

/* The longest beginning of TEXT, of SIZE bytes, that has MAX bytes at most and
 * does not cut a character; its length. */
size_t utf8_cut(const void *text, size_t size, size_t max);

#endif
