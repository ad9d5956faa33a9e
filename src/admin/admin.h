/* admin.h - the console: what its commands do and its tables show. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include <stdbool.h>

struct buf;
struct client;
struct instance;

/*
 * Runs the command SQL of CLIENT. True: the answer, without ReadyForQuery, was
 * appended to OUT. False: it comes later, or the process ends.
 */
bool admin_query(struct instance *instance, struct client *client,
    const char *sql, struct buf *out);

/* As admin_query() if SQL only shows something; otherwise nothing is run and
 * nothing appended. */
void admin_describe(struct instance *instance, struct client *client,
    const char *sql, struct buf *out);

/* CLIENT does not want to wait for its answer any longer. */
void admin_cancel(struct instance *instance, struct client *client);

#endif
