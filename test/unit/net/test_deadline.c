/* test_deadline.c - timeouts in lists: who is told, when, and in which order.
 */
#include "support/unit.h"

#include "core/buf.h"
#include "core/mem.h"
#include "net/deadline.h"
#include "net/loop.h"
#include "support/loop.h"

#define SECOND ((int64_t)1000000)
#define MANY 1000

static struct loop *loop;
static struct deadlines *set;
static struct buf story;

/* Writes its letter down when it is due. */
struct item {
	struct deadline deadline;
	char letter;
	struct item *clears; /* when it is due */
	int64_t again_us;    /* then it is set anew for this long */
};

static void
set_up(void)
{
	loop = test_loop_new();
	loop_hold_time(loop);
	set = deadlines_new(loop);
}

static void
tear_down(void)
{
	deadlines_free(&set);
	loop_free(&loop);
	buf_fini(&story);
}

static void on_due(struct deadline *deadline);

static void
begin(struct item *item, int64_t duration_us)
{
	deadline_set(
	    set, &item->deadline, loop_now_us(loop), duration_us, on_due);
}

static void
on_due(struct deadline *deadline)
{
	struct item *item = list_entry(deadline, struct item, deadline);

	ck_assert(!deadline_is_set(deadline));
	buf_append_char(&story, item->letter);
	if (item->clears != NULL) {
		deadline_clear(&item->clears->deadline);
	}
	if (item->again_us > 0) {
		begin(item, item->again_us);
	}
}

#define assert_story(text) ck_assert_str_eq(buf_text(&story), (text))

START_TEST(each_is_told_once_when_its_time_has_come)
{
	struct item a = {.letter = 'a'}, b = {.letter = 'b'};

	begin(&a, 2 * SECOND);
	loop_advance(loop, SECOND);
	begin(&b, 2 * SECOND);
	loop_advance(loop, SECOND - 1);
	assert_story("");
	loop_advance(loop, 1);
	assert_story("a");
	loop_advance(loop, SECOND - 1);
	assert_story("a");
	loop_advance(loop, 100 * SECOND);
	assert_story("ab");
}
END_TEST

START_TEST(the_shorter_is_told_first_though_it_was_set_last)
{
	struct item a = {.letter = 'a'}, b = {.letter = 'b'};

	begin(&a, 5 * SECOND);
	begin(&b, SECOND);
	loop_advance(loop, 2 * SECOND);
	assert_story("b");
	loop_advance(loop, 3 * SECOND);
	assert_story("ba");
}
END_TEST

START_TEST(a_cleared_one_is_not_told)
{
	struct item a = {.letter = 'a'}, b = {.letter = 'b'};

	begin(&a, SECOND);
	begin(&b, SECOND);
	deadline_clear(&a.deadline);
	deadline_clear(&a.deadline);
	loop_advance(loop, 2 * SECOND);
	assert_story("b");
	deadline_clear(&b.deadline);
}
END_TEST

START_TEST(setting_anew_forgets_what_was_set)
{
	struct item a = {.letter = 'a'};

	begin(&a, 2 * SECOND);
	loop_advance(loop, SECOND);
	begin(&a, 2 * SECOND);
	loop_advance(loop, SECOND);
	assert_story("");
	begin(&a, SECOND / 2);
	loop_advance(loop, SECOND / 2);
	assert_story("a");
	loop_advance(loop, 10 * SECOND);
	assert_story("a");
}
END_TEST

START_TEST(one_that_is_due_may_clear_the_next_and_be_set_again)
{
	struct item b = {.letter = 'b'};
	struct item a = {.letter = 'a', .clears = &b, .again_us = 3 * SECOND};

	begin(&a, SECOND);
	begin(&b, SECOND);
	loop_advance(loop, 2 * SECOND);
	assert_story("a");
	a.again_us = 0;
	loop_advance(loop, 2 * SECOND);
	assert_story("aa");
}
END_TEST

