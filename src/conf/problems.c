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
#include "core/str.h"

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

/* The place of the first of ITEMS that is about FILE. */
static size_t
first_of_file(const struct problem *items, size_t count, const char *file)
{
	size_t i = 0;

	while (i < count && !str_equal(items[i].file, file)) {
		i++;
	}
	return i;
}

void
problems_sort(struct problems *problems)
{
	size_t count = problems->count;
	struct problem *sorted = mem_alloc(count * sizeof(*sorted));
	size_t *ranks = mem_alloc(count * sizeof(*ranks));

	/* At most PROBLEMS_MAX: inserting one by one is fast, and stable. */
	for (size_t i = 0; i < count; i++) {
		struct problem item = problems->items[i];
		size_t rank = first_of_file(problems->items, count, item.file);
		size_t to = i;

		while (to > 0 &&
		    (ranks[to - 1] > rank ||
		        (ranks[to - 1] == rank &&
		            sorted[to - 1].line > item.line))) {
			sorted[to] = sorted[to - 1];
			ranks[to] = ranks[to - 1];
			to--;
		}
		sorted[to] = item;
		ranks[to] = rank;
	}
	free(ranks);
	free(problems->items);
	problems->items = sorted;
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
