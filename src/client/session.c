/*
 * session.c - a client's settings as its own statements change them: what the
 * server has done is recorded.
 *
 * A message with operations has a note with them; each CommandComplete that
 * answers it does those of the statement that is done. COMMIT makes what is
 * recorded the client's profile, and so does the end of an implicit transaction
 * at ReadyForQuery, unless there was an error. As the server runs so already,
 * the new profile is what it is believed to have.
 */
#include "client/session.h"

#include <stdlib.h>
#include <string.h>

#include "client/session_int.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/str.h"
#include "proto/frame.h"
#include "server/datestyle.h"
#include "server/guc.h"
#include "server/profile.h"
#include "server/server_int.h"
#include "sql/encoding.h"
#include "sql/session_ops.h"
#include "sql/verdict.h"

const char *
session_pin_reason(const struct verdict *verdict)
{
	uint32_t left = verdict->effects & ~verdict->followed;

	if (verdict->ops == NULL) {
		left = verdict->effects;
	}
	return left == EFFECT_NONE ? NULL : sql_effect_name(left);
}

/* ---- the settings in force ----------------------------------------------- */

/* What follows from the settings in force for what the client asks next. */
static void
derive(struct client *client)
{
	const struct profile *now = client->session.now;
	const char *isolation =
	    profile_get(now, "default_transaction_isolation");

	client->session.meaning = *profile_meaning(now);
	client->has_idle_limit = session_limits_idling(
	    "idle_session_timeout", profile_get(now, "idle_session_timeout"));
	client->is_serializable =
	    isolation != NULL && str_equal_nocase(isolation, "serializable");
	client->keeps_snapshot = isolation != NULL &&
	    !str_equal_nocase(isolation, "read committed") &&
	    !str_equal_nocase(isolation, "read uncommitted");
}

/* How the client's texts are read is what its server reports. */
static void
derive_reading(struct client *client)
{
	const struct params *params = &client->server->params;
	const char *strings = params_get(params, "standard_conforming_strings");

	client->std_strings = strings == NULL || strcmp(strings, "on") == 0;
	client->unsafe_encoding =
	    sql_encoding_is_unsafe(params_get(params, "client_encoding"));
}

void
session_begin(struct client *client)
{
	struct session *session = &client->session;
	const char *path = profile_get(client->profile, "search_path");

	session->startup = profile_ref(client->profile);
	session->now = profile_ref(client->profile);
	client->has_temporary_path =
	    path != NULL && strcasestr(path, "pg_temp") != NULL;
	derive(client);
}

static void
renew(struct client *client)
{
	struct session *session = &client->session;

	profile_release(&session->now);
	session->now = changes_profile(&session->changes, client->profile);
	derive(client);
	derive_reading(client);
}

/* ---- parts --------------------------------------------------------------- */

void
session_free_values(const struct session_ops *ops, char ***values)
{
	if (*values == NULL) {
		return;
	}
	for (size_t i = 0; i < ops->count; i++) {
		free((*values)[i]);
	}
	free(*values);
	*values = NULL;
}

static void
end_part(struct client *client, struct note_part *opaque, enum note_event event)
{
	struct session_part *part =
	    list_entry(opaque, struct session_part, part);

	if (session_clears(part->ops)) {
		client->session.is_clearing = false;
		client->session.has_discarded =
		    client->session.has_discarded && event == NOTE_DONE;
	}
	session_free_values(part->ops, &part->values);
	session_ops_release(&part->ops);
	free(part->steps);
	free(part);
}

struct session_part *
session_part_new(struct session_ops *ops, char ***values)
{
	struct session_part *part = mem_zalloc(sizeof(*part));

	part->part.on_note = end_part;
	part->ops = session_ops_ref(ops);
	part->values = *values;
	*values = NULL;
	return part;
}

const char *
session_value(const struct session_ops *ops, char *const *values, size_t index)
{
	const struct session_op *op = &ops->items[index];

	if (op->parameter == 0) {
		return op->value;
	}
	return values == NULL ? NULL : values[index];
}

void
session_fini(struct client *client)
{
	struct session *session = &client->session;

	changes_fini(&session->changes);
	params_fini(&session->explained);
	session_ops_release(&session->unnamed_ops);
	if (session->bound.ops != NULL) {
		session_free_values(session->bound.ops, &session->bound.values);
		session_ops_release(&session->bound.ops);
	}
	profile_release(&session->way_out);
	profile_release(&session->now);
	profile_release(&session->startup);
}

/* ---- settings that were refused ------------------------------------------ */

static bool
is_identity(const char *name)
{
	return strcmp(name, "role") == 0 ||
	    strcmp(name, "session_authorization") == 0;
}

/* What RESET ALL and DISCARD ALL come to, as nobody in particular. */
static struct profile *
take_plain(const struct client *client)
{
	struct profile *role =
	    profile_with(client->session.startup, "role", NULL);
	struct profile *plain =
	    profile_with(role, "session_authorization", NULL);

	profile_release(&role);
	return plain;
}

