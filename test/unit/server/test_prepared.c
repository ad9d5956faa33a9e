/* test_prepared.c - which statements a server has, as far as we know. */
#include "support/allocations.h"
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "proto/frame.h"
#include "server/form.h"
#include "server/prepared.h"
#include "server/statement.h"

#define STATEMENTS 24

struct stage {
	struct statements *set;
	struct statement *all[STATEMENTS]; /* as clients hold them */
	struct prepared prepared;
};

static struct stage stage;

static void
stage_set(void)
{
	const struct hash128 meaning = {1, 2};

	stage.set = statements_new(SIZE_MAX);
	for (int i = 0; i < STATEMENTS; i++) {
		char body[20] = "";
		int length = snprintf(body, sizeof(body), "SELECT %d", i);

		stage.all[i] = statements_take(stage.set, &meaning,
		    (const uint8_t *)body, (size_t)length + 3);
	}
	prepared_init(&stage.prepared);
}

/* All memory must have come back. */
static void
stage_strike(void)
{
	prepared_fini(&stage.prepared);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 0);
	for (int i = 0; i < STATEMENTS; i++) {
		ck_assert_uint_eq(stage.all[i]->references, 1);
		statement_release(&stage.all[i]);
	}
	ck_assert_uint_eq(statements_bytes(stage.set), 0);
	statements_free(&stage.set);
}

static enum prepared_state
look(int i, uint64_t batch)
{
	return prepared_look(&stage.prepared, stage.all[i], batch);
}

static struct note *
send_parse(int i, uint64_t batch)
{
	return prepared_sent(
	    &stage.prepared, stage.all[i], BELIEF_PREPARED, batch);
}

static struct note *
send_close(int i, uint64_t batch)
{
	return prepared_sent(
	    &stage.prepared, stage.all[i], BELIEF_CLOSED, batch);
}

static void
answer(struct note *note, enum note_event event)
{
	prepared_on_note(&stage.prepared, note, event);
	note_free(&note);
}

/* Statement I is known to the server. */
static void
prepare(int i)
{
	answer(send_parse(i, 1), NOTE_DONE);
}

/* Which statement is to go; -1: none. */
static int
surplus(size_t limit)
{
	const struct statement *statement =
	    prepared_surplus(&stage.prepared, limit);

	for (int i = 0; i < STATEMENTS; i++) {
		if (statement == stage.all[i]) {
			return i;
		}
	}
	ck_assert_ptr_null(statement);
	return -1;
}

/* ---- forms --------------------------------------------------------------- */

static enum prepared_form
look_form(int i, struct form **form)
{
	return prepared_look_form(&stage.prepared, stage.all[i], form);
}

/* The Describe that NOTE is of is answered. */
static void
answer_described(struct note *note, enum note_event event)
{
	if (event == NOTE_DONE) {
		note->form = form_new();
		form_add(&note->form, MSG_NO_DATA, (const uint8_t *)"", 0);
	}
	answer(note, event);
}

START_TEST(a_form_is_known_when_it_was_described)
{
	struct form *form;
	struct note *note;

	ck_assert_int_eq(look_form(0, &form), PREPARED_FORM_UNKNOWN);
	prepare(0);
	ck_assert_int_eq(look_form(0, &form), PREPARED_FORM_UNKNOWN);
	note = prepared_describe_sent(&stage.prepared, stage.all[0]);
	ck_assert_int_eq(look_form(0, &form), PREPARED_FORM_WAIT);
	answer_described(note, NOTE_DONE);
	ck_assert_int_eq(look_form(0, &form), PREPARED_FORM_KNOWN);
	ck_assert_uint_eq(form_age(form), 1);
	ck_assert_int_eq(look_form(1, &form), PREPARED_FORM_UNKNOWN);
	ck_assert_ptr_null(form);
}
END_TEST

START_TEST(a_form_is_not_known_by_a_describe_that_failed_or_was_not_read)
{
	struct form *form;
	struct note *note;

	prepare(0);
	note = prepared_describe_sent(&stage.prepared, stage.all[0]);
	if (_i == 0) {
		answer_described(note, NOTE_FAILED);
	} else if (_i == 1) {
		answer_described(note, NOTE_SKIPPED);
	} else {
		answer(note, NOTE_DONE);
	}
	ck_assert_int_eq(look_form(0, &form), PREPARED_FORM_UNKNOWN);
}
END_TEST

