/*
 * session_rewrite.c - a Query in the form in which a shared server may have it.
 *
 * A server's RESET goes back to its own login, not to what the client came
 * with. So behind a RESET, in its transaction, the client's own value is set;
 * of that the client sees nothing. DISCARD ALL is taken apart, since statements
 * prepared on the server are not only this client's, and DEALLOCATE is done
 * here, where the client's names are.
 */
#include <string.h>
#include <strings.h>

#include "client/session_int.h"
#include "core/buf.h"
#include "core/mem.h"
#include "server/profile.h"
#include "server/server_int.h"
#include "sql/lexer.h"
#include "sql/session_ops.h"

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

bool
session_put_own_values(
    const struct client *client, const struct session_op *op, struct buf *out)
{
	bool is_all =
	    op->kind == SESSION_RESET_ALL || op->kind == SESSION_DISCARD_ALL;

	bool has_any = profile_put_values(client->session.startup,
	    is_all ? NULL : op->name, !is_all && op->is_local, out);
	struct buf who = {0};

	if (op->kind == SESSION_DISCARD_ALL &&
	    profile_put_values(client->session.startup, "session_authorization",
	        false, &who)) {
		/* Last: it may set less. One statement with the others. */
		buf_append_str(out, has_any ? "," : "SELECT");
		buf_append_str(out, buf_text(&who) + strlen("SELECT"));
		has_any = true;
	}
	buf_fini(&who);
	return has_any;
}

static void
rewrite_reset(struct rewrite *rewrite, const struct session_op *op)
{
	struct buf values = {0};

	if (session_put_own_values(rewrite->client, op, &values)) {
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
	if (session_put_own_values(client, op, &values)) {
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

/* PostgreSQL cuts longer names, and says so. */
#define NAME_MAX_BYTES ((size_t)63)

/* Where the name begins in a DEALLOCATE of LENGTH bytes. */
static const char *
find_name(const char *text, size_t length, bool std_strings)
{
	struct lexer lexer;
	struct token name, next;

	lexer_init(&lexer, text, length, std_strings);
	lexer_next(&lexer, &name); /* DEALLOCATE */
	lexer_next(&lexer, &name);
	lexer_next(&lexer, &next);
	return name.class == TOKEN_WORD && name.length == strlen("prepare") &&
	        strncasecmp(name.start, "prepare", name.length) == 0 &&
	        next.class != TOKEN_END
	    ? next.start
	    : name.start;
}

/* The one statement of OP is done away with here. */
static void
put_no_statement(struct rewrite *rewrite, const struct session_op *op)
{
	bool std_strings = rewrite->client->std_strings;
	size_t start, end;

	if (op->name != NULL && rewrite->client->pin == NULL &&
	    strlen(op->name) >= NAME_MAX_BYTES &&
	    sql_statement_range(rewrite->text, rewrite->length, std_strings,
	        op->statement, &start, &end)) {
		const char *name =
		    find_name(rewrite->text + start, end - start, std_strings);

		/* Of a channel that nobody can have: who listens is pinned. */
		take_up_to(rewrite, op->statement, true);
		buf_append_str(rewrite->out, "UNLISTEN ");
		buf_append(
		    rewrite->out, name, (size_t)(rewrite->text + end - name));
		return;
	}
	take_up_to(rewrite, op->statement, true);
	buf_append_str(rewrite->out, SESSION_NO_STATEMENT);
}

void
session_put_other_name(const char *name, struct buf *out)
{
	buf_append_str(out, "DEALLOCATE \"" SESSION_OUR_PREFIX);
	for (const char *c = name; *c != '\0'; c++) {
		if (*c == '"') {
			buf_append_char(out, '"');
		}
		buf_append_char(out, *c);
	}
	buf_append_char(out, '"');
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
		put_no_statement(rewrite, op);
		add_step(rewrite,
		    (struct session_step){
		        .tag = is_all ? "DEALLOCATE ALL" : "DEALLOCATE",
		        .ends = true});
	} else if (strncmp(op->name, SESSION_OUR_PREFIX,
	               sizeof(SESSION_OUR_PREFIX) - 1) == 0) {
		/* One of ours must not be meant. */
		take_up_to(rewrite, op->statement, true);
		session_put_other_name(op->name, rewrite->out);
		add_step(rewrite, own_step);
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

enum session_form
session_rewrite(struct client *client, const char *text, size_t length,
    struct session_ops *ops, struct buf *rewritten, struct session_part *part)
{
	struct rewrite rewrite = {.client = client,
	    .text = text,
	    .length = length,
	    .ops = ops,
	    .out = rewritten};
	enum session_form form = SESSION_FORM_OWN;
	bool is_rewritten = rewrite_query(&rewrite);

	if (rewrite.must_wait) {
		form = SESSION_FORM_WAITS;
	} else if (rewrite.has_failed) {
		form = SESSION_FORM_UNKNOWN;
	} else if (is_rewritten) {
		form = SESSION_FORM_OTHER;
		part->step_count =
		    (uint16_t)(rewrite.steps.length / sizeof(*part->steps));
		part->steps =
		    mem_dup(buf_bytes(&rewrite.steps), rewrite.steps.length);
	}
	buf_fini(&rewrite.steps);
	return form;
}
