/*
 * shape.c - the shape of a SQL text: what is left when values are taken out.
 *
 * One pass over the tokens writes the shape. What depends on the tokens before
 * the present one is answered by their names, eight of them packed into one
 * word, so nothing is looked up twice and nothing looks ahead: a string that
 * turns out to be a regclass, or a list element that turns out to say nothing
 * new, is corrected at the end of the output.
 *
 * Invariant: at most two bytes of output per byte of input, so the room
 * reserved at the start suffices and no write is checked.
 */
#include "sql/shape.h"

#include <assert.h>
#include <string.h>

#include "core/buf.h"
#include "sql/shape_int.h"

#define WORD(text) text, sizeof(text) - 1

static const struct {
	const char *word;
	size_t length;
	enum token_name name;
} word_names[] = {
    {WORD("array"), NAME_ARRAY},
    {WORD("as"), NAME_AS},
    {WORD("copy"), NAME_COPY},
    {WORD("current_setting"), NAME_CONFIG},
    {WORD("default"), NAME_LITERAL},
    {WORD("explain"), NAME_EXPLAIN},
    {WORD("false"), NAME_LITERAL},
    {WORD("in"), NAME_IN},
    {WORD("null"), NAME_LITERAL},
    {WORD("pg_catalog"), NAME_PG_CATALOG},
    {WORD("regclass"), NAME_REG},
    {WORD("regcollation"), NAME_REG},
    {WORD("regconfig"), NAME_REG},
    {WORD("regdictionary"), NAME_REG},
    {WORD("regnamespace"), NAME_REG},
    {WORD("regoper"), NAME_REG},
    {WORD("regoperator"), NAME_REG},
    {WORD("regproc"), NAME_REG},
    {WORD("regprocedure"), NAME_REG},
    {WORD("regrole"), NAME_REG},
    {WORD("regtype"), NAME_REG},
    {WORD("select"), NAME_SELECT},
    {WORD("set"), NAME_SET},
    {WORD("set_config"), NAME_CONFIG},
    {WORD("table"), NAME_SELECT},
    {WORD("true"), NAME_LITERAL},
    {WORD("uescape"), NAME_UESCAPE},
    {WORD("values"), NAME_VALUES},
    {WORD("with"), NAME_SELECT},
};

#define LENGTH(n) (1U << (n))

/* By first letter: the lengths that occur above, which tell most words apart,
 * and where to begin to look. */
static const struct {
	uint16_t lengths;
	uint8_t first;
} words_by_letter[26] = {
    ['a' - 'a'] = {LENGTH(2) | LENGTH(5), 0},
    ['c' - 'a'] = {LENGTH(4) | LENGTH(15), 2},
    ['d' - 'a'] = {LENGTH(7), 4},
    ['e' - 'a'] = {LENGTH(7), 5},
    ['f' - 'a'] = {LENGTH(5), 6},
    ['i' - 'a'] = {LENGTH(2), 7},
    ['n' - 'a'] = {LENGTH(4), 8},
    ['p' - 'a'] = {LENGTH(10), 9},
    ['r' - 'a'] = {LENGTH(7) | LENGTH(8) | LENGTH(9) | LENGTH(11) | LENGTH(12) |
            LENGTH(13),
        10},
    ['s' - 'a'] = {LENGTH(3) | LENGTH(6) | LENGTH(10), 21},
    ['t' - 'a'] = {LENGTH(4) | LENGTH(5), 24},
    ['u' - 'a'] = {LENGTH(7), 26},
    ['v' - 'a'] = {LENGTH(6), 27},
    ['w' - 'a'] = {LENGTH(4), 28},
};

/* WORD is in lower case. */
static enum token_name
name_of_word(const char *word, size_t length)
{
	const size_t count = sizeof(word_names) / sizeof(word_names[0]);
	const size_t letter = (size_t)((uint8_t)*word - 'a');

	if (length > 15 || letter >= 26 ||
	    !(words_by_letter[letter].lengths >> length & 1)) {
		return NAME_WORD;
	}
	for (size_t i = words_by_letter[letter].first;
	     i < count && *word_names[i].word == *word; i++) {
		const char *known = word_names[i].word;

		if (word_names[i].length == length &&
		    memcmp(known, word, length) == 0) {
			return word_names[i].name;
		}
	}
	return NAME_WORD;
}

