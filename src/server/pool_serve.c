/*
 * pool_serve.c - who gets a server that is free, and when another is opened.
 *
 * Oldest first: the heads of the three queues are compared by arrival, never
 * scanned. A head that nobody can serve now does not hold up the others.
 * Everything here runs from the loop's ready list or for a client that asks,
 * never inside another client's callback.
 */
#include <assert.h>

#include "core/error.h"
#include "node/cluster.h"
#include "node/node.h"
#include "server/pool_int.h"
#include "server/server_int.h"

/* ---- granting ------------------------------------------------------------ */

static struct server *
take(struct pool *pool, enum pool_class class, const struct profile *profile)
{
	struct server *server = pool_choose(pool, class, profile);

	if (server != NULL && server_must_be_checked(server)) {
		server_check(server); /* it comes back, or another one does */
		return NULL;
	}
	return server;
}

struct server *
pool_take(
    struct pool *pool, enum pool_class class, const struct profile *profile)
{
	struct server *server =
	    pool->waiting > 0 ? NULL : take(pool, class, profile);

	/* Somebody of another pool may have waited for its place. */
	return server != NULL && slot_is_contested(server->slot) ? NULL
	                                                         : server;
}

/* The slot of the primary, wherever its turn is; NULL while none is known. */
static struct pool_slot *
primary_slot(struct pool *pool)
{
	const struct node *node = cluster_primary(pool->cluster);

	return node == NULL ? NULL : pool_slot_of(pool, node);
}

/* The oldest of CLASS that is to be granted something. */
static struct waiter *
head_of(const struct pool *pool, enum pool_class class)
{
	return class == POOL_PRIVATE
	    ? private_first(pool)
	    : list_first(&pool->queues[class], struct waiter, link);
}

/* What is free makes room for the first of POOL_PRIVATE, to which it is of no
 * use as it is; false if nothing is. */
static bool
make_way(struct pool *pool)
{
	struct pool_slot *slot = primary_slot(pool);

	return slot != NULL && private_open(slot);
}

/* Grants one server to the oldest waiter that one fits; false if none does. */
static bool
grant_one(struct pool *pool)
{
	bool tried[POOL_CLASSES] = {false};

	for (int round = 0; round < POOL_CLASSES; round++) {
		struct waiter *oldest = NULL;
		struct server *server;

		for (int i = 0; i < POOL_CLASSES; i++) {
			struct waiter *head = head_of(pool, (enum pool_class)i);

			if (head != NULL && !tried[i] &&
			    (oldest == NULL ||
			        head->arrival < oldest->arrival)) {
				oldest = head;
			}
		}
		if (oldest == NULL) {
			return false;
		}
		tried[oldest->class] = true;
		if (oldest->class == POOL_PRIVATE) {
			if (make_way(pool)) {
				return true;
			}
			continue;
		}
		server = take(pool, oldest->class, oldest->profile);
		if (server != NULL && slot_yields(server, oldest)) {
			return true;
		}
		if (server != NULL) {
			pool_forget(oldest);
			oldest->on_granted(oldest, server);
			return true;
		}
	}
	return false;
}

/* ---- opening ------------------------------------------------------------- */

/* Opens what SLOT lacks for WANTED waiters; returns how many are on the way. */
static size_t
open_in(struct pool_slot *slot, size_t wanted)
{
	if (slot == NULL) {
		return 0;
	}
	while (slot_coming(slot) < wanted && slot_open(slot)) {
		/* one more */
	}
	return slot_coming(slot);
}

static void
open_on_candidates(struct pool *pool)
{
	struct node *node = cluster_next_candidate(pool->cluster);
	struct pool_slot *slot = node == NULL ? NULL : pool_slot_of(pool, node);

	if (slot != NULL && slot_coming(slot) == 0) {
		(void)slot_open(slot);
	}
}

static void
open_for(struct pool *pool, enum pool_class class)
{
	size_t wanted = pool->queues[class].count;
	struct pool_slot *slot = NULL;

	if (wanted == 0) {
		return;
	}
	if (class == POOL_PRIVATE && primary_slot(pool) != NULL) {
		while (private_open(primary_slot(pool))) {
			/* and the next */
		}
		return;
	}
	if (class == POOL_READ && pool_has_replica(pool)) {
		size_t replicas = 0, each;

		list_foreach (&pool->slots, link) {
			slot = list_entry(link, struct pool_slot, link);
			replicas +=
			    cluster_is_replica(pool->cluster, slot->node);
		}
		assert(replicas > 0);
		each = (wanted + replicas - 1) / replicas;
		for (size_t i = 0; i < replicas; i++) {
			(void)open_in(pool_replica_slot(pool), each);
		}
		return;
	}
	slot = pool_primary_slot(pool);
	if (slot == NULL && cluster_primary(pool->cluster) == NULL) {
		open_on_candidates(pool);
	}
	if (class == POOL_ANY &&
	    (slot == NULL || slot->failing_since_us != 0)) {
		(void)open_in(pool_replica_slot(pool), wanted);
	}
	(void)open_in(slot, wanted);
}

/* It may be the turn of a slot that waits under a cap: it uses that, or lets
 * the next have it. */
static void
open_where_it_waits(struct pool *pool)
{
	list_foreach (&pool->slots, link) {
		struct pool_slot *slot =
		    list_entry(link, struct pool_slot, link);

		if (slot_is_waiting(slot)) {
			(void)slot_open(slot);
		}
	}
}

bool
pool_has_servers(const struct pool *pool)
{
	list_foreach (&pool->slots, link) {
		if (list_entry(link, struct pool_slot, link)->count > 0) {
			return true;
		}
	}
	return false;
}

/* A login that failed for good fails for everybody who waits for it. */
static bool
refuse_if_hopeless(struct pool *pool)
{
	struct error err = pool->fatal;

	if (err.text[0] == '\0' || pool->waiting == 0) {
		return false;
	}
	if (pool_has_servers(pool)) {
		return false; /* others serve, or are on the way */
	}
	for (int i = 0; i < POOL_CLASSES; i++) {
		pool_refuse(
		    pool, (enum pool_class)i, CLOSE_CLIENT_NO_SERVER, &err);
	}
	pool->fatal.text[0] = '\0';
	return true;
}

void
pool_serve(struct pool *pool)
{
	if (pool->conf == NULL) {
		/* Whoever still came to wait. */
		pool_refuse_all(pool, CLOSE_CLIENT_DATABASE_REMOVED);
		return;
	}
	if (pool_is_halted(pool) || pool->set->closing) {
		return;
	}
	while (pool->waiting > 0 && grant_one(pool)) {
		/* and the next */
	}
	open_where_it_waits(pool);
	if (pool->waiting == 0 || refuse_if_hopeless(pool)) {
		return;
	}
	for (int i = 0; i < POOL_CLASSES; i++) {
		open_for(pool, (enum pool_class)i);
	}
}
