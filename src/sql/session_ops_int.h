/* session_ops_int.h - how a list of operations comes into being. */
#ifndef SQL_SESSION_OPS_INT_H
#define SQL_SESSION_OPS_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "sql/session_ops.h"

/* A zeroed one is empty. Its operations are those of the text so far. */
struct ops_builder {
	struct buf drafts;  /* of struct op_draft, session_ops.c */
	struct buf texts;   /* names and values, a NUL behind each */
	unsigned statement; /* the one being read, from 0 */
};

/* A point to go back to. */
struct ops_mark {
	size_t drafts;
	size_t texts;
};

/* Frees what BUILDER owns. */
void ops_builder_fini(struct ops_builder *builder);

struct ops_mark ops_mark(const struct ops_builder *builder);
void ops_go_back(struct ops_builder *builder, struct ops_mark mark);

/* Adds an operation of the present statement. The functions below are about
 * the operation added last; the one returned is valid until the next is added
 * and has neither .name nor .value yet. */
struct session_op *ops_add(
    struct ops_builder *builder, enum session_op_kind kind);

/* Its name; that of a setting is taken in lower case. */
void ops_put_name(struct ops_builder *builder, const char *name, size_t length);

/* Between the two its value is appended to what the first returns. */
struct buf *ops_begin_value(struct ops_builder *builder);
void ops_end_value(struct ops_builder *builder);

/* Whether a name or value has other than ASCII characters. */
bool ops_has_high_bit(const struct ops_builder *builder);

/* Returns the operations of a text of STATEMENTS; NULL when there are none,
 * only one that begins a transaction, or more than can be counted. The caller
 * gives it back. */
struct session_ops *ops_build(
    const struct ops_builder *builder, unsigned statements);

#endif
