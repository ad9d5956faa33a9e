/*
 * inherited.c - listening sockets that were open before we were started.
 *
 * The protocol is three environment variables and is promised to stay as it is;
 * a library for it would bring more code into the process than it saves.
 */
#include "net/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"
#include "net/socket.h"

#define FIRST_FD 3
/* More than anybody listens on, and no number to loop over for long. */
#define MOST_FDS 1024

/* How many there are for us; -1 if LISTEN_FDS is no such number. */
static int64_t
count_given(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	int64_t number;

	if (pid == NULL || fds == NULL || !str_to_int64(pid, &number) ||
	    number != getpid()) {
		return 0;
	}
	return str_to_int64(fds, &number) && number >= 0 && number <= MOST_FDS
	    ? number
	    : -1;
}

/* An option of FD that is a number; -1 if it has none. */
static int
option_of(int fd, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value
	                                                              : -1;
}

/* Makes FD a socket like those we open ourselves. */
static int
adopt(int fd, struct error *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
		error_set_errno(
		    err, "could not use the inherited descriptor %d", fd);
		return -1;
	}
	if (option_of(fd, SO_TYPE) != SOCK_STREAM ||
	    option_of(fd, SO_ACCEPTCONN) != 1) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "the inherited descriptor %d is no stream socket that "
		    "listens",
		    fd);
		error_hint(err,
		    "Use ListenStream= with Accept=no in the socket unit.");
		return -1;
	}
	return 0;
}

int
inherited_take(struct inherited *inherited, struct error *err)
{
	int64_t count = count_given();

	*inherited = (struct inherited){0};
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (count < 0) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "LISTEN_FDS is no number of descriptors");
		return -1;
	}
	if (count == 0) {
		return 0;
	}
	inherited->fds = mem_zalloc((size_t)count * sizeof(int));
	for (int i = 0; i < count; i++) {
		if (adopt(FIRST_FD + i, err) != 0) {
			inherited_fini(inherited);
			return -1;
		}
		inherited->fds[inherited->count++] = FIRST_FD + i;
	}
	return 0;
}

void
inherited_fini(struct inherited *inherited)
{
	for (size_t i = 0; i < inherited->count; i++) {
		socket_close(&inherited->fds[i]);
	}
	free(inherited->fds);
	*inherited = (struct inherited){0};
}
