/* ops_text.h - session operations as text, for tests. */
#ifndef SUPPORT_OPS_TEXT_H
#define SUPPORT_OPS_TEXT_H

#include <assert.h>

#include "core/buf.h"
#include "sql/session_ops.h"

/*
 * Appends OPS to OUT: "set a=1 | 2: fn local set b=$3 | commit chain". The
 * number is that of the statement where it is not the first; a value is written
 * as it is.
 */
static inline void
ops_to_text(struct buf *out, const struct session_ops *ops)
{
	static const char *const kinds[] = {"set", "reset", "reset all",
	    "discard all", "deallocate", "deallocate all", "begin", "commit",
	    "rollback", "prepare transaction", "savepoint", "release",
	    "rollback to"};
	const unsigned count = ops == NULL ? 0 : ops->count;

	for (unsigned i = 0; i < count; i++) {
		const struct session_op *op = &ops->items[i];

		assert(op->statement < ops->statements);
		assert(op->kind <= SESSION_ROLLBACK_TO);
		assert((op->kind == SESSION_SET) ==
		    (op->value != NULL || op->parameter != 0));
		buf_append_str(out, i > 0 ? " | " : "");
		if (op->statement > 0) {
			buf_printf(out, "%u: ", op->statement);
		}
		buf_printf(out, "%s%s%s", op->is_function ? "fn " : "",
		    op->is_local ? "local " : "", kinds[op->kind]);
		if (op->name != NULL) {
			buf_printf(out, " %s", op->name);
		}
		if (op->parameter != 0) {
			buf_printf(out, "=$%u", op->parameter);
		} else if (op->value != NULL) {
			buf_printf(out, "=%s", op->value);
		}
		buf_append_str(out, op->is_chain ? " chain" : "");
	}
}

#endif
