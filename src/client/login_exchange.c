/*
 * login_exchange.c - a client shows that it is who it says.
 *
 * Nothing is trusted here: messages are bounded before they are read, and who
 * is unknown learns no more than who gives a wrong password.
 *
 * Source: PostgreSQL docs, "Message Flow", "Start-up".
 */
#include "client/client_int.h"
#include "client/login_int.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "proto/msg.h"

/* A PasswordMessage is not longer than this. */
#define PASSWORD_MAX_BYTES ((uint32_t)65536 - FRAME_HEADER_BYTES)

struct login_facts
login_gather_facts(const struct client *client)
{
	const struct login *login = client->login;

	return (struct login_facts){
	    .method = login->method,
	    .user = login->startup.user,
	    .secret = login->secret,
	    /* The console is no database: who may enter is who it says. */
	    .forced_user = login->database == NULL ? login->startup.user
	                                           : login->database->user,
	    .scram_iterations = config_most_iterations(login->config),
	};
}

void
login_begin_exchange(struct client *client)
{
	struct login_facts facts = login_gather_facts(client);
	struct buf out = {0};
	struct error err;

	switch (login_begin(&facts, &err)) {
	case LOGIN_ACCEPT:
		login_accept(client);
		return;
	case LOGIN_ASK_PASSWORD:
		client_set_state(client, CLIENT_PASSWORD);
		msg_authentication_cleartext_password(&out);
		login_send(client, &out);
		return;
	case LOGIN_REFUSE:
		login_refuse(client, &err);
		return;
	}
}

size_t
login_take_response(struct client *client, uint8_t *bytes, size_t size)
{
	struct frame frame;
	struct login_facts facts;
	struct error err;
	enum frame_result result =
	    frame_parse(bytes, size, PASSWORD_MAX_BYTES, &frame);
	enum login_step step;

	if (result == FRAME_PARTIAL) {
		return 0;
	}
	if (result == FRAME_BAD || frame.type != MSG_PASSWORD) {
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "expected password response, got message type 0x%02X",
		    bytes[0]);
		login_refuse(client, &err);
		return 0;
	}
	if (size < frame_bytes(&frame)) {
		return 0;
	}
	facts = login_gather_facts(client);
	step = login_check_password(
	    &facts, bytes + FRAME_HEADER_BYTES, frame.body_bytes, &err);
	mem_wipe(bytes, frame_bytes(&frame));
	if (step == LOGIN_ACCEPT) {
		login_accept(client);
	} else {
		login_refuse(client, &err);
	}
	return frame_bytes(&frame);
}
