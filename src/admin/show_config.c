/*
 * show_config.c - what was configured: SHOW CONFIG, PEERS, PEER_POOLS; and
 * what we are: VERSION, STATE.
 */
#include "admin/instance_int.h"
#include "admin/show.h"
#include "admin/version.h"
#include "conf/config.h"
#include "core/buf.h"
#include "server/pool.h"

/* ---- VERSION ------------------------------------------------------------- */

static const struct msg_column version_columns[] = {COLUMN_TEXT("version")};

static void
fill_version(struct instance *instance, struct table *table)
{
	struct buf text = {0};

	version_put(config_settings(instance->config), &text);
	table_row_begin(table);
	table_put_text(table, buf_text(&text));
	table_row_end(table);
	buf_fini(&text);
}

const struct show show_version = {
    .name = "version", SHOW_COLUMNS(version_columns), .fill = fill_version};

/* ---- STATE --------------------------------------------------------------- */

static const struct msg_column state_columns[] = {
    COLUMN_TEXT("key"), COLUMN_TEXT("value")};

static void
put_state(struct table *table, const char *key, bool value)
{
	table_row_begin(table);
	table_put_text(table, key);
	table_put_text(table, value ? "yes" : "no");
	table_row_end(table);
}

static void
fill_state(struct instance *instance, struct table *table)
{
	bool is_paused = pools_are_paused(instance->pools);
	bool is_suspended = pools_are_suspended(instance->pools);

	put_state(table, "active", !is_paused && !is_suspended);
	put_state(table, "paused", is_paused);
	put_state(table, "suspended", is_suspended);
}

const struct show show_state = {
    .name = "state", SHOW_COLUMNS(state_columns), .fill = fill_state};

/* ---- CONFIG -------------------------------------------------------------- */

static const struct msg_column config_columns[] = {
    COLUMN_TEXT("key"),
    COLUMN_TEXT("value"),
    COLUMN_TEXT("default"),
    COLUMN_TEXT("changeable"),
};

/* Secrets are masked by what prints them. */
static void
put_setting(struct table *table, const struct settings *settings,
    const struct setting *row)
{
	struct buf value = {0}, def = {0};

	settings_print(settings, row, &value);
	setting_print_default(row, &def);
	table_row_begin(table);
	table_put_text(table, row->name);
	table_put_text(table, buf_text(&value));
	table_put_text(table, buf_text(&def));
	table_put_text(table, row->when == WHEN_RELOAD ? "yes" : "no");
	table_row_end(table);
	buf_fini(&value);
	buf_fini(&def);
}

static void
fill_config(struct instance *instance, struct table *table)
{
	for (size_t i = 0; i < setting_count; i++) {
		put_setting(
		    table, config_settings(instance->config), &setting_rows[i]);
	}
}

const struct show show_config = {
    .name = "config", SHOW_COLUMNS(config_columns), .fill = fill_config};
