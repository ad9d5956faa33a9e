/* guc.c - what is known of PostgreSQL's settings: guc.def, looked up. */
#include "server/guc.h"

#include <stdlib.h>
#include <strings.h>

#include "core/buf.h"

#define TRAVELS GUC_TRAVELS
#define FORMAT GUC_FORMAT
#define WAITS GUC_WAITS
#define NEVER GUC_NEVER
#define MATTERS true
#define MEANINGLESS false
#define SUPERUSER true
#define ANYBODY false

const struct guc guc_rows[] = {
#define GUC(name, travel, meaning, privilege, reason) \
	{#name, travel, meaning, privilege, reason},
#include "server/guc.def"
#undef GUC
};

const size_t guc_count = sizeof(guc_rows) / sizeof(*guc_rows);

static const struct guc unknown = {
    "", GUC_WAITS, true, true, "Nothing is known of it."};

static int
compare(const void *name, const void *row)
{
	return strcasecmp(name, ((const struct guc *)row)->name);
}

const struct guc *
guc_find(const char *name)
{
	const struct guc *row =
	    bsearch(name, guc_rows, guc_count, sizeof(*guc_rows), compare);

	return row == NULL ? &unknown : row;
}

static const char *
travel_word(enum guc_travel travel)
{
	switch (travel) {
	case GUC_TRAVELS:
		return "at once";
	case GUC_FORMAT:
		return "once accepted";
	case GUC_WAITS:
		return "waits";
	case GUC_NEVER:
		break;
	}
	return "never";
}

void
guc_print_reference(struct buf *out)
{
	buf_append_str(out,
	    "| setting | sent | a statement's meaning | why |\n"
	    "| --- | --- | --- | --- |\n");
	for (size_t i = 0; i < guc_count; i++) {
		const struct guc *row = &guc_rows[i];

		buf_printf(out, "| %s | %s | %s | %s |\n", row->name,
		    travel_word(row->travel), row->matters ? "yes" : "no",
		    row->reason);
	}
}
