/* auth_line.h - one connection to a database that knows its users' secrets.
 *
 * Finds the addresses of its host, connects, and then answers one question
 * after the other. No second attempt is made here.
 */
#ifndef AUTH_AUTH_LINE_H
#define AUTH_AUTH_LINE_H

#include <stdint.h>

#include "control/control.h"

struct auth_line;
struct auth_rows;
struct loop;
struct resolver;

struct auth_line_events {
	/* Logged in: auth_line_ask() may be called. */
	void (*on_open)(void *context);
	/* The question is answered: with ROWS, or ERR says why the server does
	 * not. The next one may be asked. */
	void (*on_answer)(void *context, const struct auth_rows *rows,
	    const struct error *err);
	/* The connection could not be made or is lost, with the question under
	 * way if there is one. The last call; the line is closed before it. */
	void (*on_lost)(void *context, enum control_outcome outcome,
	    const struct error *err);
	void *context; /* borrowed; must live until auth_line_close() or
	                  on_lost() */
};

/* What a line does, so that tests can do without. */
struct auth_line_ops {
	/*
	 * Starts to connect to PARAMS->host; events come from the loop, never
	 * from within this call. PARAMS->hostaddr is found out. The strings of
	 * PARAMS are borrowed until an event is told or the line is closed. The
	 * caller owns the result until auth_line_close() or on_lost().
	 */
	struct auth_line *(*open)(struct loop *loop, struct resolver *resolver,
	    const struct control_params *params,
	    const struct auth_line_events *events);

	/* Asks SQL, whose $1 is USER. Only after on_open() or on_answer(). */
	void (*ask)(struct auth_line *line, const char *sql, const char *user,
	    int64_t timeout_us);

	/* Ends it; nothing is told any more. Memory goes with the reaper. */
	void (*close)(struct auth_line *line);
};

/* Over src/control. */
extern const struct auth_line_ops auth_line_control;

#endif
