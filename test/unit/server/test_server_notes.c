/*
 * test_server_notes.c - what a server is believed to know, and what its holder
 * is told of the messages it has attached parts to.
 *
 * The holder is the test's own; the server is a peer in memory.
 */
#include "support/house.h"
#include "support/unit.h"

#include <string.h>

#include "core/error.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "proto/params.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"

#define CONFIG                                      \
	"[databases]\napp = host=/a port=1 user=u " \
	"pool_size=1\n[pgweir]\nauth_type = any\n"  \
	"pool_mode = transaction\n"

struct stage {
	struct house house;
	struct pool *pool;
	struct waiter waiter;
	struct server *server;   /* while it is held */
	struct profiles *set;    /* owned */
	struct profile *profile; /* shared */
	struct buf log;
	char parts[8];
};

/* ---- the holder ---------------------------------------------------------- */

static void
on_readable(void *holder)
{
	struct stage *stage = holder;
	struct server *server = stage->server;
	uint8_t *bytes;
	size_t size, used = 0;
	struct frame frame;

	if (!server_read(server, stage, &bytes, &size)) {
		return;
	}
	while (frame_parse(bytes + used, size - used, FRAME_MAX_BODY, &frame) ==
	    FRAME_OK) {
		ck_assert(answers_seen(&server->answers, frame.type) !=
		    ANSWERS_UNEXPECTED);
		if (frame.type == MSG_READY_FOR_QUERY) {
			server->status = 'I';
		}
		used += frame_bytes(&frame);
	}
	server_read_done(server, stage, bytes + used, size - used);
}

static void
ignore(void *holder)
{
	(void)holder;
}

static void
ignore_applied(void *holder, const struct error *err, bool is_refusal)
{
	(void)holder;
	(void)err;
	(void)is_refusal;
}

static void
on_lost(void *holder, const struct error *err)
{
	struct stage *stage = holder;

	(void)err;
	stage->server = NULL;
	buf_append_str(&stage->log, "lost");
}

static void
on_note(void *holder, void *part, enum note_event event)
{
	struct stage *stage = holder;

	ck_assert_ptr_nonnull(stage->server);
	ck_assert_int_eq(stage->server->state, SERVER_ACTIVE);
	buf_append_char(&stage->log, *(char *)part);
	buf_append_char(&stage->log,
	    event == NOTE_DONE         ? '='
	        : event == NOTE_FAILED ? '!'
	                               : '/');
}

static const struct server_holder ops = {
    on_readable, ignore, ignore_applied, on_lost, on_note};

static void
on_granted(struct waiter *waiter, struct server *server)
{
	struct stage *stage = list_entry(waiter, struct stage, waiter);

	stage->server = server;
	server_hold(server, &ops, stage);
}

static void
on_refused(
    struct waiter *waiter, enum close_reason reason, const struct error *err)
{
	(void)waiter;
	(void)reason;
	ck_abort_msg("refused: %s", err->text);
}

/* ---- the stage ----------------------------------------------------------- */

static void
stage_take(struct stage *stage)
{
	pool_wait(stage->pool, &stage->waiter, POOL_PRIMARY, NULL);
	house_settle(&stage->house);
	if (stage->server == NULL) {
		peer_welcome(&stage->house, &stage->house.servers[0], false);
	}
	ck_assert_ptr_nonnull(stage->server);
}

static void
stage_open(struct stage *stage)
{
	struct params params = {0};

	*stage = (struct stage){.parts = "abcdefg", .set = profiles_new()};
	params_set(&params, "statement_timeout", "1s");
	stage->profile = profile_take(stage->set, &params);
	params_fini(&params);
	house_start(&stage->house, CONFIG);
	stage->pool = pool_find(stage->house.pools, "app", "u");
	ck_assert_ptr_nonnull(stage->pool);
	stage->waiter.on_granted = on_granted;
	stage->waiter.on_refused = on_refused;
	stage_take(stage);
}

static void
stage_close(struct stage *stage)
{
	house_stop(&stage->house);
	profile_release(&stage->profile);
	profiles_free(&stage->set);
	buf_fini(&stage->log);
}

/* A message of TYPE, which nobody sends in earnest, with part NUMBER, -1 for
 * none, and the belief in the profile, if it IS_BELIEVED. */
static void
tell(struct stage *stage, char type, int number, bool is_believed)
{
	struct note *note = note_new();

	note->part = number < 0 ? NULL : &stage->parts[number];
	if (is_believed) {
		note->belief = BELIEF_PROFILE;
		note->profile = profile_ref(stage->profile);
	}
	ck_assert(answers_sent(&stage->server->answers, (uint8_t)type, false) ==
	    ANSWERS_FORWARD);
	answers_attach(&stage->server->answers, note);
}

/* The server says TYPES. */
static void
say(struct stage *stage, const char *types)
{
	static const struct msg_report report = {
	    .severity = "ERROR", .sqlstate = "22012", .message = "no"};
	struct buf out = {0};

	for (; *types != '\0'; types++) {
		switch (*types) {
		case '1':
			msg_parse_complete(&out);
			break;
		case 'C':
			msg_command_complete(&out, "SET");
			break;
		case 'E':
			msg_error_response(&out, &report);
			break;
		default:
			msg_ready_for_query(&out, 'I');
			break;
		}
	}
	peer_send(&stage->house, &stage->house.servers[0], buf_bytes(&out),
	    out.length);
	buf_fini(&out);
}

