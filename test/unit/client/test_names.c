/* test_names.c - what a client calls its prepared statements. */
#include "support/allocations.h"
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "client/names.h"
#include "server/form.h"
#include "server/statement.h"

#define STATEMENTS 8

static struct statements *set;
static struct statement *all[STATEMENTS];
static struct names names;

static void
stage_set(void)
{
	const struct hash128 meaning = {1, 2};

	set = statements_new(SIZE_MAX);
	for (int i = 0; i < STATEMENTS; i++) {
		char body[20] = "";
		int length = snprintf(body, sizeof(body), "SELECT %d", i);

		all[i] = statements_take(
		    set, &meaning, (const uint8_t *)body, (size_t)length + 3);
	}
	names = (struct names){0};
}

/* All memory must have come back. */
static void
stage_strike(void)
{
	names_fini(&names);
	ck_assert_ptr_null(names.table);
	ck_assert_uint_eq(names_cost(&names), 0);
	ck_assert_uint_eq(names_count(&names), 0);
	for (int i = 0; i < STATEMENTS; i++) {
		ck_assert_uint_eq(all[i]->references, 1);
		statement_release(&all[i]);
	}
	statements_free(&set);
}

/* What NAME is: the statement's number, -1 nothing, -2 wait. */
static int
look(const char *name, uint64_t batch)
{
	struct statement *statement = all[0];
	enum name_state state =
	    names_look(&names, name, strlen(name), batch, &statement);

	ck_assert((statement != NULL) == (state == NAME_KNOWN));
	for (int i = 0; i < STATEMENTS && state == NAME_KNOWN; i++) {
		if (statement == all[i]) {
			return i;
		}
	}
	return state == NAME_WAIT ? -2 : -1;
}

/* NAME becomes statement I; -1: nothing. */
static struct name_change *
change(const char *name, int i, uint64_t batch)
{
	return names_change(
	    &names, name, strlen(name), i < 0 ? NULL : all[i], batch);
}

static void
answer(struct name_change *under_way, enum note_event event)
{
	names_on_note(&names, &under_way, event);
	ck_assert_ptr_null(under_way);
}

static void
define(const char *name, int i)
{
	answer(change(name, i, 1), NOTE_DONE);
}

/* ---- one name ------------------------------------------------------------ */

START_TEST(a_name_is_defined_when_the_server_says_so)
{
	struct name_change *parse;

	ck_assert_int_eq(look("s", 1), -1);
	parse = change("s", 3, 1);
	ck_assert_int_eq(look("s", 1), 3);
	ck_assert_int_eq(look("s", 2), -2);
	ck_assert_int_eq(look("t", 1), -1);
	ck_assert_uint_eq(names_count(&names), 0);
	answer(parse, NOTE_DONE);
	ck_assert_int_eq(look("s", 2), 3);
	ck_assert_uint_eq(names_count(&names), 1);
}
END_TEST

START_TEST(a_change_that_failed_or_was_skipped_changes_nothing)
{
	const enum note_event event = _i == 0 ? NOTE_FAILED : NOTE_SKIPPED;

	answer(change("s", 0, 1), event);
	ck_assert_int_eq(look("s", 1), -1);
	ck_assert_ptr_null(names.table);
	ck_assert_uint_eq(names_cost(&names), 0);
	define("s", 1);
	answer(change("s", -1, 2), event);
	ck_assert_int_eq(look("s", 3), 1);
	answer(change("s", 2, 3), event);
	ck_assert_int_eq(look("s", 4), 1);
	ck_assert_uint_eq(names_count(&names), 1);
}
END_TEST

START_TEST(a_closed_name_is_gone_when_the_server_says_so)
{
	struct name_change *close;

	define("s", 1);
	close = change("s", -1, 2);
	ck_assert_int_eq(look("s", 2), -1);
	ck_assert_int_eq(look("s", 3), -2);
	ck_assert_uint_eq(names_count(&names), 1);
	answer(close, NOTE_DONE);
	ck_assert_int_eq(look("s", 3), -1);
	ck_assert_uint_eq(names_count(&names), 0);
	ck_assert_uint_eq(names_cost(&names), 0);
}
END_TEST