START_TEST(a_form_goes_with_its_plan)
{
	struct form *form;
	struct note *close, *parse;

	prepare(0);
	answer_described(
	    prepared_describe_sent(&stage.prepared, stage.all[0]), NOTE_DONE);
	close = send_close(0, 2);
	parse = send_parse(0, 2);
	ck_assert_int_eq(look_form(0, &form), PREPARED_FORM_AHEAD);
	answer(close, NOTE_DONE);
	answer(parse, NOTE_DONE);
	ck_assert_int_eq(look_form(0, &form), PREPARED_FORM_UNKNOWN);
}
END_TEST

START_TEST(a_describe_may_outlive_what_it_asks_for)
{
	struct note *note;
	struct form *form;

	prepare(0);
	note = prepared_describe_sent(&stage.prepared, stage.all[0]);
	prepared_forget(&stage.prepared);
	ck_assert_int_eq(look_form(0, &form), PREPARED_FORM_UNKNOWN);
	prepare(0);
	answer_described(note, NOTE_DONE);
	ck_assert_int_eq(look_form(0, &form), PREPARED_FORM_UNKNOWN);
	note = prepared_describe_sent(&stage.prepared, stage.all[0]);
	prepared_fini(&stage.prepared);
	answer_described(note, NOTE_DONE);
}
END_TEST

START_TEST(a_statement_found_there_is_doubted)
{
	struct note *note = send_parse(0, 1);

	note->is_there = true;
	answer(note, NOTE_FAILED);
	ck_assert_int_eq(look(0, 2), PREPARED_DOUBTED);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 1);
	answer(send_close(0, 2), NOTE_DONE);
	ck_assert_int_eq(look(0, 2), PREPARED_MISSING);
}
END_TEST

/* ---- one statement ------------------------------------------------------- */

START_TEST(a_statement_is_known_when_the_server_says_so)
{
	struct note *note;

	ck_assert_int_eq(look(0, 1), PREPARED_MISSING);
	note = send_parse(0, 1);
	ck_assert_int_eq(note->belief, BELIEF_PREPARED);
	ck_assert_ptr_eq(note->statement, stage.all[0]);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 0);
	/* Within its batch it can be relied on, elsewhere not yet. */
	ck_assert_int_eq(look(0, 1), PREPARED_KNOWN);
	ck_assert_int_eq(look(0, 2), PREPARED_WAIT);
	ck_assert_int_eq(look(1, 1), PREPARED_MISSING);
	answer(note, NOTE_DONE);
	ck_assert_int_eq(look(0, 2), PREPARED_KNOWN);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 1);
}
END_TEST

START_TEST(a_parse_that_failed_or_was_skipped_leaves_nothing)
{
	answer(send_parse(0, 1), _i == 0 ? NOTE_FAILED : NOTE_SKIPPED);
	ck_assert_int_eq(look(0, 1), PREPARED_MISSING);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 0);
	ck_assert_ptr_null(stage.prepared.table);
	ck_assert_uint_eq(stage.all[0]->references, 1);
}
END_TEST

START_TEST(a_closed_statement_is_gone_when_the_server_says_so)
{
	struct note *note;

	prepare(0);
	note = send_close(0, 2);
	ck_assert_int_eq(note->belief, BELIEF_CLOSED);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 1);
	ck_assert_int_eq(look(0, 2), PREPARED_MISSING);
	ck_assert_int_eq(look(0, 3), PREPARED_WAIT);
	answer(note, NOTE_DONE);
	ck_assert_int_eq(look(0, 3), PREPARED_MISSING);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 0);
}
END_TEST

START_TEST(a_close_that_failed_or_was_skipped_changes_nothing)
{
	prepare(0);
	answer(send_close(0, 2), _i == 0 ? NOTE_FAILED : NOTE_SKIPPED);
	ck_assert_int_eq(look(0, 3), PREPARED_KNOWN);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 1);
}
END_TEST

