/*
 * courier.h - a CancelRequest on its way, on a connection of its own.
 *
 * Whoever it goes to answers nothing and closes the connection when it has
 * done what it can; that is when it counts as delivered.
 *
 * Source: PostgreSQL docs, "Message Flow", "Canceling Requests in Progress".
 */
#ifndef SERVER_COURIER_H
#define SERVER_COURIER_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct courier;
struct logger;
struct loop;
struct node;
struct pool_dialer;
struct resolver;
struct socket_options;
struct tls_context;

/* Where to, and how. Read at once; nothing of it is kept but the borrowed. */
struct courier_way {
	struct loop *loop;         /* borrowed; outlives it */
	struct logger *logger;     /* borrowed; outlives it */
	struct resolver *resolver; /* borrowed; outlives it */
	const char *host;          /* as connector_start() takes it */
	uint16_t port;
	int64_t timeout_us; /* for all of it; 0: for ever */
	const struct socket_options *options;
	const struct pool_dialer *dialer; /* NULL: sockets */
	const struct node *node;          /* for the dialer only */
	struct tls_context *tls;          /* NULL: without TLS; else never */
	const char *tls_host;             /* whose certificate it has to be */
};

/*
 * Sends REQUEST, which it takes over and wipes. ON_DONE(CONTEXT, MAY_ARRIVE) is
 * called once, from the loop and never from here: delivered, or given up, which
 * is logged. MAY_ARRIVE: it was given up on its way, and may be delivered at
 * any time to come. The courier is gone then.
 */
struct courier *courier_send(const struct courier_way *way, struct buf *request,
    void (*on_done)(void *context, bool may_arrive), void *context);

/* Whether the request has left for its address. */
bool courier_is_connected(const struct courier *courier);

/* Ends it at once, without a call, and sets *COURIER to NULL, which is
 * accepted as well. */
void courier_stop(struct courier **courier);

#endif
