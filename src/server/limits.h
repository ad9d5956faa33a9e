/*
 * limits.h - how many connections there may be of whom, and how many there are.
 *
 * Counting, and nothing else: no connection is known here. That it is all in
 * one place is what several processes would need to share it.
 */
#ifndef SERVER_LIMITS_H
#define SERVER_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash.h"
#include "core/heap.h"
#include "core/list.h"

struct config;
struct database_conf;
struct error;
struct pool_slot;

enum cap_kind {
	CAP_DATABASE, /* max_db_connections */
	CAP_USER      /* max_user_connections, of the user servers know */
};
#define CAP_KINDS 2

/* The server connections of a database, or of a user, on one node, over all
 * pools. */
struct cap {
	char *key; /* owned */
	size_t key_bytes;
	enum cap_kind kind;
	const char *name;    /* in key */
	size_t shares;       /* that have it */
	size_t max;          /* connections; SIZE_MAX: no limit */
	size_t count;        /* connections in any state */
	struct list idle;    /* while there is a limit: of struct server, in the
	                        order in which they came to be idle */
	struct heap waiting; /* of struct cap_share: who wants one more and
	                        may not, by the arrival of its waiter */
	int64_t moves_us;    /* up to here its moves are paid for */
	UT_hash_handle hh;   /* in limits->caps */
};

/* What a slot has of a cap. */
struct cap_share {
	struct cap *cap;        /* borrowed; see limits_join() */
	struct pool_slot *slot; /* borrowed; whose part it is */
	struct heap_link wait;  /* in cap->waiting */
};

/* How many clients a database has, or a user. */
struct tally {
	char *name; /* owned; the key */
	size_t count;
	UT_hash_handle hh;
};

/* Embedded in a client: it counts from limits_seat() to limits_unseat().
 * Zeroed: it does not. */
struct seat {
	struct tally *database; /* borrowed while it counts */
	struct tally *user;
};

/* A zeroed struct has nobody. */
struct limits {
	struct cap *caps;        /* owned; only those with shares */
	struct tally *databases; /* owned; only those with clients */
	struct tally *users;     /* owned; as they log in */
	uint64_t steps;          /* waiters looked at, for tests */
};

/* Nobody may have a seat or a share any more. */
void limits_fini(struct limits *limits);

/*
 * Counts one more client of DATABASE (as it calls it), whose entry is ENTRY,
 * that logs in as USER. -1 and ERR if CONFIG allows no more of either.
 */
int limits_seat(struct limits *limits, struct seat *seat,
    const struct config *config, const struct database_conf *entry,
    const char *database, const char *user, struct error *err)
    __attribute__((warn_unused_result));

/*
 * Gives SHARE, zeroed, its cap: that of NAME, a database or a user, on NODE.
 * Its .slot is the caller's to set.
 */
void limits_join(struct limits *limits, struct cap_share *share,
    enum cap_kind kind, unsigned node, const char *name,
    const struct config *config);

/* Takes it away again; nothing may wait or count in it. Idempotent. */
void limits_part(struct limits *limits, struct cap_share *share);

/* From now on what CONFIG says. True if a cap has got a limit or lost it: then
 * its list of idle servers is for the caller to make anew. */
bool limits_configure(struct limits *limits, const struct config *config);

static inline bool
cap_is_limited(const struct cap *cap)
{
	return cap->max != SIZE_MAX;
}

/* Pays for a server that moves from one pool to another for the sake of order,
 * at NOW_US; false: there have been too many lately. */
bool cap_pay_move(struct cap *cap, int64_t now_us)
    __attribute__((warn_unused_result));

/* SEAT counts no more. Idempotent. */
void limits_unseat(struct limits *limits, struct seat *seat);

#endif
