/*
 * census.h - how many clients and servers every pool has, counted in one walk
 * over each list.
 */
#ifndef ADMIN_CENSUS_H
#define ADMIN_CENSUS_H

#include <stddef.h>
#include <stdint.h>

#include "core/hash.h"
#include "server/server.h"

struct instance;
struct pool;

struct pool_count {
	const struct pool *pool;       /* borrowed; the key */
	size_t clients_active;         /* with a server, or idle */
	size_t clients_waiting;        /* for a server */
	size_t cancellers_sent;        /* their requests are on their way */
	size_t cancellers_waiting;     /* for another cancel to arrive first */
	size_t servers[SERVER_CLOSED]; /* by state, over all nodes */
	size_t server_count;           /* in all states */
	size_t cancels;                /* under way for its servers */
	int64_t waiting_since_us; /* of the one that waits longest; 0: none */
	UT_hash_handle hh;
};

/* Of this moment only: pools may go with the next turn of the loop. */
struct census {
	struct pool_count *pools; /* owned; by database, then user */
	size_t count;
	struct pool_count *by_pool; /* the hash; the same elements */
};

/* Fills CENSUS, to be ended with census_fini(). Pools of databases that are
 * configured no more count as long as somebody uses them. */
void census_take(struct census *census, const struct instance *instance);
void census_fini(struct census *census);

/* What the pools of DATABASE have together. */
struct database_count {
	size_t clients;
	size_t servers;
};

struct database_count census_database(
    const struct census *census, const char *database);

#endif
