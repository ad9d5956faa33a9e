/* cluster.h - the nodes of one database's host list, and who leads them. */
#ifndef NODE_CLUSTER_H
#define NODE_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/list.h"

struct cluster;
struct database_conf;
struct node;
struct node_set;

/* One entry of a host list. */
struct cluster_host {
	const char *host; /* copied */
	int port;
	int weight; /* 1 or more; share of the reads */
};

/* Returns a cluster of the COUNT (1 or more) HOSTS in their order; a host named
 * twice counts once. Its nodes are taken from SET, which must outlive it. */
struct cluster *cluster_new(
    struct node_set *set, const struct cluster_host *hosts, size_t count);

/* As cluster_new(), of the hosts of a [databases] ENTRY. */
struct cluster *cluster_of(
    struct node_set *set, const struct database_conf *entry);

/* Gives the nodes back, frees *CLUSTER and sets it to NULL. NULL is accepted.
 * Not from an observer. */
void cluster_free(struct cluster **cluster);

size_t cluster_count(const struct cluster *cluster);

/* The node at INDEX of the host list; borrowed, valid as long as CLUSTER. */
struct node *cluster_node(const struct cluster *cluster, size_t index);
int cluster_weight(const struct cluster *cluster, size_t index);

/*
 * The node that takes the writes; NULL while none is known to be up. A node
 * that stands alone is the primary without being asked, up or down.
 *
 *   - The primary of the highest timeline.
 *   - At equal timelines and equal postmaster start: one server by two
 *     addresses; the one in use stays, see cluster_next_primary().
 *   - Otherwise, at equal timelines, the one in use stays (or the first in the
 *     list), and CLUSTER_TWO_PRIMARIES is told, once.
 *   - A node with another system identifier is never used:
 *     CLUSTER_FOREIGN_NODE, once.
 */
struct node *cluster_primary(const struct cluster *cluster);

/* As cluster_primary(), but where one server has several addresses each of
 * them in turn. For opening connections. */
struct node *cluster_next_primary(struct cluster *cluster);

/* Whether NODE is one of those that cluster_next_primary() gives in turn. */
bool cluster_is_primary(const struct cluster *cluster, const struct node *node);

/* Has been the primary at some time: a loss of it, while cluster_primary() is
 * NULL, may end in a promotion. NULL if there never was one. */
struct node *cluster_last_primary(const struct cluster *cluster);

/* While no primary is known: the next node worth a login to find out (role
 * unknown, not down), in turn; NULL if there is none. */
struct node *cluster_next_candidate(struct cluster *cluster);

/*
 * A replica that is up, of the same system, and not seen on another timeline
 * than the primary. After a promotion a replica is seen on the new timeline at
 * once if the monitor's user may read pg_stat_wal_receiver (pg_read_all_stats,
 * pg_monitor), else after its next restartpoint (checkpoint_timeout).
 */
bool cluster_is_replica(const struct cluster *cluster, const struct node *node);

/* Narrows the choice further (lag, fence, pool state); false: not this one. */
typedef bool (*cluster_accept_fn)(const struct node *node, void *context);

/*
 * The replica whose turn it is among those that cluster_is_replica() and
 * ACCEPT (may be NULL) admit, by weight, spread evenly; NULL if there is none.
 */
struct node *cluster_next_replica(
    struct cluster *cluster, cluster_accept_fn accept, void *context);

/* Whether NODE has another system identifier than the rest. */
bool cluster_is_foreign(const struct cluster *cluster, const struct node *node);

/* ---- who wants to know --------------------------------------------------- */

enum cluster_event {
	CLUSTER_NEW_PRIMARY,   /* NODE took the place; NULL: nobody has it */
	CLUSTER_NODE_CHANGED,  /* role or health of NODE changed */
	CLUSTER_TWO_PRIMARIES, /* NODE says so too, and is not used */
	CLUSTER_FOREIGN_NODE   /* NODE belongs to another system */
};

struct cluster_observer {
	struct list_link link; /* in the cluster's list */
	/* The rules of struct node_observer hold. */
	void (*on_event)(struct cluster_observer *observer,
	    struct cluster *cluster, enum cluster_event event,
	    struct node *node);
};

void cluster_observe(
    struct cluster *cluster, struct cluster_observer *observer);
void cluster_unobserve(
    struct cluster *cluster, struct cluster_observer *observer);

#endif
