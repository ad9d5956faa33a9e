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
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/mem.h"
#include "net/bound.h"

#define ACCEPTS_PER_EVENT 64
#define EXHAUSTED_PAUSE_US ((int64_t)100 * 1000)

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
	bool is_exhausted; /* logged; until the backlog was empty again */
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

static void
update_interest(struct listener *listener)
{
	bool accepts =
	    !listener->is_paused && !timer_is_running(&listener->retry);

	io_set(&listener->io, accepts ? IO_READ : IO_NONE);
}

static void
on_retry(struct timer *timer)
{
	update_interest(list_entry(timer, struct listener, retry));
}

static void
pause_exhausted(struct listener *listener)
{
	if (!listener->is_exhausted) {
		listener->is_exhausted = true;
		log_warning(&listener->log,
		    "accept failed: %s, new connections wait", strerror(errno));
	}
	timer_start(
	    &listener->retry, listener->loop, EXHAUSTED_PAUSE_US, 0, on_retry);
	update_interest(listener);
}

static void
note_recovery(struct listener *listener)
{
	if (listener->is_exhausted) {
		listener->is_exhausted = false;
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
		pause_exhausted(listener);
		return false;
	}
	if (address_is_unix(&listener->bound.address)) {
		peer = listener->bound.address; /* its own end has no name */
	} else {
		address_unmap(&peer);
	}
	listener->on_accept(listener->context, fd, &peer); /* may close us */
	return listener->bound.fd != -1 && !listener->is_paused;
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
    struct logger *logger, listener_accept_fn on_accept, void *context)
{
	struct listener *listener = mem_zalloc(sizeof(*listener));

	listener->loop = loop;
	listener->bound = *bound;
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
	    ? listener_new(loop, &bound, logger, on_accept, context)
	    : NULL;
}

struct listener *
listener_adopt(struct loop *loop, int fd,
    const struct listener_options *options, struct logger *logger,
    listener_accept_fn on_accept, void *context, struct error *err)
{
	struct bound bound;

	return bound_adopt(&bound, fd, options, err) == 0
	    ? listener_new(loop, &bound, logger, on_accept, context)
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
