/*
 * later.h - commands of the console that are answered when something is done:
 * PAUSE, SUSPEND, WAIT_CLOSE.
 */
#ifndef ADMIN_LATER_H
#define ADMIN_LATER_H

#include <stdbool.h>

struct client;
struct instance;

enum later_what {
	LATER_PAUSE,     /* no server connection is left */
	LATER_SUSPEND,   /* nothing is on its way any more */
	LATER_WAIT_CLOSE /* no server is left that is to be closed */
};

/* Whether WHAT is done, of DATABASE or of all (NULL). */
bool later_is_done(const struct instance *instance, enum later_what what,
    const char *database);

/* CLIENT, of the console, gets its answer when WHAT is done, or an error if it
 * is taken back before. */
void later_wait(struct instance *instance, const struct client *client,
    enum later_what what, const char *database);

/* CLIENT does not want to wait any longer: what it has begun is taken back. */
void later_cancel(struct instance *instance, struct client *client);

/* Forgets all. */
void later_end(struct instance *instance);

#endif
