/*
 * peers.h - cancel requests for clients of other processes of our group.
 *
 * Processes that share one address cannot choose which of them a cancel
 * request comes to. Each has a number; keys bear it, and a request that is
 * another's is forwarded there. The configuration's [peers] say where.
 *
 * A forwarded request is a CancelRequest whose secret has one byte more: how
 * often it has been forwarded.
 */
#ifndef SERVER_PEERS_H
#define SERVER_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cancel_asker;
struct config;
struct logger;
struct loop;
struct peers;
struct resolver;

/* A request is forwarded so often: once, unless an address of [peers] leads to
 * another process than it should. */
#define PEER_HOPS_MAX 3

/* So many may wait for one peer; more are refused. */
#define PEER_WAITING_MAX 1024

/* Everything given is borrowed and outlives it; CONFIG is referenced. */
struct peers *peers_new(struct loop *loop, struct logger *logger,
    struct resolver *resolver, struct config *config);

/* Gives up whatever is under way, which nobody waits for any more. */
void peers_free(struct peers **peers);

/* From now on CONFIG. What is under way goes where it went. */
void peers_configure(struct peers *peers, struct config *config);

/*
 * Forwards the request for the KEY of SIZE bytes, forwarded HOPS times before,
 * to the peer ID. ASKER is told when it has arrived, or is given up. False:
 * there is no such peer, or it has made too many hops, or too many wait.
 */
bool peers_forward(struct peers *peers, int id, const uint8_t *key, size_t size,
    unsigned hops, struct cancel_asker *asker)
    __attribute__((warn_unused_result));

/* What there is of one peer. */
struct peer_count {
	size_t askers_sent;    /* who wait for a request on its way */
	size_t askers_waiting; /* for a place, see pool_size of [peers] */
	size_t connected;      /* connections, the request is sent */
	size_t connecting;
};

struct peer_count peers_count(const struct peers *peers, int id);

#endif
