/*
 * slot_share.c - one node's share of a pool, beside those of other pools: what
 * max_db_connections and max_user_connections leave it.
 *
 * A slot that wants a connection its caps do not allow waits in the heap of the
 * cap that is full, under the arrival of its oldest waiter: so the oldest of
 * all pools is found in one step, however many wait. What stands there may be
 * out of date (its waiter was served, or left), and is put right when it comes
 * first. Who is first is woken when a connection of the cap is closed or comes
 * free; a slot that cannot use its turn leaves the heap and wakes the next, and
 * comes back by itself, at the latest with the next tick.
 *
 * An idle server of another pool is closed at once to make room, and one that
 * comes free goes to the oldest waiter, though its own pool has younger ones.
 * That costs a login. So that two busy pools do not spend their time logging
 * in, there is a budget for it; beyond that a server moves when the other has
 * waited SLICE_US longer.
 *
 * Who is stopped by both of its caps waits under one of them at a time.
 */
#include <assert.h>

#include "core/heap.h"
#include "net/loop.h"
#include "node/node.h"
#include "server/pool_int.h"
#include "server/server_int.h"

/* What a pool may keep from an older waiter of another, when moving is dear. */
#define SLICE_US ((int64_t)100 * 1000)

/* So many idle servers are looked at for one that nobody is about to take. */
#define LOOK_AT_MAX 64

/* ---- counting ------------------------------------------------------------ */

void
slot_join(struct pool_slot *slot)
{
	struct pool *pool = slot->pool;
	const char *const names[CAP_KINDS] = {
	    [CAP_DATABASE] = pool->database, [CAP_USER] = pool->user};

	for (int i = 0; i < CAP_KINDS; i++) {
		slot->shares[i].slot = slot;
		limits_join(&pool->set->limits, &slot->shares[i],
		    (enum cap_kind)i, slot->node->id, names[i],
		    pool->set->config);
	}
}

void
slot_part(struct pool_slot *slot)
{
	slot_stop_waiting(slot);
	for (int i = 0; i < CAP_KINDS; i++) {
		limits_part(&slot->pool->set->limits, &slot->shares[i]);
	}
}

void
slot_count_up(struct pool_slot *slot)
{
	slot->count++;
	for (int i = 0; i < CAP_KINDS; i++) {
		slot->shares[i].cap->count++;
	}
}

void
slot_count_down(struct pool_slot *slot)
{
	slot->count--;
	for (int i = 0; i < CAP_KINDS; i++) {
		slot->shares[i].cap->count--;
	}
}

void
slot_note_idle(struct server *server)
{
	for (int i = 0; i < CAP_KINDS; i++) {
		struct cap *cap = server->slot->shares[i].cap;

		if (cap_is_limited(cap)) {
			list_append(&cap->idle, &server->idle_links[i]);
		}
	}
}

void
slot_note_busy(struct server *server)
{
	for (int i = 0; i < CAP_KINDS; i++) {
		if (list_is_linked(&server->idle_links[i])) {
			list_remove(&server->slot->shares[i].cap->idle,
			    &server->idle_links[i]);
		}
	}
}

void
slot_relist_idle(struct pool_slot *slot)
{
	list_foreach (&slot->by_state[SERVER_IDLE], link) {
		struct server *server = list_entry(link, struct server, link);

		slot_note_busy(server);
		slot_note_idle(server);
	}
}

bool
slot_is_over_cap(const struct pool_slot *slot)
{
	for (int i = 0; i < CAP_KINDS; i++) {
		const struct cap *cap = slot->shares[i].cap;

		if (cap->count > cap->max) {
			return true;
		}
	}
	return false;
}

/* ---- who is first -------------------------------------------------------- */

/* The oldest idle server under CAP, of another slot than SLOT, that nobody of
 * its own pool is about to take. */
