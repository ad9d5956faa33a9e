/* manual.h - the operator's texts that come from settings.def. */
#ifndef CONF_MANUAL_H
#define CONF_MANUAL_H

struct buf;

/* Appends the reference of all settings, in Markdown. */
void manual_print_reference(struct buf *out);

/* Appends the sample configuration file. */
void manual_print_sample(struct buf *out);

/* Appends the manual page pgweir.ini(5). */
void manual_print_page(struct buf *out);

/* Appends the table of pgbouncer's settings and what becomes of them here. */
void manual_print_pgbouncer(struct buf *out);

/* The lines between which the reference stands in doc/configuration.md. */
#define MANUAL_BEGIN \
	"<!-- begin: made by scripts/gen-config-docs, do not edit -->\n"
#define MANUAL_END "<!-- end: made by scripts/gen-config-docs -->\n"

#endif
