/*
 * pool_int.h - the inside of pools, for this room and for the console.
 */
#ifndef SERVER_POOL_INT_H
#define SERVER_POOL_INT_H

#include "core/error.h"
#include "core/hash.h"
#include "core/list.h"
#include "core/log.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/socket.h"
#include "node/cluster.h"
#include "node/node.h"
#include "proto/params.h"
#include "server/gate.h"
#include "server/limits.h"
#include "server/pool.h"
#include "server/server.h"
#include "stats/traffic.h"

struct keyring;
struct scram_keys;

/* Display formats its servers are known to accept, by hash. */
#define SLOT_ACCEPTED 32

/* One node's share of a pool. */
struct pool_slot {
	struct list_link link; /* in pool->slots or pool->old_slots */
	struct pool *pool;     /* borrowed; outlives its slots */
	struct node *node;     /* shared; see node_set_take() */
	struct list by_state[SERVER_CLOSED]; /* of struct server */
	size_t count;                        /* in all of them */
	struct cap_share shares[CAP_KINDS];  /* joined while it is in a list */
	size_t private_coming;    /* on their way for one waiter each */
	int64_t retry_at_us;      /* no new connection before; 0: now */
	int64_t retry_pause_us;   /* the pause after the next failure */
	int64_t failing_since_us; /* 0: the last attempt succeeded */
	bool is_old;              /* the configuration has changed */
	enum node_role last_role; /* what its servers were made under */
	struct error last_error;
	struct hash128 accepted[SLOT_ACCEPTED];
	struct name_watch name; /* of the node's host; not once it is old */
	size_t next_accepted;   /* the place to be taken next */
	struct grave grave;
};

struct welcome {
	struct profile *profile; /* shared; the key */
	struct params params;
	UT_hash_handle hh; /* in pool->welcomes */
};

/* What the configuration says for a pool. */
struct pool_options {
	size_t size;         /* per node; SIZE_MAX: no limit */
	size_t min_size;     /* per node, kept open while anybody is here */
	size_t reserve_size; /* per node, on top of .size; 0: no reserve */
	int64_t reserve_timeout_us; /* when a waiter may have of the reserve */
	int mode;                   /* enum pool_mode */
	int64_t server_idle_timeout_us;
	int64_t server_lifetime_us;
	int64_t server_connect_timeout_us;
	int64_t server_login_retry_us;
	int64_t server_unreachable_timeout_us;
	int64_t failover_wait_us;
	bool round_robin;
	bool fast_close;
	bool split; /* reads may go to replicas */
	struct socket_options socket;
};

struct pool {
	UT_hash_handle hh;    /* in set->table, by key */
	struct pools *set;    /* borrowed; outlives every pool */
	char *key;            /* owned; "database\0user" */
	const char *database; /* in key; as clients call it */
	const char *user;     /* in key; as servers know it */
	char *dbname;         /* owned; as servers call it */
	char *password;       /* owned, wiped; NULL: none known */
	char *learned; /* owned, wiped; as its clients' secret was found out;
	                  NULL: the configuration has had it always */
	const struct database_conf *conf; /* borrowed from set->config; NULL:
	                                     no longer configured */
	struct cluster *cluster;          /* owned */
	struct cluster_observer observer; /* of cluster */
	struct list slots;                /* of struct pool_slot, owned */
	struct list old_slots; /* owned; they go with their last server */
	struct list queues[POOL_CLASSES]; /* of struct waiter */
	size_t waiting;                   /* in all of them */
	size_t clients; /* that have come in, see pool_enter() */
	int64_t blocked_since_us[POOL_CLASSES]; /* no node can serve; 0: some */
	int64_t
	    lost_primary_us; /* a promotion is possible since; 0: it is not */
	int64_t unused_since_us; /* no client since; 0: some, or not seen yet */
	int64_t empty_since_us;  /* nor any server */
	bool has_served;         /* a login of its has succeeded */
	struct error fatal; /* why logins fail for good; empty: they do not */
	struct error key_error;   /* what those are told who have waited for a
	                             key; empty: none is missing */
	struct welcome *welcomes; /* owned */
	struct pool_options options;
	struct traffic_history traffic;
	bool is_paused; /* by itself; as set->gates says */
	struct grave grave;
	struct ready ready; /* on the loop's list when there is work */
};

