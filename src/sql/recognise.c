/*
 * recognise.c - the plainest session statements, without the parser.
 *
 * Applications name their tenants in SET and number their savepoints, so there
 * is no end of different ones. The parser would take up all the time it is
 * given with them. They are read here by their tokens instead: a subset of the
 * grammar, without anything that takes thought (escapes, key words in odd
 * places, names too long). What is not in it goes to the parser; what is must
 * come out as if the parser had read it, which the tests compare.
 */
#include "sql/recognise.h"

#include <string.h>

#include "sql/builtins.h"
#include "sql/judge.h"
#include "sql/lexer.h"
#include "sql/session_ops_int.h"
#include "sql/setting.h"
#include "sql/verdict.h"

/* PostgreSQL cuts longer names. */
#define NAME_BYTES 63

/* Of a setting, with its points. */
#define SETTING_BYTES 128

struct reader {
	struct lexer lexer;
	struct token token; /* the one to be read */
	struct ops_builder *builder;
	struct verdict *verdict;
};

struct setting_name {
	char bytes[SETTING_BYTES];
	size_t length;
};

/* ---- tokens -------------------------------------------------------------- */

static void
advance(struct reader *reader)
{
	lexer_next(&reader->lexer, &reader->token);
}

static bool
is_text(const struct token *token, const char *text)
{
	return token->length == strlen(text) &&
	    memcmp(token->start, text, token->length) == 0;
}

/* Words of a shape are in lower case. */
static bool
is_word(const struct reader *reader, const char *word)
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

/* Each of these advances past what it names, if it is there. */

static bool
take_word(struct reader *reader, const char *word)
{
	if (!is_word(reader, word)) {
		return false;
	}
	advance(reader);
	return true;
}

static bool
take_sign(struct reader *reader, const char *sign)
{
	if (!is_sign(reader, sign)) {
		return false;
	}
	advance(reader);
	return true;
}

static bool
take_end(struct reader *reader)
{
	while (take_sign(reader, ";")) {
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

/* A name of the grammar's ColId, or in quotes without quotes within. */
static bool
take_name(struct reader *reader, struct token *name)
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
	advance(reader);
	return name->length > 0 && name->length <= NAME_BYTES;
}

static bool
take_setting_name(struct reader *reader, struct setting_name *name)
{
	struct token part;

	name->length = 0;
	do {
		if (!take_name(reader, &part) ||
		    name->length + part.length + 1 > sizeof(name->bytes)) {
			return false;
		}
		if (name->length > 0) {
			name->bytes[name->length++] = '.';
		}
		memcpy(name->bytes + name->length, part.start, part.length);
		name->length += part.length;
	} while (take_sign(reader, "."));
	return !setting_is_transactional(name->bytes, name->length) &&
	    setting_is_value(name->bytes, name->length);
}

/* A string in one piece, without escapes: what is between its quotes. */
static bool
take_string(struct reader *reader, struct token *content)
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
	advance(reader);
	return true;
}

/* ---- values -------------------------------------------------------------- */

/* Appends CONTENT with its doubled quotes made single; false when a quote is
 * alone: the string has more pieces. */
static bool
put_content(struct buf *out, const struct token *content)
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
	    put_content(out, content);
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
	    !is_word(reader, "true") && !is_word(reader, "false") &&
	    !is_word(reader, "on")) {
		return false;
	}
	if (token->length > NAME_BYTES || has_high_bit(token)) {
		return false;
	}
	setting_put_word(
	    out, name->bytes, name->length, token->start, token->length);
	advance(reader);
	return true;
}

/* One value of SET. */
static bool
take_value(
    struct reader *reader, struct buf *out, const struct setting_name *name)
{
	struct token content;
	bool is_negative;

	switch (reader->token.class) {
	case TOKEN_STRING:
	case TOKEN_ESCAPE_STRING:
		return take_string(reader, &content) &&
		    put_string(out, name, &content);
	case TOKEN_WORD:
		return put_word(reader, out, name);
	case TOKEN_QUOTED_WORD:
		if (!take_name(reader, &content)) {
			return false;
		}
		setting_put_word(out, name->bytes, name->length, content.start,
		    content.length);
		return true;
	default:
		break;
	}
	is_negative = take_sign(reader, "-");
	if (!is_negative) {
		(void)take_sign(reader, "+");
	}
	if (!put_number(out, &reader->token, is_negative)) {
		return false;
	}
	advance(reader);
	return true;
}

