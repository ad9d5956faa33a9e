/* instance_int.h - the inside of the instance, for the console. */
#ifndef ADMIN_INSTANCE_INT_H
#define ADMIN_INSTANCE_INT_H

#include "admin/instance.h"
#include "core/list.h"
#include "core/log.h"
#include "net/loop.h"

/* The nodes of one configured database, watched from the start, before any
 * client has asked for them. */
struct watched {
	struct list_link link;
	struct cluster *cluster; /* owned */
};

struct instance {
	struct instance_options options;
	struct logger *logger; /* borrowed */
	struct config *config; /* shared */
	struct loop *loop;     /* owned, as all below */
	struct resolver *resolver;
	struct node_set *nodes;
	struct monitor *monitor;
	struct list watched; /* of struct watched */
	struct pools *pools;
	struct router *router;
	struct clients *clients;
	struct listeners *listeners; /* NULL: not listening */
	struct timer tick;           /* runs while it waits for its end */
	struct timer pause_tick;     /* runs while a PAUSE has no answer yet */
	enum shutdown_mode mode;
	bool is_stopping;
	int64_t start_us; /* loop time */
	struct log_source log;
};

#endif
