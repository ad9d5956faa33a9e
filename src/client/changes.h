/*
 * changes.h - the settings of a client as its transaction changes them.
 *
 * PostgreSQL's rules: SET holds when its transaction commits and is undone with
 * it or with a savepoint; SET LOCAL ends with the transaction. What is recorded
 * here has been acknowledged by the server; outside any of it, the client's
 * profile alone is the truth. Pure data.
 */
#ifndef CLIENT_CHANGES_H
#define CLIENT_CHANGES_H

#include <stdbool.h>
#include <stddef.h>

struct profile;

/* Beyond that many, or that much text, a transaction is not followed. */
#define CHANGES_MAX ((size_t)512)
#define CHANGES_MAX_BYTES ((size_t)64 * 1024)

/* Zeroed: nothing has changed in this transaction. */
struct changes {
	struct change *items; /* owned */
	size_t count;
	size_t capacity;
	size_t bytes; /* of names and values */
};

void changes_fini(struct changes *changes);

static inline bool
changes_are_none(const struct changes *changes)
{
	return changes->count == 0;
}

/* Whether what is recorded is within its bounds. To be asked after each call
 * that adds; when it is not, the client has to keep its server. */
static inline bool
changes_have_room(const struct changes *changes)
{
	return changes->count <= CHANGES_MAX &&
	    changes->bytes <= CHANGES_MAX_BYTES;
}

/* NAME (lower case) has become VALUE; NULL: it has gone back to what it is
 * without any setting of the client's. LOCAL: until the transaction ends. */
void changes_set(struct changes *changes, const char *name, const char *value,
    bool is_local);

/* Savepoints need to be told only while something is recorded: a name that was
 * never told is that of one older than all that is recorded. */
void changes_savepoint(struct changes *changes, const char *name);
void changes_release(struct changes *changes, const char *name);
void changes_rollback_to(struct changes *changes, const char *name);

/* The transaction was rolled back. */
void changes_rollback(struct changes *changes);

/* The transaction was committed: *PROFILE (shared) becomes what the client's
 * settings are now; nothing is recorded any more. */
void changes_commit(struct changes *changes, struct profile **profile);

/* What PROFILE would become; counted for the caller. */
struct profile *changes_committed(
    const struct changes *changes, struct profile *profile);

/* What the settings are at this moment, within the transaction; PROFILE is what
 * they were before it. Counted for the caller. */
struct profile *changes_profile(
    const struct changes *changes, struct profile *profile);

#endif
