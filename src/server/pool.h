/*
 * pool.h - server connections of one database and user, and who waits for
 * them.
 *
 * A pool has a slot per node of its database's host list; pool_size bounds
 * each slot, since it protects one PostgreSQL's max_connections. Clients wait
 * in one queue per class, oldest first; a free server compares the heads.
 */
#ifndef SERVER_POOL_H
#define SERVER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/list.h"
#include "proto/startup.h"
#include "server/close_reason.h"

struct config;
struct database_conf;
struct error;
struct keyring;
struct logger;
struct loop;
struct node;
struct node_set;
struct params;
struct pool;
struct pools;
struct profile;
struct resolver;
struct server;
struct statements;
struct stream;
struct stream_transport;
struct tls_context;
struct waiter;

/* Which nodes may serve a request. */
enum pool_class {
	POOL_PRIMARY, /* the primary only */
	POOL_READ,    /* a replica; the primary while there is none */
	POOL_ANY,     /* whichever is there, the primary first */
	POOL_PRIVATE  /* the primary, by a connection of its own */
};
#define POOL_CLASSES 4

/* How a connection logs in that is made for one waiter alone. */
struct private_login {
	enum replication_mode replication;
	const struct params *settings; /* borrowed while waiting */
};

/* Embedded in whoever waits for a server. */
struct waiter {
	struct list_link link; /* in the pool's queue of CLASS */
	struct pool *pool;     /* borrowed; set while waiting */
	enum pool_class class;
	const struct profile *profile; /* borrowed while waiting; a server that
	                                  has it is preferred */
	const struct private_login *login; /* borrowed while waiting for
	                                      POOL_PRIVATE */
	struct server *coming; /* borrowed; its own, on the way; NULL: none */
	uint64_t arrival;
	int64_t since_us; /* loop time */
	/* SERVER is idle and to be held at once. From the ready list. */
	void (*on_granted)(struct waiter *waiter, struct server *server);
	/* No longer waiting, for the reason ERR. May be called from anywhere
	 * but the waiter's own calls. */
	void (*on_refused)(struct waiter *waiter, enum close_reason reason,
	    const struct error *err);
};

/* What the outside gets to hear. */
struct pool_events {
	/* A connection to NODE was refused or broke: worth asking it. */
	void (*on_node_doubt)(void *context, struct node *node);
	/* POOL came to be, or its cluster was exchanged: watch it. */
	void (*on_cluster)(void *context, struct pool *pool);
	/* The cluster of POOL is about to go. */
	void (*on_cluster_gone)(void *context, struct pool *pool);
	void *context;
};

/* Connections over something else than sockets, for tests. */
struct pool_dialer {
	const struct stream_transport *transport;
	/* Returns the transport's context for a new connection to NODE. */
	void *(*dial)(void *context, const struct node *node);
	/* STREAM runs over what dial() returned. */
	void (*opened)(void *transport_context, struct stream *stream);
	void *context;
};

/* Returns the set of all pools. Everything given is borrowed and outlives it;
 * CONFIG is referenced. */
struct pools *pools_new(struct loop *loop, struct logger *logger,
    struct resolver *resolver, struct node_set *nodes, struct config *config,
    const struct pool_events *events);

/* Connects by DIALER, which is borrowed, from now on. */
void pools_set_dialer(struct pools *pools, const struct pool_dialer *dialer);

/* Closes every server, refuses every waiter, frees all. */
void pools_free(struct pools **pools);

/* From now on CONFIG; pools whose database changed start anew, those whose
 * database is gone end. */
void pools_configure(struct pools *pools, struct config *config);

/* From now on servers are reached by TLS, as far as server_tls_sslmode says,
 * under CONTEXT, which is referenced; NULL: without. */
void pools_set_tls(struct pools *pools, struct tls_context *context);

/*
 * Returns the pool of DATABASE (as clients call it) and USER (as the server
 * knows it), made if it is new. NULL if CONFIG has no such database.
 */
struct pool *pool_find(
    struct pools *pools, const char *database, const char *user);

