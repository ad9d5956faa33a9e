/*
 * login_packet.c - the packets without a type byte that open a connection, and
 * TLS, which they may ask for.
 *
 * Source: PostgreSQL docs, "Message Flow", "Start-up", "SSL Session
 * Encryption" and "GSSAPI Session Encryption".
 */
#include "client/canceller.h"
#include "client/client_int.h"
#include "client/login_int.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/stream.h"
#include "net/stream_tls.h"
#include "proto/frame.h"
#include "proto/startup.h"

/* The first byte of a TLS handshake: a record of that kind. */
#define TLS_HANDSHAKE_RECORD 0x16

/* ---- TLS ----------------------------------------------------------------- */

static void
violate(struct client *client, const char *text)
{
	struct error err;

	error_set(&err, SQLSTATE_PROTOCOL_VIOLATION, "%s", text);
	login_refuse(client, &err);
}

/* Each kind may be asked for once. */
static void
refuse_encryption(struct client *client, bool *refused)
{
	if (*refused) {
		violate(client, "encryption was refused already");
		return;
	}
	*refused = true;
	(void)client_write(client, "N", 1);
}

/* Who is on this machine has nothing to hide from the network. */
static bool
may_use_tls(const struct client *client)
{
	return client->set->tls != NULL && !address_is_unix(&client->peer);
}

/* IS_LAST: nothing has come behind the request. */
static void
answer_ssl_request(struct client *client, bool is_last)
{
	struct error err;

	if (stream_has_tls(client->stream)) {
		violate(client, "SSLRequest within TLS");
		return;
	}
	if (!may_use_tls(client)) {
		refuse_encryption(client, &client->login->refused_ssl);
		return;
	}
	if (!is_last) {
		/* Whoever sent that, it would be read as if it came by TLS. */
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "received unencrypted data after SSL request");
		error_hint(&err,
		    "A fault of the client, or somebody in between has put "
		    "it there.");
		login_refuse(client, &err);
		return;
	}
	if (client_write(client, "S", 1)) {
		stream_start_tls(
		    client->stream, client->set->tls, NULL, NULL, 0);
	}
}

/* A client that does not ask first (sslnegotiation=direct). Its SIZE bytes are
 * TLS's. */
static void
begin_direct_tls(struct client *client, const uint8_t *bytes, size_t size)
{
	struct error err;

	if (!may_use_tls(client)) {
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "direct TLS connections are not accepted here");
		error_hint(&err,
		    "Set client_tls_sslmode, client_tls_cert_file "
		    "and client_tls_key_file.");
		client->told_fatal = true; /* it would not be understood */
		login_refuse(client, &err);
		return;
	}
	client->login = mem_zalloc(sizeof(*client->login));
	client->login->needs_protocol = true;
	stream_start_tls(client->stream, client->set->tls, NULL, bytes, size);
}

/* Whether what is asked for now may be asked for in this way. */
static int
check_tls(const struct client *client, struct error *err)
{
	const struct settings *settings = config_settings(client->set->config);

	if (client->login->needs_protocol &&
	    !stream_tls_has_protocol(client->stream)) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "received direct SSL connection request without ALPN "
		    "protocol negotiation extension");
		return -1;
	}
	if (settings->client_tls_sslmode >= SSLMODE_REQUIRE &&
	    !stream_has_tls(client->stream) &&
	    !address_is_unix(&client->peer)) {
		error_set(err, SQLSTATE_INVALID_AUTHORIZATION, "SSL required");
		error_hint(err,
		    "Connections without TLS are not accepted here: connect "
		    "with sslmode=require.");
		return -1;
	}
	return 0;
}

static void
take_startup(struct client *client)
{
	struct error err;

	if (check_tls(client, &err) != 0) {
		login_refuse(client, &err);
	} else {
		login_on_startup(client);
	}
}

/* ---- packets ------------------------------------------------------------- */

/* One whole packet without a type byte; IS_LAST: no byte has come behind. */
static void
take_packet(
    struct client *client, const uint8_t *body, size_t size, bool is_last)
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
		answer_ssl_request(client, is_last);
		return;
	case STARTUP_GSSENC_REQUEST:
		refuse_encryption(client, &client->login->refused_gss);
		return;
	case STARTUP_CANCEL_REQUEST:
		canceller_begin(client, &client->login->startup);
		return;
	case STARTUP_MESSAGE:
		take_startup(client);
		return;
	}
}

size_t
login_take_packet(struct client *client, uint8_t *bytes, size_t size)
{
	uint32_t body_bytes;
	struct error err;

	if (client->login == NULL && bytes[0] == TLS_HANDSHAKE_RECORD) {
		begin_direct_tls(client, bytes, size);
		return size;
	}
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
	take_packet(client, bytes + STARTUP_HEADER_BYTES, body_bytes,
	    size == STARTUP_HEADER_BYTES + body_bytes);
	return STARTUP_HEADER_BYTES + body_bytes;
}