void
session_look_for_way_out(struct client *client, const struct session_ops *ops)
{
	struct session *session = &client->session;
	const struct session_op *op;

	if (!session->was_refused || session->way_out != NULL || ops == NULL ||
	    ops->count == 0) {
		return;
	}
	op = &ops->items[0];
	session->way_out_alone =
	    op->kind == SESSION_RESET_ALL || op->kind == SESSION_DISCARD_ALL;
	if (session->way_out_alone && ops->statements == 1) {
		session->way_out = take_plain(client);
	} else if (op->statement == 0 && !op->is_local && !op->is_function &&
	    (op->kind == SESSION_SET || op->kind == SESSION_RESET)) {
		session->way_out =
		    profile_with(client->profile, op->name, NULL);
	}
}

void
session_forget_way_out(struct client *client)
{
	struct session *session = &client->session;
	const struct params none = {0};

	profile_release(&session->way_out);
	if (session->was_refused && client->begin_status == 'E') {
		/* A transaction that has failed runs nothing. */
		session->way_out = pools_profile(client->set->pools, &none);
	}
}

struct profile *
session_profile(const struct client *client)
{
	const struct session *session = &client->session;

	return session->way_out != NULL ? session->way_out : client->profile;
}

void
session_on_linked(struct client *client)
{
	if (client->session.way_out == NULL) {
		client->session.was_refused = false;
	}
}

/* ---- recording ----------------------------------------------------------- */

/* What it was before is what the server last reported, or what it has been set
 * to since. */
static void
put_whole_datestyle(struct client *client, const char *value, struct buf *out)
{
	struct profile *now =
	    changes_profile(&client->session.changes, client->profile);
	const char *before = profile_get(now, "datestyle");

	if (str_equal(before, profile_get(client->profile, "datestyle"))) {
		before = params_get(&client->server->params, "DateStyle");
	}
	datestyle_put_whole(before == NULL ? "" : before, value, out);
	profile_release(&now);
}

static void
record(
    struct client *client, const char *name, const char *value, bool is_local)
{
	struct session *session = &client->session;

	struct buf whole = {0};

	if (guc_find(name)->travel == GUC_NEVER) {
		return;
	}
	if (value != NULL && strcmp(name, "datestyle") == 0) {
		put_whole_datestyle(client, value, &whole);
		value = buf_text(&whole);
	}
	changes_set(&session->changes, name, value, is_local);
	params_set(&session->explained, name, "");
	buf_fini(&whole);
}

/* NAME goes back to what the client began with. */
static void
record_reset(struct client *client, const char *name, bool is_local)
{
	const struct profile *startup = client->session.startup;

	record(client, name, profile_get(startup, name), is_local);
	if (strcmp(name, "session_authorization") == 0 &&
	    profile_get(startup, "role") != NULL) {
		record(client, "role", profile_get(startup, "role"), is_local);
	}
}

static void
record_reset_all(struct client *client)
{
	struct session *session = &client->session;
	struct profile *now =
	    changes_profile(&session->changes, client->profile);
	const struct params *lists[] = {
	    profile_settings(now), profile_settings(session->startup)};

	for (int list = 0; list < 2; list++) {
		for (size_t i = 0; i < lists[list]->count; i++) {
			const char *name = lists[list]->items[i].name;

			if (!is_identity(name)) {
				record_reset(client, name, false);
			}
		}
	}
	profile_release(&now);
}

static void
commit(struct client *client)
{
	struct session *session = &client->session;
	struct profile *its;

	if (changes_are_none(&session->changes)) {
		return;
	}
	its = changes_committed(&session->changes, session_profile(client));
	changes_commit(&session->changes, &client->profile);
	if (client->server->pin == NULL) {
		server_set_profile(client->server, its);
	}
	profile_release(&its);
	if (!profile_is_in_bounds(client->profile)) {
		link_pin(client, "too many settings");
	}
}

static void
record_savepoint(struct client *client, const struct session_op *op)
{
	struct changes *changes = &client->session.changes;

	if (changes_are_none(changes)) {
		return;
	}
	switch (op->kind) {
	case SESSION_SAVEPOINT:
		changes_savepoint(changes, op->name);
		return;
	case SESSION_RELEASE:
		changes_release(changes, op->name);
		return;
	default:
		changes_rollback_to(changes, op->name);
		return;
	}
}

/* On a server that is not shared those of ours have gone, too. */
static void
forget_statements(struct client *client)
{
	names_clear(&client->names);
	if (client->pin != NULL) {
		prepared_forget(&client->server->prepared);
	}
}

static void
forget_statement(struct client *client, const char *name)
{
	struct name_change *change;

	if (client->is_tracked) {
		change = names_change(&client->names, name, strlen(name), NULL,
		    answers_batch(&client->server->answers));
		names_on_note(&client->names, &change, NOTE_DONE);
	}
}

