/*
 * process.c - what a daemon owes its system: user, pid file, terminal.
 */
#include "admin/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

/* The process id that FD's text begins with; 0 if there is none. */
static pid_t
read_pid(int fd)
{
	char text[32] = "";
	char *end;
	long number;

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0) {
		return 0;
	}
	number = strtol(text, &end, 10);
	return end == text || number <= 1 || number > INT_MAX ? 0
	                                                      : (pid_t)number;
}

/* Whether PID is a running pgbouncer: that one locks no pid file. */
static bool
is_pgbouncer(pid_t pid)
{
	char path[64], name[32] = "";
	ssize_t length = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		length = read(fd, name, sizeof(name) - 1);
		(void)close(fd);
	}
	return length > 0 && strcmp(name, "pgbouncer\n") == 0;
}

/* True when FD is the file that PATH names now. */
static bool
is_file_at(int fd, const char *path)
{
	struct stat open_one, named;

	return fstat(fd, &open_one) == 0 && stat(path, &named) == 0 &&
	    open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

static void
refuse_pidfile(const char *path, pid_t pid, struct error *err)
{
	if (pid == 0) {
		error_set(err, SQLSTATE_INTERNAL,
		    "pid file \"%s\" is held by a running process", path);
	} else {
		error_set(err, SQLSTATE_INTERNAL,
		    "pid file \"%s\" is that of process %d, which runs", path,
		    (int)pid);
	}
	error_hint(err, "Stop that process, or use another pidfile.");
}

/* Opens and locks PATH. Returns 1 when PATH has become another file meanwhile:
 * whoever held it has removed it. */
static int
try_pidfile(const char *path, int *fd, struct error *err)
{
	pid_t pid;

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (*fd < 0) {
		error_set_errno(err, "could not open pid file \"%s\"", path);
		return -1;
	}
	pid = read_pid(*fd);
	if (flock(*fd, LOCK_EX | LOCK_NB) != 0 || is_pgbouncer(pid)) {
		refuse_pidfile(path, pid, err);
		return -1;
	}
	return is_file_at(*fd, path) ? 0 : 1;
}

int
process_open_pidfile(const char *path, int *fd, struct error *err)
{
	int status;

	while ((status = try_pidfile(path, fd, err)) != 0) {
		if (*fd >= 0) {
			(void)close(*fd);
			*fd = -1;
		}
		if (status < 0) {
			return -1;
		}
	}
	return 0;
}

void
process_close_pidfile(const char *path, int *fd)
{
	if (*fd < 0) {
		return;
	}
	if (is_file_at(*fd, path)) {
		/* Its directory may belong to somebody else by now. */
		(void)unlink(path);
	}
	(void)close(*fd);
	*fd = -1;
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

int64_t
process_raise_limit(int64_t needed)
{
	struct rlimit limit, wanted;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		return INT64_MAX;
	}
	wanted = limit;
	if (limit.rlim_max != RLIM_INFINITY &&
	    limit.rlim_max < (rlim_t)needed) {
		wanted.rlim_max = (rlim_t)needed;
	}
	wanted.rlim_cur = wanted.rlim_max;
	/* Neither is needed to work, only to serve more clients. */
	if (setrlimit(RLIMIT_NOFILE, &wanted) != 0) {
		wanted = limit;
		wanted.rlim_cur = wanted.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &wanted) != 0) {
			wanted = limit;
		}
	}
	return wanted.rlim_cur == RLIM_INFINITY ? INT64_MAX
	                                        : (int64_t)wanted.rlim_cur;
}
