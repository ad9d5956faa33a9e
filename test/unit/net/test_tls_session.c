/* test_tls_session.c - two sessions that talk through memory, cut as the test
 * likes. */
#include "support/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "net/tls.h"
#include "net/tls_session.h"
#include "net/tls_session_int.h"
#include "support/certs.h"

/* ---- a stage ------------------------------------------------------------- */

/* One direction. */
struct pipe {
	struct buf bytes;
	size_t cut;     /* at most so many are received at a time; 0: all */
	size_t kept;    /* what the wire says it keeps */
	int send_errno; /* 0: it works */
	bool has_ended;
};

struct end {
	struct pipe *in;
	struct pipe *out;
	struct tls_session *session;
};

struct stage {
	struct test_cert ca, cert, client;
	struct tls_context *accepts, *connects;
	struct pipe pipes[2];
	struct end server, peer;
};

static ssize_t
receive(void *context, void *bytes, size_t size)
{
	struct pipe *pipe = ((struct end *)context)->in;

	if (pipe->bytes.length == 0) {
		errno = EAGAIN;
		return pipe->has_ended ? 0 : -1;
	}
	size = size < pipe->bytes.length ? size : pipe->bytes.length;
	size = pipe->cut > 0 && size > pipe->cut ? pipe->cut : size;
	memcpy(bytes, buf_bytes(&pipe->bytes), size);
	buf_consume(&pipe->bytes, size);
	return (ssize_t)size;
}

static int
send_bytes(void *context, const void *bytes, size_t size)
{
	struct pipe *pipe = ((struct end *)context)->out;

	if (pipe->send_errno != 0) {
		errno = pipe->send_errno;
		return -1;
	}
	buf_append(&pipe->bytes, bytes, size);
	return 0;
}

static size_t
pending(void *context)
{
	return ((struct end *)context)->out->kept;
}

static struct tls_pem
pem(const char *text)
{
	return (struct tls_pem){"test", text, text == NULL ? 0 : strlen(text)};
}

static struct tls_options
defaults(enum tls_role role)
{
	return (struct tls_options){.role = role,
	    .protocols = "secure",
	    .ciphers = "default",
	    .tls13_ciphers = "",
	    .curve = "auto",
	    .dheparams = "auto"};
}

static struct tls_context *
make(const struct tls_options *options)
{
	enum tls_part culprit;
	struct error err;
	struct tls_context *context = tls_context_new(options, &culprit, &err);

	ck_assert_msg(context != NULL, "%s", err.text);
	return context;
}

/* How the two are to be; changed by a test before stage_begin(). */
struct plan {
	enum tls_verify accepts;
	enum tls_verify connects;
	const char *protocols;
	const char *host;
	const char *name;
	int name_bytes;
	const char *alt_names;
	bool has_client_cert;
};

static const struct plan plain = {
    .protocols = "secure", .host = "db1", .name = "db1", .name_bytes = -1};

static void
stage_open(struct stage *stage, const struct plan *plan)
{
	struct tls_options options;

	*stage = (struct stage){0};
	test_cert_make(&stage->ca, "authority", -1, NULL, NULL);
	test_cert_make(&stage->cert, plan->name, plan->name_bytes,
	    plan->alt_names, &stage->ca);
	test_cert_make(
	    &stage->client, plan->name, plan->name_bytes, NULL, &stage->ca);
	options = defaults(TLS_ACCEPTS);
	options.verify = plan->accepts;
	options.protocols = plan->protocols;
	options.cert = pem(stage->cert.cert);
	options.key = pem(stage->cert.key);
	options.ca = pem(stage->ca.cert);
	stage->accepts = make(&options);
	options = defaults(TLS_CONNECTS);
	options.verify = plan->connects;
	options.ca = pem(stage->ca.cert);
	if (plan->has_client_cert) {
		options.cert = pem(stage->client.cert);
		options.key = pem(stage->client.key);
	}
	stage->connects = make(&options);
	stage->server = (struct end){&stage->pipes[0], &stage->pipes[1], NULL};
	stage->peer = (struct end){&stage->pipes[1], &stage->pipes[0], NULL};
	stage->server.session = tls_session_new(stage->accepts,
	    &(struct tls_wire){receive, send_bytes, pending, &stage->server},
	    NULL, NULL, 0);
	stage->peer.session = tls_session_new(stage->connects,
	    &(struct tls_wire){receive, send_bytes, pending, &stage->peer},
	    plan->host, NULL, 0);
}

