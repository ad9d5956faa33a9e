/*
 * auth_channel.c - a database that is asked for secrets, as one role.
 *
 * Questions wait in order for a connection that is free. There is one at first,
 * and another only while all that are open are busy. All decisions are made in
 * run(), from the ready list: whatever happens just notes it and queues that.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth_query_int.h"
#include "auth/auth_rows.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/str.h"

#define FIRST_PAUSE_US ((int64_t)100000)
#define LONG_PAUSE_US ((int64_t)1000000)

/* How soon is looked again whether a database that was held is free. */
#define HELD_PAUSE_US ((int64_t)100000)

/* A connection that nobody needed for so long is closed. */
#define IDLE_US ((int64_t)60 * 1000000)

void
auth_channel_wake(struct auth_channel *channel)
{
	loop_ready(channel->set->loop, &channel->ready);
}

void
auth_channels_feed(struct auth_queries *set)
{
	struct auth_channel *next =
	    list_first(&set->hungry, struct auth_channel, hungry);

	if (next != NULL &&
	    (set->line_count < AUTH_LINES_MAX || set->idle.count > 0)) {
		auth_channel_wake(next);
	}
}

static void
stop_hunger(struct auth_channel *channel)
{
	if (list_is_linked(&channel->hungry)) {
		list_remove(&channel->set->hungry, &channel->hungry);
		auth_channels_feed(channel->set);
	}
}

static void
on_pause_over(struct timer *timer)
{
	auth_channel_wake(list_entry(timer, struct auth_channel, pause));
}

void
auth_channel_pause(struct auth_channel *channel)
{
	int64_t pause_us = channel->pause_us * 2;

	channel->lost++;
	pause_us = pause_us == 0 ? FIRST_PAUSE_US : pause_us;
	channel->pause_us = pause_us > LONG_PAUSE_US ? LONG_PAUSE_US : pause_us;
	timer_start(&channel->pause, channel->set->loop, channel->pause_us, 0,
	    on_pause_over);
}

/* ---- who waits ----------------------------------------------------------- */

static struct auth_entry *
oldest(const struct auth_channel *channel)
{
	return list_first(&channel->waiting, struct auth_entry, link);
}

static void on_expiry(struct timer *timer);

void
auth_channel_watch(struct auth_channel *channel)
{
	struct auth_queries *set = channel->set;
	const struct auth_entry *entry = oldest(channel);
	int64_t left_us;

	if (entry == NULL) {
		timer_stop(&channel->expiry);
		return;
	}
	if (timer_is_running(&channel->expiry)) {
		return;
	}
	left_us = entry->since_us + set->options.unreachable_us -
	    loop_now_us(set->loop);
	timer_start(&channel->expiry, set->loop,
	    left_us > FIRST_PAUSE_US ? left_us : FIRST_PAUSE_US, 0, on_expiry);
}

void
auth_channel_fail(struct auth_channel *channel, const struct error *told)
{
	struct auth_entry *entry;

	while ((entry = oldest(channel)) != NULL) {
		auth_entry_failed(entry, told);
	}
	auth_channel_watch(channel);
	auth_channel_wake(channel);
}

static bool
is_reached(struct auth_channel *channel)
{
	return auth_slot_find(channel, SLOT_IDLE) != NULL ||
	    auth_slot_find(channel, SLOT_ASKING) != NULL;
}

void
auth_channel_expire(struct auth_channel *channel)
{
	struct auth_queries *set = channel->set;
	int64_t before_us =
	    loop_now_us(set->loop) - set->options.unreachable_us;
	struct auth_entry *entry;
	struct error told;

	if (channel->is_held || is_reached(channel)) {
		return; /* it is only slow, or was asked to wait */
	}
	auth_tell_unreachable(channel, &told);
	while (
	    (entry = oldest(channel)) != NULL && entry->since_us <= before_us) {
		auth_entry_failed(entry, &told);
	}
}

static void
on_expiry(struct timer *timer)
{
	struct auth_channel *channel =
	    list_entry(timer, struct auth_channel, expiry);

	auth_channel_expire(channel);
	auth_channel_watch(channel);
}

void
auth_channel_add(struct auth_channel *channel, struct auth_entry *entry)
{
	entry->channel = channel;
	list_append(&channel->waiting, &entry->link);
	auth_channel_watch(channel);
	auth_channel_wake(channel);
}

