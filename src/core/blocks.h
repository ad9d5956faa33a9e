/* blocks.h - memory blocks that come back and are handed out again. */
#ifndef CORE_BLOCKS_H
#define CORE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

struct blocks;

/*
 * Bytes kept for one connection for a while. Zeroed: holds nothing, owns
 * nothing. Capacity comes in sizes of 1, 4, 16 and 64 KB; beyond that, exactly
 * what was asked, not recycled.
 */
struct kept {
	uint8_t *data; /* owned through blocks; NULL when empty */
	size_t start;
	size_t length;
	size_t capacity;
};

/* At most KEEP_BYTES of idle blocks stay for reuse. */
struct blocks *blocks_new(size_t keep_bytes);
void blocks_free(struct blocks **blocks);

/* Appends SIZE bytes to KEPT, growing it. The caller bounds KEPT->length. */
void kept_append(
    struct blocks *blocks, struct kept *kept, const void *bytes, size_t size);

/* Drops SIZE bytes from the start; gives the block back when none are left. */
void kept_consume(struct blocks *blocks, struct kept *kept, size_t size);

/* Gives the block back; KEPT is then empty. */
void kept_fini(struct blocks *blocks, struct kept *kept);

/* Bytes lying in idle blocks. */
size_t blocks_idle_bytes(const struct blocks *blocks);

static inline uint8_t *
kept_bytes(const struct kept *kept)
{
	return kept->data == NULL ? NULL : kept->data + kept->start;
}

#endif
