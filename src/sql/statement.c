/*
 * statement.c - what a statement is by its kind; see judge.h.
 *
 * A table with a row for each statement of the grammar. A statement that has no
 * row comes from a newer grammar: nothing is known about it.
 */
#include "sql/judge.h"

#include <pg_query/pg_query.pb-c.h>
#include <string.h>

#include "sql/builtins.h"
#include "sql/setting.h"

typedef void judge_fn(struct verdict *verdict, const struct tree_node *node);

/* ---- transactions -------------------------------------------------------- */

static enum sql_isolation
isolation_by_name(struct tree_text name)
{
	if (tree_text_is(name, "read uncommitted")) {
		return ISOLATION_READ_UNCOMMITTED;
	}
	if (tree_text_is(name, "read committed")) {
		return ISOLATION_READ_COMMITTED;
	}
	if (tree_text_is(name, "repeatable read")) {
		return ISOLATION_REPEATABLE_READ;
	}
	return ISOLATION_SERIALIZABLE; /* also what is not understood */
}

/* OPTION is a DefElem of BEGIN or SET TRANSACTION; the last one counts. */
static void
judge_mode(struct verdict *verdict, const struct tree_node *option)
{
	const struct tree_text name = tree_string(option, "defname");
	struct tree_node arg, value;

	if (!tree_child(option, "arg", &arg) ||
	    arg.type != &pg_query__a__const__descriptor) {
		return;
	}
	if (tree_text_is(name, "transaction_isolation")) {
		verdict->isolation = tree_child(&arg, "sval", &value)
		    ? isolation_by_name(tree_string(&value, "sval"))
		    : ISOLATION_SERIALIZABLE;
		return;
	}
	const bool is_on = tree_child(&arg, "ival", &value) &&
	    tree_number(&value, "ival") != 0;

	if (tree_text_is(name, "transaction_read_only")) {
		verdict->access = is_on ? ACCESS_READ_ONLY : ACCESS_READ_WRITE;
	} else if (tree_text_is(name, "transaction_deferrable")) {
		verdict->is_deferrable = is_on;
	}
}

static void
judge_modes(
    struct verdict *verdict, const struct tree_node *node, const char *list)
{
	struct tree_iter iter;
	struct tree_node option;

	tree_iter_init(&iter, node, list);
	while (tree_iter_next(&iter, &option)) {
		if (option.type == &pg_query__def_elem__descriptor) {
			judge_mode(verdict, &option);
		}
	}
}

static void
judge_transaction(struct verdict *verdict, const struct tree_node *node)
{
	const int64_t kind = tree_number(node, "kind");

	verdict->has_transaction_control = true;
	verdict->has_chain |= tree_number(node, "chain") != 0;
	switch (kind) {
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_BEGIN:
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_START:
		verdict->kind = SQL_BEGIN;
		judge_modes(verdict, node, "options");
		break;
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_COMMIT:
		verdict->kind = SQL_COMMIT;
		break;
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK:
		verdict->kind = SQL_ROLLBACK;
		break;
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_SAVEPOINT:
		verdict->kind = SQL_SAVEPOINT;
		verdict->has_transaction_control = false;
		break;
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_RELEASE:
		verdict->kind = SQL_RELEASE;
		verdict->has_transaction_control = false;
		break;
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK_TO:
		verdict->kind = SQL_ROLLBACK_TO;
		break;
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_PREPARE:
		verdict->kind = SQL_PREPARE_TRANSACTION;
		verdict->needs_primary = true;
		break;
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_COMMIT_PREPARED:
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK_PREPARED:
		verdict->kind = SQL_OTHER;
		verdict->has_transaction_control = false;
		verdict->needs_primary = true;
		break;
	default:
		verdict->effects |= EFFECT_UNKNOWN;
		verdict->needs_primary = true;
		break;
	}
}

/* ---- settings ------------------------------------------------------------ */

void
judge_setting(
    struct verdict *verdict, const char *name, size_t length, bool is_local)
{
	const bool is_role = setting_is_role(name, length);

	if (setting_is_transactional(name, length)) {
		verdict->needs_primary = true;
		return;
	}
	if (!is_local) {
		verdict->effects |= is_role ? EFFECT_ROLE : EFFECT_SET;
		return;
	}
	if (setting_is_lexical(name, length)) {
		verdict->effects |= EFFECT_SET;
	}
	verdict->needs_primary |= is_role;
}

static void
judge_set(struct verdict *verdict, const struct tree_node *node)
{
	const struct tree_text name = tree_string(node, "name");

	if (tree_text_is(name, "TRANSACTION") ||
	    tree_text_is(name, "TRANSACTION SNAPSHOT")) {
		verdict->kind = SQL_SET_TRANSACTION;
		judge_modes(verdict, node, "args");
		verdict->needs_primary |= name.length > strlen("TRANSACTION") ||
		    verdict->access == ACCESS_READ_WRITE ||
		    verdict->isolation == ISOLATION_SERIALIZABLE;
		return;
	}
	judge_setting(verdict, name.bytes, name.length,
	    tree_number(node, "is_local") != 0);
}

