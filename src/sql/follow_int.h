/* follow_int.h - between the halves of following a parse tree. */
#ifndef SQL_FOLLOW_INT_H
#define SQL_FOLLOW_INT_H

#include <stdbool.h>

#include "sql/tree.h"

struct ops_builder;

/* Whether NODE is a constant of any type. */
bool follow_is_constant(const struct tree_node *node);

/* The string NODE is; false when it is none. */
bool follow_string(const struct tree_node *node, struct tree_text *text);

/* Adds the operations of NODE, a SELECT; false when it may have others than
 * were added. */
bool follow_select(struct ops_builder *builder, const struct tree_node *node);

#endif
