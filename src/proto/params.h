/* params.h - a short ordered list of named texts, such as run-time parameters.
 */
#ifndef PROTO_PARAMS_H
#define PROTO_PARAMS_H

#include <stddef.h>

struct param {
	char *name;  /* owned */
	char *value; /* owned */
};

/*
 * Names are compared without regard to case, as PostgreSQL does for its
 * run-time parameters. Searched linearly: whoever fills it from outside bounds
 * the count. A zeroed struct is a valid empty list.
 */
struct params {
	struct param *items; /* owned; .count of them, in order of first use */
	size_t count;
};

/* Sets NAME to VALUE; copies both. A name given before keeps its place and
 * spelling. */
void params_set(struct params *params, const char *name, const char *value);

/* Returns the value, borrowed until the list changes; NULL if not there. */
const char *params_get(const struct params *params, const char *name);

/* Frees what PARAMS owns; it is then a valid empty list. */
void params_fini(struct params *params);

#endif
