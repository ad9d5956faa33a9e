/*
 * deadline.h - timeouts of very many things that have few durations.
 *
 * Setting one appends it to the list of its duration: no timer of its own, no
 * heap. One timer for all of them wakes up for the one due first.
 */
#ifndef NET_DEADLINE_H
#define NET_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/heap.h"
#include "core/list.h"

struct deadline_queue;
struct deadlines;
struct loop;

/* Embedded in who has a timeout. Zeroed: not set. */
struct deadline {
	struct list_link link;  /* in its queue while it is set, unless it is in
	                           the heap */
	struct heap_link place; /* in set->strays, or nowhere */
	struct deadlines *set;  /* borrowed; valid once it was set */
	struct deadline_queue *queue; /* borrowed; valid while LINK is */
	int64_t due_us;               /* loop time */
	void (*on_due)(struct deadline *deadline);
};

/* Returns an empty set on LOOP, which is borrowed. */
struct deadlines *deadlines_new(struct loop *loop);

/* Frees *SET; none of it may be set any more. NULL is accepted. */
void deadlines_free(struct deadlines **set);

/*
 * ON_DUE is called once, DURATION_US after START_US, from the loop and never
 * from here; at that time it is not set any more. If DEADLINE is set already
 * it is set anew. START_US is usually now; in the past it costs the logarithm
 * of how many were set so.
 */
void deadline_set(struct deadlines *set, struct deadline *deadline,
    int64_t start_us, int64_t duration_us,
    void (*on_due)(struct deadline *deadline));

/* How many deadlines were compared to find a place for others, for tests. */
uint64_t deadlines_steps(const struct deadlines *set);

/* ON_DUE is not called any more. Idempotent. */
void deadline_clear(struct deadline *deadline);

static inline bool
deadline_is_set(const struct deadline *deadline)
{
	return list_is_linked(&deadline->link) ||
	    heap_is_linked(&deadline->place);
}

#endif
