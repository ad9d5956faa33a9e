/* admin.h - the console: what its commands do and its tables show. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include <stdbool.h>

struct buf;
struct client;
struct instance;

/*
 * Runs the command SQL of CLIENT and appends the answer, without ReadyForQuery,
 * to OUT. False: the connection is to be closed after it.
 */
bool admin_query(struct instance *instance, struct client *client,
    const char *sql, struct buf *out);

#endif
