/* process.h - what a daemon owes its system: user, pid file, terminal. */
#ifndef ADMIN_PROCESS_H
#define ADMIN_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct error;

/*
 * Becomes USER if the process is root; does nothing if it is not, or is USER
 * already. USER NULL or "" as root: -1 and ERR, which says how to start it.
 */
int process_drop_root(const char *user, struct error *err)
    __attribute__((warn_unused_result));

/* Gives the file at PATH, if there is one, to USER. For what root has opened
 * and the process must open again later. */
void process_give_file(const char *path, const char *user);

/*
 * Goes to the background. The process that was started waits and ends with
 * status 0 when process_ready() is called with *READY, with 1 if that never
 * comes; until then standard error is kept for what goes wrong. -1 and ERR.
 */
int process_daemonise(int *ready, struct error *err)
    __attribute__((warn_unused_result));

/* Everything is open: lets the terminal go and closes *READY, which is then
 * -1. Nothing happens if it is -1. */
void process_ready(int *ready);

/*
 * Opens and locks the pid file at PATH; *FD is then the caller's, to be ended
 * with process_close_pidfile(). -1 and ERR, which names the process, when one
 * that runs has it. What a process that is gone has left is used again.
 */
int process_open_pidfile(const char *path, int *fd, struct error *err)
    __attribute__((warn_unused_result));

/* Removes the file at PATH if it is still the one open at *FD, and closes that;
 * *FD is then -1. Nothing happens if it is -1. */
void process_close_pidfile(const char *path, int *fd);

/* Writes our pid into FD. */
int process_write_pid(int fd, struct error *err)
    __attribute__((warn_unused_result));

/*
 * Raises the limit of open files as far as the system allows; that is further
 * if the process is root, then up to NEEDED. Returns the limit that holds,
 * INT64_MAX if there is none.
 */
int64_t process_raise_limit(int64_t needed);

#endif
