/* test_loop.c - the event loop: who runs when, and what may be undone where. */
#include "support/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"
#include "net/loop.h"
#include "support/loop.h"

/* ---- the ready list and the graveyard ------------------------------------ */

/* Writes its letter down when it runs, and when it is reaped. */
struct item {
	struct ready ready;
	struct grave grave;
	struct loop *loop;
	struct buf *story;
	char letter;
	struct item *wakes;      /* from its run */
	struct item *cancels;    /* from its run */
	bool buries;             /* itself, from its run */
	struct item *buries_too; /* from its reaping */
	unsigned repeats;        /* so often it runs again */
};

static void
on_run(struct ready *ready)
{
	struct item *item = list_entry(ready, struct item, ready);

	buf_append_char(item->story, item->letter);
	if (item->wakes != NULL) {
		loop_ready(item->loop, &item->wakes->ready);
	}
	if (item->cancels != NULL) {
		loop_unready(item->loop, &item->cancels->ready);
	}
	if (item->buries) {
		loop_bury(item->loop, &item->grave);
	}
	if (item->repeats > 0) {
		item->repeats--;
		loop_ready(item->loop, &item->ready);
	}
}

static void
on_reap(struct grave *grave)
{
	struct item *item = list_entry(grave, struct item, grave);

	buf_append_char(item->story, '+');
	buf_append_char(item->story, item->letter);
	if (item->buries_too != NULL) {
		loop_bury(item->loop, &item->buries_too->grave);
	}
}

static void
set_items(
    struct item *items, size_t count, struct loop *loop, struct buf *story)
{
	memset(items, 0, count * sizeof(*items));
	for (size_t i = 0; i < count; i++) {
		items[i].ready.run = on_run;
		items[i].grave.reap = on_reap;
		items[i].loop = loop;
		items[i].story = story;
		items[i].letter = (char)('a' + i);
	}
}

static void
expect_story(struct buf *story, const char *text)
{
	ck_assert_str_eq(buf_text(story), text);
	buf_fini(story);
}

START_TEST(ready_ones_run_in_order_and_once)
{
	struct loop *loop = test_loop_new();
	struct buf story = {0};
	struct item items[3];

	set_items(items, 3, loop, &story);
	loop_ready(loop, &items[2].ready);
	loop_ready(loop, &items[0].ready);
	loop_ready(loop, &items[2].ready);
	loop_ready(loop, &items[1].ready);
	loop_unready(loop, &items[1].ready);
	loop_unready(loop, &items[1].ready);
	loop_turn(loop, false);
	loop_turn(loop, false);
	expect_story(&story, "ca");
	loop_free(&loop);
}
END_TEST

START_TEST(what_becomes_ready_meanwhile_runs_before_the_wait)
{
	struct loop *loop = test_loop_new();
	struct buf story = {0};
	struct item items[3];

	set_items(items, 3, loop, &story);
	items[0].wakes = &items[2];
	items[2].cancels = &items[1];
	items[2].wakes = &items[1]; /* woken, then cancelled */
	loop_ready(loop, &items[0].ready);
	loop_turn(loop, false);
	expect_story(&story, "ac");
	loop_free(&loop);
}
END_TEST

START_TEST(who_is_always_ready_does_not_stop_the_loop)
{
	struct loop *loop = test_loop_new();
	struct buf story = {0};
	struct item items[1];

	set_items(items, 1, loop, &story);
	items[0].repeats = 1000000;
	loop_ready(loop, &items[0].ready);
	loop_turn(loop, true); /* nor does it wait */
	ck_assert_uint_gt(story.length, 0);
	ck_assert_uint_lt(story.length, 20000);
	loop_turn(loop, true);
	items[0].repeats = 0;
	buf_fini(&story);
	loop_free(&loop);
	buf_fini(&story);
}
END_TEST

START_TEST(the_graveyard_comes_last_and_until_it_is_empty)
{
	struct loop *loop = test_loop_new();
	struct buf story = {0};
	struct item items[4];

	set_items(items, 4, loop, &story);
	items[0].buries = true;
	items[0].wakes = &items[1];
	items[1].buries = true;
	items[1].buries_too = &items[3];
	loop_bury(loop, &items[2].grave);
	loop_ready(loop, &items[0].ready);
	loop_turn(loop, false);
	expect_story(&story, "ab+c+a+b+d");
	loop_free(&loop);
}
END_TEST

START_TEST(the_end_of_the_loop_leaves_nothing_undone)
{
	struct loop *loop = test_loop_new();
	struct buf story = {0};
	struct item items[2];

	set_items(items, 2, loop, &story);
	items[0].buries = true;
	items[0].wakes = &items[1];
	items[1].buries = true;
	loop_ready(loop, &items[0].ready);
	loop_free(&loop);
	expect_story(&story, "ab+a+b");
	loop_free(&loop);
}
END_TEST

