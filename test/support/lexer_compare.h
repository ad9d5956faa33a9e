/* lexer_compare.h - our tokens against those of PostgreSQL's own scanner. */
#ifndef SUPPORT_LEXER_COMPARE_H
#define SUPPORT_LEXER_COMPARE_H

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "sql/lexer.h"

/* The class PostgreSQL's TOKEN (its text starts at START) corresponds to. */
static inline bool
is_same_class(const PgQuery__ScanToken *theirs, const struct token *ours)
{
	switch ((int)theirs->token) {
	case PG_QUERY__TOKEN__ICONST:
		return ours->class == TOKEN_INTEGER;
	case PG_QUERY__TOKEN__FCONST:
		return ours->class == TOKEN_NUMBER;
	case PG_QUERY__TOKEN__BCONST:
		return ours->class == TOKEN_BITS;
	case PG_QUERY__TOKEN__XCONST:
		return ours->class == TOKEN_HEX;
	case PG_QUERY__TOKEN__PARAM:
		return ours->class == TOKEN_PARAM;
	case PG_QUERY__TOKEN__USCONST:
		return ours->class == TOKEN_UNICODE_STRING;
	case PG_QUERY__TOKEN__UIDENT:
		return ours->class == TOKEN_UNICODE_WORD;
	case PG_QUERY__TOKEN__SCONST:
		return ours->class == TOKEN_STRING ||
		    ours->class == TOKEN_ESCAPE_STRING ||
		    ours->class == TOKEN_DOLLAR_STRING;
	case PG_QUERY__TOKEN__IDENT:
		return ours->class == TOKEN_WORD ||
		    ours->class == TOKEN_QUOTED_WORD;
	case PG_QUERY__TOKEN__NCHAR:
		return ours->class == TOKEN_NATIONAL ||
		    ours->class == TOKEN_WORD;
	case PG_QUERY__TOKEN__TYPECAST:
	case PG_QUERY__TOKEN__DOT_DOT:
	case PG_QUERY__TOKEN__COLON_EQUALS:
		return ours->class == TOKEN_SYMBOL;
	case PG_QUERY__TOKEN__Op:
	case PG_QUERY__TOKEN__EQUALS_GREATER:
	case PG_QUERY__TOKEN__LESS_EQUALS:
	case PG_QUERY__TOKEN__GREATER_EQUALS:
	case PG_QUERY__TOKEN__NOT_EQUALS:
		return ours->class == TOKEN_OPERATOR;
	default:
		break;
	}
	if (theirs->keyword_kind != 0) {
		return ours->class == TOKEN_WORD;
	}
	/* A character that stands for itself; also one that means nothing. */
	return ours->length == 1 && theirs->token < 128 &&
	    (ours->class == TOKEN_SYMBOL || ours->class == TOKEN_OPERATOR ||
	        ours->class == TOKEN_JUNK);
}

static inline bool
is_comment(const PgQuery__ScanToken *token)
{
	return token->token == PG_QUERY__TOKEN__SQL_COMMENT ||
	    token->token == PG_QUERY__TOKEN__C_COMMENT;
}

/* libpg_query tells a wrong end of these. */
static inline bool
has_end(const PgQuery__ScanToken *token)
{
	return token->token != PG_QUERY__TOKEN__USCONST &&
	    token->token != PG_QUERY__TOKEN__UIDENT;
}

/* libpg_query, unlike PostgreSQL, ends a string at a comment. Then the rest of
 * the text reads differently, and is not compared. */
static inline bool
may_span_comment(const PgQuery__ScanToken *theirs, const struct token *ours)
{
	const size_t length =
	    has_end(theirs) ? (size_t)(theirs->end - theirs->start) : 0;

	return ours->length > length && ours->class >= TOKEN_STRING &&
	    ours->class <= TOKEN_HEX &&
	    memmem(ours->start + length, ours->length - length, "--", 2) !=
	    NULL;
}

/* Returns whether all tokens agree; if not, MESSAGE tells where. */
static inline bool
compare_tokens(const char *text, const PgQuery__ScanResult *theirs,
    char *message, size_t size)
{
	struct lexer lexer;
	struct token token;

	lexer_init(&lexer, text, strlen(text), true);
	for (size_t i = 0; i < theirs->n_tokens; i++) {
		const PgQuery__ScanToken *other = theirs->tokens[i];

		if (is_comment(other)) {
			continue;
		}
		lexer_next(&lexer, &token);
		if (may_span_comment(other, &token)) {
			return true;
		}
		if (token.start != text + other->start ||
		    (token.start + token.length != text + other->end &&
		        has_end(other)) ||
		    !is_same_class(other, &token)) {
			(void)snprintf(message, size,
			    "class %d at %td of %zu bytes, PostgreSQL has %d "
			    "at [%d, %d)",
			    (int)token.class, token.start - text, token.length,
			    (int)other->token, other->start, other->end);
			return false;
		}
	}
	lexer_next(&lexer, &token);
	if (token.class != TOKEN_END || lexer.is_unterminated) {
		(void)snprintf(message, size, "it goes on");
		return false;
	}
	return true;
}

/* Whether the lexer finds nothing wrong with TEXT. */
static inline bool
is_clean(const char *text)
{
	struct lexer lexer;
	struct token token;
	bool is_junk = false;

	lexer_init(&lexer, text, strlen(text), true);
	do {
		lexer_next(&lexer, &token);
		is_junk |= token.class == TOKEN_JUNK;
	} while (token.class != TOKEN_END);
	return !is_junk && !lexer.is_unterminated;
}

/* Whether a string of TEXT may go on behind a comment, which libpg_query takes
 * for its end: what it says of the rest is no measure. */
static inline bool
has_string_over_comment(const char *text)
{
	struct lexer lexer;
	struct token token;

	lexer_init(&lexer, text, strlen(text), true);
	do {
		lexer_next(&lexer, &token);
		if (token.class >= TOKEN_STRING && token.class <= TOKEN_HEX &&
		    memmem(token.start, token.length, "--", 2) != NULL) {
			return true;
		}
	} while (token.class != TOKEN_END);
	return false;
}

/* PostgreSQL also looks into what it has read; the lexer leaves that. */
static inline bool
is_about_contents(const char *message)
{
	static const char *const texts[] = {"zero-length delimited", "escape",
	    "Unicode", "surrogate", "hexadecimal digit", "is not a valid",
	    "operator too long", "invalid byte sequence", "too long"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strstr(message, texts[i]) != NULL) {
			return true;
		}
	}
	return false;
}

/* Returns whether lexer and PostgreSQL agree on TEXT; if not, MESSAGE tells
 * why. Sets *COULD_SCAN to whether PostgreSQL could. */
static inline bool
lexer_agrees(const char *text, bool *could_scan, char *message, size_t size)
{
	PgQueryScanResult result = pg_query_scan(text);
	bool ok = true;

	*could_scan = result.error == NULL;
	if (result.error == NULL) {
		PgQuery__ScanResult *theirs = pg_query__scan_result__unpack(
		    NULL, result.pbuf.len, (const uint8_t *)result.pbuf.data);

		ok = theirs != NULL &&
		    compare_tokens(text, theirs, message, size);
		pg_query__scan_result__free_unpacked(theirs, NULL);
	} else if (is_clean(text) && !has_string_over_comment(text) &&
	    !is_about_contents(result.error->message)) {
		(void)snprintf(message, size, "PostgreSQL says: %s",
		    result.error->message);
		ok = false;
	}
	pg_query_free_scan_result(result);
	return ok;
}

#endif
