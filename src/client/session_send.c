/*
 * session_send.c - a client's settings as its own statements change them: what
 * is to be noted, and what a server must be told otherwise.
 *
 * A server's RESET goes back to its own login, not to what the client came
 * with. So behind a RESET, in its transaction, the client's own value is set;
 * of that the client sees nothing. DISCARD ALL is taken apart, since statements
 * prepared on the server are not only this client's, and DEALLOCATE is done
 * here, where the client's names are.
 */
#include <stdlib.h>
#include <string.h>

#include "client/out.h"
#include "client/session_int.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/str.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "proto/reader.h"
#include "server/guc.h"
#include "server/note.h"
#include "server/profile.h"
#include "server/server_int.h"
#include "server/statement.h"
#include "sql/session_ops.h"

/* A longer value is not followed. */
#define VALUE_MAX_BYTES ((size_t)8192)

/* Does nothing, has no rows, and may stand in a transaction. */
#define NO_STATEMENT "UNLISTEN " OUR_PREFIX "none"

/* A statement and a portal of our own; no client's is called so. */
#define OUR_PREFIX "pgweir_"
#define OUR_NAME OUR_PREFIX "reset"

/* ---- what is of interest ------------------------------------------------- */

static bool
is_settings_op(const struct session_op *op)
{
	return op->kind == SESSION_SET || op->kind == SESSION_RESET ||
	    op->kind == SESSION_RESET_ALL;
}

static bool
is_statements_op(const struct session_op *op)
{
	return op->kind == SESSION_DISCARD_ALL ||
	    op->kind == SESSION_DEALLOCATE ||
	    op->kind == SESSION_DEALLOCATE_ALL;
}

/* Ends of transactions count only when there is something to be ended. */
static bool
is_of_interest(const struct client *client, const struct session_ops *ops)
{
	const struct session *session = &client->session;

	if (session->is_settling || !changes_are_none(&session->changes)) {
		return true;
	}
	for (size_t i = 0; i < ops->count; i++) {
		if (is_settings_op(&ops->items[i]) ||
		    is_statements_op(&ops->items[i])) {
			return true;
		}
	}
	return false;
}

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text >= 0x80) {
			return false;
		}
	}
	return true;
}

/* Whether the server keeps a client's bytes as they are. */
static bool
is_encoding_shared(const struct server *server)
{
	const char *client = params_get(&server->params, "client_encoding");
	const char *own = params_get(&server->params, "server_encoding");

	return client != NULL && own != NULL && str_equal_nocase(client, own);
}

static const char *
check_set(
    const struct client *client, const struct session_op *op, const char *value)
{
	if (value == NULL) {
		return NULL;
	}
	if (strlen(value) > VALUE_MAX_BYTES) {
		return "setting that is too long";
	}
	if (!is_ascii(value) && !is_encoding_shared(client->server)) {
		return "setting that is not ASCII";
	}
	if (strcmp(op->name, "search_path") == 0 &&
	    sql_names_temporary(value, strlen(value))) {
		return "temporary object";
	}
	return NULL;
}

/* Why OPS cannot be followed; NULL: they can. */
static const char *
check(const struct client *client, const struct session_ops *ops,
    char *const *values)
{
	for (size_t i = 0; i < ops->count; i++) {
		const struct session_op *op = &ops->items[i];
		const char *reason = NULL;

		if (op->kind == SESSION_SET) {
			reason = check_set(
			    client, op, session_value(ops, values, i));
		}
		if (reason != NULL) {
			return reason;
		}
	}
	return NULL;
}

/* ---- what texts mean until it is known what they come to ----------------- */

static bool
differs(const struct session *session, const char *name)
{
	return !str_equal(profile_get(session->now, name),
	    profile_get(session->startup, name));
}

static bool
is_lexical(const struct session *session, const struct session_op *op)
{
	static const char *const names[] = {
	    "standard_conforming_strings", "client_encoding"};

	for (int i = 0; i < 2; i++) {
		if (op->name != NULL && strcmp(op->name, names[i]) == 0) {
			return true;
		}
		if ((op->kind == SESSION_RESET_ALL ||
		        op->kind == SESSION_DISCARD_ALL) &&
		    differs(session, names[i])) {
			return true;
		}
	}
	return false;
}

/* Statements prepared behind OPS in their batch are others than those before;
 * two are the same if the same was set between. */
static void
mix_meaning(
    struct session *session, const struct session_ops *ops, char *const *values)
{
	struct buf text = {0};

