/*
 * session_clear.c - DISCARD ALL and DEALLOCATE by the extended protocol, and
 * what else is done around an Execute.
 *
 * The client's portal is not run: it is bound anew to what is done instead, on
 * a server whose other statements are other clients'. So it is done once, as
 * it would be, and what the client asks of the portal fits. Names are its own
 * again when that has been answered; meanwhile nothing but Sync may follow.
 *
 * DISCARD ALL commits at once: if more follows in its batch, a Sync of ours
 * goes between. In a transaction it fails by itself. Behind others in a batch
 * the client gets a server of its own, and its statements with it.
 */
#include <stdlib.h>
#include <string.h>

#include "client/out.h"
#include "client/prepare.h"
#include "client/session_int.h"
#include "core/buf.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/server_int.h"
#include "sql/session_ops.h"

/* A statement and a portal of our own; no client's is called so. */
#define OUR_NAME SESSION_OUR_PREFIX "reset"

/* ---- whether it can be followed ------------------------------------------ */

/* The operation in OPS (may be NULL) that does so; NULL: none. */
static const struct session_op *
find_clearing(const struct session_ops *ops)
{
	for (size_t i = 0; ops != NULL && i < ops->count; i++) {
		if (session_is_statements_op(&ops->items[i])) {
			return &ops->items[i];
		}
	}
	return NULL;
}

bool
session_clears(const struct session_ops *ops)
{
	return find_clearing(ops) != NULL;
}

/* What the client calls the statement that OP deallocates. */
static enum name_state
look_name(const struct client *client, const struct session_op *op)
{
	struct statement *ignored;

	return names_look(&client->names, op->name, strlen(op->name),
	    answers_batch(&client->server->answers), &ignored);
}

/* The transaction status in which the batch under way began; 0: not known. */
static char
status_before(const struct client *client)
{
	const struct server *server = client->server;

	if (client_status(client) != 0 ||
	    answers_owes_ready(&server->answers)) {
		return client_status(client);
	}
	return server->status; /* it has come since */
}

static enum session_way
look_at_discard_all(const struct client *client)
{
	if (client->pin != NULL) {
		return SESSION_FOLLOWS; /* the server does it */
	}
	if (client->session.has_run) {
		return SESSION_UNTRACKS;
	}
	switch (status_before(client)) {
	case 0:
		return answers_owes_ready(&client->server->answers)
		    ? SESSION_WAITS
		    : SESSION_UNTRACKS;
	default:
		return SESSION_FOLLOWS; /* in a transaction it fails */
	}
}

enum session_way
session_look_at_clearing(const struct client *client)
{
	const struct session_bound *bound = &client->session.bound;
	const struct session_op *op = find_clearing(bound->ops);

	if (op == NULL) {
		return SESSION_FOLLOWS;
	}
	if (bound->is_doubtful ||
	    bound->batch != answers_batch(&client->server->answers)) {
		return SESSION_UNTRACKS; /* that portal may have gone */
	}
	switch (op->kind) {
	case SESSION_DISCARD_ALL:
		return look_at_discard_all(client);
	case SESSION_DEALLOCATE:
		return look_name(client, op) == NAME_WAIT ? SESSION_WAITS
		                                          : SESSION_FOLLOWS;
	default:
		return SESSION_FOLLOWS;
	}
}

/* ---- until it is over ---------------------------------------------------- */

bool
session_is_clearing(const struct client *client)
{
	return client->session.is_clearing || client->session.has_discarded;
}

bool
session_may_follow(struct client *client, uint8_t type, struct out *out)
{
	struct session *session = &client->session;
	struct answers *answers = &client->server->answers;
	struct buf sync = {0};

	if (type == MSG_SYNC) {
		session->has_discarded = false;
		return true;
	}
	if (answers->count > 0) {
		prepare_put_flush(client, out);
		return false;
	}
	if (session->has_discarded && !answers->skipping) {
		msg_sync(&sync);
		answers_sent_own(answers, MSG_SYNC);
		out_copy(out, buf_bytes(&sync), sync.length);
		buf_fini(&sync);
		session->commits = true;
	}
	session->has_discarded = false;
	return true;
}

