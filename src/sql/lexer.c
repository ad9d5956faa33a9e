/*
 * lexer.c - PostgreSQL's tokens, found in place.
 *
 * Follows the scanner of PostgreSQL 15 rule by rule; test_lexer compares the
 * two. It decides only where tokens begin and end and of which class they are;
 * whether a text means anything is the parser's business. What 15 refuses but a
 * newer server may read otherwise (0x1F, 1_000) is TOKEN_JUNK, so that nobody
 * builds on it.
 */
#include "sql/lexer.h"

#include <string.h>

#define S CHAR_SPACE
#define W (CHAR_WORD_START | CHAR_WORD)
#define D (CHAR_DIGIT | CHAR_WORD)
#define O CHAR_OPERATOR
#define P CHAR_SELF

/* clang-format off */
const uint8_t lexer_char_class[256] = {
	['\t'] = S, ['\n'] = S, ['\f'] = S, ['\r'] = S, [' '] = S,
	['~'] = O, ['!'] = O, ['@'] = O, ['#'] = O, ['^'] = O, ['&'] = O,
	['|'] = O, ['`'] = O, ['?'] = O, ['+'] = O, ['-'] = O, ['*'] = O,
	['/'] = O, ['%'] = O, ['<'] = O, ['>'] = O, ['='] = O,
	[','] = P, ['('] = P, [')'] = P, ['['] = P, [']'] = P, ['.'] = P,
	[';'] = P, [':'] = P,
	['$'] = CHAR_WORD, ['0' ... '9'] = D,
	['A' ... 'Z'] = W, ['a' ... 'z'] = W, ['_'] = W, [128 ... 255] = W,
};
/* clang-format on */

/* clang-format off */
#define FOUR(n) (n), (n) + 1, (n) + 2, (n) + 3
#define SIXTEEN(n) FOUR(n), FOUR((n) + 4), FOUR((n) + 8), FOUR((n) + 12)
#define LETTERS SIXTEEN('a'), FOUR('q'), FOUR('u'), 'y', 'z'

const uint8_t lexer_word_lower[256] = {
	['$'] = '$', ['_'] = '_',
	['0'] = FOUR('0'), FOUR('4'), '8', '9',
	['A'] = LETTERS,
	['a'] = LETTERS,
	[128] = SIXTEEN(128), SIXTEEN(144), SIXTEEN(160), SIXTEEN(176),
	        SIXTEEN(192), SIXTEEN(208), SIXTEEN(224), SIXTEEN(240),
};
/* clang-format on */

#undef FOUR
#undef SIXTEEN
#undef LETTERS
#undef S
#undef W
#undef D
#undef O
#undef P

void
lexer_init(
    struct lexer *lexer, const char *text, size_t length, bool std_strings)
{
	lexer->next = text;
	lexer->end = text + length;
	lexer->std_strings = std_strings;
	lexer->is_unterminated = false;
}

static const char *
skip_line(const char *p, const char *end)
{
	while (p < end && *p != '\n' && *p != '\r') {
		p++;
	}
	return p;
}

/* P stands behind the opening of a comment. */
static const char *
skip_comment(struct lexer *lexer, const char *p)
{
	const char *end = lexer->end;
	size_t depth = 1;

	while (end - p >= 2) {
		if (p[0] == '*' && p[1] == '/') {
			p += 2;
			if (--depth == 0) {
				return p;
			}
		} else if (p[0] == '/' && p[1] == '*') {
			p += 2;
			depth++;
		} else {
			p++;
		}
	}
	lexer->is_unterminated = true;
	return end;
}

static const char *
skip_blank(struct lexer *lexer)
{
	const char *p = lexer->next, *end = lexer->end;

	for (;;) {
		while (p < end && char_is(*p, CHAR_SPACE)) {
			p++;
		}
		if (end - p < 2) {
			return p;
		}
		if (p[0] == '-' && p[1] == '-') {
			p = skip_line(p + 2, end);
		} else if (p[0] == '/' && p[1] == '*') {
			p = skip_comment(lexer, p + 2);
		} else {
			return p;
		}
	}
}

const char *
lexer_continue_string(const char *p, const char *end)
{
	bool newline = false;

	while (p < end) {
		if (*p == '\n' || *p == '\r') {
			newline = true;
			p++;
		} else if (char_is(*p, CHAR_SPACE)) {
			p++;
		} else if (end - p >= 2 && p[0] == '-' && p[1] == '-') {
			p = skip_line(p + 2, end);
		} else {
			return newline && *p == '\'' ? p + 1 : NULL;
		}
	}
	return NULL;
}

