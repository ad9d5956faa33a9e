/*
 * verdict.c - what a SQL text does, as far as its syntax tells.
 *
 * Every list here says what is known to be harmless; whatever is in none of
 * them is not a read, or pins. What hides behind names, such as functions
 * called by views, triggers, defaults, operators and casts, syntax cannot see.
 *
 * The parser and the packer of its result recurse. Measured for every recursive
 * production, the worst (a chain of prefix operators, one token a level) takes
 * 360 bytes of stack per token; the token bound is therefore the stack bound.
 * The packed tree is never unpacked, which would take 1,900 (tree.c).
 */
#include "sql/verdict.h"

#include <assert.h>
#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
#include <string.h>

#include "sql/follow.h"
#include "sql/judge.h"
#include "sql/lexer.h"
#include "sql/recognise.h"
#include "sql/session_ops_int.h"
#include "sql/shape.h"
#include "sql/tree.h"

const struct verdict_bounds verdict_bounds_default = {
    .token_count = VERDICT_TOKENS_DEFAULT,
    .depth = VERDICT_DEPTH_DEFAULT,
    .bytes = VERDICT_BYTES_DEFAULT,
};

void
verdict_set_unknown(
    struct verdict *verdict, uint32_t effects, const char *reason)
{
	*verdict = (struct verdict){
	    .kind = SQL_UNKNOWN,
	    .needs_primary = true,
	    .reason = reason,
	    .effects = effects,
	    .has_transaction_control = true,
	    .has_copy_in = true,
	    .has_copy_out = true,
	};
}

/* Why SHAPE is not parsed; NULL when it may be. */
static const char *
beyond_bounds(const struct shape *shape, size_t length,
    const struct verdict_bounds *bounds)
{
	if (shape->flags & SHAPE_HAS_NUL) {
		return "NUL in the text";
	}
	if (shape->flags & (SHAPE_JUNK | SHAPE_UNTERMINATED)) {
		return "text not understood";
	}
	if (shape->token_count > bounds->token_count ||
	    length > bounds->bytes) {
		return "text too long to be parsed";
	}
	if (shape->depth > bounds->depth) {
		return "text nested too deep to be parsed";
	}
	return NULL;
}

/* The statement within STMT, a RawStmt; false when it has none. */
static bool
raw_statement(const struct tree_node *raw, struct tree_node *stmt)
{
	return raw->type == &pg_query__raw_stmt__descriptor &&
	    tree_child(raw, "stmt", stmt);
}

/* In several statements the modes of a BEGIN among them say nothing. */
static void
make_multi(struct verdict *verdict)
{
	verdict->kind = SQL_MULTI;
	verdict->isolation = ISOLATION_DEFAULT;
	verdict->access = ACCESS_DEFAULT;
	verdict->is_deferrable = false;
}

/* Whether how TEXT spells a word or string depends on an encoding: which
 * letters are folded, and what an escape stands for. */
static bool
has_encoded(const char *text)
{
	struct lexer lexer;
	struct token token;

	lexer_init(&lexer, text, strlen(text), true);
	do {
		bool has_high_bit = false, has_backslash = false;

		lexer_next(&lexer, &token);
		for (size_t i = 0; i < token.length; i++) {
			has_high_bit |= (token.start[i] & 0x80) != 0;
			has_backslash |= token.start[i] == '\\';
		}
		if ((token.class == TOKEN_WORD && has_high_bit) ||
		    (token.class == TOKEN_ESCAPE_STRING && has_backslash) ||
		    token.class == TOKEN_UNICODE_STRING ||
		    token.class == TOKEN_UNICODE_WORD) {
			return true;
		}
	} while (token.class != TOKEN_END);
	return false;
}

/* Judges one statement of several. Its session effects are looked at alone, so
 * that what another one does is not taken for its own. */
static bool
judge_raw(struct verdict *verdict, const struct tree_node *raw,
    struct ops_builder *builder)
{
	const uint32_t effects_before = verdict->effects;
	struct tree_node stmt;

	if (!raw_statement(raw, &stmt)) {
		return false;
	}
	verdict->effects = EFFECT_NONE;
	judge_statement(verdict, &stmt);
	if (!tree_walk(raw, judge_message, verdict)) {
		return false;
	}
	verdict->followed &=
	    ~(verdict->effects & ~follow_statement(builder, &stmt));
	verdict->effects |= effects_before;
	return true;
}

/* In .followed stand, until the end, the effects that nothing has been found to
 * have which is not followed. */
static bool
judge_tree(struct verdict *verdict, const PgQueryProtobuf *packed,
    struct ops_builder *builder)
{
	const struct tree_node root = {&pg_query__parse_result__descriptor,
	    (const uint8_t *)packed->data, packed->len};
	struct tree_iter iter;
	struct tree_node raw;
	bool has_control = false;