/* ---- what is done instead ------------------------------------------------ */

static void
replace_by(struct session_run *run, struct session_part *part, const char *text,
    const char *tag)
{
	run->instead = mem_strdup(text);
	part->steps = mem_zalloc(sizeof(*part->steps));
	part->steps[0] = (struct session_step){.tag = tag, .ends = true};
	part->step_count = 1;
}

static void
replace_deallocate(const struct client *client, const struct session_op *op,
    struct session_run *run, struct session_part *part)
{
	struct buf other = {0};

	if (look_name(client, op) == NAME_KNOWN) {
		replace_by(run, part, SESSION_NO_STATEMENT, "DEALLOCATE");
	} else if (strncmp(op->name, SESSION_OUR_PREFIX,
	               sizeof(SESSION_OUR_PREFIX) - 1) == 0) {
		session_put_other_name(op->name, &other);
		replace_by(run, part, buf_text(&other), NULL);
		buf_fini(&other);
	}
}

void
session_replace(const struct client *client, struct session_run *run,
    struct session_part *part)
{
	const struct session_op *op = find_clearing(part->ops);

	if (op == NULL || !client->is_tracked ||
	    answers_is_skipping(&client->server->answers)) {
		return;
	}
	switch (op->kind) {
	case SESSION_DISCARD_ALL:
		if (client->pin == NULL && status_before(client) == 'I') {
			run->in_front =
			    mem_strdup("RESET SESSION AUTHORIZATION");
			replace_by(run, part, "RESET ALL", "DISCARD ALL");
		}
		return;
	case SESSION_DEALLOCATE_ALL:
		if (client->pin == NULL) {
			replace_by(
			    run, part, SESSION_NO_STATEMENT, "DEALLOCATE ALL");
		}
		return;
	default:
		replace_deallocate(client, op, run, part);
		return;
	}
}

/* ---- around an Execute --------------------------------------------------- */

static void
put_helper(struct client *client, struct out *out, uint8_t type,
    struct buf *message, bool fits)
{
	if (fits && !out->failed) {
		answers_sent_helper(&client->server->answers, type);
		out_copy(out, buf_bytes(message), message->length);
	}
	buf_fini(message);
}

static void
put_close(struct client *client, struct out *out, char kind)
{
	struct buf message = {0};
	bool fits = msg_close(&message, kind, OUR_NAME);

	put_helper(client, out, MSG_CLOSE, &message, fits);
}

/* Binds TEXT to PORTAL. */
static void
put_bound(struct client *client, struct out *out, const char *text,
    const char *portal)
{
	struct buf message = {0};
	bool fits = msg_parse(&message, OUR_NAME, text, NULL, 0);

	put_helper(client, out, MSG_PARSE, &message, fits);
	fits = msg_bind(&message, portal, OUR_NAME, NULL, 0);
	put_helper(client, out, MSG_BIND, &message, fits);
	put_close(client, out, 'S'); /* a portal lives on */
}

/* Runs TEXT by a statement and a portal of our own. */
static void
put_statement(struct client *client, struct out *out, const char *text)
{
	struct buf message = {0};
	bool fits;

	put_bound(client, out, text, OUR_NAME);
	fits = msg_execute(&message, OUR_NAME, 0);
	put_helper(client, out, MSG_EXECUTE, &message, fits);
	put_close(client, out, 'P');
}

void
session_put_in_front(
    struct client *client, const struct session_run *run, struct out *out)
{
	if (run->in_front != NULL) {
		put_statement(client, out, run->in_front);
	}
	if (run->instead != NULL) {
		put_bound(client, out, run->instead, "");
	}
}

void
session_put_behind(
    struct client *client, const struct session_run *run, struct out *out)
{
	if (run->behind != NULL) {
		put_statement(client, out, run->behind);
	}
}
