/*
 * server_login.c - logging in to a server.
 *
 * The startup message brings user and database and nothing else: a server's
 * RESET values must be its own, not the first client's. What clients want set
 * comes later, as a profile.
 *
 * Source: PostgreSQL docs, "Message Flow", "Start-up".
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth/md5.h"
#include "auth/scram_client.h"
#include "auth/scram_keys.h"
#include "auth/secret.h"
#include "core/buf.h"
#include "core/mem.h"
#include "net/stream_tls.h"
#include "proto/error_fields.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "proto/reader.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"

/* Codes of Authentication messages. */
enum {
	AUTH_CODE_OK = 0,
	AUTH_CODE_CLEARTEXT = 3,
	AUTH_CODE_MD5 = 5,
	AUTH_CODE_SASL = 10,
	AUTH_CODE_SASL_CONTINUE = 11,
	AUTH_CODE_SASL_FINAL = 12
};

/* Longest cancel key a server may give out. */
#define KEY_MAX_BYTES 256

/* What a replication connection brings along: it may be no session that could
 * be told later. Returns how many there are. */
static size_t
put_private(const struct private_login *login, struct msg_parameter *parameters)
{
	const struct params *settings = login->settings;
	size_t count = 0;

	parameters[count++] = (struct msg_parameter){"replication",
	    login->replication == REPLICATION_LOGICAL ? "database" : "true"};
	for (size_t i = 0; i < settings->count && count <= PROFILE_MAX; i++) {
		parameters[count++] = (struct msg_parameter){
		    settings->items[i].name, settings->items[i].value};
	}
	return count;
}

void
server_login_begin(struct server *server)
{
	const struct pool *pool = server->slot->pool;
	struct msg_parameter parameters[3 + PROFILE_MAX] = {
	    {"user", pool->user},
	    {"database", pool->dbname},
	};
	size_t count = 2;
	struct buf out = {0};

	if (server->expects != NULL) {
		count += put_private(server->expects->login, parameters + 2);
	}
	msg_startup(&out, parameters, count);
	server_update_interest(server, true);
	(void)server_write(server, buf_bytes(&out), out.length);
	buf_fini(&out);
}

void
server_login_fail(struct server *server, const struct error *err)
{
	log_warning(&server->log, "server login failed: FATAL %s", err->text);
	server_close(server, CLOSE_SERVER_LOGIN_FAILED, err);
}

/* Sends and wipes OUT. */
static void
send_secret(struct server *server, struct buf *out)
{
	(void)server_write(server, buf_bytes(out), out->length);
	mem_wipe(buf_bytes(out), out->length);
	buf_fini(out);
}

/* Whether the pool has a secret that is good for HOW the server asks for it:
 * one of those KINDS, by bits. */
static int
need_secret(const struct server *server, const char *how, unsigned kinds,
    struct error *err)
{
	static const char *const names[] = {[SECRET_PLAIN] = "password",
	    [SECRET_MD5] = "md5 secret",
	    [SECRET_SCRAM] = "SCRAM secret"};
	const struct pool *pool = server->slot->pool;
	enum secret_kind kind;

	if (pool->password == NULL) {
		error_set(err, SQLSTATE_INVALID_PASSWORD,
		    "the server asks for a password of user \"%s\", and none "
		    "is known",
		    pool->user);
		error_hint(err,
		    "Add the user to auth_file, or give password= in the "
		    "database's entry.");
		return -1;
	}
	kind = secret_kind(pool->password);
	if ((kinds & 1U << kind) != 0) {
		return 0;
	}
	error_set(err, SQLSTATE_INVALID_PASSWORD,
	    "wrong password type: the server asks user \"%s\" to log in by %s, "
	    "for which the %s that is stored is of no use",
	    pool->user, how, names[kind]);
	error_hint(err,
	    "Store the password itself in auth_file or in password= of the "
	    "database's entry, or let the server ask for something else.");
	return -1;
}

