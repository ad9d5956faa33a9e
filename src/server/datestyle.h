/* datestyle.h - DateStyle, whose values may leave a half of it as it was. */
#ifndef SERVER_DATESTYLE_H
#define SERVER_DATESTYLE_H

struct buf;

/*
 * Appends to OUT what DateStyle is when it was BEFORE, whole ("ISO, MDY", as
 * servers report it), and is set to VALUE ("dmy"). What is not understood is
 * appended as it is.
 *
 * Source: PostgreSQL docs, "Date/Time Output".
 */
void datestyle_put_whole(
    const char *before, const char *value, struct buf *out);

#endif
