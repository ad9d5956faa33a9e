/*
 * watch.c - one node being asked, again and again.
 *
 *     +---------------------- failure ----------------------+
 *     v                                                     |
 *   PAUSED --> RESOLVING --> CONNECTING --> ASKING <--> RESTING
 *     |            |              |            |           |
 *     +------------+--------------+------------+-----------+---> CLOSED
 *
 *   PAUSED  -> RESOLVING   the pause is over, or a probe
 *   RESTING -> ASKING      the interval is over, or a probe
 *
 * What a failure means:
 *   refused, or 57P0x      the node is down, now
 *   timed out, broken,     down if the next try fails as well; that is soon
 *   no such name
 *   53xxx (no room)        alive, but its position is void
 *   another refusal        we cannot log in, the node may be well: the data
 *                          plane's reports count from now on; said once
 *
 * The pause before the next connection grows from 100 ms by doubling to 1 s or
 * the interval, whichever is longer, and begins anew with each answer.
 */
#include "route/watch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/control.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "node/node.h"
#include "route/monitor_login.h"
#include "route/question.h"

#define FIRST_PAUSE_US ((int64_t)100000)
#define LONG_PAUSE_US ((int64_t)1000000)

/* Failures in a row before a node that does not answer counts as down. */
#define FAILURES_TO_DOWN 2

/*
 * A probe is somebody waiting for a position. It is answered at once, but a
 * node is not asked more often than this; and since what is waited for may need
 * a moment to arrive, it is asked again after pauses that double up to the
 * interval.
 */
#define PROBE_SPACING_US ((int64_t)5000)
#define FIRST_EAGER_US ((int64_t)10000)

/* Addresses of one name that are tried. */
#define ADDRESSES_MAX 8

enum watch_state {
	WATCH_PAUSED,
	WATCH_RESOLVING,
	WATCH_CONNECTING,
	WATCH_ASKING,
	WATCH_RESTING,
	WATCH_CLOSED
};

struct watch {
	struct grave grave;
	struct watch_shared *shared; /* borrowed; NULL in CLOSED */
	struct node *node;           /* borrowed; NULL in CLOSED */
	struct log_source log;
	enum watch_state state;
	struct timer timer; /* pause, deadline of the lookup, interval */
	struct lookup lookup;
	struct name_watch name;  /* of the node's host */
	struct control *control; /* owned; in CONNECTING, ASKING, RESTING */

	struct monitor_login login; /* its texts are owned */

	enum question question; /* the strongest this connection answers */
	uint64_t number;        /* of the question in flight */
	struct node_report report;
	bool has_report; /* the question in flight has had its row */
	bool is_wanted;  /* a probe came while it was in flight */

	unsigned failures; /* in a row */
	int64_t pause_us;  /* the last one; 0: none yet */
	int64_t tried_us;  /* loop time of the last attempt to connect */
	int64_t asked_us;  /* loop time of the last question */
	int64_t eager_us;  /* after a probe: until the next question; else 0 */
	char complaint[6]; /* SQLSTATE of a refusal already logged */
};

static void try_now(struct watch *watch);
static void ask(struct watch *watch);

static void
log_context(const void *object, struct buf *out)
{
	const struct watch *watch = object;

	buf_append_str(out, " node=");
	log_append_value(out, watch->node->name);
}

/* ---- pauses and failures ------------------------------------------------- */

static void
on_pause_over(struct timer *timer)
{
	try_now(list_entry(timer, struct watch, timer));
}

/* Drops connection and lookup and waits before the next attempt. */
static void
pause_watch(struct watch *watch)
{
	int64_t limit = watch->shared->options.interval_us > LONG_PAUSE_US
	    ? watch->shared->options.interval_us
	    : LONG_PAUSE_US;

	control_close(watch->control);
	watch->control = NULL;
	lookup_cancel(&watch->lookup);
	watch->pause_us =
	    watch->pause_us == 0 ? FIRST_PAUSE_US : watch->pause_us * 2;
	if (watch->pause_us > limit) {
		watch->pause_us = limit;
	}
	watch->state = WATCH_PAUSED;
	timer_start(&watch->timer, watch->shared->loop, watch->pause_us, 0,
	    on_pause_over);
}

