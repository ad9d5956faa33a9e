/*
 * pool_choose.c - which node serves a request, and which of its servers.
 */
#include <assert.h>

#include "node/cluster.h"
#include "node/node.h"
#include "server/pool_int.h"
#include "server/server_int.h"

/* So many idle servers are looked at for one that has the client's settings. */
#define LOOK_AT_MAX 64

struct pool_slot *
pool_slot_of(struct pool *pool, const struct node *node)
{
	list_foreach (&pool->slots, link) {
		struct pool_slot *slot =
		    list_entry(link, struct pool_slot, link);

		if (slot->node == node) {
			return slot;
		}
	}
	return NULL;
}

/* ---- which slot ---------------------------------------------------------- */

struct pool_slot *
pool_primary_slot(struct pool *pool)
{
	struct node *node = cluster_next_primary(pool->cluster);

	return node == NULL ? NULL : pool_slot_of(pool, node);
}

static bool
accept_usable(const struct node *node, void *context)
{
	const struct pool_slot *slot = pool_slot_of(context, node);

	return slot != NULL && slot_is_usable(slot);
}

static bool
accept_idle(const struct node *node, void *context)
{
	const struct pool_slot *slot = pool_slot_of(context, node);

	return slot != NULL && slot->by_state[SERVER_IDLE].count > 0;
}

static struct pool_slot *
replica_slot(struct pool *pool, cluster_accept_fn accept)
{
	struct node *node;

	if (!pool->options.split) {
		return NULL;
	}
	node = cluster_next_replica(pool->cluster, accept, pool);
	return node == NULL ? NULL : pool_slot_of(pool, node);
}

struct pool_slot *
pool_replica_slot(struct pool *pool)
{
	return replica_slot(pool, accept_usable);
}

bool
pool_has_replica(struct pool *pool)
{
	if (!pool->options.split || cluster_count(pool->cluster) < 2) {
		return false;
	}
	list_foreach (&pool->slots, link) {
		struct pool_slot *slot =
		    list_entry(link, struct pool_slot, link);

		if (cluster_is_replica(pool->cluster, slot->node) &&
		    slot_is_usable(slot)) {
			return true;
		}
	}
	return false;
}

/*
 * An idle server of SLOT: one that has PROFILE already, if there is any near,
 * the one last used. Else the one that was not used for longest: whose settings
 * it has, comes back least likely, and so servers settle down to clients.
 */
static struct server *
idle_server(struct pool_slot *slot, const struct profile *profile)
{
	const struct list *idle = &slot->by_state[SERVER_IDLE];
	int looked_at = 0;

	if (idle->head == NULL) {
		return NULL;
	}
	if (!slot->pool->options.round_robin) {
		list_foreach (idle, link) {
			struct server *server =
			    list_entry(link, struct server, link);

			if (server->profile == profile) {
				return server;
			}
			if (++looked_at == LOOK_AT_MAX) {
				break;
			}
		}
	}
	/* the tail */
	return list_entry(idle->head->prev, struct server, link);
}

static struct server *
take_read(struct pool *pool, const struct profile *profile)
{
	struct pool_slot *slot = pool_replica_slot(pool);

	if (slot == NULL) {
		slot = pool_primary_slot(pool);
		return slot == NULL ? NULL : idle_server(slot, profile);
	}
	if (slot->by_state[SERVER_IDLE].count == 0) {
		/* Its turn, but nobody is free there: let it grow, and use
		 * another for now. */
		if (slot_coming(slot) == 0) {
			(void)slot_grow(slot);
		}
		slot = replica_slot(pool, accept_idle);
	}
	return slot == NULL ? NULL : idle_server(slot, profile);
}

static struct server *
take_any(struct pool *pool, const struct profile *profile)
{
	struct pool_slot *slot = pool_primary_slot(pool);
	struct server *server = NULL;

	if (slot != NULL) {
		server = idle_server(slot, profile);
	}
	if (server == NULL && (slot == NULL || slot->failing_since_us != 0)) {
		slot = replica_slot(pool, accept_idle);
		server = slot == NULL ? NULL : idle_server(slot, profile);
	}
	return server;
}

struct server *
pool_choose(
    struct pool *pool, enum pool_class class, const struct profile *profile)
{
	struct pool_slot *slot;

	if (pool_is_halted(pool) || pool->conf == NULL) {
		return NULL;
	}
	switch (class) {
	case POOL_PRIMARY:
		slot = pool_primary_slot(pool);
		return slot == NULL ? NULL : idle_server(slot, profile);
	case POOL_READ:
		return take_read(pool, profile);
	case POOL_ANY:
		return take_any(pool, profile);
	case POOL_PRIVATE:
		return NULL; /* it is made for its waiter */
	}
	assert(!"unreachable");
	return NULL;
}