static void
expect(struct stage *stage, const char *log)
{
	ck_assert_str_eq(buf_text(&stage->log), log);
	buf_clear(&stage->log);
}

/* ---- the tests ----------------------------------------------------------- */

START_TEST(a_holder_is_told_of_each_of_its_parts)
{
	struct stage stage;

	stage_open(&stage);
	tell(&stage, 'P', 0, false);
	tell(&stage, 'P', -1, false);
	tell(&stage, 'P', 1, false);
	tell(&stage, 'P', 2, false);
	tell(&stage, 'S', 3, false);
	say(&stage, "1");
	expect(&stage, "a=");
	say(&stage, "1E");
	expect(&stage, "b!c/");
	say(&stage, "Z");
	expect(&stage, "d=");
	server_release(stage.server);
	expect(&stage, "");
	stage_close(&stage);
}
END_TEST

START_TEST(a_profile_is_believed_when_the_server_has_acknowledged_it)
{
	struct stage stage;

	stage_open(&stage);
	ck_assert_ptr_null(stage.server->profile);
	tell(&stage, 'Q', 0, true);
	say(&stage, "C");
	ck_assert_ptr_null(stage.server->profile);
	say(&stage, "Z");
	ck_assert_ptr_eq(stage.server->profile, stage.profile);
	expect(&stage, "a=");
	stage_close(&stage);
}
END_TEST

START_TEST(a_profile_that_was_refused_or_skipped_is_not_believed)
{
	struct stage stage;

	stage_open(&stage);
	tell(&stage, 'Q', 0, true);
	tell(&stage, 'P', 1, false);
	tell(&stage, 'Q', 2, true);
	tell(&stage, 'S', -1, false);
	say(&stage, "EZEZ");
	expect(&stage, "a!b!c/");
	ck_assert_ptr_null(stage.server->profile);
	stage_close(&stage);
}
END_TEST

START_TEST(who_loses_its_server_is_told_of_its_parts_first)
{
	struct stage stage;

	stage_open(&stage);
	tell(&stage, 'P', 0, false);
	tell(&stage, 'P', -1, true);
	tell(&stage, 'S', 1, false);
	peer_end(&stage.house, &stage.house.servers[0]);
	house_settle(&stage.house);
	expect(&stage, "a/b/lost");
	stage_close(&stage);
}
END_TEST

START_TEST(who_drops_its_server_is_told_of_its_parts)
{
	struct stage stage;

	stage_open(&stage);
	tell(&stage, 'P', 0, false);
	tell(&stage, 'S', 1, false);
	server_drop(stage.server, CLOSE_SERVER_UNCLEAN);
	stage.server = NULL;
	expect(&stage, "a/b/");
	stage_close(&stage);
}
END_TEST

START_TEST(who_abandons_its_server_is_told_and_what_it_learns_is_believed)
{
	struct stage stage;
	struct server *server;

	stage_open(&stage);
	server = stage.server;
	tell(&stage, 'Q', 0, true);
	tell(&stage, 'P', 1, false);
	tell(&stage, 'S', -1, false);
	server_abandon(server);
	expect(&stage, "a/b/");
	stage.server = NULL;
	ck_assert_int_eq(server->state, SERVER_DRAINING);
	say(&stage, "CZ1Z");
	ck_assert_int_eq(server->state, SERVER_IDLE);
	ck_assert_ptr_eq(server->profile, stage.profile);
	expect(&stage, "");
	/* And the next has it, and its own parts. */
	stage_take(&stage);
	ck_assert_ptr_eq(stage.server, server);
	tell(&stage, 'Q', 2, false);
	say(&stage, "CZ");
	expect(&stage, "c=");
	stage_close(&stage);
}
END_TEST

START_TEST(an_abandoned_server_is_not_taken_in_by_what_was_invented)
{
	struct stage stage;
	struct server *server;

	stage_open(&stage);
	server = stage.server;
	tell(&stage, 'P', 0, false);
	ck_assert(answers_invent(&server->answers, "x", 1));
	tell(&stage, 'S', 1, false);
	ck_assert(answers_invent(&server->answers, "y", 1));
	server_abandon(server);
	expect(&stage, "a/b/");
	stage.server = NULL;
	say(&stage, "1Z");
	ck_assert_int_eq(server->state, SERVER_IDLE);
	stage_close(&stage);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("server_notes");
	TCase *parts = tcase_create("parts");

	tcase_add_test(parts, a_holder_is_told_of_each_of_its_parts);
	tcase_add_test(
	    parts, a_profile_is_believed_when_the_server_has_acknowledged_it);
	tcase_add_test(
	    parts, a_profile_that_was_refused_or_skipped_is_not_believed);
	tcase_add_test(parts, who_loses_its_server_is_told_of_its_parts_first);
	tcase_add_test(parts, who_drops_its_server_is_told_of_its_parts);
	tcase_add_test(parts,
	    who_abandons_its_server_is_told_and_what_it_learns_is_believed);
	tcase_add_test(
	    parts, an_abandoned_server_is_not_taken_in_by_what_was_invented);
	suite_add_tcase(suite, parts);
	return unit_run(suite);
}