START_TEST(closed_and_prepared_in_one_batch_it_is_known)
{
	struct note *close, *parse;

	prepare(0);
	close = send_close(0, 2);
	ck_assert_int_eq(look(0, 2), PREPARED_MISSING);
	parse = send_parse(0, 2);
	ck_assert_int_eq(look(0, 2), PREPARED_KNOWN);
	answer(close, NOTE_DONE);
	ck_assert_int_eq(look(0, 2), PREPARED_KNOWN);
	ck_assert_int_eq(look(0, 3), PREPARED_WAIT);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 0);
	answer(parse, NOTE_DONE);
	ck_assert_int_eq(look(0, 3), PREPARED_KNOWN);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 1);
}
END_TEST

START_TEST(what_a_failed_batch_had_done_before_stays_done)
{
	struct note *close, *parse;

	prepare(0);
	close = send_close(0, 2);
	parse = send_parse(0, 2);
	answer(close, NOTE_DONE);
	answer(parse, NOTE_SKIPPED);
	ck_assert_int_eq(look(0, 2), PREPARED_MISSING);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 0);
}
END_TEST

START_TEST(what_is_known_is_used_without_an_allocation)
{
	size_t before = allocations_count(), after;
	struct note *note = send_parse(0, 1);
	int known = 0;

	ck_assert_uint_gt(allocations_count(), before);
	answer(note, NOTE_DONE);
	prepare(1);
	before = allocations_count(); /* Check's own would count */
	for (int i = 0; i < 100; i++) {
		const struct statement *one = stage.all[i % 2];
		struct statement *taken = statements_take(
		    stage.set, &one->meaning, one->body, one->body_bytes);

		known += taken == one && look(i % 2, 2) == PREPARED_KNOWN &&
		    look(2, 2) == PREPARED_MISSING &&
		    prepared_surplus(&stage.prepared, 2) == NULL;
		statement_release(&taken);
	}
	after = allocations_count();
	ck_assert_uint_eq(after, before);
	ck_assert_int_eq(known, 100);
}
END_TEST

/* ---- doubt and loss ------------------------------------------------------ */

START_TEST(what_is_doubted_is_closed_and_prepared_again)
{
	struct note *close, *parse;

	prepare(0);
	prepare(1);
	prepared_doubt(&stage.prepared);
	ck_assert_int_eq(look(0, 2), PREPARED_DOUBTED);
	ck_assert_int_eq(look(1, 2), PREPARED_DOUBTED);
	ck_assert_int_eq(look(2, 2), PREPARED_MISSING);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 2);
	close = send_close(0, 2);
	parse = send_parse(0, 2);
	ck_assert_int_eq(look(0, 2), PREPARED_KNOWN);
	answer(close, NOTE_DONE);
	answer(parse, NOTE_DONE);
	ck_assert_int_eq(look(0, 3), PREPARED_KNOWN);
	ck_assert_int_eq(look(1, 3), PREPARED_DOUBTED);
}
END_TEST

START_TEST(a_doubt_outlives_messages_that_fail)
{
	struct note *close, *parse;

	prepare(0);
	/* Under way when the doubt comes up, and skipped. */
	close = send_close(0, 2);
	prepared_doubt(&stage.prepared);
	answer(close, NOTE_SKIPPED);
	ck_assert_int_eq(look(0, 3), PREPARED_DOUBTED);
	/* Sent for the doubt, and skipped. */
	close = send_close(0, 3);
	parse = send_parse(0, 3);
	answer(close, NOTE_SKIPPED);
	answer(parse, NOTE_SKIPPED);
	ck_assert_int_eq(look(0, 4), PREPARED_DOUBTED);
}
END_TEST

START_TEST(what_is_acknowledged_after_a_doubt_is_not_doubted)
{
	struct note *parse = send_parse(0, 1);

	prepared_doubt(&stage.prepared);
	ck_assert_int_eq(look(0, 1), PREPARED_KNOWN);
	answer(parse, NOTE_DONE);
	ck_assert_int_eq(look(0, 2), PREPARED_KNOWN);
}
END_TEST