enum string_kind {
	STRING_PLAIN,
	STRING_ESCAPES, /* backslash takes the next byte along */
	STRING_DIGITS   /* B'' and X'': a doubled quote is none */
};

/* P stands behind an opening quote; returns what follows the whole string. */
static const char *
skip_string(struct lexer *lexer, const char *p, enum string_kind kind)
{
	const char *end = lexer->end;

	while (p < end) {
		const char c = *p++;

		if (c == '\\' && kind == STRING_ESCAPES) {
			p += p < end;
		} else if (c == '\'') {
			const char *more;

			if (p < end && *p == '\'' && kind != STRING_DIGITS) {
				p++;
			} else if ((more = lexer_continue_string(p, end)) !=
			    NULL) {
				p = more;
			} else {
				return p;
			}
		}
	}
	lexer->is_unterminated = true;
	return end;
}

/* P stands behind an opening double quote. */
static const char *
skip_quoted_word(struct lexer *lexer, const char *p)
{
	const char *end = lexer->end;

	while ((p = memchr(p, '"', (size_t)(end - p))) != NULL) {
		p++;
		if (p == end || *p != '"') {
			return p;
		}
		p++;
	}
	lexer->is_unterminated = true;
	return end;
}

/* START stands on a dollar. A parameter, a string or junk. */
static const char *
scan_dollar(struct lexer *lexer, struct token *token)
{
	const char *start = token->start, *end = lexer->end, *p = start + 1;

	if (p < end && char_is(*p, CHAR_DIGIT)) {
		while (p < end && char_is(*p, CHAR_DIGIT)) {
			p++;
		}
		token->class = p < end && char_is(*p, CHAR_WORD_START)
		    ? TOKEN_JUNK
		    : TOKEN_PARAM;
		return p;
	}
	if (p < end && char_is(*p, CHAR_WORD_START)) {
		while (p < end && *p != '$' && char_is(*p, CHAR_WORD)) {
			p++;
		}
	}
	if (p == end || *p != '$') {
		token->class = TOKEN_JUNK;
		return start + 1;
	}

	const size_t tag_length = (size_t)(++p - start);

	token->class = TOKEN_DOLLAR_STRING;
	while ((p = memchr(p, '$', (size_t)(end - p))) != NULL) {
		if ((size_t)(end - p) < tag_length) {
			break;
		}
		if (memcmp(p, start, tag_length) == 0) {
			return p + tag_length;
		}
		p++;
	}
	lexer->is_unterminated = true;
	return end;
}

/* Whether the decimal digits at P fit a signed 32 bit integer. */
static bool
fits_integer(const char *p, const char *end)
{
	while (p < end && *p == '0') {
		p++;
	}
	if (end - p != 10) {
		return end - p < 10;
	}
	return memcmp(p, "2147483647", 10) <= 0;
}

static const char *
skip_digits(const char *p, const char *end)
{
	while (p < end && char_is(*p, CHAR_DIGIT)) {
		p++;
	}
	return p;
}

/* START stands on a digit, or on a point with a digit behind it. */
static const char *
scan_number(const struct lexer *lexer, struct token *token)
{
	const char *end = lexer->end, *p = skip_digits(token->start, end);

	token->class =
	    fits_integer(token->start, p) ? TOKEN_INTEGER : TOKEN_NUMBER;
	if (p < end && *p == '.' && !(end - p >= 2 && p[1] == '.')) {
		token->class = TOKEN_NUMBER;
		p = skip_digits(p + 1, end);
	}
	if (p < end && char_lower(*p) == 'e') {
		const char *exponent = p + 1;

		if (exponent < end && (*exponent == '+' || *exponent == '-')) {
			exponent++;
		}
		if (exponent < end && char_is(*exponent, CHAR_DIGIT)) {
			token->class = TOKEN_NUMBER;
			p = skip_digits(exponent, end);
		}
	}
	if (p < end && char_is(*p, CHAR_WORD_START)) {
		token->class = TOKEN_JUNK;
	}
	return p;
}

