/*
 * pause.h - PAUSE takes its time: it is answered when the last server is gone.
 */
#ifndef ADMIN_PAUSE_H
#define ADMIN_PAUSE_H

#include <stdbool.h>

struct instance;

/* Whether no server connection is left. */
bool pause_is_done(const struct instance *instance);

/*
 * From now on the clients of the console that await an answer are watched: they
 * get it when the pause is done, or an error if it ends before.
 */
void pause_wait(struct instance *instance);

#endif
