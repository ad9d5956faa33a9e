/* test_stream_tls.c - two streams with TLS at the ends of a socket pair. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/error.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/stream_tls.h"
#include "net/tls.h"
#include "support/certs.h"
#include "support/loop.h"

struct owner {
	struct stream *stream;
	struct buf got;
	size_t read_bytes; /* asked for at a time */
	unsigned readables;
	unsigned drains;
	bool ended;
	bool failed;
	bool rests; /* after the next read */
	bool closes_when_readable;
	bool closes_when_drained;
};

struct stage {
	struct loop *loop;
	struct test_cert cert;
	struct tls_context *accepts, *connects;
	struct owner server, peer;
};

static void
on_readable(void *context)
{
	struct owner *owner = context;
	static uint8_t bytes[65536];
	size_t got;

	owner->readables++;
	if (owner->closes_when_readable) {
		stream_close(&owner->stream);
		return;
	}
	switch (stream_read(owner->stream, bytes, owner->read_bytes, &got)) {
	case IO_DONE:
		buf_append(&owner->got, bytes, got);
		break;
	case IO_AGAIN:
		break;
	case IO_EOF:
		owner->ended = true;
		break;
	case IO_FAILED:
		owner->failed = true;
		break;
	}
	stream_update_interest(
	    owner->stream, !owner->ended && !owner->failed && !owner->rests);
}

static void
on_drained(void *context)
{
	struct owner *owner = context;

	owner->drains++;
	if (owner->closes_when_drained) {
		stream_close(&owner->stream);
	}
}

static const struct stream_owner ops = {on_readable, on_drained};

static struct tls_context *
make(enum tls_role role, const struct test_cert *cert)
{
	struct tls_options options = {.role = role,
	    .protocols = "secure",
	    .ciphers = "default",
	    .tls13_ciphers = "",
	    .curve = "auto",
	    .dheparams = "auto"};
	struct tls_context *context;
	enum tls_part culprit;
	struct error err;

	if (role == TLS_ACCEPTS) {
		options.cert =
		    (struct tls_pem){"c", cert->cert, strlen(cert->cert)};
		options.key =
		    (struct tls_pem){"k", cert->key, strlen(cert->key)};
	}
	context = tls_context_new(&options, &culprit, &err);
	ck_assert_ptr_nonnull(context);
	return context;
}

/* Connected, TLS begun on both sides; nothing has run yet. */
static void
stage_open(struct stage *stage)
{
	int ends[2];

	*stage = (struct stage){.loop = test_loop_new(),
	    .server.read_bytes = 65536,
	    .peer.read_bytes = 65536};
	test_cert_make(&stage->cert, "db1", -1, NULL, NULL);
	stage->accepts = make(TLS_ACCEPTS, &stage->cert);
	stage->connects = make(TLS_CONNECTS, NULL);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	stage->server.stream =
	    stream_new(stage->loop, ends[0], &ops, &stage->server);
	stage->peer.stream =
	    stream_new(stage->loop, ends[1], &ops, &stage->peer);
	stream_start_tls(stage->server.stream, stage->accepts, NULL, NULL, 0);
	stream_start_tls(stage->peer.stream, stage->connects, "db1", NULL, 0);
	stream_update_interest(stage->server.stream, true);
	stream_update_interest(stage->peer.stream, true);
}

static void
stage_close(struct stage *stage)
{
	stream_close(&stage->server.stream);
	stream_close(&stage->peer.stream);
	test_loop_settle(stage->loop);
	buf_fini(&stage->server.got);
	buf_fini(&stage->peer.got);
	tls_context_unref(&stage->accepts);
	tls_context_unref(&stage->connects);
	test_cert_fini(&stage->cert);
	loop_free(&stage->loop);
}

static bool
is_up(const struct stage *stage)
{
	char text[TLS_TEXT_BYTES];

	return stream_tls_text(stage->server.stream, text, sizeof(text))[0] !=
	    '\0' &&
	    stream_tls_text(stage->peer.stream, text, sizeof(text))[0] != '\0';
}

static void
settle(struct stage *stage)
{
	test_loop_until(stage->loop, is_up(stage));
	test_loop_settle(stage->loop);
}

static void
say(struct owner *owner, const char *text)
{
	ck_assert_int_ne(
	    stream_write(owner->stream, text, strlen(text)), IO_FAILED);
}

