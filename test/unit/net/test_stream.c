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

/* ---- several pieces ------------------------------------------------------ */

/* TEXT cut behind each '|', which is left out; returns how many pieces. */
static int
cut(const char *text, struct iovec *pieces)
{
	int count = 0;

	for (;;) {
		size_t length = strcspn(text, "|");

		pieces[count++] = (struct iovec){
		    .iov_base = (void *)(uintptr_t)text, .iov_len = length};
		if (text[length] == '\0') {
			return count;
		}
		text += length + 1;
	}
}

/* Where messages have boundaries, one call is one message. */
START_TEST(several_pieces_leave_in_one_system_call)
{
	struct loop *loop = test_loop_new();
	struct owner owner = {0};
	struct iovec pieces[16];
	char bytes[64];
	int ends[2], count;

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	owner.stream = stream_new(loop, ends[0], &ops, &owner);
	count = cut("one||,two,|three", pieces);
	ck_assert_int_eq(count, 4);
	ck_assert_int_eq(stream_writev(owner.stream, pieces, count), IO_DONE);
	ck_assert_int_eq(recv(ends[1], bytes, sizeof(bytes), 0), 13);
	ck_assert_int_eq(memcmp(bytes, "one,two,three", 13), 0);
	ck_assert_int_eq(recv(ends[1], bytes, sizeof(bytes), 0), -1);
	ck_assert_uint_eq(stream_pending(owner.stream), 0);
	stream_close(&owner.stream);
	close(ends[1]);
	loop_free(&loop);
}
END_TEST

START_TEST(no_pieces_and_empty_ones_are_nothing)
{
	struct stage stage;
	struct iovec pieces[16];
	int count = cut("||", pieces);
	size_t kept;

	stage_open(&stage);
	ck_assert_int_eq(stream_writev(stage.owner.stream, pieces, 0), IO_DONE);
	ck_assert_int_eq(
	    stream_writev(stage.owner.stream, pieces, count), IO_DONE);
	ck_assert_uint_eq(stream_pending(stage.owner.stream), 0);
	fill(&stage);
	kept = stream_pending(stage.owner.stream);
	ck_assert_int_eq(
	    stream_writev(stage.owner.stream, pieces, count), IO_AGAIN);
	ck_assert_uint_eq(stream_pending(stage.owner.stream), kept);
	stage_close(&stage);
}
END_TEST

