/*
 * test_replay.c - reads on replicas: what is refused or lost there is sent
 * again, and the client sees nothing of it.
 *
 * Peers: 'p' is the primary, 'r' and 'q' are replicas.
 */
#include "support/script.h"
#include "support/unit.h"

#include <string.h>

static const char config_text[] =
    "[databases]\n"
    "app = host=/a,/b,/c port=1,2,3 user=u pool_size=1\n"
    "[pgweir]\n"
    "auth_type = any\n"
    "pool_mode = transaction\n"
    "log_disconnections = 0\n";

/* The replica whose turn it is gets this; 'r' is bound to it then. */
#define ASK ">1 Q:select_1"

static const struct script scripts[] = {
    {"a read goes to a replica",
        {ASK, "?r", "=p", "=r Q:select_1", ">r T D C:S Z:I", "=1 T D C:S Z:I",
            "=p"}},
    {"what is no read goes to the primary",
        {">1 Q:insert_into_t_values(1)", "=p Q:insert_into_t_values(1)",
            ">p C:I Z:I", "=1 C:I Z:I"}},
    {"a refusal is repeated on the primary",
        {ASK, "?r", "=r Q:select_1", ">r E:25006 Z:I", "=1", "=p Q:select_1",
            ">p T D C:S Z:I", "=1 T D C:S Z:I"}},
    {"and remembered",
        {ASK, "?r", "=r Q:select_1", ">r E:25006 Z:I", "=p Q:select_1",
            ">p T D C:S Z:I", "=1 T D C:S Z:I", ">1 Q:select_2",
            "=p Q:select_2"}},
    {"what a refused batch had answered is not seen",
        {">1 P:select_1 B D E S", "?r", "=r P:select_1 B D E S", ">r 1 2 T",
            "=1", ">r E:25006 Z:I", "=1", "=p P:select_1 B D E S",
            ">p 1 2 T D C:S Z:I", "=1 1 2 T D C:S Z:I"}},
    {"another error is the client's",
        {ASK, "?r", "=r Q:select_1", ">r E:22012 Z:I", "=1 E:22012 Z:I", "=p"}},
    {"an error behind rows is the client's",
        {ASK, "?r", "=r Q:select_1", ">r T D E:40001 Z:I", "=1 T D E:40001 Z:I",
            "=p"}},
    {"a lost replica is not noticed",
        {ASK, "?r", "=r Q:select_1", "xr", "=1", "?q", "=q Q:select_1",
            ">q T D C:S Z:I", "=1 T D C:S Z:I", "=p"}},
    {"nor one that has begun to answer without a row",
        {">1 P:select_1 B D E S", "?r", "=r P:select_1 B D E S", ">r 1 2 T",
            "xr", "=1", "?q", "=q P:select_1 B D E S", ">q 1 2 T D C:S Z:I",
            "=1 1 2 T D C:S Z:I"}},
    {"a conflict with recovery is repeated elsewhere",
        {ASK, "?r", "=r Q:select_1", ">r E:40001 Z:I", "=1"}},
    {"a deadlock with recovery is repeated elsewhere",
        {ASK, "?r", "=r Q:select_1", ">r E:40P01 Z:I", "=1"}},
    {"a write behind a read waits for it",
        {">1 Q:select_1 Q:insert_into_t_values(1)", "?r", "=r Q:select_1", "=p",
            ">r T D C:S Z:I", "=1 T D C:S Z:I", "=p Q:insert_into_t_values(1)",
            ">p C:I Z:I", "=1 C:I Z:I"}},
    {"reads behind a read go with it, and come back in order",
        {">1 P:select_1 B E S P:select_2 B E S", "?r",
            "=r P:select_1 B E S P:select_2 B E S",
            ">r 1 2 D C:S Z:I 1 2 D C:S Z:I", "=1 1 2 D C:S Z:I 1 2 D C:S Z:I",
            "=p"}},
    {"all that is unanswered is repeated",
        {">1 P:select_1 B E S P:select_2 B E S", "?r",
            "=r P:select_1 B E S P:select_2 B E S", ">r 1 2 D C:S Z:I",
            "=1 1 2 D C:S Z:I", ">r 1 2", "xr", "=1", "?q",
            "=q P:select_2 B E S", ">q 1 2 D C:S Z:I", "=1 1 2 D C:S Z:I"}},
    {"BEGIN READ ONLY is answered at once and goes with its statement",
        {">1 Q:begin_read_only", "=1 C:BEGIN Z:T", "=p", ASK, "?r",
            "=r Q:begin_read_only Q:select_1", "=p",
            ">r C:BEGIN Z:T T D C:S Z:T", "=1 T D C:S Z:T", ">1 Q:commit",
            "=r Q:commit", ">r C:COMMIT Z:I", "=1 C:COMMIT Z:I", "=p"}},
    {"so does START TRANSACTION in a batch of its own",
        {">1 P:start_transaction_read_only B D E S",
            "=1 1 2 n C:START_TRANSACTION Z:T", ASK, "?r",
            "=r P:start_transaction_read_only B D E S Q:select_1",
            ">r 1 2 n C:START_TRANSACTION Z:T T D C:S Z:T", "=1 T D C:S Z:T"}},
    {"a READ ONLY transaction whose first statement is refused",
        {">1 Q:begin_read_only", ASK, "?r", "=r Q:begin_read_only Q:select_1",
            ">r C:BEGIN Z:T E:25006 Z:E", "=1 C:BEGIN Z:T",
            "=p Q:begin_read_only Q:select_1", ">p C:BEGIN Z:T T D C:S Z:T",
            "=1 T D C:S Z:T", ">1 Q:commit", "=p Q:commit", ">p C:COMMIT Z:I",
            "=1 C:COMMIT Z:I"}},
    {"a READ ONLY transaction that begins with a lock",
        {">1 Q:begin_read_only", "=1 C:BEGIN Z:T", ">1 Q:select_nextval('s')",
            "=p Q:begin_read_only Q:select_nextval('s')",
            ">p C:BEGIN Z:T E:25006 Z:E", "=1 E:25006 Z:E"}},
    {"whatever is no read moves it to the primary first",
        {">1 Q:begin_read_only", ASK, "?r", "=r Q:begin_read_only Q:select_1",
            ">r C:BEGIN Z:T T D C:S Z:T", "=1 C:BEGIN Z:T T D C:S Z:T",
            ">1 Q:savepoint_s", "=r Q:ROLLBACK",
            "=p Q:begin_read_only Q:SELECT_1 Q:savepoint_s",
            ">p C:BEGIN Z:T T D C:S Z:T C:SAVEPOINT Z:T", "=1 C:SAVEPOINT Z:T",
            ASK, "=p Q:select_1"}},
    {"a statement that is prepared in it moves it",
        {">1 Q:begin_read_only", ASK, "?r", "=r Q:begin_read_only Q:select_1",
            ">r C:BEGIN Z:T T D C:S Z:T", ">1 P:select_2/name S",
            "=p Q:begin_read_only Q:SELECT_1 P:select_2/pgweir_1 S",
            ">p C:BEGIN Z:T T D C:S Z:T 1 Z:T", ">1 Q:commit", "=p Q:commit",
            ">p C:COMMIT Z:I"}},
    {"a prepared statement is prepared on the replica that reads",
        {">1 P:select_2/name S", "=p P:select_2/pgweir_1 S", ">p 1 Z:I",
            "=1 1 Z:I", ">1 B:/name E S", "?r",
            "=r P:select_2/pgweir_1 B:/pgweir_1 E S", ">r 1 2 D C:S Z:I",
            "=1 2 D C:S Z:I"}},
    {"refused there, it is prepared on the primary",
        {">1 P:select_2/name B:/name E S", "?r",
            "=r P:select_2/pgweir_1 B:/pgweir_1 E S", ">r E:42P01 Z:I", "=1",
            "=p P:select_2/pgweir_1 B:/pgweir_1 E S", ">p 1 2 D C:S Z:I",
            "=1 1 2 D C:S Z:I"}},
    {"a named portal in it moves it",
        {">1 Q:begin_read_only", ASK, "?r", "=r Q:begin_read_only Q:select_1",
            ">r C:BEGIN Z:T T D C:S Z:T", ">1 P:select_2 B:portal S",
            "=p Q:begin_read_only Q:SELECT_1 P:select_2 B:portal S"}},
    {"a replica lost in the midst of it is not noticed",
        {">1 Q:begin_read_only", ASK, "?r", "=r Q:begin_read_only Q:select_1",
            ">r C:BEGIN Z:T T D C:S Z:T", "=1 C:BEGIN Z:T T D C:S Z:T",
            ">1 Q:select_2", "=r Q:select_2", "xr", "=1", "?q",
            "=q Q:begin_read_only Q:select_2", ">q C:BEGIN Z:T T D C:S Z:T",
            "=1 T D C:S Z:T"}},
    {"a failed one is rolled back where it is",
        {">1 Q:begin_read_only", ASK, "?r", "=r Q:begin_read_only Q:select_1",
            ">r C:BEGIN Z:T E:22012 Z:E", "=1 C:BEGIN Z:T E:22012 Z:E",
            ">1 Q:insert_into_t_values(1)", "=r Q:insert_into_t_values(1)",
            ">r E:25P02 Z:E", "=1 E:25P02 Z:E", ">1 Q:rollback",
            "=r Q:rollback", ">r C:ROLLBACK Z:I", "=p"}},
    {"BEGIN READ ONLY and its first statement in one batch",
        {">1 P:begin_read_only B E P:select_1 B D E S", "=1 1 2 C:BEGIN", "?r",
            "=r P:begin_read_only B E S P:select_1 B D E S",
            ">r 1 2 C:BEGIN Z:T 1 2 T D C:S Z:T", "=1 1 2 T D C:S Z:T",
            ">1 Q:commit", "=r Q:commit", ">r C:COMMIT Z:I"}},
    {"REPEATABLE READ cannot move, and is on the primary from the start",
        {">1 Q:begin_isolation_level_repeatable_read_read_only",
            "=p Q:begin_isolation_level_repeatable_read_read_only"}},
    {"a Sync within a BEGIN held back says so",
        {">1 Q:begin_read_only", "=1 C:BEGIN Z:T", ">1 S", "=1 Z:T", "=p"}},
    {"a READ ONLY transaction that comes in one write",
        {">1 Q:begin_read_only Q:select_1 Q:show_a", "?r",
            "=r Q:begin_read_only Q:select_1", ">r C:BEGIN Z:T T D C:S Z:T",
            "=1 C:BEGIN Z:T T D C:S Z:T",
            "=p Q:begin_read_only Q:SELECT_1 Q:show_a"}},
    {"what follows a COMMIT in the same write finds its own way",
        {">1 Q:begin_read_only", ASK, "?r", "=r Q:begin_read_only Q:select_1",
            ">r C:BEGIN Z:T T D C:S Z:T", "=1 C:BEGIN Z:T T D C:S Z:T",
            ">1 Q:commit Q:insert_into_t_values(1)", "=r Q:commit", "=p",
            ">r C:COMMIT Z:I", "=1 C:COMMIT Z:I",
            "=p Q:insert_into_t_values(1)", ">p C:I Z:I", "=1 C:I Z:I"}},
    {"also when it ends by a batch",
        {">1 Q:begin_read_only", ASK, "?r", "=r Q:begin_read_only Q:select_1",
            ">r C:BEGIN Z:T T D C:S Z:T", "=1 C:BEGIN Z:T T D C:S Z:T",
            ">1 P:commit B E S P:insert_into_t_values(1) B E S",
            "=r P:commit B E S", "=p", ">r 1 2 C:COMMIT Z:I",
            "=1 1 2 C:COMMIT Z:I", "=p P:insert_into_t_values(1) B E S"}},
    {"a transaction that has ended is not begun again",
        {">1 Q:begin_read_only", ASK, "?r", "=r Q:begin_read_only Q:select_1",
            ">r C:BEGIN Z:T T D C:S Z:T", "=1 C:BEGIN Z:T T D C:S Z:T",
            ">1 Q:commit Q:select_1", "=r Q:commit Q:select_1",
            ">r C:COMMIT Z:I", "=1 C:COMMIT Z:I", "xr", "?q", "=q Q:select_1",
            ">q T D C:S Z:I", "=1 T D C:S Z:I"}},
    {"a prepared ROLLBACK ends one that has failed",
        {">1 Q:begin_read_only", ASK, "?r", "=r Q:begin_read_only Q:select_1",
            ">r C:BEGIN Z:T T D E:22012 Z:E", "=1 C:BEGIN Z:T T D E:22012 Z:E",
            ">1 P:rollback/name B:/name E S",
            "=r P:rollback/pgweir_1 B:/pgweir_1 E S", ">r 1 2 C:ROLLBACK Z:I",
            "=1 1 2 C:ROLLBACK Z:I"}},
    {"of several statements the last may be the one that is refused",
        {">1 Q:select_1;_select_2", "?r", "=r Q:select_1;_select_2",
            ">r T D C:S T", "=1", ">r E:25006 Z:I", "=1",
            "=p Q:select_1;_select_2", ">p T D C:S T D C:S Z:I",
            "=1 T D C:S T D C:S Z:I"}},
    {"also in a batch, and what was learnt is all of it",
        {">1 P:select_1 B E P:select_2 B E S", "?r",
            "=r P:select_1 B E P:select_2 B E S", ">r 1 2 D C:S 1 2", "=1",
            ">r E:25006 Z:I", "=p P:select_1 B E P:select_2 B E S",
            ">p 1 2 D C:S 1 2 D C:S Z:I", "=1 1 2 D C:S 1 2 D C:S Z:I", ASK,
            ">2 P:select_1 B E S", "?q", "=q P:select_1 B E S",
            ">q 1 2 D C:S Z:I", "=2 1 2 D C:S Z:I"}},
    {"more reads than may be under way at a time",
        {">1 Q:select_1 Q:select_1 Q:select_1 Q:select_1 Q:select_1 "
         "Q:select_1 Q:select_1 Q:select_1 Q:select_1",
            "?r",
            "=r Q:select_1 Q:select_1 Q:select_1 Q:select_1 Q:select_1 "
            "Q:select_1 Q:select_1 Q:select_1",
            ">r T D C:S Z:I", "=1 T D C:S Z:I", "=r Q:select_1"}},
    {"a replica that wants a copy for a read",
        {">1 P:select_1 B E S", "?r", "=r P:select_1 B E S", ">r 1 2 G",
            ">1 P:select_1 B E S"}},
    {"a replica refused in the midst is rolled back and used again",
        {">1 Q:begin_read_only", ASK, "?r", "=r Q:begin_read_only Q:select_1",
            ">r C:BEGIN Z:T E:25006 Z:E", "=r Q:ROLLBACK", ">r C:ROLLBACK Z:I",
            "=r"}},
};

