/*
 * prepare_check.c - a client that was told the form of its rows gets no others.
 *
 * A client describes a statement once and then binds it without asking again,
 * on whichever server. There it may have to be prepared anew, or somebody else
 * has prepared it since, and its tables may have changed meanwhile: PostgreSQL,
 * which knows the new form only, would send rows that the client misreads. So
 * what is prepared for such a client is described, too, before anything is
 * bound to it. If the form is not what the client was told it gets the error
 * that PostgreSQL has for this, by which drivers prepare anew.
 *
 * That costs a round trip when a server prepares the statement first, and
 * nothing from then on: a plan keeps its form, or the server refuses it. What
 * is a read for certain and can be sent again does not wait, but goes along
 * with the question: if the answer is another than the client was told, nothing
 * has been passed on yet, and nothing has happened.
 *
 * The types of parameters stay what they were when a session prepared its
 * statement. Where they would come out as others, the client's name becomes a
 * statement of its own with those types declared.
 */
#include "client/prepare_int.h"

#include <assert.h>
#include <stdlib.h>

#include "client/batch.h"
#include "client/client_int.h"
#include "client/meter.h"
#include "client/out.h"
#include "core/buf.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/form.h"
#include "server/pool_int.h"
#include "server/server_int.h"
#include "server/statement.h"

/* A name that no server knows: all of ours have a number. */
static const char no_name[] = STATEMENT_PREFIX "changed";

/* ---- before a Bind ------------------------------------------------------- */

/* Whose rows follow from tables. What a utility returns is its own affair: of a
 * FETCH it follows from the cursor, and PostgreSQL does not look either. */
static bool
has_form(const struct statement *statement)
{
	switch (statement->verdict.kind) {
	case SQL_QUERY:
	case SQL_DML:
	case SQL_UNKNOWN:
		return true;
	default:
		return false;
	}
}

bool
told_may_run_ahead(const struct client *client)
{
	const struct replay *replay = &client->replay;

	return !client->batch.has_several &&
	    (client->on_replica ||
	        (replay->heals && replay->is_holding && replay->attempts == 0 &&
	            client->batch.is_read));
}

/* What the form the server has of STATEMENT is to a client that was told
 * another or the same. */
enum verdict_on_form {
	FORM_FITS,
	FORM_IS_OLDER, /* or less was asked for: prepare it anew */
	FORM_HAS_OTHER_TYPES,
	FORM_IS_OTHER
};

static enum verdict_on_form
compare(const struct form *told, const struct form *form)
{
	size_t types;

	if (!form_is_whole(form) && form_types(told, &types) != NULL) {
		return FORM_IS_OLDER;
	}
	if (form_has_rows_of(told, form) && form_has_types_of(told, form)) {
		return FORM_FITS;
	}
	if (form_age(form) < form_age(told)) {
		return FORM_IS_OLDER;
	}
	return form_has_types_of(told, form) ? FORM_IS_OTHER
	                                     : FORM_HAS_OTHER_TYPES;
}

/* Part of the note on a Describe of ours that a Bind has not waited for. */
struct ahead {
	struct note_part part;
	struct name *name;           /* held */
	struct statement *statement; /* shared */
};

static void
end_ahead(
    struct client *client, struct note_part *opaque, enum note_event event)
{
	struct ahead *ahead = list_entry(opaque, struct ahead, part);
	struct form *told = name_told(ahead->name), *form;

	client->ahead_count--;
	if (event == NOTE_DONE && told != NULL &&
	    prepared_look_form(&client->server->prepared, ahead->statement,
	        &form) == PREPARED_FORM_KNOWN &&
	    compare(told, form) != FORM_FITS) {
		client->has_run_ahead = true;
	}
	name_let_go(&client->names, &ahead->name);
	statement_release(&ahead->statement);
	free(ahead);
}

static struct ahead *
ahead_new(struct client *client, struct name *name, struct statement *statement)
{
	struct ahead *ahead = mem_zalloc(sizeof(*ahead));

	ahead->part.on_note = end_ahead;
	client->ahead_count++;
	ahead->name = name_hold(name);
	ahead->statement = statement_ref(statement);
	return ahead;
}

/* Asks the server for the form of STATEMENT, which is NAME, prepared anew
 * unless this batch has done so: of an older plan it would only say that it has
 * changed. */
static enum told
learn(struct client *client, struct out *out, struct name *name,
    struct statement *statement, enum prepared_state state, bool is_ahead)
{
	struct answers *answers = &out->server->answers;
	struct buf message = {0};
	struct note *note;
	bool runs_ahead = told_may_run_ahead(client), fits;

