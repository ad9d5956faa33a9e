/*
 * deadline.c - timeouts of very many things that have few durations.
 *
 * What is set later with the same duration is due later: each duration has a
 * list in order of expiry, and only the heads matter. The timer is lazy. It is
 * set for the earliest and left alone when that one is cleared, so what is set
 * and cleared all day costs two list operations each, and a wake-up once per
 * duration. It is only ever moved forward.
 *
 * What began long ago (a reload has changed a timeout of thousands) has no
 * place at the end of a list. It is a stray and goes into a heap, so that
 * nothing is ever searched for.
 *
 * Invariant: armed_us is not later than any deadline that is set.
 */
#include "net/deadline.h"

#include <assert.h>
#include <stdlib.h>

#include "core/hash.h"
#include "core/mem.h"
#include "net/loop.h"

/* So many are told in a row before others have their turn. */
#define DUE_PER_TURN 256

#define NEVER INT64_MAX

struct deadline_queue {
	UT_hash_handle hh;   /* in set->queues */
	int64_t duration_us; /* the key */
	struct list list;    /* of struct deadline, the earliest first */
};

struct deadlines {
	struct loop *loop;             /* borrowed */
	struct heap strays;            /* of struct deadline .place, by due_us;
	                                  those that came too late for a list */
	struct deadline_queue *queues; /* owned; those that are not empty, and
	                                  some that were not long ago */
	struct timer timer;
	int64_t armed_us; /* when the timer fires; NEVER: it does not */
};

static void on_timer(struct timer *timer);

static void
arm(struct deadlines *set, int64_t due_us)
{
	int64_t delay_us = due_us - loop_now_us(set->loop);

	set->armed_us = due_us;
	timer_start(
	    &set->timer, set->loop, delay_us > 0 ? delay_us : 0, 0, on_timer);
}

static struct deadline *
earliest(const struct deadline_queue *queue)
{
	return list_first(&queue->list, struct deadline, link);
}

/* Tells those of QUEUE that are due, at most MOST; returns how many. */
static int
tell(struct deadlines *set, struct deadline_queue *queue, int most)
{
	struct deadline *deadline;
	int told = 0;

	while (told < most && (deadline = earliest(queue)) != NULL &&
	    deadline->due_us <= loop_now_us(set->loop)) {
		list_remove(&queue->list, &deadline->link);
		deadline->on_due(deadline);
		told++;
	}
	return told;
}

static struct deadline *
first_stray(const struct deadlines *set)
{
	struct heap_link *place = heap_first(&set->strays);

	return place == NULL ? NULL : heap_entry(place, struct deadline, place);
}

/* As tell(), of the strays. */
static int
tell_strays(struct deadlines *set, int most)
{
	struct deadline *deadline;
	int told = 0;

	while (told < most && (deadline = first_stray(set)) != NULL &&
	    deadline->due_us <= loop_now_us(set->loop)) {
		heap_remove(&set->strays, &deadline->place);
		deadline->on_due(deadline);
		told++;
	}
	return told;
}

static void
on_timer(struct timer *timer)
{
	struct deadlines *set = list_entry(timer, struct deadlines, timer);
	struct deadline_queue *queue, *next;
	int64_t due_us = NEVER;
	int left = DUE_PER_TURN;

	left -= tell_strays(set, left);
	HASH_ITER(hh, set->queues, queue, next)
	{
		left -= tell(set, queue, left);
	}
	/* Only now: telling one may have set others. */
	HASH_ITER(hh, set->queues, queue, next)
	{
		if (queue->list.count == 0) {
			HASH_DEL(set->queues, queue);
			free(queue);
		} else if (earliest(queue)->due_us < due_us) {
			due_us = earliest(queue)->due_us;
		}
	}
	if (first_stray(set) != NULL && first_stray(set)->due_us < due_us) {
		due_us = first_stray(set)->due_us;
	}
	set->armed_us = NEVER;
	timer_stop(&set->timer);
	if (due_us != NEVER) {
		arm(set, due_us);
	}
}

struct deadlines *
deadlines_new(struct loop *loop)
{
	struct deadlines *set = mem_zalloc(sizeof(*set));

	set->loop = loop;
	set->armed_us = NEVER;
	return set;
}

void
deadlines_free(struct deadlines **setp)
{
	struct deadlines *set = *setp;
	struct deadline_queue *queue, *next;

	if (set == NULL) {
		return;
	}
	timer_stop(&set->timer);
	HASH_ITER(hh, set->queues, queue, next)
	{
		assert(queue->list.count == 0);
		HASH_DEL(set->queues, queue);
		free(queue);
	}
	heap_fini(&set->strays);
	free(set);
	*setp = NULL;
}

uint64_t
deadlines_steps(const struct deadlines *set)
{
	return set->strays.steps;
}

static struct deadline_queue *
find_queue(struct deadlines *set, int64_t duration_us)
{
	struct deadline_queue *queue = NULL;

	HASH_FIND(hh, set->queues, &duration_us, sizeof(duration_us), queue);
	if (queue == NULL) {
		queue = mem_zalloc(sizeof(*queue));
		queue->duration_us = duration_us;
		HASH_ADD(hh, set->queues, duration_us,
		    sizeof(queue->duration_us), queue);
	}
	return queue;
}

/* At the end of its list, unless something there is due later. */
static void
insert(struct deadlines *set, struct deadline *deadline)
{
	struct list *list = &deadline->queue->list;

	if (list->head == NULL ||
	    list_entry(list->head->prev, struct deadline, link)->due_us <=
	        deadline->due_us) {
		list_append(list, &deadline->link);
		return;
	}
	assert(deadline->due_us >= 0);
	heap_set(&set->strays, &deadline->place, (uint64_t)deadline->due_us);
}

void
deadline_set(struct deadlines *set, struct deadline *deadline, int64_t start_us,
    int64_t duration_us, void (*on_due)(struct deadline *deadline))
{
	if (deadline_is_set(deadline) && deadline->on_due == on_due &&
	    deadline->due_us == start_us + duration_us) {
		return; /* a reload that changes nothing about it */
	}
	deadline_clear(deadline);
	deadline->set = set;
	deadline->queue = find_queue(set, duration_us);
	deadline->due_us = start_us + duration_us;
	deadline->on_due = on_due;
	insert(set, deadline);
	if (deadline->due_us < set->armed_us) {
		arm(set, deadline->due_us);
	}
}

void
deadline_clear(struct deadline *deadline)
{
	if (list_is_linked(&deadline->link)) {
		list_remove(&deadline->queue->list, &deadline->link);
	} else if (heap_is_linked(&deadline->place)) {
		heap_remove(&deadline->set->strays, &deadline->place);
	}
}
