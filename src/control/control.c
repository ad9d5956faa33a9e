/*
 * control.c - asking PostgreSQL a question and getting the answer by callback.
 *
 *   CONNECTING --> IDLE <--> ASKING
 *       |            |         |
 *       +------------+---------+-----> CLOSED
 *
 *   CONNECTING -> IDLE    PQconnectPoll says so
 *   IDLE      <-> ASKING  ask_next(), finish_question()
 *   any        -> CLOSED  control_close(), lose()
 *
 *   CLOSED: no watcher, no timer, no libpq connection; waits for the reaper.
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
#include "control/control.h"

#include <assert.h>
#include <libpq-fe.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "control/keywords.h"
#include "control/pq_error.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/list.h"
#include "core/mem.h"
#include "net/loop.h"

/* Rows told per turn of the loop. */
#define ROWS_PER_TURN 256

/* Reads per turn while OpenSSL holds decrypted bytes. */
#define READS_PER_TURN 16

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

struct control_row {
	const PGresult *result;
	int row;
};

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

/* ---- questions ----------------------------------------------------------- */

static void
question_free(struct question *question)
{
	/* They may be anything, and what is asked about users is private. */
	for (int i = 0; i < question->asked.param_count; i++) {
		mem_wipe_free(&question->params[i]);
	}
	free(question->params);
	free(question->sql);
	free(question);
}

static struct question *
question_new(const struct control_question *asked)
{
	struct question *question = mem_zalloc(sizeof(*question));
	size_t count = (size_t)asked->param_count;

	question->asked = *asked;
	question->sql = mem_strdup(asked->sql);
	if (count > 0) {
		question->params = mem_zalloc(count * sizeof(char *));
	}
	for (size_t i = 0; i < count; i++) {
		question->params[i] = asked->params[i] == NULL
		    ? NULL
		    : mem_strdup(asked->params[i]);
	}
	/* The copies are what may be used from now on. */
	question->asked.sql = NULL;
	question->asked.params = NULL;
	return question;
}

