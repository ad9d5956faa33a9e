/*
 * auth_line.c - one connection to a database that knows its users' secrets.
 *
 *   RESOLVING --> CONNECTING --> OPEN
 *       |             |           |
 *       +-------------+-----------+---> CLOSED
 */
#include "auth/auth_line.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "auth/auth_rows.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/resolver.h"

/* Addresses of one name that are tried. */
#define ADDRESSES_MAX 8

enum line_state {
	LINE_RESOLVING,
	LINE_CONNECTING,
	LINE_OPEN,
	LINE_CLOSED
};

struct auth_line {
	struct grave grave;
	struct loop *loop; /* borrowed */
	enum line_state state;
	struct control_params params; /* borrowed strings, until CONNECTING */
	struct auth_line_events events;
	struct lookup lookup;
	struct timer deadline;   /* of the lookup, or runs out at once */
	struct name_watch name;  /* of the host */
	struct control *control; /* owned; in CONNECTING and OPEN */
	struct auth_rows rows;   /* of the question under way */
};

/* ---- the end ------------------------------------------------------------- */

static void
reap(struct grave *grave)
{
	free(list_entry(grave, struct auth_line, grave));
}

static void
line_close(struct auth_line *line)
{
	if (line->state == LINE_CLOSED) {
		return;
	}
	line->state = LINE_CLOSED;
	timer_stop(&line->deadline);
	lookup_cancel(&line->lookup);
	name_watch_stop(&line->name);
	control_close(line->control);
	line->control = NULL;
	auth_rows_fini(&line->rows);
	line->grave.reap = reap;
	loop_bury(line->loop, &line->grave);
}

static void
lose(struct auth_line *line, enum control_outcome outcome,
    const struct error *err)
{
	struct error copy = *err; /* it may be part of what is closed */

	line_close(line);
	line->events.on_lost(line->events.context, outcome, &copy);
}

/* ---- questions ----------------------------------------------------------- */

static void
on_row(void *context, const struct control_row *row)
{
	struct auth_line *line = context;

	auth_rows_add(&line->rows, control_row_columns(row),
	    control_row_value(row, 0), control_row_value(row, 1));
}

static void
on_done(void *context, enum control_outcome outcome, const struct error *err)
{
	struct auth_line *line = context;
	struct auth_rows rows = line->rows;

	if (outcome != CONTROL_OK && outcome != CONTROL_REJECTED) {
		return; /* on_lost() follows */
	}
	line->rows = (struct auth_rows){0};
	line->events.on_answer(line->events.context, &rows, err);
	auth_rows_fini(&rows);
}

static void
line_ask(struct auth_line *line, const char *sql, const char *user,
    int64_t timeout_us)
{
	const char *const params[] = {user};
	struct control_question question = {
	    .sql = sql,
	    .params = params,
	    .param_count = 1,
	    .timeout_us = timeout_us,
	    .on_row = on_row,
	    .on_done = on_done,
	    .context = line,
	};

	assert(line->state == LINE_OPEN);
	auth_rows_fini(&line->rows);
	/* There is room: one at a time. */
	if (control_ask(line->control, &question) != 0) {
		assert(!"an open line takes a question");
	}
}

/* ---- connecting ---------------------------------------------------------- */

static void
on_open(void *context)
{
	struct auth_line *line = context;

	line->state = LINE_OPEN;
	line->events.on_open(line->events.context);
}

static void
on_lost(void *context, enum control_outcome outcome, const struct error *err)
{
	struct auth_line *line = context;

	line->control = NULL;
	lose(line, outcome, err);
}

/* Connects to the numeric ADDRESSES, or, without, to the host itself. */
static void
connect_to(struct auth_line *line, const char *addresses)
{
	struct control_events events = {on_open, on_lost, line};

	line->state = LINE_CONNECTING;
	line->params.hostaddr = addresses;
	line->control = control_open(line->loop, &line->params, &events);
	line->params = (struct control_params){0};
}

static void
on_addresses(struct lookup *lookup, const struct address *addresses,
    size_t count, const struct error *err)
{
	struct auth_line *line = list_entry(lookup, struct auth_line, lookup);
	char text[ADDRESS_TEXT_BYTES];
	struct buf list = {0};

	timer_stop(&line->deadline);
	if (count == 0) {
		lose(line, CONTROL_REFUSED, err);
		return;
	}
	for (size_t i = 0; i < count && i < ADDRESSES_MAX; i++) {
		if (i > 0) {
			buf_append_char(&list, ',');
		}
		buf_append_str(
		    &list, address_host(&addresses[i], text, sizeof(text)));
	}
	connect_to(line, buf_text(&list));
	buf_fini(&list);
}

static void
on_deadline(struct timer *timer)
{
	struct auth_line *line = list_entry(timer, struct auth_line, deadline);
	struct error err;

	error_set(&err, SQLSTATE_CANNOT_CONNECT,
	    "name of the host was not found in time");
	lose(line, CONTROL_TIMED_OUT, &err);
}

/* The host has moved: who answers is not who is meant. */
static void
on_moved(struct name_watch *name, const struct address *addresses, size_t count)
{
	struct auth_line *line = list_entry(name, struct auth_line, name);
	struct error err;

	(void)addresses;
	(void)count;
	if (line->state != LINE_OPEN) {
		return; /* it is about to ask for them, or has just done so */
	}
	error_set(
	    &err, SQLSTATE_CANNOT_CONNECT, "the host has other addresses now");
	lose(line, CONTROL_BROKEN, &err);
}

static struct auth_line *
line_open(struct loop *loop, struct resolver *resolver,
    const struct control_params *params, const struct auth_line_events *events)
{
	struct auth_line *line = mem_zalloc(sizeof(*line));

	line->loop = loop;
	line->params = *params;
	line->events = *events;
	if (params->host[0] == '/' || params->host[0] == '@') {
		connect_to(line, NULL);
		return line;
	}
	line->state = LINE_RESOLVING;
	timer_start(
	    &line->deadline, loop, params->connect_timeout_us, 0, on_deadline);
	name_watch_start(&line->name, resolver, params->host, on_moved);
	lookup_start(&line->lookup, resolver, params->host, on_addresses);
	return line;
}

const struct auth_line_ops auth_line_control = {
    line_open, line_ask, line_close};
