/*
 * prepare_told.c - what a client is told of its statements: noted when a
 * description passes by, for prepare_check.c.
 */
#include "client/prepare_int.h"

#include <stdlib.h>
#include <string.h>

#include "client/client_int.h"
#include "client/out.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "server/form.h"
#include "server/server_int.h"
#include "server/statement.h"

/* Part of the note on a Describe. */
struct asked {
	struct note_part part;
	struct name *name;           /* held */
	struct statement *statement; /* shared; what is described */
};

static void
end_asked(
    struct client *client, struct note_part *opaque, enum note_event event)
{
	struct asked *asked = list_entry(opaque, struct asked, part);
	struct form *form;

	name_asked_end(asked->name);
	if (event == NOTE_DONE &&
	    prepared_look_form(&client->server->prepared, asked->statement,
	        &form) == PREPARED_FORM_KNOWN) {
		form_set_age(
		    form, statement_next_description(asked->statement));
		name_tell(asked->name, asked->statement, form);
	}
	name_let_go(&client->names, &asked->name);
	statement_release(&asked->statement);
	free(asked);
}

/* The note for a Describe of NAME, which is STATEMENT; NULL: the client knows
 * what will come. */
static struct note *
describe(struct out *out, struct name *name, struct statement *statement,
    bool is_whole)
{
	struct prepared *prepared = &out->server->prepared;
	struct asked *asked;
	struct note *note;
	struct form *form;

	if (prepared_look_form(prepared, statement, &form) ==
	        PREPARED_FORM_KNOWN &&
	    (form_is_whole(form) || !is_whole)) {
		if (name_told(name) == form) {
			return NULL;
		}
		note = note_new();
	} else {
		note = prepared_describe_sent(prepared, statement);
	}
	asked = mem_zalloc(sizeof(*asked));
	asked->part.on_note = end_asked;
	asked->part.is_told = true;
	asked->name = name_hold(name);
	asked->statement = statement_ref(statement);
	name_asked(name, answers_batch(&out->server->answers));
	note->part = asked;
	return note;
}

struct note *
told_describe(struct out *out, struct name *name, struct statement *statement)
{
	return out->failed ? NULL : describe(out, name, statement, true);
}

/* ---- portals ------------------------------------------------------------- */

void
told_bound(struct client *client, const struct out *out, struct name *name,
    struct statement *statement, const uint8_t *body)
{
	struct bound_portal *bound = &client->portal;

	if (bound->name != name) {
		name_let_go(&client->names, &bound->name);
		bound->name = name_hold(name);
	}
	if (bound->statement != statement) {
		statement_release(&bound->statement);
		bound->statement = statement_ref(statement);
	}
	if (name == NULL) {
		return;
	}
	bound->server_id = out->server->id;
	bound->batch = answers_batch(&out->server->answers);
	bound->portal = (struct hash128){0};
	if (body[0] != '\0') {
		bound->portal = hash_bytes128(body, strlen((const char *)body));
	}
}

/* Of a portal that was not bound right before nothing is known: then its client
 * is not taken to go by this description. */
struct note *
told_describe_portal(
    struct client *client, struct out *out, const uint8_t *body, size_t size)
{
	const struct bound_portal *bound = &client->portal;
	struct hash128 portal = {0};

	if (bound->name == NULL || out->failed || size < 2 || body[0] != 'P' ||
	    body[size - 1] != '\0' || bound->server_id != out->server->id ||
	    bound->batch != answers_batch(&out->server->answers)) {
		return NULL;
	}
	if (size > 2) {
		portal = hash_bytes128(body + 1, size - 2);
	}
	if (portal.low != bound->portal.low ||
	    portal.high != bound->portal.high) {
		return NULL;
	}
	return describe(out, bound->name, bound->statement, false);
}

/* BIND is here as a whole, and a portal's name is its first. */
bool
told_describes_next(const struct frame *bind, const uint8_t *body, size_t here)
{
	size_t portal = strlen((const char *)body) + 1;
	const uint8_t *next = body + bind->body_bytes;
	struct frame frame;

	return frame_parse(next, here - bind->body_bytes, FRAME_MAX_BODY,
	           &frame) == FRAME_OK &&
	    frame.type == MSG_DESCRIBE &&
	    frame_bytes(&frame) <= here - bind->body_bytes &&
	    frame.body_bytes == 1 + portal && next[FRAME_HEADER_BYTES] == 'P' &&
	    memcmp(next + FRAME_HEADER_BYTES + 1, body, portal) == 0;
}

void
told_fini(struct client *client)
{
	name_let_go(&client->names, &client->portal.name);
	statement_release(&client->portal.statement);
}
