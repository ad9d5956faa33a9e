/*
 * pool.c - the set of all pools: making, configuring, ending them.
 *
 * Whom servers go to is in pool_serve.c, a node's share in slot*.c.
 */
#include "server/pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth/keyring.h"
#include "conf/config.h"
#include "core/mem.h"
#include "core/str.h"
#include "net/tls.h"
#include "node/node.h"
#include "server/cancel.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"
#include "server/statement.h"

#define TICK_US ((int64_t)100 * 1000)

/* ---- what the configuration says ----------------------------------------- */

void
pool_options_read(const struct config *config,
    const struct database_conf *entry, const char *user,
    struct pool_options *options)
{
	const struct settings *settings = config_settings(config);
	int size = config_pool_size(config, entry, user);

	options->size = size == 0 ? SIZE_MAX : (size_t)size;
	options->min_size = (size_t)config_min_pool_size(config, entry);
	options->reserve_size =
	    (size_t)config_reserve_pool_size(config, entry, user);
	options->reserve_timeout_us = settings->reserve_pool_timeout_us;
	options->mode = (int)config_pool_mode(config, entry, user);
	options->server_idle_timeout_us = settings->server_idle_timeout_us;
	options->server_lifetime_us = config_server_lifetime_us(config, entry);
	options->server_connect_timeout_us =
	    settings->server_connect_timeout_us;
	options->server_login_retry_us = settings->server_login_retry_us;
	options->server_unreachable_timeout_us =
	    settings->server_unreachable_timeout_us;
	options->failover_wait_us = settings->failover_wait_us;
	options->round_robin = settings->server_round_robin;
	options->fast_close =
	    settings->server_fast_close && options->mode == POOL_MODE_SESSION;
	options->split =
	    settings->read_write_split && options->mode != POOL_MODE_SESSION;
	options->socket = socket_options_of(settings);
}

/* ---- cluster and slots --------------------------------------------------- */

static void
on_cluster_event(struct cluster_observer *observer, struct cluster *cluster,
    enum cluster_event event, struct node *node)
{
	struct pool *pool = list_entry(observer, struct pool, observer);
	struct pool_slot *slot = node == NULL ? NULL : pool_slot_of(pool, node);

	(void)cluster;
	if (slot != NULL && event == CLUSTER_NODE_CHANGED) {
		/* What is known now is worth an attempt at once. */
		slot->retry_at_us = 0;
		slot->retry_pause_us = 0;
		if (slot->last_role != NODE_ROLE_UNKNOWN &&
		    slot->last_role != node->role) {
			slot_retire(slot);
		}
		slot->last_role = node->role;
		if (node->health == NODE_UP) {
			slot->failing_since_us = 0;
		}
	}
	loop_ready(pool->set->loop, &pool->ready);
}

static void
make_cluster(struct pool *pool)
{
	pool->cluster = cluster_of(pool->set->nodes, pool->conf);
	for (size_t i = 0; i < cluster_count(pool->cluster); i++) {
		struct pool_slot *slot = mem_zalloc(sizeof(*slot));
		const struct node *node = cluster_node(pool->cluster, i);

		slot->pool = pool;
		slot->node =
		    node_set_take(pool->set->nodes, node->host, node->port);
		slot->last_role = node->role;
		slot->grave.reap = slot_reap;
		slot_join(slot);
		list_append(&pool->slots, &slot->link);
		name_watch_start(&slot->name, pool->set->resolver, node->host,
		    slot_on_addresses);
	}
	pool->observer.on_event = on_cluster_event;
	cluster_observe(pool->cluster, &pool->observer);
	pool->set->events.on_cluster(pool->set->events.context, pool);
}

/* The last of them takes an old slot along. */
static void
close_unused(struct pool_slot *slot)
{
	static const enum server_state unused[] = {
	    SERVER_IDLE, SERVER_CONNECTING, SERVER_LOGIN};

	for (size_t i = 0; i < sizeof(unused) / sizeof(*unused); i++) {
		slot_close_all(slot, unused[i], CLOSE_SERVER_OBSOLETE);
	}
}

/* The slots become old: idle servers go now, the others when they are free. */
static void
drop_cluster(struct pool *pool)
{
	struct list_link *link;

	pool->set->events.on_cluster_gone(pool->set->events.context, pool);
	cluster_unobserve(pool->cluster, &pool->observer);
	while ((link = list_pop(&pool->slots)) != NULL) {
		struct pool_slot *slot =
		    list_entry(link, struct pool_slot, link);

		list_append(&pool->old_slots, &slot->link);
		name_watch_stop(&slot->name);
		slot->is_old = true;
		slot_stop_waiting(slot);
		if (slot->count == 0) {
			slot_discard(slot);
		} else {
			close_unused(slot);
		}
	}
	cluster_free(&pool->cluster);
}