static void
stage_close(struct stage *stage)
{
	tls_session_free(&stage->server.session);
	tls_session_free(&stage->peer.session);
	tls_context_unref(&stage->accepts);
	tls_context_unref(&stage->connects);
	test_cert_fini(&stage->ca);
	test_cert_fini(&stage->cert);
	test_cert_fini(&stage->client);
	buf_fini(&stage->pipes[0].bytes);
	buf_fini(&stage->pipes[1].bytes);
}

/* Reads what is there, appended to OUT if that is not NULL; the last result. */
static enum io_result
drain(struct end *end, struct buf *out)
{
	uint8_t bytes[3000];
	enum io_result result;
	size_t got;

	for (;;) {
		result =
		    tls_session_read(end->session, bytes, sizeof(bytes), &got);
		if (result != IO_DONE) {
			return result;
		}
		ck_assert_uint_gt(got, 0);
		if (out != NULL) {
			buf_append(out, bytes, got);
		}
	}
}

/* Both take their steps until neither can. */
static void
shake(struct stage *stage)
{
	tls_session_start(stage->peer.session);
	for (int i = 0; i < 20000 &&
	     (stage->pipes[0].bytes.length > 0 ||
	         stage->pipes[1].bytes.length > 0);
	     i++) {
		(void)drain(&stage->server, NULL);
		(void)drain(&stage->peer, NULL);
	}
}

static void
say(struct end *end, const char *text)
{
	ck_assert_int_eq(
	    tls_session_write(end->session, text, strlen(text)), IO_DONE);
}

static void
hear(struct end *end, const char *text)
{
	struct buf got = {0};

	for (int i = 0; i < 10000 && got.length < strlen(text); i++) {
		ck_assert_int_eq(drain(end, &got), IO_AGAIN);
	}
	ck_assert_str_eq(buf_text(&got), text);
	buf_fini(&got);
}

/* ---- talking ------------------------------------------------------------- */

static const char *const versions[] = {"tlsv1.2", "tlsv1.3"};

START_TEST(two_talk)
{
	struct plan plan = plain;
	struct stage stage;
	char text[96];

	plan.protocols = versions[_i];
	stage_open(&stage, &plan);
	say(&stage.peer, "early"); /* waits for the handshake */
	ck_assert_uint_eq(tls_session_unsent(stage.peer.session), 5);
	shake(&stage);
	ck_assert(tls_session_is_up(stage.peer.session));
	ck_assert_uint_eq(tls_session_unsent(stage.peer.session), 0);
	tls_session_describe(stage.server.session, text, sizeof(text));
	ck_assert_msg(strncmp(text, _i == 0 ? "TLSv1.2/" : "TLSv1.3/", 8) == 0,
	    "%s", text);
	say(&stage.server, "hello");
	say(&stage.server, " you");
	hear(&stage.peer, "hello you");
	say(&stage.peer, "and you");
	hear(&stage.server, "and you");
	ck_assert_int_eq(tls_session_write(stage.peer.session, "", 0), IO_DONE);
	ck_assert_uint_eq(stage.pipes[0].bytes.length, 0);
	stage_close(&stage);
}
END_TEST

START_TEST(two_talk_byte_by_byte)
{
	struct plan plan = plain;
	struct stage stage;

	plan.protocols = versions[_i];
	plan.accepts = TLS_VERIFY_CA;
	plan.has_client_cert = true;
	stage_open(&stage, &plan);
	stage.pipes[0].cut = 1;
	stage.pipes[1].cut = 1;
	shake(&stage);
	ck_assert(tls_session_is_up(stage.server.session));
	say(&stage.server, "hello");
	hear(&stage.peer, "hello");
	say(&stage.peer, "hello");
	hear(&stage.server, "hello");
	stage_close(&stage);
}
END_TEST

