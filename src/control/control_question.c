/*
 * control_question.c - what is asked on a control connection, and its answer.
 *
 * One question is in flight at a time, the others wait in order. Its rows are
 * told as they come, a bounded number per turn of the loop.
 */
#include <assert.h>
#include <libpq-fe.h>
#include <stdlib.h>

#include "control/control_int.h"
#include "control/pq_error.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/loop.h"

/* Rows told per turn of the loop. */
#define ROWS_PER_TURN 256

struct control_row {
	const PGresult *result;
	int row;
};

/* ---- asking -------------------------------------------------------------- */

void
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

struct question *
question_take(struct control *control)
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
		control_lose(control, CONTROL_BROKEN, &err);
		return false;
	}
}

void
control_take_answers(struct control *control)
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
				control_lose_broken(control);
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

void
control_ask_next(struct control *control)
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
	    0, control_on_deadline);
	if (PQsendQueryParams(control->conn, question->sql,
	        question->asked.param_count, NULL,
	        (const char *const *)question->params, NULL, NULL, 0) != 1 ||
	    PQsetSingleRowMode(control->conn) != 1) {
		control_lose_broken(control);
	}
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
