/*
 * auth_slot.c - the connections of a channel, and what they tell.
 *
 *   CLOSED --> OPENING --> IDLE <--> ASKING
 *     ^           |          |          |
 *     +-----------+----------+----------+
 *
 * What a failure means:
 *   cannot connect, or the      the pause grows from 100 ms by doubling to 1 s;
 *   server takes nobody now     questions wait, up to unreachable_us
 *   the login is refused        whoever waits is told at once; the pause, too
 *   lost over a question        it is asked once more, then fails
 *   no answer in time           the question fails
 *
 * The search path is ours: an owner of the database could have given it one in
 * which other relations and operators come before those of the system, which
 * would then run with the rights of our role.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth_query_int.h"
#include "auth/auth_rows.h"
#include "core/mem.h"

/* The server ends the statement itself; if not, the connection is given up. */
#define GRACE_US ((int64_t)1000000)

/* Connections that may be lost over one question. */
#define ATTEMPTS_MAX 2

#define SEARCH_PATH "pg_catalog,\"$user\",public,pg_temp"

/* ---- slots --------------------------------------------------------------- */

/* SLOT, whose line is gone, is free for another; so is its room in the set. */
static void
slot_clear(struct auth_slot *slot)
{
	struct auth_queries *set = slot->channel->set;

	if (list_is_linked(&slot->link)) {
		list_remove(&set->idle, &slot->link);
	}
	slot->state = SLOT_CLOSED;
	slot->line = NULL;
	slot->entry = NULL;
	free(slot->host);
	slot->host = NULL;
	set->line_count--;
	auth_channels_feed(set);
}

void
auth_slot_close(struct auth_slot *slot)
{
	if (slot->state != SLOT_CLOSED) {
		slot->channel->set->lines->close(slot->line);
		slot_clear(slot);
	}
}

static void
slot_rest(struct auth_slot *slot)
{
	struct auth_queries *set = slot->channel->set;

	slot->state = SLOT_IDLE;
	slot->entry = NULL;
	slot->idle_since_us = loop_now_us(set->loop);
	list_append(&set->idle, &slot->link);
}

struct auth_slot *
auth_slot_find(struct auth_channel *channel, enum auth_slot_state state)
{
	for (size_t i = 0; i < AUTH_CHANNEL_LINES_MAX; i++) {
		if (channel->slots[i].state == state) {
			return &channel->slots[i];
		}
	}
	return NULL;
}

/* ---- what lines tell ----------------------------------------------------- */

static void
on_open(void *context)
{
	struct auth_slot *slot = context;

	assert(slot->state == SLOT_OPENING);
	slot_rest(slot);
	auth_channel_wake(slot->channel);
	auth_channels_feed(slot->channel->set);
}

/* Whether ERR is about the name of the user: bytes that are no text there. */
static bool
is_no_name(const struct error *err)
{
	return strcmp(err->sqlstate, "22021") == 0 ||
	    strcmp(err->sqlstate, "22P05") == 0;
}

/* The server does not answer the question of ENTRY. */
static void
refuse(struct auth_channel *channel, struct auth_entry *entry,
    const struct error *err)
{
	struct error why = *err, told;

	if (is_no_name(err)) {
		auth_entry_not_found(entry);
		return;
	}
	auth_add_remedy(channel, &why);
	auth_complain(channel, "auth_query failed", entry->user, &why);
	auth_tell_config_error(&told);
	auth_entry_failed(entry, &told);
}

static void
on_answer(void *context, const struct auth_rows *rows, const struct error *err)
{
	struct auth_slot *slot = context;
	struct auth_channel *channel = slot->channel;
	struct auth_entry *entry = slot->entry;
	struct error why;

	assert(slot->state == SLOT_ASKING);
	slot_rest(slot);
	channel->pause_us = 0;
	auth_channel_wake(channel);
	auth_channels_feed(channel->set);
	if (err != NULL) {
		refuse(channel, entry, err);
	} else if (auth_rows_check(rows, &why) != 0) {
		refuse(channel, entry, &why);
	} else if (rows->count == 0) {
		auth_entry_not_found(entry);
	} else {
		auth_entry_found(entry, rows->user, rows->secret);
	}
}

