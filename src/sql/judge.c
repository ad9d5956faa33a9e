/*
 * judge.c - what the parts of a parse tree say, wherever they stand.
 *
 * Every message of the tree comes by. A message that is not in the list of what
 * reads are made of makes the text something else than a read; so what a newer
 * grammar may bring is refused without being known. Functions are looked up by
 * name, because a function can do anything.
 */
#include "sql/judge.h"

#include <pg_query/pg_query.pb-c.h>
#include <string.h>

#include "sql/builtins.h"
#include "sql/setting.h"

void
judge_not_read(struct verdict *verdict, const char *reason)
{
	if (verdict->is_read || verdict->reason == NULL) {
		verdict->reason = reason;
	}
	verdict->is_read = false;
}

/* ---- functions ----------------------------------------------------------- */

/* Whether NODE is the constant TRUE. */
static bool
is_true(struct tree_node node)
{
	struct tree_node inner;

	if (node.type == &pg_query__type_cast__descriptor) {
		struct tree_node arg;

		if (!tree_child(&node, "arg", &arg)) {
			return false;
		}
		node = arg;
	}
	return node.type == &pg_query__a__const__descriptor &&
	    tree_child(&node, "boolval", &inner) &&
	    tree_number(&inner, "boolval") != 0;
}

/* The constant string NODE is; false when it is none. */
static bool
constant_string(const struct tree_node *node, struct tree_text *text)
{
	struct tree_node inner;

	if (node->type != &pg_query__a__const__descriptor ||
	    !tree_child(node, "sval", &inner)) {
		return false;
	}
	*text = tree_string(&inner, "sval");
	return true;
}

static void
judge_class(struct verdict *verdict, struct builtin function)
{
	static const uint32_t effects[] = {
	    [BUILTIN_UNKNOWN] = EFFECT_FUNCTION,
	    [BUILTIN_READ] = EFFECT_NONE,
	    [BUILTIN_NODE] = EFFECT_NONE,
	    [BUILTIN_WRITE] = EFFECT_NONE,
	    [BUILTIN_SESSION] = EFFECT_SESSION_FUNCTION,
	    [BUILTIN_LOCK] = EFFECT_ADVISORY_LOCK,
	    [BUILTIN_CONFIG] = EFFECT_SET_CONFIG,
	    [BUILTIN_SETTING] = EFFECT_NONE,
	    [BUILTIN_SQL] = EFFECT_FUNCTION,
	};

	if (function.class == BUILTIN_READ) {
		return;
	}
	judge_not_read(verdict,
	    function.reason != NULL ? function.reason
	                            : "function not built in");
	verdict->needs_primary = true;
	verdict->effects |= effects[function.class];
}

void
judge_config(struct verdict *verdict, const char *name, size_t length,
    bool is_constant, bool is_local)
{
	static const char function[] = "set_config";
	const struct builtin config =
	    builtin_function(function, strlen(function));

	/* It ends with the transaction then. But a search_path not seen here
	 * could lead the next CREATE TABLE to the temporary schema. */
	if (is_local && !setting_is_lexical(name, length) &&
	    (is_constant || memchr(name, '.', length) != NULL)) {
		judge_not_read(verdict, config.reason);
		verdict->needs_primary = true;
		return;
	}
	judge_class(verdict, config);
}

/* What can be seen of a call of set_config(). */
static void
judge_config_call(struct verdict *verdict, const struct tree_node *call)
{
	struct tree_node args[3];
	struct tree_text name = {"", 0}, value;
	struct tree_iter iter;
	size_t count = 0;

	tree_iter_init(&iter, call, "args");
	while (count < 3 && tree_iter_next(&iter, &args[count])) {
		count++;
	}
	if (count < 3 || !constant_string(&args[0], &name)) {
		judge_config(verdict, "", 0, false, false);
		return;
	}
	judge_config(verdict, name.bytes, name.length,
	    constant_string(&args[1], &value), is_true(args[2]));
}

/* current_setting() of what SHOW may ask a replica for. A custom setting may be
 * empty where a transaction once had it, and unknown to another session. */
static bool
is_client_setting(const struct tree_node *call)
{
	struct tree_text name;
	struct tree_node arg;

	return tree_child(call, "args", &arg) && constant_string(&arg, &name) &&
	    setting_is_clients(name.bytes, name.length);
}