START_TEST(a_name_may_be_closed_and_used_again_in_one_batch)
{
	struct name_change *close, *parse;

	define("s", 1);
	close = change("s", -1, 2);
	parse = change("s", 2, 2);
	ck_assert_int_eq(look("s", 2), 2);
	answer(close, NOTE_DONE);
	ck_assert_int_eq(look("s", 2), 2);
	ck_assert_int_eq(look("s", 3), -2);
	answer(parse, NOTE_DONE);
	ck_assert_int_eq(look("s", 3), 2);
	/* And half of it only. */
	close = change("s", -1, 3);
	parse = change("s", 3, 3);
	answer(close, NOTE_DONE);
	answer(parse, NOTE_FAILED);
	ck_assert_int_eq(look("s", 4), -1);
	ck_assert_uint_eq(names_cost(&names), 0);
}
END_TEST

START_TEST(closing_what_is_not_there_leaves_nothing)
{
	answer(change("s", -1, 1), NOTE_DONE);
	ck_assert_ptr_null(names.table);
}
END_TEST

START_TEST(any_bytes_can_be_a_name)
{
	struct statement *statement;
	struct name_change *one, *two;

	define("", 0);
	one = names_change(&names, "a\0b", 3, all[1], 1);
	two = names_change(&names, "a\0c", 3, all[2], 1);
	answer(one, NOTE_DONE);
	answer(two, NOTE_DONE);
	ck_assert_int_eq(look("", 2), 0);
	ck_assert_int_eq(look("a", 2), -1);
	(void)names_look(&names, "a\0b", 3, 2, &statement);
	ck_assert_ptr_eq(statement, all[1]);
	(void)names_look(&names, "a\0c", 3, 2, &statement);
	ck_assert_ptr_eq(statement, all[2]);
	ck_assert_uint_eq(names_count(&names), 3);
}
END_TEST

/* As PostgreSQL does it: the rest of a name is not even looked at. */
START_TEST(only_the_first_bytes_of_a_name_count)
{
	char name[201];
	size_t length;

	memset(name, 'x', sizeof(name));
	name[200] = '\0';
	define(name, 1);
	name[63] = 'y';
	ck_assert_int_eq(look(name, 2), 1);
	name[63] = '\0';
	ck_assert_int_eq(look(name, 2), 1);
	(void)names_of(&names, all[1], &length);
	ck_assert_uint_eq(length, NAME_BYTES_MAX);
	name[62] = 'y';
	ck_assert_int_eq(look(name, 2), -1);
	name[62] = '\0';
	ck_assert_int_eq(look(name, 2), -1);
	define(name, 2);
	ck_assert_uint_eq(names_count(&names), 2);
}
END_TEST

/* ---- memory -------------------------------------------------------------- */

START_TEST(what_names_cost_is_counted)
{
	size_t body = all[0]->body_bytes;
	struct name_change *first, *second;
	size_t one;

	ck_assert_uint_eq(names_cost(&names), 0);
	first = change("a", 0, 1);
	ck_assert_uint_eq(names.body_bytes, body);
	second = change("a", 0, 1);
	ck_assert_uint_eq(names.body_bytes, 2 * body);
	answer(first, NOTE_DONE);
	ck_assert_uint_eq(names.body_bytes, 2 * body);
	answer(second, NOTE_DONE);
	ck_assert_uint_eq(names.body_bytes, body);
	one = names.bytes;
	/* Another name of the same statement counts it once more. */
	define("b", 0);
	ck_assert_uint_eq(names.body_bytes, 2 * body);
	ck_assert_uint_gt(names.bytes, one);
	answer(change("b", -1, 2), NOTE_SKIPPED);
	ck_assert_uint_eq(names.body_bytes, 2 * body);
	answer(change("b", -1, 2), NOTE_DONE);
	ck_assert_uint_eq(names.bytes, one);
	ck_assert_uint_eq(names.body_bytes, body);
	names_clear(&names);
	ck_assert_uint_eq(names_cost(&names), 0);
}
END_TEST

START_TEST(looking_names_up_allocates_nothing)
{
	struct statement *statement;
	struct name_change *parse;
	size_t before = allocations_count(), after;
	int known = 0;

	parse = change("a", 0, 1);
	ck_assert_uint_gt(allocations_count(), before);
	answer(parse, NOTE_DONE);
	define("b", 1);
	before = allocations_count(); /* Check's own would count */
	for (int i = 0; i < 100; i++) {
		known += names_look(&names, i % 2 == 0 ? "a" : "c", 1, 2,
		             &statement) == NAME_KNOWN;
		known +=
		    names_look(&names, "b", 1, 2, &statement) == NAME_KNOWN;
	}
	after = allocations_count();
	ck_assert_uint_eq(after, before);
	ck_assert_int_eq(known, 150);
}
END_TEST

