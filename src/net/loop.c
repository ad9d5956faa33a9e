/*
 * loop.c - the event loop on libev.
 *
 *   prepare: ready list, then graveyard    (no callback is on the stack)
 *   wait:    epoll
 *   check:   the clock is read once
 *   invoke:  descriptors, timers, signals
 *
 * The ready list is bounded per turn; what is left keeps the loop from
 * waiting, so descriptors are served in between. epoll is chosen by name and
 * the environment ignored: libev's io_uring back end aborts under load.
 */
#include "net/loop.h"

#include <assert.h>
#include <ev.h>
#include <stdlib.h>

#include "core/blocks.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/mem.h"

#define READY_PER_TURN 4096
#define IDLE_BLOCK_BYTES ((size_t)8 * 1024 * 1024)
#define SECONDS(us) ((double)(us) / 1e6)

_Static_assert(sizeof(ev_io) <= sizeof(((struct io *)0)->watcher), "ev_io");
_Static_assert(
    sizeof(ev_timer) <= sizeof(((struct timer *)0)->watcher), "ev_timer");
_Static_assert(
    (int)IO_READ == EV_READ && (int)IO_WRITE == EV_WRITE, "interest");

struct signal_watcher {
	ev_signal watcher;
	struct list_link link; /* in loop->signals */
	void (*on_signal)(void *context, int number);
	void *context; /* borrowed; outlives the loop's run */
};

struct loop {
	struct ev_loop *ev; /* owned */
	ev_prepare prepare;
	ev_check check;
	ev_idle idle;          /* runs while the ready list is not empty */
	struct list ready;     /* of struct ready */
	struct list graveyard; /* of struct grave */
	struct list signals;   /* of struct signal_watcher, owned */
	struct blocks *blocks; /* owned */
	uint8_t *scratch;      /* owned */
	const void *scratch_owner;
	int64_t now_us;
	int highest_fd; /* ever watched */
	bool holds_time;
	struct list timers; /* of struct timer; empty unless time is held */
};

static void
run_ready(struct loop *loop)
{
	struct list_link *link;

	for (int i = 0; i < READY_PER_TURN; i++) {
		if ((link = list_pop(&loop->ready)) == NULL) {
			return;
		}
		struct ready *ready = list_entry(link, struct ready, link);
		ready->run(ready);
	}
}

static void
reap(struct loop *loop)
{
	struct list_link *link;

	while ((link = list_pop(&loop->graveyard)) != NULL) {
		struct grave *grave = list_entry(link, struct grave, link);

		grave->reap(grave);
	}
}

/* What must be done between callbacks and the wait. */
static void
settle(struct loop *loop)
{
	run_ready(loop);
	reap(loop);
	if (loop->ready.count > 0 && !ev_is_active(&loop->idle)) {
		ev_idle_start(loop->ev, &loop->idle);
	} else if (loop->ready.count == 0 && ev_is_active(&loop->idle)) {
		ev_idle_stop(loop->ev, &loop->idle);
	}
}

static void
on_prepare(struct ev_loop *ev, ev_prepare *watcher, int events)
{
	(void)watcher;
	(void)events;
	settle(ev_userdata(ev));
}

static void
read_clock(struct loop *loop)
{
	if (!loop->holds_time) {
		loop->now_us = clock_monotonic_us();
	}
}

static void
on_check(struct ev_loop *ev, ev_check *watcher, int events)
{
	struct loop *loop = ev_userdata(ev);

	(void)watcher;
	(void)events;
	read_clock(loop);
}

static void
on_idle(struct ev_loop *ev, ev_idle *watcher, int events)
{
	(void)ev;
	(void)watcher;
	(void)events;
}

struct loop *
loop_new(struct error *err)
{
	struct ev_loop *ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	struct loop *loop;

	if (ev == NULL) {
		error_set_errno(err, "could not create an epoll event loop");
		return NULL;
	}
	loop = mem_zalloc(sizeof(*loop));
	loop->ev = ev;
	loop->blocks = blocks_new(IDLE_BLOCK_BYTES);
	loop->scratch = mem_alloc(SCRATCH_BYTES);
	loop->now_us = clock_monotonic_us();
	ev_set_userdata(ev, loop);
	ev_prepare_init(&loop->prepare, on_prepare);
	ev_set_priority(&loop->prepare, EV_MINPRI);
	ev_prepare_start(ev, &loop->prepare);
	ev_check_init(&loop->check, on_check);
	ev_set_priority(&loop->check, EV_MAXPRI);
	ev_check_start(ev, &loop->check);
	ev_idle_init(&loop->idle, on_idle);
	return loop;
}