	buf_append(&text, &session->meaning, sizeof(session->meaning));
	for (size_t i = 0; i < ops->count; i++) {
		const struct session_op *op = &ops->items[i];
		const char *value = session_value(ops, values, i);
		const char *name = op->name == NULL ? "" : op->name;

		buf_append_char(&text, (char)op->kind);
		buf_append(&text, name, strlen(name) + 1);
		buf_append_char(&text, value == NULL ? 0 : 1);
		if (value != NULL) {
			buf_append(&text, value, strlen(value) + 1);
		}
	}
	session->meaning = hash_bytes128(buf_bytes(&text), text.length);
	buf_fini(&text);
}

static void
settle(
    struct client *client, const struct session_ops *ops, char *const *values)
{
	struct session *session = &client->session;

	session->is_settling = true;
	mix_meaning(session, ops, values);
	for (size_t i = 0; i < ops->count; i++) {
		session->is_lexical =
		    session->is_lexical || is_lexical(session, &ops->items[i]);
	}
}

/* Under which settings a literal was read is decided when it is parsed. */
static const char *const literal_names[] = {"array_nulls", "client_encoding",
    "datestyle", "intervalstyle", "lc_monetary", "standard_conforming_strings",
    "timezone", "transform_null_equals", "xmloption"};

static bool
changes_literals(const struct session *session, const struct session_op *op)
{
	size_t count = sizeof(literal_names) / sizeof(*literal_names);

	for (size_t i = 0; i < count; i++) {
		bool is_it =
		    op->name != NULL && strcmp(op->name, literal_names[i]) == 0;

		if ((is_settings_op(op) && is_it) ||
		    (op->kind == SESSION_RESET_ALL &&
		        differs(session, literal_names[i]))) {
			return true;
		}
	}
	return false;
}

static void
look_for_quote(
    void *context, const char *name, size_t length, struct statement *statement)
{
	bool *found = context;

	(void)name;
	(void)length;
	*found = *found ||
	    memchr(statement->body, '\'', statement->text_length) != NULL;
}

bool
session_changes_literals(
    const struct client *client, const struct session_ops *ops)
{
	bool changes = false, found = false;

	for (size_t i = 0; ops != NULL && i < ops->count; i++) {
		changes = changes ||
		    changes_literals(&client->session, &ops->items[i]);
	}
	if (changes && names_count(&client->names) > 0) {
		names_each(&client->names, look_for_quote, &found);
	}
	return found;
}

/* ---- a Query in another form --------------------------------------------- */

/* The text in the making. */
struct rewrite {
	struct client *client;
	const char *text;
	size_t length;
	struct session_ops *ops;
	struct buf *out;
	size_t taken;     /* of .text */
	struct buf steps; /* of struct session_step */
	bool is_other;    /* than .text */
	bool must_wait;   /* for what a name will be */
	bool has_failed;  /* it cannot be told where a statement is */
};

static void
add_step(struct rewrite *rewrite, struct session_step step)
{
	buf_append(&rewrite->steps, &step, sizeof(step));
}

static const struct session_step own_step = {.ends = true};

/* Takes the text before statement INDEX, if IS_REPLACED, else with it. */
static void
take_up_to(struct rewrite *rewrite, unsigned index, bool is_replaced)
{
	size_t start, end, stop;

	if (!sql_statement_range(rewrite->text, rewrite->length,
	        rewrite->client->std_strings, index, &start, &end)) {
		rewrite->has_failed = true;
		return;
	}
	stop = is_replaced ? start : end;
	buf_append(rewrite->out, rewrite->text + rewrite->taken,
	    stop - rewrite->taken);
	rewrite->taken = end;
	rewrite->is_other = true;
}

/* What must be set behind OP; false if the server has it right itself. */
static bool
put_own_values(
    const struct client *client, const struct session_op *op, struct buf *out)
{
	bool is_all =
	    op->kind == SESSION_RESET_ALL || op->kind == SESSION_DISCARD_ALL;

	return profile_put_values(client->session.startup,
	    is_all ? NULL : op->name, !is_all && op->is_local, out);
}

static void
rewrite_reset(struct rewrite *rewrite, const struct session_op *op)
{
	struct buf values = {0};

	if (put_own_values(rewrite->client, op, &values)) {
		take_up_to(rewrite, op->statement, false);
		buf_append_str(rewrite->out, "; ");
		buf_append(rewrite->out, buf_bytes(&values), values.length);
		add_step(rewrite, (struct session_step){0});
		add_step(rewrite,
		    (struct session_step){.is_hidden = true, .ends = true});
	} else {
		add_step(rewrite, own_step);
	}
	buf_fini(&values);
}

