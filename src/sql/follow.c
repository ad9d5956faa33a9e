/*
 * follow.c - the session operations in a parse tree.
 *
 * Followed is only what happens whenever the statement succeeds: SET and its
 * kin, and a SELECT without FROM that calls set_config() and does nothing by
 * which that call could be left out, come twice, or come in another order.
 * What is in doubt is not followed, and its effect pins.
 *
 * How the values of SET become one text: PostgreSQL's
 * flatten_set_variable_args() and ExecSetVariableStmt().
 */
#include "sql/follow.h"

#include <pg_query/pg_query.pb-c.h>
#include <string.h>

#include "sql/session_ops_int.h"
#include "sql/setting.h"
#include "sql/verdict.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- constants ----------------------------------------------------------- */

static bool
is_constant(const struct tree_node *node)
{
	return node->type == &pg_query__a__const__descriptor;
}

/* The string NODE is; false when it is none. */
static bool
get_string(const struct tree_node *node, struct tree_text *text)
{
	struct tree_node inner;

	if (!is_constant(node) || !tree_child(node, "sval", &inner)) {
		return false;
	}
	*text = tree_string(&inner, "sval");
	return true;
}

/* Whether NODE, the type of a cast, is text or varchar of any length. */
static bool
is_text_type(const struct tree_node *cast)
{
	struct tree_node type;
	struct tree_text names[2], name;
	size_t count;

	if (!tree_child(cast, "type_name", &type) ||
	    tree_has(&type, "typmods") || tree_has(&type, "array_bounds") ||
	    tree_has(&type, "setof") || tree_has(&type, "pct_type")) {
		return false;
	}
	count = tree_names(&type, "names", names, 2);
	if (count == 2 && tree_text_is(names[0], "pg_catalog")) {
		name = names[1];
	} else if (count == 1) {
		name = names[0];
	} else {
		return false;
	}
	return tree_text_is(name, "text") || tree_text_is(name, "varchar");
}