static struct builtin
find_function(const struct tree_text *names, size_t count)
{
	const struct builtin unknown = {BUILTIN_UNKNOWN, NULL};
	const struct builtin read = {BUILTIN_READ, NULL};

	if (count == 1) {
		return builtin_function(names[0].bytes, names[0].length);
	}
	if (count != 2) {
		return unknown;
	}
	if (tree_text_is(names[0], "pg_catalog")) {
		return builtin_function(names[1].bytes, names[1].length);
	}
	/* Drivers ask for keys and columns with these; none is volatile. */
	return tree_text_is(names[0], "information_schema") &&
	        names[1].length > 4 && memcmp(names[1].bytes, "_pg_", 4) == 0
	    ? read
	    : unknown;
}

static void
judge_function(struct verdict *verdict, const struct tree_node *node)
{
	struct tree_text names[2];
	const size_t count = tree_names(node, "funcname", names, 2);
	const struct builtin function = find_function(names, count);

	if (function.class == BUILTIN_CONFIG) {
		judge_config_call(verdict, node);
		return;
	}
	if (function.class == BUILTIN_SETTING && is_client_setting(node)) {
		return;
	}
	judge_class(verdict, function);
}

/* PART, behind a point, may be the name of a function that is called so. Mostly
 * it is a field, whose name we do not know; what is known by that name is
 * judged as if it were called. */
static void
judge_field(struct verdict *verdict, const struct tree_node *part)
{
	struct tree_text name;
	struct builtin function;

	if (part->type != &pg_query__string__descriptor) {
		return;
	}
	name = tree_string(part, "sval");
	function = builtin_function(name.bytes, name.length);
	if (function.class != BUILTIN_UNKNOWN) {
		judge_class(verdict, function);
	}
}

/* (1).pg_advisory_lock calls the function. */
static void
judge_indirection(struct verdict *verdict, const struct tree_node *node)
{
	struct tree_iter iter;
	struct tree_node part;

	tree_iter_init(&iter, node, "indirection");
	while (tree_iter_next(&iter, &part)) {
		judge_field(verdict, &part);
	}
}

/* The columns of a sequence. A replica has them as they will be some nextval()
 * later: the primary writes WAL for 32 of them at once. */
static bool
is_sequence_column(const struct tree_node *part)
{
	const struct tree_text name = tree_string(part, "sval");

	return tree_text_is(name, "last_value") ||
	    tree_text_is(name, "log_cnt") || tree_text_is(name, "is_called");
}

/* x.pg_advisory_lock calls the function, too: FROM generate_series(1, 2) x. */
static void
judge_column(struct verdict *verdict, const struct tree_node *node)
{
	struct tree_iter iter;
	struct tree_node part;
	int count = 0;

	tree_iter_init(&iter, node, "fields");
	while (tree_iter_next(&iter, &part)) {
		if (part.type == &pg_query__string__descriptor &&
		    is_sequence_column(&part)) {
			judge_not_read(verdict, "state of a sequence");
			verdict->needs_primary = true;
		}
		count++;
	}
	if (count > 1) {
		judge_field(verdict, &part); /* those before it name a table */
	}
}

static void
judge_sample(struct verdict *verdict, const struct tree_node *node)
{
	struct tree_text names[2];
	const size_t count = tree_names(node, "method", names, 2);

	judge_class(verdict, find_function(names, count));
}

/* ---- operators, types, relations ----------------------------------------- */

/* NAMES is the list field of NODE; BETWEEN and its kin stand there as words. */
static void
judge_operator(
    struct verdict *verdict, const struct tree_node *node, const char *list)
{
	struct tree_text names[2];
	const size_t count = tree_names(node, list, names, 2);
	struct tree_text name;

	if (count == 0) {
		return;
	}
	if (count == 1) {
		name = names[0];
	} else if (count == 2 && tree_text_is(names[0], "pg_catalog")) {
		name = names[1];
	} else {
		judge_not_read(verdict, "operator not built in");
		return;
	}
	if (!(name.length > 0 && name.bytes[0] >= 'A' &&
	        name.bytes[0] <= 'Z') &&
	    !builtin_is_operator(name.bytes, name.length)) {
		judge_not_read(verdict, "operator not built in");
	}
}

static void
judge_expression(struct verdict *verdict, const struct tree_node *node)
{
	judge_operator(verdict, node, "name");
}

static void
judge_sublink(struct verdict *verdict, const struct tree_node *node)
{
	judge_operator(verdict, node, "oper_name");
}

static void
judge_sort(struct verdict *verdict, const struct tree_node *node)
{
	judge_operator(verdict, node, "use_op");
}

