/* test_stream.c - bytes over a socket pair, one end of which is a stream. */
#include "support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/mem.h"
#include "net/loop.h"
#include "net/stream.h"
#include "support/loop.h"

struct owner {
	struct stream *stream;
	unsigned readables;
	unsigned drains;
	size_t got;
	bool ended;
	bool failed;
	bool closes_when_readable;
	bool closes_when_drained;
};

static void
on_readable(void *context)
{
	struct owner *owner = context;
	char bytes[4096];
	size_t got;

	owner->readables++;
	if (owner->closes_when_readable) {
		stream_close(&owner->stream);
		return;
	}
	switch (stream_read(owner->stream, bytes, sizeof(bytes), &got)) {
	case IO_DONE:
		owner->got += got;
		return;
	case IO_AGAIN:
		return;
	case IO_EOF:
		owner->ended = true;
		break;
	case IO_FAILED:
		owner->failed = true;
		break;
	}
	stream_update_interest(owner->stream, false);
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

struct stage {
	struct loop *loop;
	struct owner owner;
	int peer;
};

static void
stage_open(struct stage *stage)
{
	int ends[2];

	*stage = (struct stage){.loop = test_loop_new()};
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	stage->peer = ends[1];
	stage->owner.stream =
	    stream_new(stage->loop, ends[0], &ops, &stage->owner);
	ck_assert_int_eq(stream_fd(stage->owner.stream), ends[0]);
}

static void
stage_close(struct stage *stage)
{
	stream_close(&stage->owner.stream);
	stream_close(&stage->owner.stream);
	close(stage->peer);
	loop_free(&stage->loop);
}

/* ---- reading ------------------------------------------------------------- */

START_TEST(bytes_are_told_while_they_are_wanted)
{
	struct stage stage;

	stage_open(&stage);
	ck_assert_int_eq(write(stage.peer, "abc", 3), 3);
	test_loop_settle(stage.loop);
	ck_assert_uint_eq(stage.owner.readables, 0);
	stream_update_interest(stage.owner.stream, true);
	ck_assert(stream_wants_read(stage.owner.stream));
	test_loop_settle(stage.loop);
	ck_assert_uint_eq(stage.owner.got, 3);
	ck_assert_uint_eq(stage.owner.readables, 1);
	shutdown(stage.peer, SHUT_WR);
	test_loop_settle(stage.loop);
	ck_assert(stage.owner.ended);
	stage_close(&stage);
}
END_TEST

START_TEST(who_closes_while_told_of_bytes_is_told_no_more)
{
	struct stage stage;

	stage_open(&stage);
	stage.owner.closes_when_readable = true;
	stream_update_interest(stage.owner.stream, true);
	ck_assert_int_eq(write(stage.peer, "abc", 3), 3);
	test_loop_settle(stage.loop);
	ck_assert_uint_eq(stage.owner.readables, 1);
	ck_assert_ptr_null(stage.owner.stream);
	ck_assert_int_eq(send(stage.peer, "d", 1, MSG_NOSIGNAL), -1);
	stage_close(&stage);
}
END_TEST

/* ---- writing ------------------------------------------------------------- */

#define CHUNK 10007
#define CHUNKS 500

static uint8_t
byte_at(size_t position)
{
	return (uint8_t)(position * 31 + position / 251);
}

/* The peer reads what is there and checks it; returns how much. */
static size_t
read_peer(const struct stage *stage, size_t position)
{
	uint8_t bytes[5000];
	ssize_t n = read(stage->peer, bytes, sizeof(bytes));

	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] != byte_at(position + (size_t)i)) {
			ck_abort_msg("byte %zu", position + (size_t)i);
		}
	}
	return n < 0 ? 0 : (size_t)n;
}

START_TEST(what_the_peer_does_not_take_at_once_leaves_later_in_order)
{
	struct stage stage;
	uint8_t chunk[CHUNK];
	size_t sent = 0, got = 0;
	bool was_kept = false;

	stage_open(&stage);
	for (int i = 0; i < CHUNKS; i++) {
		enum io_result result;

		for (size_t k = 0; k < CHUNK; k++) {
			chunk[k] = byte_at(sent + k);
		}
		result = stream_write(stage.owner.stream, chunk, CHUNK);
		ck_assert_int_eq(result,
		    stream_pending(stage.owner.stream) > 0 ? IO_AGAIN
		                                           : IO_DONE);
		was_kept = was_kept || result == IO_AGAIN;
		sent += CHUNK;
		if (i % 3 == 0) {
			got += read_peer(&stage, got);
			loop_turn(stage.loop, false);
		}
	}
	ck_assert(was_kept);
	ck_assert_uint_eq(stage.owner.drains, 0);
	while (got < sent) {
		got += read_peer(&stage, got);
		loop_turn(stage.loop, false);
	}
	ck_assert_uint_eq(stream_pending(stage.owner.stream), 0);
	ck_assert_uint_eq(stage.owner.drains, 1);
	stage_close(&stage);
}
END_TEST

/* Writes until the socket is full. */
static void
fill(struct stage *stage)
{
	static const uint8_t zeros[65536];

	while (stream_pending(stage->owner.stream) == 0) {
		ck_assert_int_ne(
		    stream_write(stage->owner.stream, zeros, sizeof(zeros)),
		    IO_FAILED);
	}
}

