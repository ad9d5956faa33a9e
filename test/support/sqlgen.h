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
    ['s' - 'a'] = {"select %t from %f %w", "select %t", "insert into %i (%i, %i)"
	" values %v", "update %i set %i = %e %w", "delete from %i %w",
	"with %i as (%s) %s", "values %v", "select %t from %f where %e in (%l)",
	"(%s) union all (%s)", "set %i to %c", "set local %i = %c, %c",
	"explain (analyze %c, costs off) select %t", "explain %s",
	"copy (select %e) to stdout with (format %k)", "copy %i from stdin",
	"select set_config(%k, %k, true)", "begin; %s; commit", "show %i",
	"select %e::regclass, %k::regclass, regclass %k",
	"create table %i (%i int default %e)", "prepare %i as %s",
	"declare c cursor with hold for %s", "select * from %i for update"},
    ['t' - 'a'] = {"%e", "%e, %e", "*", "%i.*", "%e as %i", "distinct %e",
	"distinct on (%e) %e"},
    ['f' - 'a'] = {"%i", "%i %i", "%i join %i using (%i)", "(%s) %i",
	"%n(%e) as %i(a, b)", "%i, lateral (%s) x"},
    ['w' - 'a'] = {"", "where %e", "where %e and %e", "order by %e limit %d",
	"group by %e having %e"},
    ['e' - 'a'] = {"%i", "%c", "%c", "%d", "%i.%i", "$1", "$23", "(%e)",
	"%e %o %e", "- %e", "not %e", "%n(%e)", "%n(%e, %e)", "%e::%y",
	"cast(%k as regclass)", "cast(%e as %y)", "%i in (%l)", "(%s)",
	"case when %e then %e else %e end", "array[%l]", "%e between %c and %c",
	"(%e).%i", "%i is null", "%e like %k"},
    ['c' - 'a'] = {"%k", "%d", "null", "true", "b'01'", "x'1F'", "%k"},
    ['k' - 'a'] = {"'a'", "''", "'it''s'", "E'a\\'b'", "e'\\\\'", "$$ a $$",
	"$t$ ' $$ $t$", "U&'d\\0061t'", "N'x'", "'a'\n  'b'", "'a' -- c\n'b'",
	"'a' /* c */", "'\\'", "'--'", "'/*'", "E'a'\n'b\\''", "'\xc3\xa9'",
	"'pg_temp.x'"},
    ['d' - 'a'] = {"1", "12", "0", "2147483647", "2147483648", "1.5", ".5",
	"1.", "1e5", "1.5E-7", "1e+10", "00000000000001", "99999999999999999999"},
    ['i' - 'a'] = {"a", "T", "foo_bar", "\"Q\"\"x\"", "U&\"d\\0061\"", "name",
	"x1", "a$b", "_z", "\xc3\xa9t\xc3\xa9", "e", "n", "u", "B", "x", "value"},
    ['n' - 'a'] = {"lower", "COUNT", "f", "s.f", "pg_catalog.lower", "now",
	"nextval", "pg_advisory_lock", "set_config", "\"lower\"", "random"},
    ['o' - 'a'] = {"+", "-", "*", "/", "%", "<", ">", "=", "<=", ">=", "<>",
	"!=", "||", "@>", "->>", "~~*", "and", "or", "<->", "- -", "@-", "?|",
	"is distinct from"},
    ['y' - 'a'] = {"int", "text", "numeric(10, 2)", "varchar(5)[]", "mood",
	"s.mood", "\"char\"", "regclass", "pg_catalog.regclass"},
    ['l' - 'a'] = {"%c", "%c, %c, %c", "%e, %c", "1, 2, 3, 4, 5",
	"'a', 'b', 'c'", "%s", "$1, $2, $3", "(1, 2), (3, 4)", "-1, - 2, +3"},
    ['v' - 'a'] = {"(%c, %c)", "(%c, %c), (%c, %c), (%c, %c)",
	"(%e, %c), (%e, default)", "(1, 'a'), (2, 'b'), (3, null)",
	"(now(), 1), (now(), 2)"},
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
		    rule[sqlgen_below(gen,
			depth > 6 ? (count < 3 ? count : 3) : count)],
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
static const char *const sqlgen_pieces[] = {"a", "E", "U&", "N", "B", "x", "'",
    "''", "\"", "$", "$$", "$a$", "$1", "1", "0", ".", "..", "1.", "e5", "e+",
    "-", "--", "+", "*", "/", "/*", "*/", "<", ">", "=", "=>", "<=", "!", "@",
    "~", "|", "?", "%", "^", "&", "#", "`", ":", "::", ":=", ";", ",", "(", ")",
    "[", "]", "\\", "\n", "\r", " ", "\t", "\f", "_", "\xc3\xa9", "\x80", "{",
    "select", "in", "values", "array", "set", "null", "regclass", "uescape",
    "set_config", "'a'", "f(", "pg_temp", "copy", "explain", "\v"};

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
	const char *piece = sqlgen_pieces[sqlgen_below(gen,
	    (uint32_t)(sizeof(sqlgen_pieces) / sizeof(sqlgen_pieces[0])))];
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
