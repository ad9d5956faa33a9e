/*
 * pin.c - whether a text that keeps a client on its server had to.
 *
 * A batch whose first answer is that the text is no SQL has done nothing:
 * PostgreSQL reads a whole text before it runs any of it, and ignores what
 * follows in the batch. The routine of its source that complains tells this
 * from an error in a text that a function has made, and so does the context
 * there is then. A server that does not name its routines keeps its client.
 */
#include "client/pin.h"

#include <string.h>

#include "client/client_int.h"
#include "conf/settings.h"
#include "proto/error_fields.h"
#include "proto/frame.h"
#include "server/pool_int.h"
#include "server/server_int.h"

/* Whether the server has nothing to answer but what of ours travels in front
 * of the client's. */
static bool
is_settled(const struct server *server)
{
	return answers_is_settled(&server->answers) ||
	    (server->answers.count == 1 && server_is_switching(server));
}

bool
pin_has_to_wait(const struct client *client)
{
	const struct answers *answers = &client->server->answers;

	return client->pin == NULL && !client->untracks &&
	    !answers->batch_open && !answers->skipping && !answers->copy_in &&
	    !is_settled(client->server);
}

void
pin_for_text(struct client *client, const char *reason, bool is_unread)
{
	if (client->pin != NULL || client->server == NULL) {
		return; /* on trial: so is what follows in its batch */
	}
	if (is_unread && !client->untracks && is_settled(client->server)) {
		link_pin_on_trial(client, reason);
		client->pin_trial = PIN_OPEN;
		client->pin_refused = false;
	} else {
		link_pin(client, reason);
	}
}

void
pin_is_final(struct client *client)
{
	client->pin_trial = PIN_FINAL;
	/* In session pooling everybody keeps a server: nothing to look into. */
	if (client->pin != NULL && !client->pin_is_logged &&
	    client->pool->options.mode != POOL_MODE_SESSION) {
		client->pin_is_logged = true;
		log_info(&client->log, "pinned to its server: %s", client->pin);
	}
}

bool
pin_may_go_on(const struct client *client)
{
	return client->pin_trial != PIN_SENT;
}

void
pin_on_sent(struct client *client, uint8_t type)
{
	if (client->pin_trial == PIN_OPEN &&
	    (type == MSG_QUERY || type == MSG_SYNC)) {
		client->pin_trial = PIN_SENT;
	}
}

/* Whether the client's text is no SQL: nothing else says so in this way. */
static bool
is_unreadable(const uint8_t *body, size_t size)
{
	struct error_fields fields;

	return error_fields_parse(body, size, &fields) == 0 &&
	    strcmp(fields.sqlstate, "42601") == 0 &&
	    strcmp(fields.routine, "scanner_yyerror") == 0 &&
	    fields.context[0] == '\0' && fields.inner_query[0] == '\0' &&
	    !error_fields_is_fatal(&fields);
}

static void
take_back(struct client *client)
{
	client->pin_trial = PIN_FINAL;
	client->pin = NULL;
	server_unpin(client->server);
	log_debug(&client->log, "need not keep its server: a syntax error");
}

void
pin_on_answer(struct client *client, const struct frame *frame,
    const uint8_t *body, size_t here)
{
	if (client->pin_trial == PIN_FINAL) {
		return;
	}
	switch (frame->type) {
	case MSG_NOTICE_RESPONSE:
	case MSG_PARAMETER_STATUS:
	case MSG_NOTIFICATION_RESPONSE:
		return;
	case MSG_ERROR_RESPONSE:
		if (!client->pin_refused && here >= frame->body_bytes &&
		    is_unreadable(body, frame->body_bytes)) {
			client->pin_refused = true;
			return;
		}
		break;
	case MSG_READY_FOR_QUERY:
		if (client->pin_refused && client->pin_trial == PIN_SENT) {
			take_back(client);
			return;
		}
		break;
	default:
		break;
	}
	pin_is_final(client);
}