START_TEST(who_closes_when_all_has_left_is_told_no_more)
{
	struct stage stage;
	char bytes[65536];

	stage_open(&stage);
	stage.owner.closes_when_drained = true;
	stream_update_interest(stage.owner.stream, true);
	fill(&stage);
	ck_assert_int_eq(write(stage.peer, "abc", 3), 3);
	for (int i = 0; i < 1000 && stage.owner.stream != NULL; i++) {
		ck_assert_int_ne(read(stage.peer, bytes, sizeof(bytes)), 0);
		stream_update_interest(stage.owner.stream, false);
		loop_turn(stage.loop, false);
	}
	ck_assert_ptr_null(stage.owner.stream);
	ck_assert_uint_eq(stage.owner.drains, 1);
	ck_assert_uint_eq(stage.owner.readables, 0);
	stage_close(&stage);
}
END_TEST

START_TEST(a_peer_that_is_gone_fails_the_write_and_kills_nobody)
{
	struct stage stage;

	stage_open(&stage);
	shutdown(stage.peer, SHUT_RD);
	errno = 0;
	ck_assert_int_eq(stream_write(stage.owner.stream, "abc", 3), IO_FAILED);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_uint_eq(stream_pending(stage.owner.stream), 0);
	stage_close(&stage);
}
END_TEST

START_TEST(a_peer_that_goes_while_bytes_are_kept_is_noticed)
{
	struct stage stage;

	stage_open(&stage);
	fill(&stage);
	ck_assert(!stream_wants_read(stage.owner.stream));
	close(stage.peer);
	stage.peer = -1;
	test_loop_settle(stage.loop);
	ck_assert_uint_eq(stream_pending(stage.owner.stream), 0);
	ck_assert(stage.owner.ended || stage.owner.failed);
	stage_close(&stage);
}
END_TEST

/* ---- other transports ---------------------------------------------------- */

struct pipe_end {
	size_t room;
	size_t sent;
	unsigned interruptions;
	unsigned closes;
};

static ssize_t
receive_nothing(void *context, void *bytes, size_t size)
{
	struct pipe_end *end = context;

	(void)bytes;
	(void)size;
	errno = end->interruptions > 0 ? EINTR : EAGAIN;
	end->interruptions -= end->interruptions > 0;
	return -1;
}

static ssize_t
send_some(void *context, const void *bytes, size_t size)
{
	struct pipe_end *end = context;
	size_t n = size < end->room ? size : end->room;

	(void)bytes;
	if (end->interruptions > 0) {
		end->interruptions--;
		errno = EINTR;
		return -1;
	}
	if (n == 0) {
		errno = EAGAIN;
		return -1;
	}
	n = n < 7 ? n : 7;
	end->room -= n;
	end->sent += n;
	return (ssize_t)n;
}

static void
on_close(void *context)
{
	((struct pipe_end *)context)->closes++;
}

START_TEST(a_transport_may_be_interrupted_and_take_little_at_a_time)
{
	static const struct stream_transport transport = {
	    receive_nothing, send_some, on_close};
	struct loop *loop = test_loop_new();
	struct pipe_end end = {.room = 50, .interruptions = 3};
	struct owner owner = {0};
	char bytes[100] = {0};
	size_t got;

	owner.stream = stream_new_over(loop, &transport, &end, &ops, &owner);
	ck_assert_int_eq(stream_fd(owner.stream), -1);
	ck_assert_int_eq(stream_write(owner.stream, bytes, 100), IO_AGAIN);
	ck_assert_uint_eq(end.sent, 50);
	ck_assert_uint_eq(stream_pending(owner.stream), 50);
	ck_assert_int_eq(stream_write(owner.stream, bytes, 10), IO_AGAIN);
	end.room = 1000;
	stream_poke(owner.stream);
	ck_assert_uint_eq(end.sent, 110);
	ck_assert_uint_eq(owner.drains, 1);
	ck_assert_uint_eq(owner.readables, 0);
	end.interruptions = 2;
	ck_assert_int_eq(stream_read(owner.stream, bytes, 1, &got), IO_AGAIN);
	stream_close(&owner.stream);
	ck_assert_uint_eq(end.closes, 1);
	loop_free(&loop);
}
END_TEST

/* Readable and writable at once, and closed by the first of the two. */
START_TEST(who_closes_when_all_has_left_is_not_told_of_bytes)
{
	static const struct stream_transport transport = {
	    receive_nothing, send_some, on_close};
	struct loop *loop = test_loop_new();
	struct pipe_end end = {0};
	struct owner owner = {.closes_when_drained = true};

	owner.stream = stream_new_over(loop, &transport, &end, &ops, &owner);
	stream_update_interest(owner.stream, true);
	ck_assert_int_eq(stream_write(owner.stream, "abc", 3), IO_AGAIN);
	end.room = 3;
	stream_poke(owner.stream);
	ck_assert_ptr_null(owner.stream);
	ck_assert_uint_eq(owner.drains, 1);
	ck_assert_uint_eq(owner.readables, 0);
	loop_free(&loop);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stream");
	TCase *reading = tcase_create("reading");
	TCase *writing = tcase_create("writing");

	tcase_add_test(reading, bytes_are_told_while_they_are_wanted);
	tcase_add_test(reading, who_closes_while_told_of_bytes_is_told_no_more);
	tcase_add_test(
	    writing, what_the_peer_does_not_take_at_once_leaves_later_in_order);
	tcase_add_test(writing, who_closes_when_all_has_left_is_told_no_more);
	tcase_add_test(
	    writing, a_peer_that_is_gone_fails_the_write_and_kills_nobody);
	tcase_add_test(
	    writing, a_peer_that_goes_while_bytes_are_kept_is_noticed);
	tcase_add_test(
	    writing, a_transport_may_be_interrupted_and_take_little_at_a_time);
	tcase_add_test(
	    writing, who_closes_when_all_has_left_is_not_told_of_bytes);
	suite_add_tcase(suite, reading);
	suite_add_tcase(suite, writing);
	return unit_run(suite);
}
