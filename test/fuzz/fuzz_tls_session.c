/*
 * fuzz_tls_session.c - bytes of a hostile peer in place of a handshake, to
 * either side, cut into pieces.
 *
 * The first byte says which side and how the rest is cut. Nobody gets through a
 * handshake by chance, and what a session sends is bounded.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "net/tls.h"
#include "net/tls_session.h"
#include "support/certs.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tls_context *contexts[2];

/* What the peer sends, and how much was sent to it. */
struct peer {
	const uint8_t *bytes;
	size_t size;
	size_t cut;
	size_t sent;
	bool may_read;
};

static ssize_t
receive(void *context, void *bytes, size_t size)
{
	struct peer *peer = context;

	if (!peer->may_read || peer->size == 0) {
		errno = EAGAIN;
		return peer->size == 0 ? 0 : -1;
	}
	size = size < peer->cut ? size : peer->cut;
	size = size < peer->size ? size : peer->size;
	memcpy(bytes, peer->bytes, size);
	peer->bytes += size;
	peer->size -= size;
	peer->may_read = false;
	return (ssize_t)size;
}

static int
take(void *context, const void *bytes, size_t size)
{
	(void)bytes;
	((struct peer *)context)->sent += size;
	return 0;
}

static size_t
pending(void *context)
{
	return ((struct peer *)context)->sent;
}

static struct tls_context *
make(enum tls_role role, const struct test_cert *cert)
{
	struct tls_options options = {
	    .role = role,
	    .verify = TLS_VERIFY_CA,
	    .ca = {"ca", cert->cert, strlen(cert->cert)},
	    .cert = {"cert", cert->cert, strlen(cert->cert)},
	    .key = {"key", cert->key, strlen(cert->key)},
	    .protocols = "secure",
	    .ciphers = "default",
	    .tls13_ciphers = "",
	    .curve = "auto",
	    .dheparams = "auto",
	};
	enum tls_part culprit;
	struct error err;
	struct tls_context *context = tls_context_new(&options, &culprit, &err);

	assert(context != NULL);
	return context;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct test_cert cert = {0};

	(void)argc;
	(void)argv;
	test_cert_make(&cert, "fuzz", -1, NULL, NULL);
	contexts[0] = make(TLS_ACCEPTS, &cert);
	contexts[1] = make(TLS_CONNECTS, &cert);
	test_cert_fini(&cert);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[65536];
	struct peer peer = {.may_read = false};
	struct tls_wire wire = {receive, take, pending, &peer};
	struct tls_session *session;
	enum io_result result = IO_AGAIN;
	bool connects, is_early;
	size_t got;

	if (size == 0) {
		return 0;
	}
	connects = (data[0] & 1) != 0;
	is_early = (data[0] & 2) != 0 && !connects;
	peer.cut = data[0] < 4 ? SIZE_MAX : data[0];
	if (!is_early) {
		peer.bytes = data + 1;
		peer.size = size - 1;
	}
	session = tls_session_new(contexts[connects ? 1 : 0], &wire,
	    connects ? "fuzz" : NULL, data + 1, is_early ? size - 1 : 0);
	if (connects) {
		tls_session_start(session);
	}
	(void)tls_session_write(session, "kept", 4);
	while (result == IO_AGAIN) {
		peer.may_read = true;
		result = tls_session_read(session, bytes, sizeof(bytes), &got);
		assert(result != IO_DONE && got == 0);
	}
	assert(!tls_session_is_up(session));
	assert(tls_session_unsent(session) == 4);
	assert(peer.sent < (size_t)256 * 1024);
	tls_session_free(&session);
	return 0;
}
