/*
 * pool_wait.c - the queues of a pool: who waits for a server, and who is told
 * that there is none.
 */
#include <assert.h>

#include "core/error.h"
#include "net/loop.h"
#include "server/pool_int.h"

void
pool_wait(struct pool *pool, struct waiter *waiter, enum pool_class class,
    const struct profile *profile)
{
	assert(waiter->pool == NULL);
	if (pool->waiting == 0) {
		pool->fatal.text[0] = '\0'; /* of an attempt for others */
	}
	waiter->pool = pool;
	waiter->class = class;
	waiter->profile = profile;
	waiter->arrival = ++pool->set->arrivals;
	waiter->since_us = loop_now_us(pool->set->loop);
	list_append(&pool->queues[class], &waiter->link);
	pool->waiting++;
	loop_ready(pool->set->loop, &pool->ready);
}

void
pool_forget(struct waiter *waiter)
{
	struct pool *pool = waiter->pool;

	if (pool == NULL) {
		return;
	}
	list_remove(&pool->queues[waiter->class], &waiter->link);
	pool->waiting--;
	waiter->pool = NULL;
	waiter->profile = NULL;
	if (waiter->class == POOL_PRIVATE) {
		private_forget(waiter);
	}
}

static void
refuse(struct waiter *waiter, enum close_reason reason, const struct error *err)
{
	pool_forget(waiter);
	waiter->on_refused(waiter, reason, err);
}

void
pool_refuse(struct pool *pool, enum pool_class class, enum close_reason reason,
    const struct error *err)
{
	struct error copy = *err; /* ERR may be the pool's own and change */
	struct waiter *waiter;

	while ((waiter = list_first(
	            &pool->queues[class], struct waiter, link)) != NULL) {
		refuse(waiter, reason, &copy);
	}
}

void
pool_refuse_all(struct pool *pool, enum close_reason reason)
{
	const struct close_reason_row *row = close_reason_row(reason);
	struct error err;

	error_set(&err, row->sqlstate, "%s", row->text);
	for (int i = 0; i < POOL_CLASSES; i++) {
		pool_refuse(pool, (enum pool_class)i, reason, &err);
	}
}