/* What a small read leaves is not seen by a loop. */
START_TEST(a_full_read_leaves_more_a_short_one_does_not)
{
	struct stage stage;
	uint8_t bytes[10];
	size_t got;

	stage_open(&stage, &plain);
	shake(&stage);
	say(&stage.peer, "twelve bytes");
	ck_assert_int_eq(
	    tls_session_read(stage.server.session, bytes, sizeof(bytes), &got),
	    IO_DONE);
	ck_assert_uint_eq(got, 10);
	ck_assert(tls_session_has_more(stage.server.session));
	ck_assert_int_eq(
	    tls_session_read(stage.server.session, bytes, sizeof(bytes), &got),
	    IO_DONE);
	ck_assert_uint_eq(got, 2);
	ck_assert(!tls_session_has_more(stage.server.session));
	/* A full read that has come to everything leaves nothing. */
	say(&stage.peer, "ten bytes.");
	ck_assert_int_eq(
	    tls_session_read(stage.server.session, bytes, sizeof(bytes), &got),
	    IO_DONE);
	ck_assert_uint_eq(got, 10);
	ck_assert(!tls_session_has_more(stage.server.session));
	/* While it rests, only what was received is there. */
	say(&stage.peer, "twelve bytes");
	say(&stage.peer, "more");
	stage.pipes[0].cut = 12 + 22; /* that record, and no more */
	ck_assert_int_eq(
	    tls_session_read(stage.server.session, bytes, sizeof(bytes), &got),
	    IO_DONE);
	tls_session_rest(stage.server.session, true);
	ck_assert_int_eq(
	    tls_session_read(stage.server.session, bytes, sizeof(bytes), &got),
	    IO_DONE);
	ck_assert_uint_eq(got, 2);
	ck_assert_int_eq(
	    tls_session_read(stage.server.session, bytes, sizeof(bytes), &got),
	    IO_AGAIN);
	tls_session_rest(stage.server.session, false);
	stage.pipes[0].cut = 0;
	ck_assert_int_eq(
	    tls_session_read(stage.server.session, bytes, sizeof(bytes), &got),
	    IO_DONE);
	ck_assert_uint_eq(got, 4);
	/* Half a record is no reason to read on, either. */
	say(&stage.peer, "abcdefghij");
	say(&stage.peer, "unfinished");
	buf_truncate(&stage.pipes[0].bytes, stage.pipes[0].bytes.length - 3);
	ck_assert_int_eq(
	    tls_session_read(stage.server.session, bytes, sizeof(bytes), &got),
	    IO_DONE);
	ck_assert_uint_eq(got, 10);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(tls_session_read(stage.server.session, bytes,
		                     sizeof(bytes), &got),
		    IO_AGAIN);
		ck_assert(!tls_session_has_more(stage.server.session));
	}
	stage_close(&stage);
}
END_TEST

START_TEST(one_read_receives_a_bounded_amount)
{
	struct stage stage;
	struct buf text = {0};
	static uint8_t bytes[1 << 20];
	size_t got;

	stage_open(&stage, &plain);
	shake(&stage);
	memset(buf_reserve(&text, sizeof(bytes)), 'x', sizeof(bytes));
	buf_added(&text, sizeof(bytes));
	ck_assert_int_eq(tls_session_write(
	                     stage.peer.session, buf_bytes(&text), text.length),
	    IO_DONE);
	ck_assert_int_eq(
	    tls_session_read(stage.server.session, bytes, sizeof(bytes), &got),
	    IO_DONE);
	ck_assert_uint_lt(got, 200000);
	ck_assert_uint_gt(got, 100000);
	buf_clear(&text);
	ck_assert_int_eq(drain(&stage.server, &text), IO_AGAIN);
	ck_assert_uint_eq(got + text.length, sizeof(bytes));
	buf_fini(&text);
	stage_close(&stage);
}
END_TEST

START_TEST(bytes_received_before_count)
{
	struct stage stage;
	struct buf hello = {0};

	stage_open(&stage, &plain);
	tls_session_start(stage.peer.session);
	buf_append(&hello, buf_bytes(&stage.pipes[0].bytes),
	    stage.pipes[0].bytes.length);
	buf_clear(&stage.pipes[0].bytes);
	tls_session_free(&stage.server.session);
	stage.server.session = tls_session_new(stage.accepts,
	    &(struct tls_wire){receive, send_bytes, pending, &stage.server},
	    NULL, buf_bytes(&hello), hello.length);
	ck_assert(tls_session_has_more(stage.server.session));
	ck_assert_int_eq(drain(&stage.server, NULL), IO_AGAIN);
	shake(&stage);
	ck_assert(tls_session_is_up(stage.server.session));
	buf_fini(&hello);
	stage_close(&stage);
}
END_TEST

