/*
 * limits.h - how many connections there may be of whom, and how many there are.
 *
 * Counting, and nothing else: no connection is known here. That it is all in
 * one place is what several processes would need to share it.
 */
#ifndef SERVER_LIMITS_H
#define SERVER_LIMITS_H

#include <stddef.h>

#include "core/hash.h"

struct config;
struct database_conf;
struct error;

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
	struct tally *databases; /* owned; only those with clients */
	struct tally *users;     /* owned; as they log in */
};

/* Nobody may have a seat any more. */
void limits_fini(struct limits *limits);

/*
 * Counts one more client of DATABASE (as it calls it), whose entry is ENTRY,
 * that logs in as USER. -1 and ERR if CONFIG allows no more of either.
 */
int limits_seat(struct limits *limits, struct seat *seat,
    const struct config *config, const struct database_conf *entry,
    const char *database, const char *user, struct error *err)
    __attribute__((warn_unused_result));

/* SEAT counts no more. Idempotent. */
void limits_unseat(struct limits *limits, struct seat *seat);

#endif
