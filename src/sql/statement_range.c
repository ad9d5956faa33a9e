/*
 * statement_range.c - where the statements of a text begin and end.
 *
 * Told by the tokens: a semicolon outside brackets ends a statement. Only the
 * body of a function in SQL's own syntax, BEGIN ATOMIC ... END, has others.
 */
#include "sql/session_ops.h"

#include "sql/lexer.h"

static bool
is_word(const struct token *token, const char *word)
{
	size_t i = 0;

	if (token->class != TOKEN_WORD) {
		return false;
	}
	while (i < token->length && word[i] != '\0' &&
	    char_lower(token->start[i]) == word[i]) {
		i++;
	}
	return i == token->length && word[i] == '\0';
}

/* What is between two semicolons; length 0 while it has no token. */
struct piece {
	const char *start;
	const char *end;
	bool has_begin; /* the token before was BEGIN */
	unsigned depth;
};

/* Takes TOKEN into PIECE; false when PIECE may not end where it seems to. */
static bool
take(struct piece *piece, const struct token *token)
{
	const char c = token->class == TOKEN_SYMBOL && token->length == 1
	    ? *token->start
	    : '\0';

	if (token->class == TOKEN_JUNK ||
	    (piece->has_begin && is_word(token, "atomic"))) {
		return false;
	}
	if (c == '(' || c == '[') {
		piece->depth++;
	} else if (c == ')' || c == ']') {
		if (piece->depth == 0) {
			return false;
		}
		piece->depth--;
	}
	if (piece->start == NULL) {
		piece->start = token->start;
	}
	piece->end = token->start + token->length;
	piece->has_begin = is_word(token, "begin");
	return true;
}

bool
sql_statement_range(const char *text, size_t length, bool std_strings,
    unsigned index, size_t *start, size_t *end)
{
	struct piece piece = {0}, found = {0};
	struct lexer lexer;
	struct token token;
	unsigned count = 0;

	lexer_init(&lexer, text, length, std_strings);
	do {
		lexer_next(&lexer, &token);
		if (token.class != TOKEN_END &&
		    !(token.class == TOKEN_SYMBOL && *token.start == ';' &&
		        piece.depth == 0)) {
			if (!take(&piece, &token)) {
				return false;
			}
			continue;
		}
		if (piece.start != NULL && count++ == index) {
			found = piece;
		}
		if (token.class != TOKEN_END) {
			piece = (struct piece){0};
		}
	} while (token.class != TOKEN_END);
	if (found.start == NULL || lexer.is_unterminated || piece.depth > 0) {
		return false;
	}
	*start = (size_t)(found.start - text);
	*end = (size_t)(found.end - text);
	return true;
}