void
loop_free(struct loop **loop)
{
	struct loop *l = *loop;
	struct list_link *link;

	if (l == NULL) {
		return;
	}
	while (l->ready.count > 0 || l->graveyard.count > 0) {
		run_ready(l);
		reap(l);
	}
	while ((link = list_pop(&l->signals)) != NULL) {
		struct signal_watcher *s =
		    list_entry(link, struct signal_watcher, link);

		ev_signal_stop(l->ev, &s->watcher);
		free(s);
	}
	ev_loop_destroy(l->ev);
	blocks_free(&l->blocks);
	free(l->scratch);
	free(l);
	*loop = NULL;
}

void
loop_run(struct loop *loop)
{
	read_clock(loop);
	(void)ev_run(loop->ev, 0);
	settle(loop);
}

void
loop_stop(struct loop *loop)
{
	ev_break(loop->ev, EVBREAK_ALL);
}

void
loop_turn(struct loop *loop, bool block)
{
	(void)ev_run(loop->ev, block ? EVRUN_ONCE : EVRUN_NOWAIT);
	settle(loop);
}

void
loop_put_library(struct buf *out)
{
	buf_printf(out, "libev %d.%d", ev_version_major(), ev_version_minor());
}

int64_t
loop_now_us(const struct loop *loop)
{
	return loop->now_us;
}

struct blocks *
loop_blocks(struct loop *loop)
{
	return loop->blocks;
}

/* ---- descriptors --------------------------------------------------------- */

static ev_io *
io_watcher(struct io *io)
{
	return (ev_io *)(void *)io->watcher;
}

static void
on_io(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct io *io = watcher->data;
	unsigned told = (unsigned)events & (IO_READ | IO_WRITE);

	(void)ev;
	if ((events & EV_ERROR) != 0) {
		told = IO_READ | IO_WRITE;
	}
	io->on_event(io, told);
}

void
io_open(struct io *io, struct loop *loop, int fd,
    void (*on_event)(struct io *io, unsigned events))
{
	ev_io_init(io_watcher(io), on_io, fd, EV_NONE);
	io_watcher(io)->data = io;
	io->loop = loop;
	io->fd = fd;
	io->interest = IO_NONE;
	io->on_event = on_event;
	if (fd > loop->highest_fd) {
		loop->highest_fd = fd;
	}
}

int
loop_highest_fd(const struct loop *loop)
{
	return loop->highest_fd;
}

void
io_set_first(struct io *io)
{
	assert(io->interest == IO_NONE);
	ev_set_priority(io_watcher(io), 1);
}

void
io_set(struct io *io, unsigned interest)
{
	if (io->interest == interest) {
		return;
	}
	if (io->interest != IO_NONE) {
		ev_io_stop(io->loop->ev, io_watcher(io));
	}
	io->interest = interest;
	if (interest != IO_NONE) {
		ev_io_set(io_watcher(io), io->fd, (int)interest);
		ev_io_start(io->loop->ev, io_watcher(io));
	}
}

void
io_close(struct io *io)
{
	if (io->loop == NULL) {
		return;
	}
	ev_io_stop(io->loop->ev, io_watcher(io));
	io->interest = IO_NONE;
	io->loop = NULL;
	io->fd = -1;
}

/* ---- timers -------------------------------------------------------------- */

static ev_timer *
timer_watcher(const struct timer *timer)
{
	/* libev's predicates take a non-const pointer but only read. */
	return (ev_timer *)(uintptr_t)timer->watcher;
}

static void
on_timer(struct ev_loop *ev, ev_timer *watcher, int events)
{
	struct timer *timer = watcher->data;

	(void)ev;
	(void)events;
	timer->on_timer(timer);
}

