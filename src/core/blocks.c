/*
 * blocks.c - memory blocks that come back and are handed out again.
 *
 * A request that has to wait is copied once. In the steady state the block it
 * goes to has been used before: no allocation, and memory that is warm. A
 * connection with nothing pending holds no block.
 */
#include "core/blocks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

#define CLASS_COUNT 4

static const size_t class_bytes[CLASS_COUNT] = {
    1 << 10, 4 << 10, 16 << 10, 64 << 10};

struct idle_block {
	struct idle_block *next; /* owned */
};

struct blocks {
	struct idle_block *idle[CLASS_COUNT]; /* owned */
	size_t idle_bytes;
	size_t keep_bytes;
};

struct blocks *
blocks_new(size_t keep_bytes)
{
	struct blocks *blocks = mem_zalloc(sizeof(*blocks));

	blocks->keep_bytes = keep_bytes;
	return blocks;
}

void
blocks_free(struct blocks **blocks)
{
	if (*blocks == NULL) {
		return;
	}
	for (int i = 0; i < CLASS_COUNT; i++) {
		struct idle_block *block = (*blocks)->idle[i];

		while (block != NULL) {
			struct idle_block *next = block->next;

			free(block);
			block = next;
		}
	}
	free(*blocks);
	*blocks = NULL;
}

size_t
blocks_idle_bytes(const struct blocks *blocks)
{
	return blocks->idle_bytes;
}

static uint8_t *
take(struct blocks *blocks, size_t wanted, size_t *capacity)
{
	for (int i = 0; i < CLASS_COUNT; i++) {
		struct idle_block *block = blocks->idle[i];

		if (class_bytes[i] < wanted) {
			continue;
		}
		*capacity = class_bytes[i];
		if (block == NULL) {
			return mem_alloc(class_bytes[i]);
		}
		blocks->idle[i] = block->next;
		blocks->idle_bytes -= class_bytes[i];
		return (uint8_t *)block;
	}
	*capacity = wanted;
	return mem_alloc(wanted);
}

static void
give(struct blocks *blocks, uint8_t *data, size_t capacity)
{
	for (int i = 0; i < CLASS_COUNT; i++) {
		struct idle_block *block = (struct idle_block *)(void *)data;

		if (class_bytes[i] != capacity ||
		    blocks->idle_bytes + capacity > blocks->keep_bytes) {
			continue;
		}
		block->next = blocks->idle[i];
		blocks->idle[i] = block;
		blocks->idle_bytes += capacity;
		return;
	}
	free(data);
}

void
kept_append(
    struct blocks *blocks, struct kept *kept, const void *bytes, size_t size)
{
	size_t capacity = 0;
	uint8_t *data;

	if (size == 0) {
		return;
	}
	if (kept->start + kept->length + size > kept->capacity &&
	    kept->start > 0) {
		memmove(kept->data, kept->data + kept->start, kept->length);
		kept->start = 0;
	}
	if (kept->length + size > kept->capacity) {
		size_t wanted = kept->length + size;

		/* Past the largest class, double: appending stays linear. */
		if (wanted > class_bytes[CLASS_COUNT - 1] &&
		    wanted < 2 * kept->capacity) {
			wanted = 2 * kept->capacity;
		}
		data = take(blocks, wanted, &capacity);
		if (kept->length > 0) {
			memcpy(data, kept_bytes(kept), kept->length);
		}
		if (kept->data != NULL) {
			give(blocks, kept->data, kept->capacity);
		}
		kept->data = data;
		kept->start = 0;
		kept->capacity = capacity;
	}
	memcpy(kept->data + kept->start + kept->length, bytes, size);
	kept->length += size;
}

void
kept_consume(struct blocks *blocks, struct kept *kept, size_t size)
{
	assert(size <= kept->length);
	kept->start += size;
	kept->length -= size;
	if (kept->length == 0) {
		kept_fini(blocks, kept);
	}
}

void
kept_fini(struct blocks *blocks, struct kept *kept)
{
	if (kept->data != NULL) {
		give(blocks, kept->data, kept->capacity);
	}
	*kept = (struct kept){0};
}
