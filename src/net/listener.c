/*
 * listener.c - a socket that takes in connections.
 *
 * Accepting is bounded per event, so a flood of new connections does not starve
 * those that are there. Without a descriptor to accept with, the socket would
 * stay readable and the loop spin: then it is not watched for a moment.
 */
#include "net/listener.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/mem.h"
#include "net/bound.h"

#define ACCEPTS_PER_EVENT 64
#define EXHAUSTED_PAUSE_US ((int64_t)100 * 1000)
#define EXHAUSTED_LOG_US ((int64_t)10 * 1000000)

struct listener {
	struct loop *loop; /* borrowed */
	struct io io;
	struct timer retry; /* runs while descriptors are exhausted */
	struct grave grave;
	struct log_source log;
	struct bound bound;
	listener_accept_fn on_accept;
	void *context; /* borrowed until listener_close() */
	bool is_paused;
	int most_fd;          /* see struct listener_options */
	bool is_exhausted;    /* until the backlog was empty again */
	bool is_told;         /* in the log, that it is */
	int64_t logged_us;    /* loop time; 0: never */
	uint64_t exhaustions; /* since then */
};

static void
log_context(const void *object, struct buf *out)
{
	const struct listener *listener = object;
	char text[ADDRESS_TEXT_BYTES];

	buf_append_str(out, " listen=");
	log_append_value(
	    out, address_format(&listener->bound.address, text, sizeof(text)));
}

/* ---- accepting ----------------------------------------------------------- */

static bool
may_accept(const struct listener *listener)
{
	return !listener->is_paused && !timer_is_running(&listener->retry);
}

static void
update_interest(struct listener *listener)
{
	io_set(&listener->io, may_accept(listener) ? IO_READ : IO_NONE);
}

/* The number the next descriptor would get; INT_MAX if there is none. */
static int
next_fd(const struct listener *listener)
{
	int fd = fcntl(listener->bound.fd, F_DUPFD_CLOEXEC, 0);

	if (fd == -1) {
		return INT_MAX;
	}
	(void)close(fd);
	return fd;
}

static bool
is_too_many(const struct listener *listener, int fd)
{
	return listener->most_fd > 0 && fd >= listener->most_fd;
}

static void
on_retry(struct timer *timer)
{
	struct listener *listener = list_entry(timer, struct listener, retry);

	if (is_too_many(listener, next_fd(listener))) {
		timer_start(&listener->retry, listener->loop,
		    EXHAUSTED_PAUSE_US, 0, on_retry);
	}
	update_interest(listener);
}

/* Logs unless that was done lately; whoever is at the limit may go over it and
 * back ten times a second. */
static void
log_exhausted(struct listener *listener, const char *why)
{
	int64_t now_us = loop_now_us(listener->loop);

	listener->exhaustions++;
	if (listener->logged_us != 0 &&
	    now_us - listener->logged_us < EXHAUSTED_LOG_US) {
		return;
	}
	log_warning(&listener->log,
	    "accept failed: %s, new connections wait; raise LimitNOFILE= or "
	    "\"ulimit -n\" times=%llu",
	    why, (unsigned long long)listener->exhaustions);
	listener->logged_us = now_us;
	listener->exhaustions = 0;
	listener->is_told = true;
}

static void
pause_exhausted(struct listener *listener, const char *why)
{
	if (!listener->is_exhausted) {
		listener->is_exhausted = true;
		log_exhausted(listener, why);
	}
	timer_start(
	    &listener->retry, listener->loop, EXHAUSTED_PAUSE_US, 0, on_retry);
	update_interest(listener);
}

static void
note_recovery(struct listener *listener)
{
	listener->is_exhausted = false;
	if (listener->is_told) {
		listener->is_told = false;
		log_info(&listener->log, "accepting connections again");
	}
}

/* Errors of the connection that was about to be accepted; the next may be
 * good. See accept(2), "Error handling". */
