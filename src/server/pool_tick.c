/*
 * pool_tick.c - what time does to a pool: waiting that has no end in sight,
 * servers that are idle, old, or do not answer.
 *
 * Swept, ten times a second: there are far fewer servers than clients. What a
 * client may take is counted for each of them, see client/timeouts.h.
 */
#include "core/error.h"
#include "node/cluster.h"
#include "node/node.h"
#include "server/pool_int.h"
#include "server/server_int.h"

/* A drained server that does not come to rest in this time is closed. */
#define DRAIN_TIMEOUT_US ((int64_t)10 * 1000000)

/* ---- nobody can serve ---------------------------------------------------- */

/* The node that could serve CLASS does not answer. */
static bool
is_blocked(struct pool *pool, enum pool_class class, const struct error **why)
{
	struct node *node = cluster_primary(pool->cluster);
	struct pool_slot *slot = node == NULL ? NULL : pool_slot_of(pool, node);

	*why = NULL;
	if (pool_awaits_key(pool)) {
		*why = &pool->key_error;
		return !pool_has_servers(pool);
	}
	if (slot != NULL && slot_is_usable(slot)) {
		return false;
	}
	if ((class == POOL_READ || class == POOL_ANY) &&
	    pool_has_replica(pool)) {
		return false;
	}
	if (slot != NULL) {
		*why = &slot->last_error;
		return true;
	}
	list_foreach (&pool->slots, link) {
		slot = list_entry(link, struct pool_slot, link);
		if (slot->last_error.text[0] != '\0') {
			*why = &slot->last_error;
		} else if (slot->node->last_error.text[0] != '\0') {
			*why = &slot->node->last_error;
		}
	}
	return true;
}

static void
refuse_blocked(
    struct pool *pool, enum pool_class class, const struct error *why)
{
	struct error err;

	if (why == &pool->key_error ||
	    (why != NULL && !slot_is_at_fault(why))) {
		err = *why; /* a server has said so, or its login needs it */
	} else if (why == NULL) {
		error_set(&err, SQLSTATE_CANNOT_CONNECT,
		    "no server for database \"%s\": no primary is known",
		    pool->database);
	} else {
		error_set(&err, SQLSTATE_CANNOT_CONNECT,
		    "no server for database \"%s\": %s", pool->database,
		    why->text);
	}
	log_warning(&pool->set->log,
	    "%s, refusing %zu waiting clients after %lld s db=%s", err.text,
	    pool->queues[class].count,
	    (long long)(pool->options.server_unreachable_timeout_us / 1000000),
	    pool->database);
	pool_refuse(pool, class, CLOSE_CLIENT_NO_SERVER, &err);
}

/* Whether there was a primary, and one of its replicas could take its place. */
static bool
may_be_promoted(const struct pool *pool)
{
	if (cluster_primary(pool->cluster) != NULL ||
	    cluster_last_primary(pool->cluster) == NULL) {
		return false;
	}
	list_foreach (&pool->slots, link) {
		if (cluster_is_replica(pool->cluster,
		        list_entry(link, struct pool_slot, link)->node)) {
			return true;
		}
	}
	return false;
}

/* Whether a promotion is still waited for. */
static bool
awaits_promotion(struct pool *pool, int64_t now_us)
{
	if (!may_be_promoted(pool)) {
		pool->lost_primary_us = 0;
		return false;
	}
	if (pool->lost_primary_us == 0) {
		pool->lost_primary_us = now_us;
	}
	return now_us - pool->lost_primary_us < pool->options.failover_wait_us;
}

static void
check_blocked(
    struct pool *pool, enum pool_class class, bool is_awaited, int64_t now_us)
{
	const struct error *why;

	if (!is_blocked(pool, class, &why)) {
		pool->blocked_since_us[class] = 0;
		return;
	}
	if (pool->blocked_since_us[class] == 0 || is_awaited) {
		pool->blocked_since_us[class] = now_us;
	}
	if (pool->queues[class].count > 0 &&
	    now_us - pool->blocked_since_us[class] >=
	        pool->options.server_unreachable_timeout_us) {
		refuse_blocked(pool, class, why);
	}
}

static void
check_all_blocked(struct pool *pool, int64_t now_us)
{
	bool is_awaited = awaits_promotion(pool, now_us);

	for (int i = 0; i < POOL_CLASSES; i++) {
		check_blocked(pool, (enum pool_class)i, is_awaited, now_us);
	}
}

/* ---- servers ------------------------------------------------------------- */

