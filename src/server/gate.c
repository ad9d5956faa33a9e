/*
 * gate.c - which databases an operator has paused or disabled.
 *
 * Only those that are not as usual have an entry.
 */
#include "server/gate.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

static struct gate *
find(const struct gates *gates, const char *database)
{
	struct gate *gate = NULL;

	HASH_FIND_STR(gates->by_database, database, gate);
	return gate;
}

static struct gate *
find_or_add(struct gates *gates, const char *database)
{
	struct gate *gate = find(gates, database);

	if (gate == NULL) {
		gate = mem_zalloc(sizeof(*gate));
		gate->database = mem_strdup(database);
		HASH_ADD_KEYPTR(hh, gates->by_database, gate->database,
		    strlen(gate->database), gate);
	}
	return gate;
}

static void
drop(struct gates *gates, struct gate *gate)
{
	HASH_DEL(gates->by_database, gate);
	free(gate->database);
	free(gate);
}

static void
drop_if_usual(struct gates *gates, struct gate *gate)
{
	if (!gate->is_paused && !gate->is_disabled) {
		drop(gates, gate);
	}
}

bool
gates_is_paused(const struct gates *gates, const char *database)
{
	const struct gate *gate = find(gates, database);

	return gate != NULL && gate->is_paused;
}

bool
gates_is_disabled(const struct gates *gates, const char *database)
{
	const struct gate *gate = find(gates, database);

	return gate != NULL && gate->is_disabled;
}

size_t
gates_count_paused(const struct gates *gates)
{
	const struct gate *gate, *next;
	size_t count = 0;

	HASH_ITER(hh, gates->by_database, gate, next)
	{
		count += gate->is_paused;
	}
	return count;
}

void
gates_set_paused(struct gates *gates, const char *database, bool is_paused)
{
	struct gate *gate = find_or_add(gates, database);

	gate->is_paused = is_paused;
	drop_if_usual(gates, gate);
}

void
gates_set_disabled(struct gates *gates, const char *database, bool is_disabled)
{
	struct gate *gate = find_or_add(gates, database);

	gate->is_disabled = is_disabled;
	drop_if_usual(gates, gate);
}

void
gates_fini(struct gates *gates)
{
	struct gate *gate, *next;

	HASH_ITER(hh, gates->by_database, gate, next)
	{
		drop(gates, gate);
	}
}