/* NULL-terminated; what DISCARD ALL does besides, to a server that is not
 * shared. Of others nobody has anything of that. */
static const char *const discards[] = {"DEALLOCATE ALL", "CLOSE ALL",
    "UNLISTEN *", "SELECT pg_catalog.pg_advisory_unlock_all()", "DISCARD PLANS",
    "DISCARD TEMP", "DISCARD SEQUENCES", NULL};

static void
rewrite_discard_all(struct rewrite *rewrite, const struct session_op *op)
{
	static const struct session_step hidden = {.is_hidden = true};
	const struct client *client = rewrite->client;
	struct buf values = {0};

	if (client_status(client) == 0 && !client->server->answers.batch_open) {
		rewrite->must_wait = true;
		return;
	}
	if (rewrite->ops->statements != 1 || client_status(client) != 'I') {
		add_step(rewrite, own_step); /* it will fail */
		return;
	}
	take_up_to(rewrite, op->statement, true);
	buf_append_str(rewrite->out, "RESET SESSION AUTHORIZATION; ");
	add_step(rewrite, hidden);
	for (int i = 0; client->pin != NULL && discards[i] != NULL; i++) {
		buf_printf(rewrite->out, "%s; ", discards[i]);
		add_step(rewrite, hidden);
	}
	if (put_own_values(client, op, &values)) {
		buf_printf(rewrite->out, "RESET ALL; %s; ", buf_text(&values));
		add_step(rewrite, hidden);
		add_step(rewrite,
		    (struct session_step){.tag = "DISCARD ALL",
		        .hides_rows = true,
		        .ends = true});
	} else {
		buf_append_str(rewrite->out, "RESET ALL");
		add_step(rewrite,
		    (struct session_step){.tag = "DISCARD ALL", .ends = true});
	}
	buf_fini(&values);
}

/* One of ours must not be meant: a name that never is. */
static void
put_other_name(struct rewrite *rewrite, const struct session_op *op)
{
	take_up_to(rewrite, op->statement, true);
	buf_append_str(rewrite->out, "DEALLOCATE \"" OUR_PREFIX);
	for (const char *c = op->name; *c != '\0'; c++) {
		if (*c == '"') {
			buf_append_char(rewrite->out, '"');
		}
		buf_append_char(rewrite->out, *c);
	}
	buf_append_char(rewrite->out, '"');
	add_step(rewrite, own_step);
}

/* Whether a statement before has done away with the one that OP names. */
static bool
is_gone_before(const struct rewrite *rewrite, const struct session_op *op)
{
	for (const struct session_op *before = rewrite->ops->items;
	     op->name != NULL && before < op; before++) {
		if (before->kind == SESSION_DEALLOCATE_ALL ||
		    (before->kind == SESSION_DEALLOCATE &&
		        strcmp(before->name, op->name) == 0)) {
			return true;
		}
	}
	return false;
}

static void
rewrite_deallocate(struct rewrite *rewrite, const struct session_op *op)
{
	const struct client *client = rewrite->client;
	bool is_all = op->kind == SESSION_DEALLOCATE_ALL;
	struct statement *ignored;
	enum name_state state = is_all
	    ? NAME_KNOWN
	    : names_look(&client->names, op->name, strlen(op->name),
	          answers_batch(&client->server->answers), &ignored);

	if (!client->is_tracked || (is_all && client->pin != NULL) ||
	    is_gone_before(rewrite, op)) {
		add_step(rewrite, own_step); /* SQL's own go with it */
	} else if (state == NAME_WAIT) {
		rewrite->must_wait = true;
	} else if (state == NAME_KNOWN) {
		take_up_to(rewrite, op->statement, true);
		buf_append_str(rewrite->out, NO_STATEMENT);
		add_step(rewrite,
		    (struct session_step){
		        .tag = is_all ? "DEALLOCATE ALL" : "DEALLOCATE",
		        .ends = true});
	} else if (strncmp(op->name, OUR_PREFIX, sizeof(OUR_PREFIX) - 1) == 0) {
		put_other_name(rewrite, op);
	} else {
		add_step(rewrite, own_step); /* SQL's, or none */
	}
}

static void
rewrite_statement(struct rewrite *rewrite, unsigned index)
{
	for (size_t i = 0; i < rewrite->ops->count; i++) {
		const struct session_op *op = &rewrite->ops->items[i];

		if (op->statement != index) {
			continue;
		}
		switch (op->kind) {
		case SESSION_RESET:
		case SESSION_RESET_ALL:
			rewrite_reset(rewrite, op);
			return;
		case SESSION_DISCARD_ALL:
			rewrite_discard_all(rewrite, op);
			return;
		case SESSION_DEALLOCATE:
		case SESSION_DEALLOCATE_ALL:
			rewrite_deallocate(rewrite, op);
			return;
		default:
			break;
		}
	}
	add_step(rewrite, own_step);
}