/* Idle servers: the one idle for longest stands last. */
static void
check_idle(struct pool_slot *slot, int64_t now_us)
{
	const struct pool_options *options = &slot->pool->options;

	list_foreach_safe (&slot->by_state[SERVER_IDLE], link) {
		struct server *server = list_entry(link, struct server, link);

		if (options->server_idle_timeout_us > 0 &&
		    now_us - server->idle_since_us >=
		        options->server_idle_timeout_us &&
		    slot->count > slot_minimum(slot)) {
			server_close(server, CLOSE_SERVER_IDLE_TIMEOUT, NULL);
		} else if (server_has_lived(server, now_us)) {
			server_close(server, CLOSE_SERVER_LIFETIME, NULL);
		} else if (server->retire) {
			server_close(server, CLOSE_SERVER_OBSOLETE, NULL);
		} else if (slot_is_over(slot)) {
			server_close(server, CLOSE_SERVER_SURPLUS, NULL);
		} else if (slot->count > options->size &&
		    now_us - server->idle_since_us >=
		        options->reserve_timeout_us) {
			server_close(server, CLOSE_SERVER_RESERVE, NULL);
		} else if (server_check_is_due(server, now_us)) {
			server_check(server);
		}
	}
}

static void
check_login(struct pool_slot *slot, int64_t now_us)
{
	int64_t timeout_us = slot->pool->options.server_connect_timeout_us;
	struct server *server;
	struct error err;

	error_set(&err, SQLSTATE_CANNOT_CONNECT,
	    "login to server \"%s\" took too long", slot->node->name);
	while (timeout_us > 0 &&
	    (server = list_first(
	         &slot->by_state[SERVER_LOGIN], struct server, link)) != NULL &&
	    now_us - server->connect_us >= timeout_us) {
		server_close(server, CLOSE_SERVER_CONNECT_TIMEOUT, &err);
	}
	while ((server = list_first(&slot->by_state[SERVER_DRAINING],
	            struct server, link)) != NULL &&
	    now_us - server->request_us >= DRAIN_TIMEOUT_US) {
		server_close(server, CLOSE_SERVER_UNCLEAN, NULL);
	}
}

/* Tests that are not answered. */
static void
check_tested(struct pool_slot *slot, int64_t now_us)
{
	int64_t timeout_us = slot->pool->options.server_connect_timeout_us;
	struct server *server;
	struct error err;

	error_set(&err, SQLSTATE_CONNECTION_FAILURE,
	    "server \"%s\" does not answer", slot->node->name);
	while (timeout_us > 0 &&
	    (server = list_first(&slot->by_state[SERVER_TESTED], struct server,
	         link)) != NULL &&
	    now_us - server->test_us >= timeout_us) {
		server_close(server, CLOSE_SERVER_TEST_TIMEOUT, &err);
	}
}

/*
 * Connections nobody waits for. Where nobody tells what a node is, a login
 * will, also whether it is back; and a replica that failed is passed over until
 * an attempt has succeeded.
 */
static void
try_again(struct pool_slot *slot)
{
	const struct pool *pool = slot->pool;
	const struct node *node = slot->node;
	bool is_unknown = slot->count == 0 && node->role == NODE_ROLE_UNKNOWN &&
	    !node->is_monitored && cluster_count(pool->cluster) > 1;
	bool has_failed = slot->failing_since_us != 0 &&
	    slot_coming(slot) == 0 &&
	    (cluster_is_replica(pool->cluster, node) ||
	        (!node->is_monitored && cluster_count(pool->cluster) > 1));

	if (pool->options.split && !pool_is_halted(pool) &&
	    (is_unknown || has_failed)) {
		(void)slot_grow(slot);
	}
}

/* A server that does not answer the settings of its client keeps both. */
static void
check_applying(struct pool_slot *slot, int64_t now_us)
{
	int64_t timeout_us = slot->pool->options.server_connect_timeout_us;
	struct error err;

	error_set(&err, SQLSTATE_CONNECTION_FAILURE,
	    "server \"%s\" does not answer", slot->node->name);
	list_foreach_safe (&slot->by_state[SERVER_ACTIVE], link) {
		struct server *server = list_entry(link, struct server, link);

		if (server->applying != NULL && timeout_us > 0 &&
		    now_us - server->request_us >= timeout_us) {
			server_close(server, CLOSE_SERVER_UNCLEAN, &err);
		}
	}
}

void
pool_tick(struct pool *pool, int64_t now_us)
{
	list_foreach_safe (&pool->slots, link) {
		struct pool_slot *slot =
		    list_entry(link, struct pool_slot, link);

		check_idle(slot, now_us);
		check_login(slot, now_us);
		check_tested(slot, now_us);
		check_applying(slot, now_us);
		try_again(slot);
		slot_keep_minimum(slot);
	}
	list_foreach_safe (&pool->old_slots, old_link) {
		struct pool_slot *slot =
		    list_entry(old_link, struct pool_slot, link);

		check_login(slot, now_us);
		check_tested(slot, now_us);
	}
	pool_close_marked(pool);
	if (pool->conf != NULL && !pool_is_halted(pool)) {
		check_all_blocked(pool, now_us);
	}
	if (pool->waiting > 0) {
		loop_ready(pool->set->loop, &pool->ready);
	}
}
