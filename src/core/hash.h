/*
 * hash.h - uthash, keyed by a secret of this process.
 *
 * Include this, never <uthash.h>: names from the network are hashed with a
 * secret seed, so nobody outside can choose colliding keys.
 */
#ifndef CORE_HASH_H
#define CORE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 128 bits over SIZE bytes under this process's secret. */
struct hash128 {
	uint64_t low;
	uint64_t high;
};

static inline bool
hash_equal128(const struct hash128 *a, const struct hash128 *b)
{
	return a->low == b->low && a->high == b->high;
}

struct hash128 hash_bytes128(const void *bytes, size_t size);

/* 32 bits over SIZE bytes under this process's secret. */
uint32_t hash_bytes(const void *bytes, size_t size);

#define HASH_FUNCTION(key, length, value)              \
	do {                                           \
		(value) = hash_bytes((key), (length)); \
	} while (0)
#define uthash_fatal(message) abort()

#include <stdlib.h>
#include <uthash.h>

/*
 * The static analyzer does not know that the links of a table agree, and finds
 * freed elements in them that cannot be there. It is told only that the table
 * is another one afterwards.
 */
#ifdef __clang_analyzer__
void *hash_without(void *table, void *element);
#undef HASH_DELETE
#define HASH_DELETE(hh, head, element) \
	((head) = hash_without((head), (element)))
#endif

#endif