/* ---- descriptors --------------------------------------------------------- */

struct end {
	struct io io;
	int fd;
	unsigned events;
	struct end *closes; /* from its callback */
};

static void
on_event(struct io *io, unsigned events)
{
	struct end *end = list_entry(io, struct end, io);

	ck_assert_uint_ne(events, 0);
	end->events++;
	if (end->closes != NULL) {
		io_close(&end->closes->io);
		io_close(&end->closes->io);
	}
}

/* Two pipes whose ends to be read are ENDS. */
static void
open_ends(struct loop *loop, struct end *ends, int *write_ends)
{
	for (int i = 0; i < 2; i++) {
		int pipe_ends[2];

		ck_assert_int_eq(pipe(pipe_ends), 0);
		ends[i] = (struct end){.fd = pipe_ends[0]};
		write_ends[i] = pipe_ends[1];
		io_open(&ends[i].io, loop, ends[i].fd, on_event);
		io_set(&ends[i].io, IO_READ);
		ck_assert_int_eq(write(write_ends[i], "x", 1), 1);
	}
}

static void
close_ends(struct end *ends, const int *write_ends)
{
	for (int i = 0; i < 2; i++) {
		io_close(&ends[i].io);
		close(ends[i].fd);
		close(write_ends[i]);
	}
}

START_TEST(only_what_is_watched_is_told)
{
	struct loop *loop = test_loop_new();
	struct end ends[2];
	int write_ends[2];

	open_ends(loop, ends, write_ends);
	io_set(&ends[1].io, IO_NONE);
	loop_turn(loop, true);
	ck_assert_uint_eq(ends[0].events, 1);
	ck_assert_uint_eq(ends[1].events, 0);
	io_set(&ends[1].io, IO_READ);
	io_set(&ends[1].io, IO_READ);
	loop_turn(loop, true);
	ck_assert_uint_eq(ends[1].events, 1);
	close_ends(ends, write_ends);
	loop_free(&loop);
}
END_TEST

START_TEST(who_closes_in_its_own_callback_is_not_called_again)
{
	struct loop *loop = test_loop_new();
	struct end ends[2];
	int write_ends[2];

	open_ends(loop, ends, write_ends);
	ends[0].closes = &ends[0];
	for (int i = 0; i < 3; i++) {
		loop_turn(loop, false);
	}
	ck_assert_uint_eq(ends[0].events, 1);
	ck_assert_uint_eq(ends[1].events, 3);
	close_ends(ends, write_ends);
	loop_free(&loop);
}
END_TEST

/* Both are readable in one turn; whoever comes first closes the other. */
START_TEST(who_is_closed_by_another_is_not_called)
{
	struct loop *loop = test_loop_new();
	struct end ends[2];
	int write_ends[2];

	open_ends(loop, ends, write_ends);
	ends[0].closes = &ends[1];
	ends[1].closes = &ends[0];
	loop_turn(loop, true);
	ck_assert_uint_eq(ends[0].events + ends[1].events, 1);
	close_ends(ends, write_ends);
	loop_free(&loop);
}
END_TEST

START_TEST(a_zeroed_watcher_can_be_closed)
{
	struct io io = {0};
	struct timer timer = {0};

	io_close(&io);
	timer_stop(&timer);
	ck_assert(!timer_is_running(&timer));
}
END_TEST

/* ---- timers -------------------------------------------------------------- */

struct clock {
	struct timer timer;
	struct buf *story;
	char letter;
	bool stops; /* itself, from its callback */
};

static void
on_timer(struct timer *timer)
{
	struct clock *clock = list_entry(timer, struct clock, timer);

	buf_printf(clock->story, "%c", clock->letter);
	if (clock->stops) {
		timer_stop(timer);
	}
}

START_TEST(time_that_is_held_passes_only_when_told)
{
	struct loop *loop = test_loop_new();
	struct buf story = {0};
	struct clock a = {.story = &story, .letter = 'a'},
	             b = {.story = &story, .letter = 'b', .stops = true},
	             c = {.story = &story, .letter = 'c'};
	int64_t start_us;

	loop_hold_time(loop);
	start_us = loop_now_us(loop);
	timer_start(&a.timer, loop, 30, 0, on_timer);
	timer_start(&b.timer, loop, 10, 10, on_timer);
	timer_start(&c.timer, loop, 20, 20, on_timer);
	loop_turn(loop, false);
	ck_assert_int_eq(loop_now_us(loop), start_us);
	ck_assert_uint_eq(story.length, 0);
	loop_advance(loop, 9);
	ck_assert_uint_eq(story.length, 0);
	loop_advance(loop, 56);
	ck_assert_int_eq(loop_now_us(loop), start_us + 65);
	ck_assert(!timer_is_running(&a.timer));
	ck_assert(!timer_is_running(&b.timer));
	ck_assert(timer_is_running(&c.timer));
	timer_stop(&c.timer);
	loop_advance(loop, 100);
	expect_story(&story, "bcacc");
	loop_free(&loop);
}
END_TEST

