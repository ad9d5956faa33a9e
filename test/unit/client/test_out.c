/*
 * test_out.c - messages gathered for one write.
 *
 * The server is one whose socket keeps the boundaries of what is written: each
 * system call arrives as one packet.
 */
#include "support/unit.h"

#include <malloc.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/out.h"
#include "net/stream.h"
#include "server/pool_int.h"
#include "server/server_int.h"
#include "support/house.h"
#include "support/loop.h"

/* ---- over a socket ------------------------------------------------------- */

static void
ignore(void *owner)
{
	(void)owner;
}

static const struct stream_owner stream_ops = {ignore, ignore};

struct stage {
	struct loop *loop;
	struct server server; /* only what is written to is set up */
	int peer;
	struct out out;
};

static void
stage_open(struct stage *stage)
{
	int ends[2];

	*stage = (struct stage){.loop = test_loop_new()};
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	stage->peer = ends[1];
	stage->server.state = SERVER_ACTIVE;
	stage->server.stream =
	    stream_new(stage->loop, ends[0], &stream_ops, NULL);
	memset(&stage->out, 0xaa, sizeof(stage->out));
	out_init(&stage->out, &stage->server);
}

static void
stage_close(struct stage *stage)
{
	stream_close(&stage->server.stream);
	close(stage->peer);
	loop_free(&stage->loop);
}

/* The next packet is SIZE bytes of BYTES. */
static void
expect_bytes(struct stage *stage, const void *bytes, size_t size)
{
	static uint8_t got[100000];

	ck_assert_int_eq(recv(stage->peer, got, sizeof(got), 0), (ssize_t)size);
	ck_assert_int_eq(memcmp(got, bytes, size), 0);
}

static void
expect(struct stage *stage, const char *text)
{
	expect_bytes(stage, text, strlen(text));
}

static void
expect_nothing(struct stage *stage)
{
	char byte;

	ck_assert_int_eq(recv(stage->peer, &byte, 1, 0), -1);
}

START_TEST(what_is_borrowed_and_copied_leaves_in_order_in_one_system_call)
{
	struct stage stage;
	char name[8] = "name1";

	stage_open(&stage);
	out_borrow(&stage.out, "before ", 7);
	out_copy(&stage.out, name, 5);
	memset(name, 'x', sizeof(name));
	out_borrow(&stage.out, " behind", 7);
	out_copy(&stage.out, "", 0);
	out_borrow(&stage.out, NULL, 0);
	expect_nothing(&stage);
	ck_assert(out_flush(&stage.out));
	expect(&stage, "before name1 behind");
	expect_nothing(&stage);
	/* And once more, from the start. */
	out_copy(&stage.out, "again", 5);
	ck_assert(out_flush(&stage.out));
	expect(&stage, "again");
	ck_assert(out_flush(&stage.out));
	expect_nothing(&stage);
	stage_close(&stage);
}
END_TEST

START_TEST(pieces_that_adjoin_are_one)
{
	struct stage stage;
	static const char text[] = "abcdefghij";

	stage_open(&stage);
	out_borrow(&stage.out, text, 3);
	out_borrow(&stage.out, text + 3, 3);
	ck_assert_int_eq(stage.out.count, 1);
	out_copy(&stage.out, "12", 2);
	out_copy(&stage.out, "34", 2);
	ck_assert_int_eq(stage.out.count, 2);
	out_borrow(&stage.out, text + 6, 4);
	ck_assert_int_eq(stage.out.count, 3);
	out_copy(&stage.out, "56", 2);
	ck_assert_int_eq(stage.out.count, 4);
	out_borrow(&stage.out, text + 1, 2); /* not behind the last */
	ck_assert_int_eq(stage.out.count, 5);
	ck_assert(out_flush(&stage.out));
	expect(&stage, "abcdef1234ghij56bc");
	stage_close(&stage);
}
END_TEST

