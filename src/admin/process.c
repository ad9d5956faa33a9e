/*
 * process.c - what a daemon owes its system: user, pid file, terminal.
 */
#include "admin/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/error.h"

int
process_drop_root(const char *user, struct error *err)
{
	const struct passwd *entry;

	if (geteuid() != 0) {
		return 0;
	}
	if (user == NULL || user[0] == '\0') {
		error_set(
		    err, SQLSTATE_INTERNAL, "pgweir does not run as root");
		error_hint(err,
		    "Start it with -u USER, set user= in the "
		    "configuration, or start it as that user.");
		return -1;
	}
	entry = getpwnam(user);
	if (entry == NULL) {
		error_set(err, SQLSTATE_INTERNAL, "no such user: \"%s\"", user);
		return -1;
	}
	if (entry->pw_uid == 0) {
		error_set(err, SQLSTATE_INTERNAL,
		    "user \"%s\" is root too; pgweir does not run as root",
		    user);
		return -1;
	}
	if (initgroups(user, entry->pw_gid) != 0 ||
	    setgid(entry->pw_gid) != 0 || setuid(entry->pw_uid) != 0) {
		error_set_errno(err, "could not become user \"%s\"", user);
		return -1;
	}
	return 0;
}

void
process_give_file(const char *path, const char *user)
{
	const struct passwd *entry;

	if (geteuid() != 0 || path == NULL || path[0] == '\0' || user == NULL ||
	    user[0] == '\0' || (entry = getpwnam(user)) == NULL) {
		return;
	}
	/* Where it fails, opening it again later fails, with a reason. */
	(void)!chown(path, entry->pw_uid, entry->pw_gid);
}

/* What was started from a shell waits here for the daemon's word. */
static void
wait_for_daemon(int from_daemon)
{
	char byte;
	ssize_t got;

	do {
		got = read(from_daemon, &byte, 1);
	} while (got < 0 && errno == EINTR);
	_exit(got == 1 ? 0 : 1);
}

int
process_daemonise(int *ready, struct error *err)
{
	int ends[2] = {-1, -1};
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0) {
		error_set_errno(err, "could not go to the background");
		return -1;
	}
	if (child > 0) {
		(void)close(ends[1]);
		wait_for_daemon(ends[0]);
	}
	(void)close(ends[0]);
	if (setsid() < 0 || (child = fork()) < 0) {
		error_set_errno(err, "could not leave the terminal");
		return -1;
	}
	if (child > 0) {
		_exit(0); /* the daemon holds the other end of the pipe */
	}
	*ready = ends[1];
	return 0;
}

void
process_ready(int *ready)
{
	int null_fd;

	if (*ready < 0) {
		return;
	}
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd >= 0) {
		(void)dup2(null_fd, STDIN_FILENO);
		(void)dup2(null_fd, STDOUT_FILENO);
		(void)dup2(null_fd, STDERR_FILENO);
		if (null_fd > STDERR_FILENO) {
			(void)close(null_fd);
		}
	}
	/* Who waits may have been killed; that is no concern of ours. */
	(void)!write(*ready, "1", 1);
	(void)close(*ready);
	*ready = -1;
}

int
process_open_pidfile(const char *path, int *fd, struct error *err)
{
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (*fd < 0) {
		error_set_errno(err, "could not open pid file \"%s\"", path);
		return -1;
	}
	if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
		error_set(err, SQLSTATE_INTERNAL,
		    "pid file \"%s\" is held by a running process", path);
		error_hint(err, "Stop that process, or use another pidfile.");
		(void)close(*fd);
		*fd = -1;
		return -1;
	}
	return 0;
}

int
process_write_pid(int fd, struct error *err)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) != 0 ||
	    write(fd, text, (size_t)length) != (ssize_t)length) {
		error_set_errno(err, "could not write the pid file");
		return -1;
	}
	return 0;
}

void
process_raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		/* Not needed to work, only to serve more clients. */
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}
