/*
 * read_ops.c - prints what SQL texts do to their session, for comparing that
 * with what PostgreSQL does.
 *
 * Reads texts from standard input, a NUL behind each. Writes for each a line
 *
 *	text EFFECTS FOLLOWED
 *
 * and for each of its operations one
 *
 *	STATEMENT KIND IS_LOCAL IS_FUNCTION IS_CHAIN PARAMETER NAME VALUE
 *
 * with numbers in decimal, KIND as enum session_op_kind counts, and NAME and
 * VALUE in hexadecimal behind an "x", or "-" for none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "sql/catalogue.h"
#include "sql/session_ops.h"

static void
print_hex(const char *text)
{
	if (text == NULL) {
		(void)printf(" -");
		return;
	}
	(void)printf(" x");
	for (; *text != '\0'; text++) {
		(void)printf("%02x", (unsigned)(unsigned char)*text);
	}
}

static void
print_verdict(const struct verdict *verdict)
{
	const unsigned count = verdict->ops == NULL ? 0 : verdict->ops->count;

	(void)printf("text %u %u\n", verdict->effects, verdict->followed);
	for (unsigned i = 0; i < count; i++) {
		const struct session_op *op = &verdict->ops->items[i];

		(void)printf("%u %u %u %u %u %u", op->statement,
		    (unsigned)op->kind, op->is_local, op->is_function,
		    op->is_chain, op->parameter);
		print_hex(op->name);
		print_hex(op->value);
		(void)printf("\n");
	}
}

int
main(void)
{
	const struct catalogue_session session = {.std_strings = true};
	struct catalogue_options options = catalogue_options_default;
	struct catalogue *catalogue;
	struct verdict verdict;
	struct buf text = {0};
	int c;

	options.parse_share_us = 1000000000;
	catalogue = catalogue_new(&options);
	while ((c = getchar()) != EOF) {
		if (c != '\0') {
			buf_append_char(&text, (char)c);
			continue;
		}
		catalogue_lookup(catalogue, buf_text(&text), text.length,
		    &session, 1000000, &verdict);
		print_verdict(&verdict);
		buf_clear(&text);
	}
	buf_fini(&text);
	catalogue_free(&catalogue);
	return EXIT_SUCCESS;
}