/* ---- pools --------------------------------------------------------------- */

static void
on_ready(struct ready *ready)
{
	pool_serve(list_entry(ready, struct pool, ready));
}

/* Takes over what CONF says, except for the cluster. */
static void
take_conf(struct pool *pool, const struct database_conf *conf)
{
	const struct config *config = pool->set->config;

	pool->conf = conf;
	free(pool->dbname);
	pool->dbname = mem_strdup(database_conf_dbname(conf, pool->database));
	pool_find_secret(pool);
	pool_options_read(config, conf, pool->user, &pool->options);
}

static void
free_parts(struct pool *pool)
{
	loop_unready(pool->set->loop, &pool->ready);
	pool_forget_welcomes(pool);
	free(pool->dbname);
	pool->dbname = NULL;
	pool_drop_secret(pool);
}

static void
reap_pool(struct grave *grave)
{
	struct pool *pool = list_entry(grave, struct pool, grave);

	free(pool->key);
	free(pool);
}

/* Nobody uses it any more. Servers of its that have just been closed may still
 * look at it until they are reaped. */
static void
bury_pool(struct pool *pool)
{
	struct buf name = {0};

	log_append_value(&name, pool->database);
	buf_append_str(&name, " user=");
	log_append_value(&name, pool->user);
	log_info(
	    &pool->set->log, "cleaning up idle pool db=%s", buf_text(&name));
	buf_fini(&name);
	if (pool->cluster != NULL) {
		drop_cluster(pool);
	}
	HASH_DEL(pool->set->table, pool);
	free_parts(pool);
	loop_bury(pool->set->loop, &pool->grave);
}

/* Whether there is a pool of DATABASE. */
static bool
is_known(const struct pools *set, const char *database)
{
	const struct pool *pool, *next;

	HASH_ITER(hh, set->table, pool, next)
	{
		if (strcmp(pool->database, database) == 0) {
			return true;
		}
	}
	return false;
}

static struct pool *
make_pool(struct pools *set, const char *database, const char *user,
    const char *key, size_t key_bytes)
{
	const struct database_conf *conf =
	    config_find_database(set->config, database);
	struct pool *pool;

	if (conf == NULL) {
		return NULL;
	}
	if (strcmp(conf->name, "*") == 0 && !is_known(set, database)) {
		struct buf name = {0};

		log_append_value(&name, database);
		log_info(&set->log, "registered new auto-database db=%s",
		    buf_text(&name));
		buf_fini(&name);
	}
	pool = mem_zalloc(sizeof(*pool));
	pool->set = set;
	pool->key = mem_dup(key, key_bytes);
	pool->database = pool->key;
	pool->user = pool->key + strlen(database) + 1;
	(void)user;
	pool->ready.run = on_ready;
	pool->grave.reap = reap_pool;
	pool->is_paused = gates_is_paused(&set->gates, database);
	HASH_ADD_KEYPTR(hh, set->table, pool->key, key_bytes, pool);
	take_conf(pool, conf);
	make_cluster(pool);
	return pool;
}

struct pool *
pool_find(struct pools *pools, const char *database, const char *user)
{
	struct buf key = {0};
	struct pool *pool = NULL;

	buf_append(&key, database, strlen(database) + 1);
	buf_append(&key, user, strlen(user) + 1);
	HASH_FIND(hh, pools->table, buf_bytes(&key), key.length, pool);
	if (pool == NULL) {
		pool = make_pool(pools, database, user,
		    (const char *)buf_bytes(&key), key.length);
	} else if (pool->conf == NULL) {
		pool = NULL;
	}
	buf_fini(&key);
	return pool;
}

static void
reconfigure(struct pool *pool, const struct config *old)
{
	const struct database_conf *before = pool->conf;
	const struct database_conf *now =
	    config_find_database(pool->set->config, pool->database);

	(void)old;
	pool_forget_welcomes(pool);
	if (now == NULL) {
		if (before != NULL) {
			drop_cluster(pool);
			pool->conf = NULL;
			pool_refuse_all(pool, CLOSE_CLIENT_DATABASE_REMOVED);
		}
		return;
	}
	if (before != NULL && database_conf_same_target(before, now)) {
		take_conf(pool, now);
		loop_ready(pool->set->loop, &pool->ready);
		return;
	}
	if (before != NULL) {
		drop_cluster(pool);
	}
	take_conf(pool, now);
	make_cluster(pool);
	loop_ready(pool->set->loop, &pool->ready);
}

/* Puts the idle servers into the lists of the caps that have a limit now. */
static void
relist_idle(struct pools *pools)
{
	struct pool *pool, *next;

	HASH_ITER(hh, pools->table, pool, next)
	{
		list_foreach (&pool->slots, link) {
			slot_relist_idle(
			    list_entry(link, struct pool_slot, link));
		}
	}
}

