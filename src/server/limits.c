/*
 * limits.c - how many connections there may be of whom, and how many there are.
 */
#include "server/limits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

/* Moves that may follow each other at once, and how often there may be one
 * after that. */
#define MOVES_AT_ONCE 100
#define MOVE_US ((int64_t)100 * 1000)

/* ---- servers ------------------------------------------------------------- */

static size_t
cap_max(const struct cap *cap, const struct config *config)
{
	const struct database_conf *entry;
	int max = 0;

	switch (cap->kind) {
	case CAP_DATABASE:
		entry = config_find_database(config, cap->name);
		max = entry == NULL ? 0
		                    : config_max_db_connections(config, entry);
		break;
	case CAP_USER:
		max = config_max_user_connections(config, cap->name);
		break;
	}
	return max == 0 ? SIZE_MAX : (size_t)max;
}

static struct cap *
make_cap(struct limits *limits, enum cap_kind kind, struct buf *key,
    size_t name_at, const struct config *config)
{
	struct cap *cap = mem_zalloc(sizeof(*cap));

	cap->kind = kind;
	cap->key = mem_dup(buf_bytes(key), key->length);
	cap->key_bytes = key->length;
	cap->name = cap->key + name_at;
	cap->max = cap_max(cap, config);
	HASH_ADD_KEYPTR(hh, limits->caps, cap->key, cap->key_bytes, cap);
	return cap;
}

void
limits_join(struct limits *limits, struct cap_share *share, enum cap_kind kind,
    unsigned node, const char *name, const struct config *config)
{
	struct buf key = {0};
	struct cap *cap = NULL;
	size_t name_at;

	assert(share->cap == NULL);
	buf_append(&key, &kind, sizeof(kind));
	buf_append(&key, &node, sizeof(node));
	name_at = key.length;
	buf_append(&key, name, strlen(name) + 1);
	HASH_FIND(hh, limits->caps, buf_bytes(&key), key.length, cap);
	if (cap == NULL) {
		cap = make_cap(limits, kind, &key, name_at, config);
	}
	buf_fini(&key);
	cap->shares++;
	share->cap = cap;
}

void
limits_part(struct limits *limits, struct cap_share *share)
{
	struct cap *cap = share->cap;

	if (cap == NULL) {
		return;
	}
	assert(!heap_is_linked(&share->wait));
	share->cap = NULL;
	if (--cap->shares > 0) {
		return;
	}
	assert(cap->count == 0 && cap->idle.count == 0);
	HASH_DEL(limits->caps, cap);
	heap_fini(&cap->waiting);
	free(cap->key);
	free(cap);
}

bool
limits_configure(struct limits *limits, const struct config *config)
{
	struct cap *cap, *next;
	bool has_changed = false;

	HASH_ITER(hh, limits->caps, cap, next)
	{
		bool was_limited = cap_is_limited(cap);

		cap->max = cap_max(cap, config);
		has_changed |= was_limited != cap_is_limited(cap);
	}
	return has_changed;
}

bool
cap_pay_move(struct cap *cap, int64_t now_us)
{
	int64_t earliest_us = now_us - MOVES_AT_ONCE * MOVE_US;

	if (cap->moves_us < earliest_us) {
		cap->moves_us = earliest_us;
	}
	if (cap->moves_us + MOVE_US > now_us) {
		return false;
	}
	cap->moves_us += MOVE_US;
	return true;
}

/* ---- clients ------------------------------------------------------------- */

static size_t
tally_of(const struct tally *table, const char *name)
{
	const struct tally *tally = NULL;

	HASH_FIND_STR(table, name, tally);
	return tally == NULL ? 0 : tally->count;
}

static struct tally *
count_up(struct tally **table, const char *name)
{
	struct tally *tally = NULL;

	HASH_FIND_STR(*table, name, tally);
	if (tally == NULL) {
		tally = mem_zalloc(sizeof(*tally));
		tally->name = mem_strdup(name);
		HASH_ADD_KEYPTR(
		    hh, *table, tally->name, strlen(tally->name), tally);
	}
	tally->count++;
	return tally;
}

static void
count_down(struct tally **table, struct tally **tallyp)
{
	struct tally *tally = *tallyp;

	*tallyp = NULL;
	if (tally == NULL || --tally->count > 0) {
		return;
	}
	HASH_DEL(*table, tally);
	free(tally->name);
	free(tally);
}

static int
check(int max, size_t count, const char *setting, struct error *err)
{
	if (max == 0 || count < (size_t)max) {
		return 0;
	}
	error_set(err, SQLSTATE_TOO_MANY_CONNECTIONS,
	    "client connections exceeded (%s)", setting);
	return -1;
}

int
limits_seat(struct limits *limits, struct seat *seat,
    const struct config *config, const struct database_conf *entry,
    const char *database, const char *user, struct error *err)
{
	assert(seat->database == NULL);
	if (check(config_max_db_client_connections(config, entry),
	        tally_of(limits->databases, database),
	        "max_db_client_connections", err) != 0 ||
	    check(config_max_user_client_connections(config, user),
	        tally_of(limits->users, user), "max_user_client_connections",
	        err) != 0) {
		return -1;
	}
	seat->database = count_up(&limits->databases, database);
	seat->user = count_up(&limits->users, user);
	return 0;
}

void
limits_unseat(struct limits *limits, struct seat *seat)
{
	count_down(&limits->databases, &seat->database);
	count_down(&limits->users, &seat->user);
}

void
limits_fini(struct limits *limits)
{
	assert(limits->databases == NULL && limits->users == NULL);
	assert(limits->caps == NULL);
}
