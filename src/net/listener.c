/*
 * listener.c - a socket that takes in connections.
 *
 * Accepting is bounded per event, so a flood of new connections does not starve
 * those that are there. Without a descriptor to accept with, the socket would
 * stay readable and the loop spin: then it is not watched for a moment.
 *
 * A Unix socket outlives its process as a file. Who finds one tries to connect:
 * only when nobody answers is it removed.
 */
#include "net/listener.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

#define ACCEPTS_PER_EVENT 64
#define EXHAUSTED_PAUSE_US ((int64_t)100 * 1000)

struct listener {
	struct loop *loop; /* borrowed */
	struct io io;
	struct timer retry; /* runs while descriptors are exhausted */
	struct grave grave;
	struct log_source log;
	struct address address;
	listener_accept_fn on_accept;
	void *context; /* borrowed until listener_close() */
	int fd;        /* owned; -1 once closed */
	bool is_paused;
	bool is_exhausted; /* logged; until the backlog was empty again */
	bool has_file;     /* bound to a path, with this identity: */
	dev_t device;
	ino_t inode;
};

static void
log_context(const void *object, struct buf *out)
{
	const struct listener *listener = object;
	char text[ADDRESS_TEXT_BYTES];

	buf_append_str(out, " listen=");
	log_append_value(
	    out, address_format(&listener->address, text, sizeof(text)));
}

static const char *
path_of(const struct address *address)
{
	return address->of.un.sun_path;
}