/* ---- ends ---------------------------------------------------------------- */

START_TEST(a_goodbye_is_an_end)
{
	struct buf words = {0};
	struct stage stage;

	stage_open(&stage, &plain);
	shake(&stage);
	say(&stage.peer, "last words");
	tls_session_free(&stage.peer.session);
	ck_assert_int_eq(drain(&stage.server, &words), IO_EOF);
	ck_assert_str_eq(buf_text(&words), "last words");
	buf_fini(&words);
	ck_assert_int_eq(drain(&stage.server, NULL), IO_EOF);
	stage_close(&stage);
}
END_TEST

START_TEST(who_has_bytes_to_take_first_gets_no_goodbye)
{
	struct stage stage;

	stage_open(&stage, &plain);
	shake(&stage);
	stage.pipes[0].kept = 1;
	tls_session_free(&stage.peer.session);
	ck_assert_uint_eq(stage.pipes[0].bytes.length, 0);
	stage_close(&stage);
}
END_TEST

START_TEST(who_vanishes_is_at_its_end)
{
	struct stage stage;

	stage_open(&stage, &plain);
	shake(&stage);
	say(&stage.peer, "half a record");
	buf_truncate(&stage.pipes[0].bytes, 9);
	stage.pipes[0].has_ended = true;
	ck_assert_int_eq(drain(&stage.server, NULL), IO_EOF);
	ck_assert_int_eq(drain(&stage.server, NULL), IO_EOF);
	stage_close(&stage);
	stage_open(&stage, &plain);
	tls_session_start(stage.peer.session);
	buf_truncate(&stage.pipes[0].bytes, 20);
	stage.pipes[0].has_ended = true;
	ck_assert_int_eq(drain(&stage.server, NULL), IO_EOF);
	ck_assert(!tls_session_is_up(stage.server.session));
	stage_close(&stage);
}
END_TEST

START_TEST(what_was_changed_on_the_way_is_not_believed)
{
	struct stage stage;
	uint8_t *record;

	stage_open(&stage, &plain);
	shake(&stage);
	say(&stage.peer, "the truth");
	record = buf_bytes(&stage.pipes[0].bytes);
	ck_assert_ptr_nonnull(record);
	record[12] ^= 1;
	ck_assert_int_eq(drain(&stage.server, NULL), IO_FAILED);
	ck_assert_ptr_nonnull(tls_session_error(stage.server.session));
	ck_assert_int_eq(drain(&stage.server, NULL), IO_FAILED);
	ck_assert_int_eq(
	    tls_session_write(stage.server.session, "x", 1), IO_FAILED);
	stage_close(&stage);
}
END_TEST

START_TEST(a_wire_that_breaks_says_why)
{
	struct stage stage;

	stage_open(&stage, &plain);
	shake(&stage);
	stage.pipes[1].send_errno = EPIPE;
	ck_assert_int_eq(
	    tls_session_write(stage.server.session, "x", 1), IO_FAILED);
	ck_assert_int_eq(errno, EPIPE);
	errno = 0;
	ck_assert_int_eq(drain(&stage.server, NULL), IO_FAILED);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_ptr_null(tls_session_error(stage.server.session));
	stage_close(&stage);
}
END_TEST

START_TEST(answers_that_nobody_reads_are_bounded)
{
	struct stage stage;

	stage_open(&stage, &plain);
	stage.pipes[1].kept = 1 << 20;
	tls_session_start(stage.peer.session);
	ck_assert_int_eq(drain(&stage.server, NULL), IO_FAILED);
	ck_assert_int_eq(errno, ENOBUFS);
	ck_assert_uint_eq(stage.pipes[1].bytes.length, 0);
	stage_close(&stage);
}
END_TEST

/* New keys are asked for without end; what is answered to that goes with what
 * is said next, once. */
