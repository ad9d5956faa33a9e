/*
 * manual_page.c - the manual page pgweir.ini(5).
 *
 * Source: groff's man(7).
 */
#include <string.h>

#include "conf/manual_int.h"
#include "core/buf.h"

static const char head[] =
    ".\\\" Made by scripts/gen-config-docs, do not edit.\n"
    ".TH PGWEIR.INI 5 \"2026\" \"pgweir " PACKAGE_VERSION "\" \"pgweir\"\n"
    ".SH NAME\n"
    "pgweir.ini \\- configuration of pgweir\n"
    ".SH DESCRIPTION\n"
    "The file has pgbouncer's format and names.\n"
    "Its sections are\n"
    ".BR [databases] ,\n"
    ".BR [users] ,\n"
    ".B [peers]\n"
    "and\n"
    ".BR [pgweir] ,\n"
    "which may also be called\n"
    ".BR [pgbouncer] .\n"
    "A section may be continued later in the file.\n"
    ".PP\n"
    "A line is\n"
    ".IR key \" = \" value ;\n"
    "the value is the rest of the line, without the blanks around it.\n"
    "Of a key given twice the last one counts.\n"
    "Lines that begin with ; or # are comments.\n"
    ".BI %include \" FILE\"\n"
    "reads another file at this place.\n"
    ".PP\n"
    "Times are seconds, with fractions, or have a unit: us, ms, s, min, h, d.\n"
    "Sizes are bytes, or have kB, MB or GB.\n"
    "Lists are separated by commas.\n"
    ".PP\n"
    ".B pgweir --check\n"
    "reports every error of a file, with its line.\n"
    "What pgweir does not know or does not have yet is refused.\n"
    ".SH \"[databases]\"\n"
    ".IR NAME \" = \" key=value \" ...\"\n"
    "says where clients go who ask for that database;\n"
    ".B *\n"
    "is for every other name.\n"
    "The keys are\n"
    ".BR host \" (several, separated by commas: which one is the primary is "
    "asked),\"\n"
    ".BR port ,\n"
    ".BR weight ,\n"
    ".BR dbname ,\n"
    ".BR user ,\n"
    ".BR password ,\n"
    ".BR client_encoding ,\n"
    ".BR datestyle ,\n"
    ".BR timezone ,\n"
    ".BR application_name ,\n"
    ".BR connect_query ,\n"
    ".BR pool_size ,\n"
    ".BR load_balance_hosts ,\n"
    "and the settings below that say so.\n"
    ".SH \"[users]\"\n"
    ".IR NAME \" = \" key=value \" ...\"\n"
    "gives a user settings of its own:\n"
    ".B pool_size\n"
    "and those below that say so.\n"
    "A user's value goes before the database's, and that before the global "
    "one.\n"
    ".SH \"[peers]\"\n"
    ".IR ID \" = \" key=value \" ...\"\n"
    "names the other processes that share our address:\n"
    ".BR host ,\n"
    ".BR port ,\n"
    ".BR pool_size .\n"
    ".SH \"[pgweir]\"\n";

static const char tail[] = ".SH SEE ALSO\n"
                           ".BR pgweir (1)\n";

/* Appends TEXT as running text: nothing in it is a request or an escape. */
static void
put_text(const char *text, struct buf *out)
{
	if (*text == '.' || *text == '\'') {
		buf_append_str(out, "\\&");
	}
	for (; *text != '\0'; text++) {
		if (*text == '\\') {
			buf_append_str(out, "\\e");
		} else if (*text == '-') {
			buf_append_str(out, "\\-");
		} else if (*text == '\n') {
			buf_append_char(out, ' ');
		} else {
			buf_append_char(out, *text);
		}
	}
}

static void
put_facts(const struct setting *row, struct buf *out)
{
	struct buf words = {0};

	buf_append_str(out, ".br\n");
	if (row->type == TYPE_ENUM) {
		manual_print_words(row->words, &words);
	}
	buf_printf(out, "%s%s", manual_type_word(row),
	    row->type == TYPE_ENUM ? " " : "");
	put_text(buf_text(&words), out);
	buf_append_str(out, "; default ");
	put_text(row->def[0] == '\0' ? "empty" : row->def, out);
	if ((row->scope & SCOPE_DATABASE) != 0) {
		buf_append_str(out, "; also in [databases]");
	}
	if ((row->scope & SCOPE_USER) != 0) {
		buf_append_str(out, "; also in [users]");
	}
	if (row->when == WHEN_START) {
		buf_append_str(out, "; changes at the next start");
	}
	buf_append_char(out, '\n');
	buf_fini(&words);
}

static void
put_setting(const struct setting *row, struct buf *out)
{
	struct buf limits = {0};

	buf_append_str(out, ".TP\n.B ");
	put_text(row->name, out);
	buf_append_char(out, '\n');
	put_text(row->doc, out);
	buf_append_char(out, '\n');
	manual_print_limits(row, &limits);
	if (limits.length > 0) {
		put_text(buf_text(&limits), out);
		buf_append_char(out, '\n');
	}
	put_facts(row, out);
	buf_fini(&limits);
}

void
manual_print_page(struct buf *out)
{
	buf_append_str(out, head);
	for (int group = 0; group < GROUP_COUNT; group++) {
		buf_printf(out, ".SS \"%s\"\n",
		    manual_group_title((enum setting_group)group));
		for (size_t i = 0; i < setting_count; i++) {
			if (setting_rows[i].group ==
			    (enum setting_group)group) {
				put_setting(&setting_rows[i], out);
			}
		}
	}
	buf_append_str(out, tail);
}

/* ---- beside pgbouncer ---------------------------------------------------- */

struct beside {
	const char *name;
	const char *better;
};

static const struct beside settings_beside[] = {
#define PGBOUNCER(name, better) {#name, better},
#include "conf/pgbouncer.def"
#undef PGBOUNCER
};

static void
put_verdict(const struct setting *row, const char *better, struct buf *out)
{
	if (row == NULL) {
		buf_append_str(out, "not: unknown, and refused");
	} else if (row->status == STATUS_HARMLESS) {
		buf_printf(out, "not, accepted and ignored: %s", row->why);
	} else if (row->accept != NULL) {
		buf_append_str(out, "not all of it, only ");
		manual_print_words(row->accept, out);
		buf_printf(out, ": %s", row->why);
	} else if (better[0] != '\0') {
		buf_printf(out, "better: %s", better);
	} else {
		buf_append_str(out, "same");
	}
	if (row != NULL && row->accept != NULL && better[0] != '\0') {
		buf_printf(out, "; better: %s", better);
	}
}

void
manual_print_pgbouncer(struct buf *out)
{
	size_t count = sizeof(settings_beside) / sizeof(*settings_beside);

	buf_append_str(out, "| setting | here |\n| --- | --- |\n");
	for (size_t i = 0; i < count; i++) {
		const struct beside *item = &settings_beside[i];

		buf_printf(out, "| `%s` | ", item->name);
		put_verdict(setting_find(item->name), item->better, out);
		buf_append_str(out, " |\n");
	}
}