/* ---- SET and RESET ------------------------------------------------------- */

static void
add_setting(struct reader *reader, enum session_op_kind kind,
    const struct setting_name *name, bool is_local)
{
	reader->verdict->kind = SQL_SET;
	judge_not_read(reader->verdict, "SET");
	judge_setting(reader->verdict, name->bytes, name->length, is_local);
	ops_add(reader->builder, kind)->is_local = is_local;
	ops_put_name(reader->builder, name->bytes, name->length);
}

static bool
take_values(struct reader *reader, const struct setting_name *name)
{
	struct buf *out = ops_begin_value(reader->builder);

	for (;;) {
		if (!take_value(reader, out, name)) {
			return false;
		}
		if (!take_sign(reader, ",")) {
			break;
		}
		buf_append_str(out, ", ");
	}
	ops_end_value(reader->builder);
	return take_end(reader);
}

/* SET ROLE has one value, and that is no number. */
static bool
take_role(struct reader *reader, const struct setting_name *name)
{
	const enum token_class class = reader->token.class;
	struct buf *out = ops_begin_value(reader->builder);

	if ((class != TOKEN_WORD && class != TOKEN_QUOTED_WORD &&
	        class != TOKEN_STRING) ||
	    is_word(reader, "true") || is_word(reader, "false") ||
	    is_word(reader, "on") || !take_value(reader, out, name)) {
		return false;
	}
	ops_end_value(reader->builder);
	return take_end(reader);
}

static bool
take_set(struct reader *reader)
{
	const bool is_local = take_word(reader, "local");
	struct setting_name name;
	bool is_role;

	if (!is_local) {
		(void)take_word(reader, "session");
	}
	is_role = is_word(reader, "role");
	if (is_word(reader, "to") || !take_setting_name(reader, &name)) {
		return false;
	}
	if (!take_sign(reader, "=") && !take_word(reader, "to")) {
		if (!is_role || name.length != strlen("role")) {
			return false;
		}
		add_setting(reader, SESSION_SET, &name, is_local);
		return take_role(reader, &name);
	}
	if (take_word(reader, "default")) {
		add_setting(reader, SESSION_RESET, &name, is_local);
		return take_end(reader);
	}
	add_setting(reader, SESSION_SET, &name, is_local);
	return take_values(reader, &name);
}

static bool
take_reset(struct reader *reader)
{
	struct setting_name name;

	if (!take_setting_name(reader, &name)) {
		return false;
	}
	add_setting(reader, SESSION_RESET, &name, false);
	return take_end(reader);
}

/* ---- SELECT set_config() ------------------------------------------------- */

static bool
take_cast(struct reader *reader)
{
	while (take_sign(reader, "::")) {
		if (!take_word(reader, "text")) {
			return false;
		}
	}
	return true;
}

static bool
take_parameter(struct reader *reader, uint16_t *parameter)
{
	const struct token *token = &reader->token;
	unsigned number = 0;

	if (token->class != TOKEN_PARAM || token->length > 5) {
		return false;
	}
	for (size_t i = 1; i < token->length; i++) {
		number = number * 10 + (unsigned)(token->start[i] - '0');
	}
	*parameter = (uint16_t)number;
	advance(reader);
	return number > 0;
}

/* The value; what it is goes into the operation added last. */
static bool
take_config_value(struct reader *reader, struct session_op *op,
    const struct setting_name *name)
{
	struct token content;

	if (take_word(reader, "null")) {
		op->kind = SESSION_RESET;
	} else if (!take_parameter(reader, &op->parameter)) {
		ops_put_name(reader->builder, name->bytes, name->length);
		if (!take_string(reader, &content) ||
		    !put_content(ops_begin_value(reader->builder), &content)) {
			return false;
		}
		ops_end_value(reader->builder);
		return take_sign(reader, ",");
	}
	ops_put_name(reader->builder, name->bytes, name->length);
	return take_cast(reader) && take_sign(reader, ",");
}