/* Whether SQLSTATE says that the server serves nobody now. */
static bool
is_not_serving(const char *sqlstate)
{
	return strncmp(sqlstate, "57P0", 4) == 0;
}

/* Says once per reason that we cannot ask. */
static void
complain(struct watch *watch, const struct error *err)
{
	if (strcmp(watch->complaint, err->sqlstate) == 0) {
		return;
	}
	memcpy(watch->complaint, err->sqlstate, sizeof(watch->complaint));
	log_warning(&watch->log,
	    "monitor cannot ask: %s, relying on what pooled connections see "
	    "sqlstate=%s",
	    err->text, err->sqlstate);
}

/* The node said no, and why; it is alive. */
static void
note_rejection(struct watch *watch, const struct error *err, int64_t now_us)
{
	node_report_silence(watch->node, err, now_us);
	if (strncmp(err->sqlstate, "53", 2) != 0) {
		node_report_unmonitored(watch->node);
		complain(watch, err);
	}
}

/* An attempt or a question ended in OUTCOME because of ERR. */
static void
fail(struct watch *watch, enum control_outcome outcome, const struct error *err)
{
	int64_t now_us = loop_now_us(watch->shared->loop);

	watch->failures++;
	log_debug(&watch->log, "monitor failed: %s (%s) sqlstate=%s", err->text,
	    control_outcome_name(outcome), err->sqlstate);
	pause_watch(watch);
	switch (outcome) {
	case CONTROL_OK:
		assert(!"unreachable");
		break;
	case CONTROL_REFUSED:
		node_report_down(watch->node, err, now_us);
		break;
	case CONTROL_REJECTED:
		if (is_not_serving(err->sqlstate)) {
			node_report_down(watch->node, err, now_us);
		} else {
			note_rejection(watch, err, now_us);
		}
		break;
	case CONTROL_TIMED_OUT:
	case CONTROL_BROKEN:
		if (watch->failures >= FAILURES_TO_DOWN) {
			node_report_down(watch->node, err, now_us);
		} else {
			node_report_silence(watch->node, err, now_us);
		}
		break;
	}
}

/* ---- questions ----------------------------------------------------------- */

static void
on_interval_over(struct timer *timer)
{
	ask(list_entry(timer, struct watch, timer));
}

static void
on_row(void *context, const struct control_row *row)
{
	struct watch *watch = context;
	const char *values[QUESTION_COLUMNS];

	for (size_t i = 0; i < QUESTION_COLUMNS; i++) {
		values[i] = control_row_value(row, i);
	}
	watch->has_report = question_read(values, &watch->report);
}

/* The answer is there: hands it to the node and rests. */
/* How long to rest before the next question. */
static int64_t
next_pause(struct watch *watch)
{
	int64_t interval_us = watch->shared->options.interval_us;
	int64_t eager_us = watch->eager_us;

	if (watch->is_wanted) {
		return PROBE_SPACING_US;
	}
	watch->eager_us = eager_us * 2 < interval_us ? eager_us * 2 : 0;
	return eager_us > 0 && eager_us < interval_us ? eager_us : interval_us;
}

static void
take_answer(struct watch *watch)
{
	watch->failures = 0;
	watch->pause_us = 0;
	watch->complaint[0] = '\0';
	watch->report.question = watch->number;
	watch->state = WATCH_RESTING;
	timer_start(&watch->timer, watch->shared->loop, next_pause(watch), 0,
	    on_interval_over);
	node_report_answer(
	    watch->node, &watch->report, loop_now_us(watch->shared->loop));
}

/* The server refuses the question; perhaps it can answer a weaker one. */
static bool
ask_weaker(struct watch *watch, const struct error *err)
{
	const char *state = err->sqlstate;

	if (strncmp(state, "42", 2) != 0 && strncmp(state, "0A", 2) != 0 &&
	    strncmp(state, "55", 2) != 0 && strncmp(state, "XX", 2) != 0) {
		return false;
	}
	if (!question_weaken(&watch->question)) {
		return false;
	}
	log_debug(&watch->log, "monitor asks for less: %s sqlstate=%s",
	    err->text, state);
	ask(watch);
	return true;
}

