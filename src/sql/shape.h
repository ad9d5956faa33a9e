/* shape.h - the shape of a SQL text: what is left when values are taken out. */
#ifndef SQL_SHAPE_H
#define SQL_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash.h"

struct buf;

enum shape_flag {
	/* A quote or comment does not end: the server refuses the text. */
	SHAPE_UNTERMINATED = 1 << 0,
	/* A byte or number that PostgreSQL 15's scanner refuses; a newer one
	 * may accept it (0x1F, 1_000), so nothing can be said about the text.
	 */
	SHAPE_JUNK = 1 << 1,
	SHAPE_HAS_NUL = 1 << 2,
	SHAPE_HAS_HIGH_BIT = 1 << 3
};

struct shape {
	struct hash128 hash;  /* of the shape's text and STD_STRINGS, keyed */
	uint32_t token_count; /* in the shape's text, semicolons included */
	uint32_t depth;       /* deepest nesting of ( and [ */
	uint32_t statements;  /* separated by top-level semicolons; empty ones
	                         are not counted */
	uint32_t flags;       /* of enum shape_flag */
};

/*
 * Scans TEXT of LENGTH bytes once, by PostgreSQL's lexical rules, and fills
 * SHAPE. OUT is cleared and receives the shape's text, itself SQL with the same
 * verdict as TEXT under standard_conforming_strings = on:
 *
 * - strings become '', B'' and X'' stay b'' and x'', integers become 1, other
 *   numbers 1.0, parameters $1; comments go; tokens are separated in one way;
 *   unquoted words are lower-cased (ASCII only);
 * - constant elements of IN, ARRAY and VALUES lists are reduced to one, and so
 *   are VALUES rows that look alike;
 * - kept as they are: what is inside the brackets of set_config() and
 *   current_setting(), values of SET, options of EXPLAIN and COPY, strings cast
 * to regclass and its kin, the string behind UESCAPE.
 *
 * STD_STRINGS is the session's standard_conforming_strings. Time is linear;
 * OUT grows to at most 2 * LENGTH + 64 bytes and allocates nothing once it has
 * been that large.
 * Source: PostgreSQL docs, "Lexical Structure", and its scanner.
 */
void shape_scan(struct shape *shape, struct buf *out, const char *text,
    size_t length, bool std_strings);

#endif
