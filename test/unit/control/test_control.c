/*
 * test_control.c - questions over libpq, against a scripted server.
 *
 * The server is a listening socket on the loopback interface, served by the
 * same loop, which answers by script and speaks no more of the protocol than
 * libpq needs to see.
 */
#include "support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/control.h"
#include "core/buf.h"
#include "core/error.h"
#include "net/loop.h"

#define SECOND ((int64_t)1000000)
#define PATIENCE (3 * SECOND)
#define SHORT ((int64_t)50000)

enum script {
	GOOD,             /* logs in and answers everything with ROWS rows */
	SILENT,           /* accepts and never says a word */
	SILENT_QUESTIONS, /* logs in, then never says a word */
	REJECT_LOGIN,     /* FATAL 57P03 */
	CUT_LOGIN,        /* half an AuthenticationOk */
	CUT_AT_ONCE,      /* closes on the startup message */
	CUT_ANSWER,       /* half a row */
	ERROR_ANSWER,     /* 42601 to every question */
	FATAL_ANSWER,     /* FATAL 57P01 instead of an answer */
	FATAL_IDLE,       /* FATAL 57P01 right after the login */
	COPY_ANSWER,      /* CopyOutResponse */
	GARBAGE,          /* bytes without sense after the login */
	CHATTY            /* notices, parameters, notifications in between */
};

static struct loop *loop;
static struct timer guard;
static int64_t guard_end_us;
static bool guard_rang;

/* ---- the server ---------------------------------------------------------- */

static struct {
	enum script script;
	int rows;
	bool by_bytes; /* one byte per turn of the loop */
	int listener, fd;
	int port;
	struct io accept_io, io;
	struct ready ready;
	struct buf in, out;
	bool has_login;
	bool close_after;
	int questions;
	char startup[512]; /* "name=value " of the startup message */
} peer;

static void
put32(uint32_t value)
{
	uint32_t wire = htonl(value);

	buf_append(&peer.out, &wire, 4);
}

static void
put_message(char type, const void *body, size_t size)
{
	buf_append_char(&peer.out, type);
	put32((uint32_t)size + 4);
	buf_append(&peer.out, body, size);
}

#define PUT(type, literal) put_message((type), (literal), sizeof(literal) - 1)

static void
put_error(char type, const char *severity, const char *code)
{
	struct buf body = {0};

	buf_printf(&body, "S%s%cV%s%cC%s%cMtold so%c%c", severity, 0, severity,
	    0, code, 0, 0, 0);
	put_message(type, buf_bytes(&body), body.length);
	buf_fini(&body);
}

static void
put_chatter(void)
{
	put_error('N', "NOTICE", "00000");
	PUT('S', "TimeZone\0UTC\0");
	PUT('A', "\0\0\0\1channel\0payload\0");
}

static void
put_row(int number)
{
	char text[16];
	struct buf body = {0};
	int length = snprintf(text, sizeof(text), "%d", number);
	uint32_t wire = htonl((uint32_t)length);

	buf_append(&body, "\0\2", 2);
	buf_append(&body, &wire, 4);
	buf_append(&body, text, (size_t)length);
	buf_append(&body, "\xff\xff\xff\xff", 4);
	put_message('D', buf_bytes(&body), body.length);
	buf_fini(&body);
}

#define FIELD(name) name "\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"

static void
put_answer(void)
{
	PUT('1', "");
	PUT('2', "");
	PUT('T', "\0\2" FIELD("n") FIELD("m"));
	for (int i = 0; i < peer.rows; i++) {
		put_row(i);
		if (peer.script == CHATTY) {
			put_chatter();
		}
	}
	PUT('C', "SELECT\0");
	PUT('Z', "I");
}