static void
on_done(void *context, enum control_outcome outcome, const struct error *err)
{
	struct watch *watch = context;
	struct error senseless;

	switch (outcome) {
	case CONTROL_OK:
		if (watch->has_report) {
			take_answer(watch);
			return;
		}
		error_set(&senseless, SQLSTATE_PROTOCOL_VIOLATION,
		    "answer to the monitor's question makes no sense");
		fail(watch, CONTROL_REJECTED, &senseless);
		return;
	case CONTROL_REJECTED:
		if (!ask_weaker(watch, err)) {
			fail(watch, CONTROL_REJECTED, err);
		}
		return;
	case CONTROL_REFUSED:
	case CONTROL_TIMED_OUT:
	case CONTROL_BROKEN:
		return; /* on_lost() follows */
	}
}

static int64_t
given_or(int64_t value, int64_t fallback)
{
	return value > 0 ? value : fallback;
}

/* Asks on the open connection. */
static void
ask(struct watch *watch)
{
	struct control_question question = {
	    .sql = question_sql(watch->question),
	    .timeout_us = given_or(watch->shared->options.question_timeout_us,
	        MONITOR_QUESTION_TIMEOUT_US),
	    .on_row = on_row,
	    .on_done = on_done,
	    .context = watch,
	};

	timer_stop(&watch->timer);
	watch->state = WATCH_ASKING;
	watch->is_wanted = false;
	watch->has_report = false;
	watch->number = ++watch->shared->last_question;
	watch->asked_us = loop_now_us(watch->shared->loop);
	if (control_ask(watch->control, &question) != 0) {
		/* It is closed, and on_lost() is about to say why. */
		return;
	}
}

static void
on_open(void *context)
{
	ask(context);
}

static void
on_lost(void *context, enum control_outcome outcome, const struct error *err)
{
	struct watch *watch = context;

	watch->control = NULL;
	fail(watch, outcome, err);
}

/* ---- connecting ---------------------------------------------------------- */

/* Connects to the numeric ADDRESSES, or, without, to the host itself. */
static void
connect_to(struct watch *watch, const char *addresses)
{
	struct control_params params = {
	    .host = watch->node->host,
	    .hostaddr = addresses,
	    .port = watch->node->port,
	    .dbname = watch->login.dbname,
	    .user = watch->login.user,
	    .password = watch->login.password,
	    .passfile = watch->login.passfile,
	    .sslmode = watch->login.sslmode,
	    .sslrootcert = watch->login.sslrootcert,
	    .sslcert = watch->login.sslcert,
	    .sslkey = watch->login.sslkey,
	    .connect_timeout_us =
	        given_or(watch->shared->options.connect_timeout_us,
	            MONITOR_CONNECT_TIMEOUT_US),
	};
	struct control_events events = {on_open, on_lost, watch};

	watch->state = WATCH_CONNECTING;
	watch->question = QUESTION_FULL;
	watch->control = control_open(watch->shared->loop, &params, &events);
}

static void
on_addresses(struct lookup *lookup, const struct address *addresses,
    size_t count, const struct error *err)
{
	struct watch *watch = list_entry(lookup, struct watch, lookup);
	char text[ADDRESS_TEXT_BYTES];
	struct buf list = {0};

	timer_stop(&watch->timer);
	if (count == 0) {
		/* The name server's trouble is not yet the node's. */
		fail(watch, CONTROL_TIMED_OUT, err);
		return;
	}
	for (size_t i = 0; i < count && i < ADDRESSES_MAX; i++) {
		if (i > 0) {
			buf_append_char(&list, ',');
		}
		buf_append_str(
		    &list, address_host(&addresses[i], text, sizeof(text)));
	}
	connect_to(watch, buf_text(&list));
	buf_fini(&list);
}

static void
on_lookup_timeout(struct timer *timer)
{
	struct watch *watch = list_entry(timer, struct watch, timer);
	struct error err;

	error_set(&err, SQLSTATE_CANNOT_CONNECT,
	    "name of the host was not found in time");
	fail(watch, CONTROL_TIMED_OUT, &err);
}

