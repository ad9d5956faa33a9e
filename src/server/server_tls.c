/*
 * server_tls.c - TLS to a server, by request, as libpq does it.
 *
 *   prefer    with, if the server has it; where that is refused, on a new
 *             connection without
 *   allow     without; where that is refused, on a new connection with
 *   require, verify-ca, verify-full
 *             with, or not at all
 *
 * Refused means: by a rule of the server for such connections, before it has
 * asked for a password. Nothing else is tried twice, so a password never goes
 * the other way because it was wrong.
 *
 * What comes without TLS while it is asked for may come from anybody in
 * between: bytes behind the answer end the connection, and the text of an error
 * is for our log alone.
 *
 * Source: PostgreSQL docs, "Message Flow", "SSL Session Encryption".
 */
#include <string.h>

#include "conf/config.h"
#include "core/buf.h"
#include "net/stream.h"
#include "node/node.h"
#include "proto/error_fields.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/pool_int.h"
#include "server/server_int.h"

static int
sslmode_of(const struct server *server)
{
	const struct pools *set = server->slot->pool->set;

	return set->tls == NULL
	    ? SSLMODE_DISABLE
	    : config_settings(set->config)->server_tls_sslmode;
}

/* Whether this connection is to ask for TLS. */
static bool
wants_tls(const struct server *server)
{
	switch (sslmode_of(server)) {
	case SSLMODE_DISABLE:
		return false;
	case SSLMODE_ALLOW:
		return server->is_second_try;
	case SSLMODE_PREFER:
		return !server->is_second_try;
	default:
		return true;
	}
}

void
server_tls_begin(struct server *server)
{
	struct buf out = {0};

	server->awaits_tls =
	    !address_is_unix(&server->address) && wants_tls(server);
	if (!server->awaits_tls) {
		server_login_begin(server);
		return;
	}
	msg_ssl_request(&out);
	server_update_interest(server, true);
	(void)server_write(server, buf_bytes(&out), out.length);
	buf_fini(&out);
}

/* ---- the other way ------------------------------------------------------- */

/* Whether ERR is a rule's; NULL: TLS itself has failed. */
static bool
may_try_other_way(const struct server *server, const struct error *err)
{
	bool has_tls = server->awaits_tls || stream_has_tls(server->stream);

	if (server->state != SERVER_LOGIN || server->is_second_try ||
	    server->was_asked || server->slot->is_old) {
		return false;
	}
	if (err != NULL &&
	    strcmp(err->sqlstate, SQLSTATE_INVALID_AUTHORIZATION) != 0) {
		return false;
	}
	switch (sslmode_of(server)) {
	case SSLMODE_PREFER:
		return has_tls;
	case SSLMODE_ALLOW:
		return !has_tls && err != NULL &&
		    !address_is_unix(&server->address);
	default:
		return false;
	}
}

bool
server_tls_try_other_way(struct server *server, const struct error *err)
{
	if (!may_try_other_way(server, err)) {
		return false;
	}
	log_info(&server->log, "connecting again %s TLS: %s",
	    sslmode_of(server) == SSLMODE_ALLOW ? "with" : "without",
	    err != NULL ? err->text : stream_error(server->stream));
	server->is_second_try = true;
	server->awaits_tls = false;
	server_connect_again(server);
	return true;
}

/* ---- the answer ---------------------------------------------------------- */

static void
fail(struct server *server, const char *text, const char *hint)
{
	struct error err;

	error_set(&err, SQLSTATE_CANNOT_CONNECT, "%s", text);
	if (hint != NULL) {
		error_hint(&err, "%s", hint);
	}
	server_login_fail(server, &err);
}

static void
on_agreed(struct server *server)
{
	server->awaits_tls = false;
	stream_start_tls(server->stream, server->slot->pool->set->tls,
	    server->slot->node->host, NULL, 0);
	server_login_begin(server);
}

static void
on_declined(struct server *server)
{
	if (sslmode_of(server) > SSLMODE_PREFER) {
		fail(server, "server does not support TLS",
		    "It has ssl = off, and server_tls_sslmode asks for TLS.");
		return;
	}
	server->awaits_tls = false;
	server_login_begin(server);
}

/* BYTES begin an ErrorResponse: of a server that could not even answer, or that
 * knows no TLS at all. */
static void
on_error(struct server *server, const uint8_t *bytes, size_t size)
{
	struct error_fields fields;
	struct error err = {.text = "no more is known"};
	struct frame frame;

	if (frame_parse(bytes, size, FRAME_MAX_BODY, &frame) == FRAME_OK &&
	    frame_bytes(&frame) <= size &&
	    error_fields_parse(
	        bytes + FRAME_HEADER_BYTES, frame.body_bytes, &fields) == 0) {
		error_fields_to_error(&fields, &err);
	}
	log_warning(&server->log,
	    "the server answered the request for TLS with an error: %s",
	    err.text);
	if (!server_tls_try_other_way(server, NULL)) {
		fail(server,
		    "server sent an error response during TLS exchange",
		    "The log of pgweir has its text, which came unencrypted.");
	}
}

void
server_tls_answer(struct server *server, const uint8_t *bytes, size_t size)
{
	if (bytes[0] == MSG_ERROR_RESPONSE) {
		on_error(server, bytes, size);
	} else if (bytes[0] != 'S' && bytes[0] != 'N') {
		fail(server, "received invalid response to TLS negotiation",
		    NULL);
	} else if (size > 1) {
		fail(server, "received unencrypted data after SSL response",
		    "A fault of the server, or somebody in between has put it "
		    "there.");
	} else if (bytes[0] == 'S') {
		on_agreed(server);
	} else {
		on_declined(server);
	}
}
