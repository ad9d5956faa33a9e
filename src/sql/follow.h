/* follow.h - the session operations in a parse tree; for verdict.c only. */
#ifndef SQL_FOLLOW_H
#define SQL_FOLLOW_H

#include <stdint.h>

#include "sql/tree.h"

struct ops_builder;

/*
 * Adds the operations of STMT, a top-level statement, to BUILDER. Returns which
 * session effects of STMT are described by them completely, as bits of enum
 * sql_effect_bit; bits of effects that it does not have may be among them.
 */
uint32_t follow_statement(
    struct ops_builder *builder, const struct tree_node *stmt);

#endif
