/*
 * supervisor.c - what the service manager (systemd) hears from us.
 *
 * The protocol is a datagram of KEY=VALUE lines to a Unix socket, documented in
 * sd_notify(3) and promised to stay. It is spoken here directly: libsystemd
 * would bring half a dozen compression and crypto libraries into a process that
 * holds everybody's passwords, to send a line of text.
 *
 * Nothing waits. A message that the socket refuses for now is kept, in order,
 * until it takes it; a watchdog's sign of life or a status is only sent when
 * nothing is kept. A socket that is gone is said once, then left alone.
 */
#include "admin/supervisor.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/list.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/socket.h"

#define STATUS_PERIOD_US ((int64_t)2 * 1000 * 1000)

/* A datagram that the socket has refused for now. */
struct message {
	struct list_link link;
	struct buf text;
};

struct supervisor {
	struct loop *loop; /* borrowed */
	struct log_source log;
	struct io io;
	struct timer watchdog;
	struct timer status;
	struct list kept; /* of struct message, owned */
	int64_t watchdog_us;
	int fd; /* owned; -1: nobody to tell */
	supervisor_status_fn put_status;
	void *context;   /* borrowed */
	struct buf said; /* the status sent last */
};

/* ---- the environment ----------------------------------------------------- */

static bool
is_for_us(const char *pid)
{
	int64_t number;

	return pid == NULL ||
	    (str_to_int64(pid, &number) && number == getpid());
}

