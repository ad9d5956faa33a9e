/*
 * hba_word.c - the words of a line of a file in pg_hba.conf's format.
 *
 * Quotes may begin in the middle of a word, end with the line, and stand for
 * one when doubled; commas before a word are skipped.
 */
#include "auth/hba_word.h"

#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool
hba_word_take(const char **at, struct hba_token *word)
{
	const char *p = *at;
	bool inside = false, was_quote = false;

	buf_clear(&word->text);
	word->quoted = word->seen_quote = word->comma = false;
	while (is_blank(*p) || *p == ',') {
		p++;
	}
	for (; *p != '\0' && (inside || !is_blank(*p)); p++) {
		if (*p == '#' && !inside) {
			p += strlen(p);
			break;
		}
		if (*p == ',' && !inside) {
			word->comma = true;
			p++;
			break;
		}
		/* Two quotes within quotes are one. */
		if (*p != '"' || was_quote) {
			buf_append_char(&word->text, *p);
		}
		was_quote = inside && *p == '"' && !was_quote;
		if (*p == '"') {
			inside = !inside;
			word->seen_quote = true;
			word->quoted = word->quoted || word->text.length == 0;
		}
	}
	*at = p;
	return word->seen_quote || word->text.length > 0;
}
