/* watch.h - one node being asked, again and again. Only for the monitor. */
#ifndef ROUTE_WATCH_H
#define ROUTE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/log.h"
#include "route/monitor.h"

struct loop;
struct node;
struct resolver;
struct watch;

/* What all watches of a monitor share; it outlives them. */
struct watch_shared {
	struct loop *loop;         /* borrowed */
	struct resolver *resolver; /* borrowed */
	struct monitor_options options;
	uint64_t last_question;
	struct logger *logger; /* borrowed; may be NULL */
};

/* Starts to watch NODE, which is borrowed until watch_close(), as LOGIN. */
struct watch *watch_open(struct watch_shared *shared, struct node *node,
    const struct monitor_login *login);

/* Stops at once and lets go of NODE, whose reports then come from the data
 * plane; memory goes with the reaper. Idempotent until then. */
void watch_close(struct watch *watch);

/* Asks now if that is possible, or as soon as it is. */
void watch_probe(struct watch *watch);

#endif
