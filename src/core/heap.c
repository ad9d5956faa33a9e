/*
 * heap.c - a priority queue: a binary heap in an array.
 *
 * Invariant: no element's key is smaller than that of the element at half its
 * place, and links[i]->place == i + 1.
 */
#include "core/heap.h"

#include <assert.h>
#include <stdlib.h>

#include "core/mem.h"

#define FIRST_CAPACITY 16

void
heap_fini(struct heap *heap)
{
	assert(heap->count == 0);
	free(heap->links);
	*heap = (struct heap){0};
}

static void
put(struct heap *heap, size_t place, struct heap_link *link)
{
	heap->links[place - 1] = link;
	link->place = place;
}

static bool
is_before(struct heap *heap, const struct heap_link *a, size_t place)
{
	heap->steps++;
	return a->key < heap->links[place - 1]->key;
}

/* Moves LINK, whose place is free to be taken, towards the first. */
static void
rise(struct heap *heap, struct heap_link *link)
{
	size_t place = link->place;

	while (place > 1 && is_before(heap, link, place / 2)) {
		put(heap, place, heap->links[place / 2 - 1]);
		place /= 2;
	}
	put(heap, place, link);
}

/* Moves it away from the first. */
static void
sink(struct heap *heap, struct heap_link *link)
{
	size_t place = link->place;

	while (2 * place <= heap->count) {
		size_t child = 2 * place;

		if (child < heap->count &&
		    is_before(heap, heap->links[child], child)) {
			child++;
		}
		if (is_before(heap, link, child)) {
			break;
		}
		put(heap, place, heap->links[child - 1]);
		place = child;
	}
	put(heap, place, link);
}

void
heap_set(struct heap *heap, struct heap_link *link, uint64_t key)
{
	link->key = key;
	if (!heap_is_linked(link)) {
		if (heap->count == heap->capacity) {
			heap->capacity = heap->capacity == 0
			    ? FIRST_CAPACITY
			    : 2 * heap->capacity;
			heap->links = mem_realloc(heap->links,
			    heap->capacity * sizeof(struct heap_link *));
		}
		put(heap, ++heap->count, link);
	}
	rise(heap, link);
	sink(heap, link);
}

void
heap_remove(struct heap *heap, struct heap_link *link)
{
	struct heap_link *last = heap->links[heap->count - 1];
	size_t place = link->place;

	assert(heap_is_linked(link) && heap->links[place - 1] == link);
	heap->count--;
	link->place = 0;
	if (last != link) {
		put(heap, place, last);
		rise(heap, last);
		sink(heap, last);
	}
}
