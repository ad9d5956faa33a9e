/*
 * pool_private.c - connections that are one client's own from their login on.
 *
 * What a replication connection is to be, it says when it logs in, and it is
 * good for nothing else afterwards. So each has a server connection made for
 * it, on the primary, which counts in the pool like any other and ends with it.
 * Who waits for one stands in the queue of POOL_PRIVATE until it is there.
 */
#include <assert.h>

#include "core/error.h"
#include "node/cluster.h"
#include "server/pool_int.h"
#include "server/server_int.h"

void
pool_wait_private(
    struct pool *pool, struct waiter *waiter, const struct private_login *login)
{
	waiter->login = login;
	waiter->coming = NULL;
	pool_wait(pool, waiter, POOL_PRIVATE, NULL);
}

void
private_attach(struct server *server, struct waiter *waiter)
{
	server->expects = waiter;
	server->replication = waiter->login->replication;
	server->slot->private_coming++;
	waiter->coming = server;
}

/* SERVER is on its way for nobody any more. */
static void
detach(struct server *server)
{
	server->expects->coming = NULL;
	server->expects = NULL;
	server->slot->private_coming--;
}

void
private_forget(struct waiter *waiter)
{
	struct server *server = waiter->coming;

	waiter->login = NULL;
	if (server != NULL) {
		detach(server);
		server_close(server, CLOSE_SERVER_CLIENT_LEFT, NULL);
	}
}

struct waiter *
private_first(const struct pool *pool)
{
	list_foreach (&pool->queues[POOL_PRIVATE], link) {
		struct waiter *waiter = list_entry(link, struct waiter, link);

		if (waiter->coming == NULL) {
			return waiter;
		}
	}
	return NULL;
}

const struct waiter *
private_wants(const struct pool_slot *slot)
{
	const struct pool *pool = slot->pool;
	bool has_place = slot->count < pool->options.size ||
	    (slot->count == pool->options.size &&
	        slot->by_state[SERVER_IDLE].count > 0);

	return has_place && cluster_is_primary(pool->cluster, slot->node)
	    ? private_first(pool)
	    : NULL;
}

static bool
has_room(struct pool_slot *slot, const struct waiter *waiter)
{
	return slot->count < slot->pool->options.size &&
	    slot_make_room(slot, waiter);
}

/* Whether SLOT has room for a connection for WAITER; an idle one, which is of
 * no use to it, makes it. */
static bool
make_room(struct pool_slot *slot, const struct waiter *waiter)
{
	const struct list *idle = &slot->by_state[SERVER_IDLE];

	if (has_room(slot, waiter)) {
		return true;
	}
	if (idle->head == NULL || slot->count > slot->pool->options.size) {
		return false;
	}
	server_close(list_entry(idle->head->prev, struct server, link),
	    CLOSE_SERVER_EVICTED, NULL);
	return has_room(slot, waiter);
}

bool
private_open(struct pool_slot *slot)
{
	struct waiter *waiter = private_first(slot->pool);

	if (waiter == NULL || slot_is_pausing(slot) ||
	    !make_room(slot, waiter)) {
		return false;
	}
	server_connect_private(slot, waiter);
	return true;
}

bool
private_is_lost(struct server *server)
{
	if (server->expects == NULL) {
		return false;
	}
	detach(server); /* another attempt, or a refusal, follows */
	return true;
}

void
private_refuse(struct waiter *waiter, const struct error *err)
{
	struct error copy = *err;

	pool_forget(waiter);
	waiter->on_refused(waiter, CLOSE_CLIENT_NO_SERVER, &copy);
}

void
private_arrived(struct server *server)
{
	struct waiter *waiter = server->expects;

	detach(server);
	server_pin(server, "replication");
	server_set_state(server, SERVER_IDLE);
	pool_forget(waiter);
	waiter->on_granted(waiter, server);
	assert(server->state != SERVER_IDLE);
}