START_TEST(new_keys_do_no_harm)
{
	struct stage stage;

	stage_open(&stage, &plain);
	shake(&stage);
	for (int i = 0; i < 2000; i++) {
		ck_assert_int_eq(SSL_key_update(stage.peer.session->ssl,
		                     SSL_KEY_UPDATE_REQUESTED),
		    1);
		say(&stage.peer, "x");
		hear(&stage.server, "x");
	}
	ck_assert_uint_lt(stage.pipes[1].bytes.length, 200000);
	say(&stage.server, "still there");
	hear(&stage.peer, "still there");
	stage_close(&stage);
}
END_TEST

/* Two new sessions; the peer has TICKET. */
static void
begin_again(struct stage *stage, SSL_SESSION *ticket)
{
	tls_session_free(&stage->peer.session);
	tls_session_free(&stage->server.session);
	buf_clear(&stage->pipes[0].bytes);
	buf_clear(&stage->pipes[1].bytes);
	stage->server.session = tls_session_new(stage->accepts,
	    &(struct tls_wire){receive, send_bytes, pending, &stage->server},
	    NULL, NULL, 0);
	stage->peer.session = tls_session_new(stage->connects,
	    &(struct tls_wire){receive, send_bytes, pending, &stage->peer},
	    "db1", NULL, 0);
	ck_assert_int_eq(SSL_set_session(stage->peer.session->ssl, ticket), 1);
}

/* ---- who it is ----------------------------------------------------------- */

static const struct host_case {
	const char *name;
	const char *alt_names;
	const char *host;
	bool ok;
} hosts[] = {
    {"db1", NULL, "db1", true},
    {"DB1", NULL, "db1", true},
    {"db1", NULL, "db2", false},
    {"db1", NULL, "db1.example", false},
    {"db1", "DNS:db2", "db1", false},
    {"db1", "DNS:db2", "db2", true},
    {"x", "DNS:*.example.com", "a.example.com", true},
    {"x", "DNS:*.example.com", "a.b.example.com", false},
    {"x", "DNS:a*.example.com", "ab.example.com", false},
    {"x", "DNS:*.example.com", "example.com", false},
    {"x", "IP:10.1.2.3", "10.1.2.3", true},
    {"x", "IP:10.1.2.3", "10.1.2.4", false},
    {"x", "IP:fe80::1", "fe80::1", true},
    {"10.1.2.3", NULL, "10.1.2.3", true},
    {"10.1.2.3", "DNS:x", "10.1.2.3", false},
    {"*.1.2.3", NULL, "10.1.2.3", false},
    {"x", NULL, "", false},
};

START_TEST(a_host_has_to_be_the_one_of_its_certificate)
{
	const struct host_case *row = &hosts[_i];
	struct plan plan = plain;
	struct stage stage;

	plan.connects = TLS_VERIFY_NAME;
	plan.name = row->name;
	plan.alt_names = row->alt_names;
	plan.host = row->host;
	stage_open(&stage, &plan);
	say(&stage.peer, "a password");
	shake(&stage);
	ck_assert_int_eq(tls_session_is_up(stage.peer.session), row->ok);
	if (!row->ok) {
		const char *why = tls_session_error(stage.peer.session);

		ck_assert_msg(why != NULL &&
		        strstr(why, "certificate verify failed") != NULL,
		    "%s", why);
		/* Nothing that waited has left. */
		ck_assert_uint_eq(tls_session_unsent(stage.peer.session), 10);
		ck_assert_int_eq(drain(&stage.peer, NULL), IO_FAILED);
	}
	stage_close(&stage);
}
END_TEST

START_TEST(a_stranger_is_not_believed)
{
	struct tls_options options = defaults(TLS_CONNECTS);
	struct test_cert stranger = {0};
	struct plan plan = plain;
	struct stage stage;

	plan.connects = TLS_VERIFY_CA;
	stage_open(&stage, &plan);
	test_cert_make(&stranger, "authority", -1, NULL, NULL);
	options.verify = TLS_VERIFY_CA;
	options.ca = pem(stranger.cert);
	tls_session_free(&stage.peer.session);
	tls_context_unref(&stage.connects);
	stage.connects = make(&options);
	stage.peer.session = tls_session_new(stage.connects,
	    &(struct tls_wire){receive, send_bytes, pending, &stage.peer},
	    "db1", NULL, 0);
	shake(&stage);
	ck_assert(!tls_session_is_up(stage.peer.session));
	ck_assert_msg(strstr(tls_session_error(stage.peer.session),
	                  "certificate verify failed (") != NULL,
	    "%s", tls_session_error(stage.peer.session));
	ck_assert_ptr_nonnull(
	    strstr(tls_session_error(stage.server.session), "alert"));
	test_cert_fini(&stranger);
	stage_close(&stage);
}
END_TEST