static bool
has_path(const struct address *address)
{
	return address_is_unix(address) && path_of(address)[0] != '\0';
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
	int fd = accept4(listener->fd, &peer.of.any, &peer.length,
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
	if (address_is_unix(&listener->address)) {
		peer = listener->address; /* its own end has no name */
	}
	listener->on_accept(listener->context, fd, &peer); /* may close us */
	return listener->fd != -1 && !listener->is_paused;
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

/* True when nobody listens at ADDRESS, whose file may be removed. */
static bool
is_stale(const struct address *address)
{
	int fd = socket_open(AF_UNIX);
	bool stale = fd != -1 &&
	    connect(fd, &address->of.any, address->length) != 0 &&
	    errno == ECONNREFUSED;

	socket_close(&fd);
	return stale;
}

static bool
is_socket(const struct address *address)
{
	struct stat st;

	return lstat(path_of(address), &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Removes a socket's file left by a process that is gone. */
static void
remove_stale(const struct address *address)
{
	if (is_socket(address) && is_stale(address)) {
		(void)unlink(path_of(address)); /* bind() will tell */
	}
}

/* Says why bind() or listen() failed, and what can be done. */
static void
explain(const struct address *address, int number, struct error *err)
{
	char text[ADDRESS_TEXT_BYTES];

	errno = number;
	error_set_errno(err, "could not listen on %s",
	    address_format(address, text, sizeof(text)));
	if (number == EADDRINUSE && has_path(address) && !is_socket(address)) {
		error_hint(err,
		    "\"%s\" is in the way and no socket. Remove it, or choose "
		    "another unix_socket_dir.",
		    path_of(address));
	} else if (number == EADDRINUSE) {
		error_hint(err,
		    "Another process listens there already, perhaps another "
		    "pgweir or pgbouncer. Stop it, or choose another "
		    "listen_port.");
	} else if (number == EADDRNOTAVAIL) {
		error_hint(err,
		    "No network interface of this machine has that address. "
		    "Check listen_addr.");
	} else if (number == EACCES && !address_is_unix(address)) {
		error_hint(err,
		    "Ports below 1024 need privileges. Choose another "
		    "listen_port.");
	} else if (address_is_unix(address)) {
		error_hint(err,
		    "Check that the directory of unix_socket_dir exists and "
		    "that the user pgweir runs as may write to it.");
	}
}

static int
group_id(const char *name, gid_t *out, struct error *err)
{
	const struct group *group;
	int64_t number;

	if (str_to_int64(name, &number) && number >= 0 && number < UINT32_MAX) {
		*out = (gid_t)number;
		return 0;
	}
	group = getgrnam(name);
	if (group == NULL) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "unix_socket_group \"%s\" does not exist", name);
		return -1;
	}
	*out = group->gr_gid;
	return 0;
}

/* Gives the bound file its group and mode. Nobody can connect before listen(),
 * so nobody gets in by the mode it was made with. */
static int
set_permissions(const struct address *address,
    const struct listener_options *options, struct error *err)
{
	const char *path = path_of(address);
	const char *group = options->unix_group;
	gid_t gid;

	if (group != NULL && group[0] != '\0') {
		if (group_id(group, &gid, err) != 0) {
			return -1;
		}
		if (chown(path, (uid_t)-1, gid) != 0) {
			error_set_errno(err,
			    "could not give \"%s\" to group \"%s\"", path,
			    group);
			return -1;
		}
	}
	if (chmod(path, options->unix_mode) != 0) {
		error_set_errno(err, "could not set the mode of \"%s\"", path);
		return -1;
	}
	return 0;
}

/* Remembers which file is ours. */
static void
note_file(struct listener *listener)
{
	struct stat st;

	if (lstat(path_of(&listener->address), &st) == 0) {
		listener->has_file = true;
		listener->device = st.st_dev;
		listener->inode = st.st_ino;
	}
}

static void
remove_file(struct listener *listener)
{
	const char *path = path_of(&listener->address);
	struct stat st;

	if (listener->has_file && lstat(path, &st) == 0 &&
	    st.st_dev == listener->device && st.st_ino == listener->inode) {
		(void)unlink(path); /* after a change of user it may fail */
	}
	listener->has_file = false;
}

static void
set_on(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void
prepare_tcp(int fd, int family, const struct listener_options *options)
{
	set_on(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (options->reuse_port) {
		set_on(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	}
	if (family == AF_INET6) {
		set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	}
	if (options->defer_accept_s > 0) {
		set_on(
		    fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, options->defer_accept_s);
	}
}

static int
bind_address(int fd, const struct address *address)
{
	if (bind(fd, &address->of.any, address->length) == 0) {
		return 0;
	}
	if (errno != EADDRINUSE || !has_path(address)) {
		return -1;
	}
	remove_stale(address);
	return bind(fd, &address->of.any, address->length);
}

/* Binds LISTENER's socket to ADDRESS and listens. */
static int
start(struct listener *listener, const struct address *address,
    const struct listener_options *options, struct error *err)
{
	listener->fd = socket_open(address->of.any.sa_family);
	if (listener->fd == -1) {
		explain(address, errno, err);
		return -1;
	}
	socket_apply(listener->fd, &options->socket);
	if (!address_is_unix(address)) {
		prepare_tcp(listener->fd, address->of.any.sa_family, options);
	}
	if (bind_address(listener->fd, address) != 0) {
		explain(address, errno, err);
		return -1;
	}
	if (has_path(address)) {
		note_file(listener);
		if (set_permissions(address, options, err) != 0) {
			return -1;
		}
	}
	if (listen(listener->fd, options->backlog) != 0 ||
	    (!address_is_unix(address) &&
	        address_of_socket(&listener->address, listener->fd) != 0)) {
		explain(address, errno, err);
		return -1;
	}
	return 0;
}

static void
reap(struct grave *grave)
{
	free(list_entry(grave, struct listener, grave));
}

struct listener *
listener_open(struct loop *loop, const struct address *address,
    const struct listener_options *options, struct logger *logger,
    listener_accept_fn on_accept, void *context, struct error *err)
{
	struct listener *listener = mem_zalloc(sizeof(*listener));

	listener->loop = loop;
	listener->address = *address;
	listener->on_accept = on_accept;
	listener->context = context;
	listener->grave.reap = reap;
	listener->log = (struct log_source){
	    .logger = logger, .context = log_context, .object = listener};
	if (start(listener, address, options, err) != 0) {
		listener_close(&listener);
		return NULL;
	}
	io_open(&listener->io, loop, listener->fd, on_event);
	update_interest(listener);
	return listener;
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
	remove_file(l);
	socket_close(&l->fd);
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
    struct listener *listener, const struct socket_options *options)
{
	socket_apply(listener->fd, options);
}

const struct address *
listener_address(const struct listener *listener)
{
	return &listener->address;
}

int
listener_fd(const struct listener *listener)
{
	return listener->fd;
}