START_TEST(more_pieces_than_fit_leave_in_order)
{
	struct stage stage;
	char text[2 * 3 * OUT_PIECES], want[sizeof(text)];
	size_t wanted = 0, got = 0;
	ssize_t n;

	stage_open(&stage);
	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = (char)('a' + i % 23);
	}
	for (size_t i = 0; i < sizeof(text); i += 2) {
		if (i % 3 == 0) {
			out_copy(&stage.out, text + i, 1);
		} else {
			out_borrow(&stage.out, text + i, 1);
		}
		ck_assert_int_le(stage.out.count, OUT_PIECES);
		want[wanted++] = text[i];
	}
	ck_assert(out_flush(&stage.out));
	while ((n = recv(stage.peer, text, sizeof(text), 0)) > 0) {
		ck_assert_int_eq(memcmp(text, want + got, (size_t)n), 0);
		got += (size_t)n;
	}
	ck_assert_uint_eq(got, wanted);
	stage_close(&stage);
}
END_TEST

START_TEST(what_is_copied_when_all_pieces_are_taken_stays)
{
	struct stage stage;
	char text[2 * OUT_PIECES], want[OUT_PIECES + 3];

	stage_open(&stage);
	memset(text, 'x', sizeof(text));
	memset(want, 'x', sizeof(want));
	want[OUT_PIECES] = 'y';
	want[OUT_PIECES + 2] = 'z';
	for (size_t i = 0; i < OUT_PIECES; i++) {
		out_borrow(&stage.out, text + 2 * i, 1);
	}
	out_copy(&stage.out, "y", 1);
	expect_nothing(&stage); /* sending may lose the server: not here */
	out_borrow(&stage.out, text, 1);
	out_copy(&stage.out, "z", 1);
	ck_assert(out_flush(&stage.out));
	expect_bytes(&stage, want, sizeof(want));
	stage_close(&stage);
}
END_TEST

START_TEST(room_may_be_filled_to_the_last_byte_and_no_further)
{
	struct stage stage;
	uint8_t bytes[OUT_ROOM + 1], all[OUT_ROOM + 13], first = '!';

	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(i * 7);
	}
	stage_open(&stage);
	out_copy(&stage.out, bytes, OUT_ROOM - 1);
	out_copy(&stage.out, bytes + OUT_ROOM - 1, 1);
	ck_assert_uint_eq(stage.out.used, OUT_ROOM);
	expect_nothing(&stage);
	out_copy(&stage.out, &first, 1); /* the rest is set aside */
	expect_nothing(&stage);
	ck_assert(out_flush(&stage.out));
	memcpy(all, bytes, OUT_ROOM);
	all[OUT_ROOM] = first;
	expect_bytes(&stage, all, OUT_ROOM + 1);
	/* Too long for the room even when that is empty. */
	out_borrow(&stage.out, "before", 6);
	out_copy(&stage.out, bytes, OUT_ROOM + 1);
	memcpy(all, "before", 6);
	memcpy(all + 6, bytes, OUT_ROOM + 1);
	memcpy(all + 6 + OUT_ROOM + 1, "behind", 6);
	memset(bytes + 1, 0, sizeof(bytes) - 1);
	out_copy(&stage.out, "behind", 6);
	ck_assert(out_flush(&stage.out));
	expect_bytes(&stage, all, sizeof(all));
	expect_nothing(&stage);
	stage_close(&stage);
}
END_TEST

START_TEST(the_steady_state_allocates_nothing)
{
	struct stage stage;
	struct mallinfo2 before, after;
	char bytes[64];

	stage_open(&stage);
	before = mallinfo2();
	for (int i = 0; i < 100; i++) {
		out_init(&stage.out, &stage.server);
		out_borrow(&stage.out, "B....", 5);
		out_copy(&stage.out, "pgweir_1", 9);
		out_borrow(&stage.out, "rest", 4);
		ck_assert(out_flush(&stage.out));
		ck_assert_int_eq(recv(stage.peer, bytes, sizeof(bytes), 0), 18);
	}
	after = mallinfo2();
	ck_assert_uint_eq(before.uordblks, after.uordblks);
	expect_nothing(&stage);
	stage_close(&stage);
}
END_TEST