START_TEST(a_client_is_who_its_certificate_says)
{
	struct plan plan = plain;
	struct stage stage;
	char *name, *dn;

	plan.accepts = _i == 0 ? TLS_VERIFY_IF_GIVEN : TLS_VERIFY_CA;
	plan.has_client_cert = true;
	plan.name = "al\xc3\xafs, \"x\"";
	stage_open(&stage, &plan);
	ck_assert(!tls_session_is_verified(stage.server.session));
	shake(&stage);
	ck_assert(tls_session_is_verified(stage.server.session));
	name = tls_session_peer_name(stage.server.session);
	dn = tls_session_peer_dn(stage.server.session);
	ck_assert_str_eq(name, plan.name);
	ck_assert_str_eq(dn, "CN=al\\C3\\AFs\\, \\\"x\\\",O=Tests");
	free(name);
	free(dn);
	stage_close(&stage);
}
END_TEST

START_TEST(a_name_with_a_nul_is_no_name)
{
	struct plan plan = plain;
	struct stage stage;

	plan.accepts = TLS_VERIFY_CA;
	plan.has_client_cert = true;
	plan.name = "alice\0.example";
	plan.name_bytes = 14;
	stage_open(&stage, &plan);
	shake(&stage);
	ck_assert(tls_session_is_verified(stage.server.session));
	ck_assert_ptr_null(tls_session_peer_name(stage.server.session));
	stage_close(&stage);
}
END_TEST

START_TEST(without_a_certificate_nobody_is_anybody)
{
	struct plan plan = plain;
	struct stage stage;

	plan.accepts = (enum tls_verify)_i;
	stage_open(&stage, &plan);
	shake(&stage);
	ck_assert(!tls_session_is_verified(stage.server.session));
	ck_assert_ptr_null(tls_session_peer_name(stage.server.session));
	ck_assert_ptr_null(tls_session_peer_dn(stage.server.session));
	ck_assert_int_eq(
	    tls_session_is_up(stage.server.session), _i != TLS_VERIFY_CA);
	stage_close(&stage);
}
END_TEST

/* Looked at, and found wanting; but that is no obstacle. */
START_TEST(a_bad_certificate_is_no_proof)
{
	SSL_SESSION *ticket;
	struct tls_options options = defaults(TLS_CONNECTS);
	struct test_cert stranger = {0};
	struct plan plan = plain;
	struct stage stage;

	plan.accepts = TLS_VERIFY_IF_GIVEN;
	stage_open(&stage, &plan);
	test_cert_make(&stranger, "alice", -1, NULL, NULL);
	options.cert = pem(stranger.cert);
	options.key = pem(stranger.key);
	tls_session_free(&stage.peer.session);
	tls_context_unref(&stage.connects);
	stage.connects = make(&options);
	stage.peer.session = tls_session_new(stage.connects,
	    &(struct tls_wire){receive, send_bytes, pending, &stage.peer},
	    "db1", NULL, 0);
	shake(&stage);
	ck_assert(tls_session_is_up(stage.server.session));
	ck_assert(!tls_session_is_verified(stage.server.session));
	/* Nor does it become one by a ticket. */
	ticket = SSL_get1_session(stage.peer.session->ssl);
	begin_again(&stage, ticket);
	shake(&stage);
	ck_assert(tls_session_is_resumed(stage.server.session));
	ck_assert(!tls_session_is_verified(stage.server.session));
	SSL_SESSION_free(ticket);
	test_cert_fini(&stranger);
	stage_close(&stage);
}
END_TEST

START_TEST(both_sides_agree_on_the_end_point)
{
	struct stage stage;
	uint8_t one[64], other[64], hash[64];
	unsigned size = 0;

	stage_open(&stage, &plain);
	ck_assert_uint_eq(
	    tls_session_end_point(stage.server.session, one, 64), 0);
	shake(&stage);
	ck_assert_int_eq(
	    X509_digest(stage.cert.x509, EVP_sha256(), hash, &size), 1);
	ck_assert_uint_eq(
	    tls_session_end_point(stage.server.session, one, 64), 32);
	ck_assert_uint_eq(
	    tls_session_end_point(stage.peer.session, other, 64), 32);
	ck_assert_mem_eq(one, hash, 32);
	ck_assert_mem_eq(other, hash, 32);
	ck_assert(tls_session_has_protocol(stage.server.session));
	ck_assert(!tls_session_is_resumed(stage.server.session));
	stage_close(&stage);
}
END_TEST