static struct server *
find_victim(const struct cap *cap, const struct pool_slot *slot)
{
	int looked_at = 0;

	list_foreach (&cap->idle, link) {
		/* of struct server .idle_links[kind] */
		struct server *server =
		    list_entry(link - cap->kind, struct server, idle_links);

		if (server->slot != slot && !slot_has_waiter(server->slot)) {
			return server;
		}
		if (++looked_at == LOOK_AT_MAX) {
			break;
		}
	}
	return NULL;
}

/* Whether CAP keeps SLOT from having one more, whosever turn it is. */
static bool
stops(const struct cap *cap, const struct pool_slot *slot)
{
	return cap->count >= cap->max && find_victim(cap, slot) == NULL;
}

/* SLOT waits under CAP no more, or not there. */
static void
stop_waiting_under(struct cap_share *share)
{
	if (heap_is_linked(&share->wait)) {
		heap_remove(&share->cap->waiting, &share->wait);
	}
}

/* SLOT waits under its cap of KIND, for WAITER, and under no other. */
static void
wait_under(
    struct pool_slot *slot, enum cap_kind kind, const struct waiter *waiter)
{
	for (int i = 0; i < CAP_KINDS; i++) {
		struct cap_share *share = &slot->shares[i];

		if (i == (int)kind) {
			heap_set(&share->cap->waiting, &share->wait,
			    waiter->arrival);
		} else {
			stop_waiting_under(share);
		}
	}
}

/* Another cap than that of KIND stops SLOT: then it waits there, for WAITER. */
static bool
waits_elsewhere(
    struct pool_slot *slot, enum cap_kind kind, const struct waiter *waiter)
{
	for (int i = 0; i < CAP_KINDS; i++) {
		if (i != (int)kind && stops(slot->shares[i].cap, slot)) {
			wait_under(slot, (enum cap_kind)i, waiter);
			return true;
		}
	}
	return false;
}

/* The slot of the oldest that waits under CAP, and in *WAITER whom it waits
 * for; NULL if nobody does. */
static struct pool_slot *
first_under(struct cap *cap, const struct waiter **waiter)
{
	struct heap_link *link;

	while ((link = heap_first(&cap->waiting)) != NULL) {
		struct cap_share *share =
		    heap_entry(link, struct cap_share, wait);

		*waiter = slot_wants(share->slot);
		if (*waiter == NULL) {
			stop_waiting_under(share);
		} else if ((*waiter)->arrival != link->key) {
			heap_set(&cap->waiting, link, (*waiter)->arrival);
		} else if (!waits_elsewhere(share->slot, cap->kind, *waiter)) {
			return share->slot;
		}
	}
	return NULL;
}

static void
wake_first(struct cap *cap)
{
	const struct waiter *waiter;
	struct pool_slot *first = first_under(cap, &waiter);

	if (first != NULL) {
		loop_ready(first->pool->set->loop, &first->pool->ready);
	}
}

bool
slot_is_waiting(const struct pool_slot *slot)
{
	for (int i = 0; i < CAP_KINDS; i++) {
		if (heap_is_linked(&slot->shares[i].wait)) {
			return true;
		}
	}
	return false;
}

void
slot_wake_others(struct pool_slot *slot)
{
	for (int i = 0; i < CAP_KINDS; i++) {
		struct cap *cap = slot->shares[i].cap;

		if (cap->waiting.count > 0) {
			wake_first(cap);
		}
	}
}

void
slot_stop_waiting(struct pool_slot *slot)
{
	for (int i = 0; i < CAP_KINDS; i++) {
		struct cap_share *share = &slot->shares[i];

		if (heap_is_linked(&share->wait)) {
			stop_waiting_under(share);
			wake_first(share->cap);
		}
	}
}

bool
slot_is_contested(const struct pool_slot *slot)
{
	for (int i = 0; i < CAP_KINDS; i++) {
		if (slot->shares[i].cap->waiting.count > 0) {
			return true;
		}
	}
	return false;
}

/* ---- making room --------------------------------------------------------- */

/* Whether it is time that a server, whose own pool would want it since
 * RIVAL_US, moves to where somebody waits since WAITER_US. */