/* DISCARD PLANS changes nothing that shows. DISCARD TEMP has nothing to drop
 * unless the client is pinned for what it drops. DISCARD SEQUENCES makes
 * currval() forget, which is not promised to remember. */
static void
judge_discard(struct verdict *verdict, const struct tree_node *node)
{
	const int64_t target = tree_number(node, "target");

	if (target != PG_QUERY__DISCARD_MODE__DISCARD_PLANS &&
	    target != PG_QUERY__DISCARD_MODE__DISCARD_SEQUENCES &&
	    target != PG_QUERY__DISCARD_MODE__DISCARD_TEMP) {
		verdict->effects |= EFFECT_DISCARD;
	}
}

static void
judge_show(struct verdict *verdict, const struct tree_node *node)
{
	const struct tree_text name = tree_string(node, "name");

	if (setting_is_clients(name.bytes, name.length)) {
		return;
	}
	judge_not_read(verdict, "setting of a node");
	verdict->needs_primary = true;
}

/* ---- the others that need a closer look ---------------------------------- */

static void
judge_copy(struct verdict *verdict, const struct tree_node *node)
{
	const bool is_from = tree_number(node, "is_from") != 0;

	if (tree_string(node, "filename").length > 0 ||
	    tree_number(node, "is_program") != 0) {
		verdict->needs_primary = true;
		judge_not_read(verdict, "file of a node");
		return;
	}
	verdict->kind = is_from ? SQL_COPY_IN : SQL_COPY_OUT;
	verdict->has_copy_in |= is_from;
	verdict->has_copy_out |= !is_from;
	if (is_from) {
		judge_not_read(verdict, "COPY FROM");
	}
}

/* CURSOR_OPT_HOLD of PostgreSQL's nodes/parsenodes.h. */
#define CURSOR_HOLD 0x20

static void
judge_declare(struct verdict *verdict, const struct tree_node *node)
{
	if (tree_number(node, "options") & CURSOR_HOLD) {
		verdict->effects |= EFFECT_HOLD;
	}
}

/* ---- the table ----------------------------------------------------------- */

#define ROW(name, kind, effects, primary, reason, judge)                 \
	{                                                                \
		&pg_query__##name##__descriptor, kind, effects, primary, \
		    reason, judge                                        \
	}
/* May be a read; what it is made of decides. */
#define QUERY(name, kind, judge) ROW(name, kind, 0, false, NULL, judge)
/* Not a read, but as good in a READ ONLY transaction on a replica, which
 * refuses what the primary would refuse. */
#define PLAIN(name, kind, reason, judge) \
	ROW(name, kind, 0, false, reason, judge)