/* An idle server that may serve CLASS, to be held at once; NULL: wait. One
 * that has PROFILE is preferred. */
struct server *pool_take(
    struct pool *pool, enum pool_class class, const struct profile *profile);

/* Queues WAITER, whose callbacks are set, behind those of its CLASS. PROFILE
 * stays until it is granted or forgotten. */
void pool_wait(struct pool *pool, struct waiter *waiter, enum pool_class class,
    const struct profile *profile);

/* As pool_wait(), for a new connection to the primary that logs in as LOGIN
 * says and is closed, not shared, when its holder leaves. */
void pool_wait_private(struct pool *pool, struct waiter *waiter,
    const struct private_login *login);

/* Takes WAITER out of its queue; nothing happens if it is in none. */
void pool_forget(struct waiter *waiter);

/* A client that uses POOL has come in, and leaves: some connections are kept
 * open while there is any, see min_pool_size. */
void pool_enter(struct pool *pool);
void pool_leave(struct pool *pool);

/* Whether a read may go to anything but the primary now. */
bool pool_has_replica(struct pool *pool);

/* Servers in use by clients, over all pools. */
size_t pools_active_servers(const struct pools *pools);

/* The profile of exactly SETTINGS, counted for the caller. */
struct profile *pools_profile(struct pools *pools,
    const struct params *settings) __attribute__((warn_unused_result));

/*
 * A client of POOL has come in with SECRET, which auth_query has told: it is
 * what servers are logged in to with, where the configuration has none. Copied.
 */
void pool_learn_secret(struct pool *pool, const char *secret);

/* The prepared statements of all clients; they live as long as POOLS. */
struct statements *pools_statements(const struct pools *pools);

/* The keys of SCRAM that are known; it lives as long as POOLS. */
struct keyring *pools_keyring(const struct pools *pools);

/* A client has logged in, and may have shown a key (keyring.h) that a pool
 * waits for. */
void pools_on_key(struct pools *pools);

/* ---- what operators do; DATABASE NULL: to all ---------------------------- */

/* No more servers are handed out, until resumed. Idle ones are closed, the
 * others as they come free. A database paused by itself stays so when all are
 * resumed. It need not be configured, nor have a pool yet. */
void pools_pause(struct pools *pools, const char *database);
void pools_resume(struct pools *pools, const char *database);
bool pools_are_paused(const struct pools *pools);
bool pools_is_paused(const struct pools *pools, const char *database);
/* Whether servers of DATABASE, not NULL, may not be used now, be it only it or
 * all of them. */
bool pools_is_held(const struct pools *pools, const char *database);
/* How many are paused by themselves. */
size_t pools_count_paused(const struct pools *pools);

/* Replaces every server: idle ones now, the others as they come free. */
void pools_reconnect(struct pools *pools, const char *database);

/* As pools_pause(), and every server is closed at once. May close clients that
 * are linked to one. */
void pools_kill(struct pools *pools, const char *database);

/* Whether nobody new may log in to DATABASE, not NULL. */
void pools_set_disabled(
    struct pools *pools, const char *database, bool is_disabled);
bool pools_is_disabled(const struct pools *pools, const char *database);

/* From now on no server is read or handed out, and again. What is linked is up
 * to the clients. */
void pools_suspend(struct pools *pools, bool is_suspended);
bool pools_are_suspended(const struct pools *pools);

/* Connections in any state; and those that are closed as soon as they are
 * free. */
size_t pools_all_servers(const struct pools *pools, const char *database);
size_t pools_marked_servers(const struct pools *pools, const char *database);

/* ---- what logins need ---------------------------------------------------- */

/* The values a client is greeted with under PROFILE; NULL: not known yet, see
 * pool_set_welcome(). Borrowed until the loop runs on. */
const struct params *pool_welcome(struct pool *pool, struct profile *profile);

/* SERVER, under its profile, shows what clients of it are greeted with. */
void pool_set_welcome(struct pool *pool, struct server *server);

#endif