static int
answer_cleartext(struct server *server, struct error *err)
{
	const char *password;
	struct buf out = {0};

	if (need_secret(
	        server, "clear-text password", 1U << SECRET_PLAIN, err) != 0 ||
	    secret_cleartext(server->slot->pool->password, &password, err) !=
	        0) {
		return -1;
	}
	msg_password(&out, password);
	send_secret(server, &out);
	return 0;
}

static int
answer_md5(struct server *server, struct reader *reader, struct error *err)
{
	const uint8_t *salt = reader_bytes(reader, MD5_SALT_BYTES);
	char text[MD5_TEXT_BYTES];
	struct buf out = {0};

	if (salt == NULL || !reader_finish(reader)) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "malformed md5 request from the server");
		return -1;
	}
	if (need_secret(server, "md5", 1U << SECRET_PLAIN | 1U << SECRET_MD5,
	        err) != 0 ||
	    md5_answer(server->slot->pool->user, server->slot->pool->password,
	        salt, text, err) != 0) {
		return -1;
	}
	msg_password(&out, text);
	mem_wipe(text, sizeof(text));
	send_secret(server, &out);
	return 0;
}

/* The key of a SCRAM secret is missing: the pool will wait for it. */
static void
await_key(struct server *server)
{
	struct error err;

	error_set(&err, SQLSTATE_CANNOT_CONNECT,
	    "cannot log in to the server yet: of user \"%s\" only the SCRAM "
	    "secret is known, and no client has logged in with its password",
	    server->slot->pool->user);
	error_hint(&err,
	    "Log in once as that user by SCRAM or with the password, or store "
	    "the password in password= of the database's entry.");
	server_close(server, CLOSE_SERVER_NO_KEY, &err);
}

/* A login with what the pool has; NULL and ERR, or the server was closed. */
static struct scram_client *
make_scram(struct server *server, struct error *err)
{
	struct pool *pool = server->slot->pool;
	struct scram_client *scram;
	struct scram_keys keys;

	if (secret_kind(pool->password) != SECRET_SCRAM) {
		return scram_client_new(
		    pool->user, pool->password, pool->set->keyring, NULL, err);
	}
	if (!pool_find_keys(pool, &keys)) {
		await_key(server);
		return NULL;
	}
	scram = scram_client_new_with_keys(pool->user, &keys, NULL, err);
	mem_wipe(&keys, sizeof(keys));
	return scram;
}

/* Sends the first message. */
static int
send_first(struct server *server, bool is_plus, struct error *err)
{
	struct buf payload = {0}, out = {0};

	if (scram_client_first(server->scram, &payload, err) != 0) {
		buf_fini(&payload);
		return -1;
	}
	msg_sasl_initial_response(&out,
	    is_plus ? SCRAM_MECHANISM_PLUS : SCRAM_MECHANISM,
	    buf_bytes(&payload), payload.length);
	buf_fini(&payload);
	send_secret(server, &out);
	return 0;
}

static int
begin_scram(struct server *server, struct reader *reader, struct error *err)
{
	size_t size = reader_left(reader);
	const uint8_t *list = reader_bytes(reader, size);
	struct scram_binding binding;
	bool is_plus;

	if (server->scram != NULL || list == NULL) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "unexpected SASL request from the server");
		return -1;
	}
	binding.size =
	    stream_tls_server_end_point(server->stream, binding.end_point);
	if (scram_pick_mechanism(list, size, binding.size > 0, &is_plus, err) !=
	        0 ||
	    need_secret(server, "SCRAM-SHA-256",
	        1U << SECRET_PLAIN | 1U << SECRET_SCRAM, err) != 0) {
		return -1;
	}
	server->scram = make_scram(server, err);
	if (server->scram == NULL) {
		return server->state == SERVER_CLOSED ? 0 : -1;
	}
	if (binding.size > 0) {
		scram_client_bind(server->scram, &binding, is_plus);
	}
	return send_first(server, is_plus, err);
}

static int
go_on_scram(struct server *server, struct reader *reader, bool is_last,
    struct error *err)
{
	size_t size = reader_left(reader);
	const uint8_t *message = reader_bytes(reader, size);
	struct buf payload = {0}, out = {0};