START_TEST(changes_under_way_are_counted_too)
{
	struct name_change *changes[1000];

	for (int i = 0; i < 1000; i++) {
		changes[i] = change("nosuch", -1, 1);
	}
	ck_assert_uint_ge(names_cost(&names), 1000 * 2 * sizeof(void *));
	for (int i = 0; i < 1000; i++) {
		answer(changes[i], NOTE_DONE);
	}
	ck_assert_uint_eq(names_cost(&names), 0);
}
END_TEST

START_TEST(thousands_of_names_come_and_go)
{
	char name[20];

	for (int i = 0; i < 10000; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		define(name, i % STATEMENTS);
	}
	ck_assert_uint_eq(names_count(&names), 10000);
	ck_assert_uint_ge(names.bytes, (size_t)10000 * 100);
	for (int i = 0; i < 10000; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		ck_assert_int_eq(look(name, 2), i % STATEMENTS);
		answer(change(name, -1, 2), NOTE_DONE);
	}
	ck_assert_uint_eq(names_cost(&names), 0);
}
END_TEST

/* ---- all names ----------------------------------------------------------- */

START_TEST(cleared_names_are_gone_but_for_what_is_under_way)
{
	struct name_change *parse, *close, *skipped;

	define("a", 1);
	define("b", 2);
	define("c", 3);
	parse = change("d", 4, 2);
	close = change("b", -1, 2);
	skipped = change("c", 5, 2);
	names_clear(&names);
	ck_assert_uint_eq(names_count(&names), 0);
	ck_assert_int_eq(look("a", 2), -1);
	ck_assert_int_eq(look("d", 2), 4);
	ck_assert_int_eq(look("d", 3), -2);
	answer(parse, NOTE_DONE);
	answer(close, NOTE_DONE);
	answer(skipped, NOTE_SKIPPED);
	ck_assert_int_eq(look("b", 3), -1);
	ck_assert_int_eq(look("c", 3), -1);
	ck_assert_int_eq(look("d", 3), 4);
	ck_assert_uint_eq(names_count(&names), 1);
	names_clear(&names);
	ck_assert_uint_eq(names_cost(&names), 0);
}
END_TEST

START_TEST(a_client_may_end_before_its_notes)
{
	struct name_change *parse, *again;

	define("a", 1);
	parse = change("b", 2, 2);
	again = change("b", 3, 2);
	names_fini(&names);
	ck_assert_ptr_null(names.table);
	answer(parse, NOTE_SKIPPED);
	answer(again, NOTE_DONE);
	ck_assert_uint_eq(names_cost(&names), 0);
	ck_assert_uint_eq(names_count(&names), 0);
}
END_TEST

START_TEST(a_statement_is_found_by_its_number_and_named_as_the_client_does)
{
	size_t length;

	define("first", 1);
	ck_assert_mem_eq(names_of(&names, all[1], &length), "first", 5);
	ck_assert_uint_eq(length, 5);
	ck_assert_ptr_null(names_of(&names, all[2], &length));
	ck_assert_uint_eq(length, 0);
	answer(change("first", -1, 2), NOTE_DONE);
	ck_assert_ptr_null(names_of(&names, all[1], &length));
}
END_TEST

/* ---- against a server ---------------------------------------------------- */

/*
 * A server as PostgreSQL's behaves: after an error it ignores all up to the
 * next Sync; a name that is there cannot be defined, one that is not cannot be
 * used. Messages are sent, executed and answered each at its own pace. What we
 * say of a name when a message is sent must be true when it is executed.
 */
enum kind {
	M_DEFINE,
	M_CLOSE,
	M_USE,
	M_SYNC,
	M_DISCARD
};

struct message {
	enum kind kind;
	int name;
	int statement; /* to become it, or what we think it is; -1: nothing */
	bool fails;    /* whatever the server thinks of it */
	struct name_change *change;
	enum note_event event;
};

#define NAMES 6
#define MESSAGES 200000

static const char *const texts[NAMES] = {"", "a", "b", "ab", "A", "a "};

static struct play {
	struct message *messages;
	size_t sent, executed, answered;
	uint64_t batch;
	int is[NAMES]; /* the truth */
	bool skipping;
	unsigned uses, waits, failures, discards;
} play;

static void
play_send(struct message message)
{
	ck_assert_uint_lt(play.sent, MESSAGES);
	play.messages[play.sent++] = message;
	if (message.kind == M_SYNC) {
		play.batch++;
	}
}

