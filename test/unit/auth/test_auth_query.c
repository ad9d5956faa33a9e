/*
 * test_auth_query.c - asking a database for secrets.
 *
 * The connections are played by the test: it opens, answers and loses them
 * when it likes. Time is held and passes only in loop_advance().
 */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "auth/auth_line.h"
#include "auth/auth_query.h"
#include "auth/auth_rows.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/log.h"
#include "core/mem.h"
#include "support/loop.h"

#define MS ((int64_t)1000)
#define SECOND (1000 * MS)
#define LINES 100
#define ASKERS 600

/* ---- connections --------------------------------------------------------- */

struct auth_line {
	struct auth_line_events events;
	bool is_used, is_open, is_closed, is_asking;
	char host[64], user[64], password[64], dbname[64], options[200];
	int port;
	char asked[200]; /* "query|user" */
	int64_t timeout_us;
	int questions;
};

static struct auth_line lines[LINES];
static int line_count;

static void
copy(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

static struct auth_line *
fake_open(struct loop *loop, struct resolver *resolver,
    const struct control_params *params, const struct auth_line_events *events)
{
	struct auth_line *line = &lines[line_count++];

	(void)loop;
	(void)resolver;
	ck_assert_int_lt(line_count, LINES);
	line->events = *events;
	line->is_used = true;
	line->port = params->port;
	copy(line->host, sizeof(line->host), params->host);
	copy(line->user, sizeof(line->user), params->user);
	copy(line->password, sizeof(line->password), params->password);
	copy(line->dbname, sizeof(line->dbname), params->dbname);
	copy(line->options, sizeof(line->options), params->options);
	ck_assert_int_gt(params->connect_timeout_us, 0);
	return line;
}

static void
fake_ask(struct auth_line *line, const char *sql, const char *user,
    int64_t timeout_us)
{
	ck_assert(line->is_open && !line->is_closed && !line->is_asking);
	line->is_asking = true;
	line->timeout_us = timeout_us;
	line->questions++;
	(void)snprintf(line->asked, sizeof(line->asked), "%s|%s", sql, user);
}

static void
fake_close(struct auth_line *line)
{
	ck_assert(!line->is_closed);
	line->is_closed = true;
}

static const struct auth_line_ops fake_lines = {
    fake_open, fake_ask, fake_close};

static void
let_open(int index)
{
	ck_assert(lines[index].is_used && !lines[index].is_closed);
	lines[index].is_open = true;
	lines[index].events.on_open(lines[index].events.context);
}

static void
answer_rows(int index, struct auth_rows *rows)
{
	ck_assert(lines[index].is_asking && !lines[index].is_closed);
	lines[index].is_asking = false;
	lines[index].events.on_answer(lines[index].events.context, rows, NULL);
	auth_rows_fini(rows);
}

/* SECRET NULL: without a row. */
static void
let_answer(int index, const char *role, const char *secret)
{
	struct auth_rows rows = {0};

	if (secret != NULL) {
		auth_rows_add(&rows, 2, role, secret);
	}
	answer_rows(index, &rows);
}

static void
let_refuse(int index, const char *sqlstate)
{
	struct error err;

	error_set(&err, sqlstate, "told so");
	lines[index].is_asking = false;
	lines[index].events.on_answer(lines[index].events.context, NULL, &err);
}

static void
let_lose(int index, enum control_outcome outcome, const char *sqlstate)
{
	struct error err;

	ck_assert(!lines[index].is_closed);
	error_set(&err, sqlstate, "told so");
	lines[index].is_closed = true;
	lines[index].is_asking = false;
	lines[index].events.on_lost(lines[index].events.context, outcome, &err);
}

/* ---- who asks ------------------------------------------------------------ */

struct asker {
	struct auth_question question;
	int told;
	enum auth_found found;
	char role[64], secret[100];
	bool has_secret;
	struct error err;
	struct asker *cancels; /* when it is told */
};

static struct loop *loop;
static struct auth_queries *set;
static struct asker askers[ASKERS];
static enum auth_place place;
static char place_host[64];
static unsigned place_lost;
static struct auth_source source;
static struct auth_options options;

static void
take(struct asker *asker, const struct auth_answer *answer)
{
	asker->told++;
	asker->found = answer->found;
	copy(asker->role, sizeof(asker->role), answer->role);
	copy(asker->secret, sizeof(asker->secret), answer->secret);
	asker->has_secret = answer->secret != NULL;
	if (answer->found == AUTH_FAILED) {
		ck_assert_ptr_nonnull(answer->err);
		asker->err = *answer->err;
	}
}

static void
on_answer(struct auth_question *question, const struct auth_answer *answer)
{
	struct asker *asker = list_entry(question, struct asker, question);

	ck_assert_ptr_null(question->entry);
	take(asker, answer);
	if (asker->cancels != NULL) {
		auth_question_cancel(&asker->cancels->question);
	}
}

static enum auth_place
find(void *context, const char *database, unsigned lost, struct buf *host,
    int *port, struct error *err)
{
	(void)context;
	(void)database;
	place_lost = lost;
	*port = 5432;
	if (place == AUTH_PLACE_KNOWN) {
		buf_append_str(host, place_host);
	} else if (place != AUTH_PLACE_HELD) {
		error_set(err, SQLSTATE_CANNOT_CONNECT_NOW, "it is closed");
	}
	return place;
}

/* Lets INDEX ask for USER; whether the answer was there at once. */
static bool
ask(int index, const char *user)
{
	struct auth_answer answer = {0};
	bool is_known = auth_query_ask(
	    set, &source, user, &askers[index].question, on_answer, &answer);

	if (is_known) {
		take(&askers[index], &answer);
	}
	return is_known;
}

/* Everything that is ready runs. */
static void
settle(void)
{
	test_loop_settle(loop);
}

static void
setup(void)
{
	struct auth_places places = {find, NULL};

	memset(lines, 0, sizeof(lines));
	memset(askers, 0, sizeof(askers));
	line_count = 0;
	loop = test_loop_new();
	loop_hold_time(loop);
	place = AUTH_PLACE_KNOWN;
	copy(place_host, sizeof(place_host), "10.0.0.1");
	source = (struct auth_source){.database = "app",
	    .dbname = "appdb",
	    .user = "authority",
	    .password = "open sesame",
	    .query = "SELECT u($1)"};
	options = (struct auth_options){.cache_us = 5 * SECOND,
	    .question_us = 2 * SECOND,
	    .connect_us = 3 * SECOND,
	    .unreachable_us = 10 * SECOND};
	set = auth_queries_new(loop, NULL, NULL, &places, &options);
	auth_queries_set_lines(set, &fake_lines);
}

static void
teardown(void)
{
	for (int i = 0; i < ASKERS; i++) {
		auth_question_cancel(&askers[i].question);
	}
	auth_queries_free(&set);
	for (int i = 0; i < line_count; i++) {
		ck_assert(lines[i].is_closed);
	}
	loop_free(&loop);
}

static void
found(int index, const char *secret)
{
	ck_assert_int_eq(askers[index].told, 1);
	ck_assert_int_eq(askers[index].found, AUTH_FOUND);
	ck_assert_str_eq(askers[index].secret, secret);
}

static void
failed(int index, const char *text)
{
	ck_assert_int_eq(askers[index].told, 1);
	ck_assert_int_eq(askers[index].found, AUTH_FAILED);
	ck_assert_msg(strstr(askers[index].err.text, text) != NULL, "%s",
	    askers[index].err.text);
	ck_assert_str_ne(askers[index].err.hint, "");
}

/* One asks, and the connection is open. */
static void
begin(void)
{
	ck_assert(!ask(0, "alice"));
	settle();
	ck_assert_int_eq(line_count, 1);
	let_open(0);
	settle();
	ck_assert(lines[0].is_asking);
}

/* ---- questions ----------------------------------------------------------- */

START_TEST(auth_query_asks_with_the_name_as_a_parameter)
{
	begin();
	ck_assert_str_eq(lines[0].asked, "SELECT u($1)|alice");
	ck_assert_str_eq(lines[0].host, "10.0.0.1");
	ck_assert_str_eq(lines[0].user, "authority");
	ck_assert_str_eq(lines[0].password, "open sesame");
	ck_assert_str_eq(lines[0].dbname, "appdb");
	ck_assert_str_eq(lines[0].options,
	    "-c search_path=pg_catalog,\"$user\",public,pg_temp "
	    "-c statement_timeout=2000");
	ck_assert_int_gt(lines[0].timeout_us, 2 * SECOND);
	let_answer(0, "alice", "s3");
	ck_assert_int_eq(askers[0].told, 0);
	settle();
	found(0, "s3");
	ck_assert_str_eq(askers[0].role, "alice");
}
END_TEST

START_TEST(auth_query_answers_many_askers_with_one_question)
{
	for (int i = 0; i < ASKERS; i++) {
		ck_assert(!ask(i, "alice"));
	}
	settle();
	let_open(0);
	settle();
	let_answer(0, "alice", "s3");
	settle();
	for (int i = 0; i < ASKERS; i++) {
		found(i, "s3");
	}
	ck_assert_int_eq(line_count, 1);
	ck_assert_int_eq(lines[0].questions, 1);
}
END_TEST

START_TEST(auth_query_remembers_an_answer_for_a_while)
{
	begin();
	let_answer(0, "alice", "s3");
	settle();
	auth_query_confirm(set, &source, "alice");
	loop_advance(loop, 4900 * MS);
	ck_assert(ask(1, "alice"));
	found(1, "s3");
	ck_assert(!ask(2, "bob"));
	loop_advance(loop, 200 * MS);
	ck_assert(!ask(3, "alice"));
}
END_TEST

START_TEST(auth_query_remembers_nothing_long_by_which_nobody_came_in)
{
	begin();
	let_answer(0, "alice", "s3");
	settle();
	loop_advance(loop, 900 * MS);
	ck_assert(ask(1, "alice"));
	found(1, "s3");
	loop_advance(loop, 200 * MS);
	ck_assert(!ask(2, "alice"));
	/* It is of no use before there is an answer. */
	auth_query_confirm(set, &source, "alice");
	settle();
	let_answer(0, "alice", "s4");
	settle();
	loop_advance(loop, 1100 * MS);
	ck_assert(!ask(3, "alice"));
}
END_TEST

START_TEST(auth_query_remembers_nobody_for_a_second)
{
	begin();
	let_answer(0, NULL, NULL);
	settle();
	ck_assert_int_eq(askers[0].found, AUTH_NOT_FOUND);
	loop_advance(loop, 900 * MS);
	ck_assert(ask(1, "alice"));
	ck_assert_int_eq(askers[1].found, AUTH_NOT_FOUND);
	loop_advance(loop, 200 * MS);
	ck_assert(!ask(2, "alice"));
}
END_TEST

START_TEST(auth_query_remembers_nothing_if_it_must_not)
{
	options.cache_us = 0;
	auth_queries_configure(set, &options);
	begin();
	ck_assert(!ask(1, "alice"));
	let_answer(0, "alice", "s3");
	settle();
	found(0, "s3");
	found(1, "s3");
	ck_assert(!ask(2, "alice"));
}
END_TEST

START_TEST(auth_query_forgets_on_request_but_once_a_second)
{
	begin();
	ck_assert(!auth_query_forget(set, &source, "alice"));
	let_answer(0, "alice", "old");
	settle();
	auth_query_confirm(set, &source, "alice");
	ck_assert(ask(1, "alice"));
	loop_advance(loop, 1100 * MS);
	ck_assert(!auth_query_forget(set, &source, "bob"));
	ck_assert(auth_query_forget(set, &source, "alice"));
	ck_assert(!ask(2, "alice"));
	settle();
	let_answer(0, "alice", "new");
	settle();
	found(2, "new");
	ck_assert(!auth_query_forget(set, &source, "alice"));
}
END_TEST

START_TEST(auth_query_asks_anew_a_second_later_for_who_was_doubted)
{
	begin();
	let_answer(0, "alice", "old");
	settle();
	auth_query_confirm(set, &source, "alice");
	ck_assert(!auth_query_forget(set, &source, "alice"));
	loop_advance(loop, 900 * MS);
	ck_assert(ask(1, "alice"));
	loop_advance(loop, 200 * MS);
	ck_assert(!ask(2, "alice"));
}
END_TEST

START_TEST(auth_query_knows_what_secrets_look_like)
{
	ck_assert_ptr_null(auth_query_model(set, 3));
	begin();
	let_answer(0, "alice",
	    "SCRAM-SHA-256$5000:ES/KlS5SHTzow0N11QAD7A==$"
	    "kukNCxB24fLUQ8djkvY4x/SjYCGnYAON8fo7aBmwcwY=:"
	    "G9qgLy3OirNTsrdxgGZJZTkYrRdYR9isYtg8zIui1hA=");
	ck_assert_int_eq(auth_query_most_iterations(set), 5000);
	ck_assert_ptr_nonnull(
	    strstr(auth_query_model(set, 3), "SCRAM-SHA-256$5000:"));
	ck_assert_ptr_null(strstr(auth_query_model(set, 3), "kukN"));
}
END_TEST

START_TEST(auth_query_forgets_all_with_a_new_configuration)
{
	begin();
	let_answer(0, "alice", "s3");
	settle();
	auth_queries_configure(set, &options);
	ck_assert(lines[0].is_closed);
	ck_assert(!ask(1, "alice"));
}
END_TEST

START_TEST(auth_query_keeps_answers_of_different_sources_apart)
{
	static const struct {
		size_t offset;
		const char *value;
	} others[] = {
	    {offsetof(struct auth_source, database), "app2"},
	    {offsetof(struct auth_source, dbname), "appdb2"},
	    {offsetof(struct auth_source, user), "other"},
	    {offsetof(struct auth_source, password), "other"},
	    {offsetof(struct auth_source, passfile), "/other"},
	    {offsetof(struct auth_source, sslmode), "verify-full"},
	    {offsetof(struct auth_source, query), "SELECT v($1)"},
	};

	begin();
	let_answer(0, "alice", "s3");
	settle();
	memcpy((char *)&source + others[_i].offset, &others[_i].value,
	    sizeof(others[_i].value));
	ck_assert(!ask(1, "alice"));
}
END_TEST

START_TEST(auth_query_tells_who_has_no_secret)
{
	struct auth_rows rows = {0};

	begin();
	auth_rows_add(&rows, 2, "alice", NULL);
	answer_rows(0, &rows);
	settle();
	ck_assert_int_eq(askers[0].found, AUTH_FOUND);
	ck_assert(!askers[0].has_secret);
}
END_TEST

START_TEST(auth_query_fails_over_rows_that_make_no_sense)
{
	struct auth_rows rows = {0};

	begin();
	auth_rows_add(&rows, 3, "alice", "s3");
	answer_rows(0, &rows);
	settle();
	failed(0, "bouncer config error");
	/* And asks anew at once. */
	ck_assert(!ask(1, "alice"));
	settle();
	let_answer(0, "alice", "s3");
	settle();
	found(1, "s3");
}
END_TEST

START_TEST(auth_query_fails_when_the_server_refuses_the_query)
{
	begin();
	let_refuse(0, "42883");
	settle();
	failed(0, "bouncer config error");
	ck_assert_ptr_null(strstr(askers[0].err.text, "told so"));
	ck_assert(!lines[0].is_closed);
	ck_assert(!ask(1, "alice"));
}
END_TEST

START_TEST(auth_query_knows_nobody_whose_name_is_no_text)
{
	begin();
	let_refuse(0, "22021");
	settle();
	ck_assert_int_eq(askers[0].found, AUTH_NOT_FOUND);
}
END_TEST

/* ---- who goes ------------------------------------------------------------ */

START_TEST(auth_query_asks_nothing_for_who_has_gone)
{
	ck_assert(!ask(0, "alice"));
	settle();
	auth_question_cancel(&askers[0].question);
	auth_question_cancel(&askers[0].question);
	let_open(0);
	settle();
	ck_assert_int_eq(lines[0].questions, 0);
	ck_assert_int_eq(askers[0].told, 0);
}
END_TEST

START_TEST(auth_query_keeps_the_answer_for_who_has_gone)
{
	begin();
	auth_question_cancel(&askers[0].question);
	let_answer(0, "alice", "s3");
	settle();
	ck_assert_int_eq(askers[0].told, 0);
	ck_assert(ask(1, "alice"));
	found(1, "s3");
}
END_TEST

START_TEST(auth_query_lets_askers_cancel_each_other)
{
	begin();
	ck_assert(!ask(1, "alice"));
	ck_assert(!ask(2, "alice"));
	askers[0].cancels = &askers[1];
	let_answer(0, "alice", "s3");
	settle();
	found(0, "s3");
	ck_assert_int_eq(askers[1].told, 0);
	found(2, "s3");
}
END_TEST

START_TEST(auth_query_can_end_with_a_question_under_way)
{
	begin();
	ck_assert(!ask(1, "bob"));
	/* teardown() does the rest. */
}
END_TEST

/* ---- connections --------------------------------------------------------- */

START_TEST(auth_query_opens_another_connection_only_while_all_are_busy)
{
	for (int i = 0; i < 10; i++) {
		char user[16];

		(void)snprintf(user, sizeof(user), "user%d", i);
		ck_assert(!ask(i, user));
		settle();
		ck_assert_int_eq(line_count, 1);
	}
	settle();
	for (int i = 0; i < AUTH_CHANNEL_LINES_MAX; i++) {
		ck_assert_int_eq(line_count, i + 1);
		let_open(i);
		settle();
	}
	ck_assert_int_eq(line_count, AUTH_CHANNEL_LINES_MAX);
	ck_assert_str_eq(lines[0].asked, "SELECT u($1)|user0");
	ck_assert_str_eq(lines[3].asked, "SELECT u($1)|user3");
	let_answer(2, "user2", "s2");
	settle();
	ck_assert_str_eq(lines[2].asked, "SELECT u($1)|user4");
	found(2, "s2");
}
END_TEST

START_TEST(auth_query_closes_what_nobody_needs)
{
	begin();
	let_answer(0, "alice", "s3");
	loop_advance(loop, 59 * SECOND);
	ck_assert(!lines[0].is_closed);
	loop_advance(loop, 3 * SECOND);
	ck_assert(lines[0].is_closed);
	ck_assert(!ask(1, "alice"));
	settle();
	ck_assert_int_eq(line_count, 2);
}
END_TEST

START_TEST(auth_query_follows_the_primary)
{
	begin();
	let_answer(0, "alice", "s3");
	settle();
	copy(place_host, sizeof(place_host), "10.0.0.2");
	ck_assert(!ask(1, "bob"));
	settle();
	ck_assert(lines[0].is_closed);
	ck_assert_int_eq(line_count, 2);
	ck_assert_str_eq(lines[1].host, "10.0.0.2");
}
END_TEST

START_TEST(auth_query_asks_once_more_when_the_connection_breaks)
{
	begin();
	let_lose(0, CONTROL_BROKEN, "57P01");
	loop_advance(loop, 110 * MS);
	ck_assert_int_eq(line_count, 2);
	let_open(1);
	settle();
	ck_assert_str_eq(lines[1].asked, "SELECT u($1)|alice");
	let_answer(1, "alice", "s3");
	settle();
	found(0, "s3");
}
END_TEST

START_TEST(auth_query_gives_up_when_the_connection_breaks_again)
{
	begin();
	let_lose(0, CONTROL_BROKEN, "08006");
	loop_advance(loop, 110 * MS);
	let_open(1);
	settle();
	let_lose(1, CONTROL_BROKEN, "08006");
	settle();
	failed(0, "cannot be reached");
}
END_TEST

START_TEST(auth_query_does_not_wait_for_ever_for_an_answer)
{
	begin();
	let_lose(0, CONTROL_TIMED_OUT, "08006");
	settle();
	failed(0, "bouncer config error");
}
END_TEST

START_TEST(auth_query_waits_longer_before_each_attempt_up_to_a_second)
{
	static const int pauses[] = {100, 200, 400, 800, 1000, 1000};
	int tried = 1;

	options.unreachable_us = 60 * SECOND;
	auth_queries_configure(set, &options);
	ck_assert(!ask(0, "alice"));
	settle();
	for (size_t i = 0; i < sizeof(pauses) / sizeof(*pauses); i++) {
		ck_assert_int_eq(line_count, tried);
		let_lose(tried - 1, CONTROL_REFUSED, "08001");
		loop_advance(loop, (pauses[i] - 10) * MS);
		ck_assert_int_eq(line_count, tried);
		loop_advance(loop, 20 * MS);
		ck_assert_int_eq(line_count, ++tried);
		ck_assert_uint_eq(place_lost, i + 1);
	}
	let_open(tried - 1);
	settle();
	let_answer(tried - 1, "alice", "s3");
	settle();
	found(0, "s3");
}
END_TEST

START_TEST(auth_query_fails_when_nobody_answers_for_too_long)
{
	int tried = 0;

	ck_assert(!ask(0, "alice"));
	settle();
	for (int i = 0; i < 9; i++) {
		while (tried < line_count) {
			let_lose(tried++, CONTROL_REFUSED, "08001");
		}
		loop_advance(loop, SECOND);
	}
	ck_assert_int_eq(askers[0].told, 0);
	ck_assert(!ask(1, "bob"));
	loop_advance(loop, 2 * SECOND);
	failed(0, "\"app\" cannot be reached");
	ck_assert_int_eq(askers[1].told, 0);
}
END_TEST

START_TEST(auth_query_fails_when_a_connection_takes_too_long)
{
	ck_assert(!ask(0, "alice"));
	loop_advance(loop, 11 * SECOND);
	ck_assert_int_eq(line_count, 1);
	failed(0, "\"app\" cannot be reached");
}
END_TEST

START_TEST(auth_query_does_not_wait_if_it_must_not)
{
	options.unreachable_us = 0;
	auth_queries_configure(set, &options);
	ck_assert(!ask(0, "alice"));
	settle();
	let_lose(0, CONTROL_REFUSED, "08001");
	settle();
	failed(0, "\"app\" cannot be reached");
}
END_TEST

START_TEST(auth_query_tells_everybody_that_its_login_is_refused)
{
	ck_assert(!ask(0, "alice"));
	ck_assert(!ask(1, "bob"));
	settle();
	let_lose(0, CONTROL_REJECTED, "28P01");
	settle();
	failed(0, "bouncer config error");
	failed(1, "bouncer config error");
	/* The next one waits for the next attempt. */
	ck_assert(!ask(2, "carol"));
	settle();
	ck_assert_int_eq(line_count, 1);
	loop_advance(loop, 110 * MS);
	let_open(1);
	settle();
	let_answer(1, "carol", "s3");
	settle();
	found(2, "s3");
}
END_TEST

START_TEST(auth_query_waits_for_a_server_that_takes_nobody_now)
{
	static const char *const states[] = {"57P03", "53300"};

	ck_assert(!ask(0, "alice"));
	settle();
	let_lose(0, CONTROL_REJECTED, states[_i]);
	loop_advance(loop, 110 * MS);
	ck_assert_int_eq(askers[0].told, 0);
	let_open(1);
	settle();
	let_answer(1, "alice", "s3");
	settle();
	found(0, "s3");
}
END_TEST

START_TEST(auth_query_waits_while_its_database_is_held)
{
	place = AUTH_PLACE_HELD;
	ck_assert(!ask(0, "alice"));
	loop_advance(loop, 20 * SECOND);
	ck_assert_int_eq(line_count, 0);
	ck_assert_int_eq(askers[0].told, 0);
	place = AUTH_PLACE_KNOWN;
	loop_advance(loop, 110 * MS);
	let_open(0);
	settle();
	let_answer(0, "alice", "s3");
	settle();
	found(0, "s3");
	place = AUTH_PLACE_HELD;
	loop_advance(loop, 1100 * MS);
	ck_assert(lines[0].is_closed);
}
END_TEST

START_TEST(auth_query_fails_when_its_database_is_closed_or_gone)
{
	place = _i == 0 ? AUTH_PLACE_CLOSED : AUTH_PLACE_NONE;
	ck_assert(!ask(0, "alice"));
	settle();
	if (_i == 0) {
		ck_assert_str_eq(askers[0].err.text, "it is closed");
	} else {
		failed(0, "bouncer config error");
	}
	ck_assert_int_eq(askers[0].told, 1);
	ck_assert_int_eq(line_count, 0);
}
END_TEST

/* ---- bounds -------------------------------------------------------------- */

/* Lets INDEX ask for alice in a database of its own. */
static void
ask_elsewhere(int index)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "db%d", index);
	source.database = source.dbname = name;
	ck_assert(!ask(index, "alice"));
	source.database = "app";
	settle();
}