/* The server has done OP, number INDEX of PART; TAG is its statement's. */
static void
record_op(struct client *client, const struct session_part *part, size_t index,
    const char *tag)
{
	const struct session_op *op = &part->ops->items[index];
	const char *value = session_value(part->ops, part->values, index);
	struct changes *changes = &client->session.changes;

	switch (op->kind) {
	case SESSION_SET:
		if (value == NULL) {
			record_reset(client, op->name, op->is_local);
		} else {
			record(client, op->name, value, op->is_local);
		}
		break;
	case SESSION_RESET:
		record_reset(client, op->name, op->is_local);
		break;
	case SESSION_RESET_ALL:
		record_reset_all(client);
		break;
	case SESSION_DISCARD_ALL:
		record_reset(client, "session_authorization", false);
		record_reset_all(client);
		forget_statements(client);
		break;
	case SESSION_DEALLOCATE:
		forget_statement(client, op->name);
		break;
	case SESSION_DEALLOCATE_ALL:
		forget_statements(client);
		break;
	case SESSION_BEGIN:
		break;
	case SESSION_COMMIT:
	case SESSION_PREPARE_TRANSACTION:
		if (strcmp(tag, "ROLLBACK") != 0) {
			commit(client);
			break;
		}
		changes_rollback(changes);
		break;
	case SESSION_ROLLBACK:
		changes_rollback(changes);
		break;
	case SESSION_SAVEPOINT:
	case SESSION_RELEASE:
	case SESSION_ROLLBACK_TO:
		record_savepoint(client, op);
		break;
	}
	if (!changes_have_room(changes)) {
		link_pin(client, "too many settings");
	}
}

/* A statement of the client's is done. */
static void
record_statement(
    struct client *client, struct session_part *part, const char *tag)
{
	for (size_t i = 0; i < part->ops->count; i++) {
		if (part->ops->items[i].statement == part->done) {
			record_op(client, part, i, tag);
		}
	}
	part->done++;
}

static struct session_part *
part_of(const struct note *note)
{
	struct note_part *part = note == NULL ? NULL : note->part;

	return part == NULL || part->on_note != end_part
	    ? NULL
	    : list_entry(part, struct session_part, part);
}

static enum session_answer
complete_step(
    struct client *client, struct session_part *part, const char **tag)
{
	const struct session_step *step;

	if (part->step >= part->step_count) {
		return SESSION_PASS; /* cannot be: so many statements */
	}
	step = &part->steps[part->step++];
	if (step->ends) {
		record_statement(client, part, *tag);
	}
	if (step->is_hidden) {
		return SESSION_HIDE;
	}
	if (step->tag == NULL) {
		return SESSION_PASS;
	}
	*tag = step->tag;
	return SESSION_RETAG;
}

enum session_answer
session_seen(struct client *client, const struct note *note, uint8_t type,
    const char **tag)
{
	struct session_part *part = part_of(note);
	const struct session_step *step;

	if (part == NULL) {
		return SESSION_PASS;
	}
	if (type == MSG_COMMAND_COMPLETE) {
		if (part->steps != NULL) {
			return complete_step(client, part, tag);
		}
		record_statement(client, part, *tag);
		return SESSION_PASS;
	}
	if ((type != MSG_ROW_DESCRIPTION && type != MSG_DATA_ROW) ||
	    part->step >= part->step_count) {
		return SESSION_PASS;
	}
	step = &part->steps[part->step];
	return step->is_hidden || step->hides_rows ? SESSION_HIDE
	                                           : SESSION_PASS;
}

void
session_on_ready(struct client *client, char status)
{
	struct session *session = &client->session;

	if (status == 'I' && !changes_are_none(&session->changes)) {
		if (session->has_failed) {
			changes_rollback(&session->changes);
		} else {
			commit(client);
		}
	}
	session->has_failed = false;
	if (session->is_settling &&
	    answers_is_settled(&client->server->answers)) {
		session->is_settling = false;
		session->is_lexical = false;
		renew(client);
	} else if (session->now != client->profile && status == 'I') {
		renew(client); /* what was local has ended */
	}
}

void
session_on_own_ready(struct client *client, char status)
{
	if (client->session.commits) {
		client->session.commits = false;
		session_on_ready(client, status);
	}
}

/* ---- what others report -------------------------------------------------- */

static bool
is_explained(const struct params *explained, const char *name)
{
	bool is_who = params_get(explained, "role") != NULL ||
	    params_get(explained, "session_authorization") != NULL;

	return params_get(explained, name) != NULL ||
	    (is_who &&
	        (strcmp(name, "is_superuser") == 0 ||
	            strcmp(name, "session_authorization") == 0));
}

bool
session_is_foreign(struct client *client)
{
	struct server *server = client->server;

	for (size_t i = 0; i < server->before.count; i++) {
		const struct param *item = &server->before.items[i];

		if (!str_equal(
		        params_get(&server->params, item->name), item->value) &&
		    !is_explained(&client->session.explained, item->name)) {
			return true;
		}
	}
	params_fini(&server->before);
	return false;
}

void
session_on_leave(struct client *client)
{
	struct session *session = &client->session;

	profile_release(&session->way_out);
	params_fini(&session->explained);
	changes_rollback(&session->changes);
	session->is_clearing = false;
	session->has_discarded = false;
	session->commits = false;
	session->is_settling = false;
	session->is_lexical = false;
	session->has_failed = false;
}