	if (state == PREPARED_MISSING) {
		supply_make_room(client, out);
	} else if (!is_ahead) {
		supply_send(out, statement, MSG_CLOSE, statement_put_close);
	}
	if (!is_ahead) {
		supply_send(out, statement, MSG_PARSE, statement_put_parse);
		meter_server_parse(client);
	}
	if (out->failed) {
		return TOLD_WAIT;
	}
	fits = msg_describe(&message, 'S', statement->name);
	assert(fits);
	if (!runs_ahead) {
		msg_flush(&message);
	}
	note = prepared_describe_sent(&out->server->prepared, statement);
	note->part = runs_ahead ? ahead_new(client, name, statement) : NULL;
	answers_sent_helper(answers, MSG_DESCRIBE);
	answers_attach(answers, note);
	out_copy(out, buf_bytes(&message), message.length);
	buf_fini(&message);
	return runs_ahead ? TOLD_FITS : TOLD_WAIT;
}

/* NAME becomes the same statement with the types declared that its client was
 * told. False: it cannot, or has them already. */
static bool
declare_types(
    struct client *client, struct name *name, struct statement **statement)
{
	struct statement *before = *statement, *declared;
	size_t size, text = before->text_length + 1;
	const uint8_t *types = form_types(name_told(name), &size);
	struct buf body = {0};

	if (types == NULL) {
		return false;
	}
	buf_append(&body, before->body, text);
	buf_append(&body, types, size);
	declared = statements_take(pools_statements(client->set->pools),
	    &before->meaning, buf_bytes(&body), body.length);
	buf_fini(&body);
	if (declared == NULL || declared == before) {
		statement_release(&declared);
		return false;
	}
	if (!declared->is_judged) {
		batch_judge_statement(client, declared);
	}
	name_change_statement(&client->names, name, declared);
	*statement = declared;
	statement_release(&declared); /* the name counts it */
	return true;
}

/* As told_supply(), for a client that goes by what it was told. */
static enum told
supply_as_told(struct client *client, struct out *out, struct name *name,
    struct statement **statement)
{
	enum prepared_state state = supply_look(out, *statement);
	bool is_ahead = false;
	struct form *form;

	if (state == PREPARED_WAIT) {
		return TOLD_WAIT;
	}
	if (state == PREPARED_KNOWN) {
		switch (prepared_look_form(
		    &out->server->prepared, *statement, &form)) {
		case PREPARED_FORM_WAIT:
			if (!told_may_run_ahead(client)) {
				return TOLD_WAIT;
			}
			is_ahead = true;
			break;
		case PREPARED_FORM_AHEAD:
			is_ahead = true;
			break;
		case PREPARED_FORM_UNKNOWN:
			break;
		case PREPARED_FORM_KNOWN:
			switch (compare(name_told(name), form)) {
			case FORM_FITS:
				return TOLD_FITS;
			case FORM_IS_OLDER:
				break;
			case FORM_HAS_OTHER_TYPES:
				return declare_types(client, name, statement)
				    ? TOLD_OTHERWISE
				    : TOLD_CHANGED;
			case FORM_IS_OTHER:
				return TOLD_CHANGED;
			}
			break;
		}
	}
	return learn(client, out, name, *statement, state, is_ahead);
}

enum told
told_supply(struct client *client, struct out *out, struct name *name,
    struct statement **statement, bool is_described)
{
	enum told told;
	uint64_t batch;
	bool is_asked = name_is_asked(name, &batch);

	if (name_told(name) == NULL && !is_asked) {
		is_described = true; /* it has nothing to go by */
	}
	if (is_asked && !is_described) {
		if (batch != answers_batch(&out->server->answers)) {
			return TOLD_WAIT;
		}
		is_described = true;
	}
	if (is_described || !has_form(*statement)) {
		return supply(client, out, *statement) ? TOLD_FITS : TOLD_WAIT;
	}
	do {
		told = supply_as_told(client, out, name, statement);
	} while (told == TOLD_OTHERWISE);
	return told;
}

/* ---- refusing ------------------------------------------------------------ */

/* Of the note on a Bind that is to fail. */
static void
end_refused(
    struct client *client, struct note_part *part, enum note_event event)
{
	client->is_form_changed = event == NOTE_FAILED;
	free(part);
}

struct prepare_result
told_refuse(struct out *out, const struct frame *frame, const uint8_t *body,
    const struct prepare_name *name)
{
	struct prepare_result result = {.way = PREPARE_STOP};
	struct note_part *part;

	if (out->failed) {
		return result;
	}
	part = mem_zalloc(sizeof(*part));
	part->on_note = end_refused;
	result.way = PREPARE_PASS;
	result.note = note_new();
	result.note->part = part;
	prepare_put_head(out, frame, body, name, no_name, sizeof(no_name) - 1);
	result.replaced = prepare_head_bytes(name);
	return result;
}

void
told_put_error(struct buf *out)
{
	static const char body[] = "SERROR\0VERROR\0C0A000\0"
	                           "Mcached plan must not change result type\0"
	                           "Fplancache.c\0RRevalidateCachedQuery\0";
	struct msg msg;
	bool fits;

	msg_begin(&msg, out, MSG_ERROR_RESPONSE);
	msg_put_bytes(&msg, body, sizeof(body)); /* its NUL ends the fields */
	fits = msg_end(&msg);
	assert(fits);
}
