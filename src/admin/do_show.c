/*
 * do_show.c - SHOW: the tables, and what drivers ask without need.
 */
#include <string.h>

#include "admin/call.h"
#include "admin/command.h"
#include "admin/fake.h"
#include "admin/show.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "proto/msg.h"

/* ---- what drivers ask without need --------------------------------------- */

static const struct fake fakes[] = {
    {"client_encoding", "UTF-8"},
    {"default_transaction_isolation", "read committed"},
    {"standard_conforming_strings", "on"},
    {"datestyle", "ISO"},
    {"timezone", "GMT"},
    {"extra_float_digits", "2"},
};

const struct fake *
fake_find(const char *name)
{
	for (size_t i = 0; i < sizeof(fakes) / sizeof(*fakes); i++) {
		if (str_equal_nocase(fakes[i].name, name)) {
			return &fakes[i];
		}
	}
	return NULL;
}

static void
show_fake(const struct fake *fake, struct buf *out)
{
	const struct msg_column columns[] = {COLUMN_TEXT(fake->name)};
	struct table table;

	table_begin(&table, out, columns, 1);
	table_row_begin(&table);
	table_put_text(&table, fake->value);
	table_row_end(&table);
	table_end(&table, "SHOW");
}

/* SELECT 1, by which pools of connections see whether one lives. */
static void
show_one(struct call *call)
{
	static const struct msg_column columns[] = {COLUMN_INT4("?column?")};
	struct table table;

	table_begin(&table, call->out, columns, 1);
	table_row_begin(&table);
	table_put_int(&table, 1);
	table_row_end(&table);
	table_end(&table, "SHOW");
}

/* ---- SHOW ---------------------------------------------------------------- */

static void
show_help(struct call *call)
{
	struct buf text = {0};

	buf_append_str(&text, "\n\tSHOW HELP|");
	show_put_names(&text);
	call_put_usage(&text);
	call_put_notice(call, "Console usage", buf_text(&text));
	msg_command_complete(call->out, "SHOW");
	buf_fini(&text);
}

static void
show_select_version(struct call *call)
{
	show_answer(&show_version, call->instance, call->out);
}

/* What can be shown and is no table, or is one by another name. */
struct special {
	const char *name;
	void (*answer)(struct call *call);
};

static const struct special specials[] = {
    {"help", show_help},
    {"1", show_one},
    {"version()", show_select_version},
};

static const struct special *
find_special(const char *name)
{
	for (size_t i = 0; i < sizeof(specials) / sizeof(*specials); i++) {
		if (str_equal_nocase(specials[i].name, name)) {
			return &specials[i];
		}
	}
	return NULL;
}

int
run_show(struct call *call, struct error *err)
{
	const char *name = call_word(call, 1);
	const struct fake *fake;
	const struct special *special;
	const struct show *show;

	if (name == NULL) {
		command_invalid(err, call->sql);
		return -1;
	}
	if (call_check_words(call, 2, err) != 0) {
		return -1;
	}
	fake = fake_find(name);
	special = find_special(name);
	show = show_find(name);
	if (fake != NULL) {
		show_fake(fake, call->out);
	} else if (special != NULL) {
		special->answer(call);
	} else if (show != NULL) {
		if (show->needs_admin && call_check_admin(call, err) != 0) {
			return -1;
		}
		show_answer(show, call->instance, call->out);
	} else {
		command_invalid(err, call->sql);
		return -1;
	}
	return 0;
}