static void
judge_type(struct verdict *verdict, const struct tree_node *node)
{
	struct tree_text names[2];
	const size_t count = tree_names(node, "names", names, 2);

	if (!(count == 1 && builtin_is_type(names[0].bytes, names[0].length)) &&
	    !(count == 2 && tree_text_is(names[0], "pg_catalog") &&
	        builtin_is_type(names[1].bytes, names[1].length))) {
		judge_not_read(verdict, "type not built in");
	}
}

static void
judge_relation(struct verdict *verdict, const struct tree_node *node)
{
	const struct tree_text schema = tree_string(node, "schemaname");
	const struct tree_text name = tree_string(node, "relname");

	if (tree_text_is(tree_string(node, "relpersistence"), "t")) {
		judge_not_read(verdict, "temporary object");
		verdict->effects |= EFFECT_TEMPORARY;
	}
	if ((schema.length == 0 || tree_text_is(schema, "pg_catalog")) &&
	    builtin_is_node_relation(name.bytes, name.length)) {
		judge_not_read(verdict, "shows a session or node");
		verdict->needs_primary = true;
	}
}

static void
judge_execute(struct verdict *verdict, const struct tree_node *node)
{
	(void)node;
	judge_not_read(verdict, "SQL prepared statement");
	verdict->effects |= EFFECT_PREPARE;
}

/* ---- the list ------------------------------------------------------------ */

typedef void judge_fn(struct verdict *verdict, const struct tree_node *node);

#define READ(name)                                          \
	{                                                   \
		&pg_query__##name##__descriptor, NULL, NULL \
	}
#define CHECK(name, judge)                                   \
	{                                                    \
		&pg_query__##name##__descriptor, judge, NULL \
	}
#define WRITE(name, why)                                   \
	{                                                  \
		&pg_query__##name##__descriptor, NULL, why \
	}

/* What a read may be made of (READ; CHECK looks closer), and what has a reason
 * of its own for not being part of one (WRITE). */
static const struct message_rule {
	const ProtobufCMessageDescriptor *type;
	judge_fn *judge;
	const char *reason;
} message_rules[] = {
    READ(node),
    READ(string),
    READ(a__const),
    READ(integer),
    CHECK(column_ref, judge_column),
    READ(res_target),
    CHECK(a__expr, judge_expression),
    CHECK(range_var, judge_relation),
    CHECK(func_call, judge_function),
    CHECK(type_name, judge_type),
    READ(type_cast),
    READ(param_ref),
    READ(alias),
    READ(select_stmt),
    READ(bool_expr),
    READ(list),
    READ(null_test),
    READ(join_expr),
    CHECK(sub_link, judge_sublink),
    CHECK(sort_by, judge_sort),
    READ(a__star),
    READ(raw_stmt),
    READ(parse_result),
    READ(float),
    READ(boolean),
    READ(bit_string),
    READ(a__array_expr),
    READ(a__indices),
    CHECK(a__indirection, judge_indirection),
    READ(boolean_test),
    READ(case_expr),
    READ(case_when),
    READ(coalesce_expr),
    READ(collate_clause),
    READ(column_def), /* of a function in FROM */
    READ(common_table_expr),
    READ(copy_stmt),
    READ(ctecycle_clause),
    READ(ctesearch_clause),
    READ(def_elem), /* options of COPY and EXPLAIN */
    READ(explain_stmt),
    READ(grouping_func),
    READ(grouping_set),
    READ(min_max_expr),
    READ(named_arg_expr),
    READ(range_function),
    READ(range_subselect),
    READ(range_table_func),
    READ(range_table_func_col),
    CHECK(range_table_sample, judge_sample),
    READ(row_expr),
    READ(sqlvalue_function),
    READ(variable_show_stmt),
    READ(window_def),
    READ(with_clause),
    READ(xml_expr),
    READ(xml_serialize),
    CHECK(execute_stmt, judge_execute),
    WRITE(delete_stmt, "DELETE"),
    WRITE(insert_stmt, "INSERT"),
    WRITE(into_clause, "SELECT INTO"),
    WRITE(locking_clause, "locks rows"),
    WRITE(merge_stmt, "MERGE"),
    WRITE(update_stmt, "UPDATE"),
};

void
judge_message(void *context, const struct tree_node *node)
{
	const size_t count = sizeof(message_rules) / sizeof(message_rules[0]);
	struct verdict *verdict = context;

	for (size_t i = 0; i < count; i++) {
		const struct message_rule *rule = &message_rules[i];

		if (rule->type != node->type) {
			continue;
		}
		if (rule->judge != NULL) {
			rule->judge(verdict, node);
		} else if (rule->reason != NULL) {
			judge_not_read(verdict, rule->reason);
		}
		return;
	}
	judge_not_read(verdict, "not a query");
}
