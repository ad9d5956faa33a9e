/*
 * problems.c - everything wrong or remarkable in a configuration.
 *
 * All of it is collected, because an operator wants to repair a file once,
 * not once per error. A hostile or binary file is bounded by PROBLEMS_MAX.
 */
#include "conf/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/mem.h"

void
problems_fini(struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		free(problems->items[i].file);
		free(problems->items[i].text);
	}
	free(problems->items);
	*problems = (struct problems){0};
}

void
problems_add(struct problems *problems, enum problem_kind kind,
    const char *file, int line, const char *format, ...)
{
	char text[1024];
	va_list args;
	struct problem *item = NULL;

	problems->error_count += kind == PROBLEM_ERROR ? 1 : 0;
	if (problems->count == PROBLEMS_MAX) {
		problems->left_out++;
		return;
	}
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	problems->items = mem_realloc(
	    problems->items, (problems->count + 1) * sizeof(*problems->items));
	item = &problems->items[problems->count++];
	*item = (struct problem){
	    .kind = kind,
	    .file = file == NULL ? NULL : mem_strdup(file),
	    .line = line,
	    .text = mem_strdup(text),
	};
}

void
problem_print(const struct problem *item, struct buf *out)
{
	if (item->file != NULL) {
		buf_append_str(out, item->file);
		if (item->line > 0) {
			buf_printf(out, ":%d", item->line);
		}
		buf_append_str(out, ": ");
	}
	buf_append_str(out, item->text);
}