void
supervision_take(struct supervision *supervision)
{
	const char *path = getenv("NOTIFY_SOCKET");
	const char *period = getenv("WATCHDOG_USEC");
	int64_t number;

	*supervision = (struct supervision){0};
	if (path != NULL && path[0] != '\0') {
		supervision->socket = mem_strdup(path);
	}
	if (period != NULL && is_for_us(getenv("WATCHDOG_PID")) &&
	    str_to_int64(period, &number) && number > 0) {
		supervision->watchdog_us = number;
	}
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

void
supervision_fini(struct supervision *supervision)
{
	free(supervision->socket);
	*supervision = (struct supervision){0};
}

/* ---- sending ------------------------------------------------------------- */

static void
drop_kept(struct supervisor *supervisor)
{
	struct list_link *link;

	while ((link = list_pop(&supervisor->kept)) != NULL) {
		struct message *message =
		    list_entry(link, struct message, link);

		buf_fini(&message->text);
		free(message);
	}
}

static void
stop(struct supervisor *supervisor)
{
	io_close(&supervisor->io);
	timer_stop(&supervisor->watchdog);
	timer_stop(&supervisor->status);
	socket_close(&supervisor->fd);
	drop_kept(supervisor);
}

/* Returns 1 when sent, 0 when the socket is full, -1 when it is gone. */
static int
send_now(struct supervisor *supervisor, const struct buf *text)
{
	ssize_t sent;

	do {
		sent = send(supervisor->fd, buf_bytes(text), text->length,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent == -1 && errno == EINTR);
	if (sent != -1) {
		return 1;
	}
	if (errno == EAGAIN || errno == ENOBUFS) {
		return 0;
	}
	log_warning(&supervisor->log,
	    "the service manager is gone: %s, it is told nothing more",
	    strerror(errno));
	stop(supervisor);
	return -1;
}

static void
on_room(struct io *io, unsigned events)
{
	struct supervisor *supervisor = list_entry(io, struct supervisor, io);

	(void)events;
	while (supervisor->kept.count > 0) {
		struct message *message =
		    list_first(&supervisor->kept, struct message, link);

		if (send_now(supervisor, &message->text) != 1) {
			return;
		}
		list_remove(&supervisor->kept, &message->link);
		buf_fini(&message->text);
		free(message);
	}
	io_set(&supervisor->io, IO_NONE);
}

/* Sends TEXT, whose bytes it takes, now or when there is room. */
static void
send_surely(struct supervisor *supervisor, struct buf *text)
{
	struct message *message;

	if (supervisor->kept.count == 0 && send_now(supervisor, text) != 0) {
		buf_fini(text);
		return;
	}
	message = mem_zalloc(sizeof(*message));
	message->text = *text;
	*text = (struct buf){0};
	list_append(&supervisor->kept, &message->link);
	io_set(&supervisor->io, IO_WRITE);
}

/* Appends how we are to TEXT, if that is new or ALWAYS. */
static void
add_status(struct supervisor *supervisor, struct buf *text, bool always)
{
	struct buf status = {0};

	supervisor->put_status(supervisor->context, &status);
	if (always ||
	    strcmp(buf_text(&status), buf_text(&supervisor->said)) != 0) {
		buf_printf(text, "STATUS=%s\n", buf_text(&status));
		buf_clear(&supervisor->said);
		buf_append_str(&supervisor->said, buf_text(&status));
	}
	buf_fini(&status);
}

static void
on_status(struct timer *timer)
{
	struct supervisor *supervisor =
	    list_entry(timer, struct supervisor, status);
	struct buf text = {0};

	if (supervisor->kept.count == 0) {
		add_status(supervisor, &text, false);
	}
	if (text.length > 0) {
		(void)send_now(supervisor, &text); /* another one comes */
	}
	buf_fini(&text);
}

static void
on_watchdog(struct timer *timer)
{
	struct supervisor *supervisor =
	    list_entry(timer, struct supervisor, watchdog);
	struct buf text = {0};

	buf_append_str(&text, "WATCHDOG=1\n");
	if (supervisor->kept.count == 0) {
		(void)send_now(supervisor, &text); /* another one comes */
	}
	buf_fini(&text);
}

/* ---- states -------------------------------------------------------------- */

static void
tell(struct supervisor *supervisor, const char *state)
{
	struct buf text = {0};

	if (supervisor->fd == -1) {
		return;
	}
	buf_append_str(&text, state);
	add_status(supervisor, &text, true);
	send_surely(supervisor, &text);
}

void
supervisor_ready(struct supervisor *supervisor)
{
	char state[64];

	(void)snprintf(
	    state, sizeof(state), "READY=1\nMAINPID=%d\n", (int)getpid());
	tell(supervisor, state);
	if (supervisor->fd == -1) {
		return;
	}
	if (!timer_is_running(&supervisor->status)) {
		timer_start(&supervisor->status, supervisor->loop,
		    STATUS_PERIOD_US, STATUS_PERIOD_US, on_status);
	}
	if (supervisor->watchdog_us > 0 &&
	    !timer_is_running(&supervisor->watchdog)) {
		/* Half of what is allowed, as sd_watchdog_enabled(3) says. */
		timer_start(&supervisor->watchdog, supervisor->loop, 0,
		    supervisor->watchdog_us / 2, on_watchdog);
	}
}

void
supervisor_reloading(struct supervisor *supervisor)
{
	char state[64];

	(void)snprintf(state, sizeof(state),
	    "RELOADING=1\nMONOTONIC_USEC=%lld\n",
	    (long long)clock_monotonic_us());
	tell(supervisor, state);
}

void
supervisor_stopping(struct supervisor *supervisor)
{
	tell(supervisor, "STOPPING=1\n");
}

/* ---- life ---------------------------------------------------------------- */

/* Opens a datagram socket to PATH; -1 and errno. */
static int
dial(const char *path)
{
	struct address address;
	int fd;

	if (!address_from_socket_name(&address, path)) {
		errno = EAFNOSUPPORT; /* "vsock:" among others */
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1 && connect(fd, &address.of.any, address.length) != 0) {
		int number = errno;

		socket_close(&fd);
		errno = number;
	}
	return fd;
}

struct supervisor *
supervisor_new(struct loop *loop, struct logger *logger,
    const struct supervision *supervision, supervisor_status_fn put_status,
    void *context)
{
	struct supervisor *supervisor = mem_zalloc(sizeof(*supervisor));

	supervisor->loop = loop;
	supervisor->log = (struct log_source){.logger = logger};
	supervisor->put_status = put_status;
	supervisor->context = context;
	supervisor->watchdog_us = supervision->watchdog_us;
	supervisor->fd = -1;
	if (supervision->socket == NULL) {
		return supervisor; /* nobody wants to hear */
	}
	supervisor->fd = dial(supervision->socket);
	if (supervisor->fd == -1) {
		log_warning(&supervisor->log,
		    "the service manager cannot be told: %s socket=%s",
		    strerror(errno), supervision->socket);
		return supervisor;
	}
	io_open(&supervisor->io, loop, supervisor->fd, on_room);
	return supervisor;
}

void
supervisor_free(struct supervisor **supervisor)
{
	struct supervisor *s = *supervisor;

	if (s == NULL) {
		return;
	}
	stop(s);
	buf_fini(&s->said);
	free(s);
	*supervisor = NULL;
}