START_TEST(a_server_that_lost_them_all_still_gets_what_is_under_way)
{
	struct note *parse, *close, *failing;

	prepare(0);
	prepare(1);
	prepare(2);
	parse = send_parse(3, 2);
	close = send_close(1, 2);
	failing = send_close(2, 2);
	prepared_forget(&stage.prepared);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 0);
	ck_assert_int_eq(look(0, 2), PREPARED_MISSING);
	ck_assert_int_eq(look(3, 2), PREPARED_KNOWN);
	ck_assert_int_eq(look(3, 3), PREPARED_WAIT);
	answer(parse, NOTE_DONE);
	answer(close, NOTE_DONE);
	answer(failing, NOTE_SKIPPED);
	ck_assert_int_eq(look(3, 3), PREPARED_KNOWN);
	ck_assert_int_eq(look(1, 3), PREPARED_MISSING);
	ck_assert_int_eq(look(2, 3), PREPARED_MISSING);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 1);
}
END_TEST

START_TEST(what_was_lost_is_not_counted)
{
	prepare(0);
	prepare(1);
	prepared_forget(&stage.prepared);
	ck_assert_ptr_null(stage.prepared.table);
	prepare(2);
	prepare(3);
	ck_assert_int_eq(surplus(2), -1);
	ck_assert_int_eq(surplus(1), 2);
	prepared_doubt(&stage.prepared);
	ck_assert_int_eq(surplus(1), 2);
}
END_TEST

START_TEST(a_server_may_end_before_its_notes)
{
	struct note *parse;

	prepare(0);
	parse = send_parse(1, 2);
	prepared_fini(&stage.prepared);
	answer(parse, NOTE_SKIPPED);
	ck_assert_ptr_null(stage.prepared.table);
}
END_TEST

/* ---- surplus ------------------------------------------------------------- */

START_TEST(the_longest_unused_goes_first)
{
	for (int i = 0; i < 5; i++) {
		prepare(i);
	}
	ck_assert_int_eq(surplus(5), -1);
	ck_assert_int_eq(surplus(4), 0);
	ck_assert_int_eq(look(0, 2), PREPARED_KNOWN);
	ck_assert_int_eq(surplus(4), 1);
	ck_assert_int_eq(look(4, 2), PREPARED_KNOWN);
	ck_assert_int_eq(look(1, 2), PREPARED_KNOWN);
	ck_assert_int_eq(look(1, 2), PREPARED_KNOWN);
	ck_assert_int_eq(surplus(4), 2);
}
END_TEST

START_TEST(surplus_counts_what_is_under_way_and_never_names_it)
{
	struct note *notes[3];

	prepare(0);
	prepare(1);
	notes[0] = send_parse(2, 2);
	notes[1] = send_parse(3, 2);
	ck_assert_int_eq(surplus(4), -1);
	ck_assert_int_eq(surplus(3), 0);
	notes[2] = send_close(0, 2);
	ck_assert_int_eq(surplus(3), -1);
	ck_assert_int_eq(surplus(2), 1);
	answer(send_close(1, 2), NOTE_DONE);
	/* Two of two that are only under way cannot be closed. */
	ck_assert_int_eq(surplus(1), -1);
	answer(notes[0], NOTE_FAILED);
	answer(notes[1], NOTE_SKIPPED);
	prepare(5);
	/* The Close that did not come to pass is due again. */
	answer(notes[2], NOTE_SKIPPED);
	ck_assert_int_eq(surplus(2), -1);
	ck_assert_int_eq(surplus(1), 0);
}
END_TEST

START_TEST(surplus_of_nothing_is_all)
{
	prepare(0);
	prepare(1);
	ck_assert_int_eq(surplus(0), 0);
	answer(send_close(0, 2), NOTE_DONE);
	ck_assert_int_eq(surplus(0), 1);
	answer(send_close(1, 2), NOTE_DONE);
	ck_assert_int_eq(surplus(0), -1);
}
END_TEST

