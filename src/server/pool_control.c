/*
 * pool_control.c - what an operator does to pools: pause, reconnect, kill,
 * suspend.
 *
 * Nothing here waits: a server in use is marked, and closed when it comes free.
 * Who wants to know when that is done counts what is left.
 */
#include <string.h>

#include "server/pool_int.h"
#include "server/server_int.h"

/* Calls EACH for every pool of DATABASE; NULL: of all. */
static void
each_pool(
    struct pools *pools, const char *database, void (*each)(struct pool *pool))
{
	struct pool *pool, *next;

	HASH_ITER(hh, pools->table, pool, next)
	{
		if (database == NULL || strcmp(pool->database, database) == 0) {
			each(pool);
		}
	}
}

static void
wake(struct pool *pool)
{
	loop_ready(pool->set->loop, &pool->ready);
}

/* ---- replacing servers --------------------------------------------------- */

/* Idle servers go now, the others when they are free. Old slots do so anyway.
 */
static void
replace_servers(struct pool *pool)
{
	list_foreach (&pool->slots, link) {
		struct pool_slot *slot =
		    list_entry(link, struct pool_slot, link);

		slot_retire(slot);
		slot_close_all(slot, SERVER_IDLE, CLOSE_SERVER_OBSOLETE);
	}
	wake(pool);
}

void
pools_reconnect(struct pools *pools, const char *database)
{
	each_pool(pools, database, replace_servers);
}

/* Between two transactions of its client. */
static bool
is_at_rest(const struct server *server)
{
	return server->applying == NULL && server->status == 'I' &&
	    answers_is_settled(&server->answers) &&
	    server->partial.length == 0 && server->skip_bytes == 0;
}

static void
close_marked(struct pool_slot *slot)
{
	struct error err;

	error_set(
	    &err, SQLSTATE_ADMIN_SHUTDOWN, "database configuration changed");
	list_foreach_safe (&slot->by_state[SERVER_ACTIVE], link) {
		struct server *server = list_entry(link, struct server, link);

		if ((server->retire || slot->is_old) && is_at_rest(server)) {
			server_close(server, CLOSE_SERVER_CHANGED, &err);
		}
	}
}

void
pool_close_marked(struct pool *pool)
{
	if (!pool->options.fast_close) {
		return;
	}
	list_foreach_safe (&pool->slots, link) {
		close_marked(list_entry(link, struct pool_slot, link));
	}
	list_foreach_safe (&pool->old_slots, old_link) {
		close_marked(list_entry(old_link, struct pool_slot, link));
	}
}

/* ---- pause --------------------------------------------------------------- */

/* The others are closed as they come free, see pool_is_paused(). */
static void
close_idle(struct pool *pool)
{
	list_foreach (&pool->slots, link) {
		slot_close_all(list_entry(link, struct pool_slot, link),
		    SERVER_IDLE, CLOSE_SERVER_OBSOLETE);
	}
}

static void
note_gate(struct pool *pool)
{
	pool->is_paused = gates_is_paused(&pool->set->gates, pool->database);
}

void
pools_pause(struct pools *pools, const char *database)
{
	if (database == NULL) {
		pools->paused = true;
	} else {
		gates_set_paused(&pools->gates, database, true);
		each_pool(pools, database, note_gate);
	}
	each_pool(pools, database, close_idle);
}

void
pools_resume(struct pools *pools, const char *database)
{
	if (database == NULL) {
		pools->paused = false;
	} else {
		gates_set_paused(&pools->gates, database, false);
		each_pool(pools, database, note_gate);
	}
	each_pool(pools, database, wake);
}

bool
pools_are_paused(const struct pools *pools)
{
	return pools->paused;
}

bool
pools_is_paused(const struct pools *pools, const char *database)
{
	return gates_is_paused(&pools->gates, database);
}

bool
pools_is_held(const struct pools *pools, const char *database)
{
	return pools->paused || pools->suspended ||
	    pools_is_paused(pools, database);
}

size_t
pools_count_paused(const struct pools *pools)
{
	return gates_count_paused(&pools->gates);
}

