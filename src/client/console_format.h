/*
 * console_format.h - the console's values in the formats a Bind asked for.
 *
 * Some drivers ask for numbers in binary and for nothing else.
 */
#ifndef CLIENT_CONSOLE_FORMAT_H
#define CLIENT_CONSOLE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct reader;

/* More columns than the widest table has. */
#define CONSOLE_COLUMNS_MAX ((size_t)64)

/* As in Bind: none is all text, one is for all columns. */
struct console_formats {
	bool is_binary[CONSOLE_COLUMNS_MAX];
	size_t count;
};

/* Reads the count and the codes that end a Bind. False: too many, or a code
 * that is none; the reader may have failed as well. */
bool console_formats_read(
    struct console_formats *formats, struct reader *reader);

/*
 * Appends to OUT the messages of ANSWER, which are the console's own, in
 * FORMATS: a RowDescription that says so, and the values of integers and
 * numerics in binary. False, and OUT unchanged, if the columns are not as many
 * as the formats.
 */
bool console_formats_apply(const struct console_formats *formats,
    const struct buf *answer, struct buf *out);

#endif
