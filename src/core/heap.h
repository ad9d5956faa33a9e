/*
 * heap.h - a priority queue: the smallest key first.
 *
 * Elements embed a link that knows its place, so any of them can be taken out
 * or given another key. Everything costs at most the logarithm of the count.
 */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/list.h"

/* Embedded in an element once per heap it can be in. Zeroed: in no heap. */
struct heap_link {
	size_t place; /* in heap->links, from 1; 0: in no heap */
	uint64_t key;
};

/* A zeroed struct is an empty heap. It owns none of its elements. */
struct heap {
	struct heap_link **links; /* owned array, each borrowed */
	size_t count;
	size_t capacity;
	uint64_t steps; /* keys compared so far, for tests */
};

/* The element of TYPE whose MEMBER is LINK; LINK must not be NULL. */
#define heap_entry(link, type, member) list_entry(link, type, member)

/* Frees what HEAP owns; it must be empty, and is then valid again. */
void heap_fini(struct heap *heap);

static inline bool
heap_is_linked(const struct heap_link *link)
{
	return link->place != 0;
}

/* The link of the smallest key; NULL when empty. */
static inline struct heap_link *
heap_first(const struct heap *heap)
{
	return heap->count == 0 || heap->links == NULL ? NULL : heap->links[0];
}

/* Puts LINK, which is in no heap or already in this one, under KEY. */
void heap_set(struct heap *heap, struct heap_link *link, uint64_t key);

/* LINK must be in HEAP. */
void heap_remove(struct heap *heap, struct heap_link *link);

#endif