/* ---- coming back --------------------------------------------------------- */

/* How the context that takes over differs. */
static const struct resume_case {
	const char *label;
	enum tls_verify verify;
	bool has_other_authority;
	bool takes_over;
	bool resumes;
} resumes[] = {
    {"the same context", TLS_VERIFY_CA, false, false, true},
    {"a new certificate", TLS_VERIFY_CA, false, true, true},
    {"other authorities", TLS_VERIFY_CA, true, true, false},
    {"asks for less", TLS_VERIFY_IF_GIVEN, false, true, false},
};

/* A stage's server again, under a context that has taken over from its. */
static void
renew_server(struct stage *stage, const struct resume_case *row)
{
	struct tls_options options = defaults(TLS_ACCEPTS);
	struct tls_context *renewed;
	struct test_cert other = {0}, fresh = {0};
	struct buf authorities = {0};

	test_cert_make(&other, "somebody else", -1, NULL, NULL);
	test_cert_make(&fresh, "db1", -1, NULL, &stage->ca);
	buf_append_str(&authorities, stage->ca.cert);
	if (row->has_other_authority) {
		buf_append_str(&authorities, other.cert);
	}
	options.verify = row->verify;
	options.cert = pem(fresh.cert);
	options.key = pem(fresh.key);
	options.ca = pem(buf_text(&authorities));
	renewed = make(&options);
	tls_context_resume(renewed, stage->accepts);
	tls_context_unref(&stage->accepts);
	stage->accepts = renewed;
	buf_fini(&authorities);
	test_cert_fini(&other);
	test_cert_fini(&fresh);
}

START_TEST(a_ticket_is_taken_by_those_who_trust_the_same)
{
	const struct resume_case *row = &resumes[_i];
	struct plan plan = plain;
	struct stage stage;
	SSL_SESSION *ticket;

	plan.accepts = TLS_VERIFY_CA;
	plan.has_client_cert = true;
	stage_open(&stage, &plan);
	shake(&stage);
	ticket = SSL_get1_session(stage.peer.session->ssl);
	if (row->takes_over) {
		renew_server(&stage, row);
	}
	begin_again(&stage, ticket);
	shake(&stage);
	ck_assert(tls_session_is_up(stage.server.session));
	ck_assert_msg(
	    tls_session_is_resumed(stage.server.session) == row->resumes, "%s",
	    row->label);
	/* Who it is holds on. */
	ck_assert(tls_session_is_verified(stage.server.session));
	SSL_SESSION_free(ticket);
	stage_close(&stage);
}
END_TEST

/* ---- contexts ------------------------------------------------------------ */

static const struct context_case {
	const char *label;
	enum tls_part culprit;
	const char *complaint;
} contexts[] = {
    {"protocols", TLS_PART_PROTOCOLS, "names no versions of TLS"},
    {"half a list", TLS_PART_PROTOCOLS, "names no versions of TLS"},
    {"ciphers", TLS_PART_CIPHERS, "no cipher match"},
    {"tls13", TLS_PART_TLS13_CIPHERS, "no cipher match"},
    {"curve", TLS_PART_CURVE, "no curve"},
    {"dhe", TLS_PART_DHEPARAMS, "none of auto, legacy and none"},
    {"no key", TLS_PART_KEY, "a certificate but no private key"},
    {"no cert", TLS_PART_CERT, "a private key but no certificate"},
    {"empty cert", TLS_PART_CERT, "there is none in it"},
    {"cut cert", TLS_PART_CERT, "test"},
    {"key of another", TLS_PART_KEY, "does not belong"},
    {"nonsense key", TLS_PART_KEY, "private key"},
    {"empty ca", TLS_PART_CA, "there is none in it"},
    {"cut ca", TLS_PART_CA, "certificate authorities"},
};