/* Whether the Query needs another form, which is then in rewrite->out. */
static bool
rewrite_query(struct rewrite *rewrite)
{
	for (unsigned i = 0;
	     i < rewrite->ops->statements && !rewrite->has_failed; i++) {
		rewrite_statement(rewrite, i);
	}
	if (rewrite->has_failed || !rewrite->is_other) {
		buf_clear(rewrite->out);
		return false;
	}
	buf_append(rewrite->out, rewrite->text + rewrite->taken,
	    rewrite->length - rewrite->taken);
	buf_append(rewrite->out, "", 1);
	return true;
}

struct session_run
session_query(struct client *client, const char *text, size_t length,
    struct session_ops *ops, struct buf *rewritten)
{
	struct rewrite rewrite = {.client = client,
	    .text = text,
	    .length = length,
	    .ops = ops,
	    .out = rewritten};
	struct session_run run = {0};
	struct session_part *part;
	char **values = NULL;

	if (ops == NULL || !is_of_interest(client, ops)) {
		return run;
	}
	run.pin = check(client, ops, NULL);
	run.is_rewritten = rewrite_query(&rewrite);
	if (rewrite.must_wait) {
		run.must_wait = true;
		buf_fini(&rewrite.steps);
		return run;
	}
	if (rewrite.has_failed) {
		run.pin = "statement not understood";
	}
	part = session_part_new(ops, &values);
	if (run.is_rewritten) {
		part->step_count =
		    (uint16_t)(rewrite.steps.length / sizeof(*part->steps));
		part->steps =
		    mem_dup(buf_bytes(&rewrite.steps), rewrite.steps.length);
	}
	run.note = note_new();
	run.note->part = &part->part;
	settle(client, ops, NULL);
	buf_fini(&rewrite.steps);
	return run;
}

/* ---- bound, then run ----------------------------------------------------- */

static void
unbind(struct session_bound *bound)
{
	if (bound->ops != NULL) {
		session_free_values(bound->ops, &bound->values);
		session_ops_release(&bound->ops);
	}
}

void
session_unbind(struct client *client)
{
	unbind(&client->session.bound);
}

#define OID_TEXT 25
#define OID_UNKNOWN 705
#define OID_VARCHAR 1043

static bool
is_text(const uint8_t *types, size_t count, size_t index)
{
	uint32_t oid = index < count ? frame_u32(types + 4 * index) : 0;

	return oid == 0 || oid == OID_TEXT || oid == OID_UNKNOWN ||
	    oid == OID_VARCHAR;
}

/* Copies parameter number WANTED (from 1) of a Bind, whose rest behind its
 * names READER reads. False if that cannot be. */
static bool
copy_parameter(struct reader reader, size_t wanted, char **value)
{
	int16_t formats = reader_i16(&reader);
	int16_t count;

	*value = NULL;
	if (formats < 0) {
		return false;
	}
	(void)reader_bytes(&reader, 2 * (size_t)formats);
	count = reader_i16(&reader);
	for (int16_t i = 0; i < count; i++) {
		int32_t size = reader_i32(&reader);
		const uint8_t *bytes =
		    size < 0 ? NULL : reader_bytes(&reader, (size_t)size);

		if (!reader_ok(&reader)) {
			return false;
		}
		if ((size_t)i + 1 != wanted) {
			continue;
		}
		if (size < 0) {
			return true; /* NULL */
		}
		if ((size_t)size > VALUE_MAX_BYTES ||
		    memchr(bytes, 0, (size_t)size) != NULL) {
			return false;
		}
		*value = mem_strndup((const char *)bytes, (size_t)size);
		return true;
	}
	return false;
}

static bool
copy_values(struct session_bound *bound, const uint8_t *body, size_t size,
    const uint8_t *types, size_t count)
{
	struct reader reader;

	reader_init(&reader, body, size);
	(void)reader_cstr(&reader); /* portal */
	(void)reader_cstr(&reader); /* statement */
	if (!reader_ok(&reader)) {
		return false;
	}
	bound->values = mem_zalloc(bound->ops->count * sizeof(*bound->values));
	for (size_t i = 0; i < bound->ops->count; i++) {
		size_t parameter = bound->ops->items[i].parameter;

		if (parameter > 0 &&
		    (!is_text(types, count, parameter - 1) ||
		        !copy_parameter(
		            reader, parameter, &bound->values[i]))) {
			return false;
		}
	}
	return true;
}

