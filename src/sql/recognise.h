/* recognise.h - the plainest session statements, without the parser. */
#ifndef SQL_RECOGNISE_H
#define SQL_RECOGNISE_H

#include <stdbool.h>

struct ops_builder;
struct verdict;

/*
 * Whether TEXT, the text of a shape that is within the bounds of parsing and
 * has nothing wrong with it, is one plain SET, RESET, SAVEPOINT, RELEASE,
 * ROLLBACK TO, DEALLOCATE or SELECT set_config(). If so fills VERDICT as
 * verdict_parse() would, but for .ops, and adds the operations to BUILDER,
 * which is empty. If not, both are left in any state.
 */
bool recognise_text(
    struct verdict *verdict, struct ops_builder *builder, const char *text);

#endif
