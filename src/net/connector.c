/*
 * connector.c - a non-blocking connect: name, addresses in turn, deadline.
 *
 *   start --> lookup --> try address --> on_done(fd)
 *                 |        |  ^  |
 *                 |        |  +--+ refused, or its share of time is over
 *                 +--------+-----> on_done(-1)
 *
 * An address that drops packets must not use up the time of the next one, so
 * each has its share of what is left. A Unix socket whose backlog is full says
 * EAGAIN and tells nobody when there is room again: it is tried again shortly.
 *
 * A result known before the first wait is told from the ready list, so the
 * owner is never called back while it is still starting us.
 */
#include "net/connector.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

#define BACKLOG_RETRY_US ((int64_t)20 * 1000)

static void try_next(struct connector *connector);

/* Stops everything under way for the present address. */
static void
drop_attempt(struct connector *connector)
{
	io_close(&connector->io);
	timer_stop(&connector->slice);
	socket_close(&connector->fd);
}

void
connector_cancel(struct connector *connector)
{
	if (!connector->is_active) {
		return;
	}
	connector->is_active = false;
	lookup_cancel(&connector->lookup);
	timer_stop(&connector->deadline);
	loop_unready(connector->loop, &connector->ready);
	drop_attempt(connector);
	free(connector->addresses);
	connector->addresses = NULL;
	free(connector->host);
	connector->host = NULL;
}

/* Ends with FD, or with -1 and .err. The owner may do anything in on_done. */
static void
finish(struct connector *connector, int fd)
{
	const struct error err = connector->err;

	connector_cancel(connector);
	connector->on_done(connector, fd, fd == -1 ? &err : NULL);
}

static void
on_ready(struct ready *ready)
{
	struct connector *connector =
	    list_entry(ready, struct connector, ready);

	finish(connector, -1);
}

/* What is being connected to: "db1 (10.1.2.3:5432)". */
static void
describe(const struct connector *connector, char *out, size_t size)
{
	char text[ADDRESS_TEXT_BYTES], host[ADDRESS_TEXT_BYTES];

	address_format(&connector->address, text, sizeof(text));
	address_host(&connector->address, host, sizeof(host));
	if (connector->address.length == 0) {
		(void)snprintf(
		    out, size, "%s:%u", connector->host, connector->port);
	} else if (address_is_unix(&connector->address) ||
	    strcmp(host, connector->host) == 0) {
		(void)snprintf(out, size, "%s", text);
	} else {
		(void)snprintf(out, size, "%s (%s)", connector->host, text);
	}
}

/* Failures that are ours, not the other side's. */
static bool
is_shortage(int number)
{
	return number == EMFILE || number == ENFILE || number == ENOBUFS ||
	    number == ENOMEM || number == EADDRNOTAVAIL;
}

/* Notes why the present address failed; the last one's reason is told. */
static void
note_errno(struct connector *connector, int number)
{
	char what[512];
	const char *why = strerror(number);

	describe(connector, what, sizeof(what));
	connector->failure = CONNECT_REFUSED;
	error_set(&connector->err,
	    is_shortage(number) ? SQLSTATE_INSUFFICIENT_RESOURCES
	                        : SQLSTATE_CANNOT_CONNECT,
	    "connection to %s failed: %c%s", what,
	    tolower((unsigned char)why[0]), why + 1);
}

static void
note_timeout(struct connector *connector)
{
	char what[512];

	describe(connector, what, sizeof(what));
	connector->failure = CONNECT_TIMED_OUT;
	error_set(&connector->err, SQLSTATE_CANNOT_CONNECT,
	    "connection to %s failed: timed out", what);
}

static void
on_deadline(struct timer *timer)
{
	struct connector *connector =
	    list_entry(timer, struct connector, deadline);

	note_timeout(connector);
	finish(connector, -1);
}

/* The present address has used up its share of the time. */
static void
on_slice(struct timer *timer)
{
	struct connector *connector =
	    list_entry(timer, struct connector, slice);

	note_timeout(connector);
	drop_attempt(connector);
	try_next(connector);
}

static void
on_backlog_retry(struct timer *timer)
{
	struct connector *connector =
	    list_entry(timer, struct connector, slice);

	drop_attempt(connector);
	connector->next--;
	try_next(connector);
}

