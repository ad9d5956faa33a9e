/* catalogue.h - verdicts remembered by shape. */
#ifndef SQL_CATALOGUE_H
#define SQL_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash.h"
#include "sql/verdict.h"

struct buf;
struct catalogue;

struct catalogue_options {
	size_t bytes;      /* memory for verdicts; the least used go first */
	size_t text_bytes; /* longer texts are not classified, only scanned */
	int64_t parse_share_us; /* time for parsing per second; at most as much
	                           is saved up */
	struct verdict_bounds bounds;
};

extern const struct catalogue_options catalogue_options_default;

/* Since the start of the process; never reset. */
struct catalogue_counters {
	uint64_t hits;
	uint64_t misses;     /* = recognised + parses + refused */
	uint64_t recognised; /* known without parsing */
	uint64_t parses;
	uint64_t parse_us;
	uint64_t refused;  /* not parsed, because the time was used up */
	uint64_t too_long; /* beyond text_bytes; neither hit nor miss */
	uint64_t evicted;
};

/* The caller owns the result and ends it with catalogue_free(). */
struct catalogue *catalogue_new(const struct catalogue_options *options);
void catalogue_free(struct catalogue **catalogue);

/* Applies new OPTIONS; forgets verdicts when the bounds change, and as many as
 * no longer fit. */
void catalogue_configure(
    struct catalogue *catalogue, const struct catalogue_options *options);

/* The session the text arrives in. */
struct catalogue_session {
	bool std_strings;        /* standard_conforming_strings */
	bool is_encoding_unsafe; /* sql_encoding_is_unsafe(client_encoding) */
};

/*
 * Fills VERDICT for TEXT of LENGTH bytes (no NUL needed behind it). Always
 * succeeds: what cannot be known is SQL_UNKNOWN with .reason. NOW_US is loop
 * time. Allocates nothing when the shape is known already. The verdict's .ops
 * is borrowed until the next look-up.
 */
void catalogue_lookup(struct catalogue *catalogue, const char *text,
    size_t length, const struct catalogue_session *session, int64_t now_us,
    struct verdict *verdict);

/* The hash of the shape of the text last looked up. False when that text had no
 * shape (too long, unsafe encoding). */
bool catalogue_last_shape(
    const struct catalogue *catalogue, struct hash128 *hash);

const struct catalogue_counters *catalogue_counters(
    const struct catalogue *catalogue);

/* Verdicts held now, and the memory they take. */
size_t catalogue_count(const struct catalogue *catalogue);
size_t catalogue_used_bytes(const struct catalogue *catalogue);

#endif
