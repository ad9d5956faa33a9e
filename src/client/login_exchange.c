/*
 * login_exchange.c - a client shows that it is who it says.
 *
 * Nothing is trusted here: messages are bounded before they are read, and who
 * is unknown learns no more than who gives a wrong password.
 *
 * Source: PostgreSQL docs, "Message Flow", "Start-up".
 */
#include <stdlib.h>
#include <string.h>

#include "auth/keyring.h"
#include "client/client_int.h"
#include "client/login_int.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/stream_tls.h"
#include "proto/frame.h"
#include "proto/msg.h"

/* A message is not longer than this. */
#define RESPONSE_MAX_BYTES ((uint32_t)65536 - FRAME_HEADER_BYTES)

/* Whom a user without a secret resembles: one of those in auth_file, or of
 * those that databases have told of, always the same. */
static const char *
find_model(const struct client *client, const struct keyring *keyring)
{
	const struct login *login = client->login;
	size_t count = config_credential_count(login->config);
	uint64_t number = keyring_number(keyring, login->startup.user);
	const char *secret;

	if (login_looks_up(client)) {
		return auth_query_model(client->set->auth, number);
	}
	if (count == 0) {
		return NULL;
	}
	secret = config_credential(login->config, number % count)->secret;
	return secret[0] == '\0' ? NULL : secret;
}

struct login_facts
login_gather_facts(const struct client *client)
{
	const struct login *login = client->login;
	struct keyring *keyring = pools_keyring(client->set->pools);
	bool needs_model = login->secret == NULL || login->secret[0] == '\0' ||
	    credential_kind_of(login->secret) == CREDENTIAL_MD5;
	struct login_facts facts = {
	    .method = login->method,
	    .user = login->startup.user,
	    .secret = login->secret,
	    /* The console is no database: who may enter is who it says. */
	    .forced_user = login->database == NULL ? login->startup.user
	                                           : login->database->user,
	    .model = needs_model ? find_model(client, keyring) : NULL,
	    .most_iterations = config_most_iterations(login->config),
	    .scram_iterations =
	        config_settings(login->config)->scram_iterations,
	    .keyring = keyring,
	};

	if (auth_query_most_iterations(client->set->auth) >
	    facts.most_iterations) {
		facts.most_iterations =
		    auth_query_most_iterations(client->set->auth);
	}
	facts.binding.size = stream_tls_server_end_point(
	    client->stream, facts.binding.end_point);
	return facts;
}

void
login_begin_exchange(struct client *client)
{
	struct login *login = client->login;
	struct login_facts facts = login_gather_facts(client);
	struct buf out = {0};
	struct error err;

	login_put_negotiation(client, &out);
	switch (login_begin(&facts, &login->exchange, &out, &err)) {
	case LOGIN_ACCEPT:
		login_accept(client, &out);
		return;
	case LOGIN_ASK:
		client_set_state(client, CLIENT_PASSWORD);
		login_send(client, &out);
		return;
	case LOGIN_REFUSE:
		buf_fini(&out);
		login_refuse(client, &err);
		return;
	}
}

/* Whether what CLIENT said may be right, though ERR came of it, by a secret
 * that is to be looked for: then CLIENT may have been closed over that, and
 * BODY is wiped and gone. */
static bool
is_to_be_judged_again(
    struct client *client, uint8_t *body, size_t size, const struct error *err)
{
	return strcmp(err->sqlstate, SQLSTATE_INVALID_PASSWORD) == 0 &&
	    login_exchange_repeats(client->login->exchange) &&
	    login_look_again(client, body, size);
}

/* One whole message, which is wiped before CLIENT may be closed. */
static void
take_response(struct client *client, uint8_t *body, size_t size)
{
	struct login *login = client->login;
	enum login_step step;
	struct login_facts facts = login_gather_facts(client);
	const char *obstacle;
	struct buf out = {0};
	struct error err;

	step = login_answer(&facts, login->exchange, body, size, &out, &err);
	if (step == LOGIN_REFUSE && client->state == CLIENT_PASSWORD &&
	    is_to_be_judged_again(client, body, size, &err)) {
		buf_fini(&out);
		return;
	}
	mem_wipe(body, size);
	switch (step) {
	case LOGIN_ACCEPT:
		login_accept(client, &out);
		return;
	case LOGIN_ASK:
		login_send(client, &out);
		return;
	case LOGIN_REFUSE:
		obstacle = login_obstacle(&facts);
		if (obstacle != NULL) {
			log_info(&client->log,
			    "login cannot succeed: %s user=%s", obstacle,
			    facts.user);
		}
		buf_fini(&out);
		login_refuse(client, &err);
		return;
	}
}

void
login_judge_again(struct client *client)
{
	struct login *login = client->login;
	uint8_t *body = login->response;

	login->response = NULL;
	take_response(client, body, login->response_size);
	free(body);
}

/* What came is no answer. */
static void
refuse_frame(struct client *client, const struct frame *frame)
{
	struct error err;

	if (frame->type == MSG_PASSWORD) {
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "invalid message length");
	} else {
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "expected %s response, got message type 0x%02X",
		    login_exchange_expects(client->login->exchange),
		    frame->type);
	}
	login_refuse(client, &err);
}

size_t
login_take_response(struct client *client, uint8_t *bytes, size_t size)
{
	struct frame frame = {.type = bytes[0]};
	enum frame_result result =
	    frame_parse(bytes, size, RESPONSE_MAX_BYTES, &frame);

	if (result == FRAME_PARTIAL && bytes[0] == MSG_PASSWORD) {
		return 0;
	}
	if (result != FRAME_OK || frame.type != MSG_PASSWORD) {
		refuse_frame(client, &frame);
		return 0;
	}
	if (size < frame_bytes(&frame)) {
		return 0;
	}
	take_response(client, bytes + FRAME_HEADER_BYTES, frame.body_bytes);
	return frame_bytes(&frame);
}