/* Answers one question, whatever it was. */
static void
answer(void)
{
	peer.questions++;
	switch (peer.script) {
	case GOOD:
	case CHATTY:
		put_answer();
		break;
	case ERROR_ANSWER:
		put_error('E', "ERROR", "42601");
		PUT('Z', "I");
		break;
	case FATAL_ANSWER:
		put_error('E', "FATAL", "57P01");
		peer.close_after = true;
		break;
	case CUT_ANSWER:
		put_answer();
		peer.out.length -= 30;
		peer.close_after = true;
		break;
	case COPY_ANSWER:
		PUT('1', "");
		PUT('2', "");
		PUT('H', "\0\0\0");
		break;
	default:
		break;
	}
}

static void
log_in(void)
{
	peer.has_login = true;
	switch (peer.script) {
	case SILENT:
		return;
	case REJECT_LOGIN:
		put_error('E', "FATAL", "57P03");
		peer.close_after = true;
		return;
	case CUT_LOGIN:
		buf_append(&peer.out, "R\0\0\0", 4);
		peer.close_after = true;
		return;
	case CUT_AT_ONCE:
		peer.close_after = true;
		return;
	default:
		break;
	}
	PUT('R', "\0\0\0\0");
	PUT('S', "server_version\00015.4\0");
	PUT('S', "client_encoding\0UTF8\0");
	PUT('K', "\0\0\0\1\0\0\0\2");
	PUT('Z', "I");
	if (peer.script == FATAL_IDLE) {
		put_error('E', "FATAL", "57P01");
		peer.close_after = true;
	} else if (peer.script == GARBAGE) {
		buf_append(&peer.out, "D\xff\xff\xff\xff", 5);
	}
}

/* Remembers what the startup message in BODY says. */
static void
note_startup(const char *body, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < size && used + 2 < sizeof(peer.startup); i++) {
		peer.startup[used++] = body[i] == '\0' ? '|' : body[i];
	}
	peer.startup[used] = '\0';
}

/* Takes one message from peer.in; false when none is complete. */
static bool
take_message(void)
{
	const uint8_t *at = buf_bytes(&peer.in);
	size_t head = peer.has_login ? 1 : 0;
	uint32_t length;
	char type;

	if (peer.in.length < head + 4) {
		return false;
	}
	memcpy(&length, at + head, 4);
	length = ntohl(length);
	if (peer.in.length < head + length) {
		return false;
	}
	type = (char)at[0];
	if (!peer.has_login && length == 8) {
		buf_append_char(&peer.out, 'N'); /* SSLRequest */
	} else if (!peer.has_login) {
		note_startup((const char *)at + 8, length - 8);
		log_in();
	} else if (type == 'S') {
		answer();
	}
	buf_consume(&peer.in, head + length);
	return true;
}

static void
peer_hang_up(void)
{
	if (peer.fd >= 0) {
		io_close(&peer.io);
		close(peer.fd);
		peer.fd = -1;
	}
}

static void
peer_flush(struct ready *ready)
{
	size_t size =
	    peer.by_bytes && peer.out.length > 0 ? 1 : peer.out.length;
	ssize_t sent;

	(void)ready;
	if (peer.fd < 0) {
		return;
	}
	sent = size == 0
	    ? 0
	    : send(peer.fd, buf_bytes(&peer.out), size, MSG_NOSIGNAL);
	if (sent > 0) {
		buf_consume(&peer.out, (size_t)sent);
	} else if (sent < 0 && errno != EAGAIN) {
		peer_hang_up();
		return;
	}
	io_set(&peer.io, peer.out.length > 0 ? IO_READ | IO_WRITE : IO_READ);
	if (peer.out.length == 0 && peer.close_after) {
		peer_hang_up();
	}
}

static void
on_peer_event(struct io *io, unsigned events)
{
	ssize_t got;

	(void)io;
	(void)events;
	got = recv(peer.fd, buf_reserve(&peer.in, 65536), 65536, MSG_DONTWAIT);
	if (got == 0 || (got < 0 && errno != EAGAIN)) {
		peer_hang_up();
		return;
	}
	if (got > 0) {
		buf_added(&peer.in, (size_t)got);
	}
	while (take_message()) {
	}
	peer_flush(NULL);
}

