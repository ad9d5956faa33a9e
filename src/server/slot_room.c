/*
 * slot_room.c - one node's share of a pool: how many connections it may have.
 *
 * The pool's size is for everybody. Of the reserve a connection is opened when
 * somebody has waited for long who no connection on its way is for; it goes
 * again when nobody has needed it for as long.
 */
#include <assert.h>

#include "conf/database.h"
#include "core/log.h"
#include "net/loop.h"
#include "node/cluster.h"
#include "node/node.h"
#include "server/pool_int.h"
#include "server/server_int.h"

/* ---- for whom ------------------------------------------------------------ */

static bool
is_replica(const struct pool_slot *slot)
{
	return slot->pool->options.split &&
	    cluster_is_replica(slot->pool->cluster, slot->node);
}

/* While no primary is known, whoever might turn out to be one will do. */
static bool
is_primary(const struct pool_slot *slot)
{
	const struct cluster *cluster = slot->pool->cluster;

	return cluster_primary(cluster) == NULL
	    ? slot->node->role == NODE_ROLE_UNKNOWN
	    : cluster_is_primary(cluster, slot->node);
}

/* Whether the primary can be had. */
static bool
has_primary(struct pool *pool)
{
	const struct node *primary = cluster_primary(pool->cluster);
	const struct pool_slot *slot =
	    primary == NULL ? NULL : pool_slot_of(pool, primary);

	return slot != NULL && slot->failing_since_us == 0;
}

bool
slot_serves(const struct pool_slot *slot, enum pool_class class)
{
	switch (class) {
	case POOL_PRIMARY:
		return is_primary(slot);
	case POOL_READ:
		return pool_has_replica(slot->pool) ? is_replica(slot)
		                                    : is_primary(slot);
	case POOL_ANY:
		return is_primary(slot) ||
		    (is_replica(slot) && !has_primary(slot->pool));
	case POOL_PRIVATE:
		return false; /* see pool_private.c */
	}
	assert(!"unreachable");
	return false;
}

/* The oldest waiter that SLOT serves after the first COVERED; NULL if there is
 * none. No more than these are looked at, never all that wait. */
static const struct waiter *
waiter_behind(const struct pool_slot *slot, size_t covered)
{
	struct list_link *at[POOL_CLASSES];

	for (int i = 0; i < POOL_CLASSES; i++) {
		at[i] = slot_serves(slot, (enum pool_class)i)
		    ? slot->pool->queues[i].head
		    : NULL;
	}
	for (;;) {
		const struct waiter *oldest = NULL;

		for (int i = 0; i < POOL_CLASSES; i++) {
			const struct waiter *head = at[i] == NULL
			    ? NULL
			    : list_entry(at[i], struct waiter, link);

			if (head != NULL &&
			    (oldest == NULL ||
			        head->arrival < oldest->arrival)) {
				oldest = head;
			}
		}
		slot->pool->set->limits.steps++;
		if (oldest == NULL || covered-- == 0) {
			return oldest;
		}
		at[oldest->class] = at[oldest->class]->next;
	}
}

bool
slot_has_waiter(const struct pool_slot *slot)
{
	return slot->pool->waiting > 0 && !slot->is_old &&
	    waiter_behind(slot, 0) != NULL;
}

/* ---- how many ------------------------------------------------------------ */

static size_t
reserve_of(const struct pool_options *options)
{
	return options->reserve_timeout_us == 0 ? 0 : options->reserve_size;
}

bool
slot_is_over(const struct pool_slot *slot)
{
	const struct pool_options *options = &slot->pool->options;

	return slot_is_over_cap(slot) ||
	    (slot->count > options->size &&
	        slot->count - options->size > reserve_of(options));
}

/* Whether SLOT, whose own are all open, may open one of the reserve. */
static bool
may_use_reserve(const struct pool_slot *slot, const struct waiter *waiter)
{
	const struct pool_options *options = &slot->pool->options;

	return slot->count - options->size < reserve_of(options) &&
	    loop_now_us(slot->pool->set->loop) - waiter->since_us >=
	    options->reserve_timeout_us;
}

bool
slot_is_pausing(const struct pool_slot *slot)
{
	return slot->is_old || pool_awaits_key(slot->pool) ||
	    slot->retry_at_us > loop_now_us(slot->pool->set->loop) ||
	    (slot->failing_since_us != 0 && slot_coming(slot) > 0);
}

bool
slot_grow(struct pool_slot *slot)
{
	if (slot_is_pausing(slot) || slot->count >= slot->pool->options.size ||
	    !slot_make_room(slot, NULL)) {
		return false;
	}
	(void)server_connect(slot);
	return true;
}

const struct waiter *
slot_wants(const struct pool_slot *slot)
{
	const struct pool *pool = slot->pool;
	const struct waiter *waiter, *private;

	if (pool->waiting == 0 || slot_is_pausing(slot) ||
	    pool_is_halted(pool)) {
		return NULL;
	}
	/* What is on its way is for the oldest of them. */
	waiter = waiter_behind(slot, slot_coming(slot));
	if (waiter != NULL && slot->count >= pool->options.size &&
	    !may_use_reserve(slot, waiter)) {
		waiter = NULL;
	}
	private = private_wants(slot);
	return waiter == NULL ||
	        (private != NULL && private->arrival < waiter->arrival)
	    ? private
	    : waiter;
}

bool
slot_open(struct pool_slot *slot)
{
	const struct pool *pool = slot->pool;
	const struct waiter *waiter = slot_wants(slot);

	if (waiter == NULL) {
		slot_stop_waiting(slot);
		return false;
	}
	if (waiter->class == POOL_PRIVATE) {
		return private_open(slot);
	}
	if (!slot_make_room(slot, waiter)) {
		return false;
	}
	if (slot->count >= pool->options.size) {
		log_warning(&pool->set->log,
		    "taking connection from reserve_pool db=%s user=%s host=%s",
		    pool->database, pool->user, slot->node->name);
	}
	(void)server_connect(slot);
	return true;
}

/* ---- how few ------------------------------------------------------------- */

size_t
slot_minimum(const struct pool_slot *slot)
{
	const struct pool *pool = slot->pool;
	bool is_kept = pool->conf != NULL && !slot->is_old &&
	    (pool->clients > 0 || pool->conf->user != NULL) &&
	    (cluster_is_primary(pool->cluster, slot->node) || is_replica(slot));

	return is_kept ? pool->options.min_size : 0;
}

void
slot_keep_minimum(struct pool_slot *slot)
{
	size_t minimum = slot_minimum(slot);

	if (minimum == 0 || pool_is_halted(slot->pool)) {
		return;
	}
	while (slot->count < minimum && slot_grow(slot)) {
		/* one more */
	}
}
