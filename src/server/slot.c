/*
 * slot.c - one node's share of a pool: its life, and when to try again after a
 * failure. How many connections it may have is in slot_room.c.
 *
 * The pause between attempts starts short, so that a restarting server is back
 * at once, and doubles up to server_login_retry.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/node.h"
#include "server/pool_int.h"
#include "server/server_int.h"

#define FIRST_RETRY_US ((int64_t)100 * 1000)
/* Never faster than this, whatever server_login_retry says. */
#define LEAST_RETRY_US ((int64_t)10 * 1000)

size_t
slot_coming(const struct pool_slot *slot)
{
	return slot->by_state[SERVER_CONNECTING].count +
	    slot->by_state[SERVER_LOGIN].count +
	    slot->by_state[SERVER_TESTED].count - slot->private_coming;
}

/* Something has run out: connections of the server, descriptors here. See
 * PostgreSQL docs, "PostgreSQL Error Codes", class 53. */
static bool
is_shortage(const struct error *err)
{
	return strncmp(err->sqlstate, "53", 2) == 0;
}

bool
slot_is_usable(const struct pool_slot *slot)
{
	if (slot->by_state[SERVER_IDLE].count > 0) {
		return true;
	}
	if (slot->failing_since_us != 0 && is_shortage(&slot->last_error)) {
		/* Those it has will serve, one after the other. */
		return !slot->is_old && slot->by_state[SERVER_ACTIVE].count > 0;
	}
	return !slot->is_old && slot->failing_since_us == 0;
}

void
slot_connected(struct pool_slot *slot)
{
	slot->retry_at_us = 0;
	slot->retry_pause_us = 0;
	slot->failing_since_us = 0;
	slot->pool->has_served = true;
	slot->pool->fatal.text[0] = '\0';
}

bool
slot_is_at_fault(const struct error *err)
{
	return strncmp(err->sqlstate, "08", 2) == 0 ||
	    strncmp(err->sqlstate, "57P", 3) == 0;
}

/* Decides when to try again. Attempts that were begun together, before the
 * first of them failed, count as one. */
static void
plan_retry(struct pool_slot *slot, int64_t now_us)
{
	const struct pool *pool = slot->pool;
	int64_t most_us = pool->options.server_login_retry_us;

	if (slot->retry_at_us > now_us) {
		return;
	}
	slot->retry_pause_us = slot->retry_pause_us == 0
	    ? FIRST_RETRY_US
	    : 2 * slot->retry_pause_us;
	if (slot->retry_pause_us > most_us) {
		slot->retry_pause_us =
		    most_us > LEAST_RETRY_US ? most_us : LEAST_RETRY_US;
	}
	slot->retry_at_us = now_us + slot->retry_pause_us;
	log_debug(&pool->set->log, "next attempt in %lld ms host=%s",
	    (long long)(slot->retry_pause_us / 1000), slot->node->name);
}

void
slot_failed(struct pool_slot *slot, const struct error *err, bool is_final)
{
	struct pool *pool = slot->pool;
	const struct pool_events *events = &pool->set->events;
	int64_t now_us = loop_now_us(pool->set->loop);

	slot->last_error = *err;
	if (slot->failing_since_us == 0) {
		slot->failing_since_us = now_us;
	}
	plan_retry(slot, now_us);
	if (slot_is_at_fault(err)) {
		node_report_login_failure(slot->node, err, now_us);
		events->on_node_doubt(events->context, slot->node);
	} else if (is_final && !is_shortage(err)) {
		pool->fatal = *err;
	}
}

void
slot_retire(struct pool_slot *slot)
{
	for (int i = 0; i < SERVER_CLOSED; i++) {
		list_foreach (&slot->by_state[i], link) {
			list_entry(link, struct server, link)->retire = true;
		}
	}
}

/* Whether SERVER is connected, or about to be, to none of ADDRESSES. While it
 * connects nobody knows which one it will be. */
static bool
is_elsewhere(
    const struct server *server, const struct address *addresses, size_t count)
{
	if (server->state == SERVER_CONNECTING) {
		return server->dial->connector.lookup.resolver == NULL;
	}
	return server->address.length > 0 &&
	    !address_is_unix(&server->address) &&
	    !address_is_among(&server->address, addresses, count);
}

void
slot_on_addresses(
    struct name_watch *watch, const struct address *addresses, size_t count)
{
	struct pool_slot *slot = list_entry(watch, struct pool_slot, name);
	size_t moved = 0;

	for (int i = 0; i < SERVER_CLOSED; i++) {
		list_foreach (&slot->by_state[i], link) {
			struct server *server =
			    list_entry(link, struct server, link);

			if (is_elsewhere(server, addresses, count)) {
				server->retire = true;
				moved++;
			}
		}
	}
	if (moved == 0) {
		return;
	}
	log_info(&slot->pool->set->log,
	    "host has other addresses now, replacing %zu servers host=%s db=%s "
	    "user=%s",
	    moved, slot->node->name, slot->pool->database, slot->pool->user);
	list_foreach_safe (&slot->by_state[SERVER_IDLE], idle_link) {
		struct server *server =
		    list_entry(idle_link, struct server, link);

		if (server->retire) {
			server_close(server, CLOSE_SERVER_OBSOLETE, NULL);
		}
	}
}

void
slot_close_all(
    struct pool_slot *slot, enum server_state state, enum close_reason reason)
{
	struct server *server;

	/* A discarded slot is only freed by the loop's reaper. */
	while ((server = list_first(
	            &slot->by_state[state], struct server, link)) != NULL) {
		server_close(server, reason, NULL);
	}
}

void
slot_changed(struct pool_slot *slot)
{
	struct pool *pool = slot->pool;

	if (pool->waiting > 0 && !pool->set->closing) {
		loop_ready(pool->set->loop, &pool->ready);
	}
	slot_wake_others(slot);
	if (slot->is_old && slot->count == 0) {
		slot_discard(slot);
	}
}

void
slot_reap(struct grave *grave)
{
	free(list_entry(grave, struct pool_slot, grave));
}

void
slot_discard(struct pool_slot *slot)
{
	assert(slot->count == 0);
	list_remove(&slot->pool->old_slots, &slot->link);
	slot_part(slot);
	node_release(&slot->node);
	/* A closed server may still look at it until it is reaped itself. */
	loop_bury(slot->pool->set->loop, &slot->grave);
}