#define PINS(name, kind, effect, reason) \
	ROW(name, kind, EFFECT_##effect, true, reason, NULL)
/* Definitions and maintenance: for the primary, without session effects. */
#define FREE(name) ROW(name, SQL_OTHER, 0, true, "not a query", NULL)

static const struct statement_rule {
	const ProtobufCMessageDescriptor *type;
	enum sql_kind kind;
	uint32_t effects;
	bool needs_primary;
	const char *reason; /* NULL: may be a read */
	judge_fn *judge;    /* may be NULL */
} statement_rules[] = {
    QUERY(select_stmt, SQL_QUERY, NULL),
    QUERY(explain_stmt, SQL_EXPLAIN, NULL),
    QUERY(variable_show_stmt, SQL_SHOW, judge_show),
    QUERY(copy_stmt, SQL_OTHER, judge_copy),

    PLAIN(insert_stmt, SQL_DML, "INSERT", NULL),
    PLAIN(update_stmt, SQL_DML, "UPDATE", NULL),
    PLAIN(delete_stmt, SQL_DML, "DELETE", NULL),
    PLAIN(merge_stmt, SQL_DML, "MERGE", NULL),
    PLAIN(
        transaction_stmt, SQL_OTHER, "transaction control", judge_transaction),
    PLAIN(variable_set_stmt, SQL_SET, "SET", judge_set),
    PLAIN(constraints_set_stmt, SQL_OTHER, "SET CONSTRAINTS", NULL),
    PLAIN(declare_cursor_stmt, SQL_CURSOR, "cursor", judge_declare),
    PLAIN(fetch_stmt, SQL_CURSOR, "cursor", NULL),
    PLAIN(close_portal_stmt, SQL_CURSOR, "cursor", NULL),
    ROW(notify_stmt, SQL_NOTIFY, 0, true, "NOTIFY", NULL),
    /* Who listens is pinned, and stays so; others have nothing to end. */
    ROW(unlisten_stmt, SQL_LISTEN, 0, true, "UNLISTEN", NULL),
    ROW(discard_stmt, SQL_DISCARD, 0, true, "DISCARD", judge_discard),

    PINS(prepare_stmt, SQL_PREPARE, PREPARE, "SQL prepared statement"),
    PINS(execute_stmt, SQL_EXECUTE, PREPARE, "SQL prepared statement"),
    PINS(deallocate_stmt, SQL_DEALLOCATE, PREPARE, "SQL prepared statement"),
    PINS(listen_stmt, SQL_LISTEN, LISTEN, "LISTEN"),
    PINS(load_stmt, SQL_OTHER, LOAD, "LOAD"),
    PINS(do_stmt, SQL_OTHER, DO, "DO block"),
    PINS(call_stmt, SQL_OTHER, CALL, "CALL"),
    PINS(create_extension_stmt, SQL_OTHER, EXTENSION, "extension script"),
    PINS(alter_extension_stmt, SQL_OTHER, EXTENSION, "extension script"),

    FREE(alter_table_stmt),
    FREE(alter_domain_stmt),
    FREE(grant_stmt),
    FREE(grant_role_stmt),
    FREE(alter_default_privileges_stmt),
    FREE(cluster_stmt),
    FREE(create_stmt),
    FREE(define_stmt),
    FREE(drop_stmt),
    FREE(truncate_stmt),
    FREE(comment_stmt),
    FREE(index_stmt),
    FREE(create_function_stmt),
    FREE(alter_function_stmt),
    FREE(rename_stmt),
    FREE(rule_stmt),
    FREE(view_stmt),
    FREE(create_domain_stmt),
    FREE(createdb_stmt),
    FREE(dropdb_stmt),
    FREE(vacuum_stmt),
    FREE(create_table_as_stmt),
    FREE(create_seq_stmt),
    FREE(alter_seq_stmt),
    FREE(create_trig_stmt),
    FREE(create_plang_stmt),
    FREE(create_role_stmt),
    FREE(alter_role_stmt),
    FREE(drop_role_stmt),
    FREE(lock_stmt),
    FREE(reindex_stmt),
    FREE(check_point_stmt),
    FREE(create_schema_stmt),
    FREE(alter_database_stmt),
    FREE(alter_database_refresh_coll_stmt),
    FREE(alter_database_set_stmt),
    FREE(alter_role_set_stmt),
    FREE(create_conversion_stmt),
    FREE(create_cast_stmt),
    FREE(create_op_class_stmt),
    FREE(create_op_family_stmt),
    FREE(alter_op_family_stmt),
    FREE(create_table_space_stmt),
    FREE(drop_table_space_stmt),
    FREE(alter_object_depends_stmt),
    FREE(alter_object_schema_stmt),
    FREE(alter_owner_stmt),
    FREE(alter_operator_stmt),
    FREE(alter_type_stmt),
    FREE(drop_owned_stmt),
    FREE(reassign_owned_stmt),
    FREE(composite_type_stmt),
    FREE(create_enum_stmt),
    FREE(create_range_stmt),
    FREE(alter_enum_stmt),
    FREE(alter_tsdictionary_stmt),
    FREE(alter_tsconfiguration_stmt),
    FREE(create_fdw_stmt),
    FREE(alter_fdw_stmt),
    FREE(create_foreign_server_stmt),
    FREE(alter_foreign_server_stmt),
    FREE(create_user_mapping_stmt),
    FREE(alter_user_mapping_stmt),
    FREE(drop_user_mapping_stmt),
    FREE(alter_table_space_options_stmt),
    FREE(alter_table_move_all_stmt),
    FREE(sec_label_stmt),
    FREE(create_foreign_table_stmt),
    FREE(import_foreign_schema_stmt),
    FREE(alter_extension_contents_stmt),
    FREE(create_event_trig_stmt),
    FREE(alter_event_trig_stmt),
    FREE(refresh_mat_view_stmt),
    FREE(alter_system_stmt),
    FREE(create_policy_stmt),
    FREE(alter_policy_stmt),
    FREE(create_transform_stmt),
    FREE(create_am_stmt),
    FREE(create_publication_stmt),
    FREE(alter_publication_stmt),
    FREE(create_subscription_stmt),
    FREE(alter_subscription_stmt),
    FREE(drop_subscription_stmt),
    FREE(create_stats_stmt),
    FREE(alter_collation_stmt),
    FREE(alter_stats_stmt),
};

static const struct statement_rule *
find_rule(const ProtobufCMessageDescriptor *type)
{
	const size_t count =
	    sizeof(statement_rules) / sizeof(statement_rules[0]);

	for (size_t i = 0; i < count; i++) {
		if (statement_rules[i].type == type) {
			return &statement_rules[i];
		}
	}
	return NULL;
}

void
judge_statement(struct verdict *verdict, const struct tree_node *stmt)
{
	const struct statement_rule *rule = find_rule(stmt->type);

	if (rule == NULL) {
		verdict->kind = SQL_OTHER;
		verdict->effects |= EFFECT_UNKNOWN;
		verdict->needs_primary = true;
		judge_not_read(verdict, "statement not understood");
		return;
	}
	verdict->kind = rule->kind;
	verdict->effects |= rule->effects;
	verdict->needs_primary |= rule->needs_primary;
	if (rule->reason != NULL) {
		judge_not_read(verdict, rule->reason);
	}
	if (rule->judge != NULL) {
		rule->judge(verdict, stmt);
	}
}