/* Whether M, not ignored, succeeds; it is done. */
static bool
play_do(const struct message *m)
{
	if (m->kind == M_USE) {
		ck_assert_int_eq(play.is[m->name], m->statement);
	}
	if (m->fails || (m->kind == M_DEFINE && play.is[m->name] >= 0) ||
	    (m->kind == M_USE && m->statement < 0)) {
		return false;
	}
	if (m->kind == M_DEFINE || m->kind == M_CLOSE) {
		play.is[m->name] = m->statement;
	}
	for (int i = 0; i < NAMES && m->kind == M_DISCARD; i++) {
		play.is[i] = -1;
	}
	return true;
}

static void
play_execute(void)
{
	struct message *m = &play.messages[play.executed];

	if (play.executed == play.sent) {
		return;
	}
	play.executed++;
	if (m->kind == M_SYNC) {
		play.skipping = false;
		m->event = NOTE_DONE;
	} else if (play.skipping) {
		m->event = NOTE_SKIPPED;
	} else {
		m->event = play_do(m) ? NOTE_DONE : NOTE_FAILED;
		play.skipping = m->event == NOTE_FAILED;
	}
}

/* With nothing under way, all we believe is the truth. */
static void
play_check(void)
{
	size_t count = 0;

	for (int i = 0; i < NAMES; i++) {
		ck_assert_int_eq(look(texts[i], UINT64_MAX), play.is[i]);
		count += play.is[i] >= 0;
	}
	ck_assert_uint_eq(names_count(&names), count);
	ck_assert_uint_eq(names.body_bytes, count * (size_t)all[0]->body_bytes);
}

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
	if (m->change != NULL) {
		names_on_note(&names, &m->change, m->event);
	}
	if (m->kind == M_DISCARD && m->event == NOTE_DONE) {
		names_clear(&names);
		play.discards++;
	}
	if (play.answered == play.sent) {
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
play_message(enum kind kind)
{
	struct message m = {.kind = kind, .name = rand() % NAMES};
	int is;

	while ((is = look(texts[m.name], play.batch)) == -2) {
		play.waits++;
		play_answer();
	}
	m.fails = rand() % 30 == 0;
	m.statement = is;
	if (kind == M_USE) {
		m.fails = false;
		play.uses++;
	} else {
		m.statement = kind == M_CLOSE ? -1 : rand() % STATEMENTS;
		m.change = change(texts[m.name], m.statement, play.batch);
	}
	play_send(m);
}

static void
play_step(void)
{
	int roll = rand() % 1000;

	if (roll < 150) {
		play_message(M_DEFINE);
	} else if (roll < 250) {
		play_message(M_CLOSE);
	} else if (roll < 450) {
		play_message(M_USE);
	} else if (roll < 600) {
		play_send((struct message){.kind = M_SYNC});
	} else if (roll < 750) {
		play_execute();
	} else if (roll < 980) {
		play_answer();
	} else if (roll < 990) {
		play_drain();
	} else {
		play_send((struct message){.kind = M_SYNC});
		play_send((struct message){
		    .kind = M_DISCARD, .fails = roll % 2 == 0});
		play_send((struct message){.kind = M_SYNC});
		play_drain();
	}
}

START_TEST(what_is_said_of_a_name_is_true_when_it_is_executed)
{
	play = (struct play){.batch = 1};
	play.messages = calloc(MESSAGES, sizeof(*play.messages));
	memset(play.is, -1, sizeof(play.is));
	srand((unsigned)_i + 1);
	for (int i = 0; i < 50000; i++) {
		play_step();
	}
	play_drain();
	ck_assert_uint_gt(play.uses, 1000);
	ck_assert_uint_gt(play.waits, 1000);
	ck_assert_uint_gt(play.failures, 1000);
	ck_assert_uint_gt(play.discards, 100);
	free(play.messages);
}
END_TEST

/* ---- what the client was told ---------------------------------------------
 */

static struct name *
find(const char *name)
{
	return names_find(&names, name, strlen(name));
}

/* The client is told a form of NAME, as statement I. */
static void
tell(struct name *name, int i)
{
	struct form *form = form_new();

	name_tell(name, all[i], form);
	form_release(&form);
}

START_TEST(what_was_told_of_a_name_goes_with_its_statement)
{
	struct name_change *parse;

	define("s", 1);
	ck_assert_ptr_null(name_told(find("s")));
	tell(find("s"), 2);
	ck_assert_ptr_null(name_told(find("s"))); /* it is another */
	tell(find("s"), 1);
	ck_assert_ptr_nonnull(name_told(find("s")));
	answer(change("s", -1, 2), NOTE_FAILED);
	ck_assert_ptr_nonnull(name_told(find("s")));
	parse = change("s", 1, 3);
	ck_assert_ptr_null(name_told(find("s")));
	answer(parse, NOTE_DONE);
	ck_assert_ptr_null(name_told(find("s")));
}
END_TEST

START_TEST(what_was_told_outlives_another_statement_of_the_same_text)
{
	define("s", 1);
	tell(find("s"), 1);
	name_change_statement(&names, find("s"), all[2]);
	ck_assert_int_eq(look("s", 2), 2);
	ck_assert_ptr_nonnull(name_told(find("s")));
}
END_TEST

START_TEST(a_description_under_way_is_of_one_batch)
{
	struct name *name;
	uint64_t batch;

	define("s", 1);
	name = name_hold(find("s"));
	ck_assert(!name_is_asked(name, &batch));
	name_asked(name, 5);
	ck_assert(name_is_asked(name, &batch));
	ck_assert_uint_eq(batch, 5);
	name_asked_end(name);
	ck_assert(!name_is_asked(name, &batch));
	name_let_go(&names, &name);
}
END_TEST

START_TEST(a_name_that_is_held_outlives_its_close_and_its_client)
{
	struct name *closed, *left;

	define("closed", 1);
	define("left", 2);
	closed = name_hold(find("closed"));
	left = name_hold(find("left"));
	tell(left, 2);
	answer(change("closed", -1, 2), NOTE_DONE);
	ck_assert_int_eq(look("closed", 3), -1);
	tell(closed, 1); /* nothing is told of it any more */
	ck_assert_ptr_null(name_told(closed));
	name_let_go(&names, &closed);
	ck_assert_ptr_null(find("closed"));
	names_fini(&names);
	name_let_go(&names, &left);
	ck_assert_ptr_null(left);
	name_let_go(&names, &left);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("names");
	TCase *one = tcase_create("one name");
	TCase *memory = tcase_create("memory");
	TCase *many = tcase_create("all names");
	TCase *told = tcase_create("what was told");
	TCase *server = tcase_create("against a server");

	tcase_add_checked_fixture(one, stage_set, stage_strike);
	tcase_add_test(one, a_name_is_defined_when_the_server_says_so);
	tcase_add_loop_test(
	    one, a_change_that_failed_or_was_skipped_changes_nothing, 0, 2);
	tcase_add_test(one, a_closed_name_is_gone_when_the_server_says_so);
	tcase_add_test(one, a_name_may_be_closed_and_used_again_in_one_batch);
	tcase_add_test(one, closing_what_is_not_there_leaves_nothing);
	tcase_add_test(one, any_bytes_can_be_a_name);
	tcase_add_test(one, only_the_first_bytes_of_a_name_count);
	tcase_add_checked_fixture(memory, stage_set, stage_strike);
	tcase_add_test(memory, what_names_cost_is_counted);
	tcase_add_test(memory, looking_names_up_allocates_nothing);
	tcase_add_test(memory, changes_under_way_are_counted_too);
	tcase_add_test(memory, thousands_of_names_come_and_go);
	tcase_add_checked_fixture(many, stage_set, stage_strike);
	tcase_add_test(many, cleared_names_are_gone_but_for_what_is_under_way);
	tcase_add_test(many, a_client_may_end_before_its_notes);
	tcase_add_test(many,
	    a_statement_is_found_by_its_number_and_named_as_the_client_does);
	tcase_add_checked_fixture(told, stage_set, stage_strike);
	tcase_add_test(told, what_was_told_of_a_name_goes_with_its_statement);
	tcase_add_test(
	    told, what_was_told_outlives_another_statement_of_the_same_text);
	tcase_add_test(told, a_description_under_way_is_of_one_batch);
	tcase_add_test(
	    told, a_name_that_is_held_outlives_its_close_and_its_client);
	suite_add_tcase(suite, told);
	suite_add_tcase(suite, one);
	tcase_add_checked_fixture(server, stage_set, stage_strike);
	tcase_add_loop_test(
	    server, what_is_said_of_a_name_is_true_when_it_is_executed, 0, 20);
	suite_add_tcase(suite, memory);
	suite_add_tcase(suite, many);
	suite_add_tcase(suite, server);
	return unit_run(suite);
}
