/*
 * profile.h - the settings a client brought along, interned and shared.
 *
 * Two clients with equal settings have the same pointer, so "does this server
 * run under this client's settings" is one comparison.
 */
#ifndef SERVER_PROFILE_H
#define SERVER_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct params;
struct profile;
struct profiles;

/* All profiles of the process. */
struct profiles *profiles_new(void);

/* Frees *SET, of whose profiles nobody holds one any more. */
void profiles_free(struct profiles **set);

/* Returns the profile with exactly SETTINGS, whose order does not matter,
 * counted once more for the caller. */
struct profile *profile_take(
    struct profiles *set, const struct params *settings);

/* Counts PROFILE once more and returns it. NULL is accepted. */
struct profile *profile_ref(struct profile *profile);

/* Gives *PROFILE back and sets it to NULL. NULL is accepted. */
void profile_release(struct profile **profile);

const struct params *profile_settings(const struct profile *profile);

/*
 * Appends to OUT the SQL that turns a session under FROM into one under TO;
 * nothing if there is nothing to do. FROM NULL: a session as it logged in.
 * The text is plain ASCII and means the same under every client_encoding and
 * either standard_conforming_strings; run as one simple query it is applied
 * whole or not at all.
 */
void profile_put_switch(
    const struct profile *from, const struct profile *to, struct buf *out);

#endif
