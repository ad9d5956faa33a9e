/*
 * unnamed_told.c - the same as prepare_check.c does, for the unnamed statement.
 *
 * That is parsed anew wherever its client comes, and so it would be described
 * anew each time; what cannot run ahead of the answer costs a client that
 * parses and describes in one batch and binds in the next a round trip.
 */
#include "client/prepare_int.h"

#include <assert.h>
#include <stdlib.h>

#include "client/client_int.h"
#include "client/out.h"
#include "client/request.h"
#include "core/buf.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/form.h"
#include "server/note.h"
#include "server/server_int.h"

/* Part of the note on a Describe of the unnamed statement. */
struct asked {
	struct note_part part;
	const struct note *note; /* borrowed; it owns this */
	uint64_t number;         /* of the statement */
	bool is_ours;            /* to compare, not for the client */
	bool is_ahead;           /* and what is bound has not waited for it */
};

static void
end_asked(
    struct client *client, struct note_part *opaque, enum note_event event)
{
	struct asked *asked = list_entry(opaque, struct asked, part);
	struct unnamed *unnamed = &client->unnamed;
	struct form *form = asked->note->form;

	client->ahead_count -= asked->is_ahead ? 1 : 0;
	if (unnamed->number != asked->number) {
		free(asked);
		return; /* it has parsed another since */
	}
	unnamed->check = UNNAMED_FITS;
	if (event != NOTE_DONE || form == NULL) {
		free(asked);
		return;
	}
	if (!asked->is_ours) {
		form_release(&unnamed->told);
		unnamed->told = form_ref(form);
	} else if (unnamed->told != NULL &&
	    !(form_has_rows_of(unnamed->told, form) &&
	        form_has_types_of(unnamed->told, form))) {
		unnamed->check = UNNAMED_CHANGED;
		client->has_run_ahead = asked->is_ahead;
		if (asked->is_ahead && client->on_replica) {
			unnamed->check = UNNAMED_FITS; /* the primary knows */
		}
	}
	free(asked);
}

static struct note *
make_note(struct client *client, bool is_ours)
{
	struct asked *asked = mem_zalloc(sizeof(*asked));
	struct note *note = note_new();

	asked->part.on_note = end_asked;
	asked->note = note;
	asked->number = client->unnamed.number;
	asked->is_ours = is_ours;
	asked->is_ahead = is_ours && told_may_run_ahead(client);
	client->ahead_count += asked->is_ahead ? 1 : 0;
	note->belief = BELIEF_DESCRIBED;
	note->part = asked;
	return note;
}

struct note *
unnamed_describe(struct client *client, const struct out *out)
{
	return out->failed || client->unnamed.size == 0
	    ? NULL
	    : make_note(client, false);
}

bool
unnamed_goes_by_told(const struct client *client)
{
	return client->unnamed.told != NULL &&
	    form_has_rows(client->unnamed.told);
}

void
unnamed_ask(struct client *client, struct out *out)
{
	struct answers *answers = &out->server->answers;
	struct buf message = {0};
	bool fits;

	if (out->failed) {
		return;
	}
	fits = msg_describe(&message, 'S', "");
	assert(fits);
	if (!told_may_run_ahead(client)) {
		msg_flush(&message);
	}
	answers_sent_helper(answers, MSG_DESCRIBE);
	answers_attach(answers, make_note(client, true));
	out_copy(out, buf_bytes(&message), message.length);
	buf_fini(&message);
	client->unnamed.check = UNNAMED_ASKED;
}

bool
unnamed_awaits_form(const struct client *client)
{
	return client->unnamed.check == UNNAMED_ASKED &&
	    !told_may_run_ahead(client);
}