/* A quoted word is as good as the bare one where a function, schema or type is
 * meant, never where a key word is. */
static enum token_name
name_of_quoted(const struct token *token)
{
	enum token_name name = NAME_WORD;

	if (token->class == TOKEN_UNICODE_WORD) {
		return NAME_UNICODE;
	}
	if (token->length > 2) {
		name = name_of_word(token->start + 1, token->length - 2);
	}
	return name == NAME_PG_CATALOG || name == NAME_REG ||
	        name == NAME_CONFIG
	    ? name
	    : NAME_WORD;
}

/* The name of TOKEN; bare words are only known to be words. */
static enum token_name
name_of_token(const struct token *token)
{
	switch (token->class) {
	case TOKEN_WORD:
		return NAME_WORD;
	case TOKEN_QUOTED_WORD:
	case TOKEN_UNICODE_WORD:
		return name_of_quoted(token);
	case TOKEN_STRING:
	case TOKEN_ESCAPE_STRING:
	case TOKEN_UNICODE_STRING:
	case TOKEN_DOLLAR_STRING:
		return NAME_STRING;
	case TOKEN_BITS:
	case TOKEN_HEX:
	case TOKEN_INTEGER:
	case TOKEN_NUMBER:
	case TOKEN_PARAM:
		return NAME_CONSTANT;
	case TOKEN_NATIONAL:
		return NAME_NATIONAL;
	case TOKEN_OPERATOR:
	case TOKEN_SYMBOL:
		if (token->length == 1) {
			return (enum token_name)token->start[0];
		}
		return token->start[0] == ':' && token->start[1] == ':'
		    ? NAME_CAST
		    : NAME_OTHER;
	case TOKEN_JUNK:
	case TOKEN_END:
		return NAME_OTHER;
	}
	assert(!"unreachable");
	return NAME_OTHER;
}

/* ---- output -------------------------------------------------------------- */

/* What a token is to the blank in front of it, and what to the one behind. */
enum blank_rule {
	BEFORE_NEVER = 1 << 0,     /* ) ] , ; */
	BEFORE_NOT_NAME = 1 << 1,  /* [ .: none behind a name */
	BEFORE_NOT_VALUE = 1 << 2, /* ::, nor behind a value */
	BEHIND_NAME = 1 << 3,      /* a word, or what ends like one */
	BEHIND_VALUE = 1 << 4,     /* a string or another constant */
	BEHIND_NEVER = 1 << 5,     /* ( [ and the beginning */
	BEHIND_NOT_WORD = 1 << 6,  /* ::, no word */
	BEHIND_POINT = 1 << 7      /* nor * */
};

/* clang-format off */
static const uint8_t blank_rules[NAME_SELECT + 1] = {
	[NAME_NONE] = BEHIND_NEVER,
	['('] = BEHIND_NEVER,
	['['] = BEHIND_NEVER | BEFORE_NOT_NAME,
	[')'] = BEFORE_NEVER | BEHIND_NAME,
	[']'] = BEFORE_NEVER | BEHIND_NAME,
	[','] = BEFORE_NEVER,
	[';'] = BEFORE_NEVER,
	['.'] = BEFORE_NOT_NAME | BEHIND_POINT,
	[NAME_CAST] = BEFORE_NOT_NAME | BEFORE_NOT_VALUE | BEHIND_NOT_WORD,
	[NAME_STRING] = BEHIND_VALUE,
	[NAME_CONSTANT] = BEHIND_VALUE,
	[NAME_NATIONAL] = BEHIND_NEVER,
	[NAME_WORD ... NAME_SELECT] = BEHIND_NAME,
};
/* clang-format on */