START_TEST(thousands_of_statements_fit_a_small_limit)
{
	const struct hash128 meaning = {1, 2};
	size_t most = 0;

	for (int i = 0; i < 20000; i++) {
		char body[20] = "";
		int length = snprintf(body, sizeof(body), "SELECT -%d", i);
		struct statement *s = statements_take(stage.set, &meaning,
		    (const uint8_t *)body, (size_t)length + 3);
		struct statement *old;
		struct note *note;

		ck_assert_int_eq(
		    prepared_look(&stage.prepared, s, 1), PREPARED_MISSING);
		note = prepared_sent(
		    &stage.prepared, s, BELIEF_PREPARED, (uint64_t)i + 2);
		while ((old = prepared_surplus(&stage.prepared, 10)) != NULL) {
			answer(prepared_sent(&stage.prepared, old,
			           BELIEF_CLOSED, (uint64_t)i + 2),
			    NOTE_DONE);
		}
		answer(note, NOTE_DONE);
		statement_release(&s);
		most = statements_bytes(stage.set) > most
		    ? statements_bytes(stage.set)
		    : most;
	}
	ck_assert_uint_eq(prepared_count(&stage.prepared), 10);
	ck_assert_uint_eq(statements_count(stage.set), 10 + STATEMENTS);
	ck_assert_uint_le(most, (size_t)1024 * (11 + STATEMENTS));
}
END_TEST

/* A server has a stripped statement until it is closed. */
START_TEST(a_stripped_statement_can_still_be_closed)
{
	struct statement *old;
	struct note *note;

	prepare(0);
	statement_release(&stage.all[0]);
	statements_set_limit(stage.set, 0);
	old = prepared_surplus(&stage.prepared, 0);
	ck_assert_ptr_nonnull(old);
	ck_assert_ptr_null(old->body);
	note = prepared_sent(&stage.prepared, old, BELIEF_CLOSED, 2);
	ck_assert_ptr_null(prepared_surplus(&stage.prepared, 0));
	answer(note, NOTE_DONE);
	ck_assert_uint_eq(prepared_count(&stage.prepared), 0);
	stage.all[0] = statement_ref(stage.all[1]);
	ck_assert_uint_eq(statements_count(stage.set), STATEMENTS - 1);
	statement_release(&stage.all[0]);
	statements_set_limit(stage.set, SIZE_MAX);
	stage.all[0] = statements_take(stage.set, &(struct hash128){1, 2},
	    (const uint8_t *)"SELECT 0\0\0", 11);
}
END_TEST

/* ---- against a server ---------------------------------------------------- */

/*
 * A server as PostgreSQL's behaves: after an error it ignores all up to the
 * next Sync, a Parse of what is there is an error, and so is a Bind of what is
 * not. Messages are sent, executed and answered one after the other, each at
 * its own pace; sometimes a statement does not compile, and sometimes it loses
 * them all.
 */
enum kind {
	M_PARSE,
	M_CLOSE,
	M_BIND,
	M_SYNC,
	M_DISCARD
};

struct message {
	enum kind kind;
	int statement;
	bool fails; /* whatever the server thinks of it */
	struct note *note;
	enum note_event event;
	bool is_unknown;  /* a Bind of what is not there */
	unsigned noticed; /* losses we knew of when it was sent */
	unsigned losses;  /* the server's when it was executed */
};

#define MESSAGES 400000

static struct play {
	struct message *messages;
	size_t sent, executed, answered;
	uint64_t batch;
	bool has[STATEMENTS]; /* the truth */
	bool skipping;
	unsigned losses;   /* how often it has lost all */
	unsigned noticed;  /* up to which of them we know */
	unsigned discards; /* sent and not answered */
	unsigned binds, failures, waits, doubts, parses, closes;
} play;

static void
play_send(enum kind kind, int statement, struct note *note, bool fails)
{
	struct message *message = &play.messages[play.sent++];

	ck_assert_uint_lt(play.sent, MESSAGES);
	*message = (struct message){.kind = kind,
	    .statement = statement,
	    .note = note,
	    .fails = fails,
	    .noticed = play.noticed};
	if (kind == M_SYNC) {
		play.batch++;
	}
}