static bool
is_passing(int number)
{
	static const int passing[] = {ECONNABORTED, EINTR, EPROTO, ENETDOWN,
	    ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP,
	    ENETUNREACH, EPERM, ETIMEDOUT};

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		if (number == passing[i]) {
			return true;
		}
	}
	return false;
}

/* Accepts one connection. Returns false when there is none to go on with. */
static bool
accept_one(struct listener *listener)
{
	struct address peer = {.length = sizeof(peer.of)};
	int fd = accept4(listener->bound.fd, &peer.of.any, &peer.length,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1) {
		if (errno == EAGAIN) {
			note_recovery(listener);
			return false;
		}
		if (is_passing(errno)) {
			return true;
		}
		pause_exhausted(listener, strerror(errno));
		return false;
	}
	if (is_too_many(listener, fd)) {
		pause_exhausted(listener, "nearly out of open files");
	}
	if (address_is_unix(&listener->bound.address)) {
		peer = listener->bound.address; /* its own end has no name */
	} else {
		address_unmap(&peer);
	}
	listener->on_accept(listener->context, fd, &peer); /* may close us */
	return listener->bound.fd != -1 && may_accept(listener);
}

static void
on_event(struct io *io, unsigned events)
{
	struct listener *listener = list_entry(io, struct listener, io);

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
		if (!accept_one(listener)) {
			return;
		}
	}
}

/* ---- opening ------------------------------------------------------------- */

static void
reap(struct grave *grave)
{
	free(list_entry(grave, struct listener, grave));
}

/* A listener of BOUND, which it takes. */
static struct listener *
listener_new(struct loop *loop, const struct bound *bound,
    const struct listener_options *options, struct logger *logger,
    listener_accept_fn on_accept, void *context)
{
	struct listener *listener = mem_zalloc(sizeof(*listener));

	listener->loop = loop;
	listener->bound = *bound;
	listener->most_fd = options->most_fd;
	listener->on_accept = on_accept;
	listener->context = context;
	listener->grave.reap = reap;
	listener->log = (struct log_source){
	    .logger = logger, .context = log_context, .object = listener};
	io_open(&listener->io, loop, bound->fd, on_event);
	update_interest(listener);
	return listener;
}

struct listener *
listener_open(struct loop *loop, const struct address *address,
    const struct listener_options *options, struct logger *logger,
    listener_accept_fn on_accept, void *context, struct error *err)
{
	struct bound bound;

	return bound_open(&bound, address, options, err) == 0
	    ? listener_new(loop, &bound, options, logger, on_accept, context)
	    : NULL;
}

struct listener *
listener_adopt(struct loop *loop, int fd,
    const struct listener_options *options, struct logger *logger,
    listener_accept_fn on_accept, void *context, struct error *err)
{
	struct bound bound;

	return bound_adopt(&bound, fd, options, err) == 0
	    ? listener_new(loop, &bound, options, logger, on_accept, context)
	    : NULL;
}

void
listener_close(struct listener **listener)
{
	struct listener *l = *listener;

	if (l == NULL) {
		return;
	}
	io_close(&l->io);
	timer_stop(&l->retry);
	bound_close(&l->bound);
	loop_bury(l->loop, &l->grave);
	*listener = NULL;
}

/* ---- afterwards ---------------------------------------------------------- */

void
listener_pause(struct listener *listener)
{
	listener->is_paused = true;
	update_interest(listener);
}

void
listener_resume(struct listener *listener)
{
	listener->is_paused = false;
	update_interest(listener);
}

void
listener_set_options(
    struct listener *listener, const struct listener_options *options)
{
	listener->most_fd = options->most_fd;
	bound_set_options(&listener->bound, options);
}

const struct address *
listener_address(const struct listener *listener)
{
	return &listener->bound.address;
}

int
listener_fd(const struct listener *listener)
{
	return listener->bound.fd;
}