	if (server->scram == NULL || message == NULL) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "unexpected SASL message from the server");
		return -1;
	}
	if (is_last) {
		return scram_client_verify(server->scram, message, size, err);
	}
	if (scram_client_final(server->scram, message, size, &payload, err) !=
	    0) {
		buf_fini(&payload);
		return -1;
	}
	msg_sasl_response(&out, buf_bytes(&payload), payload.length);
	buf_fini(&payload);
	send_secret(server, &out);
	return 0;
}

static int
answer(
    struct server *server, const uint8_t *body, size_t size, struct error *err)
{
	struct reader reader;
	uint32_t code;

	reader_init(&reader, body, size);
	code = reader_u32(&reader);
	if (!reader_ok(&reader)) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "malformed authentication request from the server");
		return -1;
	}
	server->was_asked = true;
	switch (code) {
	case AUTH_CODE_OK:
		if (server->scram != NULL &&
		    !scram_client_is_verified(server->scram)) {
			error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
			    "the server did not prove that it knows the "
			    "password");
			return -1;
		}
		return 0;
	case AUTH_CODE_CLEARTEXT:
		return answer_cleartext(server, err);
	case AUTH_CODE_MD5:
		return answer_md5(server, &reader, err);
	case AUTH_CODE_SASL:
		return begin_scram(server, &reader, err);
	case AUTH_CODE_SASL_CONTINUE:
		return go_on_scram(server, &reader, false, err);
	case AUTH_CODE_SASL_FINAL:
		return go_on_scram(server, &reader, true, err);
	default:
		error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
		    "the server asks for authentication method %u, which is "
		    "not supported",
		    code);
		return -1;
	}
}

static int
take_key(struct server *server, const uint8_t *body, size_t size)
{
	struct reader reader;
	const uint8_t *key;
	size_t key_bytes;

	reader_init(&reader, body, size);
	server->process_id = reader_u32(&reader);
	key_bytes = reader_left(&reader);
	key = reader_bytes(&reader, key_bytes);
	if (!reader_ok(&reader) || key_bytes < 4 || key_bytes > KEY_MAX_BYTES ||
	    server->key != NULL) {
		return -1;
	}
	server->key = mem_zalloc(sizeof(*server->key));
	buf_append(server->key, key, key_bytes);
	return 0;
}

/* The remedy for a login with a client's key that the server has refused. */
static void
advise(const struct server *server, struct error *err)
{
	const char *secret = server->slot->pool->password;

	if (server->scram != NULL && err->hint[0] == '\0' && secret != NULL &&
	    strcmp(err->sqlstate, SQLSTATE_INVALID_PASSWORD) == 0 &&
	    secret_kind(secret) == SECRET_SCRAM) {
		error_hint(err,
		    "The SCRAM secret that is stored for this user must be the "
		    "very one the server has, salt included.");
	}
}

static void
refused(struct server *server, const uint8_t *body, size_t size)
{
	struct error_fields fields;
	struct error err;

	if (error_fields_parse(body, size, &fields) != 0) {
		error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		    "malformed error message from the server");
	} else {
		error_fields_to_error(&fields, &err);
		advise(server, &err);
	}
	if (!server_tls_try_other_way(server, &err)) {
		server_login_fail(server, &err);
	}
}

void
server_login_message(
    struct server *server, uint8_t type, const uint8_t *body, size_t size)
{
	struct error err;

	switch (type) {
	case MSG_AUTHENTICATION:
		if (answer(server, body, size, &err) != 0) {
			server_login_fail(server, &err);
		}
		return;
	case MSG_ERROR_RESPONSE:
		refused(server, body, size);
		return;
	case MSG_BACKEND_KEY_DATA:
		if (take_key(server, body, size) == 0) {
			return;
		}
		break;
	case MSG_NOTICE_RESPONSE:
		return;
	case MSG_READY_FOR_QUERY:
		if (server->status == 'I') {
			server_login_done(server);
			return;
		}
		break;
	default:
		break;
	}
	error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
	    "unexpected message type 0x%02X from the server during login",
	    type);
	server_login_fail(server, &err);
}