START_TEST(a_start_in_the_past_finds_its_place)
{
	struct item a = {.letter = 'a'}, b = {.letter = 'b'},
	            c = {.letter = 'c'};

	loop_advance(loop, 10 * SECOND);
	begin(&a, 4 * SECOND);
	deadline_set(set, &b.deadline, loop_now_us(loop) - 2 * SECOND,
	    4 * SECOND, on_due);
	deadline_set(set, &c.deadline, loop_now_us(loop) - 9 * SECOND,
	    4 * SECOND, on_due);
	loop_advance(loop, 0);
	assert_story("c");
	loop_advance(loop, 2 * SECOND);
	assert_story("cb");
	loop_advance(loop, 2 * SECOND);
	assert_story("cba");
}
END_TEST

START_TEST(a_new_duration_for_very_many_costs_no_search)
{
	struct item *items = mem_zalloc(MANY * sizeof(*items));

	for (int round = 1; round <= 3; round++) {
		/* Their starts are in no order. */
		for (int i = 0; i < MANY; i++) {
			items[i].letter = 'x';
			deadline_set(set, &items[i].deadline,
			    loop_now_us(loop) - i * 7919 % MANY, round * SECOND,
			    on_due);
		}
	}
	ck_assert_uint_le(deadlines_steps(set), 3 * MANY * 2 * 12);
	loop_advance(loop, 3 * SECOND - MANY);
	assert_story("");
	loop_advance(loop, MANY);
	ck_assert_uint_eq(story.length, MANY);
	free(items);
}
END_TEST

START_TEST(strays_can_be_cleared_and_set_again)
{
	struct item a = {.letter = 'a'}, b = {.letter = 'b'};

	loop_advance(loop, 10 * SECOND);
	begin(&a, 4 * SECOND);
	deadline_set(set, &b.deadline, loop_now_us(loop) - 2 * SECOND,
	    4 * SECOND, on_due);
	ck_assert(deadline_is_set(&b.deadline));
	deadline_clear(&b.deadline);
	ck_assert(!deadline_is_set(&b.deadline));
	loop_advance(loop, 3 * SECOND);
	assert_story("");
	begin(&b, 5 * SECOND);
	loop_advance(loop, SECOND);
	assert_story("a");
	loop_advance(loop, 4 * SECOND);
	assert_story("ab");
}
END_TEST

START_TEST(all_of_very_many_are_told)
{
	struct item *items = mem_zalloc(MANY * sizeof(*items));

	for (int i = 0; i < MANY; i++) {
		items[i].letter = 'x';
		begin(&items[i], SECOND);
	}
	loop_advance(loop, SECOND);
	ck_assert_uint_eq(story.length, MANY);
	free(items);
}
END_TEST

START_TEST(who_closes_in_its_own_callback_is_forgotten)
{
	struct item a = {.letter = 'a'};

	a.clears = &a;
	begin(&a, SECOND);
	loop_advance(loop, 10 * SECOND);
	assert_story("a");
}
END_TEST

START_TEST(it_goes_by_the_clock_otherwise)
{
	struct item a = {.letter = 'a'};

	begin(&a, SECOND / 100);
	test_loop_until(loop, story.length > 0);
	assert_story("a");
}
END_TEST

static void
set_up_by_the_clock(void)
{
	loop = test_loop_new();
	set = deadlines_new(loop);
}

int
main(void)
{
	Suite *suite = suite_create("deadline");
	TCase *held = tcase_create("time held");
	TCase *clock = tcase_create("by the clock");

	tcase_add_checked_fixture(held, set_up, tear_down);
	tcase_add_test(held, each_is_told_once_when_its_time_has_come);
	tcase_add_test(held, the_shorter_is_told_first_though_it_was_set_last);
	tcase_add_test(held, a_cleared_one_is_not_told);
	tcase_add_test(held, setting_anew_forgets_what_was_set);
	tcase_add_test(
	    held, one_that_is_due_may_clear_the_next_and_be_set_again);
	tcase_add_test(held, a_start_in_the_past_finds_its_place);
	tcase_add_test(held, a_new_duration_for_very_many_costs_no_search);
	tcase_add_test(held, strays_can_be_cleared_and_set_again);
	tcase_add_test(held, all_of_very_many_are_told);
	tcase_add_test(held, who_closes_in_its_own_callback_is_forgotten);
	tcase_add_checked_fixture(clock, set_up_by_the_clock, tear_down);
	tcase_add_test(clock, it_goes_by_the_clock_otherwise);
	suite_add_tcase(suite, held);
	suite_add_tcase(suite, clock);
	return unit_run(suite);
}
