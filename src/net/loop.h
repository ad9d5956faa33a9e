/*
 * loop.h - the event loop: descriptors, timers, signals, the ready list, the
 * graveyard and the scratch buffer. The only place that knows libev.
 *
 * One turn: wait, callbacks of descriptors and timers, the ready list until it
 * is empty (bounded), then the graveyard.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/list.h"

struct blocks;
struct buf;
struct error;
struct loop;

/* Bytes received in one read, shared by all connections. */
#define SCRATCH_BYTES ((size_t)64 * 1024)

/* Returns a loop, NULL and ERR when the system refuses one. */
struct loop *loop_new(struct error *err);

/* Empties ready list and graveyard, then frees. Watchers must be closed. */
void loop_free(struct loop **loop);

/* Runs turns until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Runs one turn; without BLOCK it does not wait. For tests and drivers. */
void loop_turn(struct loop *loop, bool block);

/* Monotonic microseconds, read once per turn. */
int64_t loop_now_us(const struct loop *loop);

/* The recycled blocks of this process; borrowed from the loop. */
struct blocks *loop_blocks(struct loop *loop);

/* Appends name and version of the library below: "libev 4.33". */
void loop_put_library(struct buf *out);

/* ---- descriptors --------------------------------------------------------- */

enum io_interest {
	IO_NONE = 0,
	IO_READ = 1,
	IO_WRITE = 2
};

struct io {
	_Alignas(8) unsigned char watcher[56]; /* libev's, see loop.c */
	struct loop *loop;                     /* borrowed */
	int fd;                                /* borrowed */
	unsigned interest;                     /* what is watched now */
	/* EVENTS: IO_READ, IO_WRITE or both; an error is told as both. */
	void (*on_event)(struct io *io, unsigned events);
};

/* Prepares IO for FD, watching nothing yet. FD stays the caller's. */
void io_open(struct io *io, struct loop *loop, int fd,
    void (*on_event)(struct io *io, unsigned events));

/* The events of IO come before those of others in one turn of the loop. To be
 * said before it watches anything. */
void io_set_first(struct io *io);

/* The highest descriptor that was ever given to io_open(); 0 before that. */
int loop_highest_fd(const struct loop *loop);

/* Watches exactly INTEREST; costs nothing when that is unchanged. */
void io_set(struct io *io, unsigned interest);

/* Stops watching and drops pending events. Call it before closing the
 * descriptor. Idempotent; a zeroed IO is accepted. */
void io_close(struct io *io);

/* ---- timers -------------------------------------------------------------- */

struct timer {
	_Alignas(8) unsigned char watcher[56]; /* libev's, see loop.c */
	struct loop *loop; /* borrowed; NULL: never started */
	void (*on_timer)(struct timer *timer);
	struct list_link link; /* in the loop's list while time is held */
	int64_t due_us;        /* loop time; only then */
	int64_t repeat_us;     /* only then */
};

/* Calls ON_TIMER after DELAY_US, then every REPEAT_US if that is not 0.
 * A running timer is started anew. */
void timer_start(struct timer *timer, struct loop *loop, int64_t delay_us,
    int64_t repeat_us, void (*on_timer)(struct timer *timer));

/* Idempotent; a zeroed timer is accepted. */
void timer_stop(struct timer *timer);

bool timer_is_running(const struct timer *timer);

/*
 * For tests: from now on time passes only in loop_advance(), and what happens
 * does not depend on the clock. Before any timer is started.
 */
void loop_hold_time(struct loop *loop);

/* Lets US pass: runs the timers that come due, in the order of their times,
 * each followed by the ready list and the graveyard. Not from a callback. */
void loop_advance(struct loop *loop, int64_t us);

/* ---- signals ------------------------------------------------------------- */

/* Calls ON_SIGNAL(CONTEXT, NUMBER) from the loop, until loop_free(). */
void loop_on_signal(struct loop *loop, int number,
    void (*on_signal)(void *context, int number), void *context);

/* ---- the ready list ------------------------------------------------------ */

/* Embedded in whatever must run after the current callback has returned and
 * before the loop waits. */
struct ready {
	struct list_link link;
	void (*run)(struct ready *ready);
};

/* Queues READY; nothing happens if it is queued already. */
void loop_ready(struct loop *loop, struct ready *ready);

/* Takes READY off the list; nothing happens if it is not queued. */
void loop_unready(struct loop *loop, struct ready *ready);

/* ---- the graveyard ------------------------------------------------------- */

/* Embedded in whatever libev can call back. */
struct grave {
	struct list_link link;
	void (*reap)(struct grave *grave); /* frees the object */
};

/* REAP runs when no callback is on the stack any more. Once per object. */
void loop_bury(struct loop *loop, struct grave *grave);

/* ---- the scratch buffer -------------------------------------------------- */

/* Returns SCRATCH_BYTES of memory for OWNER's exclusive use until
 * loop_scratch_give(); asserts that nobody else holds it. */
uint8_t *loop_scratch_take(struct loop *loop, const void *owner);
void loop_scratch_give(struct loop *loop, const void *owner);

#endif
