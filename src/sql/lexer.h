/* lexer.h - PostgreSQL's tokens, found in place. */
#ifndef SQL_LEXER_H
#define SQL_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum token_class {
	TOKEN_END,
	TOKEN_WORD,           /* key word or identifier, without quotes */
	TOKEN_QUOTED_WORD,    /* "..." */
	TOKEN_UNICODE_WORD,   /* U&"..." */
	TOKEN_STRING,         /* '...' */
	TOKEN_ESCAPE_STRING,  /* E'...', or '...' with backslash escapes */
	TOKEN_UNICODE_STRING, /* U&'...' */
	TOKEN_DOLLAR_STRING,  /* $tag$...$tag$ */
	TOKEN_BITS,           /* B'...' */
	TOKEN_HEX,            /* X'...' */
	TOKEN_NATIONAL,       /* the N of N'...'; the string follows */
	TOKEN_INTEGER,        /* fits 32 bits */
	TOKEN_NUMBER,         /* any other number */
	TOKEN_PARAM,          /* $1 */
	TOKEN_OPERATOR,       /* also of one character, such as + */
	TOKEN_SYMBOL,         /* ( ) [ ] , ; . : and :: := .. */
	TOKEN_JUNK            /* PostgreSQL 15 refuses the text here */
};

/* TEXT[start, start + length) of the lexer's text. */
struct token {
	enum token_class class;
	const char *start; /* borrowed from the text */
	size_t length;
};

/* Set up by lexer_init(); fields are read-only outside. */
struct lexer {
	const char *next; /* borrowed; the text outlives the lexer */
	const char *end;
	bool std_strings;
	bool is_unterminated;
};

/* Per byte: which of these it can be. */
enum char_class {
	CHAR_SPACE = 1 << 0,
	CHAR_WORD_START = 1 << 1,
	CHAR_WORD = 1 << 2, /* inside a word: start, digit or $ */
	CHAR_DIGIT = 1 << 3,
	CHAR_OPERATOR = 1 << 4,
	CHAR_SELF = 1 << 5 /* , ( ) [ ] . ; : */
};

extern const uint8_t lexer_char_class[256];

/* Per byte: in lower case, if it can be inside a word, else 0. */
extern const uint8_t lexer_word_lower[256];

static inline bool
char_is(char c, unsigned classes)
{
	return (lexer_char_class[(uint8_t)c] & classes) != 0;
}

/* C in lower case if it is an ASCII capital. */
static inline char
char_lower(char c)
{
	return (char)(c | ((uint8_t)(c - 'A') < 26) << 5);
}

void lexer_init(
    struct lexer *lexer, const char *text, size_t length, bool std_strings);

/*
 * Finds the next token, past white space and comments; TOKEN_END at the end
 * and ever after. A quote or comment that does not end runs to the end and sets
 * .is_unterminated.
 */
void lexer_next(struct lexer *lexer, struct token *token);

/*
 * Where a string that ended before P, inside a text up to END, goes on: behind
 * the next quote if only white space with a newline is between; else NULL.
 */
const char *lexer_continue_string(const char *p, const char *end);

/*
 * How many of LENGTH operator characters at START are one operator: it ends at
 * a comment, and before trailing + and - unless it has a character that SQL
 * operators do not have.
 */
size_t lexer_operator_length(const char *start, size_t length);

#endif
