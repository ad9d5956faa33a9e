/*
 * settings-manual.c - prints a text made from a table of settings.
 *
 * Usage: settings-manual sample | reference | page | pgbouncer | session. See
 * scripts/gen-config-docs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/manual.h"
#include "core/buf.h"
#include "server/guc.h"

int
main(int argc, char **argv)
{
	struct buf out = {0};

	if (argc == 2 && strcmp(argv[1], "sample") == 0) {
		manual_print_sample(&out);
	} else if (argc == 2 && strcmp(argv[1], "reference") == 0) {
		manual_print_reference(&out);
	} else if (argc == 2 && strcmp(argv[1], "page") == 0) {
		manual_print_page(&out);
	} else if (argc == 2 && strcmp(argv[1], "pgbouncer") == 0) {
		manual_print_pgbouncer(&out);
	} else if (argc == 2 && strcmp(argv[1], "session") == 0) {
		guc_print_reference(&out);
	} else {
		(void)fprintf(stderr,
		    "usage: %s sample | reference | page | pgbouncer | "
		    "session\n",
		    argv[0]);
		return EXIT_FAILURE;
	}
	if (fputs(buf_text(&out), stdout) < 0 || fflush(stdout) != 0) {
		perror("write");
		return EXIT_FAILURE;
	}
	buf_fini(&out);
	return EXIT_SUCCESS;
}