void
auth_channel_remove(struct auth_entry *entry)
{
	struct auth_channel *channel = entry->channel;

	list_remove(&channel->waiting, &entry->link);
	auth_channel_watch(channel);
	auth_channel_wake(channel);
}

/* ---- connecting and asking ----------------------------------------------- */

/* Whether CHANNEL may have one more connection now, when its turn has come; the
 * one that nobody has needed for longest makes room for it. */
static bool
has_room(struct auth_channel *channel)
{
	struct auth_queries *set = channel->set;
	struct auth_slot *idle;

	if (!list_is_linked(&channel->hungry)) {
		list_append(&set->hungry, &channel->hungry);
	}
	if (set->hungry.head != &channel->hungry) {
		return false;
	}
	if (set->line_count < AUTH_LINES_MAX) {
		return true;
	}
	idle = list_first(&set->idle, struct auth_slot, link);
	if (idle == NULL) {
		return false;
	}
	auth_slot_close(idle);
	return true;
}

/* Connects once more if somebody waits and none is on its way. */
static void
open_if_needed(struct auth_channel *channel, const char *host, int port)
{
	struct auth_slot *slot = auth_slot_find(channel, SLOT_CLOSED);

	if (channel->waiting.count > 0 && slot != NULL &&
	    !timer_is_running(&channel->pause) &&
	    auth_slot_find(channel, SLOT_OPENING) == NULL) {
		if (!has_room(channel)) {
			return; /* it stays hungry */
		}
		auth_slot_open(slot, host, port);
	}
	stop_hunger(channel);
}

/* Closes idle connections to elsewhere; HOST NULL: all of them. */
static void
close_strays(struct auth_channel *channel, const char *host, int port)
{
	for (size_t i = 0; i < AUTH_CHANNEL_LINES_MAX; i++) {
		struct auth_slot *slot = &channel->slots[i];

		if (slot->state == SLOT_IDLE &&
		    (host == NULL || strcmp(slot->host, host) != 0 ||
		        slot->port != port)) {
			auth_slot_close(slot);
		}
	}
}

/* Where CHANNEL's database is; closes the idle connections that may not be. */
static enum auth_place
find_place(struct auth_channel *channel, struct buf *host, int *port,
    struct error *err)
{
	const struct auth_places *places = &channel->set->places;
	enum auth_place place = places->find(places->context,
	    channel->source.database, channel->lost, host, port, err);

	channel->is_held = place == AUTH_PLACE_HELD;
	close_strays(
	    channel, place == AUTH_PLACE_KNOWN ? buf_text(host) : NULL, *port);
	return place;
}

static void
work(struct auth_channel *channel, const char *host, int port)
{
	struct auth_slot *slot;
	struct auth_entry *entry;

	while ((entry = oldest(channel)) != NULL &&
	    (slot = auth_slot_find(channel, SLOT_IDLE)) != NULL) {
		list_remove(&channel->waiting, &entry->link);
		auth_slot_ask(slot, entry);
	}
	open_if_needed(channel, host, port);
	auth_channel_watch(channel);
}

static void
run(struct ready *ready)
{
	struct auth_channel *channel =
	    list_entry(ready, struct auth_channel, ready);
	struct buf host = {0};
	int port = 0;
	struct error err, told;

	if (channel->waiting.count == 0) {
		stop_hunger(channel);
		return;
	}
	switch (find_place(channel, &host, &port, &err)) {
	case AUTH_PLACE_KNOWN:
		work(channel, buf_text(&host), port);
		break;
	case AUTH_PLACE_HELD:
		stop_hunger(channel);
		timer_start(&channel->pause, channel->set->loop, HELD_PAUSE_US,
		    0, on_pause_over);
		break;
	case AUTH_PLACE_CLOSED:
		auth_channel_fail(channel, &err);
		break;
	case AUTH_PLACE_NONE:
		auth_complain(channel, "auth_query failed", NULL, &err);
		auth_tell_config_error(&told);
		auth_channel_fail(channel, &told);
		break;
	}
	buf_fini(&host);
}

/* ---- life ---------------------------------------------------------------- */

