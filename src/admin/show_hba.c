/* show_hba.c - SHOW HBA: the rules that decide who may log in, and how. */
#include "admin/instance_int.h"
#include "admin/show.h"
#include "auth/hba.h"
#include "auth/hba_config.h"
#include "core/buf.h"

/* As PostgreSQL 16's view pg_hba_file_rules, less its column for errors: files
 * with errors are not in force. */
static const struct msg_column columns[] = {
    COLUMN_INT4("rule_number"),
    COLUMN_TEXT("file_name"),
    COLUMN_INT4("line_number"),
    COLUMN_TEXT("type"),
    COLUMN_TEXT("database"),
    COLUMN_TEXT("user_name"),
    COLUMN_TEXT("address"),
    COLUMN_TEXT("netmask"),
    COLUMN_TEXT("auth_method"),
    COLUMN_TEXT("options"),
};

/* Puts TEXT and empties it; nothing in it is NULL. */
static void
put(struct table *table, struct buf *text)
{
	table_put_text(table, text->length == 0 ? NULL : buf_text(text));
	buf_clear(text);
}

static void
put_rule(struct table *table, const struct hba_rule *rule, struct buf *text)
{
	table_row_begin(table);
	table_put_int(table, rule->number);
	table_put_text(table, rule->file);
	table_put_int(table, rule->line);
	table_put_text(table, hba_type_name(rule->type));
	hba_names_print(&rule->databases, text);
	put(table, text);
	hba_names_print(&rule->users, text);
	put(table, text);
	hba_address_print(rule, text);
	put(table, text);
	hba_netmask_print(rule, text);
	put(table, text);
	table_put_text(table, hba_method_name(rule->method));
	hba_options_print(rule, text);
	put(table, text);
	table_row_end(table);
}

static void
fill(struct instance *instance, struct table *table)
{
	const struct hba *hba = hba_config_rules(instance->config);
	struct buf text = {0};

	for (size_t i = 0; hba != NULL && i < hba_count(hba); i++) {
		put_rule(table, hba_rule(hba, i), &text);
	}
	buf_fini(&text);
}

const struct show show_hba = {
    .name = "hba", SHOW_COLUMNS(columns), .needs_admin = true, .fill = fill};
