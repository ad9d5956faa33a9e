/*
 * guc.h - what is known of PostgreSQL's settings: guc.def, looked up.
 */
#ifndef SERVER_GUC_H
#define SERVER_GUC_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* When a server has to be brought under a setting, see guc.def. */
enum guc_travel {
	GUC_TRAVELS,
	GUC_FORMAT,
	GUC_WAITS,
	GUC_NEVER
};

struct guc {
	const char *name; /* in lower case */
	enum guc_travel travel;
	bool matters;      /* to the meaning of a statement's text */
	bool is_superuser; /* not everybody may set it */
	const char *reason;
};

extern const struct guc guc_rows[];
extern const size_t guc_count;

/* What is known of the setting NAME, in any case; never NULL: what is not in
 * the table waits, matters, and may need a superuser. Its name is then "". */
const struct guc *guc_find(const char *name);

/* Appends the table as a manual shows it. */
void guc_print_reference(struct buf *out);

#endif
