/*
 * control.c - asking PostgreSQL a question and getting the answer by callback.
 *
 *   CONNECTING --> IDLE <--> ASKING
 *       |            |         |
 *       +------------+---------+-----> CLOSED
 *
 *   CONNECTING -> IDLE    PQconnectPoll says so
 *   IDLE      <-> ASKING  control_ask_next(), finish_question()
 *   any        -> CLOSED  control_close(), control_lose()
 *
 *   CLOSED: no watcher, no timer, no libpq connection; waits for the reaper.
 *
 * What is asked and answered is in control_question.c.
 *
 * Traps of libpq that shape this file:
 *   - PQconnectPoll may close its socket and open another, even under the same
 *     number. The watcher is therefore closed before and opened after it.
 *   - It has no deadline, and neither has a question. One timer is ours.
 *   - A failed login leaves only a text, see pq_error.c.
 *   - Bytes that OpenSSL has decrypted do not make the socket readable; while
 *     some are pending we go on reading.
 *   - PQcancel blocks: a question whose deadline passes costs the connection.
 *   - libpq trusts the length of a message; the deadline bounds what it reads.
 */
#include "control/control_int.h"

#include <assert.h>
#include <libpq-fe.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "control/keywords.h"
#include "control/pq_error.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/loop.h"

/* Reads per turn while OpenSSL holds decrypted bytes. */
#define READS_PER_TURN 16

static void drive(struct control *control);

const char *
control_outcome_name(enum control_outcome outcome)
{
	switch (outcome) {
	case CONTROL_OK:
		return "done";
	case CONTROL_REFUSED:
		return "refused";
	case CONTROL_TIMED_OUT:
		return "timed out";
	case CONTROL_REJECTED:
		return "rejected";
	case CONTROL_BROKEN:
		return "broken";
	}
	assert(!"unreachable");
	return "";
}

bool
control_is_open(const struct control *control)
{
	return control->state == CONTROL_IDLE ||
	    control->state == CONTROL_ASKING;
}

int
control_server_version(const struct control *control)
{
	return control_is_open(control) ? PQserverVersion(control->conn) : 0;
}

/* ---- notices ------------------------------------------------------------- */

/* Nothing reaches stderr; an error outside a question (57P01 before the end)
 * is kept as the reason of the loss that follows. */
static void
on_notice(void *context, const PGresult *result)
{
	struct control *control = context;
	const char *severity =
	    PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (severity != NULL &&
	    (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0 ||
	        strcmp(severity, "ERROR") == 0)) {
		pq_error_set_result(&control->notice, result);
	}
}

/* ---- the end ------------------------------------------------------------- */

static void
reap(struct grave *grave)
{
	struct control *control = list_entry(grave, struct control, grave);

	free(control);
}

/* Stops everything and enters CLOSED. The questions stay for the caller. */
static void
shut(struct control *control)
{
	assert(control->state != CONTROL_CLOSED);
	control->state = CONTROL_CLOSED;
	io_close(&control->io);
	timer_stop(&control->timer);
	loop_unready(control->loop, &control->ready);
	PQfinish(control->conn);
	control->conn = NULL;
	loop_bury(control->loop, &control->grave);
}

/* The owner may call control_close() from any of these; nothing follows then.
 */
void
control_lose(struct control *control, enum control_outcome outcome,
    const struct error *why)
{
	struct error err = *why; /* may lie in what is freed below */
	struct question *question;

	shut(control);
	while ((question = question_take(control)) != NULL) {
		struct control_question asked = question->asked;

		question_free(question);
		asked.on_done(asked.context, outcome, &err);
	}
	if (control->events.on_lost != NULL) {
		void (*on_lost)(void *, enum control_outcome,
		    const struct error *) = control->events.on_lost;

		control->events.on_lost = NULL;
		on_lost(control->events.context, outcome, &err);
	}
}