/* The first argument: a string that is the name of a setting. */
static bool
take_config_name(struct reader *reader, struct setting_name *name)
{
	struct token content;

	if (!take_string(reader, &content) ||
	    content.length > sizeof(name->bytes) ||
	    memchr(content.start, '\'', content.length) != NULL) {
		return false;
	}
	memcpy(name->bytes, content.start, content.length);
	name->length = content.length;
	return take_sign(reader, ",") &&
	    !setting_is_transactional(name->bytes, name->length) &&
	    setting_is_value(name->bytes, name->length);
}

static bool
take_config(struct reader *reader)
{
	struct setting_name name;
	struct session_op *op;

	if (take_word(reader, "pg_catalog") && !take_sign(reader, ".")) {
		return false;
	}
	if (!take_word(reader, "set_config") || !take_sign(reader, "(") ||
	    !take_config_name(reader, &name)) {
		return false;
	}
	op = ops_add(reader->builder, SESSION_SET);
	op->is_function = true;
	if (!take_config_value(reader, op, &name)) {
		return false;
	}
	op->is_local = is_word(reader, "true");
	judge_config(reader->verdict, name.bytes, name.length,
	    op->kind == SESSION_SET && op->parameter == 0, op->is_local);
	return (take_word(reader, "true") || take_word(reader, "false")) &&
	    take_sign(reader, ")");
}

/* AS and any word. */
static bool
take_label(struct reader *reader)
{
	if (!take_word(reader, "as")) {
		return true;
	}
	if (reader->token.class != TOKEN_WORD) {
		return false;
	}
	advance(reader);
	return true;
}

static bool
take_select(struct reader *reader)
{
	reader->verdict->kind = SQL_QUERY;
	do {
		if (!take_config(reader) || !take_label(reader)) {
			return false;
		}
	} while (take_sign(reader, ","));
	return take_end(reader);
}

/* ---- statements that name something -------------------------------------- */

static bool
take_named(struct reader *reader, enum sql_kind kind, enum session_op_kind op)
{
	struct token name;

	if (!take_name(reader, &name) || !take_end(reader)) {
		return false;
	}
	reader->verdict->kind = kind;
	judge_not_read(reader->verdict,
	    kind == SQL_DEALLOCATE ? "SQL prepared statement"
	                           : "transaction control");
	(void)ops_add(reader->builder, op);
	ops_put_name(reader->builder, name.start, name.length);
	return true;
}

static bool
take_savepoint(struct reader *reader)
{
	return take_named(reader, SQL_SAVEPOINT, SESSION_SAVEPOINT);
}

static bool
take_release(struct reader *reader)
{
	(void)take_word(reader, "savepoint");
	return take_named(reader, SQL_RELEASE, SESSION_RELEASE);
}

static bool
take_rollback(struct reader *reader)
{
	if (!take_word(reader, "work")) {
		(void)take_word(reader, "transaction");
	}
	if (!take_word(reader, "to")) {
		return false;
	}
	(void)take_word(reader, "savepoint");
	reader->verdict->has_transaction_control = true;
	return take_named(reader, SQL_ROLLBACK_TO, SESSION_ROLLBACK_TO);
}

static bool
take_deallocate(struct reader *reader)
{
	(void)take_word(reader, "prepare");
	reader->verdict->effects = EFFECT_PREPARE;
	return take_named(reader, SQL_DEALLOCATE, SESSION_DEALLOCATE);
}

bool
recognise_text(
    struct verdict *verdict, struct ops_builder *builder, const char *text)
{
	static const struct {
		const char *word;
		bool (*take)(struct reader *reader);
	} statements[] = {
	    {"deallocate", take_deallocate},
	    {"release", take_release},
	    {"reset", take_reset},
	    {"rollback", take_rollback},
	    {"savepoint", take_savepoint},
	    {"select", take_select},
	    {"set", take_set},
	};
	struct reader reader = {.builder = builder, .verdict = verdict};

	lexer_init(&reader.lexer, text, strlen(text), true);
	advance(&reader);
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]);
	     i++) {
		if (!is_word(&reader, statements[i].word)) {
			continue;
		}
		*verdict = (struct verdict){.is_read = true};
		advance(&reader);
		if (!statements[i].take(&reader)) {
			return false;
		}
		verdict->needs_primary |= verdict->effects != EFFECT_NONE;
		verdict->followed = verdict->effects;
		return true;
	}
	return false;
}