/* The texts of a source, but for its query. */
static const size_t source_texts[] = {
    offsetof(struct auth_source, database),
    offsetof(struct auth_source, dbname),
    offsetof(struct auth_source, user),
    offsetof(struct auth_source, password),
    offsetof(struct auth_source, passfile),
    offsetof(struct auth_source, sslmode),
    offsetof(struct auth_source, sslrootcert),
    offsetof(struct auth_source, sslcert),
    offsetof(struct auth_source, sslkey),
};
#define SOURCE_TEXTS (sizeof(source_texts) / sizeof(*source_texts))

_Static_assert(
    sizeof(struct auth_source) == (SOURCE_TEXTS + 1) * sizeof(char *),
    "all texts but the query");

void
auth_source_put(const struct auth_source *source, struct buf *out)
{
	for (size_t i = 0; i < SOURCE_TEXTS; i++) {
		const char *text = NULL;

		memcpy(&text, (const char *)source + source_texts[i],
		    sizeof(text));
		text = text == NULL ? "" : text;
		buf_append(out, text, strlen(text) + 1);
	}
}

/* Lets CHANNEL->source point into its key. */
static void
take_texts(struct auth_channel *channel)
{
	const char *at = channel->key;

	for (size_t i = 0; i < SOURCE_TEXTS; i++) {
		memcpy((char *)&channel->source + source_texts[i], &at,
		    sizeof(at));
		at += strlen(at) + 1;
	}
}

static void
reap(struct grave *grave)
{
	struct auth_channel *channel =
	    list_entry(grave, struct auth_channel, grave);

	mem_wipe(channel->key, channel->key_bytes);
	free(channel->key);
	free(channel);
}

static struct auth_channel *
make_channel(struct auth_queries *set, const struct buf *key)
{
	struct auth_channel *channel = mem_zalloc(sizeof(*channel));

	channel->set = set;
	channel->key = mem_dup(buf_bytes(key), key->length);
	channel->key_bytes = key->length;
	take_texts(channel);
	channel->ready.run = run;
	channel->grave.reap = reap;
	for (size_t i = 0; i < AUTH_CHANNEL_LINES_MAX; i++) {
		channel->slots[i].channel = channel;
	}
	HASH_ADD_KEYPTR(
	    hh, set->channels, channel->key, channel->key_bytes, channel);
	return channel;
}

struct auth_channel *
auth_channel_of(struct auth_queries *set, const struct auth_source *source)
{
	struct auth_channel *channel = NULL;
	struct buf key = {0};

	auth_source_put(source, &key);
	HASH_FIND(hh, set->channels, buf_bytes(&key), key.length, channel);
	if (channel == NULL) {
		channel = make_channel(set, &key);
	}
	mem_wipe(buf_bytes(&key), key.length);
	buf_fini(&key);
	return channel;
}

static void
close_unneeded(struct auth_channel *channel)
{
	int64_t before_us = loop_now_us(channel->set->loop) - IDLE_US;

	for (size_t i = 0; i < AUTH_CHANNEL_LINES_MAX; i++) {
		struct auth_slot *slot = &channel->slots[i];

		if (slot->state == SLOT_IDLE &&
		    slot->idle_since_us <= before_us) {
			auth_slot_close(slot);
		}
	}
}

static bool
is_empty(const struct auth_channel *channel)
{
	for (size_t i = 0; i < AUTH_CHANNEL_LINES_MAX; i++) {
		if (channel->slots[i].state != SLOT_CLOSED) {
			return false;
		}
	}
	return channel->waiting.count == 0;
}

void
auth_channel_renew(struct auth_channel *channel)
{
	close_strays(channel, NULL, 0);
}

bool
auth_channel_tidy(struct auth_channel *channel)
{
	struct buf host = {0};
	int port = 0;
	struct error err;

	if (auth_slot_find(channel, SLOT_IDLE) != NULL) {
		(void)find_place(channel, &host, &port, &err);
		buf_fini(&host);
		close_unneeded(channel);
	}
	return is_empty(channel) && !timer_is_running(&channel->pause);
}

void
auth_channel_end(struct auth_channel *channel)
{
	struct auth_queries *set = channel->set;

	stop_hunger(channel);
	for (size_t i = 0; i < AUTH_CHANNEL_LINES_MAX; i++) {
		auth_slot_close(&channel->slots[i]);
	}
	timer_stop(&channel->pause);
	timer_stop(&channel->expiry);
	loop_unready(set->loop, &channel->ready);
	HASH_DEL(set->channels, channel);
	loop_bury(set->loop, &channel->grave);
}