void
control_close(struct control *control)
{
	struct question *question;

	if (control == NULL) {
		return;
	}
	if (control->state != CONTROL_CLOSED) {
		shut(control);
	}
	control->events.on_lost = NULL;
	while ((question = question_take(control)) != NULL) {
		question_free(question);
	}
}

void
control_lose_broken(struct control *control)
{
	struct error err = control->notice;

	if (err.text[0] == '\0') {
		pq_error_set(&err, PQerrorMessage(control->conn),
		    SQLSTATE_CONNECTION_FAILURE);
	}
	control_lose(control, CONTROL_BROKEN, &err);
}

void
control_on_deadline(struct timer *timer)
{
	struct control *control = list_entry(timer, struct control, timer);
	bool is_connecting = control->state == CONTROL_CONNECTING;
	struct error err;

	error_set(&err, SQLSTATE_CONNECTION_FAILURE, "%s",
	    is_connecting ? "connect timeout" : "no answer in time");
	control_lose(control, CONTROL_TIMED_OUT, &err);
}

/* ---- watching ------------------------------------------------------------ */

static void
on_io(struct io *io, unsigned events)
{
	(void)events; /* libpq finds out itself */
	drive(list_entry(io, struct control, io));
}

static void
on_ready(struct ready *ready)
{
	drive(list_entry(ready, struct control, ready));
}

/* The one place that decides what CONTROL waits for. */
static void
update_interest(struct control *control)
{
	unsigned interest = IO_READ;

	if (control->state == CONTROL_CLOSED) {
		return;
	}
	if (PQsocket(control->conn) < 0) {
		/* libpq has given up on it; what that means shows next. */
		io_close(&control->io);
		loop_ready(control->loop, &control->ready);
		return;
	}
	if (control->state == CONTROL_CONNECTING) {
		interest = control->wants == PGRES_POLLING_READING ? IO_READ
		                                                   : IO_WRITE;
	} else if (control->wants_write) {
		interest |= IO_WRITE;
	}
	io_set(&control->io, interest);
}

/* ---- asking and being answered ------------------------------------------- */

/* Whether OpenSSL holds bytes that the socket will not tell about. */
static bool
has_pending(const struct control *control)
{
	SSL *ssl = PQsslStruct(control->conn, "OpenSSL");

	return ssl != NULL && SSL_pending(ssl) > 0;
}

/* Receives what has come. May close CONTROL; false then. */
static bool
consume(struct control *control)
{
	PGnotify *notify;
	int reads = 0;
	bool is_good;

	do {
		is_good = PQconsumeInput(control->conn) == 1;
	} while (is_good && has_pending(control) && ++reads < READS_PER_TURN);
	while ((notify = PQnotifies(control->conn)) != NULL) {
		PQfreemem(notify);
	}
	/* In ASKING the failure becomes a result, which says more. */
	if (control->state == CONTROL_IDLE &&
	    (!is_good || PQstatus(control->conn) == CONNECTION_BAD)) {
		control_lose_broken(control);
		return false;
	}
	if (reads == READS_PER_TURN) {
		loop_ready(control->loop, &control->ready);
	}
	return true;
}

static void
drive_open(struct control *control)
{
	int unsent;

	/* No more is received while rows lie ready, or they would pile up. */
	if ((control->state == CONTROL_IDLE || PQisBusy(control->conn)) &&
	    !consume(control)) {
		return;
	}
	if (control->state == CONTROL_ASKING) {
		control_take_answers(control);
	}
	if (control->state == CONTROL_IDLE) {
		control_ask_next(control);
	}
	if (control->state == CONTROL_CLOSED) {
		return;
	}
	unsent = PQflush(control->conn);
	if (unsent < 0 && control->state == CONTROL_IDLE) {
		control_lose_broken(control);
		return;
	}
	/* A failed flush in ASKING shows as an error when reading. */
	control->wants_write = unsent > 0;
}

/* ---- connecting ---------------------------------------------------------- */

