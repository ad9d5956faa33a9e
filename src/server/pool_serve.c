/*
 * pool_serve.c - who gets which server: the queues of a pool.
 *
 * Oldest first: the heads of the three queues are compared by arrival, never
 * scanned. A head that nobody can serve now does not hold up the others.
 * Everything here runs from the loop's ready list or for a client that asks,
 * never inside another client's callback.
 */
#include <assert.h>
#include <stdlib.h>

#include "core/error.h"
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

static struct pool_slot *
primary_slot(struct pool *pool)
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
	struct pool_slot *slot = replica_slot(pool, accept_usable);

	if (slot == NULL) {
		slot = primary_slot(pool);
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
	struct pool_slot *slot = primary_slot(pool);
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

static struct server *
choose(struct pool *pool, enum pool_class class, const struct profile *profile)
{
	struct pool_slot *slot;

	if (pool_is_halted(pool) || pool->conf == NULL) {
		return NULL;
	}
	switch (class) {
	case POOL_PRIMARY:
		slot = primary_slot(pool);
		return slot == NULL ? NULL : idle_server(slot, profile);
	case POOL_READ:
		return take_read(pool, profile);
	case POOL_ANY:
		return take_any(pool, profile);
	}
	assert(!"unreachable");
	return NULL;
}

static struct server *
take(struct pool *pool, enum pool_class class, const struct profile *profile)
{
	struct server *server = choose(pool, class, profile);

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

/* ---- waiting ------------------------------------------------------------- */

void
pool_wait(struct pool *pool, struct waiter *waiter, enum pool_class class,
    const struct profile *profile)
{
	assert(waiter->pool == NULL);
	if (pool->waiting == 0) {
		pool->fatal.text[0] = '\0'; /* of an attempt for others */
	}
	waiter->pool = pool;
	waiter->class = class;
	waiter->profile = profile;
	waiter->arrival = ++pool->set->arrivals;
	waiter->since_us = loop_now_us(pool->set->loop);
	list_append(&pool->queues[class], &waiter->link);
	pool->waiting++;
	loop_ready(pool->set->loop, &pool->ready);
}

void
pool_forget(struct waiter *waiter)
{
	struct pool *pool = waiter->pool;

	if (pool == NULL) {
		return;
	}
	list_remove(&pool->queues[waiter->class], &waiter->link);
	pool->waiting--;
	waiter->pool = NULL;
	waiter->profile = NULL;
}

static void
refuse(struct waiter *waiter, enum close_reason reason, const struct error *err)
{
	pool_forget(waiter);
	waiter->on_refused(waiter, reason, err);
}

void
pool_refuse(struct pool *pool, enum pool_class class, enum close_reason reason,
    const struct error *err)
{
	struct error copy = *err; /* ERR may be the pool's own and change */
	struct waiter *waiter;

	while ((waiter = list_first(
	            &pool->queues[class], struct waiter, link)) != NULL) {
		refuse(waiter, reason, &copy);
	}
}

void
pool_refuse_all(struct pool *pool, enum close_reason reason)
{
	const struct close_reason_row *row = close_reason_row(reason);
	struct error err;

	error_set(&err, row->sqlstate, "%s", row->text);
	for (int i = 0; i < POOL_CLASSES; i++) {
		pool_refuse(pool, (enum pool_class)i, reason, &err);
	}
}

/* ---- granting ------------------------------------------------------------ */

/* Grants one server to the oldest waiter that one fits; false if none does. */
static bool
grant_one(struct pool *pool)
{
	bool tried[POOL_CLASSES] = {false};

	for (int round = 0; round < POOL_CLASSES; round++) {
		struct waiter *oldest = NULL;
		struct server *server;

		for (int i = 0; i < POOL_CLASSES; i++) {
			struct waiter *head =
			    list_first(&pool->queues[i], struct waiter, link);

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
			(void)open_in(replica_slot(pool, accept_usable), each);
		}
		return;
	}
	slot = primary_slot(pool);
	if (slot == NULL && cluster_primary(pool->cluster) == NULL) {
		open_on_candidates(pool);
	}
	if (class == POOL_ANY &&
	    (slot == NULL || slot->failing_since_us != 0)) {
		(void)open_in(replica_slot(pool, accept_usable), wanted);
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

/* A login that failed for good fails for everybody who waits for it. */
static bool
refuse_if_hopeless(struct pool *pool)
{
	struct error err = pool->fatal;

	if (err.text[0] == '\0' || pool->waiting == 0) {
		return false;
	}
	list_foreach (&pool->slots, link) {
		const struct pool_slot *slot =
		    list_entry(link, struct pool_slot, link);

		if (slot->count > 0) {
			return false; /* others serve, or are on the way */
		}
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
