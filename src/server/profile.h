/*
 * profile.h - the settings of a client's session, interned and shared.
 *
 * Two clients with equal settings have the same pointer, so "does this server
 * run under this client's settings" is one comparison.
 */
#ifndef SERVER_PROFILE_H
#define SERVER_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct hash128;
struct params;
struct profile;
struct profiles;

/* A client with more settings, or more text in them, is not followed. */
#define PROFILE_MAX ((size_t)256)
#define PROFILE_MAX_BYTES ((size_t)32 * 1024)

/* All profiles of the process. */
struct profiles *profiles_new(void);

/* Frees *SET, of whose profiles nobody holds one any more. */
void profiles_free(struct profiles **set);

/* How many there are, and the memory one takes without its settings. */
size_t profiles_count(const struct profiles *set);
size_t profile_size(void);

/* Returns the profile with exactly SETTINGS, whose order does not matter, but
 * for those that never are a session's (guc.def); counted once more for the
 * caller. */
struct profile *profile_take(
    struct profiles *set, const struct params *settings);

/*
 * Returns the profile that PROFILE becomes when NAME becomes VALUE, or with
 * NULL goes back; counted for the caller. As in PostgreSQL, another
 * session_authorization has no role yet.
 */
struct profile *profile_with(
    struct profile *profile, const char *name, const char *value);

/* Counts PROFILE once more and returns it. NULL is accepted. */
struct profile *profile_ref(struct profile *profile);

/* Gives *PROFILE back and sets it to NULL. NULL is accepted. */
void profile_release(struct profile **profile);

const struct params *profile_settings(const struct profile *profile);

/* The value of NAME; NULL: it has none of the client's. Borrowed. */
const char *profile_get(const struct profile *profile, const char *name);

/* Whether it is within its bounds, see above. */
bool profile_is_in_bounds(const struct profile *profile);

/* Of the settings that can change what a statement's text means, or which plan
 * or result it gets: equal for profiles under which it means the same. */
const struct hash128 *profile_meaning(const struct profile *profile);

/* Of the display formats: a server that has accepted them once will again. */
const struct hash128 *profile_formats(const struct profile *profile);

/* How a session gets from one profile to another. */
enum profile_switch {
	SWITCH_NOTHING, /* there is nothing to do */
	SWITCH_TRAVELS, /* in front of the next request */
	SWITCH_FORMATS, /* so too, if profile_formats() were accepted before */
	SWITCH_WAITS    /* acknowledged first */
};

/* FROM NULL: a session as it logged in. */
enum profile_switch profile_compare(
    const struct profile *from, const struct profile *to);

/*
 * Appends to OUT the SELECT that sets NAME as in PROFILE (session_authorization
 * with the role behind it), or with NULL everything but those two. IS_LOCAL:
 * for the transaction. False when there is nothing to set.
 */
bool profile_put_values(const struct profile *profile, const char *name,
    bool is_local, struct buf *out);

/*
 * Appends to OUT the SQL that turns a session under FROM into one under TO;
 * nothing if there is nothing to do. FROM NULL: a session as it logged in.
 * The text is plain ASCII and means the same under every client_encoding and
 * either standard_conforming_strings; run as one simple query it is applied
 * whole or not at all. All that TO asks for is in one SELECT at its end: what
 * fails before that has rows to describe is not TO's fault.
 */
void profile_put_switch(
    const struct profile *from, const struct profile *to, struct buf *out);

#endif
