/*
 * control_int.h - the inside of a control connection, for control.c and
 * control_question.c.
 */
#ifndef CONTROL_CONTROL_INT_H
#define CONTROL_CONTROL_INT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/control.h"
#include "core/error.h"
#include "core/list.h"
#include "net/loop.h"

enum control_state {
	CONTROL_CONNECTING,
	CONTROL_IDLE,
	CONTROL_ASKING,
	CONTROL_CLOSED
};

/* A question that waits or is being answered; owns copies of its texts. */
struct question {
	struct list_link link; /* in control->waiting, unless in flight */
	struct control_question asked;
	char *sql;     /* owned */
	char **params; /* owned, NULL without parameters */
	struct error err;
	bool is_rejected; /* err says why */
};

struct control {
	struct loop *loop; /* borrowed */
	struct grave grave;
	struct ready ready; /* work that must not run inside a call to us */
	struct io io;
	struct timer timer; /* deadline of the connection or the question */
	enum control_state state;
	PGconn *conn;                    /* owned; NULL in CLOSED */
	PostgresPollingStatusType wants; /* of PQconnectPoll */
	bool is_reached; /* something has answered at the address */
	bool wants_write;
	struct control_events events;
	int64_t connect_timeout_us;
	struct list waiting;      /* of struct question, owned */
	struct question *flying;  /* owned; non-NULL iff ASKING */
	struct error notice;      /* last error sent outside a question */
	struct error unstartable; /* why, if libpq did not even start */
};

/* ---- control.c ----------------------------------------------------------- */

/* The connection is lost: closes CONTROL, tells all questions and the owner
 * OUTCOME and WHY. */
void control_lose(struct control *control, enum control_outcome outcome,
    const struct error *why);

/* The same of a connection that broke; libpq or a notice before knows why. */
void control_lose_broken(struct control *control);

/* The connection, or the question in flight, took too long. */
void control_on_deadline(struct timer *timer);

/* ---- control_question.c -------------------------------------------------- */

void question_free(struct question *question);

/* Takes the question in flight, then those waiting; NULL when none is left. The
 * caller frees it. */
struct question *question_take(struct control *control);

/* Reads what the answer in flight has so far. May close CONTROL. */
void control_take_answers(struct control *control);

/* Sends the oldest waiting question, if there is one. May close CONTROL. */
void control_ask_next(struct control *control);

#endif
