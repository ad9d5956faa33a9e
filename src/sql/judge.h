/* judge.h - what the parts of a parse tree say; for verdict.c only. */
#ifndef SQL_JUDGE_H
#define SQL_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sql/tree.h"
#include "sql/verdict.h"

/* What follows is not a read, because of REASON; the first reason stays. */
void judge_not_read(struct verdict *verdict, const char *reason);

/* SET or RESET of setting NAME: what it leaves behind, and where it runs. */
void judge_setting(
    struct verdict *verdict, const char *name, size_t length, bool is_local);

/* set_config() of setting NAME; whether what follows it is a string, and is
 * TRUE. */
void judge_config(struct verdict *verdict, const char *name, size_t length,
    bool is_constant, bool is_local);

/* Judges one message wherever in the tree it stands; a tree_visit_fn whose
 * context is the struct verdict. */
void judge_message(void *context, const struct tree_node *node);

/* Judges a top-level statement: its kind, and what only matters there. */
void judge_statement(struct verdict *verdict, const struct tree_node *stmt);

#endif