/* The next message is executed. */
static void
play_execute(void)
{
	struct message *m = &play.messages[play.executed];
	bool *has = &play.has[m->statement];

	if (play.executed == play.sent) {
		return;
	}
	play.executed++;
	m->losses = play.losses;
	m->event = NOTE_DONE;
	if (m->kind == M_SYNC) {
		play.skipping = false;
		return;
	}
	if (play.skipping) {
		m->event = NOTE_SKIPPED;
		return;
	}
	if (m->kind == M_PARSE) {
		/* 42P05 would be our mistake. */
		ck_assert_msg(!*has, "it has %d already", m->statement);
	}
	if (m->kind == M_BIND && !*has) {
		/* 26000 would be our mistake, unless we cannot know. */
		ck_assert_msg(play.losses != m->noticed, "it does not have %d",
		    m->statement);
		m->is_unknown = true;
		m->fails = true;
	}
	if (m->fails) {
		m->event = NOTE_FAILED;
		play.skipping = true;
		return;
	}
	if (m->kind == M_PARSE || m->kind == M_CLOSE) {
		*has = m->kind == M_PARSE;
	}
	if (m->kind == M_DISCARD) {
		memset(play.has, 0, sizeof(play.has));
	}
}

/* What we believe of what nothing is under way about is the truth. */
static void
play_check(void)
{
	size_t known = 0;

	for (int i = 0; i < STATEMENTS && play.discards == 0; i++) {
		enum prepared_state state = look(i, UINT64_MAX);

		known += state == PREPARED_KNOWN || state == PREPARED_DOUBTED;
		ck_assert(state != PREPARED_MISSING || !play.has[i]);
		if (state == PREPARED_KNOWN && play.losses == play.noticed) {
			ck_assert(play.has[i]);
		}
		if (play.answered == play.sent) {
			ck_assert_int_ne(state, PREPARED_WAIT);
		}
	}
	if (play.answered == play.sent) {
		ck_assert_uint_eq(prepared_count(&stage.prepared), known);
	}
}

/* The next answer arrives. */
static void
play_answer(void)
{
	struct message *m = &play.messages[play.answered];

	if (play.answered == play.executed) {
		play_execute();
	}
	if (play.answered == play.executed) {
		return;
	}
	play.answered++;
	play.failures += m->event == NOTE_FAILED;
	if (m->note != NULL) {
		answer(m->note, m->event);
		m->note = NULL;
	}
	if (m->is_unknown) {
		prepared_doubt(&stage.prepared);
		play.noticed = m->losses;
		play.doubts++;
	}
	if (m->kind == M_DISCARD) {
		play.discards--;
		if (m->event == NOTE_DONE) {
			prepared_forget(&stage.prepared);
		}
	}
	if (rand() % 16 == 0 || play.answered == play.sent) {
		play_check();
	}
}

static void
play_drain(void)
{
	while (play.answered < play.sent) {
		play_answer();
	}
}

static void
play_close_surplus(size_t limit)
{
	int i;

	while ((i = surplus(limit)) >= 0) {
		play_send(M_CLOSE, i, send_close(i, play.batch), false);
		play.closes++;
	}
}

/* A client binds statement I. */
static void
play_bind(int i, size_t limit)
{
	enum prepared_state state;

	while ((state = look(i, play.batch)) == PREPARED_WAIT) {
		play.waits++;
		play_answer();
	}
	if (state == PREPARED_DOUBTED) {
		play_send(M_CLOSE, i, send_close(i, play.batch), false);
	}
	if (state != PREPARED_KNOWN) {
		play_send(
		    M_PARSE, i, send_parse(i, play.batch), rand() % 20 == 0);
		play_close_surplus(limit);
		play.parses++;
	}
	ck_assert_int_eq(look(i, play.batch), PREPARED_KNOWN);
	play_send(M_BIND, i, NULL, rand() % 40 == 0);
	play.binds++;
}

/* DISCARD ALL; what is bound after it waits for it, new ones do not. */
static void
play_discard(size_t limit)
{
	play_send(M_SYNC, 0, NULL, false);
	play_send(M_DISCARD, 0, NULL, rand() % 4 == 0);
	play.discards++;
	play_send(M_SYNC, 0, NULL, false);
	for (int i = 0; i < STATEMENTS; i += 3) {
		if (look(i, play.batch) == PREPARED_MISSING) {
			play_bind(i, SIZE_MAX);
		}
	}
	play_send(M_SYNC, 0, NULL, false);
	play_drain();
	play_close_surplus(limit);
}

