/*
 * server_notes.c - what a server is believed to know, and whom else it concerns
 * that a message was answered.
 */
#include <assert.h>

#include "server/profile.h"
#include "server/server_int.h"

static void
believe(struct server *server, const struct note *note, enum note_event event)
{
	switch (note->belief) {
	case BELIEF_NONE:
	case BELIEF_TRIED:
		break;
	case BELIEF_PREPARED:
	case BELIEF_CLOSED:
		prepared_on_note(&server->prepared, note, event);
		break;
	case BELIEF_DESCRIBED:
		if (note->statement == NULL) {
			break; /* the unnamed one, which is its holder's */
		}
		prepared_on_note(&server->prepared, note, event);
		break;
	case BELIEF_PROFILE:
		if (event == NOTE_DONE) {
			server_set_profile(server, note->profile);
		} else if (event == NOTE_FAILED) {
			server_unset_profile(server, note->profile);
		}
		break;
	}
}

void
server_on_note(void *context, struct note *note, enum note_event event)
{
	struct server *server = context;
	void *part = note->part;

	note->part = NULL;
	believe(server, note, event);
	if (part != NULL) {
		assert(server->holder != NULL && server->ops->on_note != NULL);
		server->ops->on_note(server->holder, part, event);
	}
}

void
server_leave_holder(struct server *server)
{
	if (server->holder != NULL) {
		answers_drop_parts(
		    &server->answers, server->ops->on_note, server->holder);
	}
	server->ops = NULL;
	server->holder = NULL;
}