/* A statement that only a Query can have in another form. */
static bool
needs_other_form(const struct session_ops *ops)
{
	for (size_t i = 0; i < ops->count; i++) {
		if (is_statements_op(&ops->items[i])) {
			return true;
		}
	}
	return false;
}

/* set_config() with NULL is a RESET, which needs the client's own value. */
static bool
is_reset_by_value(const struct client *client, const struct session_ops *ops,
    char *const *values)
{
	for (size_t i = 0; i < ops->count; i++) {
		const struct session_op *op = &ops->items[i];

		if (op->kind == SESSION_SET &&
		    session_value(ops, values, i) == NULL &&
		    (profile_get(client->session.startup, op->name) != NULL ||
		        strcmp(op->name, "session_authorization") == 0)) {
			return true;
		}
	}
	return false;
}

const char *
session_bind(struct client *client, const uint8_t *body, size_t size,
    struct session_ops *ops, const uint8_t *types, size_t count)
{
	struct session_bound *bound = &client->session.bound;

	unbind(bound);
	if (ops == NULL) {
		return NULL;
	}
	bound->ops = session_ops_ref(ops);
	if (needs_other_form(ops)) {
		return "DISCARD or DEALLOCATE in the extended protocol";
	}
	if (!copy_values(bound, body, size, types, count) ||
	    is_reset_by_value(client, ops, bound->values)) {
		return "set_config()";
	}
	return check(client, ops, bound->values);
}

/* The SQL that sets what OPS, of one statement, have not; NULL: there is none.
 * The caller owns it. */
static char *
own_values_behind(const struct client *client, const struct session_ops *ops)
{
	struct buf values = {0};
	char *text = NULL;

	for (size_t i = 0; i < ops->count && values.length == 0; i++) {
		const struct session_op *op = &ops->items[i];

		if (op->kind == SESSION_RESET ||
		    op->kind == SESSION_RESET_ALL ||
		    op->kind == SESSION_DISCARD_ALL) {
			(void)put_own_values(client, op, &values);
		}
	}
	if (values.length > 0) {
		text = mem_strdup(buf_text(&values));
	}
	buf_fini(&values);
	return text;
}

struct session_run
session_execute(struct client *client)
{
	struct session_bound *bound = &client->session.bound;
	struct session_run run = {0};
	struct session_part *part;

	if (bound->ops == NULL || !is_of_interest(client, bound->ops)) {
		return run;
	}
	settle(client, bound->ops, bound->values);
	run.behind = own_values_behind(client, bound->ops);
	part = session_part_new(bound->ops, &bound->values);
	unbind(bound); /* once done it does nothing more */
	run.note = note_new();
	run.note->part = &part->part;
	return run;
}

/* ---- behind an Execute --------------------------------------------------- */

static void
put_helper(struct client *client, struct out *out, uint8_t type,
    const struct buf *message)
{
	answers_sent_helper(&client->server->answers, type);
	out_copy(out, buf_bytes(message), message->length);
}

/* Runs TEXT by a statement and a portal of our own. */
static void
put_statement(struct client *client, struct out *out, const char *text)
{
	static const uint8_t types[] = {
	    MSG_PARSE, MSG_BIND, MSG_EXECUTE, MSG_CLOSE, MSG_CLOSE};

	for (int i = 0; i < 5 && !out->failed; i++) {
		struct buf message = {0};
		bool fits = i == 0
		    ? msg_parse(&message, OUR_NAME, text, NULL, 0)
		    : i == 1 ? msg_bind(&message, OUR_NAME, OUR_NAME, NULL, 0)
		    : i == 2
		    ? msg_execute(&message, OUR_NAME, 0)
		    : msg_close(&message, i == 3 ? 'P' : 'S', OUR_NAME);

		if (fits) {
			put_helper(client, out, types[i], &message);
		}
		buf_fini(&message);
	}
}

void
session_put_behind(
    struct client *client, struct session_run *run, struct out *out)
{
	if (run->behind != NULL) {
		put_statement(client, out, run->behind);
		free(run->behind);
		run->behind = NULL;
	}
}

bool
session_may_go_on(const struct client *client)
{
	const struct answers *answers = &client->server->answers;

	return !client->session.is_settling || answers->batch_open ||
	    answers->skipping || answers->copy_in ||
	    answers_is_settled(answers);
}