START_TEST(auth_query_bounds_connections_and_serves_databases_in_order)
{
	for (int i = 0; i < AUTH_LINES_MAX + 3; i++) {
		ask_elsewhere(i);
	}
	ck_assert_int_eq(line_count, AUTH_LINES_MAX);
	/* The first that waits goes away; the second gets the next room. */
	auth_question_cancel(&askers[AUTH_LINES_MAX].question);
	settle();
	let_lose(7, CONTROL_REFUSED, "08001");
	settle();
	ck_assert_int_eq(line_count, AUTH_LINES_MAX + 1);
	/* An idle one makes room for the third. */
	let_open(3);
	settle();
	let_answer(3, "alice", "s3");
	settle();
	ck_assert(lines[3].is_closed);
	ck_assert_int_eq(line_count, AUTH_LINES_MAX + 2);
	let_open(AUTH_LINES_MAX);
	settle();
	let_answer(AUTH_LINES_MAX, "alice", "s1");
	settle();
	found(AUTH_LINES_MAX + 1, "s1");
}
END_TEST

START_TEST(auth_query_lets_nobody_in_before_who_waits_for_room)
{
	char name[32];

	for (int i = 0; i < AUTH_LINES_MAX + 1; i++) {
		ask_elsewhere(i);
	}
	let_open(3);
	settle();
	/* Both see that there is room, the later one first. */
	source.database = source.dbname = "late";
	ck_assert(!ask(AUTH_LINES_MAX + 1, "alice"));
	let_answer(3, "alice", "s3");
	settle();
	ck_assert_int_eq(line_count, AUTH_LINES_MAX + 1);
	(void)snprintf(name, sizeof(name), "db%d", AUTH_LINES_MAX);
	ck_assert_str_eq(lines[AUTH_LINES_MAX].dbname, name);
}
END_TEST