static void
run_script(const struct script *script, bool slowly)
{
	struct stage stage;

	stage_open_replicas(&stage, script->label, config_text, slowly);
	for (int i = 0; i < STEPS_MAX && script->steps[i] != NULL; i++) {
		const char *step = script->steps[i];

		if (step[0] == '?') {
			stage_bind_asked(&stage, step[1]);
		} else if (step[0] == 'x') {
			struct peer *peer = stage.bound[(unsigned char)step[1]];

			buf_clear(&peer->from_us);
			peer_end(&stage.house, peer);
		} else {
			stage_run(&stage, step);
		}
	}
	stage_close(&stage);
}

START_TEST(replay_follows_the_script_at_once)
{
	run_script(&scripts[_i], false);
}
END_TEST

START_TEST(replay_follows_the_script_byte_by_byte)
{
	run_script(&scripts[_i], true);
}
END_TEST

START_TEST(replay_forgets_half_a_message_of_a_lost_replica)
{
	static const char half[] = "T\0\0\0\100\0\1c";
	struct stage stage;

	stage_open_replicas(&stage, "half a message", config_text, false);
	stage_run(&stage, ASK);
	stage_bind_asked(&stage, 'r');
	peer_send(&stage.house, stage.bound['r'], half, sizeof(half) - 1);
	stage_forget(&stage);
	peer_end(&stage.house, stage.bound['r']);
	stage_bind_asked(&stage, 'q');
	stage_run(&stage, "=q Q:select_1");
	stage_run(&stage, ">q T D C:S Z:I");
	stage_run(&stage, "=1 T D C:S Z:I");
	/* And the server is free for the next. */
	stage_run(&stage, ">2 Q:select_1");
	stage_run(&stage, "=q Q:select_1");
	stage_close(&stage);
}
END_TEST