size_t
lexer_operator_length(const char *start, size_t length)
{
	/* With one of these an operator may end in + or -. */
	static const char extending[] = "~!@#^&|`?%";
	size_t size = 1;
	bool is_extended = false;

	while (size < length) {
		const char a = start[size - 1], b = start[size];

		if ((a == '-' && b == '-') || (a == '/' && b == '*')) {
			size--;
			break;
		}
		size++;
	}
	if (size < 2 || (start[size - 1] != '+' && start[size - 1] != '-')) {
		return size;
	}
	for (size_t i = 0; i < size; i++) {
		is_extended |=
		    start[i] != '\0' && strchr(extending, start[i]) != NULL;
	}
	while (!is_extended && size > 1 &&
	    (start[size - 1] == '+' || start[size - 1] == '-')) {
		size--;
	}
	return size;
}

static const char *
scan_operator(const struct lexer *lexer, struct token *token)
{
	const char *p = token->start + 1;

	token->class = TOKEN_OPERATOR;
	if (p == lexer->end || !char_is(*p, CHAR_OPERATOR)) {
		return p;
	}
	while (p < lexer->end && char_is(*p, CHAR_OPERATOR)) {
		p++;
	}
	return token->start +
	    lexer_operator_length(token->start, (size_t)(p - token->start));
}

static const char *
scan_symbol(const struct lexer *lexer, struct token *token)
{
	const char *p = token->start, *end = lexer->end;

	token->class = TOKEN_SYMBOL;
	if (end - p < 2) {
		return p + 1;
	}
	if (p[0] == ':' && (p[1] == ':' || p[1] == '=')) {
		return p + 2;
	}
	if (p[0] == '.') {
		if (p[1] == '.') {
			return p + 2;
		}
		if (char_is(p[1], CHAR_DIGIT)) {
			return scan_number(lexer, token);
		}
	}
	return p + 1;
}

/* A word, or the prefix of a string: B, E, N, U&, X. */
static const char *
scan_word(struct lexer *lexer, struct token *token)
{
	const char *p = token->start + 1, *end = lexer->end;
	const char prefix = char_lower(*token->start);

	if (p < end && *p == '\'') {
		switch (prefix) {
		case 'b':
			token->class = TOKEN_BITS;
			return skip_string(lexer, p + 1, STRING_DIGITS);
		case 'x':
			token->class = TOKEN_HEX;
			return skip_string(lexer, p + 1, STRING_DIGITS);
		case 'e':
			token->class = TOKEN_ESCAPE_STRING;
			return skip_string(lexer, p + 1, STRING_ESCAPES);
		case 'n':
			token->class = TOKEN_NATIONAL;
			return p;
		default:
			break;
		}
	} else if (prefix == 'u' && end - p >= 2 && p[0] == '&') {
		if (p[1] == '\'') {
			/* With backslash escapes in plain strings PostgreSQL
			 * refuses this form altogether. */
			token->class = lexer->std_strings ? TOKEN_UNICODE_STRING
			                                  : TOKEN_JUNK;
			return skip_string(lexer, p + 2, STRING_PLAIN);
		}
		if (p[1] == '"') {
			token->class = TOKEN_UNICODE_WORD;
			return skip_quoted_word(lexer, p + 2);
		}
	}
	token->class = TOKEN_WORD;
	while (p < end && char_is(*p, CHAR_WORD)) {
		p++;
	}
	return p;
}

void
lexer_next(struct lexer *lexer, struct token *token)
{
	const char *p = skip_blank(lexer);
	unsigned class;

	token->start = p;
	if (p == lexer->end) {
		token->class = TOKEN_END;
		token->length = 0;
		lexer->next = p;
		return;
	}
	class = lexer_char_class[(uint8_t)*p];
	if (class & CHAR_WORD_START) {
		p = scan_word(lexer, token);
	} else if (class & CHAR_DIGIT) {
		p = scan_number(lexer, token);
	} else if (class & CHAR_OPERATOR) {
		p = scan_operator(lexer, token);
	} else if (class & CHAR_SELF) {
		p = scan_symbol(lexer, token);
	} else if (*p == '\'') {
		token->class =
		    lexer->std_strings ? TOKEN_STRING : TOKEN_ESCAPE_STRING;
		p = skip_string(lexer, p + 1,
		    lexer->std_strings ? STRING_PLAIN : STRING_ESCAPES);
	} else if (*p == '"') {
		token->class = TOKEN_QUOTED_WORD;
		p = skip_quoted_word(lexer, p + 1);
	} else if (*p == '$') {
		p = scan_dollar(lexer, token);
	} else {
		token->class = TOKEN_JUNK;
		p++;
	}
	token->length = (size_t)(p - token->start);
	lexer->next = p;
}