static void hold_timer(
    struct timer *timer, int64_t delay_us, int64_t repeat_us);

void
timer_start(struct timer *timer, struct loop *loop, int64_t delay_us,
    int64_t repeat_us, void (*callback)(struct timer *timer))
{
	timer_stop(timer);
	timer->loop = loop;
	timer->on_timer = callback;
	if (loop->holds_time) {
		hold_timer(timer, delay_us, repeat_us);
		return;
	}
	ev_timer_init(timer_watcher(timer), on_timer, SECONDS(delay_us),
	    SECONDS(repeat_us));
	timer_watcher(timer)->data = timer;
	ev_timer_start(loop->ev, timer_watcher(timer));
}

void
timer_stop(struct timer *timer)
{
	if (timer->loop == NULL) {
		return;
	}
	if (list_is_linked(&timer->link)) {
		list_remove(&timer->loop->timers, &timer->link);
	}
	ev_timer_stop(timer->loop->ev, timer_watcher(timer));
}

bool
timer_is_running(const struct timer *timer)
{
	return timer->loop != NULL &&
	    (list_is_linked(&timer->link) ||
	        ev_is_active(timer_watcher(timer)));
}

/* ---- time held for tests ------------------------------------------------- */

static void
hold_timer(struct timer *timer, int64_t delay_us, int64_t repeat_us)
{
	ev_timer_init(timer_watcher(timer), on_timer, 0.0, 0.0);
	timer->due_us = timer->loop->now_us + delay_us;
	timer->repeat_us = repeat_us;
	list_append(&timer->loop->timers, &timer->link);
}

/* The held timer due first, at LAST_US at the latest; NULL if there is none. */
static struct timer *
next_timer(const struct loop *loop, int64_t last_us)
{
	struct timer *next = NULL;

	list_foreach (&loop->timers, link) {
		struct timer *timer = list_entry(link, struct timer, link);

		if (timer->due_us <= last_us &&
		    (next == NULL || timer->due_us < next->due_us)) {
			next = timer;
		}
	}
	return next;
}

void
loop_hold_time(struct loop *loop)
{
	loop->holds_time = true;
}

void
loop_advance(struct loop *loop, int64_t us)
{
	int64_t end_us = loop->now_us + us;
	struct timer *timer;

	assert(loop->holds_time);
	while ((timer = next_timer(loop, end_us)) != NULL) {
		loop->now_us = timer->due_us;
		timer->due_us += timer->repeat_us;
		if (timer->repeat_us == 0) {
			timer_stop(timer);
		}
		timer->on_timer(timer);
		settle(loop);
	}
	loop->now_us = end_us;
	settle(loop);
}

/* ---- signals ------------------------------------------------------------- */

static void
on_signal_event(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct signal_watcher *s = watcher->data;

	(void)ev;
	(void)events;
	s->on_signal(s->context, watcher->signum);
}

void
loop_on_signal(struct loop *loop, int number,
    void (*on_signal)(void *context, int number), void *context)
{
	struct signal_watcher *s = mem_zalloc(sizeof(*s));

	s->on_signal = on_signal;
	s->context = context;
	ev_signal_init(&s->watcher, on_signal_event, number);
	s->watcher.data = s;
	ev_signal_start(loop->ev, &s->watcher);
	list_append(&loop->signals, &s->link);
}

/* ---- ready list, graveyard, scratch -------------------------------------- */

void
loop_ready(struct loop *loop, struct ready *ready)
{
	if (!list_is_linked(&ready->link)) {
		list_append(&loop->ready, &ready->link);
	}
}

void
loop_unready(struct loop *loop, struct ready *ready)
{
	if (list_is_linked(&ready->link)) {
		list_remove(&loop->ready, &ready->link);
	}
}

void
loop_bury(struct loop *loop, struct grave *grave)
{
	list_append(&loop->graveyard, &grave->link);
}

uint8_t *
loop_scratch_take(struct loop *loop, const void *owner)
{
	assert(loop->scratch_owner == NULL);
	loop->scratch_owner = owner;
	return loop->scratch;
}

void
loop_scratch_give(struct loop *loop, const void *owner)
{
	assert(loop->scratch_owner == owner);
	loop->scratch_owner = NULL;
}
