/*
 * auth_query.c - asking a database for the secrets of its users.
 *
 * What is asked and remembered, and who waits for it. How it is asked is in
 * auth_channel.c.
 *
 * The key of a question begins with a hash of whom it is for, password
 * included: after a reload has mended that, nobody joins a question that fails
 * over the old one. Askers are told from the ready list, a few at a time: each
 * of them may compute a proof or end its connection.
 */
#include "auth/auth_query.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth_query_int.h"
#include "core/buf.h"
#include "core/mem.h"

/* Askers told per turn of the ready list. */
#define TOLD_PER_TURN 64

#define TICK_US ((int64_t)1000000)

static void tick_if_needed(struct auth_queries *set);

/* ---- entries ------------------------------------------------------------- */

static void
put_key(const struct auth_source *source, const char *user, struct buf *out)
{
	struct buf place = {0};
	struct hash128 hash;

	auth_source_put(source, &place);
	hash = hash_bytes128(buf_bytes(&place), place.length);
	mem_wipe(buf_bytes(&place), place.length);
	buf_fini(&place);
	buf_append(out, &hash, sizeof(hash));
	buf_append(out, source->query, strlen(source->query) + 1);
	buf_append(out, user, strlen(user) + 1);
}

static struct auth_entry *
find_entry(const struct auth_queries *set, const struct buf *key)
{
	struct auth_entry *entry = NULL;

	HASH_FIND(hh, set->entries, buf_bytes(key), key->length, entry);
	return entry;
}

/* Where ENTRY is in KNOWN. */
static struct list *
remembered(struct auth_entry *entry)
{
	return entry->found == AUTH_FOUND ? &entry->set->known
	                                  : &entry->set->nobodies;
}

/* Takes ENTRY out of the list of its state. */
static void
unlink_entry(struct auth_entry *entry)
{
	if (!list_is_linked(&entry->link)) {
		return;
	}
	switch (entry->state) {
	case ENTRY_WAITING:
		list_remove(&entry->channel->waiting, &entry->link);
		return;
	case ENTRY_ANSWERED:
		list_remove(&entry->set->answered, &entry->link);
		return;
	case ENTRY_KNOWN:
		list_remove(remembered(entry), &entry->link);
		return;
	case ENTRY_ASKED:
		break;
	}
	assert(!"unreachable");
}

void
auth_entry_free(struct auth_entry *entry)
{
	struct auth_queries *set = entry->set;

	assert(entry->askers.count == 0);
	if (entry->state == ENTRY_WAITING || entry->state == ENTRY_ASKED) {
		set->waiting_count--;
	}
	unlink_entry(entry);
	HASH_DEL(set->entries, entry);
	free(entry->key);
	free(entry->role);
	mem_wipe_free(&entry->secret);
	free(entry);
}

static struct auth_entry *
make_entry(struct auth_queries *set, const struct auth_source *source,
    const struct buf *key)
{
	struct auth_entry *entry = mem_zalloc(sizeof(*entry));

	entry->set = set;
	entry->key = mem_dup(buf_bytes(key), key->length);
	entry->key_bytes = key->length;
	entry->query = entry->key + sizeof(struct hash128);
	entry->user = entry->query + strlen(entry->query) + 1;
	entry->state = ENTRY_WAITING;
	entry->since_us = loop_now_us(set->loop);
	HASH_ADD_KEYPTR(hh, set->entries, entry->key, entry->key_bytes, entry);
	set->waiting_count++;
	auth_channel_add(auth_channel_of(set, source), entry);
	tick_if_needed(set);
	return entry;
}

/* How long the answer in ENTRY may be used. */
static int64_t
lifetime(const struct auth_entry *entry)
{
	int64_t cache_us = entry->set->options.cache_us;

	return entry->is_proven || cache_us < AUTH_UNPROVEN_US
	    ? cache_us
	    : AUTH_UNPROVEN_US;
}

static bool
is_over(const struct auth_entry *entry)
{
	return loop_now_us(entry->set->loop) - entry->since_us >=
	    lifetime(entry);
}

static struct auth_answer
answer_of(const struct auth_entry *entry)
{
	return (struct auth_answer){
	    .found = entry->found,
	    .role = entry->role,
	    .secret = entry->secret,
	    .err = entry->found == AUTH_FAILED ? &entry->err : NULL,
	};
}

/* ---- telling ------------------------------------------------------------- */