static void
spoil(struct tls_options *options, int number, const struct test_cert *cert,
    const struct test_cert *other)
{
	switch (number) {
	case 0:
		options->protocols = "";
		return;
	case 1:
		options->protocols = "tlsv1.2,tlsv1.9";
		return;
	case 2:
		options->ciphers = "nonsense";
		return;
	case 3:
		options->tls13_ciphers = "nonsense";
		return;
	case 4:
		options->curve = "nonsense";
		return;
	case 5:
		options->dheparams = "nonsense";
		return;
	case 6:
		options->key.text = NULL;
		return;
	case 7:
		options->cert.text = NULL;
		return;
	case 8:
		options->cert = pem("");
		return;
	case 9:
		options->cert.size = strlen(cert->cert) - 40;
		return;
	case 10:
		options->key = pem(other->key);
		return;
	case 11:
		options->key = pem("nonsense");
		return;
	case 12:
		options->ca = pem("\n");
		return;
	default:
		options->ca.size -= 40;
		return;
	}
}

START_TEST(what_is_wrong_with_a_context_is_told)
{
	const struct context_case *row = &contexts[_i];
	struct tls_options options = defaults(TLS_ACCEPTS);
	struct test_cert cert = {0}, other = {0};
	struct tls_context *context;
	enum tls_part culprit;
	struct error err;

	test_cert_make(&cert, "a", -1, NULL, NULL);
	test_cert_make(&other, "b", -1, NULL, NULL);
	options.verify = TLS_VERIFY_CA;
	options.cert = pem(cert.cert);
	options.key = pem(cert.key);
	options.ca = pem(cert.cert);
	context = make(&options);
	tls_context_unref(&context);
	spoil(&options, _i, &cert, &other);
	context = tls_context_new(&options, &culprit, &err);
	ck_assert_msg(context == NULL, "%s", row->label);
	ck_assert_msg(culprit == row->culprit, "%s: %d", row->label, culprit);
	ck_assert_msg(strstr(err.text, row->complaint) != NULL, "%s: %s",
	    row->label, err.text);
	test_cert_fini(&cert);
	test_cert_fini(&other);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_session");
	TCase *talk = tcase_create("talking");
	TCase *ends = tcase_create("ends");
	TCase *who = tcase_create("who");
	TCase *made = tcase_create("contexts");

	tcase_add_loop_test(talk, two_talk, 0, 2);
	tcase_add_loop_test(talk, two_talk_byte_by_byte, 0, 2);
	tcase_add_test(talk, a_full_read_leaves_more_a_short_one_does_not);
	tcase_add_test(talk, one_read_receives_a_bounded_amount);
	tcase_add_test(talk, bytes_received_before_count);
	suite_add_tcase(s, talk);
	tcase_add_test(ends, a_goodbye_is_an_end);
	tcase_add_test(ends, who_has_bytes_to_take_first_gets_no_goodbye);
	tcase_add_test(ends, who_vanishes_is_at_its_end);
	tcase_add_test(ends, what_was_changed_on_the_way_is_not_believed);
	tcase_add_test(ends, a_wire_that_breaks_says_why);
	tcase_add_test(ends, answers_that_nobody_reads_are_bounded);
	tcase_add_test(ends, new_keys_do_no_harm);
	suite_add_tcase(s, ends);
	tcase_add_loop_test(who, a_host_has_to_be_the_one_of_its_certificate, 0,
	    sizeof(hosts) / sizeof(*hosts));
	tcase_add_test(who, a_stranger_is_not_believed);
	tcase_add_loop_test(who, a_client_is_who_its_certificate_says, 0, 2);
	tcase_add_test(who, a_name_with_a_nul_is_no_name);
	tcase_add_loop_test(who, without_a_certificate_nobody_is_anybody, 0, 3);
	tcase_add_test(who, a_bad_certificate_is_no_proof);
	tcase_add_test(who, both_sides_agree_on_the_end_point);
	tcase_add_loop_test(who, a_ticket_is_taken_by_those_who_trust_the_same,
	    0, sizeof(resumes) / sizeof(*resumes));
	suite_add_tcase(s, who);
	tcase_add_loop_test(made, what_is_wrong_with_a_context_is_told, 0,
	    sizeof(contexts) / sizeof(*contexts));
	suite_add_tcase(s, made);
	return unit_run(s);
}