START_TEST(pieces_a_socket_does_not_take_leave_later_in_order)
{
	struct stage stage;
	uint8_t chunk[CHUNK];
	size_t sent = 0, got = 0;
	bool was_kept = false;

	stage_open(&stage);
	for (int i = 0; i < CHUNKS; i++) {
		struct iovec pieces[] = {{chunk, 1}, {chunk + 1, 5000},
		    {chunk + 5001, 0}, {chunk + 5001, CHUNK - 5001}};
		enum io_result result;

		for (size_t k = 0; k < CHUNK; k++) {
			chunk[k] = byte_at(sent + k);
		}
		result = stream_writev(stage.owner.stream, pieces, 4);
		memset(chunk, 0, sizeof(chunk)); /* nobody needs them now */
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
	while (got < sent) {
		got += read_peer(&stage, got);
		loop_turn(stage.loop, false);
	}
	ck_assert_uint_eq(stream_pending(stage.owner.stream), 0);
	ck_assert_uint_eq(stage.owner.drains, 1);
	stage_close(&stage);
}
END_TEST

START_TEST(pieces_for_a_peer_that_is_gone_fail_and_kill_nobody)
{
	struct stage stage;
	struct iovec pieces[16];
	int count = cut("abc|def", pieces);

	stage_open(&stage);
	shutdown(stage.peer, SHUT_RD);
	errno = 0;
	ck_assert_int_eq(
	    stream_writev(stage.owner.stream, pieces, count), IO_FAILED);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_uint_eq(stream_pending(stage.owner.stream), 0);
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

/* Takes ROOM bytes, AT_ONCE at a time, and remembers them. */
struct sink {
	size_t room;
	size_t at_once;
	size_t length;
	bool is_broken;
	char bytes[256];
};

static ssize_t
sink_send(void *context, const void *bytes, size_t size)
{
	struct sink *sink = context;
	size_t left = sink->room - sink->length;
	size_t n = size < left ? size : left;

	n = n < sink->at_once ? n : sink->at_once;
	if (n == 0) {
		errno = sink->is_broken ? ECONNRESET : EAGAIN;
		return -1;
	}
	memcpy(sink->bytes + sink->length, bytes, n);
	sink->length += n;
	return (ssize_t)n;
}

static ssize_t
sink_receive(void *context, void *bytes, size_t size)
{
	(void)context;
	(void)bytes;
	(void)size;
	errno = EAGAIN;
	return -1;
}

static void
sink_close(void *context)
{
	(void)context;
}

static const struct stream_transport sink_transport = {
    sink_receive, sink_send, sink_close};

#define PIECES "a||bcd|efghijkl||m|n|opqrstuvwxyz|"
#define PIECES_BYTES 26

/* The peer takes so many bytes of the first write and so many later. */
static void
write_in_two(size_t first, size_t at_once)
{
	struct loop *loop = test_loop_new();
	struct sink sink = {.room = first, .at_once = at_once};
	struct owner owner = {0};
	struct iovec pieces[16];
	int count = cut(PIECES, pieces);
	bool is_all = first >= PIECES_BYTES;

	owner.stream =
	    stream_new_over(loop, &sink_transport, &sink, &ops, &owner);
	ck_assert_int_eq(stream_writev(owner.stream, pieces, count),
	    is_all ? IO_DONE : IO_AGAIN);
	ck_assert_uint_eq(
	    stream_pending(owner.stream), is_all ? 0 : PIECES_BYTES - first);
	if (!is_all) {
		/* Behind what is kept, though there is room now. */
		sink.room = sizeof(sink.bytes);
		count = cut("1|2|", pieces);
		ck_assert_int_eq(
		    stream_writev(owner.stream, pieces, count), IO_AGAIN);
		ck_assert_uint_eq(sink.length, first);
		ck_assert_int_eq(stream_write(owner.stream, "3", 1), IO_AGAIN);
		stream_poke(owner.stream);
		ck_assert_uint_eq(owner.drains, 1);
		ck_assert_uint_eq(sink.length, PIECES_BYTES + 3);
		ck_assert_int_eq(
		    memcmp(sink.bytes + PIECES_BYTES, "123", 3), 0);
	}
	ck_assert_int_eq(
	    memcmp(sink.bytes, "abcdefghijklmnopqrstuvwxyz", PIECES_BYTES), 0);
	ck_assert_uint_eq(stream_pending(owner.stream), 0);
	stream_close(&owner.stream);
	loop_free(&loop);
}

START_TEST(pieces_may_be_cut_anywhere)
{
	for (size_t first = 0; first <= PIECES_BYTES; first++) {
		write_in_two(first, 1);
		write_in_two(first, 5);
		write_in_two(first, 100);
	}
}
END_TEST

START_TEST(pieces_may_fail_anywhere)
{
	for (size_t first = 0; first < PIECES_BYTES; first++) {
		struct loop *loop = test_loop_new();
		struct sink sink = {
		    .room = first, .at_once = 3, .is_broken = true};
		struct owner owner = {0};
		struct iovec pieces[16];
		int count = cut(PIECES, pieces);

		owner.stream =
		    stream_new_over(loop, &sink_transport, &sink, &ops, &owner);
		ck_assert_int_eq(
		    stream_writev(owner.stream, pieces, count), IO_FAILED);
		ck_assert_int_eq(errno, ECONNRESET);
		ck_assert_uint_eq(stream_pending(owner.stream), 0);
		stream_close(&owner.stream);
		loop_free(&loop);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stream");
	TCase *reading = tcase_create("reading");
	TCase *writing = tcase_create("writing");
	TCase *pieces = tcase_create("pieces");

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
	tcase_add_test(pieces, several_pieces_leave_in_one_system_call);
	tcase_add_test(pieces, no_pieces_and_empty_ones_are_nothing);
	tcase_add_test(
	    pieces, pieces_a_socket_does_not_take_leave_later_in_order);
	tcase_add_test(
	    pieces, pieces_for_a_peer_that_is_gone_fail_and_kill_nobody);
	tcase_add_test(pieces, pieces_may_be_cut_anywhere);
	tcase_add_test(pieces, pieces_may_fail_anywhere);
	suite_add_tcase(suite, reading);
	suite_add_tcase(suite, writing);
	suite_add_tcase(suite, pieces);
	return unit_run(suite);
}
