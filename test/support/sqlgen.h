/* sqlgen.h - SQL texts made by chance, for comparing two readers of them. */
#ifndef SUPPORT_SQLGEN_H
#define SUPPORT_SQLGEN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/buf.h"

/* The same SEED gives the same texts (xorshift). */
struct sqlgen {
	uint64_t seed;
};

static inline uint32_t
sqlgen_below(struct sqlgen *gen, uint32_t limit)
{
	gen->seed ^= gen->seed << 13;
	gen->seed ^= gen->seed >> 7;
	gen->seed ^= gen->seed << 17;
	return (uint32_t)(gen->seed >> 33) % limit;
}

/*
 * A small grammar: '%' and a letter stand for one of the alternatives of that
 * letter's rule; everything else is text.
 */
static const char *const sqlgen_rules[26][24] = {
#include "support/sqlgen_rules.def"
};

static inline void
sqlgen_expand(struct sqlgen *gen, struct buf *out, const char *text, int depth)
{
	for (; *text != '\0'; text++) {
		const char *const *rule;
		uint32_t count = 0;

		if (*text != '%' || text[1] < 'a' || text[1] > 'z') {
			buf_append(out, text, 1);
			continue;
		}
		rule = sqlgen_rules[*++text - 'a'];
		while (count < 24 && rule[count] != NULL) {
			count++;
		}
		/* The first alternatives do not grow. */
		sqlgen_expand(gen, out,
		    rule[sqlgen_below(
		        gen, depth > 6 ? (count < 3 ? count : 3) : count)],
		    depth + (depth > 6 ? 0 : 1));
	}
}

/* Replaces what OUT holds by a statement. */
static inline void
sqlgen_statement(struct sqlgen *gen, struct buf *out)
{
	buf_clear(out);
	sqlgen_expand(gen, out, "%s", 0);
}

/* Pieces that meet in ways no grammar would put them. */
static const char *const sqlgen_pieces[] = {
#include "support/sqlgen_pieces.def"
};

static inline void
sqlgen_soup(struct sqlgen *gen, struct buf *out)
{
	const uint32_t count = 1 + sqlgen_below(gen, 14);

	buf_clear(out);
	for (uint32_t i = 0; i < count; i++) {
		buf_append_str(out,
		    sqlgen_pieces[sqlgen_below(gen,
		        (uint32_t)(sizeof(sqlgen_pieces) /
		            sizeof(sqlgen_pieces[0])))]);
		if (sqlgen_below(gen, 4) == 0) {
			buf_append_str(out, " ");
		}
	}
}

/* Cuts, doubles or overwrites a piece of what OUT holds. */
static inline void
sqlgen_mutate(struct sqlgen *gen, struct buf *out)
{
	const char *piece = sqlgen_pieces[sqlgen_below(
	    gen, (uint32_t)(sizeof(sqlgen_pieces) / sizeof(sqlgen_pieces[0])))];
	struct buf copy = {0};
	const uint32_t at = sqlgen_below(gen, (uint32_t)out->length + 1);
	const uint32_t cut =
	    sqlgen_below(gen, 6) % ((uint32_t)out->length - at + 1);

	buf_append(&copy, buf_bytes(out), at);
	buf_append_str(&copy, piece);
	buf_append(&copy, buf_bytes(out) + at + cut, out->length - at - cut);
	buf_clear(out);
	buf_append(out, buf_bytes(&copy), copy.length);
	buf_fini(&copy);
}

#endif