/* ENTRY has its answer. */
static void
be_answered(struct auth_entry *entry, enum auth_found found)
{
	struct auth_queries *set = entry->set;

	assert(entry->state == ENTRY_WAITING || entry->state == ENTRY_ASKED);
	unlink_entry(entry);
	set->waiting_count--;
	entry->channel = NULL;
	entry->found = found;
	entry->since_us = loop_now_us(set->loop);
	entry->state = ENTRY_ANSWERED;
	list_append(&set->answered, &entry->link);
	loop_ready(set->loop, &set->ready);
}

void
auth_entry_found(struct auth_entry *entry, const char *role, const char *secret)
{
	if (secret != NULL) {
		auth_models_note(&entry->set->models, secret);
	}
	entry->role = mem_strdup(role);
	entry->secret = secret == NULL ? NULL : mem_strdup(secret);
	be_answered(entry, AUTH_FOUND);
}

void
auth_entry_not_found(struct auth_entry *entry)
{
	be_answered(entry, AUTH_NOT_FOUND);
}

void
auth_entry_failed(struct auth_entry *entry, const struct error *err)
{
	entry->err = *err;
	be_answered(entry, AUTH_FAILED);
}

/* Forgets the oldest of LIST beyond MOST. */
static void
forget_beyond(struct list *list, size_t most)
{
	struct auth_entry *entry;

	while (list->count > most &&
	    (entry = list_first(list, struct auth_entry, link)) != NULL) {
		auth_entry_free(entry);
	}
}

/* All have been told: it is remembered, or not. */
static void
be_known(struct auth_entry *entry)
{
	struct auth_queries *set = entry->set;

	if (entry->found == AUTH_FAILED || is_over(entry)) {
		auth_entry_free(entry);
		return;
	}
	list_remove(&set->answered, &entry->link);
	entry->state = ENTRY_KNOWN;
	list_append(remembered(entry), &entry->link);
	forget_beyond(&set->known, AUTH_KNOWN_MAX);
	forget_beyond(&set->nobodies, AUTH_NOBODIES_MAX);
	tick_if_needed(set);
}

static void
tell_one(struct auth_entry *entry, struct list_link *link)
{
	struct auth_question *question =
	    list_entry(link, struct auth_question, link);
	struct auth_answer answer = answer_of(entry);

	question->entry = NULL;
	question->on_answer(question, &answer);
}

static void
on_ready(struct ready *ready)
{
	struct auth_queries *set =
	    list_entry(ready, struct auth_queries, ready);
	struct auth_entry *entry;
	int told = 0;

	while (told < TOLD_PER_TURN &&
	    (entry = list_first(&set->answered, struct auth_entry, link)) !=
	        NULL) {
		struct list_link *asker = list_pop(&entry->askers);

		if (asker == NULL) {
			be_known(entry);
		} else {
			/* Nobody frees ENTRY meanwhile: it is ANSWERED. */
			tell_one(entry, asker);
			told++;
		}
	}
	if (set->answered.count > 0) {
		loop_ready(set->loop, &set->ready);
	}
}

/* ---- asking -------------------------------------------------------------- */

/* There are too many already. */
static struct auth_answer
refusal(void)
{
	static const struct error err = {
	    .sqlstate = SQLSTATE_TOO_MANY_CONNECTIONS,
	    .text = "too many logins wait for an answer to auth_query",
	    .hint = "Try again in a moment.",
	};

	return (struct auth_answer){.found = AUTH_FAILED, .err = &err};
}

static bool
ask(struct auth_queries *set, const struct auth_source *source,
    const struct buf *key, struct auth_question *question,
    struct auth_answer *answer)
{
	struct auth_entry *entry = find_entry(set, key);

	if (entry != NULL && entry->state == ENTRY_KNOWN && is_over(entry)) {
		auth_entry_free(entry);
		entry = NULL;
	}
	if (entry != NULL &&
	    (entry->state == ENTRY_KNOWN || entry->state == ENTRY_ANSWERED)) {
		*answer = answer_of(entry);
		return true;
	}
	if (entry == NULL && set->waiting_count >= AUTH_WAITING_MAX) {
		*answer = refusal();
		return true;
	}
	if (entry == NULL) {
		entry = make_entry(set, source, key);
	}
	question->entry = entry;
	list_append(&entry->askers, &question->link);
	return false;
}

bool
auth_query_ask(struct auth_queries *set, const struct auth_source *source,
    const char *user, struct auth_question *question,
    void (*on_answer)(
        struct auth_question *question, const struct auth_answer *answer),
    struct auth_answer *answer)
{
	struct buf key = {0};
	bool is_known;

	assert(question->entry == NULL);
	question->on_answer = on_answer;
	put_key(source, user, &key);
	is_known = ask(set, source, &key, question, answer);
	buf_fini(&key);
	return is_known;
}

