/*
 * changes.c - the settings of a client as its transaction changes them.
 *
 * A list of what has happened, oldest first: a setting was set, for the session
 * or for the transaction, or a savepoint was made. Rolling back cuts the list
 * short; what holds at the moment is the last entry of a name; what holds after
 * a commit is the last one that is not local.
 *
 * Between two savepoints a name has at most two entries, a SET and a later SET
 * LOCAL: a SET makes everything before it pointless, a SET LOCAL only other
 * LOCALs. Releasing a savepoint joins two such runs by the same rule.
 *
 * Source: PostgreSQL docs, "SET", "SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK
 * TO SAVEPOINT".
 */
#include "client/changes.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "server/profile.h"

enum change_kind {
	CHANGE_SESSION, /* SET */
	CHANGE_LOCAL,   /* SET LOCAL */
	CHANGE_SAVEPOINT
};

struct change {
	enum change_kind kind;
	char *name;  /* owned */
	char *value; /* owned; NULL: gone back; and of a savepoint */
};

static size_t
bytes_of(const struct change *change)
{
	return strlen(change->name) + 1 +
	    (change->value == NULL ? 0 : strlen(change->value) + 1);
}

static void
end_change(struct changes *changes, struct change *change)
{
	changes->bytes -= bytes_of(change);
	free(change->name);
	free(change->value);
}

static void
add(struct changes *changes, enum change_kind kind, const char *name,
    const char *value)
{
	struct change *change;

	if (changes->count == changes->capacity) {
		changes->capacity =
		    changes->capacity == 0 ? 8 : 2 * changes->capacity;
		changes->items = mem_realloc(changes->items,
		    changes->capacity * sizeof(*changes->items));
	}
	change = &changes->items[changes->count++];
	change->kind = kind;
	change->name = mem_strdup(name);
	change->value = value == NULL ? NULL : mem_strdup(value);
	changes->bytes += bytes_of(change);
}

static void
take_out(struct changes *changes, size_t index)
{
	end_change(changes, &changes->items[index]);
	changes->count--;
	memmove(&changes->items[index], &changes->items[index + 1],
	    (changes->count - index) * sizeof(*changes->items));
}

/* Forgets all but the first COUNT entries. */
static void
cut(struct changes *changes, size_t count)
{
	while (changes->count > count) {
		end_change(changes, &changes->items[--changes->count]);
	}
	if (count == 0) {
		free(changes->items);
		*changes = (struct changes){0};
	}
}

void
changes_fini(struct changes *changes)
{
	cut(changes, 0);
}

/* Takes out what an entry of KIND and NAME at END makes pointless, back to the
 * savepoint before it. Returns how many entries went. */
static size_t
take_out_pointless(struct changes *changes, size_t end, enum change_kind kind,
    const char *name)
{
	size_t taken = 0;

	for (size_t i = end; i-- > 0;) {
		const struct change *change = &changes->items[i];

		if (change->kind == CHANGE_SAVEPOINT) {
			break;
		}
		if ((kind == CHANGE_SESSION || change->kind == CHANGE_LOCAL) &&
		    strcmp(change->name, name) == 0) {
			take_out(changes, i);
			taken++;
		}
	}
	return taken;
}

static void
set_one(
    struct changes *changes, const char *name, const char *value, bool is_local)
{
	enum change_kind kind = is_local ? CHANGE_LOCAL : CHANGE_SESSION;

	(void)take_out_pointless(changes, changes->count, kind, name);
	add(changes, kind, name, value);
}

void
changes_set(
    struct changes *changes, const char *name, const char *value, bool is_local)
{
	set_one(changes, name, value, is_local);
	if (strcmp(name, "session_authorization") == 0) {
		/* Another user has no role yet. */
		set_one(changes, "role", NULL, is_local);
	}
}

/* Where the latest savepoint NAME is; .count if there is none. */
static size_t
find_savepoint(const struct changes *changes, const char *name)
{
	for (size_t i = changes->count; i-- > 0;) {
		const struct change *change = &changes->items[i];

		if (change->kind == CHANGE_SAVEPOINT &&
		    strcmp(change->name, name) == 0) {
			return i;
		}
	}
	return changes->count;
}

void
changes_savepoint(struct changes *changes, const char *name)
{
	add(changes, CHANGE_SAVEPOINT, name, NULL);
}

void
changes_rollback_to(struct changes *changes, const char *name)
{
	size_t at = find_savepoint(changes, name);

	/* The savepoint itself stays. */
	cut(changes, at == changes->count ? 0 : at + 1);
}

void
changes_release(struct changes *changes, const char *name)
{
	size_t at = find_savepoint(changes, name);

	if (at == changes->count) {
		at = 0; /* all savepoints known are within it */
	}
	while (at < changes->count) {
		const struct change *change = &changes->items[at];

		if (change->kind == CHANGE_SAVEPOINT) {
			take_out(changes, at);
		} else {
			at -= take_out_pointless(
			    changes, at, change->kind, change->name);
			at++;
		}
	}
}

void
changes_rollback(struct changes *changes)
{
	cut(changes, 0);
}

/* PROFILE with what is recorded, LOCAL or not; counted for the caller. */
static struct profile *
apply(const struct changes *changes, struct profile *profile, bool with_local)
{
	struct profile *now = profile_ref(profile);

	for (size_t i = 0; i < changes->count; i++) {
		const struct change *change = &changes->items[i];
		struct profile *next;

		if (change->kind == CHANGE_SESSION ||
		    (change->kind == CHANGE_LOCAL && with_local)) {
			next = profile_with(now, change->name, change->value);
			profile_release(&now);
			now = next;
		}
	}
	return now;
}

void
changes_commit(struct changes *changes, struct profile **profile)
{
	struct profile *now = apply(changes, *profile, false);

	profile_release(profile);
	*profile = now;
	cut(changes, 0);
}

struct profile *
changes_committed(const struct changes *changes, struct profile *profile)
{
	return apply(changes, profile, false);
}

struct profile *
changes_profile(const struct changes *changes, struct profile *profile)
{
	return apply(changes, profile, true);
}
