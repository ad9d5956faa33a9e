/* control.h - asking PostgreSQL a question and getting the answer by callback.
 *
 * One connection of the control plane, over libpq, never blocking. The only
 * room that knows libpq.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct control;
struct control_row;
struct error;
struct loop;

/*
 * Where and as whom. Strings are copied by control_open(); NULL and "" mean
 * the same: not given. Nothing else has influence: no PG* variable, no service
 * file, no file in the home directory.
 */
struct control_params {
	/* A name for TLS, an address, or the directory of a Unix socket. */
	const char *host;
	/* Addresses of HOST, numeric, separated by commas, tried in turn. Must
	 * be given unless HOST is an address or a directory: libpq would wait
	 * for a name server. */
	const char *hostaddr;
	int port;
	const char *dbname;
	const char *user;
	const char *password;
	const char *passfile;         /* as ~/.pgpass; read if no password */
	const char *sslmode;          /* as libpq; not given: "prefer" */
	const char *sslrootcert;      /* file */
	const char *sslcert;          /* file */
	const char *sslkey;           /* file */
	const char *application_name; /* not given: "pgweir monitor" */
	const char *options;          /* as PGOPTIONS: "-c name=value ..." */
	int64_t connect_timeout_us;   /* name to login, in all */
};

/* How a connection or a question ended. */
enum control_outcome {
	CONTROL_OK,
	CONTROL_REFUSED,   /* nobody listens, or the address is unreachable */
	CONTROL_TIMED_OUT, /* our deadline passed */
	CONTROL_REJECTED,  /* the server said no; err->sqlstate has its code */
	CONTROL_BROKEN     /* the connection was lost */
};

/* For log lines: "refused", "timed out", ... */
const char *control_outcome_name(enum control_outcome outcome);

/* What the owner hears of the connection itself. */
struct control_events {
	/* Logged in. May be NULL. */
	void (*on_open)(void *context);
	/*
	 * The connection could not be made or is lost; OUTCOME is not
	 * CONTROL_OK. The last call: CONTROL is closed before it, the questions
	 * still waiting have been told the same; the owner drops its pointer.
	 * Never called after control_close().
	 */
	void (*on_lost)(void *context, enum control_outcome outcome,
	    const struct error *err);
	void
	    *context; /* borrowed; must live until control_close() or on_lost */
};

/*
 * Starts to connect and returns at once; events come from the loop, never from
 * within this call. Questions may be asked already. The caller owns the result
 * until control_close() or on_lost().
 */
struct control *control_open(struct loop *loop,
    const struct control_params *params, const struct control_events *events);

/*
 * Ends the connection; no callback of CONTROL is called any more, not even for
 * questions under way. Memory goes with the reaper. May be called from any
 * callback, CONTROL's own included. Idempotent until the reaper; NULL is
 * accepted.
 */
void control_close(struct control *control);

/* Logged in and not lost. */
bool control_is_open(const struct control *control);

/* Version of the server as 150004, once open; else 0. */
int control_server_version(const struct control *control);

/* Most questions that may wait at a time. */
#define CONTROL_QUESTIONS_MAX 64

struct control_question {
	const char *sql;           /* one statement; copied */
	const char *const *params; /* texts for $1...; NULL elements are NULL;
	                              copied; NULL if there are none */
	int param_count;
	int64_t timeout_us; /* from the moment it is sent */
	/* Once per row, as they arrive: a large answer is never held whole. ROW
	 * is valid during the call. May be NULL. */
	void (*on_row)(void *context, const struct control_row *row);
	/*
	 * Once, after the last row. With CONTROL_OK, ERR is NULL. With
	 * CONTROL_REJECTED the connection lives on (unless on_lost follows);
	 * rows already told are then worth nothing. Otherwise on_lost follows.
	 */
	void (*on_done)(void *context, enum control_outcome outcome,
	    const struct error *err);
	void *context; /* borrowed, as in control_events */
};

/*
 * Asks; questions are answered one after another, in order. Returns 0, or -1
 * when CONTROL is closed or CONTROL_QUESTIONS_MAX wait; on_done is then not
 * called. Never calls back from within.
 */
int control_ask(
    struct control *control, const struct control_question *question)
    __attribute__((warn_unused_result));

/* Appends name and version of the library below: "libpq 15.8". */
void control_put_library(struct buf *out);

size_t control_row_columns(const struct control_row *row);

/* The text of column INDEX (from 0); NULL if it is NULL or does not exist.
 * Valid during on_row(). */
const char *control_row_value(const struct control_row *row, size_t index);
size_t control_row_length(const struct control_row *row, size_t index);

#endif
