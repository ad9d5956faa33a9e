/*
 * follow_config.c - SELECT set_config(), followed.
 *
 * Only a SELECT without FROM that does nothing by which the call could be left
 * out, come twice or come in another order. What else stands beside the calls
 * is therefore a list of things known, not of things excluded.
 */
#include "sql/follow_int.h"

#include <pg_query/pg_query.pb-c.h>
#include <string.h>

#include "sql/session_ops_int.h"
#include "sql/setting.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

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
	if (follow_is_constant(&node) && tree_number(&node, "isnull") != 0) {
		op->kind = SESSION_RESET;
		ops_put_name(builder, name.bytes, name.length);
		return true;
	}
	if (!follow_string(&node, &text)) {
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
	    !follow_string(&args[0], &name) || !follow_is_constant(&args[2]) ||
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
		if (!follow_is_constant(&arg)) {
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
	if (follow_is_constant(&value) ||
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

bool
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
