/*
 * hash.c - xxHash under a secret of this process.
 *
 * The secret is drawn once, at first use. It is the one piece of process-wide
 * state outside main.c's root: uthash's macros have no place to pass it, and
 * it is constant once drawn.
 */
#include "core/hash.h"

#include <openssl/rand.h>
#include <stdbool.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static const uint8_t *
secret(void)
{
	static uint8_t bytes[XXH3_SECRET_SIZE_MIN];
	static bool drawn;

	if (!drawn) {
		if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
			abort();
		}
		drawn = true;
	}
	return bytes;
}

struct hash128
hash_bytes128(const void *bytes, size_t size)
{
	XXH128_hash_t hash = XXH3_128bits_withSecret(
	    bytes, size, secret(), XXH3_SECRET_SIZE_MIN);

	return (struct hash128){.low = hash.low64, .high = hash.high64};
}

uint32_t
hash_bytes(const void *bytes, size_t size)
{
	/* The low half of a 64-bit hash is as good as any. */
	return (uint32_t)XXH3_64bits_withSecret(
	    bytes, size, secret(), XXH3_SECRET_SIZE_MIN);
}
