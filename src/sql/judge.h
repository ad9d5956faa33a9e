/* judge.h - what the parts of a parse tree say; for verdict.c only. */
#ifndef SQL_JUDGE_H
#define SQL_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "sql/tree.h"
#include "sql/verdict.h"

/* What follows is not a read, because of REASON; the first reason stays. */
void judge_not_read(struct verdict *verdict, const char *reason);

/* Judges one message wherever in the tree it stands; a tree_visit_fn whose
 * context is the struct verdict. */
void judge_message(void *context, const struct tree_node *node);

/* Judges a top-level statement: its kind, and what only matters there. */
void judge_statement(struct verdict *verdict, const struct tree_node *stmt);

#endif
