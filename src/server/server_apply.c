/*
 * server_apply.c - bringing a server under its client's settings.
 *
 * What cannot change what a statement may see or mean is sent in front of the
 * client's request, in the same write. Everything else is sent first, and the
 * request waits until the server has acknowledged it: a request behind a SET
 * ROLE that fails would run as somebody else. Which setting is which is said in
 * guc.def.
 */
#include <assert.h>

#include "core/buf.h"
#include "core/hash.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"

/* ---- what a node has accepted before ------------------------------------- */

/* The place of these formats, or NULL. */
static struct hash128 *
place_of(struct pool_slot *slot, const struct hash128 *formats)
{
	for (size_t i = 0; i < SLOT_ACCEPTED; i++) {
		struct hash128 *place = &slot->accepted[i];

		if (hash_equal128(place, formats)) {
			return place;
		}
	}
	return NULL;
}

/* The longest known goes when there is no room: to have forgotten one costs a
 * round trip. */
static void
note_accepted(struct pool_slot *slot, const struct hash128 *formats)
{
	if (place_of(slot, formats) == NULL) {
		slot->accepted[slot->next_accepted] = *formats;
		slot->next_accepted = (slot->next_accepted + 1) % SLOT_ACCEPTED;
	}
}

static void
forget_accepted(struct pool_slot *slot, const struct hash128 *formats)
{
	struct hash128 *place = place_of(slot, formats);

	if (place != NULL) {
		*place = (struct hash128){0};
	}
}

void
server_set_profile(struct server *server, struct profile *profile)
{
	const struct hash128 *formats = profile_formats(profile);
	struct profile *before = server->profile;

	server->profile = profile_ref(profile);
	profile_release(&before);
	note_accepted(server->slot, formats);
}

/* ---- sending ------------------------------------------------------------- */

/* Whether what is sent now may be cancelled for taking too long, by the limit
 * that the last client has set: then the request would run without. */
static bool
is_in_a_hurry(const struct server *server)
{
	return server->profile != NULL &&
	    profile_get(server->profile, "statement_timeout") != NULL;
}

static bool
may_go_at_once(const struct server *server, const struct profile *profile)
{
	switch (profile_compare(server->profile, profile)) {
	case SWITCH_NOTHING:
	case SWITCH_TRAVELS:
		return true;
	case SWITCH_FORMATS:
		return !is_in_a_hurry(server) &&
		    place_of(server->slot, profile_formats(profile)) != NULL;
	case SWITCH_WAITS:
		break;
	}
	return false;
}

static void
travel(struct server *server, struct profile *profile, const struct buf *out)
{
	struct note *note = note_new();

	note->belief = BELIEF_PROFILE;
	note->profile = profile_ref(profile);
	server_write_first(server, buf_bytes(out), out->length);
	server->status = 0;
	answers_sent_own(&server->answers, MSG_QUERY);
	answers_attach(&server->answers, note);
}

enum server_applied
server_apply(struct server *server, struct profile *profile, bool may_travel)
{
	enum server_applied applied = APPLY_DONE;
	struct buf sql = {0}, out = {0};
	bool fits;

	assert(server->state == SERVER_ACTIVE && server->applying == NULL);
	if (server->profile == profile) {
		return APPLY_DONE;
	}
	profile_put_switch(server->profile, profile, &sql);
	if (sql.length == 0) {
		server_set_profile(server, profile);
		goto out;
	}
	fits = msg_query(&out, buf_text(&sql));
	assert(fits); /* the bounds of profiles see to it */
	if (may_travel && may_go_at_once(server, profile)) {
		travel(server, profile, &out);
		applied = APPLY_TRAVELS;
		goto out;
	}
	server->applying = profile_ref(profile);
	server->has_applied_resets = false;
	server->status = 0;
	answers_sent_own(&server->answers, MSG_QUERY);
	server_update_interest(server, true);
	(void)server_write(server, buf_bytes(&out), out.length);
	applied = APPLY_WAITS;
out:
	buf_fini(&sql);
	buf_fini(&out);
	return applied;
}

/* ---- refused on the way -------------------------------------------------- */

bool
server_is_switching(const struct server *server)
{
	const struct note *note = answers_head_note(&server->answers);

	return note != NULL && note->belief == BELIEF_PROFILE &&
	    note->part == NULL;
}

void
server_unset_profile(struct server *server, const struct profile *profile)
{
	/* The request behind it runs without settings that make no difference
	 * to what it does. Nobody else is to follow that way. */
	forget_accepted(server->slot, profile_formats(profile));
	server->retire = true;
}
