/*
 * census.c - how many clients and servers every pool has.
 */
#include "admin/census.h"

#include <stdlib.h>
#include <string.h>

#include "admin/instance_int.h"
#include "client/client_int.h"
#include "core/mem.h"
#include "server/pool_int.h"
#include "server/server_int.h"

/* ---- servers ------------------------------------------------------------- */

static void
count_slot(struct pool_count *count, const struct pool_slot *slot)
{
	for (int i = 0; i < SERVER_CLOSED; i++) {
		count->servers[i] += slot->by_state[i].count;
		list_foreach (&slot->by_state[i], link) {
			count->cancels += list_entry(link, struct server, link)
			                      ->cancels.count;
		}
	}
	count->server_count += slot->count;
}

static void
count_waiters(struct pool_count *count)
{
	for (int i = 0; i < POOL_CLASSES; i++) {
		const struct waiter *head =
		    list_first(&count->pool->queues[i], struct waiter, link);

		if (head != NULL &&
		    (count->waiting_since_us == 0 ||
		        head->since_us < count->waiting_since_us)) {
			count->waiting_since_us = head->since_us;
		}
	}
}

static void
count_servers(struct pool_count *count)
{
	list_foreach (&count->pool->slots, link) {
		count_slot(count, list_entry(link, struct pool_slot, link));
	}
	list_foreach (&count->pool->old_slots, old_link) {
		count_slot(count, list_entry(old_link, struct pool_slot, link));
	}
	count_waiters(count);
}

/* ---- clients ------------------------------------------------------------- */

static struct pool_count *
find(struct census *census, const struct pool *pool)
{
	struct pool_count *count = NULL;

	HASH_FIND_PTR(census->by_pool, &pool, count);
	return count;
}

static void
count_clients(
    struct census *census, const struct list *clients, bool is_waiting)
{
	list_foreach (clients, link) {
		const struct client *client =
		    list_entry(link, struct client, link);
		struct pool_count *count = find(census, client->pool);

		if (count == NULL) {
			continue;
		}
		if (is_waiting) {
			count->clients_waiting++;
		} else {
			count->clients_active++;
		}
	}
}

static void
count_cancellers(struct census *census, const struct list *clients)
{
	list_foreach (clients, link) {
		const struct client *client =
		    list_entry(link, struct client, link);
		struct pool_count *count = find(census, client->pool);

		if (count == NULL) {
			continue;
		}
		if (client->asker.is_sent) {
			count->cancellers_sent++;
		} else {
			count->cancellers_waiting++;
		}
	}
}

/* ---- the census ---------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct pool_count *left = a, *right = b;
	int order = strcmp(left->pool->database, right->pool->database);

	return order != 0 ? order : strcmp(left->pool->user, right->pool->user);
}

/* Leaves out pools of removed databases that nobody uses any more. */
static void
drop_unused(struct census *census)
{
	size_t kept = 0;

	HASH_CLEAR(hh, census->by_pool);
	for (size_t i = 0; i < census->count; i++) {
		const struct pool_count *count = &census->pools[i];

		if (count->pool->conf != NULL || count->server_count > 0 ||
		    count->clients_active + count->clients_waiting > 0) {
			census->pools[kept++] = *count;
		}
	}
	census->count = kept;
}

void
census_take(struct census *census, const struct instance *instance)
{
	const struct pools *pools = instance->pools;
	const struct list *clients = instance->clients->by_state;
	struct pool *pool, *next;

	*census = (struct census){0};
	census->pools =
	    mem_zalloc((HASH_COUNT(pools->table) + 1) * sizeof(*census->pools));
	HASH_ITER(hh, pools->table, pool, next)
	{
		struct pool_count *count = &census->pools[census->count++];

		count->pool = pool;
		HASH_ADD_PTR(census->by_pool, pool, count);
		count_servers(count);
	}
	count_clients(census, &clients[CLIENT_IDLE], false);
	count_clients(census, &clients[CLIENT_ACTIVE], false);
	count_clients(census, &clients[CLIENT_WAITING], true);
	count_clients(census, &clients[CLIENT_WELCOME], true);
	count_cancellers(census, &clients[CLIENT_CANCEL]);
	drop_unused(census);
	qsort(census->pools, census->count, sizeof(*census->pools), compare);
}

void
census_fini(struct census *census)
{
	free(census->pools);
	*census = (struct census){0};
}

/* The first pool whose database is not before DATABASE. */
static size_t
lower_bound(const struct census *census, const char *database)
{
	size_t low = 0, high = census->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(census->pools[middle].pool->database, database) <
		    0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

struct database_count
census_database(const struct census *census, const char *database)
{
	struct database_count sum = {0};

	for (size_t i = lower_bound(census, database); i < census->count; i++) {
		const struct pool_count *count = &census->pools[i];

		if (strcmp(count->pool->database, database) != 0) {
			break;
		}
		sum.clients += count->clients_active + count->clients_waiting;
		sum.servers += count->server_count;
	}
	return sum;
}
