/*
 * limits.c - how many connections there may be of whom, and how many there are.
 */
#include "server/limits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "core/error.h"
#include "core/mem.h"

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
}
