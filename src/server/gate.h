/* gate.h - which databases an operator has paused or disabled. */
#ifndef SERVER_GATE_H
#define SERVER_GATE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/hash.h"

/* Of a database that is not as usual. It outlives pools and reloads: what was
 * said of a name holds until it is taken back. */
struct gate {
	char *database;   /* owned; the key; as clients call it */
	bool is_paused;   /* its servers are handed to nobody */
	bool is_disabled; /* nobody new may log in */
	UT_hash_handle hh;
};

/* A zeroed struct has every database open. */
struct gates {
	struct gate *by_database; /* owned */
};

bool gates_is_paused(const struct gates *gates, const char *database);
bool gates_is_disabled(const struct gates *gates, const char *database);

size_t gates_count_paused(const struct gates *gates);

void gates_set_paused(
    struct gates *gates, const char *database, bool is_paused);
void gates_set_disabled(
    struct gates *gates, const char *database, bool is_disabled);

void gates_fini(struct gates *gates);

#endif