#define hear(stage, owner, text)                                         \
	do {                                                             \
		test_loop_until(                                         \
		    (stage)->loop, (owner)->got.length >= strlen(text)); \
		ck_assert_str_eq(buf_text(&(owner)->got), (text));       \
		buf_clear(&(owner)->got);                                \
	} while (0)

/* ---- tests --------------------------------------------------------------- */

START_TEST(streams_talk)
{
	struct stage stage;

	stage_open(&stage);
	ck_assert(stream_has_tls(stage.server.stream));
	ck_assert(!is_up(&stage));
	settle(&stage);
	say(&stage.peer, "hello");
	hear(&stage, &stage.server, "hello");
	say(&stage.server, "hello yourself");
	hear(&stage, &stage.peer, "hello yourself");
	ck_assert(stream_tls_has_protocol(stage.server.stream));
	ck_assert(!stream_tls_is_verified(stage.server.stream));
	ck_assert_uint_eq(stage.server.drains + stage.peer.drains, 0);
	stage_close(&stage);
}
END_TEST

/* The loop sees nothing of what lies decrypted in the session. */
START_TEST(small_reads_come_to_everything)
{
	struct stage stage;

	stage_open(&stage);
	settle(&stage);
	stage.server.read_bytes = 3;
	say(&stage.peer, "a text of many short reads");
	hear(&stage, &stage.server, "a text of many short reads");
	stage_close(&stage);
}
END_TEST

START_TEST(who_does_not_want_to_read_is_told_later)
{
	struct stage stage;
	unsigned before;

	stage_open(&stage);
	settle(&stage);
	stage.server.read_bytes = 4;
	stage.server.rests = true;
	say(&stage.peer, "12345678");
	test_loop_until(stage.loop, stage.server.got.length == 4);
	before = stage.server.readables;
	test_loop_settle(stage.loop);
	ck_assert_uint_eq(stage.server.readables, before);
	stage.server.rests = false;
	stream_update_interest(stage.server.stream, true);
	hear(&stage, &stage.server, "12345678");
	stage_close(&stage);
}
END_TEST

/* In one turn of the loop it has one read, and what that has left. */
START_TEST(who_sends_without_end_has_a_turn_like_others)
{
	static uint8_t bytes[65536];
	struct stage stage;
	size_t before = 0;

	stage_open(&stage);
	settle(&stage);
	for (int i = 0; i < 32; i++) {
		ck_assert_int_ne(
		    stream_write(stage.peer.stream, bytes, sizeof(bytes)),
		    IO_FAILED);
	}
	while (stage.server.got.length < 32 * sizeof(bytes)) {
		loop_turn(stage.loop, false);
		ck_assert_uint_le(stage.server.got.length - before,
		    sizeof(bytes) + 2 * 16384);
		before = stage.server.got.length;
	}
	stage_close(&stage);
}
END_TEST

/* Half a record is nothing to be told of again and again. */
START_TEST(an_idle_stream_is_not_asked)
{
	struct stage stage;
	unsigned before;

	stage_open(&stage);
	settle(&stage);
	say(&stage.peer, "x");
	hear(&stage, &stage.server, "x");
	before = stage.server.readables;
	test_loop_settle(stage.loop);
	ck_assert_uint_eq(stage.server.readables, before);
	stage_close(&stage);
}
END_TEST

START_TEST(what_is_written_before_waits_for_the_handshake)
{
	struct stage stage;

	stage_open(&stage);
	ck_assert_int_eq(stream_write(stage.peer.stream, "hello", 5), IO_AGAIN);
	ck_assert_uint_eq(stream_pending(stage.peer.stream), 5);
	ck_assert_uint_eq(stage.peer.drains, 0);
	hear(&stage, &stage.server, "hello");
	test_loop_settle(stage.loop);
	ck_assert_uint_eq(stream_pending(stage.peer.stream), 0);
	ck_assert_uint_eq(stage.peer.drains, 1);
	stage_close(&stage);
}
END_TEST

START_TEST(who_closes_when_drained_is_told_no_more)
{
	struct stage stage;

	stage_open(&stage);
	stage.peer.closes_when_drained = true;
	ck_assert_int_eq(stream_write(stage.peer.stream, "hello", 5), IO_AGAIN);
	test_loop_until(stage.loop, stage.server.ended);
	ck_assert_str_eq(buf_text(&stage.server.got), "hello");
	stage_close(&stage);
}
END_TEST

