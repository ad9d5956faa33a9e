/*
 * manual.c - the operator's texts that come from settings.def.
 *
 * scripts/gen-config-docs writes them into doc/ and etc/; a unit test compares
 * them with what is there, so that they cannot go stale.
 */
#include "conf/manual_int.h"

#include <string.h>

#include "core/buf.h"
#include "core/str.h"

#define WIDTH 76

const char *
manual_group_title(enum setting_group group)
{
	switch (group) {
	case GROUP_LISTEN:
		return "Listening";
	case GROUP_AUTH:
		return "Who may log in";
	case GROUP_POOL:
		return "Pools and limits";
	case GROUP_ROUTE:
		return "Primary and replicas";
	case GROUP_TIMEOUT:
		return "Timeouts";
	case GROUP_LOG:
		return "Log";
	case GROUP_CONSOLE:
		return "Console";
	case GROUP_TLS:
		return "TLS";
	case GROUP_NETWORK:
		return "Network and names";
	case GROUP_PROCESS:
		return "Process";
	case GROUP_IGNORED:
		return "Accepted and ignored";
	}
	return "";
}

/* ---- pieces ------------------------------------------------------------- */

/* Appends TEXT, broken between words, each line after PREFIX. */
static void
print_wrapped(const char *prefix, const char *text, struct buf *out)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t size = strcspn(text, " ");

		if (column > 0 && column + 1 + size > WIDTH) {
			buf_append_char(out, '\n');
			column = 0;
		}
		if (column == 0) {
			buf_append_str(out, prefix);
			column = strlen(prefix);
		} else {
			buf_append_char(out, ' ');
			column++;
		}
		buf_append(out, text, size);
		column += size;
		text += size;
		text += strspn(text, " ");
	}
	buf_append_char(out, '\n');
}

const char *
manual_type_word(const struct setting *row)
{
	switch (row->type) {
	case TYPE_INT:
		return "number";
	case TYPE_BOOL:
		return "1 or 0";
	case TYPE_DURATION:
		return "time";
	case TYPE_BYTES:
		return "size";
	case TYPE_MODE:
		return "octal";
	case TYPE_STRING:
		return "text";
	case TYPE_LIST:
		return "list";
	case TYPE_ENUM:
		break;
	}
	return "one of";
}

void
manual_print_words(const char *const *words, struct buf *out)
{
	for (size_t i = 0; words[i] != NULL; i++) {
		buf_printf(out, "%s%s", i > 0 ? ", " : "",
		    words[i][0] == '\0' ? "empty" : words[i]);
	}
}

void
manual_print_limits(const struct setting *row, struct buf *out)
{
	if (row->accept != NULL) {
		buf_append_str(out, "In this version only: ");
		manual_print_words(row->accept, out);
		if (row->status == STATUS_NOT_YET) {
			buf_printf(out, " (%s)", row->why);
		}
		buf_append_char(out, '.');
	} else if (row->status == STATUS_HARMLESS) {
		buf_printf(out, "Ignored: %s.", row->why);
	}
}

/* ---- the reference ------------------------------------------------------ */

static void
print_entry(const struct setting *row, struct buf *out)
{
	struct buf limits = {0};

	buf_printf(out, "#### %s\n\n", row->name);
	print_wrapped("", row->doc, out);
	manual_print_limits(row, &limits);
	if (limits.length > 0) {
		print_wrapped("", buf_text(&limits), out);
	}
	buf_printf(out, "\nType: %s", manual_type_word(row));
	if (row->type == TYPE_ENUM) {
		buf_append_char(out, ' ');
		manual_print_words(row->words, out);
	}
	buf_append_str(out, ". Default: ");
	if (row->def[0] == '\0') {
		buf_append_str(out, "empty.");
	} else {
		buf_printf(out, "`%s`.", row->def);
	}
	if ((row->scope & SCOPE_DATABASE) != 0) {
		buf_append_str(out, " Also in a `[databases]` entry.");
	}
	if ((row->scope & SCOPE_USER) != 0) {
		buf_append_str(out, " Also in a `[users]` entry.");
	}
	if (row->when == WHEN_START) {
		buf_append_str(out, " Changes at the next start.");
	}
	buf_append_str(out, "\n\n");
	buf_fini(&limits);
}

void
manual_print_reference(struct buf *out)
{
	for (int group = 0; group < GROUP_COUNT; group++) {
		buf_printf(out, "### %s\n\n",
		    manual_group_title((enum setting_group)group));
		for (size_t i = 0; i < setting_count; i++) {
			if (setting_rows[i].group ==
			    (enum setting_group)group) {
				print_entry(&setting_rows[i], out);
			}
		}
	}
}

/* ---- the sample --------------------------------------------------------- */

/* What the sample sets rather than shows. */
static const struct {
	const char *name;
	const char *value;
} set_in_sample[] = {
    {"admin_users", "admin"},
    {"auth_file", "userlist.txt"},
    {"auth_type", "plain"},
    {"listen_addr", "127.0.0.1"},
    {"pool_mode", "transaction"},
};

static const char *
sample_value(const struct setting *row)
{
	for (size_t i = 0; i < sizeof(set_in_sample) / sizeof(set_in_sample[0]);
	     i++) {
		if (str_equal(set_in_sample[i].name, row->name)) {
			return set_in_sample[i].value;
		}
	}
	return NULL;
}

static void
print_sample_line(const struct setting *row, struct buf *out)
{
	const char *value = sample_value(row);
	struct buf limits = {0};

	print_wrapped("; ", row->doc, out);
	manual_print_limits(row, &limits);
	if (limits.length > 0) {
		print_wrapped("; ", buf_text(&limits), out);
	}
	buf_printf(out, "%s%s =%s%s\n\n", value == NULL ? ";" : "", row->name,
	    value == NULL && row->def[0] == '\0' ? "" : " ",
	    value == NULL ? row->def : value);
	buf_fini(&limits);
}

static const char sample_head[] =
    "; pgweir.ini - a sample. Lines that begin with ; show the defaults.\n"
    "; All settings are explained in doc/configuration.md.\n"
    "\n"
    "[databases]\n"
    "; NAME = CONNECTION STRING. Several hosts: pgweir finds out which one is\n"
    "; the primary, and sends reads to the others.\n"
    ";app = host=10.0.0.1,10.0.0.2,10.0.0.3 port=5432 dbname=app\n"
    "\n"
    "; All other names go to the server on this machine.\n"
    "* = host=127.0.0.1 port=5432\n"
    "\n"
    "[users]\n"
    "; Settings of single users.\n"
    ";batch = pool_mode=session pool_size=5\n"
    "\n"
    "[pgweir]\n";

void
manual_print_sample(struct buf *out)
{
	buf_append_str(out, sample_head);
	for (int group = 0; group < GROUP_COUNT; group++) {
		buf_printf(out, ";;; %s\n\n",
		    manual_group_title((enum setting_group)group));
		for (size_t i = 0; i < setting_count; i++) {
			if (setting_rows[i].group ==
			    (enum setting_group)group) {
				print_sample_line(&setting_rows[i], out);
			}
		}
	}
}