bool
pool_is_paused(const struct pool *pool)
{
	return pool->is_paused || pool->set->paused;
}

bool
pool_is_halted(const struct pool *pool)
{
	return pool_is_paused(pool) || pool->set->suspended;
}

/* ---- kill, disable ------------------------------------------------------- */

static void
kill_servers(struct pool *pool)
{
	list_foreach_safe (&pool->slots, link) {
		struct pool_slot *slot =
		    list_entry(link, struct pool_slot, link);

		for (int i = 0; i < SERVER_CLOSED; i++) {
			slot_close_all(
			    slot, (enum server_state)i, CLOSE_SERVER_KILLED);
		}
	}
	list_foreach_safe (&pool->old_slots, old_link) {
		struct pool_slot *slot =
		    list_entry(old_link, struct pool_slot, link);

		for (int i = 0; i < SERVER_CLOSED; i++) {
			slot_close_all(
			    slot, (enum server_state)i, CLOSE_SERVER_KILLED);
		}
	}
}

void
pools_kill(struct pools *pools, const char *database)
{
	pools_pause(pools, database);
	each_pool(pools, database, kill_servers);
}

void
pools_set_disabled(struct pools *pools, const char *database, bool is_disabled)
{
	gates_set_disabled(&pools->gates, database, is_disabled);
}

bool
pools_is_disabled(const struct pools *pools, const char *database)
{
	return gates_is_disabled(&pools->gates, database);
}

/* ---- suspend ------------------------------------------------------------- */

/* Calls EACH for every server of POOL. */
static void
each_server(struct pool *pool, void (*each)(struct server *server))
{
	const struct list *const lists[] = {&pool->slots, &pool->old_slots};

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		list_foreach_safe (lists[i], link) {
			struct pool_slot *slot =
			    list_entry(link, struct pool_slot, link);

			for (int state = 0; state < SERVER_CLOSED; state++) {
				list_foreach_safe (
				    &slot->by_state[state], server_link) {
					each(list_entry(
					    server_link, struct server, link));
				}
			}
		}
	}
}

static void
update_interest(struct server *server)
{
	/* Who holds it sees to it himself. */
	if (server->holder == NULL) {
		server_update_interest(server, true);
	}
}

static void
update_all(struct pool *pool)
{
	each_server(pool, update_interest);
	wake(pool);
}

void
pools_suspend(struct pools *pools, bool is_suspended)
{
	pools->suspended = is_suspended;
	each_pool(pools, NULL, update_all);
}

bool
pools_are_suspended(const struct pools *pools)
{
	return pools->suspended;
}

/* ---- what is left -------------------------------------------------------- */

static size_t
count_marked(const struct pool_slot *slot)
{
	size_t marked = 0;

	if (slot->is_old) {
		return slot->count;
	}
	for (int i = 0; i < SERVER_CLOSED; i++) {
		list_foreach (&slot->by_state[i], link) {
			marked += list_entry(link, struct server, link)->retire;
		}
	}
	return marked;
}

/* The sum of COUNT over all slots of DATABASE. */
static size_t
sum(const struct pools *pools, const char *database,
    size_t (*count)(const struct pool_slot *slot))
{
	struct pool *pool, *next;
	size_t result = 0;

	HASH_ITER(hh, pools->table, pool, next)
	{
		if (database != NULL && strcmp(pool->database, database) != 0) {
			continue;
		}
		list_foreach (&pool->slots, link) {
			result +=
			    count(list_entry(link, struct pool_slot, link));
		}
		list_foreach (&pool->old_slots, old_link) {
			result +=
			    count(list_entry(old_link, struct pool_slot, link));
		}
	}
	return result;
}

static size_t
count_all(const struct pool_slot *slot)
{
	return slot->count;
}

size_t
pools_all_servers(const struct pools *pools, const char *database)
{
	return sum(pools, database, count_all);
}

size_t
pools_marked_servers(const struct pools *pools, const char *database)
{
	return sum(pools, database, count_marked);
}