static bool
is_due(struct cap *cap, int64_t waiter_us, int64_t rival_us, int64_t now_us)
{
	return rival_us - waiter_us >= SLICE_US || cap_pay_move(cap, now_us);
}

/* Whether it is the turn of SLOT, for WAITER, and CAP has room, or will have
 * when *VICTIM is closed. */
static bool
admits(struct cap *cap, const struct pool_slot *slot,
    const struct waiter *waiter, struct server **victim)
{
	int64_t now_us = loop_now_us(slot->pool->set->loop);
	const struct waiter *oldest;
	const struct pool_slot *first = first_under(cap, &oldest);

	*victim = NULL;
	if (first != NULL && first != slot &&
	    oldest->arrival < waiter->arrival) {
		wake_first(cap);
		return false;
	}
	if (cap->count < cap->max) {
		return true;
	}
	*victim = find_victim(cap, slot);
	return *victim != NULL &&
	    (now_us - (*victim)->idle_since_us >= SLICE_US ||
	        is_due(cap, waiter->since_us, now_us, now_us));
}

/* As slot_make_room(), for nobody in particular. */
static bool
has_room(const struct pool_slot *slot)
{
	for (int i = 0; i < CAP_KINDS; i++) {
		const struct cap *cap = slot->shares[i].cap;

		if (cap->count >= cap->max || cap->waiting.count > 0) {
			return false;
		}
	}
	return true;
}

/* Whether SLOT may have one more now, for WAITER, once VICTIMS are closed; else
 * it waits. */
static bool
is_admitted(struct pool_slot *slot, const struct waiter *waiter,
    struct server *victims[CAP_KINDS])
{
	/* Before anything is paid for. */
	if (waits_elsewhere(slot, CAP_DATABASE, waiter)) {
		return false;
	}
	for (int i = 0; i < CAP_KINDS; i++) {
		struct cap *cap = slot->shares[i].cap;

		if (cap_is_limited(cap) &&
		    !admits(cap, slot, waiter, &victims[i])) {
			wait_under(slot, (enum cap_kind)i, waiter);
			return false;
		}
	}
	for (int i = 0; i < CAP_KINDS; i++) {
		stop_waiting_under(&slot->shares[i]);
	}
	return true;
}

bool
slot_make_room(struct pool_slot *slot, const struct waiter *waiter)
{
	struct server *victims[CAP_KINDS] = {NULL};
	bool has_waited[CAP_KINDS];

	if (waiter == NULL) {
		return has_room(slot);
	}
	for (int i = 0; i < CAP_KINDS; i++) {
		has_waited[i] = heap_is_linked(&slot->shares[i].wait);
	}
	if (!is_admitted(slot, waiter, victims)) {
		for (int i = 0; i < CAP_KINDS; i++) {
			if (has_waited[i] &&
			    !heap_is_linked(&slot->shares[i].wait)) {
				wake_first(slot->shares[i].cap);
			}
		}
		return false;
	}
	for (int i = 0; i < CAP_KINDS; i++) {
		if (victims[i] != NULL) {
			server_close(victims[i], CLOSE_SERVER_EVICTED, NULL);
		}
	}
	return true;
}

bool
slot_yields(struct server *server, const struct waiter *waiter)
{
	struct pool_slot *slot = server->slot;
	int64_t now_us = loop_now_us(slot->pool->set->loop);

	for (int i = 0; i < CAP_KINDS; i++) {
		struct cap *cap = slot->shares[i].cap;
		const struct waiter *oldest;
		struct pool_slot *first;

		if (cap->waiting.count == 0 || cap->count < cap->max) {
			continue;
		}
		first = first_under(cap, &oldest);
		if (first != NULL && first != slot &&
		    oldest->arrival < waiter->arrival &&
		    is_due(cap, oldest->since_us, waiter->since_us, now_us)) {
			server_close(server, CLOSE_SERVER_EVICTED, NULL);
			(void)slot_open(first);
			return true;
		}
	}
	return false;
}
