/*
 * follow.c - the session operations in a parse tree.
 *
 * Followed is only what happens whenever the statement succeeds: SET and its
 * kin here, set_config() in follow_config.c. What is in doubt is not followed,
 * and its effect pins.
 *
 * How the values of SET become one text: PostgreSQL's
 * flatten_set_variable_args() and ExecSetVariableStmt().
 */
#include "sql/follow.h"

#include <pg_query/pg_query.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "sql/follow_int.h"
#include "sql/session_ops_int.h"
#include "sql/setting.h"
#include "sql/verdict.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- constants ----------------------------------------------------------- */

bool
follow_is_constant(const struct tree_node *node)
{
	return node->type == &pg_query__a__const__descriptor;
}

bool
follow_string(const struct tree_node *node, struct tree_text *text)
{
	struct tree_node inner;

	if (!follow_is_constant(node) || !tree_child(node, "sval", &inner)) {
		return false;
	}
	*text = tree_string(&inner, "sval");
	return true;
}

/* ---- SET and RESET ------------------------------------------------------- */

static bool
is_short_time(const char *p, size_t length)
{
	size_t digits = 0;

	if (length > 0 && (*p == '+' || *p == '-')) {
		p++;
		length--;
	}
	while (digits < length && digits < 3 && p[digits] >= '0' &&
	    p[digits] <= '9') {
		digits++;
	}
	return (digits == 1 || digits == 2) && length == digits + 3 &&
	    p[digits] == ':' && p[digits + 1] >= '0' && p[digits + 1] <= '5' &&
	    p[digits + 2] >= '0' && p[digits + 2] <= '9';
}

/* INTERVAL_MASK of PostgreSQL's utils/timestamp.h and datetime.h. */
#define HOUR_TO_MINUTE (1 << 10 | 1 << 11)

/* Whether the type of CAST is INTERVAL or INTERVAL HOUR TO MINUTE. */
static bool
is_hour_to_minute(const struct tree_node *cast)
{
	struct tree_node type, unit, value, extra;
	struct tree_iter iter;

	if (!tree_child(cast, "type_name", &type)) {
		return false;
	}
	tree_iter_init(&iter, &type, "typmods");
	if (!tree_iter_next(&iter, &unit)) {
		return true;
	}
	return follow_is_constant(&unit) && tree_child(&unit, "ival", &value) &&
	    tree_number(&value, "ival") == HOUR_TO_MINUTE &&
	    !tree_iter_next(&iter, &extra);
}

/* SET TIME ZONE INTERVAL '-08:00' HOUR TO MINUTE: hours and minutes mean the
 * same without the unit, and under every IntervalStyle. */
static bool
put_interval(struct buf *out, const struct tree_node *cast)
{
	struct tree_node arg;
	struct tree_text text;

	if (!is_hour_to_minute(cast) || !tree_child(cast, "arg", &arg) ||
	    !follow_string(&arg, &text) ||
	    !is_short_time(text.bytes, text.length)) {
		return false;
	}
	buf_append_str(out, "INTERVAL '");
	buf_append(out, text.bytes, text.length);
	buf_append_char(out, '\'');
	return true;
}

static bool
put_constant(
    struct buf *out, struct tree_text name, const struct tree_node *node)
{
	struct tree_node inner;
	struct tree_text text;

	if (node->type == &pg_query__type_cast__descriptor) {
		return put_interval(out, node);
	}
	if (!follow_is_constant(node)) {
		return false;
	}
	if (tree_child(node, "ival", &inner)) {
		buf_printf(out, "%lld", (long long)tree_number(&inner, "ival"));
		return true;
	}
	if (tree_child(node, "fval", &inner)) {
		text = tree_string(&inner, "fval");
		buf_append(out, text.bytes, text.length);
		return true;
	}
	if (!follow_string(node, &text)) {
		return false;
	}
	setting_put_word(out, name.bytes, name.length, text.bytes, text.length);
	return true;
}

/* SET NAME = the ARGS of NODE. */
static bool
follow_value(struct ops_builder *builder, const struct tree_node *node,
    struct tree_text name, bool is_local)
{
	struct tree_iter iter;
	struct tree_node arg;
	struct buf *out;
	bool is_first = true;

	ops_add(builder, SESSION_SET)->is_local = is_local;
	ops_put_name(builder, name.bytes, name.length);
	out = ops_begin_value(builder);
	tree_iter_init(&iter, node, "args");
	while (tree_iter_next(&iter, &arg)) {
		if (!is_first) {
			buf_append_str(out, ", ");
		}
		if (!put_constant(out, name, &arg)) {
			return false;
		}
		is_first = false;
	}
	ops_end_value(builder);
	return !is_first;
}

/* OPTION is a DefElem of SET SESSION CHARACTERISTICS. */
static bool
follow_characteristic(
    struct ops_builder *builder, const struct tree_node *option, bool is_local)
{
	const struct tree_text name = tree_string(option, "defname");
	struct tree_node arg, inner;
	struct tree_text text;
	struct buf *out;
	char setting[64];