void
pools_set_tls(struct pools *pools, struct tls_context *context)
{
	struct tls_context *old = pools->tls;

	pools->tls = context == NULL ? NULL : tls_context_ref(context);
	tls_context_unref(&old);
}

void
pools_configure(struct pools *pools, struct config *config)
{
	struct config *old = pools->config;
	struct pool *pool, *next;

	pools->config = config_ref(config);
	statements_set_limit(
	    pools->statements, config_settings(config)->max_statement_bytes);
	if (limits_configure(&pools->limits, config)) {
		relist_idle(pools);
	}
	HASH_ITER(hh, pools->table, pool, next)
	{
		reconfigure(pool, old);
	}
	pools->is_new_config = true;
	config_unref(&old);
}

/* Those that keep connections open though no client has come for them yet. */
static void
make_kept_pools(struct pools *pools)
{
	const struct config *config = pools->config;

	pools->is_new_config = false;
	for (size_t i = 0; i < config_database_count(config); i++) {
		const struct database_conf *entry = config_database(config, i);

		if (entry->user != NULL && strcmp(entry->name, "*") != 0 &&
		    config_min_pool_size(config, entry) > 0) {
			(void)pool_find(pools, entry->name, entry->user);
		}
	}
}

static void
on_tick(struct timer *timer)
{
	struct pools *pools = list_entry(timer, struct pools, tick);
	struct pool *pool, *next;

	if (pools->is_new_config) {
		make_kept_pools(pools);
	}

	HASH_ITER(hh, pools->table, pool, next)
	{
		pool_tick(pool, loop_now_us(pools->loop));
		if (pool_is_over(pool, loop_now_us(pools->loop))) {
			bury_pool(pool);
		}
	}
}

struct pools *
pools_new(struct loop *loop, struct logger *logger, struct resolver *resolver,
    struct node_set *nodes, struct config *config,
    const struct pool_events *events)
{
	struct pools *pools = mem_zalloc(sizeof(*pools));

	pools->loop = loop;
	pools->logger = logger;
	pools->resolver = resolver;
	pools->nodes = nodes;
	pools->config = config_ref(config);
	pools->profiles = profiles_new();
	pools->statements =
	    statements_new(config_settings(config)->max_statement_bytes);
	pools->keyring = keyring_new();
	pools->events = *events;
	pools->is_new_config = true;
	pools->log = (struct log_source){.logger = logger};
	timer_start(&pools->tick, loop, TICK_US, TICK_US, on_tick);
	return pools;
}

void
pools_set_dialer(struct pools *pools, const struct pool_dialer *dialer)
{
	pools->dialer = dialer;
}

static void
end_pool(struct pool *pool)
{
	struct pool_slot *slot;

	pool_refuse_all(pool, CLOSE_CLIENT_SHUTDOWN);
	if (pool->cluster != NULL) {
		drop_cluster(pool);
	}
	while ((slot = list_first(&pool->old_slots, struct pool_slot, link)) !=
	    NULL) {
		struct server *server = NULL;

		for (int i = 0; i < SERVER_CLOSED && server == NULL; i++) {
			server =
			    list_first(&slot->by_state[i], struct server, link);
		}
		if (server == NULL) {
			break; /* cannot be: an empty slot is gone already */
		}
		server_close(server, CLOSE_SERVER_SHUTDOWN, NULL);
	}
	free_parts(pool);
	free(pool->key);
	free(pool);
}

void
pools_free(struct pools **pools)
{
	struct pools *set = *pools;
	struct pool *pool, *next;

	if (set == NULL) {
		return;
	}
	set->closing = true;
	timer_stop(&set->tick);
	HASH_ITER(hh, set->table, pool, next)
	{
		HASH_DEL(set->table, pool);
		end_pool(pool);
	}
	cancel_end_all(set);
	gates_fini(&set->gates);
	limits_fini(&set->limits);
	profiles_free(&set->profiles);
	statements_free(&set->statements);
	keyring_free(&set->keyring);
	config_unref(&set->config);
	tls_context_unref(&set->tls);
	free(set);
	*pools = NULL;
}

void
pool_enter(struct pool *pool)
{
	pool->clients++;
}

void
pool_leave(struct pool *pool)
{
	assert(pool->clients > 0);
	pool->clients--;
}

struct statements *
pools_statements(const struct pools *pools)
{
	return pools->statements;
}

size_t
pools_active_servers(const struct pools *pools)
{
	return pools->active;
}

struct keyring *
pools_keyring(const struct pools *pools)
{
	return pools->keyring;
}

struct profile *
pools_profile(struct pools *pools, const struct params *settings)
{
	return profile_take(pools->profiles, settings);
}