struct pools {
	struct pool *table; /* owned */
	struct loop *loop;
	struct logger *logger;
	struct resolver *resolver;
	struct node_set *nodes;
	struct config *config;         /* shared */
	struct tls_context *tls;       /* shared; NULL: none */
	struct profiles *profiles;     /* owned */
	struct statements *statements; /* owned */
	struct keyring *keyring;       /* owned */
	struct pool_events events;
	struct list cancels;              /* of struct cancel, under way */
	const struct pool_dialer *dialer; /* borrowed; NULL: sockets */
	struct timer tick;
	uint64_t arrivals;
	uint64_t last_server_id;
	size_t active;      /* servers held by clients */
	size_t keyless;     /* pools that wait for a key */
	bool is_new_config; /* pools to be kept open may have to be made */
	struct gates gates;
	struct limits limits;
	bool paused;    /* all of them */
	bool suspended; /* nothing is read or handed out */
	bool closing;
	struct log_source log;
};

/* ---- slot_room.c --------------------------------------------------------- */

/* Opens a connection for somebody who waits, if SLOT has room, counting the
 * reserve if it may be used, and is not pausing; true if so. */
bool slot_open(struct pool_slot *slot);

/* As slot_open(), for nobody in particular: without the reserve. */
bool slot_grow(struct pool_slot *slot);

/* Whether SLOT has more connections than it may; one that comes free goes. */
bool slot_is_over(const struct pool_slot *slot);

/* Whether a request of CLASS would be sent to SLOT, as things are. */
bool slot_serves(const struct pool_slot *slot, enum pool_class class);

/* Opens what SLOT lacks to min_pool_size, within the pool's size. */
void slot_keep_minimum(struct pool_slot *slot);

/* How many connections SLOT keeps, though they are idle. */
size_t slot_minimum(const struct pool_slot *slot);

/* Whether anybody waits whom SLOT serves. */
bool slot_has_waiter(const struct pool_slot *slot);

/* The oldest waiter that SLOT serves and no connection on its way is for, if
 * it could be opened as far as SLOT itself is concerned; else NULL. */
const struct waiter *slot_wants(const struct pool_slot *slot);

/* ---- slot_share.c -------------------------------------------------------- */

/* SLOT, new, counts under the caps of its database and user from now on, and
 * no more. */
void slot_join(struct pool_slot *slot);
void slot_part(struct pool_slot *slot);

/* One connection of SLOT more, or less. */
void slot_count_up(struct pool_slot *slot);
void slot_count_down(struct pool_slot *slot);

/* SERVER has become idle, or is no longer. */
void slot_note_idle(struct server *server);
void slot_note_busy(struct server *server);

/* The caps of SLOT have got a limit, or lost it. */
void slot_relist_idle(struct pool_slot *slot);

/*
 * Whether the caps leave SLOT room for one more connection, for WAITER; NULL:
 * for nobody in particular. For a waiter whose turn it is idle servers of
 * others are closed; one whose turn it is not is remembered.
 */
bool slot_make_room(struct pool_slot *slot, const struct waiter *waiter);

bool slot_is_waiting(const struct pool_slot *slot);

/* SLOT waits under no cap any more. */
void slot_stop_waiting(struct pool_slot *slot);

/* Whether a cap of SLOT has more connections than it may. */
bool slot_is_over_cap(const struct pool_slot *slot);

/* Whether somebody waits under a cap of SLOT. */
bool slot_is_contested(const struct pool_slot *slot);

/* Wakes who is next under the caps of SLOT. */
void slot_wake_others(struct pool_slot *slot);

/* Whether SERVER, idle, had to make room for somebody older than WAITER, of
 * another pool: then it is closed. */
bool slot_yields(struct server *server, const struct waiter *waiter);

/* ---- slot.c -------------------------------------------------------------- */

/* A server of SLOT can be handed out, or one could be opened. */
bool slot_is_usable(const struct pool_slot *slot);

/* How many connections of SLOT are on their way for anybody. */
size_t slot_coming(const struct pool_slot *slot);

/* Whether ERR, of a login, says that the node serves nobody now. */
bool slot_is_at_fault(const struct error *err);

/* A connection of SLOT has logged in, or failed for the reason ERR. IS_FINAL:
 * trying again will not help. */
void slot_connected(struct pool_slot *slot);
void slot_failed(
    struct pool_slot *slot, const struct error *err, bool is_final);

/* A server of SLOT is gone or idle: there may be work. */
void slot_changed(struct pool_slot *slot);

/* The servers of SLOT are of the past: closed as they come free. */
void slot_retire(struct pool_slot *slot);

/* The host of SLOT's node has the ADDRESSES from now on: servers of others are
 * replaced. */