START_TEST(what_was_lost_meanwhile_is_not_written_to)
{
	struct stage stage;

	stage_open(&stage);
	out_copy(&stage.out, "one", 3);
	stage.server.state = SERVER_CLOSED;
	ck_assert(!out_flush(&stage.out));
	ck_assert(stage.out.failed);
	out_copy(&stage.out, "two", 3);
	out_borrow(&stage.out, "three", 5);
	ck_assert_int_eq(stage.out.count, 0);
	ck_assert(!out_flush(&stage.out));
	expect_nothing(&stage);
	stage_close(&stage);
}
END_TEST

/* ---- a server that can be lost ------------------------------------------- */

struct guest {
	struct waiter waiter;
	struct server *server; /* while it is held */
};

static void
ignore_applied(void *holder, const struct error *err, bool is_refusal)
{
	(void)holder;
	(void)err;
	(void)is_refusal;
}

static void
on_lost(void *holder, const struct error *err)
{
	(void)err;
	((struct guest *)holder)->server = NULL;
}

static const struct server_holder holder_ops = {
    ignore, ignore, ignore_applied, on_lost, NULL};

static void
on_granted(struct waiter *waiter, struct server *server)
{
	struct guest *guest = list_entry(waiter, struct guest, waiter);

	guest->server = server;
	server_hold(server, &holder_ops, guest);
}

static void
on_refused(
    struct waiter *waiter, enum close_reason reason, const struct error *err)
{
	(void)waiter;
	(void)reason;
	(void)err;
	ck_abort();
}

START_TEST(a_server_lost_over_it_is_told_and_left_alone)
{
	struct house house;
	struct guest guest = {
	    .waiter = {.on_granted = on_granted, .on_refused = on_refused}};
	struct out out;

	house_start(&house,
	    "[databases]\napp = host=/a port=1 user=u\n"
	    "[pgweir]\nauth_type = any\npool_mode = transaction\n");
	pool_wait(pool_find(house.pools, "app", "u"), &guest.waiter,
	    POOL_PRIMARY, NULL);
	house_settle(&house);
	peer_welcome(&house, &house.servers[0], false);
	ck_assert_ptr_nonnull(guest.server);
	out_init(&out, guest.server);
	house.servers[0].ended = true;
	for (int i = 0; i < OUT_PIECES; i++) {
		out_borrow(&out, "x", 1);
		out_copy(&out, "y", 1); /* more than there is room for */
	}
	/* Whoever fills it is in the midst of something: only flushing tells.
	 */
	ck_assert(!out.failed);
	ck_assert_ptr_nonnull(guest.server);
	ck_assert(!out_flush(&out));
	ck_assert(out.failed);
	ck_assert_ptr_null(guest.server);
	out_copy(&out, "z", 1);
	ck_assert_int_eq(out.count, 0);
	ck_assert(!out_flush(&out));
	house_stop(&house);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("out");
	TCase *theme = tcase_create("gathered");

	tcase_add_test(theme,
	    what_is_borrowed_and_copied_leaves_in_order_in_one_system_call);
	tcase_add_test(theme, pieces_that_adjoin_are_one);
	tcase_add_test(theme, more_pieces_than_fit_leave_in_order);
	tcase_add_test(theme, what_is_copied_when_all_pieces_are_taken_stays);
	tcase_add_test(
	    theme, room_may_be_filled_to_the_last_byte_and_no_further);
	tcase_add_test(theme, the_steady_state_allocates_nothing);
	tcase_add_test(theme, what_was_lost_meanwhile_is_not_written_to);
	tcase_add_test(theme, a_server_lost_over_it_is_told_and_left_alone);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
