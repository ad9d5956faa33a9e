/* instance_int.h - the inside of the instance, for the console. */
#ifndef ADMIN_INSTANCE_INT_H
#define ADMIN_INSTANCE_INT_H

#include "admin/instance.h"
#include "admin/instance_tls.h"
#include "admin/instance_users.h"
#include "admin/stats.h"
#include "core/list.h"
#include "core/log.h"
#include "net/listener.h"
#include "net/loop.h"

struct buf;
struct config;
struct error;
struct node;
struct pool;
struct supervisor;
struct vigil;

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
	struct supervisor *supervisor;
	struct vigil *vigil;
	struct timer tick;       /* runs while it waits for its end */
	struct list laters;      /* of struct later, see later.c */
	struct timer later_tick; /* runs while there are any */
	struct stats stats;
	struct instance_tls tls;
	struct instance_users users;
	enum shutdown_mode mode;
	bool is_stopping;
	int64_t start_us; /* loop time */
	struct log_source log;
};

/* ---- between the files of the instance ----------------------------------- */

/* Appends a sentence on how we are: for the service manager. */
void instance_put_status(void *context, struct buf *out);

/* What the configuration says about listening. */
struct listener_options instance_listener_options(
    const struct instance *instance);

/* A signal has come. CONTEXT is the instance, here and below. */
void instance_on_signal(void *context, int number);

/* Of struct pool_events. */
void instance_on_node_doubt(void *context, struct node *node);
void instance_on_cluster(void *context, struct pool *pool);
void instance_on_cluster_gone(void *context, struct pool *pool);

/* Everybody hears of CONFIG, made from the configuration in force; its
 * reference is taken. -1 and ERR: nothing changed. */
int instance_take_config(struct instance *instance, struct config *config,
    struct error *err) __attribute__((warn_unused_result));

/* Watches what is configured; the old watches end afterwards, so a node in
 * both is asked on without a break. */
void instance_watch(struct instance *instance);
void instance_unwatch(struct instance *instance);

#endif