/* Takes casts to text off NODE. */
static bool
strip_casts(struct tree_node *node)
{
	while (node->type == &pg_query__type_cast__descriptor) {
		struct tree_node arg;

		if (!is_text_type(node) || !tree_child(node, "arg", &arg)) {
			return false;
		}
		*node = arg;
	}
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

/* SET TIME ZONE INTERVAL '-08:00' HOUR TO MINUTE: the one form of it that means
 * the same whatever the unit and IntervalStyle. */
static bool
put_interval(struct buf *out, const struct tree_node *cast)
{
	struct tree_node arg;
	struct tree_text text;

	if (!tree_child(cast, "arg", &arg) || !get_string(&arg, &text) ||
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
	if (!is_constant(node)) {
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
	if (!get_string(node, &text)) {
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
	    !tree_child(option, "arg", &arg) || !is_constant(&arg)) {
		return false;
	}
	memcpy(setting, "default_", 8);
	memcpy(setting + 8, name.bytes, name.length);
	ops_add(builder, SESSION_SET)->is_local = is_local;
	ops_put_name(builder, setting, 8 + name.length);
	out = ops_begin_value(builder);
	if (get_string(&arg, &text)) {
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

/* ---- SELECT set_config() ------------------------------------------------- */

/* Whether NODE has no message in any field but those ALLOWED. */
static bool
has_only(const struct tree_node *node, const char *const *allowed, size_t count)
{
	for (unsigned i = 0; i < node->type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &node->type->fields[i];
		bool is_allowed = false;

		for (size_t k = 0; k < count; k++) {
			is_allowed |= strcmp(field->name, allowed[k]) == 0;
		}
		if (!is_allowed && field->type == PROTOBUF_C_TYPE_MESSAGE &&
		    tree_has(node, field->name)) {
			return false;
		}
	}
	return true;
}

/* The name of the function a plain call calls; false when it is another kind of
 * call, or one of a function not in pg_catalog. */
static bool
get_call(const struct tree_node *node, struct tree_text *name)
{
	static const char *const plain[] = {"funcname", "args"};
	struct tree_text names[2];
	size_t count;

	if (node->type != &pg_query__func_call__descriptor ||
	    !has_only(node, plain, COUNT(plain)) ||
	    tree_has(node, "agg_within_group") || tree_has(node, "agg_star") ||
	    tree_has(node, "agg_distinct") || tree_has(node, "func_variadic")) {
		return false;
	}
	count = tree_names(node, "funcname", names, 2);
	if (count == 1) {
		*name = names[0];
		return true;
	}
	*name = names[1];
	return count == 2 && tree_text_is(names[0], "pg_catalog");
}

/* The value set_config() is given: a string, a parameter or NULL. */
static bool
follow_config_value(struct ops_builder *builder, struct session_op *op,
    struct tree_text name, struct tree_node node)
{
	struct tree_text text;

	if (!strip_casts(&node)) {
		return false;
	}
	if (node.type == &pg_query__param_ref__descriptor) {
		const int64_t number = tree_number(&node, "number");

		op->parameter = (uint16_t)number;
		ops_put_name(builder, name.bytes, name.length);
		return number > 0 && number <= UINT16_MAX;
	}
	if (is_constant(&node) && tree_number(&node, "isnull") != 0) {
		op->kind = SESSION_RESET;
		ops_put_name(builder, name.bytes, name.length);
		return true;
	}
	if (!get_string(&node, &text)) {
		return false;
	}
	ops_put_name(builder, name.bytes, name.length);
	buf_append(ops_begin_value(builder), text.bytes, text.length);
	ops_end_value(builder);
	return true;
}

/* set_config(constant name, value, constant). */
static bool
follow_config(struct ops_builder *builder, const struct tree_node *call)
{
	struct tree_node args[3], extra, inner;
	struct tree_text name;
	struct tree_iter iter;
	struct session_op *op;

	tree_iter_init(&iter, call, "args");
	for (size_t i = 0; i < 3; i++) {
		if (!tree_iter_next(&iter, &args[i])) {
			return false;
		}
	}
	if (tree_iter_next(&iter, &extra) || !strip_casts(&args[0]) ||
	    !get_string(&args[0], &name) || !is_constant(&args[2]) ||
	    !tree_child(&args[2], "boolval", &inner) ||
	    setting_is_transactional(name.bytes, name.length) ||
	    !setting_is_value(name.bytes, name.length)) {
		return false;
	}
	op = ops_add(builder, SESSION_SET);
	op->is_function = true;
	op->is_local = tree_number(&inner, "boolval") != 0;
	return follow_config_value(builder, op, name, args[1]);
}

/* A function without effect, which gives one row, called with constants. */
static bool
is_harmless_call(const struct tree_node *call, struct tree_text name)
{
	static const char *const harmless[] = {"clock_timestamp",
	    "current_database", "current_schema", "current_setting", "now",
	    "pg_backend_pid", "pg_is_in_recovery", "version"};
	struct tree_iter iter;
	struct tree_node arg;

	tree_iter_init(&iter, call, "args");
	while (tree_iter_next(&iter, &arg)) {
		if (!is_constant(&arg)) {
			return false;
		}
	}
	for (size_t i = 0; i < COUNT(harmless); i++) {
		if (tree_text_is(name, harmless[i])) {
			return true;
		}
	}
	return false;
}

/* A parameter elsewhere could give the one of set_config() another type. */
static bool
follow_target(struct ops_builder *builder, const struct tree_node *target)
{
	struct tree_node value;
	struct tree_text name;

	if (target->type != &pg_query__res_target__descriptor ||
	    !tree_child(target, "val", &value) || !strip_casts(&value)) {
		return false;
	}
	if (is_constant(&value) ||
	    value.type == &pg_query__sqlvalue_function__descriptor) {
		return true;
	}
	if (!get_call(&value, &name)) {
		return false;
	}
	return tree_text_is(name, "set_config")
	    ? follow_config(builder, &value)
	    : is_harmless_call(&value, name);
}

static bool
follow_select(struct ops_builder *builder, const struct tree_node *node)
{
	static const char *const plain[] = {"target_list"};
	struct tree_iter iter;
	struct tree_node target;

	if (!has_only(node, plain, COUNT(plain))) {
		return false;
	}
	tree_iter_init(&iter, node, "target_list");
	while (tree_iter_next(&iter, &target)) {
		if (!follow_target(builder, &target)) {
			return false;
		}
	}
	return true;
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
