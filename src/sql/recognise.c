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

#include "sql/judge.h"
#include "sql/recognise_int.h"
#include "sql/session_ops_int.h"
#include "sql/setting.h"
#include "sql/verdict.h"

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
		if (!reader_take_value(reader, out, name)) {
			return false;
		}
		if (!reader_take_sign(reader, ",")) {
			break;
		}
		buf_append_str(out, ", ");
	}
	ops_end_value(reader->builder);
	return reader_take_end(reader);
}

/* SET ROLE has one value, and that is no number. */
static bool
take_role(struct reader *reader, const struct setting_name *name)
{
	const enum token_class class = reader->token.class;
	struct buf *out = ops_begin_value(reader->builder);

	if ((class != TOKEN_WORD && class != TOKEN_QUOTED_WORD &&
	        class != TOKEN_STRING) ||
	    reader_is_word(reader, "true") || reader_is_word(reader, "false") ||
	    reader_is_word(reader, "on") ||
	    !reader_take_value(reader, out, name)) {
		return false;
	}
	ops_end_value(reader->builder);
	return reader_take_end(reader);
}

static bool
take_set(struct reader *reader)
{
	const bool is_local = reader_take_word(reader, "local");
	struct setting_name name;
	bool is_role;

	if (!is_local) {
		(void)reader_take_word(reader, "session");
	}
	is_role = reader_is_word(reader, "role");
	if (reader_is_word(reader, "to") ||
	    !reader_take_setting_name(reader, &name)) {
		return false;
	}
	if (!reader_take_sign(reader, "=") && !reader_take_word(reader, "to")) {
		if (!is_role || name.length != strlen("role")) {
			return false;
		}
		add_setting(reader, SESSION_SET, &name, is_local);
		return take_role(reader, &name);
	}
	if (reader_take_word(reader, "default")) {
		add_setting(reader, SESSION_RESET, &name, is_local);
		return reader_take_end(reader);
	}
	add_setting(reader, SESSION_SET, &name, is_local);
	return take_values(reader, &name);
}

static bool
take_reset(struct reader *reader)
{
	struct setting_name name;

	if (!reader_take_setting_name(reader, &name)) {
		return false;
	}
	add_setting(reader, SESSION_RESET, &name, false);
	return reader_take_end(reader);
}

/* ---- SELECT set_config() ------------------------------------------------- */

static bool
take_cast(struct reader *reader)
{
	while (reader_take_sign(reader, "::")) {
		if (!reader_take_word(reader, "text")) {
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
	reader_advance(reader);
	return number > 0;
}

/* The value; what it is goes into the operation added last. */
static bool
take_config_value(struct reader *reader, struct session_op *op,
    const struct setting_name *name)
{
	struct token content;

	if (reader_take_word(reader, "null")) {
		op->kind = SESSION_RESET;
	} else if (!take_parameter(reader, &op->parameter)) {
		ops_put_name(reader->builder, name->bytes, name->length);
		if (!reader_take_string(reader, &content) ||
		    !reader_put_content(
		        ops_begin_value(reader->builder), &content)) {
			return false;
		}
		ops_end_value(reader->builder);
		return reader_take_sign(reader, ",");
	}
	ops_put_name(reader->builder, name->bytes, name->length);
	return take_cast(reader) && reader_take_sign(reader, ",");
}

/* The first argument: a string that is the name of a setting. */
static bool
take_config_name(struct reader *reader, struct setting_name *name)
{
	struct token content;

	if (!reader_take_string(reader, &content) ||
	    content.length > sizeof(name->bytes) ||
	    memchr(content.start, '\'', content.length) != NULL) {
		return false;
	}
	memcpy(name->bytes, content.start, content.length);
	name->length = content.length;
	return reader_take_sign(reader, ",") &&
	    !setting_is_transactional(name->bytes, name->length) &&
	    setting_is_value(name->bytes, name->length);
}

static bool
take_config(struct reader *reader)
{
	struct setting_name name;
	struct session_op *op;

	if (reader_take_word(reader, "pg_catalog") &&
	    !reader_take_sign(reader, ".")) {
		return false;
	}
	if (!reader_take_word(reader, "set_config") ||
	    !reader_take_sign(reader, "(") ||
	    !take_config_name(reader, &name)) {
		return false;
	}
	op = ops_add(reader->builder, SESSION_SET);
	op->is_function = true;
	if (!take_config_value(reader, op, &name)) {
		return false;
	}
	op->is_local = reader_is_word(reader, "true");
	judge_config(reader->verdict, name.bytes, name.length,
	    op->kind == SESSION_SET && op->parameter == 0, op->is_local);
	return (reader_take_word(reader, "true") ||
	           reader_take_word(reader, "false")) &&
	    reader_take_sign(reader, ")");
}

/* AS and any word. */
static bool
take_label(struct reader *reader)
{
	if (!reader_take_word(reader, "as")) {
		return true;
	}
	if (reader->token.class != TOKEN_WORD) {
		return false;
	}
	reader_advance(reader);
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
	} while (reader_take_sign(reader, ","));
	return reader_take_end(reader);
}

/* ---- statements that name something -------------------------------------- */

static bool
take_named(struct reader *reader, enum sql_kind kind, enum session_op_kind op)
{
	struct token name;

	if (!reader_take_name(reader, &name) || !reader_take_end(reader)) {
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
	(void)reader_take_word(reader, "savepoint");
	return take_named(reader, SQL_RELEASE, SESSION_RELEASE);
}

static bool
take_rollback(struct reader *reader)
{
	if (!reader_take_word(reader, "work")) {
		(void)reader_take_word(reader, "transaction");
	}
	if (!reader_take_word(reader, "to")) {
		return false;
	}
	(void)reader_take_word(reader, "savepoint");
	reader->verdict->has_transaction_control = true;
	return take_named(reader, SQL_ROLLBACK_TO, SESSION_ROLLBACK_TO);
}

static bool
take_deallocate(struct reader *reader)
{
	(void)reader_take_word(reader, "prepare");
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
	reader_advance(&reader);
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]);
	     i++) {
		if (!reader_is_word(&reader, statements[i].word)) {
			continue;
		}
		*verdict = (struct verdict){.is_read = true};
		reader_advance(&reader);
		if (!statements[i].take(&reader)) {
			return false;
		}
		verdict->needs_primary |= verdict->effects != EFFECT_NONE;
		verdict->followed = verdict->effects;
		return true;
	}
	return false;
}
