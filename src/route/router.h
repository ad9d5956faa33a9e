/*
 * router.h - where a request may go.
 *
 * Knows no client and no message: it is told what the batch is and what the
 * client has seen, and names the class of nodes. It remembers what replicas
 * have refused.
 */
#ifndef ROUTE_ROUTER_H
#define ROUTE_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash.h"
#include "server/pool.h"

struct monitor;
struct router;

/* What routing remembers of one client. Zeroed: nothing seen yet. */
struct router_state {
	/* Number of the question whose answer covers all that the client has
	 * written; 0: nothing, or answered. */
	uint64_t fence;
	/* That answer: the position a replica must have replayed; 0: any. */
	uint64_t position;
	/* The next batch goes to the primary, whatever it is. */
	bool primary_once;
	/* The batch chosen for last looks like a read, but a replica has
	 * refused it: it must be taken for a write. */
	bool is_doubted;
};

/* MONITOR is borrowed and outlives the router; NULL: reads are not fenced. */
struct router *router_new(struct monitor *monitor);
void router_free(struct router **router);

/* What is asked. */
struct router_request {
	bool is_read; /* may run alone on a replica */
	size_t bytes; /* of the whole request */
	size_t replay_max_bytes;
	const struct hash128 *shape; /* of its statement; NULL: none */
};

/* The class of nodes that may serve REQUEST of a client of POOL. */
enum pool_class router_choose(struct router *router, struct pool *pool,
    struct router_state *state, const struct router_request *request);

/* The client has got the answer to what may have been a write on POOL's
 * primary: what it reads from now on on a replica must be as new. */
void router_wrote(
    struct router *router, const struct pool *pool, struct router_state *state);

/* A replica refused SHAPE in a database of POOL: it goes to the primary from
 * now on. */
void router_learn_write(struct router *router, const struct pool *pool,
    const struct hash128 *shape);

/* Statements learnt so far, and requests that were replayed. */
struct router_counters {
	uint64_t reads;   /* sent to any replica class */
	uint64_t writes;  /* sent to the primary class */
	uint64_t fenced;  /* reads for the primary because of the fence */
	uint64_t learnt;  /* shapes that replicas refused */
	uint64_t replays; /* requests sent again */
};

struct router_counters *router_counters(struct router *router);

#endif