void
auth_question_cancel(struct auth_question *question)
{
	struct auth_entry *entry = question->entry;

	if (entry == NULL) {
		return;
	}
	question->entry = NULL;
	list_remove(&entry->askers, &question->link);
	if (entry->askers.count == 0 && entry->state == ENTRY_WAITING) {
		auth_channel_remove(entry);
		auth_entry_free(entry);
	}
}

/* What is known of USER; NULL: nothing. */
static struct auth_entry *
find_known(const struct auth_queries *set, const struct auth_source *source,
    const char *user)
{
	struct auth_entry *entry;
	struct buf key = {0};

	put_key(source, user, &key);
	entry = find_entry(set, &key);
	buf_fini(&key);
	return entry != NULL &&
	        (entry->state == ENTRY_ANSWERED || entry->state == ENTRY_KNOWN)
	    ? entry
	    : NULL;
}

void
auth_query_confirm(struct auth_queries *set, const struct auth_source *source,
    const char *user)
{
	struct auth_entry *entry = find_known(set, source, user);

	if (entry != NULL) {
		entry->is_proven = entry->found == AUTH_FOUND;
	}
}

bool
auth_query_forget(struct auth_queries *set, const struct auth_source *source,
    const char *user)
{
	struct auth_entry *entry = find_known(set, source, user);

	if (entry == NULL) {
		return false;
	}
	/* If it is too fresh to be asked for anew: then as soon as may be. */
	entry->is_proven = false;
	if (entry->state != ENTRY_KNOWN || !is_over(entry)) {
		return false;
	}
	auth_entry_free(entry);
	return true;
}

const char *
auth_query_model(const struct auth_queries *set, uint64_t number)
{
	return auth_models_pick(&set->models, number);
}

int
auth_query_most_iterations(const struct auth_queries *set)
{
	return set->models.most_iterations;
}

/* ---- the set ------------------------------------------------------------- */

static void
forget_old(struct list *list)
{
	list_foreach_safe (list, link) {
		struct auth_entry *entry =
		    list_entry(link, struct auth_entry, link);

		if (is_over(entry)) {
			auth_entry_free(entry);
		}
	}
}

static void
on_tick(struct timer *timer)
{
	struct auth_queries *set = list_entry(timer, struct auth_queries, tick);
	struct auth_channel *channel, *next;

	forget_old(&set->known);
	forget_old(&set->nobodies);
	HASH_ITER(hh, set->channels, channel, next)
	{
		if (auth_channel_tidy(channel)) {
			auth_channel_end(channel);
		}
	}
	if (set->channels == NULL && set->known.count == 0 &&
	    set->nobodies.count == 0) {
		timer_stop(&set->tick);
	}
}

static void
tick_if_needed(struct auth_queries *set)
{
	if (!timer_is_running(&set->tick)) {
		timer_start(&set->tick, set->loop, TICK_US, TICK_US, on_tick);
	}
}

struct auth_queries *
auth_queries_new(struct loop *loop, struct logger *logger,
    struct resolver *resolver, const struct auth_places *places,
    const struct auth_options *options)
{
	struct auth_queries *set = mem_zalloc(sizeof(*set));

	set->loop = loop;
	set->resolver = resolver;
	set->log = (struct log_source){.logger = logger};
	set->places = *places;
	set->options = *options;
	set->lines = &auth_line_control;
	set->ready.run = on_ready;
	return set;
}

void
auth_queries_set_lines(
    struct auth_queries *set, const struct auth_line_ops *ops)
{
	set->lines = ops;
}

void
auth_queries_configure(
    struct auth_queries *set, const struct auth_options *options)
{
	struct auth_channel *channel, *next;

	set->options = *options;
	forget_beyond(&set->known, 0);
	forget_beyond(&set->nobodies, 0);
	HASH_ITER(hh, set->channels, channel, next)
	{
		auth_channel_renew(channel);
	}
}

void
auth_queries_free(struct auth_queries **setp)
{
	struct auth_queries *set = *setp;
	struct auth_channel *channel, *next_channel;
	struct auth_entry *entry, *next_entry;

	if (set == NULL) {
		return;
	}
	timer_stop(&set->tick);
	loop_unready(set->loop, &set->ready);
	HASH_ITER(hh, set->entries, entry, next_entry)
	{
		auth_entry_free(entry);
	}
	HASH_ITER(hh, set->channels, channel, next_channel)
	{
		auth_channel_end(channel);
	}
	auth_models_fini(&set->models);
	free(set);
	*setp = NULL;
}