START_TEST(a_running_timer_is_started_anew)
{
	struct loop *loop = test_loop_new();
	struct buf story = {0};
	struct clock a = {.story = &story, .letter = 'a'};

	loop_hold_time(loop);
	timer_start(&a.timer, loop, 10, 0, on_timer);
	loop_advance(loop, 9);
	timer_start(&a.timer, loop, 10, 0, on_timer);
	loop_advance(loop, 9);
	ck_assert_uint_eq(story.length, 0);
	loop_advance(loop, 1);
	expect_story(&story, "a");
	loop_free(&loop);
}
END_TEST

START_TEST(timers_run_by_the_clock_otherwise)
{
	struct loop *loop = test_loop_new();
	struct buf story = {0};
	struct clock a = {.story = &story, .letter = 'a', .stops = true};
	int64_t start_us = loop_now_us(loop);

	timer_start(&a.timer, loop, 2000, 2000, on_timer);
	ck_assert(timer_is_running(&a.timer));
	test_loop_until(loop, story.length > 0);
	ck_assert_int_ge(loop_now_us(loop) - start_us, 1000);
	ck_assert(!timer_is_running(&a.timer));
	expect_story(&story, "a");
	loop_free(&loop);
}
END_TEST

/* ---- signals and the scratch buffer -------------------------------------- */

static void
on_signal(void *context, int number)
{
	*(int *)context = number;
}

START_TEST(a_signal_is_told_from_the_loop)
{
	struct loop *loop = test_loop_new();
	int number = 0;

	loop_on_signal(loop, SIGUSR1, on_signal, &number);
	ck_assert_int_eq(raise(SIGUSR1), 0);
	ck_assert_int_eq(number, 0);
	test_loop_until(loop, number != 0);
	ck_assert_int_eq(number, SIGUSR1);
	loop_free(&loop);
}
END_TEST

START_TEST(the_scratch_buffer_has_one_owner_at_a_time)
{
	struct loop *loop = test_loop_new();
	int a, b;
	uint8_t *scratch = loop_scratch_take(loop, &a);

	memset(scratch, 1, SCRATCH_BYTES);
	loop_scratch_give(loop, &a);
	ck_assert_ptr_eq(loop_scratch_take(loop, &b), scratch);
	loop_scratch_give(loop, &b);
	loop_free(&loop);
}
END_TEST

static void
add_rest(Suite *suite)
{
	TCase *timers = tcase_create("timers");
	TCase *rest = tcase_create("signals and scratch");

	tcase_add_test(timers, time_that_is_held_passes_only_when_told);
	tcase_add_test(timers, a_running_timer_is_started_anew);
	tcase_add_test(timers, timers_run_by_the_clock_otherwise);
	tcase_add_test(rest, a_signal_is_told_from_the_loop);
	tcase_add_test(rest, the_scratch_buffer_has_one_owner_at_a_time);
	suite_add_tcase(suite, timers);
	suite_add_tcase(suite, rest);
}

int
main(void)
{
	Suite *suite = suite_create("loop");
	TCase *ready = tcase_create("ready list and graveyard");
	TCase *io = tcase_create("descriptors");

	tcase_add_test(ready, ready_ones_run_in_order_and_once);
	tcase_add_test(
	    ready, what_becomes_ready_meanwhile_runs_before_the_wait);
	tcase_add_test(ready, who_is_always_ready_does_not_stop_the_loop);
	tcase_add_test(ready, the_graveyard_comes_last_and_until_it_is_empty);
	tcase_add_test(ready, the_end_of_the_loop_leaves_nothing_undone);
	tcase_add_test(io, only_what_is_watched_is_told);
	tcase_add_test(io, who_closes_in_its_own_callback_is_not_called_again);
	tcase_add_test(io, who_is_closed_by_another_is_not_called);
	tcase_add_test(io, a_zeroed_watcher_can_be_closed);
	suite_add_tcase(suite, ready);
	suite_add_tcase(suite, io);
	add_rest(suite);
	return unit_run(suite);
}
