/*
 * env.c - keeps the environment from speaking to libpq.
 *
 * An empty value for a keyword does not help: libpq takes it for "not given"
 * and asks the environment after all, and some variables (PGTZ, PGDATESTYLE,
 * PGSERVICE) have no keyword. So they go. libpq reads them while it connects,
 * hence they cannot be put back afterwards.
 */
#include "control/env.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"

static bool
is_libpq(const char *entry)
{
	return strncmp(entry, "PG", 2) == 0 &&
	    strncmp(entry, "PGWEIR", 6) != 0 && strchr(entry, '=') != NULL;
}

void
env_forget_libpq(void)
{
	char **entry = environ;

	while (entry != NULL && *entry != NULL) {
		char *name;

		if (!is_libpq(*entry)) {
			entry++;
			continue;
		}
		name = mem_strndup(*entry, strcspn(*entry, "="));
		/* Fails for names with '=' only. The rest moves up. */
		(void)unsetenv(name);
		free(name);
	}
}
