/*
 * tls_session.c - TLS on one connection.
 *
 * OpenSSL sends and receives through a BIO of ours. It never refuses to send,
 * so none of OpenSSL's rules about trying again with the same bytes concern
 * anybody. A read takes the steps of the handshake and answers what the peer
 * wants answered (new keys, for one): who sends such things without end and
 * does not read the answers is cut off at TLS_ANSWERS_MAX.
 */
#include "net/tls_session.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "net/tls_session_int.h"

/* Received in one read, beyond what OpenSSL has read ahead. */
#define TLS_BUDGET ((size_t)128 * 1024)
/* Behind a record as long as that, as servers make them of long answers, there
 * is more to come. */
#define TLS_LONG_RECORD ((size_t)8192)
/* Kept for a peer that asks for answers and does not read them; a flight of the
 * handshake with a long chain of certificates fits. */
#define TLS_ANSWERS_MAX ((size_t)128 * 1024)

/* ---- the wire ------------------------------------------------------------ */

static int
wire_write(BIO *bio, const char *bytes, size_t size, size_t *written)
{
	struct tls_session *session = BIO_get_data(bio);
	const struct tls_wire *wire = &session->wire;

	BIO_clear_retry_flags(bio);
	*written = 0;
	if (session->is_reading &&
	    wire->pending(wire->context) > TLS_ANSWERS_MAX) {
		session->number = ENOBUFS;
		return 0;
	}
	if (wire->send(wire->context, bytes, size) != 0) {
		session->number = errno;
		return 0;
	}
	*written = size;
	return 1;
}

/* Takes from what came before the session began. */
static size_t
take_early(struct tls_session *session, char *bytes, size_t size)
{
	size_t n = session->early.length < size ? session->early.length : size;

	memcpy(bytes, buf_bytes(&session->early), n);
	buf_consume(&session->early, n);
	if (session->early.length == 0) {
		buf_fini(&session->early);
	}
	return n;
}

static int
wire_read(BIO *bio, char *bytes, size_t size, size_t *got)
{
	struct tls_session *session = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	*got = 0;
	if (session->early.length > 0) {
		*got = take_early(session, bytes, size);
		return 1;
	}
	if (session->budget == 0) {
		BIO_set_retry_read(bio); /* the loop tells of the rest */
		return 0;
	}
	do {
		n = session->wire.receive(session->wire.context, bytes,
		    size < session->budget ? size : session->budget);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		*got = (size_t)n;
		session->budget -= *got;
		return 1;
	}
	if (n == 0) {
		session->has_ended = true;
	} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
		BIO_set_retry_read(bio);
	} else {
		session->number = errno;
	}
	return 0;
}

static long
wire_control(BIO *bio, int command, long number, void *pointer)
{
	struct tls_session *session = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return session->has_ended ? 1 : 0;
	default:
		return 0;
	}
}

BIO_METHOD *
tls_wire_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");

	if (method == NULL) {
		abort(); /* out of memory */
	}
	(void)BIO_meth_set_write_ex(method, wire_write);
	(void)BIO_meth_set_read_ex(method, wire_read);
	(void)BIO_meth_set_ctrl(method, wire_control);
	return method;
}

/* ---- beginning and end --------------------------------------------------- */

int
tls_on_verify(int is_good, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
	    store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_session *session = SSL_get_app_data(ssl);

	if (is_good == 0) {
		session->has_bad_peer = true;
	}
	return 1;
}

/* Whether HOST is no address: those are not told, as RFC 6066 has it. */
static bool
is_name(const char *host)
{
	return host[0] != '\0' && strchr(host, ':') == NULL &&
	    host[strspn(host, "0123456789.")] != '\0';
}

static void
set_role(struct tls_session *session)
{
	if (session->context->role == TLS_ACCEPTS) {
		SSL_set_accept_state(session->ssl);
		return;
	}
	SSL_set_connect_state(session->ssl);
	if (session->host != NULL && is_name(session->host)) {
		(void)SSL_set_tlsext_host_name(session->ssl, session->host);
	}
}

struct tls_session *
tls_session_new(struct tls_context *context, const struct tls_wire *wire,
    const char *host, const void *early, size_t size)
{
	struct tls_session *session = mem_zalloc(sizeof(*session));
	BIO *bio = BIO_new(context->wire);

	session->context = tls_context_ref(context);
	session->wire = *wire;
	session->host = host == NULL ? NULL : mem_strdup(host);
	session->ssl = SSL_new(context->ssl);
	if (session->ssl == NULL || bio == NULL) {
		abort(); /* out of memory */
	}
	if (size > 0) {
		buf_append(&session->early, early, size);
		session->has_more = true;
	}
	BIO_set_data(bio, session);
	BIO_set_init(bio, 1);
	SSL_set_bio(session->ssl, bio, bio);
	(void)SSL_set_app_data(session->ssl, session);
	set_role(session);
	return session;
}

void
tls_session_free(struct tls_session **sessionp)
{
	struct tls_session *session = *sessionp;

	if (session == NULL) {
		return;
	}
	*sessionp = NULL;
	if (session->is_up && !session->is_broken && !session->has_ended &&
	    session->wire.pending(session->wire.context) == 0) {
		(void)SSL_shutdown(session->ssl);
	}
	ERR_clear_error();
	SSL_free(session->ssl);
	tls_context_unref(&session->context);
	free(session->host);
	free(session->reason);
	buf_fini(&session->early);
	if (session->unsent.length > 0) {
		mem_wipe(buf_bytes(&session->unsent), session->unsent.length);
	}
	buf_fini(&session->unsent);
	free(session);
}

