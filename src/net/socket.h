/* socket.h - what is set on every socket we use. */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include <stdbool.h>

/* 0 leaves a value to the system. */
struct socket_options {
	bool keepalive;
	int keep_idle_s;     /* without traffic before the first probe */
	int keep_interval_s; /* between probes */
	int keep_count;      /* unanswered probes until it counts as lost */
	int user_timeout_ms; /* unacknowledged data until it counts as lost */
	int buffer_bytes;    /* of each direction */
};

struct settings;

/* What SETTINGS say about sockets. */
struct socket_options socket_options_of(const struct settings *settings);

/* Returns a non-blocking socket closed on exec; -1 and errno. */
int socket_open(int family);

/*
 * Applies OPTIONS, and no delay of small writes, to FD, which may be of any
 * family. What the system refuses is left as it was: none of it is needed to
 * work. Sockets accepted from FD inherit it.
 */
void socket_apply(int fd, const struct socket_options *options);

/*
 * As socket_apply() for a socket that has had other options: what OPTIONS leave
 * to the system becomes again what a new socket has.
 */
void socket_reapply(int fd, const struct socket_options *options);

/* Closes *FD unless it is -1, and sets it to -1. */
void socket_close(int *fd);

#endif