void slot_on_addresses(
    struct name_watch *watch, const struct address *addresses, size_t count);

/* Closes its servers in STATE, for REASON. May close those who hold them, and
 * discards SLOT with its last server if it is old. */
void slot_close_all(
    struct pool_slot *slot, enum server_state state, enum close_reason reason);

/* Removes SLOT of an old configuration once it is empty. */
void slot_discard(struct pool_slot *slot);
void slot_reap(struct grave *grave);

/* Fills OPTIONS for USER in ENTRY. */
void pool_options_read(const struct config *config,
    const struct database_conf *entry, const char *user,
    struct pool_options *options);

/* Where the primary's, or a replica's, connection is opened next; NULL if there
 * is no such node, or it is not to be used. */
struct pool_slot *pool_primary_slot(struct pool *pool);
struct pool_slot *pool_replica_slot(struct pool *pool);

/* As pool_take(), whoever waits. */
struct server *pool_choose(
    struct pool *pool, enum pool_class class, const struct profile *profile);

/* Nothing is known any more of what POOL greets with. */
void pool_forget_welcomes(struct pool *pool);

/* Grants what can be granted and opens what is missing. */
void pool_serve(struct pool *pool);

/* Whether POOL hands out no servers now, because an operator says so; and
 * whether it also closes them as they come free. */
bool pool_is_halted(const struct pool *pool);
bool pool_is_paused(const struct pool *pool);

/* server_fast_close: in session mode, closes what is to be replaced and in the
 * middle of nothing, its clients with it. */
void pool_close_marked(struct pool *pool);

/* Whether POOL was made from the fallback entry of the configuration. */
bool pool_is_automatic(const struct pool *pool);

/* Whether nobody has used POOL for so long that it is to end; asked every tick.
 * Then it has neither clients nor servers. */
bool pool_is_over(struct pool *pool, int64_t now_us);

/* Timeouts of waiters and servers, every tick. */
void pool_tick(struct pool *pool, int64_t now_us);

/* Whether POOL has any connection, or one on its way. */
bool pool_has_servers(const struct pool *pool);

/* ---- pool_secret.c ------------------------------------------------------- */

/* Sets .password, as POOL's configuration and its clients' logins have it. What
 * has failed with another one is tried again. */
void pool_find_secret(struct pool *pool);

/* POOL is going. */
void pool_drop_secret(struct pool *pool);

/* Sets KEYS to those that .password, a SCRAM secret, is made of; false: nobody
 * has shown them. The caller wipes them. */
bool pool_find_keys(struct pool *pool, struct scram_keys *keys);

/* No connection of POOL is opened until a client has shown the key of its SCRAM
 * secret; who has waited too long for that is told ERR. */
void pool_await_key(struct pool *pool, const struct error *err);
bool pool_awaits_key(const struct pool *pool);

/* ---- pool_private.c ------------------------------------------------------ */

/* The oldest waiter of POOL_PRIVATE that nothing is on its way for: those that
 * something is, no more than servers of the pool, stand before it. NULL: none.
 */
struct waiter *private_first(const struct pool *pool);

/* The same if SLOT is the primary's and could have a connection for it, as far
 * as the size of the pool is concerned: an idle one would make room. */
const struct waiter *private_wants(const struct pool_slot *slot);

/* Opens a connection in SLOT, the primary's, for private_first(); true if there
 * was room. May close idle servers. */
bool private_open(struct pool_slot *slot);

/* SERVER, new, is to be WAITER's. */
void private_attach(struct server *server, struct waiter *waiter);

/* WAITER has left its queue: nothing is on its way for it any more. */
void private_forget(struct waiter *waiter);

/* SERVER has ended during its login. True: it was private, and its waiter is
 * to be refused, or waits on. */
bool private_is_lost(struct server *server);
void private_refuse(struct waiter *waiter, const struct error *err);

/* SERVER, private, has logged in: its waiter has it. May close both. */
void private_arrived(struct server *server);

/* While attempts fail, one at a time finds out for all. */
bool slot_is_pausing(const struct pool_slot *slot);

/* ---- pool_serve.c -------------------------------------------------------- */

/* Refuses every waiter of CLASS, for REASON and with ERR. */
void pool_refuse(struct pool *pool, enum pool_class class,
    enum close_reason reason, const struct error *err);

/* Refuses every waiter, in the words of REASON. */
void pool_refuse_all(struct pool *pool, enum close_reason reason);

/* The slot of NODE; NULL if it has none. */
struct pool_slot *pool_slot_of(struct pool *pool, const struct node *node);

#endif