static void
on_event(struct io *io, unsigned events)
{
	struct connector *connector = list_entry(io, struct connector, io);
	int number = 0, fd;
	socklen_t length = sizeof(number);

	(void)events;
	if (getsockopt(connector->fd, SOL_SOCKET, SO_ERROR, &number, &length) !=
	    0) {
		number = errno;
	}
	if (number != 0) {
		note_errno(connector, number);
		drop_attempt(connector);
		try_next(connector);
		return;
	}
	fd = connector->fd;
	connector->fd = -1;
	finish(connector, fd);
}

/* Gives the address about to be tried its share of what time is left. */
static void
start_slice(struct connector *connector)
{
	int64_t left = connector->end_us - loop_now_us(connector->loop);
	int64_t shares = (int64_t)(connector->count - connector->next) + 1;

	if (connector->timeout_us == 0 || shares < 2) {
		return; /* the last one has all of it */
	}
	timer_start(&connector->slice, connector->loop,
	    left > 0 ? left / shares : 0, 0, on_slice);
}

/* Begins to connect to .address. Returns false, with errno, if that has failed
 * already; the outcome otherwise comes through the loop. */
static bool
begin_attempt(struct connector *connector)
{
	const struct address *address = &connector->address;

	connector->fd = socket_open(address->of.any.sa_family);
	if (connector->fd == -1) {
		return false;
	}
	socket_apply(connector->fd, &connector->options);
	if (connect(connector->fd, &address->of.any, address->length) != 0 &&
	    errno != EINPROGRESS && errno != EINTR) {
		if (errno != EAGAIN || !address_is_unix(address)) {
			return false;
		}
		timer_start(&connector->slice, connector->loop,
		    BACKLOG_RETRY_US, 0, on_backlog_retry);
		return true;
	}
	start_slice(connector);
	/* Also when it is connected already: then this fires at once. */
	io_open(&connector->io, connector->loop, connector->fd, on_event);
	io_set(&connector->io, IO_WRITE);
	return true;
}

/* Tries the next address; without one left, tells of the last failure. */
static void
try_next(struct connector *connector)
{
	while (connector->next < connector->count) {
		connector->address = connector->addresses[connector->next++];
		if (begin_attempt(connector)) {
			return;
		}
		note_errno(connector, errno);
		drop_attempt(connector);
	}
	timer_stop(&connector->deadline);
	loop_ready(connector->loop, &connector->ready);
}

/* Takes a copy of the addresses, with our port. */
static void
take_addresses(
    struct connector *connector, const struct address *addresses, size_t count)
{
	connector->addresses = mem_dup(addresses, count * sizeof(*addresses));
	connector->count = count;
	for (size_t i = 0; i < count; i++) {
		if (!address_is_unix(&connector->addresses[i])) {
			address_set_port(
			    &connector->addresses[i], connector->port);
		}
	}
}

static void
on_answer(struct lookup *lookup, const struct address *addresses, size_t count,
    const struct error *err)
{
	struct connector *connector =
	    list_entry(lookup, struct connector, lookup);

	if (count == 0) {
		connector->failure = CONNECT_NO_ADDRESS;
		connector->err = *err;
		finish(connector, -1);
		return;
	}
	take_addresses(connector, addresses, count);
	try_next(connector);
}

/* HOST is the directory of a Unix socket. */
static void
start_unix(struct connector *connector)
{
	struct address address;

	if (address_from_directory(&address, connector->host, connector->port,
	        &connector->err) != 0) {
		connector->failure = CONNECT_NO_ADDRESS;
		loop_ready(connector->loop, &connector->ready);
		return;
	}
	take_addresses(connector, &address, 1);
	try_next(connector);
}

void
connector_start(struct connector *connector, struct loop *loop,
    struct resolver *resolver, const char *host, uint16_t port,
    int64_t timeout_us, const struct socket_options *options,
    void (*on_done)(
        struct connector *connector, int fd, const struct error *err))
{
	assert(!connector->is_active);
	*connector = (struct connector){
	    .loop = loop,
	    .host = mem_strdup(host),
	    .port = port,
	    .fd = -1,
	    .timeout_us = timeout_us,
	    .end_us =
	        timeout_us == 0 ? INT64_MAX : loop_now_us(loop) + timeout_us,
	    .ready.run = on_ready,
	    .is_active = true,
	    .on_done = on_done,
	};
	if (options != NULL) {
		connector->options = *options;
	}
	if (timeout_us > 0) {
		timer_start(
		    &connector->deadline, loop, timeout_us, 0, on_deadline);
	}
	if (host[0] == '/' || host[0] == '@') {
		start_unix(connector);
	} else {
		connector->lookup.in_turn = true;
		lookup_start(&connector->lookup, resolver, host, on_answer);
	}
}