static void
lose_connecting(struct control *control)
{
	struct error err;
	const char *text = PQerrorMessage(control->conn);
	bool needs_password = PQconnectionNeedsPassword(control->conn) != 0;
	bool is_rejected = pq_error_has_sqlstate(text);

	pq_error_set(&err, text,
	    needs_password ? SQLSTATE_INVALID_PASSWORD
	                   : SQLSTATE_CANNOT_CONNECT);
	if (is_rejected || needs_password) {
		control_lose(control, CONTROL_REJECTED, &err);
	} else if (control->is_reached) {
		control_lose(control, CONTROL_BROKEN, &err);
	} else {
		control_lose(control, CONTROL_REFUSED, &err);
	}
}

static void
finish_connecting(struct control *control)
{
	timer_stop(&control->timer);
	if (PQsetnonblocking(control->conn, 1) != 0) {
		lose_connecting(control);
		return;
	}
	control->state = CONTROL_IDLE;
	loop_ready(control->loop, &control->ready);
	if (control->events.on_open != NULL) {
		control->events.on_open(control->events.context);
	}
}

/* One step of PQconnectPoll; the socket may be another one after it. */
static void
drive_connecting(struct control *control)
{
	if (PQstatus(control->conn) == CONNECTION_BAD) {
		lose_connecting(control);
		return;
	}
	io_close(&control->io);
	control->wants = PQconnectPoll(control->conn);
	switch (PQstatus(control->conn)) {
	case CONNECTION_AWAITING_RESPONSE:
	case CONNECTION_AUTH_OK:
	case CONNECTION_SSL_STARTUP:
	case CONNECTION_OK:
		control->is_reached = true;
		break;
	default:
		break;
	}
	if (control->wants == PGRES_POLLING_FAILED ||
	    PQsocket(control->conn) < 0) {
		lose_connecting(control);
		return;
	}
	io_open(&control->io, control->loop, PQsocket(control->conn), on_io);
	if (control->wants == PGRES_POLLING_OK) {
		finish_connecting(control);
	}
}

/* Does what can be done now. May close CONTROL. */
static void
drive(struct control *control)
{
	switch (control->state) {
	case CONTROL_CONNECTING:
		if (control->conn == NULL) {
			control_lose(
			    control, CONTROL_REFUSED, &control->unstartable);
			return;
		}
		drive_connecting(control);
		break;
	case CONTROL_IDLE:
	case CONTROL_ASKING:
		drive_open(control);
		break;
	case CONTROL_CLOSED:
		return;
	}
	update_interest(control);
}

/* ---- opening ------------------------------------------------------------- */

static void
start(struct control *control, const struct control_params *params)
{
	control->conn = keywords_connect(params, &control->unstartable);
	if (control->conn == NULL) {
		return;
	}
	(void)PQsetNoticeReceiver(control->conn, on_notice, control);
	(void)PQsetErrorVerbosity(control->conn, PQERRORS_VERBOSE);
	if (PQstatus(control->conn) != CONNECTION_BAD) {
		io_open(&control->io, control->loop, PQsocket(control->conn),
		    on_io);
	}
}

struct control *
control_open(struct loop *loop, const struct control_params *params,
    const struct control_events *events)
{
	struct control *control = mem_zalloc(sizeof(*control));

	assert(params->connect_timeout_us > 0);
	control->loop = loop;
	control->events = *events;
	control->grave.reap = reap;
	control->ready.run = on_ready;
	control->wants = PGRES_POLLING_WRITING;
	start(control, params);
	timer_start(&control->timer, loop, params->connect_timeout_us, 0,
	    control_on_deadline);
	if (control->io.loop == NULL) {
		/* It failed at once, which is told from the loop. */
		loop_ready(loop, &control->ready);
	} else {
		update_interest(control);
	}
	return control;
}

void
control_put_library(struct buf *out)
{
	int version = PQlibVersion();

	buf_printf(out, "libpq %d.%d", version / 10000, version % 10000);
}
