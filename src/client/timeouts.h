/*
 * timeouts.h - what a client is given time for.
 *
 * Two things are counted at a time. The phase is what it does now; the span is
 * what may last over several phases.
 */
#ifndef CLIENT_TIMEOUTS_H
#define CLIENT_TIMEOUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/deadline.h"

struct client;

enum phase {
	PHASE_NONE,
	PHASE_IDLE,             /* nothing is under way: client_idle_timeout */
	PHASE_IDLE_TRANSACTION, /* holds a transaction or a server, and nothing
	                           moves: idle_transaction_timeout */
	PHASE_QUERY, /* the server is at work for it: query_timeout */
	PHASE_WAIT,  /* for a server: query_wait_notify, query_wait_timeout */
	PHASE_CANCEL /* of another's statement: cancel_wait_timeout */
};
#define PHASES 6

enum span {
	SPAN_NONE,
	SPAN_LOGIN,      /* client_login_timeout */
	SPAN_TRANSACTION /* transaction_timeout */
};
#define SPANS 3

struct timeouts {
	struct deadline phase_end;
	struct deadline span_end;
	int64_t phase_since_us;   /* loop time */
	int64_t span_since_us;    /* loop time */
	int64_t phase_us[PHASES]; /* how long each may last; 0: for ever */
	int64_t span_us[SPANS];   /* the same of spans */
	int64_t wait_notify_us;   /* of PHASE_WAIT: 0: never */
	uint32_t phase_mark;      /* what tells one phase from the next of
	                             the same kind */
	uint32_t span_mark;       /* the same of spans */
	uint32_t reads;           /* of the client's socket, so far */
	uint32_t answers;         /* statements answered, so far */
	uint32_t transactions;    /* ended, so far */
	enum phase phase;
	enum span span;
	bool has_notified; /* the client that it waits */
	bool has_expired;  /* its statement: a cancel is on its way, and the
	                      error that comes of it is a timeout's */
};

/* How long CLIENT may take, from the configuration: at once, and whenever that
 * has changed. What is counted already began when it began. */
void timeouts_configure(struct client *client);

/* Derives what is counted from what CLIENT does now, at the end of every
 * callback. It costs no system call. */
void timeouts_update(struct client *client);

/* Nothing is counted any more. */
void timeouts_end(struct client *client);

#endif
