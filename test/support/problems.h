/* problems.h - problems as one text, so that a test can compare them. */
#ifndef SUPPORT_PROBLEMS_H
#define SUPPORT_PROBLEMS_H

#include "conf/problems.h"
#include "core/buf.h"

/* All of PROBLEMS, one per line; errors with "error ", notes with "note "
 * in front. Borrowed from OUT. */
static inline const char *
problems_text(const struct problems *problems, struct buf *out)
{
	for (size_t i = 0; i < problems->count; i++) {
		const struct problem *item = &problems->items[i];

		buf_append_str(
		    out, item->kind == PROBLEM_ERROR ? "error " : "note ");
		problem_print(item, out);
		buf_append_char(out, '\n');
	}
	return buf_text(out);
}

#endif