static void
on_peer_accept(struct io *io, unsigned events)
{
	(void)io;
	(void)events;
	peer_hang_up();
	peer.fd =
	    accept4(peer.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(peer.fd, 0);
	peer.has_login = false;
	buf_clear(&peer.in);
	buf_clear(&peer.out);
	io_open(&peer.io, loop, peer.fd, on_peer_event);
	io_set(&peer.io, IO_READ);
}

static void
peer_start(enum script script, int rows)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	memset(&peer, 0, sizeof(peer));
	peer.script = script;
	peer.rows = rows;
	peer.fd = -1;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	peer.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
	    bind(peer.listener, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(listen(peer.listener, 8), 0);
	ck_assert_int_eq(
	    getsockname(peer.listener, (struct sockaddr *)&address, &size), 0);
	peer.port = ntohs(address.sin_port);
	io_open(&peer.accept_io, loop, peer.listener, on_peer_accept);
	io_set(&peer.accept_io, IO_READ);
}

static void
peer_stop(void)
{
	peer_hang_up();
	if (peer.listener > 0) {
		io_close(&peer.accept_io);
		close(peer.listener);
	}
	peer.listener = 0;
	buf_fini(&peer.in);
	buf_fini(&peer.out);
}

/* ---- the owner ----------------------------------------------------------- */

enum when {
	NEVER,
	ON_OPEN,
	ON_ROW,
	ON_DONE,
	ON_LOST
};

/* What one connection and its questions told, and when to close. */
static struct {
	struct control *control;
	enum when close_when;
	int opened, lost, done, rows;
	int events_after_close;
	bool is_closed;
	enum control_outcome lost_outcome, done_outcome;
	struct error lost_err, done_err;
	int next_row;
} owner;

static void
note(enum when when)
{
	owner.events_after_close += owner.is_closed;
	if (owner.close_when == when) {
		control_close(owner.control);
		owner.is_closed = true;
	}
}

static void
on_open(void *context)
{
	ck_assert_ptr_eq(context, &owner);
	owner.opened++;
	note(ON_OPEN);
}

static void
on_lost(void *context, enum control_outcome outcome, const struct error *err)
{
	ck_assert_ptr_eq(context, &owner);
	owner.lost++;
	owner.lost_outcome = outcome;
	owner.lost_err = *err;
	note(ON_LOST);
}

static void
on_row(void *context, const struct control_row *row)
{
	char expected[16];

	ck_assert_ptr_eq(context, &owner);
	(void)snprintf(expected, sizeof(expected), "%d", owner.next_row++);
	ck_assert_uint_eq(control_row_columns(row), 2);
	ck_assert_str_eq(control_row_value(row, 0), expected);
	ck_assert_uint_eq(control_row_length(row, 0), strlen(expected));
	ck_assert_ptr_null(control_row_value(row, 1));
	ck_assert_uint_eq(control_row_length(row, 1), 0);
	ck_assert_ptr_null(control_row_value(row, 2));
	owner.rows++;
	note(ON_ROW);
}

static void
on_done(void *context, enum control_outcome outcome, const struct error *err)
{
	ck_assert_ptr_eq(context, &owner);
	ck_assert_int_eq(outcome == CONTROL_OK, err == NULL);
	owner.done++;
	owner.next_row = 0;
	owner.done_outcome = outcome;
	if (err != NULL) {
		owner.done_err = *err;
	}
	note(ON_DONE);
}

static int
ask(int64_t timeout_us)
{
	static const char *const params[] = {"one", NULL};

	return control_ask(owner.control,
	    &(struct control_question){.sql = "select $1, $2",
	        .params = params,
	        .param_count = 2,
	        .timeout_us = timeout_us,
	        .on_row = on_row,
	        .on_done = on_done,
	        .context = &owner});
}

static struct control_params
peer_params(void)
{
	return (struct control_params){.host = "127.0.0.1",
	    .port = peer.port,
	    .dbname = "postgres",
	    .user = "monitor",
	    .sslmode = "disable",
	    .connect_timeout_us = PATIENCE};
}

static void
open_with(const struct control_params *params)
{
	owner.control = control_open(
	    loop, params, &(struct control_events){on_open, on_lost, &owner});
}

static void
open_to_peer(int64_t timeout_us)
{
	struct control_params params = peer_params();

	params.connect_timeout_us = timeout_us;
	open_with(&params);
}

static void
on_guard(struct timer *timer)
{
	(void)timer;
	guard_rang = guard_rang || loop_now_us(loop) >= guard_end_us;
}

/* Sets GUARD_RANG after LIMIT_US, and wakes the loop every 10 ms. */
static void
guard_start(int64_t limit_us)
{
	guard_end_us = loop_now_us(loop) + limit_us;
	timer_start(&guard, loop, 10000, 10000, on_guard);
}

/* Runs the loop until *COUNT reaches WANTED. */
static void
run_until(const int *count, int wanted)
{
	guard_start(PATIENCE);
	while (*count < wanted && !guard_rang) {
		loop_turn(loop, true);
	}
	timer_stop(&guard);
	ck_assert_msg(!guard_rang, "nothing happened");
}

/* Runs what is there to run, to see that nothing more comes. */
static void
settle(void)
{
	for (int i = 0; i < 20; i++) {
		loop_turn(loop, false);
	}
}

static void
setup(void)
{
	memset(&owner, 0, sizeof(owner));
	memset(&guard, 0, sizeof(guard));
	guard_rang = false;
	loop = loop_new(NULL);
}

static void
teardown(void)
{
	peer_stop();
	if (owner.lost == 0 && !owner.is_closed) {
		control_close(owner.control);
	}
	loop_free(&loop);
}

/* ---- questions ----------------------------------------------------------- */

START_TEST(control_answers_questions_in_order)
{
	peer_start(GOOD, 3);
	open_to_peer(PATIENCE);
	ck_assert_int_eq(ask(PATIENCE), 0);
	ck_assert_int_eq(ask(PATIENCE), 0);
	ck_assert_int_eq(owner.opened + owner.done, 0);
	run_until(&owner.done, 2);
	ck_assert_int_eq(owner.opened, 1);
	ck_assert_int_eq(owner.rows, 6);
	ck_assert(control_is_open(owner.control));
	ck_assert_int_eq(control_server_version(owner.control), 150004);
	ck_assert_int_eq(ask(PATIENCE), 0);
	run_until(&owner.done, 3);
	ck_assert_int_eq(owner.done_outcome, CONTROL_OK);
	ck_assert_int_eq(owner.lost, 0);
}
END_TEST

START_TEST(control_reads_answers_byte_by_byte)
{
	peer_start(CHATTY, 3);
	peer.by_bytes = true;
	open_to_peer(PATIENCE);
	ck_assert_int_eq(ask(PATIENCE), 0);
	run_until(&owner.done, 1);
	ck_assert_int_eq(owner.rows, 3);
	ck_assert_int_eq(owner.done_outcome, CONTROL_OK);
}
END_TEST

START_TEST(control_tells_many_rows_over_many_turns)
{
	int turns = 0;

	peer_start(GOOD, 50000);
	open_to_peer(PATIENCE);
	ck_assert_int_eq(ask(PATIENCE), 0);
	guard_start(PATIENCE);
	while (owner.done == 0 && !guard_rang) {
		int before = owner.rows;

		loop_turn(loop, true);
		ck_assert_int_le(owner.rows - before, 256 * 4096);
		turns += owner.rows > before;
	}
	timer_stop(&guard);
	ck_assert_int_eq(owner.rows, 50000);
	ck_assert_int_gt(turns, 1);
}
END_TEST

START_TEST(control_goes_on_after_an_error_answer)
{
	peer_start(ERROR_ANSWER, 1);
	open_to_peer(PATIENCE);
	ck_assert_int_eq(ask(PATIENCE), 0);
	run_until(&owner.done, 1);
	ck_assert_int_eq(owner.done_outcome, CONTROL_REJECTED);
	ck_assert_str_eq(owner.done_err.sqlstate, "42601");
	ck_assert_str_eq(owner.done_err.text, "told so");
	peer.script = GOOD;
	ck_assert_int_eq(ask(PATIENCE), 0);
	run_until(&owner.done, 2);
	ck_assert_int_eq(owner.done_outcome, CONTROL_OK);
	ck_assert_int_eq(owner.rows, 1);
	ck_assert_int_eq(owner.lost, 0);
}
END_TEST

START_TEST(control_takes_no_more_questions_than_it_may_hold)
{
	int taken = 0;

	peer_start(GOOD, 0);
	open_to_peer(PATIENCE);
	while (ask(PATIENCE) == 0) {
		taken++;
	}
	ck_assert_int_eq(taken, CONTROL_QUESTIONS_MAX);
	run_until(&owner.done, taken);
	settle();
	ck_assert_int_eq(owner.done, taken);
	ck_assert_int_eq(peer.questions, taken);
}
END_TEST

START_TEST(control_says_exactly_who_it_is)
{
	ck_assert_int_eq(setenv("PGOPTIONS", "-c geqo=off", 1), 0);
	ck_assert_int_eq(setenv("PGTZ", "Asia/Tokyo", 1), 0);
	ck_assert_int_eq(setenv("PGDATESTYLE", "German", 1), 0);
	ck_assert_int_eq(setenv("PGAPPNAME", "other", 1), 0);
	ck_assert_int_eq(setenv("PGSERVICE", "nonesuch", 1), 0);
	ck_assert_int_eq(setenv("PGCLIENTENCODING", "LATIN1", 1), 0);
	ck_assert_int_eq(setenv("PGSSLMODE", "verify-full", 1), 0);
	ck_assert_int_eq(setenv("PGWEIR_KEPT", "1", 1), 0);
	peer_start(GOOD, 0);
	open_to_peer(PATIENCE);
	run_until(&owner.opened, 1);
	ck_assert_str_eq(peer.startup,
	    "user|monitor|database|postgres|application_name|pgweir monitor|"
	    "client_encoding|UTF8||");
	ck_assert_ptr_nonnull(getenv("PGWEIR_KEPT"));
	ck_assert_ptr_null(getenv("PGTZ"));
}
END_TEST

START_TEST(control_goes_on_in_clear_when_tls_is_only_preferred)
{
	struct control_params params;

	peer_start(GOOD, 1);
	params = peer_params();
	params.sslmode = NULL;
	open_with(&params);
	ck_assert_int_eq(ask(PATIENCE), 0);
	run_until(&owner.done, 1);
	ck_assert_int_eq(owner.done_outcome, CONTROL_OK);
}
END_TEST

START_TEST(control_tries_all_addresses_of_a_host)
{
	struct control_params params;

	peer_start(GOOD, 1);
	params = peer_params();
	params.host = "db.example.org";
	/* Nobody listens on the first two. */
	params.hostaddr = "127.9.9.9,127.9.9.8,127.0.0.1";
	open_with(&params);
	ck_assert_int_eq(ask(PATIENCE), 0);
	run_until(&owner.done, 1);
	ck_assert_int_eq(owner.done_outcome, CONTROL_OK);
}
END_TEST

/* ---- losses -------------------------------------------------------------- */

START_TEST(control_tells_that_nobody_listens)
{
	peer_start(GOOD, 0);
	io_close(&peer.accept_io);
	close(peer.listener);
	peer.listener = 0;
	open_to_peer(PATIENCE);
	ck_assert_int_eq(ask(PATIENCE), 0);
	run_until(&owner.lost, 1);
	ck_assert_int_eq(owner.lost_outcome, CONTROL_REFUSED);
	ck_assert_str_eq(owner.lost_err.sqlstate, SQLSTATE_CANNOT_CONNECT);
	ck_assert_ptr_nonnull(strstr(owner.lost_err.text, "refused"));
	ck_assert_int_eq(owner.done, 1);
	ck_assert_int_eq(owner.done_outcome, CONTROL_REFUSED);
}
END_TEST

START_TEST(control_tells_later_what_fails_at_once)
{
	struct control_params params = {.host = "/nonexistent/directory",
	    .port = 5432,
	    .user = "monitor",
	    .connect_timeout_us = PATIENCE};

	open_with(&params);
	ck_assert_int_eq(owner.lost, 0);
	run_until(&owner.lost, 1);
	ck_assert_int_eq(owner.lost_outcome, CONTROL_REFUSED);
	settle();
	ck_assert_int_eq(owner.lost, 1);
}
END_TEST

START_TEST(control_never_asks_a_name_server)
{
	struct control_params params = {.host = "db.example.org",
	    .port = 5432,
	    .user = "monitor",
	    .connect_timeout_us = PATIENCE};

	open_with(&params);
	run_until(&owner.lost, 1);
	ck_assert_int_eq(owner.lost_outcome, CONTROL_REFUSED);
	ck_assert_str_eq(owner.lost_err.text, "host has no address yet");
}
END_TEST

static const struct {
	const char *label;
	enum script script;
	int rows;
	bool in_question; /* fails after the login */
	enum control_outcome outcome;
	const char *sqlstate;
} losses[] = {
    {"silent server", SILENT, 0, false, CONTROL_TIMED_OUT, "08006"},
    {"silent after login", SILENT_QUESTIONS, 0, true, CONTROL_TIMED_OUT,
        "08006"},
    {"starting up", REJECT_LOGIN, 0, false, CONTROL_REJECTED, "57P03"},
    {"cut in the midst of login", CUT_LOGIN, 0, false, CONTROL_BROKEN, "08001"},
    {"cut at once", CUT_AT_ONCE, 0, false, CONTROL_BROKEN, "08001"},
    {"cut in the midst of a row", CUT_ANSWER, 2, true, CONTROL_BROKEN, "08006"},
    {"fatal error as answer", FATAL_ANSWER, 0, true, CONTROL_BROKEN, "57P01"},
    {"fatal error while idle", FATAL_IDLE, 0, true, CONTROL_BROKEN, "57P01"},
    {"copy as answer", COPY_ANSWER, 0, true, CONTROL_BROKEN, "0A000"},
    {"garbage", GARBAGE, 0, false, CONTROL_BROKEN, NULL},
};

START_TEST(control_tells_every_kind_of_loss_once)
{
	peer_start(losses[_i].script, losses[_i].rows);
	open_to_peer(losses[_i].in_question ? PATIENCE : SHORT * 4);
	ck_assert_int_eq(ask(SHORT), 0);
	ck_assert_int_eq(ask(SHORT), 0);
	run_until(&owner.lost, 1);
	ck_assert_msg(owner.lost_outcome == losses[_i].outcome, "%s: %s %s",
	    losses[_i].label, control_outcome_name(owner.lost_outcome),
	    owner.lost_err.text);
	if (losses[_i].sqlstate != NULL) {
		ck_assert_str_eq(owner.lost_err.sqlstate, losses[_i].sqlstate);
	}
	ck_assert_str_ne(owner.lost_err.text, "");
	ck_assert_msg(
	    owner.done == 2, "%s: %d answers", losses[_i].label, owner.done);
	ck_assert_int_eq(owner.opened, losses[_i].in_question);
	settle();
	ck_assert_int_eq(owner.lost, 1);
	ck_assert_int_eq(owner.done, 2);
}
END_TEST

START_TEST(control_notices_an_idle_connection_that_breaks)
{
	peer_start(GOOD, 0);
	open_to_peer(PATIENCE);
	run_until(&owner.opened, 1);
	settle();
	peer_hang_up();
	run_until(&owner.lost, 1);
	ck_assert_int_eq(owner.lost_outcome, CONTROL_BROKEN);
}
END_TEST

START_TEST(control_counts_the_deadline_for_each_question_alone)
{
	peer_start(GOOD, 0);
	open_to_peer(PATIENCE);
	ck_assert_int_eq(ask(SHORT), 0);
	run_until(&owner.done, 1);
	guard_start(3 * SHORT);
	while (!guard_rang) {
		loop_turn(loop, true);
	}
	timer_stop(&guard);
	ck_assert_int_eq(owner.lost, 0);
	ck_assert(control_is_open(owner.control));
}
END_TEST

/* ---- closing ------------------------------------------------------------- */

static const struct {
	enum when when;
	enum script script;
} closings[] = {{ON_OPEN, GOOD}, {ON_ROW, GOOD}, {ON_ROW, CUT_ANSWER},
    {ON_DONE, GOOD}, {ON_DONE, ERROR_ANSWER}, {ON_DONE, FATAL_ANSWER},
    {ON_DONE, REJECT_LOGIN}, {ON_DONE, COPY_ANSWER}, {ON_LOST, CUT_LOGIN},
    {ON_LOST, FATAL_IDLE}};

START_TEST(control_calls_nobody_after_it_was_closed_in_a_callback)
{
	peer_start(closings[_i].script, 1000);
	owner.close_when = closings[_i].when;
	open_to_peer(PATIENCE);
	ck_assert_int_eq(ask(PATIENCE), 0);
	ck_assert_int_eq(ask(PATIENCE), 0);
	guard_start(PATIENCE);
	while (!owner.is_closed && !guard_rang) {
		loop_turn(loop, true);
	}
	timer_stop(&guard);
	ck_assert(!guard_rang);
	settle();
	ck_assert_int_eq(owner.events_after_close, 0);
}
END_TEST

START_TEST(control_can_be_closed_at_any_time_and_twice)
{
	for (int turns = 0; turns < 12; turns++) {
		memset(&owner, 0, sizeof(owner));
		peer_start(GOOD, 500);
		open_to_peer(PATIENCE);
		ck_assert_int_eq(ask(PATIENCE), 0);
		for (int i = 0; i < turns; i++) {
			loop_turn(loop, false);
		}
		control_close(owner.control);
		control_close(owner.control);
		owner.is_closed = true;
		ck_assert(!control_is_open(owner.control));
		ck_assert_int_eq(ask(PATIENCE), -1);
		settle();
		ck_assert_int_eq(owner.events_after_close, 0);
		peer_stop();
	}
	control_close(NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("control");
	TCase *questions = tcase_create("questions");
	TCase *loss = tcase_create("losses");
	TCase *closing = tcase_create("closing");

	tcase_add_checked_fixture(questions, setup, teardown);
	tcase_add_checked_fixture(loss, setup, teardown);
	tcase_add_checked_fixture(closing, setup, teardown);
	tcase_add_test(questions, control_answers_questions_in_order);
	tcase_add_test(questions, control_reads_answers_byte_by_byte);
	tcase_add_test(questions, control_tells_many_rows_over_many_turns);
	tcase_add_test(questions, control_goes_on_after_an_error_answer);
	tcase_add_test(
	    questions, control_takes_no_more_questions_than_it_may_hold);
	tcase_add_test(questions, control_says_exactly_who_it_is);
	tcase_add_test(
	    questions, control_goes_on_in_clear_when_tls_is_only_preferred);
	tcase_add_test(questions, control_tries_all_addresses_of_a_host);
	tcase_add_test(loss, control_tells_that_nobody_listens);
	tcase_add_test(loss, control_tells_later_what_fails_at_once);
	tcase_add_test(loss, control_never_asks_a_name_server);
	tcase_add_loop_test(loss, control_tells_every_kind_of_loss_once, 0,
	    sizeof(losses) / sizeof(*losses));
	tcase_add_test(loss, control_notices_an_idle_connection_that_breaks);
	tcase_add_test(
	    loss, control_counts_the_deadline_for_each_question_alone);
	tcase_add_loop_test(closing,
	    control_calls_nobody_after_it_was_closed_in_a_callback, 0,
	    sizeof(closings) / sizeof(*closings));
	tcase_add_test(closing, control_can_be_closed_at_any_time_and_twice);
	suite_add_tcase(suite, questions);
	suite_add_tcase(suite, loss);
	suite_add_tcase(suite, closing);
	return unit_run(suite);
}