/* Whether the server may well take us later, without anybody's help. */
static bool
is_passing(enum control_outcome outcome, const struct error *err)
{
	return outcome != CONTROL_REJECTED ||
	    strncmp(err->sqlstate, "57", 2) == 0 ||
	    strncmp(err->sqlstate, "53", 2) == 0;
}

/* A connection could not be made. */
static void
fail_opening(struct auth_channel *channel, enum control_outcome outcome,
    const struct error *err)
{
	struct error why = *err, told;

	auth_add_login_remedy(channel, &why);
	if (is_passing(outcome, err)) {
		auth_complain(
		    channel, "cannot connect for auth_query", NULL, &why);
		auth_channel_expire(channel);
	} else {
		auth_complain(
		    channel, "login for auth_query was refused", NULL, &why);
		auth_tell_refusal(err, &told);
		auth_channel_fail(channel, &told);
	}
}

/* A connection is lost over the question of ENTRY. */
static void
fail_asking(struct auth_channel *channel, struct auth_entry *entry,
    enum control_outcome outcome, const struct error *err)
{
	struct error why = *err, told;

	if (entry->askers.count == 0) {
		auth_entry_free(entry);
		return;
	}
	if (outcome != CONTROL_TIMED_OUT && ++entry->attempts < ATTEMPTS_MAX) {
		entry->state = ENTRY_WAITING;
		list_prepend(&channel->waiting, &entry->link);
		auth_channel_watch(channel);
		return;
	}
	if (outcome == CONTROL_TIMED_OUT) {
		error_hint(&why, "auth_query_timeout is its limit.");
		auth_tell_config_error(&told);
	} else {
		auth_tell_unreachable(channel, &told);
	}
	auth_complain(channel, "auth_query failed", entry->user, &why);
	auth_entry_failed(entry, &told);
}

static void
on_lost(void *context, enum control_outcome outcome, const struct error *err)
{
	struct auth_slot *slot = context;
	struct auth_channel *channel = slot->channel;
	struct auth_entry *entry = slot->entry;
	enum auth_slot_state state = slot->state;

	slot_clear(slot);
	auth_channel_wake(channel);
	if (state == SLOT_IDLE) {
		return; /* the next one finds out what is the matter */
	}
	auth_channel_pause(channel);
	if (state == SLOT_ASKING) {
		fail_asking(channel, entry, outcome, err);
	} else {
		fail_opening(channel, outcome, err);
	}
}

/* ---- connecting and asking ----------------------------------------------- */

static const struct auth_line_events line_events = {
    .on_open = on_open, .on_answer = on_answer, .on_lost = on_lost};

void
auth_slot_open(struct auth_slot *slot, const char *host, int port)
{
	struct auth_channel *channel = slot->channel;
	struct auth_queries *set = channel->set;
	const struct auth_source *source = &channel->source;
	struct auth_line_events events = line_events;
	struct control_params params = {
	    .port = port,
	    .dbname = source->dbname,
	    .user = source->user,
	    .password = source->password,
	    .passfile = source->passfile,
	    .sslmode = source->sslmode,
	    .sslrootcert = source->sslrootcert,
	    .sslcert = source->sslcert,
	    .sslkey = source->sslkey,
	    .application_name = "pgweir auth_query",
	    .options = slot->options,
	    .connect_timeout_us = set->options.connect_us,
	};

	(void)snprintf(slot->options, sizeof(slot->options),
	    "-c search_path=" SEARCH_PATH " -c statement_timeout=%lld",
	    (long long)(set->options.question_us / 1000));
	slot->host = mem_strdup(host);
	slot->port = port;
	slot->state = SLOT_OPENING;
	set->line_count++;
	params.host = slot->host;
	events.context = slot;
	slot->line =
	    set->lines->open(set->loop, set->resolver, &params, &events);
}

void
auth_slot_ask(struct auth_slot *slot, struct auth_entry *entry)
{
	struct auth_queries *set = slot->channel->set;

	assert(slot->state == SLOT_IDLE);
	list_remove(&set->idle, &slot->link);
	entry->state = ENTRY_ASKED;
	slot->entry = entry;
	slot->state = SLOT_ASKING;
	set->lines->ask(slot->line, entry->query, entry->user,
	    set->options.question_us + GRACE_US);
}
