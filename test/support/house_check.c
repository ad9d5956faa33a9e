/*
 * house_check.c - what always holds between events, whatever the peers do.
 */
#include "support/house_check.h"

#include <assert.h>

#include "client/client_int.h"
#include "conf/config.h"
#include "net/stream.h"
#include "server/pool_int.h"
#include "server/server_int.h"

/* What may be kept for a peer that takes nothing: what one read brings, twice
 * over, and a few messages of our own. */
#define PENDING_MAX (3 * SCRATCH_BYTES)

static size_t
list_length(const struct list *list)
{
	size_t n = 0;

	list_foreach (list, link) {
		n++;
	}
	assert(n == list->count);
	return n;
}

/* ---- servers ------------------------------------------------------------- */

/* Everything is answered: its client has no reason to keep it. */
static bool
is_kept_in_vain(const struct server *server, const struct client *client)
{
	return client->state == CLIENT_ACTIVE && !client->has_batch &&
	    client->pass_left == 0 && client->answer_left == 0 &&
	    client->replay.count == 0 && server->applying == NULL &&
	    server->status == 'I' && server->pin == NULL &&
	    client->pin == NULL && !client->unnamed_open &&
	    server->partial.length == 0 && answers_is_settled(&server->answers);
}

static void
check_active(const struct server *server)
{
	const struct client *client = server->holder;

	assert(client != NULL && server->ops != NULL);
	assert(client->server == server);
	assert(
	    client->state == CLIENT_ACTIVE || client->state == CLIENT_WELCOME);
	assert(!is_kept_in_vain(server, client));
}

static void
check_server(const struct server *server)
{
	assert(server->partial.length < SCRATCH_BYTES);
	assert(server->stream != NULL);
	assert(stream_pending(server->stream) <= PENDING_MAX);
	assert(server->answers.count <= ANSWERS_MAX + 2);
	if (server->state == SERVER_ACTIVE) {
		check_active(server);
		return;
	}
	assert(server->holder == NULL && server->ops == NULL);
	if (server->state == SERVER_IDLE) {
		assert(answers_is_settled(&server->answers));
		assert(!answers_needs_probe(&server->answers));
		assert(server->status == 'I' && server->pin == NULL);
		assert(server->applying == NULL && server->skip_bytes == 0);
		assert(server->cancels.count == 0);
	}
}

static size_t
check_slot(const struct pool_slot *slot)
{
	size_t count = 0;

	for (int i = 0; i < SERVER_CLOSED; i++) {
		count += list_length(&slot->by_state[i]);
		list_foreach (&slot->by_state[i], link) {
			const struct server *server =
			    list_entry(link, struct server, link);

			assert(server->state == (enum server_state)i);
			assert(server->slot == slot);
			check_server(server);
		}
	}
	assert(count == slot->count);
	return slot->by_state[SERVER_ACTIVE].count;
}

/* ---- pools --------------------------------------------------------------- */

static void
check_waiting(const struct pool *pool)
{
	size_t waiting = 0;
	const struct node *primary =
	    pool->cluster == NULL ? NULL : cluster_primary(pool->cluster);

	for (int i = 0; i < POOL_CLASSES; i++) {
		waiting += list_length(&pool->queues[i]);
	}
	assert(waiting == pool->waiting);
	if (pool_is_halted(pool) || primary == NULL) {
		return;
	}
	list_foreach (&pool->slots, link) {
		const struct pool_slot *slot =
		    list_entry(link, struct pool_slot, link);

		assert(slot->node != primary ||
		    pool->queues[POOL_PRIMARY].count == 0 ||
		    slot->by_state[SERVER_IDLE].count == 0);
	}
}

static void
check_pools(const struct pools *pools)
{
	const struct pool *pool, *next;
	size_t active = 0;

	HASH_ITER(hh, pools->table, pool, next)
	{
		list_foreach (&pool->slots, link) {
			active += check_slot(
			    list_entry(link, struct pool_slot, link));
		}
		list_foreach (&pool->old_slots, old_link) {
			const struct pool_slot *slot =
			    list_entry(old_link, struct pool_slot, link);

			assert(slot->is_old && slot->count > 0);
			active += check_slot(slot);
		}
		check_waiting(pool);
	}
	assert(active == pools->active);
}

/* ---- clients ------------------------------------------------------------- */

static void
check_link(const struct client *client)
{
	bool waits = client->waiter.pool != NULL;

	if (client->server != NULL) {
		assert(client->server->holder == client);
		assert(client->server->state == SERVER_ACTIVE);
		assert(!waits);
	}
	switch (client->state) {
	case CLIENT_ACTIVE:
		assert(client->server != NULL);
		return;
	case CLIENT_WAITING:
		assert(waits && client->has_batch);
		return;
	case CLIENT_WELCOME:
		assert(waits != (client->server != NULL));
		return;
	default:
		assert(!waits && client->server == NULL);
	}
}

static void
check_client(const struct client *client)
{
	const struct settings *settings = config_settings(client->set->config);

	assert(client->held.length <=
	    HELD_MAX + (size_t)settings->replay_max_bytes);
	assert(
	    client->replay.bytes.length <= (size_t)settings->replay_max_bytes);
	assert(client->replay.answer.length <= PENDING_MAX);
	assert(client->begin.length < 4096);
	assert(stream_pending(client->stream) <= PENDING_MAX);
	assert(client->replay.count <= REPLAY_BATCHES_MAX);
	assert(!client->replay_pending);
	check_link(client);
}

static void
check_clients(const struct clients *clients)
{
	size_t count = 0;

	for (int i = 0; i < CLIENT_CLOSED; i++) {
		count += list_length(&clients->by_state[i]);
		list_foreach (&clients->by_state[i], link) {
			const struct client *client =
			    list_entry(link, struct client, link);

			assert(client->state == (enum client_state)i);
			check_client(client);
		}
	}
	assert(count == clients->count);
}

void
house_check(const struct house *house)
{
	check_clients(house->clients);
	check_pools(house->pools);
}