START_TEST(auth_query_bounds_what_waits)
{
	static struct asker crowd[AUTH_WAITING_MAX + 1];
	struct auth_answer answer = {0};
	char user[16];

	memset(crowd, 0, sizeof(crowd));
	for (int i = 0; i <= AUTH_WAITING_MAX; i++) {
		bool is_known;

		(void)snprintf(user, sizeof(user), "user%d", i);
		is_known = auth_query_ask(
		    set, &source, user, &crowd[i].question, on_answer, &answer);
		ck_assert_int_eq(is_known, i == AUTH_WAITING_MAX);
	}
	ck_assert_int_eq(answer.found, AUTH_FAILED);
	ck_assert_ptr_nonnull(strstr(answer.err->text, "too many"));
	/* Who asks for one of them may still join. */
	ck_assert(!ask(0, "user7"));
	for (int i = 0; i < AUTH_WAITING_MAX; i++) {
		auth_question_cancel(&crowd[i].question);
	}
	ck_assert(!ask(1, "another"));
}
END_TEST

START_TEST(auth_query_bounds_what_it_remembers)
{
	begin();
	let_answer(0, "alice", "s3");
	settle();
	for (int i = 0; i < AUTH_KNOWN_MAX; i++) {
		char user[16];

		askers[1] = (struct asker){0};
		(void)snprintf(user, sizeof(user), "user%d", i);
		ck_assert(!ask(1, user));
		settle();
		let_answer(0, user, "s3");
		settle();
		found(1, "s3");
	}
	ck_assert(ask(2, "user0"));
	ck_assert(!ask(3, "alice"));
}
END_TEST

