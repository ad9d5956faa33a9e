/* bound.h - a listening socket with its address, and its file if it has one. */
#ifndef NET_BOUND_H
#define NET_BOUND_H

#include <stdbool.h>
#include <sys/types.h>

#include "net/address.h"

struct error;
struct listener_options;

struct bound {
	int fd; /* owned; -1 once closed */
	struct address address;
	bool has_file; /* bound by us to a path, with this identity: */
	dev_t device;
	ino_t inode;
};

/*
 * Binds ADDRESS and listens; .address has the real port. A Unix socket's file
 * that nobody listens on is replaced. -1 and ERR, with what to do about it,
 * when ADDRESS cannot be had; nothing is open then.
 */
int bound_open(struct bound *bound, const struct address *address,
    const struct listener_options *options, struct error *err)
    __attribute__((warn_unused_result));

/*
 * Takes over FD, which listens already: from now on it is BOUND's, also when
 * this fails. Its file is not removed in the end: who made it keeps it.
 */
int bound_adopt(struct bound *bound, int fd,
    const struct listener_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* Applies OPTIONS to what is accepted from now on, but for what only counts
 * when it is bound. */
void bound_set_options(
    const struct bound *bound, const struct listener_options *options);

/* Closes, and removes the Unix socket's file if that is still ours. */
void bound_close(struct bound *bound);

#endif
