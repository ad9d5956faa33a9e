/* loop.h - a loop for tests, turned until something has happened. */
#ifndef SUPPORT_LOOP_H
#define SUPPORT_LOOP_H

#include <check.h>

#include "core/clock.h"
#include "core/error.h"
#include "net/loop.h"

static inline struct loop *
test_loop_new(void)
{
	struct error err;
	struct loop *loop = loop_new(&err);

	ck_assert_ptr_nonnull(loop);
	return loop;
}

/* Ends the wait of a turn now and then: what the condition waits for may have
 * happened on the ready list, just before. */
static inline void
test_loop_on_tick(struct timer *timer)
{
	(void)timer;
}

/* Turns LOOP until CONDITION holds; fails the test after 10 seconds. */
#define test_loop_until(loop, condition)                                   \
	do {                                                               \
		struct timer tick = {0};                                   \
		int64_t limit_us = clock_monotonic_us() + 10 * 1000000;    \
                                                                           \
		timer_start(&tick, (loop), 5000, 5000, test_loop_on_tick); \
		while (!(condition)) {                                     \
			loop_turn((loop), true);                           \
			ck_assert_msg(clock_monotonic_us() < limit_us,     \
			    "nothing happened for 10 seconds");            \
		}                                                          \
		timer_stop(&tick);                                         \
	} while (0)

/* Turns LOOP without waiting: what must not happen has the chance to. */
static inline void
test_loop_settle(struct loop *loop)
{
	for (int i = 0; i < 20; i++) {
		loop_turn(loop, false);
	}
}

#endif