/* ---- failing ------------------------------------------------------------- */

/* It is broken, now and for ever. */
static enum io_result
fail(struct tls_session *session)
{
	session->is_broken = true;
	session->has_more = false;
	errno = session->number != 0 ? session->number : EPROTO;
	return IO_FAILED;
}

/* Why the certificate of the other side is not accepted; NULL: that is not
 * it. */
static const char *
verdict_of(const struct tls_session *session)
{
	long verdict = SSL_get_verify_result(session->ssl);

	return session->is_up || session->context->verify < TLS_VERIFY_CA ||
	        verdict == X509_V_OK
	    ? NULL
	    : X509_verify_cert_error_string(verdict);
}

static void
note_reason(struct tls_session *session)
{
	const char *verdict = verdict_of(session);
	struct buf text = {0};
	char reason[256];

	if (session->number != 0 || session->reason != NULL) {
		return;
	}
	tls_take_reason(reason, sizeof(reason));
	buf_append_str(&text, session->is_up ? "TLS: " : "TLS handshake: ");
	if (verdict != NULL) {
		buf_printf(&text, "certificate verify failed (%s)", verdict);
	} else {
		buf_append_str(&text, reason);
	}
	session->reason = mem_strdup(buf_text(&text));
	buf_fini(&text);
}

/* What the library's RESULT, no success, comes to. */
static enum io_result
judge(struct tls_session *session, int result)
{
	switch (SSL_get_error(session->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return IO_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return IO_EOF;
	default:
		break;
	}
	if (session->has_ended) {
		session->is_broken = true;
		return IO_EOF;
	}
	note_reason(session);
	return fail(session);
}

/* ---- bytes --------------------------------------------------------------- */

static enum io_result
send_record(struct tls_session *session, const void *bytes, size_t size)
{
	size_t written;

	ERR_clear_error();
	session->is_reading = false;
	if (SSL_write_ex(session->ssl, bytes, size, &written) == 1) {
		return IO_DONE;
	}
	note_reason(session);
	return fail(session);
}

/* What has waited for the handshake leaves. */
static void
send_unsent(struct tls_session *session)
{
	struct buf *unsent = &session->unsent;

	if (unsent->length > 0) {
		(void)send_record(session, buf_bytes(unsent), unsent->length);
		mem_wipe(buf_bytes(unsent), unsent->length);
	}
	buf_fini(unsent);
}

static enum io_result
shake_hands(struct tls_session *session)
{
	int result;

	ERR_clear_error();
	session->is_reading = true;
	result = SSL_do_handshake(session->ssl);
	if (result != 1) {
		return judge(session, result);
	}
	if (session->context->verify == TLS_VERIFY_NAME &&
	    !tls_session_check_host(session)) {
		return fail(session);
	}
	session->is_up = true;
	send_unsent(session);
	return session->is_broken ? IO_FAILED : IO_DONE;
}

void
tls_session_start(struct tls_session *session)
{
	session->budget = 0; /* it sends, and is not here to read */
	(void)shake_hands(session);
}

static enum io_result
read_records(
    struct tls_session *session, uint8_t *bytes, size_t size, size_t *got)
{
	ERR_clear_error();
	session->is_reading = true;
	while (*got < size) {
		size_t n = 0;
		int result =
		    SSL_read_ex(session->ssl, bytes + *got, size - *got, &n);

		if (result != 1) {
			return judge(session, result);
		}
		*got += n;
		if (n < TLS_LONG_RECORD && SSL_has_pending(session->ssl) == 0) {
			return IO_AGAIN;
		}
	}
	session->has_more = SSL_has_pending(session->ssl) != 0;
	return IO_DONE;
}

enum io_result
tls_session_read(
    struct tls_session *session, void *bytes, size_t size, size_t *got)
{
	enum io_result result = IO_DONE;

	*got = 0;
	if (session->is_broken) {
		return session->has_ended ? IO_EOF : fail(session);
	}
	session->has_more = false;
	session->budget = session->rests ? 0 : TLS_BUDGET;
	if (!session->is_up) {
		result = shake_hands(session);
	}
	if (result == IO_DONE && size > 0) {
		result = read_records(session, bytes, size, got);
	}
	/* What stopped it is found again by the next read. */
	return *got > 0 ? IO_DONE : result;
}

void
tls_session_rest(struct tls_session *session, bool rests)
{
	session->rests = rests;
}

bool
tls_session_has_more(const struct tls_session *session)
{
	return session->has_more;
}

enum io_result
tls_session_write(struct tls_session *session, const void *bytes, size_t size)
{
	if (session->is_broken) {
		return fail(session);
	}
	if (size == 0) {
		return IO_DONE;
	}
	if (!session->is_up) {
		buf_append(&session->unsent, bytes, size);
		return IO_DONE;
	}
	return send_record(session, bytes, size);
}

size_t
tls_session_unsent(const struct tls_session *session)
{
	return session->unsent.length;
}

bool
tls_session_is_up(const struct tls_session *session)
{
	return session->is_up;
}

const char *
tls_session_error(const struct tls_session *session)
{
	return session->is_broken ? session->reason : NULL;
}
