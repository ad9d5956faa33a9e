/*
 * router.c - where a request may go.
 *
 * Unknown goes to the primary. What replicas refused is remembered by shape
 * and database in a bounded table; when that is full it starts anew, which
 * costs one replay per statement.
 *
 * The fence: when a client has the answer to a write, the answer to the
 * monitor's *next* question to the primary shows a WAL position that covers
 * it. Until that answer is there, and until every replica in use has replayed
 * past it, the client's reads stay on the primary.
 */
#include "route/router.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "node/cluster.h"
#include "node/node.h"
#include "route/monitor.h"
#include "server/pool_int.h"

#define LEARNT_MAX 20000

struct learnt {
	struct hash128 key; /* of shape and database */
	UT_hash_handle hh;
};

struct router {
	struct monitor *monitor; /* borrowed; may be NULL */
	struct learnt *table;    /* owned */
	struct router_counters counters;
};

struct router *
router_new(struct monitor *monitor)
{
	struct router *router = mem_zalloc(sizeof(*router));

	router->monitor = monitor;
	return router;
}

static void
forget_all(struct router *router)
{
	struct learnt *item, *next;

	HASH_ITER(hh, router->table, item, next)
	{
		HASH_DEL(router->table, item);
		free(item);
	}
}

void
router_free(struct router **router)
{
	if (*router == NULL) {
		return;
	}
	forget_all(*router);
	free(*router);
	*router = NULL;
}

struct router_counters *
router_counters(struct router *router)
{
	return &router->counters;
}

/* ---- what was refused ---------------------------------------------------- */

static struct hash128
learnt_key(const struct pool *pool, const struct hash128 *shape)
{
	struct {
		struct hash128 shape;
		struct hash128 database;
	} parts = {
	    *shape, hash_bytes128(pool->database, strlen(pool->database))};

	return hash_bytes128(&parts, sizeof(parts));
}

static bool
was_refused(
    struct router *router, const struct pool *pool, const struct hash128 *shape)
{
	struct hash128 key;
	struct learnt *item = NULL;

	if (shape == NULL || router->table == NULL) {
		return false;
	}
	key = learnt_key(pool, shape);
	HASH_FIND(hh, router->table, &key, sizeof(key), item);
	return item != NULL;
}

void
router_learn_write(
    struct router *router, const struct pool *pool, const struct hash128 *shape)
{
	struct learnt *item;

	if (was_refused(router, pool, shape)) {
		return;
	}
	if (HASH_COUNT(router->table) >= LEARNT_MAX) {
		forget_all(router);
	}
	item = mem_zalloc(sizeof(*item));
	item->key = learnt_key(pool, shape);
	HASH_ADD(hh, router->table, key, sizeof(item->key), item);
	router->counters.learnt++;
}

/* ---- the fence ----------------------------------------------------------- */

void
router_wrote(
    struct router *router, const struct pool *pool, struct router_state *state)
{
	if (router->monitor == NULL || pool->cluster == NULL ||
	    cluster_count(pool->cluster) < 2) {
		return;
	}
	state->fence = monitor_last_question(router->monitor) + 1;
	/* Who writes will read: the answers may be there by then. */
	for (size_t i = 0; i < cluster_count(pool->cluster); i++) {
		monitor_probe(router->monitor, cluster_node(pool->cluster, i));
	}
}

/* Turns the number of a question into its answer, once that is there. */
static bool
resolve_fence(
    struct router *router, const struct pool *pool, struct router_state *state)
{
	struct node *primary = cluster_primary(pool->cluster);

	if (state->fence == 0) {
		return true;
	}
	if (primary == NULL) {
		return false;
	}
	if (!primary->has_position ||
	    primary->position_question < state->fence) {
		monitor_probe(router->monitor, primary);
		return false;
	}
	state->position = primary->position;
	state->fence = 0;
	return true;
}

/* Whether every replica that might be chosen has what the client wrote. */
static bool
is_past_fence(
    struct router *router, const struct pool *pool, struct router_state *state)
{
	if (router->monitor == NULL) {
		return true;
	}
	if (!resolve_fence(router, pool, state)) {
		return false;
	}
	if (state->position == 0) {
		return true;
	}
	for (size_t i = 0; i < cluster_count(pool->cluster); i++) {
		const struct node *node = cluster_node(pool->cluster, i);

		if (cluster_is_replica(pool->cluster, node) &&
		    (!node->has_position || node->position < state->position)) {
			monitor_probe(router->monitor, node);
			return false;
		}
	}
	return true;
}

/* ---- the choice ---------------------------------------------------------- */

static bool
may_read(struct router *router, struct pool *pool, struct router_state *state,
    const struct router_request *request)
{
	if (!request->is_read || state->primary_once ||
	    request->bytes > request->replay_max_bytes ||
	    !pool_has_replica(pool) ||
	    was_refused(router, pool, request->shape)) {
		return false;
	}
	if (!is_past_fence(router, pool, state)) {
		router->counters.fenced++;
		return false;
	}
	return true;
}

enum pool_class
router_choose(struct router *router, struct pool *pool,
    struct router_state *state, const struct router_request *request)
{
	enum pool_class class =
	    may_read(router, pool, state, request) ? POOL_READ : POOL_PRIMARY;

	state->is_doubted = class == POOL_PRIMARY &&
	    (state->primary_once || was_refused(router, pool, request->shape));
	state->primary_once = false;
	if (class == POOL_READ) {
		router->counters.reads++;
	} else {
		router->counters.writes++;
	}
	return class;
}
