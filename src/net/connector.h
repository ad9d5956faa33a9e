/* connector.h - a non-blocking connect: name, addresses in turn, deadline. */
#ifndef NET_CONNECTOR_H
#define NET_CONNECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/socket.h"

/* Why there is no connection. */
enum connect_failure {
	CONNECT_NO_ADDRESS, /* the name has none, or names no socket */
	CONNECT_REFUSED,    /* every address refused, each for its reason */
	CONNECT_TIMED_OUT
};

/*
 * Embedded in who wants the connection; zeroed: idle. It can be used again
 * after on_done or connector_cancel().
 */
struct connector {
	struct loop *loop; /* borrowed */
	struct lookup lookup;
	struct io io;
	struct timer deadline; /* of the whole */
	struct timer slice;    /* of the present address */
	struct ready ready;    /* tells a result known at once */
	struct socket_options options;
	struct address *addresses; /* owned */
	size_t count;
	size_t next; /* the address to be tried next */
	char *host;  /* owned; as given */
	uint16_t port;
	int fd;         /* owned until on_done; -1 when there is none */
	int64_t end_us; /* loop time of the deadline; INT64_MAX without */
	int64_t timeout_us;
	enum connect_failure failure;
	struct error err;
	/* True from connector_start() to on_done or connector_cancel(). */
	bool is_active;

	/* The address connected to, or tried last; for the owner to read. */
	struct address address;
	/*
	 * FD is connected and the callee's to close; or it is -1, and
	 * .failure and ERR say why: SQLSTATE 08001, or 53000 when it is this
	 * machine that has no descriptor, port or memory left.
	 */
	void (*on_done)(
	    struct connector *connector, int fd, const struct error *err);
};

/*
 * Connects to HOST: a name, a numeric address, or a Unix socket's directory
 * (begins with '/' or '@'). The addresses of a name are tried in turn, each
 * for its share of what is left of TIMEOUT_US (0: for ever). OPTIONS may be
 * NULL. ON_DONE is called once, from the loop and never from here.
 */
void connector_start(struct connector *connector, struct loop *loop,
    struct resolver *resolver, const char *host, uint16_t port,
    int64_t timeout_us, const struct socket_options *options,
    void (*on_done)(
        struct connector *connector, int fd, const struct error *err));

/* Gives up and frees what it owns; ON_DONE is not called any more. Idempotent;
 * a zeroed connector is accepted. The memory itself must last until the loop's
 * reaper, as for everything the loop can call back. */
void connector_cancel(struct connector *connector);

#endif
