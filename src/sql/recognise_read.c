/*
 * recognise_read.c - names and values of plain statements, by their tokens.
 *
 * What would need thought is not taken: a name that PostgreSQL would cut or
 * whose letters it would fold by its locale, a string of several pieces or with
 * escapes.
 */
#include "sql/recognise_int.h"

#include <string.h>

#include "core/buf.h"
#include "sql/builtins.h"
#include "sql/setting.h"

/* PostgreSQL cuts longer names. */
#define NAME_BYTES 63

/* ---- tokens -------------------------------------------------------------- */

void
reader_advance(struct reader *reader)
{
	lexer_next(&reader->lexer, &reader->token);
}

static bool
is_text(const struct token *token, const char *text)
{
	return token->length == strlen(text) &&
	    memcmp(token->start, text, token->length) == 0;
}

bool
reader_is_word(const struct reader *reader, const char *word)
{
	return reader->token.class == TOKEN_WORD &&
	    is_text(&reader->token, word);
}

static bool
is_sign(const struct reader *reader, const char *sign)
{
	return (reader->token.class == TOKEN_SYMBOL ||
	           reader->token.class == TOKEN_OPERATOR) &&
	    is_text(&reader->token, sign);
}

bool
reader_take_word(struct reader *reader, const char *word)
{
	if (!reader_is_word(reader, word)) {
		return false;
	}
	reader_advance(reader);
	return true;
}

bool
reader_take_sign(struct reader *reader, const char *sign)
{
	if (!is_sign(reader, sign)) {
		return false;
	}
	reader_advance(reader);
	return true;
}

bool
reader_take_end(struct reader *reader)
{
	while (reader_take_sign(reader, ";")) {
		/* any number of them */
	}
	return reader->token.class == TOKEN_END;
}

static bool
has_high_bit(const struct token *token)
{
	for (size_t i = 0; i < token->length; i++) {
		if (token->start[i] & 0x80) {
			return true;
		}
	}
	return false;
}

bool
reader_take_name(struct reader *reader, struct token *name)
{
	char category;

	*name = reader->token;
	if (name->class == TOKEN_QUOTED_WORD) {
		name->start++;
		name->length -= 2;
		if (memchr(name->start, '"', name->length) != NULL) {
			return false;
		}
	} else {
		category = builtin_keyword(name->start, name->length);
		if (name->class != TOKEN_WORD || category == 'R' ||
		    category == 'T' || has_high_bit(name)) {
			return false;
		}
	}
	reader_advance(reader);
	return name->length > 0 && name->length <= NAME_BYTES;
}

bool
reader_take_setting_name(struct reader *reader, struct setting_name *name)
{
	struct token part;

	name->length = 0;
	do {
		if (!reader_take_name(reader, &part) ||
		    name->length + part.length + 1 > sizeof(name->bytes)) {
			return false;
		}
		if (name->length > 0) {
			name->bytes[name->length++] = '.';
		}
		memcpy(name->bytes + name->length, part.start, part.length);
		name->length += part.length;
	} while (reader_take_sign(reader, "."));
	return !setting_is_transactional(name->bytes, name->length) &&
	    setting_is_value(name->bytes, name->length);
}

bool
reader_take_string(struct reader *reader, struct token *content)
{
	const struct token *token = &reader->token;
	const size_t skip = token->class == TOKEN_ESCAPE_STRING ? 2 : 1;

	if ((token->class != TOKEN_STRING &&
	        token->class != TOKEN_ESCAPE_STRING) ||
	    token->length < skip + 1) {
		return false;
	}
	*content = *token;
	content->start += skip;
	content->length -= skip + 1;
	if (token->class == TOKEN_ESCAPE_STRING &&
	    memchr(content->start, '\\', content->length) != NULL) {
		return false;
	}
	reader_advance(reader);
	return true;
}

/* ---- values -------------------------------------------------------------- */

bool
reader_put_content(struct buf *out, const struct token *content)
{
	const char *p = content->start, *end = p + content->length, *quote;

	while ((quote = memchr(p, '\'', (size_t)(end - p))) != NULL) {
		if (end - quote < 2 || quote[1] != '\'') {
			return false;
		}
		buf_append(out, p, (size_t)(quote + 1 - p));
		p = quote + 2;
	}
	buf_append(out, p, (size_t)(end - p));
	return true;
}

static bool
put_string(struct buf *out, const struct setting_name *name,
    const struct token *content)
{
	if (memchr(content->start, '\'', content->length) == NULL) {
		setting_put_word(out, name->bytes, name->length, content->start,
		    content->length);
		return true;
	}
	return !setting_is_list_of_names(name->bytes, name->length) &&
	    reader_put_content(out, content);
}

static bool
put_number(struct buf *out, const struct token *number, bool is_negative)
{
	const char *p = number->start;
	size_t length = number->length;

	if (number->class == TOKEN_INTEGER) {
		while (length > 1 && *p == '0') {
			p++;
			length--;
		}
		is_negative &= *p != '0';
	} else if (number->class != TOKEN_NUMBER) {
		return false;
	}
	if (is_negative) {
		buf_append_char(out, '-');
	}
	buf_append(out, p, length);
	return true;
}

static bool
put_word(
    struct reader *reader, struct buf *out, const struct setting_name *name)
{
	const struct token *token = &reader->token;

	if (builtin_keyword(token->start, token->length) == 'R' &&
	    !reader_is_word(reader, "true") &&
	    !reader_is_word(reader, "false") && !reader_is_word(reader, "on")) {
		return false;
	}
	if (token->length > NAME_BYTES || has_high_bit(token)) {
		return false;
	}
	setting_put_word(
	    out, name->bytes, name->length, token->start, token->length);
	reader_advance(reader);
	return true;
}

bool
reader_take_value(
    struct reader *reader, struct buf *out, const struct setting_name *name)
{
	struct token content;
	bool is_negative;

	switch (reader->token.class) {
	case TOKEN_STRING:
	case TOKEN_ESCAPE_STRING:
		return reader_take_string(reader, &content) &&
		    put_string(out, name, &content);
	case TOKEN_WORD:
		return put_word(reader, out, name);
	case TOKEN_QUOTED_WORD:
		if (!reader_take_name(reader, &content)) {
			return false;
		}
		setting_put_word(out, name->bytes, name->length, content.start,
		    content.length);
		return true;
	default:
		break;
	}
	is_negative = reader_take_sign(reader, "-");
	if (!is_negative) {
		(void)reader_take_sign(reader, "+");
	}
	if (!put_number(out, &reader->token, is_negative)) {
		return false;
	}
	reader_advance(reader);
	return true;
}