/* Whether a blank goes between the token before and one called NAME. Leaving
 * it out must never make one token of two. */
static bool
needs_blank(const struct scanner *s, enum token_name name)
{
	const unsigned rule = blank_rules[name];
	const unsigned before = blank_rules[name_before(s, 0)];

	if ((rule & BEFORE_NEVER) != 0 || (before & BEHIND_NEVER) != 0 ||
	    ((rule & BEFORE_NOT_NAME) != 0 && (before & BEHIND_NAME) != 0) ||
	    ((rule & BEFORE_NOT_VALUE) != 0 && (before & BEHIND_VALUE) != 0)) {
		return false;
	}
	if ((before & (BEHIND_NOT_WORD | BEHIND_POINT)) != 0) {
		return name < NAME_WORD &&
		    !((before & BEHIND_POINT) != 0 && name == '*');
	}
	return true;
}

static void
put(struct scanner *s, const char *bytes, size_t length)
{
	memcpy(s->out, bytes, length);
	s->out += length;
}

static void
put_lower(struct scanner *s, const struct token *token)
{
	char *out = s->out;

	for (size_t i = 0; i < token->length; i++) {
		out[i] = char_lower(token->start[i]);
	}
	s->out += token->length;
}

/* Writes TOKEN as standard_conforming_strings = on understands it and returns
 * its length. With an N before it, escapes cannot be written so. */
static size_t
write_string(
    struct scanner *s, char *out, const struct token *token, bool is_national)
{
	size_t length = 0;

	if (token->class == TOKEN_ESCAPE_STRING && token->start[0] == '\'') {
		if (is_national) {
			s->flags |= SHAPE_JUNK;
		}
		out[length++] = 'e';
	}
	memcpy(out + length, token->start, token->length);
	return length + token->length;
}

/* ---- what is kept -------------------------------------------------------- */

static bool
is_kept(const struct scanner *s)
{
	return s->keep_depth > 0 || s->keep == KEEP_ALL ||
	    (s->keep == KEEP_COPY && s->query_depth == 0);
}

/* A string may also be kept for the word before it. */
static bool
is_string_kept(const struct scanner *s)
{
	const enum token_name before = name_before(s, 0);

	return before == NAME_UESCAPE || before == NAME_REG ||
	    before == NAME_UNICODE || is_kept(s);
}

/* The first token of a statement decides what is kept in it. */
static void
begin_statement(struct scanner *s, enum token_name first)
{
	s->statements++;
	s->keep = first == NAME_SET ? KEEP_ALL
	    : first == NAME_EXPLAIN ? KEEP_OPTIONS
	    : first == NAME_COPY    ? KEEP_COPY
	                            : KEEP_NOTHING;
}

/* An opening bracket was counted: is what it holds kept for what is before? */
static void
keep_bracket(struct scanner *s)
{
	const enum token_name before = name_before(s, 0);

	if (s->keep_depth > 0) {
		return;
	}
	if (before == NAME_CONFIG || before == NAME_UNICODE ||
	    (s->keep == KEEP_OPTIONS && s->position == 1)) {
		s->keep_depth = s->depth;
	} else if (s->keep == KEEP_COPY && s->position == 1) {
		s->query_depth = s->depth;
	}
}

/* EXPLAIN (SELECT ...) has no options after all. */
static void
unkeep_query(struct scanner *s, enum token_name name)
{
	if (s->keep == KEEP_OPTIONS && s->position == 2 && s->keep_depth == 1 &&
	    (name == NAME_SELECT || name == NAME_VALUES || name == '(')) {
		s->keep_depth = 0;
	}
}

/*
 * The word just written names a type whose values carry meaning (or may). If it
 * casts the string before it, 'x'::regclass or CAST('x' AS regclass), that
 * string is put back in place of its mask.
 */