static void
play_step(size_t limit)
{
	int roll = rand() % 1000;

	if (roll < 400) {
		play_bind(rand() % STATEMENTS, limit);
	} else if (roll < 500) {
		play_send(M_SYNC, 0, NULL, false);
	} else if (roll < 700) {
		play_execute();
	} else if (roll < 980) {
		play_answer();
	} else if (roll < 990) {
		play_drain();
	} else if (roll < 995) {
		play.losses++;
		memset(play.has, 0, sizeof(play.has));
	} else {
		play_discard(limit);
	}
}

START_TEST(belief_is_the_truth_whatever_fails)
{
	size_t limit = (size_t)(_i % 3 == 0 ? 4 : _i % 3 == 1 ? 12 : 100);

	play = (struct play){.batch = 1};
	play.messages = calloc(MESSAGES, sizeof(*play.messages));
	srand((unsigned)_i + 1);
	for (int i = 0; i < 20000; i++) {
		play_step(limit);
	}
	play_send(M_SYNC, 0, NULL, false);
	play_drain();
	play_close_surplus(limit);
	play_drain();
	ck_assert_uint_le(prepared_count(&stage.prepared), limit);
	ck_assert_uint_gt(play.binds, 1000);
	ck_assert_uint_gt(play.waits, 100);
	ck_assert_uint_gt(play.failures, 100);
	ck_assert_uint_gt(play.doubts, 10);
	ck_assert(limit > STATEMENTS || play.closes > 100);
	free(play.messages);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("prepared");
	TCase *one = tcase_create("one statement");
	TCase *loss = tcase_create("doubt and loss");
	TCase *bound = tcase_create("surplus");
	TCase *server = tcase_create("against a server");
	TCase *forms = tcase_create("forms");
	TCase *cases[] = {one, loss, bound, server, forms};

	tcase_add_test(one, a_statement_is_known_when_the_server_says_so);
	tcase_add_loop_test(
	    one, a_parse_that_failed_or_was_skipped_leaves_nothing, 0, 2);
	tcase_add_test(one, a_closed_statement_is_gone_when_the_server_says_so);
	tcase_add_loop_test(
	    one, a_close_that_failed_or_was_skipped_changes_nothing, 0, 2);
	tcase_add_test(one, closed_and_prepared_in_one_batch_it_is_known);
	tcase_add_test(one, what_is_known_is_used_without_an_allocation);
	tcase_add_test(one, what_a_failed_batch_had_done_before_stays_done);
	tcase_add_test(loss, what_is_doubted_is_closed_and_prepared_again);
	tcase_add_test(loss, a_doubt_outlives_messages_that_fail);
	tcase_add_test(loss, what_is_acknowledged_after_a_doubt_is_not_doubted);
	tcase_add_test(
	    loss, a_server_that_lost_them_all_still_gets_what_is_under_way);
	tcase_add_test(loss, what_was_lost_is_not_counted);
	tcase_add_test(loss, a_server_may_end_before_its_notes);
	tcase_add_test(bound, the_longest_unused_goes_first);
	tcase_add_test(
	    bound, surplus_counts_what_is_under_way_and_never_names_it);
	tcase_add_test(bound, surplus_of_nothing_is_all);
	tcase_add_test(bound, thousands_of_statements_fit_a_small_limit);
	tcase_add_test(bound, a_stripped_statement_can_still_be_closed);
	tcase_add_loop_test(server, belief_is_the_truth_whatever_fails, 0, 20);
	tcase_add_test(forms, a_form_is_known_when_it_was_described);
	tcase_add_loop_test(forms,
	    a_form_is_not_known_by_a_describe_that_failed_or_was_not_read, 0,
	    3);
	tcase_add_test(forms, a_form_goes_with_its_plan);
	tcase_add_test(forms, a_describe_may_outlive_what_it_asks_for);
	tcase_add_test(loss, a_statement_found_there_is_doubted);
	for (int i = 0; i < 5; i++) {
		tcase_add_checked_fixture(cases[i], stage_set, stage_strike);
		suite_add_tcase(suite, cases[i]);
	}
	return unit_run(suite);
}