START_TEST(what_a_full_socket_does_not_take_leaves_later_in_order)
{
	static uint8_t bytes[100000];
	struct stage stage;
	size_t total = 0;

	stage_open(&stage);
	settle(&stage);
	stream_update_interest(stage.server.stream, false);
	for (int i = 0; i < 40; i++) {
		memset(bytes, 'a' + i % 26, sizeof(bytes));
		ck_assert_int_ne(
		    stream_write(stage.peer.stream, bytes, sizeof(bytes)),
		    IO_FAILED);
		total += sizeof(bytes);
	}
	ck_assert_uint_gt(stream_pending(stage.peer.stream), total / 2);
	test_loop_settle(stage.loop);
	stream_update_interest(stage.server.stream, true);
	test_loop_until(stage.loop, stage.server.got.length == total);
	for (size_t i = 0; i < total; i += 997) {
		ck_assert_int_eq(buf_bytes(&stage.server.got)[i],
		    'a' + (int)(i / sizeof(bytes)) % 26);
	}
	ck_assert_uint_eq(stream_pending(stage.peer.stream), 0);
	ck_assert_uint_eq(stage.peer.drains, 1);
	stage_close(&stage);
}
END_TEST

START_TEST(pieces_become_few_records)
{
	static char big[40000];
	struct stage stage;
	static char abc[] = "abc", defg[] = "defg", tail[] = "tail";
	struct iovec pieces[] = {{abc, 3}, {abc, 0}, {defg, 4},
	    {big, sizeof(big)}, {tail, 4}, {abc, 1}};
	struct buf expected = {0};
	unsigned before;

	memset(big, '-', sizeof(big));
	stage_open(&stage);
	settle(&stage);
	/* Few small ones: one record, one read. */
	before = stage.server.readables;
	ck_assert_int_eq(stream_writev(stage.peer.stream, pieces, 3), IO_DONE);
	hear(&stage, &stage.server, "abcdefg");
	ck_assert_uint_eq(stage.server.readables, before + 1);
	for (int i = 0; i <= 6; i++) {
		buf_clear(&expected);
		for (int j = 0; j < i; j++) {
			buf_append(
			    &expected, pieces[j].iov_base, pieces[j].iov_len);
		}
		ck_assert_int_ne(
		    stream_writev(stage.peer.stream, pieces, i), IO_FAILED);
		hear(&stage, &stage.server, buf_text(&expected));
	}
	buf_fini(&expected);
	stage_close(&stage);
}
END_TEST

START_TEST(who_closes_while_told_of_bytes_is_told_no_more)
{
	struct stage stage;

	stage_open(&stage);
	settle(&stage);
	stage.server.closes_when_readable = true;
	say(&stage.peer, "hello");
	test_loop_until(stage.loop, stage.peer.ended);
	ck_assert_ptr_null(stage.server.stream);
	stage_close(&stage);
}
END_TEST

START_TEST(a_stream_that_fails_says_why)
{
	struct stage stage;
	int fd;

	stage_open(&stage);
	settle(&stage);
	fd = stream_fd(stage.peer.stream);
	ck_assert_int_eq(write(fd, "this is no record", 17), 17);
	test_loop_until(stage.loop, stage.server.failed);
	ck_assert_ptr_nonnull(
	    strstr(stream_error(stage.server.stream), "TLS: "));
	stage_close(&stage);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stream_tls");
	TCase *reading = tcase_create("reading");
	TCase *writing = tcase_create("writing");
	TCase *ends = tcase_create("ends");

	tcase_add_test(reading, streams_talk);
	tcase_add_test(reading, small_reads_come_to_everything);
	tcase_add_test(reading, who_does_not_want_to_read_is_told_later);
	tcase_add_test(reading, who_sends_without_end_has_a_turn_like_others);
	tcase_add_test(reading, an_idle_stream_is_not_asked);
	tcase_add_test(writing, what_is_written_before_waits_for_the_handshake);
	tcase_add_test(
	    writing, what_a_full_socket_does_not_take_leaves_later_in_order);
	tcase_add_test(writing, pieces_become_few_records);
	tcase_add_test(ends, who_closes_when_drained_is_told_no_more);
	tcase_add_test(ends, who_closes_while_told_of_bytes_is_told_no_more);
	tcase_add_test(ends, a_stream_that_fails_says_why);
	suite_add_tcase(suite, reading);
	suite_add_tcase(suite, writing);
	suite_add_tcase(suite, ends);
	return unit_run(suite);
}