START_TEST(auth_query_forgets_nobody_known_over_those_who_do_not_exist)
{
	begin();
	let_answer(0, "alice", "s3");
	settle();
	for (int i = 0; i < AUTH_KNOWN_MAX; i++) {
		char user[16];

		askers[1] = (struct asker){0};
		(void)snprintf(user, sizeof(user), "user%d", i);
		ck_assert(!ask(1, user));
		settle();
		let_answer(0, NULL, NULL);
		settle();
		ck_assert_int_eq(askers[1].found, AUTH_NOT_FOUND);
	}
	ck_assert(ask(2, "alice"));
	ck_assert(!ask(3, "user0"));
	ck_assert(ask(4, "user9999"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("auth_query");
	TCase *questions = tcase_create("questions");
	TCase *leaving = tcase_create("who goes");
	TCase *connections = tcase_create("connections");
	TCase *bounds = tcase_create("bounds");

	tcase_add_checked_fixture(questions, setup, teardown);
	tcase_add_checked_fixture(leaving, setup, teardown);
	tcase_add_checked_fixture(connections, setup, teardown);
	tcase_add_checked_fixture(bounds, setup, teardown);
	tcase_add_test(questions, auth_query_asks_with_the_name_as_a_parameter);
	tcase_add_test(
	    questions, auth_query_answers_many_askers_with_one_question);
	tcase_add_test(questions, auth_query_remembers_an_answer_for_a_while);
	tcase_add_test(questions,
	    auth_query_remembers_nothing_long_by_which_nobody_came_in);
	tcase_add_test(questions, auth_query_remembers_nobody_for_a_second);
	tcase_add_test(questions, auth_query_remembers_nothing_if_it_must_not);
	tcase_add_test(
	    questions, auth_query_forgets_on_request_but_once_a_second);
	tcase_add_test(
	    questions, auth_query_asks_anew_a_second_later_for_who_was_doubted);
	tcase_add_test(questions, auth_query_knows_what_secrets_look_like);
	tcase_add_test(
	    questions, auth_query_forgets_all_with_a_new_configuration);
	tcase_add_loop_test(questions,
	    auth_query_keeps_answers_of_different_sources_apart, 0, 7);
	tcase_add_test(questions, auth_query_tells_who_has_no_secret);
	tcase_add_test(
	    questions, auth_query_fails_over_rows_that_make_no_sense);
	tcase_add_test(
	    questions, auth_query_fails_when_the_server_refuses_the_query);
	tcase_add_test(
	    questions, auth_query_knows_nobody_whose_name_is_no_text);
	tcase_add_test(leaving, auth_query_asks_nothing_for_who_has_gone);
	tcase_add_test(leaving, auth_query_keeps_the_answer_for_who_has_gone);
	tcase_add_test(leaving, auth_query_lets_askers_cancel_each_other);
	tcase_add_test(leaving, auth_query_can_end_with_a_question_under_way);
	tcase_add_test(connections,
	    auth_query_opens_another_connection_only_while_all_are_busy);
	tcase_add_test(connections, auth_query_closes_what_nobody_needs);
	tcase_add_test(connections, auth_query_follows_the_primary);
	tcase_add_test(
	    connections, auth_query_asks_once_more_when_the_connection_breaks);
	tcase_add_test(
	    connections, auth_query_gives_up_when_the_connection_breaks_again);
	tcase_add_test(
	    connections, auth_query_does_not_wait_for_ever_for_an_answer);
	tcase_add_test(connections,
	    auth_query_waits_longer_before_each_attempt_up_to_a_second);
	tcase_add_test(
	    connections, auth_query_fails_when_nobody_answers_for_too_long);
	tcase_add_test(
	    connections, auth_query_fails_when_a_connection_takes_too_long);
	tcase_add_test(connections, auth_query_does_not_wait_if_it_must_not);
	tcase_add_test(
	    connections, auth_query_tells_everybody_that_its_login_is_refused);
	tcase_add_loop_test(connections,
	    auth_query_waits_for_a_server_that_takes_nobody_now, 0, 2);
	tcase_add_test(
	    connections, auth_query_waits_while_its_database_is_held);
	tcase_add_loop_test(connections,
	    auth_query_fails_when_its_database_is_closed_or_gone, 0, 2);
	tcase_add_test(bounds,
	    auth_query_bounds_connections_and_serves_databases_in_order);
	tcase_add_test(
	    bounds, auth_query_lets_nobody_in_before_who_waits_for_room);
	tcase_add_test(bounds, auth_query_bounds_what_waits);
	tcase_add_test(bounds, auth_query_bounds_what_it_remembers);
	tcase_add_test(bounds,
	    auth_query_forgets_nobody_known_over_those_who_do_not_exist);
	suite_add_tcase(suite, questions);
	suite_add_tcase(suite, leaving);
	suite_add_tcase(suite, connections);
	suite_add_tcase(suite, bounds);
	return unit_run(suite);
}