static void
restore_cast(struct scanner *s)
{
	const unsigned skip = name_before(s, 0) == '.' ? 2 : 0;
	const enum token_name link = name_before(s, skip);
	char *rest;
	size_t length;

	if (s->string.start == NULL || (link != NAME_CAST && link != NAME_AS) ||
	    name_before(s, skip + 1) != NAME_STRING) {
		return;
	}
	length = s->string.length +
	    (s->string.class == TOKEN_ESCAPE_STRING &&
	        s->string.start[0] == '\'');
	rest = s->string_out + 2; /* behind '' */
	memmove(s->string_out + length, rest, (size_t)(s->out - rest));
	s->out += length - 2;
	(void)write_string(s, s->string_out, &s->string,
	    name_before(s, skip + 2) == NAME_NATIONAL);
	s->string.start = NULL;
}

/* ---- tokens -------------------------------------------------------------- */

static void
take_string(struct scanner *s, const struct token *token)
{
	s->string.start = NULL;
	if (is_string_kept(s)) {
		s->out += write_string(
		    s, s->out, token, name_before(s, 0) == NAME_NATIONAL);
	} else if (token->class == TOKEN_UNICODE_STRING) {
		put(s, "u&''", 4);
	} else {
		s->string = *token;
		s->string_out = s->out;
		put(s, "''", 2);
	}
}

static void
take_constant(struct scanner *s, const struct token *token, const char *mask)
{
	if (is_kept(s)) {
		put(s, token->start, token->length);
	} else {
		put(s, mask, strlen(mask));
	}
}

/* Writes TOKEN and returns its name, by now also that of a bare word. */
static enum token_name
write_token(struct scanner *s, const struct token *token, enum token_name name)
{
	char *start = s->out;

	switch (token->class) {
	case TOKEN_WORD:
		put_lower(s, token);
		return name_of_word(start, token->length);
	case TOKEN_STRING:
	case TOKEN_ESCAPE_STRING:
	case TOKEN_UNICODE_STRING:
	case TOKEN_DOLLAR_STRING:
		take_string(s, token);
		return name;
	case TOKEN_BITS:
		take_constant(s, token, "b''");
		return name;
	case TOKEN_HEX:
		take_constant(s, token, "x''");
		return name;
	case TOKEN_INTEGER:
		take_constant(s, token, "1");
		return name;
	case TOKEN_NUMBER:
		take_constant(s, token, "1.0");
		return name;
	case TOKEN_PARAM:
		take_constant(s, token, "$1");
		return name;
	case TOKEN_NATIONAL:
		put_lower(s, token);
		return name;
	case TOKEN_JUNK:
		s->flags |= SHAPE_JUNK;
		break;
	case TOKEN_QUOTED_WORD:
	case TOKEN_UNICODE_WORD:
	case TOKEN_OPERATOR:
	case TOKEN_SYMBOL:
	case TOKEN_END:
		break;
	}
	put(s, token->start, token->length);
	return name;
}

static void
take_open(struct scanner *s, enum token_name name, char *start)
{
	const enum list_kind kind =
	    is_kept(s) ? LIST_NONE : lists_opened_by(s, name);

	lists_after(s, name, start);
	if (++s->depth > s->max_depth) {
		s->max_depth = s->depth;
	}
	keep_bracket(s);
	if (kind != LIST_NONE) {
		lists_open(s, kind, start);
	}
}

static void
take_close(struct scanner *s, enum token_name name, char *start)
{
	if (s->depth > 0) {
		if (s->depth == s->keep_depth) {
			s->keep_depth = 0;
		}
		if (s->depth == s->query_depth) {
			s->query_depth = 0;
		}
		s->depth--;
	}
	lists_after(s, name, start);
}

static void
end_statement(struct scanner *s)
{
	s->keep = KEEP_NOTHING;
	s->position = UINT32_MAX; /* incremented to 0 for the next token */
}

/* Where in its statement the token stands decides what is kept of that. */
static void
note_position(struct scanner *s, enum token_name name)
{
	if (s->position == 0) {
		begin_statement(s, name);
	} else if (s->position == 2) {
		unkeep_query(s, name);
	}
}