int
control_ask(struct control *control, const struct control_question *question)
{
	if (control->state == CONTROL_CLOSED ||
	    control->waiting.count >= CONTROL_QUESTIONS_MAX) {
		return -1;
	}
	list_append(&control->waiting, &question_new(question)->link);
	if (control->state == CONTROL_IDLE) {
		loop_ready(control->loop, &control->ready);
	}
	return 0;
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

/* Takes the question in flight, then those waiting; NULL when none is left. */
static struct question *
take_question(struct control *control)
{
	struct question *question = control->flying;
	struct list_link *link;

	if (question != NULL) {
		control->flying = NULL;
		return question;
	}
	link = list_pop(&control->waiting);
	return link == NULL ? NULL : list_entry(link, struct question, link);
}

/*
 * The connection is lost: closes CONTROL, tells all questions and the owner.
 * The owner may call control_close() from any of these; nothing follows then.
 */
static void
lose(struct control *control, enum control_outcome outcome,
    const struct error *why)
{
	struct error err = *why; /* may lie in what is freed below */
	struct question *question;

	shut(control);
	while ((question = take_question(control)) != NULL) {
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
	while ((question = take_question(control)) != NULL) {
		question_free(question);
	}
}

/* The connection is broken; libpq or a notice before knows why. */
static void
lose_broken(struct control *control)
{
	struct error err = control->notice;

	if (err.text[0] == '\0') {
		pq_error_set(&err, PQerrorMessage(control->conn),
		    SQLSTATE_CONNECTION_FAILURE);
	}
	lose(control, CONTROL_BROKEN, &err);
}

static void
on_deadline(struct timer *timer)
{
	struct control *control = list_entry(timer, struct control, timer);
	bool is_connecting = control->state == CONTROL_CONNECTING;
	struct error err;

	error_set(&err, SQLSTATE_CONNECTION_FAILURE, "%s",
	    is_connecting ? "connect timeout" : "no answer in time");
	lose(control, CONTROL_TIMED_OUT, &err);
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

/* ---- answers ------------------------------------------------------------- */

/* The question in flight is answered; the connection goes on. */
static void
finish_question(struct control *control)
{
	struct question *question = control->flying;
	struct control_question asked = question->asked;
	struct error err = question->err;
	bool is_rejected = question->is_rejected;

	timer_stop(&control->timer);
	control->flying = NULL;
	control->state = CONTROL_IDLE;
	question_free(question);
	/* The next one is sent from the ready list. */
	if (control->waiting.count > 0) {
		loop_ready(control->loop, &control->ready);
	}
	asked.on_done(asked.context,
	    is_rejected ? CONTROL_REJECTED : CONTROL_OK,
	    is_rejected ? &err : NULL);
}

/* Tells the rows of RESULT. May close CONTROL; false then. */
static bool
tell_rows(struct control *control, const PGresult *result)
{
	const struct control_question *asked = &control->flying->asked;

	for (int i = 0; i < PQntuples(result); i++) {
		struct control_row row = {result, i};

		if (asked->on_row == NULL) {
			return true;
		}
		asked->on_row(asked->context, &row);
		if (control->state == CONTROL_CLOSED) {
			return false;
		}
	}
	return true;
}

/* Takes one RESULT of the question in flight. May close CONTROL; false then.*/
static bool
take_result(struct control *control, const PGresult *result)
{
	struct question *question = control->flying;
	struct error err;

	switch (PQresultStatus(result)) {
	case PGRES_SINGLE_TUPLE:
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
		return tell_rows(control, result);
	case PGRES_FATAL_ERROR:
	case PGRES_BAD_RESPONSE:
	case PGRES_NONFATAL_ERROR:
		/* The first says why; "connection closed" may follow. */
		if (!question->is_rejected) {
			pq_error_set_result(&question->err, result);
		}
		question->is_rejected = true;
		return true;
	default:
		/* COPY and pipelines have no place here, and no clean end. */
		error_set(&err, SQLSTATE_FEATURE_NOT_SUPPORTED,
		    "unexpected kind of answer to a question");
		lose(control, CONTROL_BROKEN, &err);
		return false;
	}
}

/* Reads what the answer in flight has so far. May close CONTROL. */
static void
take_answers(struct control *control)
{
	for (int i = 0; i < ROWS_PER_TURN; i++) {
		PGresult *result;
		bool is_alive;

		if (PQisBusy(control->conn)) {
			return;
		}
		result = PQgetResult(control->conn);
		if (result == NULL) {
			if (PQstatus(control->conn) == CONNECTION_BAD) {
				control->notice = control->flying->err;
				lose_broken(control);
			} else {
				finish_question(control);
			}
			return;
		}
		is_alive = take_result(control, result);
		PQclear(result);
		if (!is_alive) {
			return;
		}
	}
	loop_ready(control->loop, &control->ready);
}

/* Sends the oldest waiting question. May close CONTROL. */
static void
ask_next(struct control *control)
{
	struct list_link *link = list_pop(&control->waiting);
	struct question *question;

	if (link == NULL) {
		return;
	}
	question = list_entry(link, struct question, link);
	control->flying = question;
	control->state = CONTROL_ASKING;
	timer_start(&control->timer, control->loop, question->asked.timeout_us,
	    0, on_deadline);
	if (PQsendQueryParams(control->conn, question->sql,
	        question->asked.param_count, NULL,
	        (const char *const *)question->params, NULL, NULL, 0) != 1 ||
	    PQsetSingleRowMode(control->conn) != 1) {
		lose_broken(control);
	}
}

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
		lose_broken(control);
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
		take_answers(control);
	}
	if (control->state == CONTROL_IDLE) {
		ask_next(control);
	}
	if (control->state == CONTROL_CLOSED) {
		return;
	}
	unsent = PQflush(control->conn);
	if (unsent < 0 && control->state == CONTROL_IDLE) {
		lose_broken(control);
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
		lose(control, CONTROL_REJECTED, &err);
	} else if (control->is_reached) {
		lose(control, CONTROL_BROKEN, &err);
	} else {
		lose(control, CONTROL_REFUSED, &err);
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
			lose(control, CONTROL_REFUSED, &control->unstartable);
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
	timer_start(
	    &control->timer, loop, params->connect_timeout_us, 0, on_deadline);
	if (control->io.loop == NULL) {
		/* It failed at once, which is told from the loop. */
		loop_ready(loop, &control->ready);
	} else {
		update_interest(control);
	}
	return control;
}

/* ---- rows ---------------------------------------------------------------- */

size_t
control_row_columns(const struct control_row *row)
{
	return (size_t)PQnfields(row->result);
}

const char *
control_row_value(const struct control_row *row, size_t index)
{
	if (index >= control_row_columns(row) ||
	    PQgetisnull(row->result, row->row, (int)index)) {
		return NULL;
	}
	return PQgetvalue(row->result, row->row, (int)index);
}

size_t
control_row_length(const struct control_row *row, size_t index)
{
	return control_row_value(row, index) == NULL
	    ? 0
	    : (size_t)PQgetlength(row->result, row->row, (int)index);
}

void
control_put_library(struct buf *out)
{
	int version = PQlibVersion();

	buf_printf(out, "libpq %d.%d", version / 10000, version % 10000);
}
