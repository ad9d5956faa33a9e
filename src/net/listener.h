/* listener.h - a socket that takes in connections. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

#include "net/address.h"
#include "net/loop.h"
#include "net/socket.h"

struct error;
struct listener;
struct logger;

struct listener_options {
	struct socket_options socket; /* inherited by what is accepted */
	int backlog;
	int defer_accept_s; /* TCP: tell of connections with data; 0: of all */
	int most_fd; /* rests while new descriptors are numbered so or higher;
	                0: until there are none */
	bool reuse_port; /* TCP: several processes on one address */
	mode_t unix_mode;
	const char *unix_group; /* name or number; NULL or "": as it comes */
};

/*
 * FD, non-blocking and closed on exec, is the callee's to close. PEER is where
 * it comes from; for a Unix socket that is the listener's own address.
 */
typedef void (*listener_accept_fn)(
    void *context, int fd, const struct address *peer);

/*
 * Listens on ADDRESS; port 0 takes a free one, see listener_address(). A Unix
 * socket's file that nobody listens on is replaced. CONTEXT is borrowed until
 * listener_close(); LOGGER may be NULL. Returns NULL and ERR, with what to do
 * about it, when ADDRESS cannot be had.
 *
 * When the process runs out of descriptors, or of those for clients, it stops
 * accepting for a moment and then looks again; that is logged, but not often.
 */
struct listener *listener_open(struct loop *loop, const struct address *address,
    const struct listener_options *options, struct logger *logger,
    listener_accept_fn on_accept, void *context, struct error *err);

/*
 * As listener_open(), on FD, which listens already and is the callee's from now
 * on, also when this fails; see bound_adopt().
 */
struct listener *listener_adopt(struct loop *loop, int fd,
    const struct listener_options *options, struct logger *logger,
    listener_accept_fn on_accept, void *context, struct error *err);

/* Stops and closes, and removes its Unix socket's file if that is still its
 * own. Sets *LISTENER to NULL; NULL is accepted. */
void listener_close(struct listener **listener);

/* Stops accepting, and goes on; what comes meanwhile waits in the backlog. */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);

/* Applies new OPTIONS to what is accepted from now on; backlog, sharing, mode
 * and group stay as they are. */
void listener_set_options(
    struct listener *listener, const struct listener_options *options);

/* The address bound, with its real port. */
const struct address *listener_address(const struct listener *listener);

int listener_fd(const struct listener *listener);

#endif