	*verdict = (struct verdict){
	    .kind = SQL_EMPTY, .is_read = true, .followed = UINT32_MAX};
	tree_iter_init(&iter, &root, "stmts");
	while (tree_iter_next(&iter, &raw)) {
		if (!judge_raw(verdict, &raw, builder)) {
			return false;
		}
		has_control |= verdict->has_transaction_control;
		verdict->has_transaction_control = false;
		builder->statement++;
	}
	verdict->has_transaction_control = has_control;
	verdict->followed &= verdict->effects;
	if (sql_names_temporary(root.bytes, root.length)) {
		judge_not_read(verdict, "temporary object");
		verdict->effects |= EFFECT_TEMPORARY;
	}
	if (builder->statement == 0) {
		judge_not_read(verdict, "no statement");
	} else if (builder->statement > 1) {
		make_multi(verdict);
	}
	verdict->needs_primary |= verdict->effects != EFFECT_NONE;
	return true;
}

bool
verdict_parse(struct verdict *verdict, const struct shape *shape,
    const char *text, const struct verdict_bounds *bounds)
{
	const char *refusal = beyond_bounds(shape, strlen(text), bounds);
	struct ops_builder builder = {0};
	PgQueryProtobufParseResult result;
	bool ok;

	if (refusal != NULL) {
		verdict_set_unknown(verdict, EFFECT_UNKNOWN, refusal);
		return false;
	}
	result = pg_query_parse_protobuf(text);
	ok = result.error == NULL &&
	    judge_tree(verdict, &result.parse_tree, &builder);
	pg_query_free_protobuf_parse_result(result);
	if (!ok) {
		verdict_set_unknown(
		    verdict, EFFECT_UNKNOWN, "not parsed by PostgreSQL 15");
	} else {
		if (ops_has_high_bit(&builder) && has_encoded(text)) {
			verdict->followed = EFFECT_NONE;
		}
		verdict->ops = ops_build(&builder, builder.statement);
		if (verdict->ops == NULL) {
			verdict->followed = EFFECT_NONE;
		}
	}
	ops_builder_fini(&builder);
	return ok;
}

bool
verdict_recognise(struct verdict *verdict, const struct shape *shape,
    const char *text, const struct verdict_bounds *bounds)
{
	const size_t length = strlen(text);
	struct ops_builder builder = {0};
	const bool ok = beyond_bounds(shape, length, bounds) == NULL &&
	    recognise_text(verdict, &builder, text) &&
	    !sql_names_temporary(text, length) &&
	    !(ops_has_high_bit(&builder) && has_encoded(text));

	if (ok) {
		verdict->ops = ops_build(&builder, 1);
	} else {
		verdict_set_unknown(verdict, EFFECT_UNKNOWN, "not recognised");
	}
	ops_builder_fini(&builder);
	return ok;
}

const char *
sql_kind_name(enum sql_kind kind)
{
	static const char *const names[] = {
	    [SQL_UNKNOWN] = "unknown",
	    [SQL_EMPTY] = "empty",
	    [SQL_MULTI] = "several statements",
	    [SQL_QUERY] = "query",
	    [SQL_DML] = "change",
	    [SQL_EXPLAIN] = "explain",
	    [SQL_SHOW] = "show",
	    [SQL_BEGIN] = "begin",
	    [SQL_COMMIT] = "commit",
	    [SQL_ROLLBACK] = "rollback",
	    [SQL_SAVEPOINT] = "savepoint",
	    [SQL_RELEASE] = "release",
	    [SQL_ROLLBACK_TO] = "rollback to",
	    [SQL_PREPARE_TRANSACTION] = "prepare transaction",
	    [SQL_SET_TRANSACTION] = "set transaction",
	    [SQL_SET] = "set",
	    [SQL_COPY_IN] = "copy in",
	    [SQL_COPY_OUT] = "copy out",
	    [SQL_CURSOR] = "cursor",
	    [SQL_PREPARE] = "prepare",
	    [SQL_EXECUTE] = "execute",
	    [SQL_DEALLOCATE] = "deallocate",
	    [SQL_DISCARD] = "discard",
	    [SQL_LISTEN] = "listen",
	    [SQL_NOTIFY] = "notify",
	    [SQL_OTHER] = "other",
	};

	assert((size_t)kind < sizeof(names) / sizeof(names[0]));
	return names[kind];
}

const char *
sql_effect_name(uint32_t effects)
{
	static const char *const names[] = {
#define EFFECT(symbol, text) text,
#include "sql/effects.def"
#undef EFFECT
	};

	for (size_t i = 0; i < EFFECT_COUNT; i++) {
		if (effects & (1U << i)) {
			return names[i];
		}
	}
	return "none";
}
