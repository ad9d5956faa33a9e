/*
 * bound.c - a listening socket with its address, and its file if it has one.
 *
 * A Unix socket outlives its process as a file. Who finds one tries to connect:
 * only when nobody answers is it removed.
 */
#include "net/bound.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/str.h"
#include "net/listener.h"
#include "net/socket.h"

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

static void
set_on(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void
defer_accept(int fd, int seconds)
{
	set_on(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds);
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
	defer_accept(fd, options->defer_accept_s);
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

/* Remembers which file is ours. */
static void
note_file(struct bound *bound)
{
	struct stat st;

	if (lstat(path_of(&bound->address), &st) == 0) {
		bound->has_file = true;
		bound->device = st.st_dev;
		bound->inode = st.st_ino;
	}
}

static void
remove_file(struct bound *bound)
{
	const char *path = path_of(&bound->address);
	struct stat st;

	if (bound->has_file && lstat(path, &st) == 0 &&
	    st.st_dev == bound->device && st.st_ino == bound->inode) {
		(void)unlink(path); /* after a change of user it may fail */
	}
	bound->has_file = false;
}

/* Binds the open socket and listens. */
static int
start(struct bound *bound, const struct listener_options *options,
    struct error *err)
{
	const struct address *address = &bound->address;

	socket_apply(bound->fd, &options->socket);
	if (!address_is_unix(address)) {
		prepare_tcp(bound->fd, address->of.any.sa_family, options);
	}
	if (bind_address(bound->fd, address) != 0) {
		explain(address, errno, err);
		return -1;
	}
	if (has_path(address)) {
		note_file(bound);
		if (set_permissions(address, options, err) != 0) {
			return -1;
		}
	}
	if (listen(bound->fd, options->backlog) != 0 ||
	    (!address_is_unix(address) &&
	        address_of_socket(&bound->address, bound->fd) != 0)) {
		explain(address, errno, err);
		return -1;
	}
	return 0;
}

int
bound_open(struct bound *bound, const struct address *address,
    const struct listener_options *options, struct error *err)
{
	*bound = (struct bound){.address = *address};
	bound->fd = socket_open(address->of.any.sa_family);
	if (bound->fd == -1) {
		explain(address, errno, err);
		return -1;
	}
	if (start(bound, options, err) != 0) {
		bound_close(bound);
		return -1;
	}
	return 0;
}

int
bound_adopt(struct bound *bound, int fd, const struct listener_options *options,
    struct error *err)
{
	*bound = (struct bound){.fd = fd};
	if (address_of_socket(&bound->address, fd) != 0) {
		error_set_errno(
		    err, "could not use the inherited descriptor %d", fd);
		bound_close(bound);
		return -1;
	}
	address_note_unix_port(&bound->address);
	socket_apply(fd, &options->socket);
	if (!address_is_unix(&bound->address)) {
		defer_accept(fd, options->defer_accept_s);
	}
	return 0;
}

void
bound_set_options(
    const struct bound *bound, const struct listener_options *options)
{
	socket_reapply(bound->fd, &options->socket);
	if (!address_is_unix(&bound->address)) {
		defer_accept(bound->fd, options->defer_accept_s);
	}
}

void
bound_close(struct bound *bound)
{
	remove_file(bound);
	socket_close(&bound->fd);
}
