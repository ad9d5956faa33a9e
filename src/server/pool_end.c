/*
 * pool_end.c - pools that nobody uses any more.
 *
 * A pool without clients and servers ends after pool_idle_timeout. One that was
 * made from the fallback entry "*", or whose database is configured no more,
 * ends autodb_idle_timeout after its last client, and its servers with it; at
 * once if no login ever succeeded, so that names which do not exist leave
 * nothing behind. What the statistics had of a pool goes with it.
 */
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "core/mem.h"
#include "server/pool_int.h"
#include "server/server_int.h"

bool
pool_is_automatic(const struct pool *pool)
{
	return pool->conf != NULL && strcmp(pool->conf->name, "*") == 0;
}

static bool
has_servers(const struct pool *pool)
{
	list_foreach (&pool->slots, link) {
		if (list_entry(link, struct pool_slot, link)->count > 0) {
			return true;
		}
	}
	return pool->old_slots.count > 0;
}

static void
close_idle(struct pool *pool)
{
	list_foreach_safe (&pool->slots, link) {
		slot_close_all(list_entry(link, struct pool_slot, link),
		    SERVER_IDLE, CLOSE_SERVER_IDLE_TIMEOUT);
	}
}

/* Whether POOL, unused for UNUSED_US, was only there for who came by. */
static bool
is_forgotten(const struct pool *pool, int64_t unused_us)
{
	int64_t timeout_us =
	    config_settings(pool->set->config)->autodb_idle_timeout_us;

	if (pool->conf != NULL && !pool_is_automatic(pool)) {
		return false;
	}
	return !pool->has_served || (timeout_us > 0 && unused_us >= timeout_us);
}

/* Whether POOL keeps connections open for nobody in particular. That it has
 * none just now, in a pause or because the server is down, is no end. */
static bool
is_kept(const struct pool *pool)
{
	return pool->conf != NULL && pool->conf->user != NULL &&
	    !pool_is_automatic(pool) && pool->options.min_size > 0;
}

static bool
is_long_empty(const struct pool *pool, int64_t now_us)
{
	int64_t timeout_us =
	    config_settings(pool->set->config)->pool_idle_timeout_us;

	return timeout_us > 0 && !is_kept(pool) && pool->empty_since_us != 0 &&
	    now_us - pool->empty_since_us >= timeout_us;
}

bool
pool_is_over(struct pool *pool, int64_t now_us)
{
	bool is_forgettable;

	if (pool->clients > 0 || pool->waiting > 0) {
		pool->unused_since_us = 0;
		pool->empty_since_us = 0;
		return false;
	}
	if (pool->unused_since_us == 0) {
		pool->unused_since_us = now_us;
	}
	is_forgettable = is_forgotten(pool, now_us - pool->unused_since_us);
	if (is_forgettable) {
		close_idle(pool);
	}
	if (has_servers(pool)) {
		pool->empty_since_us = 0;
		return false;
	}
	if (pool->empty_since_us == 0) {
		pool->empty_since_us = now_us;
	}
	return is_forgettable || is_long_empty(pool, now_us);
}