/* Its next message being long, nobody has read that it is gone. What was held
 * is written when the end of the batch is read; that fails. The server is free
 * from then on, and nobody is shown that end a second time. */
START_TEST(replay_outlives_a_client_that_is_gone_when_its_answer_leaves)
{
	static char next[100000] = "Q\0\1\x86\x9fselect 1 --";
	struct stage stage;
	struct peer *replica;

	stage_open_replicas(&stage, "gone", config_text, false);
	stage_run(&stage, ">1 P:select_1/a B:/a E P:select_1/b B:/b E S");
	stage_bind_asked(&stage, 'r');
	stage_run(
	    &stage, "=r P:select_1/pgweir_1 B:/pgweir_1 E B:/pgweir_1 E S");
	replica = stage.bound['r'];
	stage_run(&stage, ">r 1 2");
	peer_send(&stage.house, stage.clients[0], next, sizeof(next));
	peer_end(&stage.house, stage.clients[0]);
	stage_run(&stage, ">r D C:S 2 D C:S Z:I");
	ck_assert(!replica->ended);
	ck_assert_ptr_nonnull(replica->stream);
	for (int i = 0; i < 2; i++) {
		stage_run(&stage, ">2 Q:select_1");
		stage_bind_asked(&stage, 's');
		if (stage.bound['s'] == replica) {
			stage_run(&stage, "=2");
		}
		stage_run(&stage, ">s T D C:S Z:I");
		stage_run(&stage, "=2 T D C:S Z:I");
	}
	stage_close(&stage);
}
END_TEST

START_TEST(replay_holds_a_bounded_part_of_an_answer)
{
	struct stage stage;

	stage_open_replicas(&stage, "many notices", config_text, false);
	stage_run(&stage, ASK);
	stage_bind_asked(&stage, 'r');
	stage_run(&stage, "=1");
	for (int i = 0; i < 1000; i++) {
		stage_run(&stage, ">r N N N N N N N N N N");
	}
	ck_assert_uint_gt(stage.clients[0]->from_us.length, 0);
	stage_run(&stage, ">r T D C:S Z:I");
	stage_close(&stage);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("replay");
	TCase *theme = tcase_create("scripts");
	int count = (int)(sizeof(scripts) / sizeof(*scripts));

	tcase_set_timeout(theme, 60);
	tcase_add_loop_test(theme, replay_follows_the_script_at_once, 0, count);
	tcase_add_loop_test(
	    theme, replay_follows_the_script_byte_by_byte, 0, count);
	tcase_add_test(theme, replay_forgets_half_a_message_of_a_lost_replica);
	tcase_add_test(theme,
	    replay_outlives_a_client_that_is_gone_when_its_answer_leaves);
	tcase_add_test(theme, replay_holds_a_bounded_part_of_an_answer);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