/* A token called NAME has been dealt with. */
static void
count_token(struct scanner *s, enum token_name name)
{
	s->history = s->history << 8 | (uint64_t)name;
	s->token_count++;
	s->position++;
}

static void
take_token(struct scanner *s, const struct token *token)
{
	enum token_name name = name_of_token(token);
	char *start;

	if (s->list_count > 0) {
		lists_before(s, name);
	}
	if (needs_blank(s, name)) {
		*s->out++ = ' ';
	}
	start = s->out;
	name = write_token(s, token, name);
	if (name == NAME_REG || name == NAME_UNICODE) {
		restore_cast(s);
	}
	if (name == ';' && s->depth == 0) {
		end_statement(s);
	} else {
		note_position(s, name);
	}
	if (name == '(' || name == '[') {
		take_open(s, name, start);
	} else if (name == ')' || name == ']') {
		take_close(s, name, start);
	} else if (s->list_count > 0) {
		lists_after(s, name, start);
	}
	count_token(s, name);
	if (name == ')') {
		lists_end_row(s);
	}
}

/*
 * Takes the next token if it is plainly a bare word, as most are: found, put
 * into lower case and written in one go. False: it may be anything.
 */
static bool
take_bare_word(struct scanner *s)
{
	const char *p = s->lexer.next, *const end = s->lexer.end;
	enum token_name name;
	char *start, *out;

	while (p < end && *p == ' ') {
		p++;
	}
	if (p == end || !char_is(*p, CHAR_WORD_START) ||
	    (end - p > 1 && (p[1] == '\'' || p[1] == '&'))) {
		return false; /* or a prefix of something */
	}
	if (s->list_count > 0) {
		lists_before(s, NAME_WORD);
	}
	if (needs_blank(s, NAME_WORD)) {
		*s->out++ = ' ';
	}
	start = out = s->out;
	while (p < end && (*out = (char)lexer_word_lower[(uint8_t)*p]) != 0) {
		out++;
		p++;
	}
	s->lexer.next = p;
	s->out = out;
	name = name_of_word(start, (size_t)(out - start));
	if (name == NAME_REG) {
		restore_cast(s);
	}
	note_position(s, name);
	if (s->list_count > 0) {
		lists_after(s, name, start);
	}
	count_token(s, name);
	return true;
}

/* Bytes that the flags tell of, found eight at a time. */
static uint32_t
byte_flags(const char *text, size_t length)
{
	uint64_t all = 0, word;
	size_t i = 0;

	for (; i + 8 <= length; i += 8) {
		memcpy(&word, text + i, 8);
		all |= word;
	}
	for (; i < length; i++) {
		all |= (uint8_t)text[i];
	}
	return ((all & 0x8080808080808080) != 0 ? SHAPE_HAS_HIGH_BIT : 0) |
	    (length > 0 && memchr(text, '\0', length) != NULL ? SHAPE_HAS_NUL
	                                                      : 0);
}

void
shape_scan(struct shape *shape, struct buf *out, const char *text,
    size_t length, bool std_strings)
{
	struct scanner s;
	struct token token;
	char *start;

	buf_clear(out);
	start = (char *)buf_reserve(out, 2 * length + 64);
	memset(&s, 0, offsetof(struct scanner, lists));
	lexer_init(&s.lexer, length > 0 ? text : "", length, std_strings);
	s.out = start;
	for (;;) {
		while (take_bare_word(&s)) {
		}
		lexer_next(&s.lexer, &token);
		if (token.class == TOKEN_END) {
			break;
		}
		take_token(&s, &token);
	}
	*s.out = std_strings ? '\1' : '\0'; /* part of the key, not the text */
	shape->hash = hash_bytes128(start, (size_t)(s.out - start) + 1);
	*s.out = '\0';
	buf_added(out, (size_t)(s.out - start));
	shape->token_count = s.token_count;
	shape->depth = s.max_depth;
	shape->statements = s.statements;
	shape->flags = s.flags | byte_flags(text, length) |
	    (s.lexer.is_unterminated ? SHAPE_UNTERMINATED : 0U);
}