/* Begins an attempt: the name first, unless the host is a directory. */
static void
try_now(struct watch *watch)
{
	const char *host = watch->node->host;

	assert(watch->state == WATCH_PAUSED);
	timer_stop(&watch->timer);
	watch->tried_us = loop_now_us(watch->shared->loop);
	if (host[0] == '/' || host[0] == '@') {
		connect_to(watch, NULL);
		return;
	}
	watch->state = WATCH_RESOLVING;
	timer_start(&watch->timer, watch->shared->loop,
	    given_or(watch->shared->options.connect_timeout_us,
	        MONITOR_CONNECT_TIMEOUT_US),
	    0, on_lookup_timeout);
	lookup_start(
	    &watch->lookup, watch->shared->resolver, host, on_addresses);
}

/* The host has moved: who answers is not who is meant. */
static void
on_moved(struct name_watch *name, const struct address *addresses, size_t count)
{
	struct watch *watch = list_entry(name, struct watch, name);
	struct error err;

	(void)addresses;
	(void)count;
	if (watch->control == NULL) {
		return; /* the next attempt asks for its addresses */
	}
	error_set(
	    &err, SQLSTATE_CANNOT_CONNECT, "the host has other addresses now");
	node_report_silence(
	    watch->node, &err, loop_now_us(watch->shared->loop));
	pause_watch(watch);
}

/* ---- life ---------------------------------------------------------------- */

struct watch *
watch_open(struct watch_shared *shared, struct node *node,
    const struct monitor_login *login)
{
	struct watch *watch = mem_zalloc(sizeof(*watch));

	watch->shared = shared;
	watch->node = node;
	watch->log.logger = shared->logger;
	watch->log.context = log_context;
	watch->log.object = watch;
	monitor_login_copy(&watch->login, login);
	watch->state = WATCH_PAUSED;
	name_watch_start(&watch->name, shared->resolver, node->host, on_moved);
	timer_start(&watch->timer, shared->loop, 0, 0, on_pause_over);
	return watch;
}

static void
reap(struct grave *grave)
{
	struct watch *watch = list_entry(grave, struct watch, grave);

	monitor_login_fini(&watch->login);
	free(watch);
}

void
watch_close(struct watch *watch)
{
	if (watch->state == WATCH_CLOSED) {
		return;
	}
	watch->state = WATCH_CLOSED;
	timer_stop(&watch->timer);
	lookup_cancel(&watch->lookup);
	name_watch_stop(&watch->name);
	control_close(watch->control);
	watch->control = NULL;
	node_report_unmonitored(watch->node);
	watch->node = NULL;
	watch->grave.reap = reap;
	loop_bury(watch->shared->loop, &watch->grave);
	watch->shared = NULL;
}

/* Connects at once, but not more often than every FIRST_PAUSE_US: probes come
 * with every refused connection. Never later than planned, since no pause is
 * shorter than that. */
static void
hurry(struct watch *watch)
{
	struct loop *loop = watch->shared->loop;
	int64_t next_us = watch->tried_us + FIRST_PAUSE_US;
	int64_t wait_us = next_us - loop_now_us(loop);

	timer_start(&watch->timer, loop,
	    watch->tried_us != 0 && wait_us > 0 ? wait_us : 0, 0,
	    on_pause_over);
}

/* Asks now, or as soon as the spacing allows. */
static void
ask_soon(struct watch *watch)
{
	struct loop *loop = watch->shared->loop;
	int64_t due_us = watch->asked_us + PROBE_SPACING_US;

	watch->eager_us = FIRST_EAGER_US;
	if (loop_now_us(loop) >= due_us) {
		ask(watch);
	} else if (!watch->is_wanted) {
		watch->is_wanted = true;
		timer_start(&watch->timer, loop, due_us - loop_now_us(loop), 0,
		    on_interval_over);
	}
}

void
watch_probe(struct watch *watch)
{
	switch (watch->state) {
	case WATCH_PAUSED:
		hurry(watch);
		break;
	case WATCH_RESTING:
		ask_soon(watch);
		break;
	case WATCH_ASKING:
		watch->is_wanted = true;
		watch->eager_us = FIRST_EAGER_US;
		break;
	case WATCH_RESOLVING:
	case WATCH_CONNECTING:
		break; /* it asks as soon as it can */
	case WATCH_CLOSED:
		assert(!"a closed watch is not probed");
		break;
	}
}
