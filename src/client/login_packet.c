/*
 * login_packet.c - the packets without a type byte that open a connection.
 *
 * Source: PostgreSQL docs, "Message Flow", "Start-up", "SSL Session
 * Encryption" and "GSSAPI Session Encryption".
 */
#include "client/canceller.h"
#include "client/client_int.h"
#include "client/login_int.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "proto/startup.h"

/* Each kind may be asked for once. */
static void
refuse_encryption(struct client *client, bool *refused)
{
	struct error err;

	if (*refused) {
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "encryption was refused already");
		login_refuse(client, &err);
		return;
	}
	*refused = true;
	(void)client_write(client, "N", 1);
}

/* One whole packet without a type byte. */
static void
take_packet(struct client *client, const uint8_t *body, size_t size)
{
	struct buf out = {0};
	struct error err;

	if (client->login == NULL) {
		client->login = mem_zalloc(sizeof(*client->login));
	}
	startup_fini(&client->login->startup);
	if (startup_parse(body, size, &client->login->startup, &err) != 0) {
		/* In the form its protocol has, if it is to be told at all. */
		startup_put_refusal(&client->login->startup, &err, &out);
		login_send(client, &out);
		client->told_fatal = true;
		login_refuse(client, &err);
		return;
	}
	switch (client->login->startup.kind) {
	case STARTUP_SSL_REQUEST:
		refuse_encryption(client, &client->login->refused_ssl);
		return;
	case STARTUP_GSSENC_REQUEST:
		refuse_encryption(client, &client->login->refused_gss);
		return;
	case STARTUP_CANCEL_REQUEST:
		canceller_begin(client, &client->login->startup);
		return;
	case STARTUP_MESSAGE:
		login_on_startup(client);
		return;
	}
}

size_t
login_take_packet(struct client *client, uint8_t *bytes, size_t size)
{
	uint32_t body_bytes;
	struct error err;

	switch (startup_frame(bytes, size, &body_bytes)) {
	case FRAME_PARTIAL:
		return 0;
	case FRAME_BAD:
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "invalid length of startup packet");
		login_refuse(client, &err);
		return 0;
	case FRAME_OK:
		break;
	}
	if (size < STARTUP_HEADER_BYTES + body_bytes) {
		return 0;
	}
	take_packet(client, bytes + STARTUP_HEADER_BYTES, body_bytes);
	return STARTUP_HEADER_BYTES + body_bytes;
}