	if (option->type != &pg_query__def_elem__descriptor ||
	    !setting_is_transactional(name.bytes, name.length) ||
	    !tree_child(option, "arg", &arg) || !follow_is_constant(&arg)) {
		return false;
	}
	(void)snprintf(setting, sizeof(setting), "default_%.*s",
	    (int)name.length, name.bytes);
	ops_add(builder, SESSION_SET)->is_local = is_local;
	ops_put_name(builder, setting, strlen(setting));
	out = ops_begin_value(builder);
	if (follow_string(&arg, &text)) {
		buf_append(out, text.bytes, text.length);
	} else if (tree_child(&arg, "ival", &inner)) {
		buf_append_str(
		    out, tree_number(&inner, "ival") != 0 ? "on" : "off");
	} else {
		return false;
	}
	ops_end_value(builder);
	return true;
}

static bool
follow_characteristics(
    struct ops_builder *builder, const struct tree_node *node, bool is_local)
{
	struct tree_iter iter;
	struct tree_node option;

	tree_iter_init(&iter, node, "args");
	while (tree_iter_next(&iter, &option)) {
		if (!follow_characteristic(builder, &option, is_local)) {
			return false;
		}
	}
	return true;
}

static bool
follow_set(struct ops_builder *builder, const struct tree_node *node)
{
	const struct tree_text name = tree_string(node, "name");
	const bool is_local = tree_number(node, "is_local") != 0;
	const int64_t kind = tree_number(node, "kind");

	if (kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL) {
		(void)ops_add(builder, SESSION_RESET_ALL);
		return true;
	}
	if (kind == PG_QUERY__VARIABLE_SET_KIND__VAR_SET_MULTI) {
		return tree_text_is(name, "SESSION CHARACTERISTICS") &&
		    follow_characteristics(builder, node, is_local);
	}
	if (setting_is_transactional(name.bytes, name.length) ||
	    !setting_is_value(name.bytes, name.length)) {
		return false;
	}
	switch (kind) {
	case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_VALUE:
		return follow_value(builder, node, name, is_local);
	case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_DEFAULT:
	case PG_QUERY__VARIABLE_SET_KIND__VAR_RESET:
		ops_add(builder, SESSION_RESET)->is_local = is_local;
		ops_put_name(builder, name.bytes, name.length);
		return true;
	default:
		return false; /* FROM CURRENT */
	}
}

/* ---- the others ---------------------------------------------------------- */

static void
follow_transaction(struct ops_builder *builder, const struct tree_node *node)
{
	static const struct {
		int64_t kind;
		enum session_op_kind op;
	} kinds[] = {
#define KIND(name, op) \
	{PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_##name, SESSION_##op}
	    KIND(BEGIN, BEGIN),
	    KIND(START, BEGIN),
	    KIND(COMMIT, COMMIT),
	    KIND(ROLLBACK, ROLLBACK),
	    KIND(SAVEPOINT, SAVEPOINT),
	    KIND(RELEASE, RELEASE),
	    KIND(ROLLBACK_TO, ROLLBACK_TO),
	    KIND(PREPARE, PREPARE_TRANSACTION),
#undef KIND
	};
	const struct tree_text name = tree_string(node, "savepoint_name");
	const int64_t kind = tree_number(node, "kind");

	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (kinds[i].kind != kind) {
			continue;
		}
		ops_add(builder, kinds[i].op)->is_chain =
		    tree_number(node, "chain") != 0;
		if (name.length > 0) {
			ops_put_name(builder, name.bytes, name.length);
		}
	}
}

static void
follow_deallocate(struct ops_builder *builder, const struct tree_node *node)
{
	const struct tree_text name = tree_string(node, "name");

	if (name.length == 0) {
		(void)ops_add(builder, SESSION_DEALLOCATE_ALL);
		return;
	}
	(void)ops_add(builder, SESSION_DEALLOCATE);
	ops_put_name(builder, name.bytes, name.length);
}

uint32_t
follow_statement(struct ops_builder *builder, const struct tree_node *stmt)
{
	const struct ops_mark mark = ops_mark(builder);

	if (stmt->type == &pg_query__variable_set_stmt__descriptor) {
		if (follow_set(builder, stmt)) {
			return EFFECT_SET | EFFECT_ROLE;
		}
	} else if (stmt->type == &pg_query__select_stmt__descriptor) {
		if (follow_select(builder, stmt)) {
			return EFFECT_SET_CONFIG;
		}
	} else if (stmt->type == &pg_query__transaction_stmt__descriptor) {
		follow_transaction(builder, stmt);
		return EFFECT_NONE;
	} else if (stmt->type == &pg_query__deallocate_stmt__descriptor) {
		follow_deallocate(builder, stmt);
		return EFFECT_PREPARE;
	} else if (stmt->type == &pg_query__discard_stmt__descriptor &&
	    tree_number(stmt, "target") ==
	        PG_QUERY__DISCARD_MODE__DISCARD_ALL) {
		(void)ops_add(builder, SESSION_DISCARD_ALL);
		return EFFECT_DISCARD;
	}
	ops_go_back(builder, mark);
	return EFFECT_NONE;
}
