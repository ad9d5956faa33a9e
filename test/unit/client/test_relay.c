/*
 * test_relay.c - the relay between scripted peers: two clients, one server.
 *
 * Each script runs twice, once with everything sent at once and once byte by
 * byte; what arrives must be the same to the byte. The second client asks for
 * the only server at the start and must not get it before the first is done.
 */
#include "support/script.h"
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "conf/config.h"
#include "core/buf.h"
#include "core/mem.h"
#include "proto/msg.h"
#include "server/pool.h"

static const char config_text[] =
    "[databases]\n"
    "app = host=/nowhere port=1 user=u pool_size=1\n"
    "[pgweir]\n"
    "auth_type = any\n"
    "pool_mode = transaction\n"
    "log_disconnections = 0\n";

/* The second client's request: what the server sees when it is free. */
#define NEXT "Q:select_2"

static const struct script scripts[] = {
    {"a query",
        {">1 Q:select_1", "=s Q:select_1", ">2 " NEXT, "=s", ">s T D D C:S Z:I",
            "=1 T D D C:S Z:I", "=s " NEXT}},
    {"an extended batch",
        {">1 P:select_1 B D E S", "=s P:select_1 B D E S", ">2 " NEXT,
            ">s 1 2 n C:S", "=s", ">s Z:I", "=1 1 2 n C:S Z:I", "=s " NEXT}},
    {"a batch is not sent before its end",
        {">1 P:select_1 B", "=s", ">1 E", "=s", ">1 S", "=s P:select_1 B E S"}},
    {"a transaction keeps its server",
        {">1 Q:begin", "=s Q:begin", ">2 " NEXT, ">s C:BEGIN Z:T",
            "=1 C:BEGIN Z:T", "=s", ">1 Q:commit", "=s Q:commit",
            ">s C:COMMIT Z:I", "=1 C:COMMIT Z:I", "=s " NEXT}},
    {"a failed transaction keeps it until it is rolled back",
        {">1 Q:begin", ">s C:BEGIN Z:T", "=s Q:begin", ">2 " NEXT,
            ">1 Q:select_1", ">s E:22012 Z:E", "=s Q:select_1", "=s",
            "=1 C:BEGIN Z:T E:22012 Z:E", ">1 Q:rollback", "=s Q:rollback",
            ">s C:R Z:I", "=s " NEXT}},
    {"Parse and Flush behind a batch: not free until Sync",
        {">1 P:select_1 B E S P:select_3 H", "=s P:select_1 B E S P:select_3 H",
            ">2 " NEXT, ">s 1 2 C:S Z:I", "=s", ">s 1", "=1 1 2 C:S Z:I 1",
            "=s", ">1 B E S", "=s B E S", ">s 2 C:S Z:I", "=1 2 C:S Z:I",
            "=s " NEXT}},
    {"an error ends a batch, and the Query behind it is not answered",
        {">1 P:select_1 B E H Q:select_3", ">2 " NEXT,
            "=s P:select_1 B E H Q:select_3", ">s 1 E:22012", "=1 1 E:22012",
            "=s", ">1 S", "=s S", ">s Z:I", "=1 Z:I", "=s " NEXT}},
    {"an error in the first of two batches",
        {">1 P:select_1 B E S P:select_3 B E S",
            "=s P:select_1 B E S P:select_3 B E S", ">2 " NEXT,
            ">s 1 E:22012 Z:I", "=s", ">s 1 2 C:S Z:I",
            "=1 1 E:22012 Z:I 1 2 C:S Z:I", "=s " NEXT}},
    {"many Syncs in one write",
        {">1 Q:begin", ">s C:BEGIN Z:T", "=s Q:begin", "=1 C:BEGIN Z:T",
            ">2 " NEXT, ">1 S S S Q:commit S", "=s Q:commit S",
            "=1 Z:T Z:T Z:T", ">s C:COMMIT Z:I", "=s", ">s Z:I",
            "=1 C:COMMIT Z:I Z:I", "=s " NEXT}},
    {"what was asked before Terminate is answered",
        {">1 Q:select_1 X", "=s Q:select_1", ">2 " NEXT, ">s T D", "=1 T D",
            ">s C:S Z:I", "=1 C:S Z:I", "=s " NEXT}},
    {"Terminate in a transaction ends it",
        {">1 Q:begin X", "=s Q:begin", ">s C:BEGIN Z:T", "=1 C:BEGIN Z:T"}},
    {"a lone Sync needs no server", {">1 S", "=s", "=1 Z:I"}},
    {"a lone Flush needs nothing", {">1 H", "=s", "=1"}},
    {"a notice amid rows",
        {">1 Q:select_1", ">2 " NEXT, "=s Q:select_1", ">s T D N D N C:S Z:I",
            "=1 T D N D N C:S Z:I", "=s " NEXT}},
    {"copy in by a simple query",
        {">1 Q:copy_t_from_stdin", "=s Q:copy_t_from_stdin", ">2 " NEXT, ">s G",
            "=1 G", ">1 d:abc d:def c", "=s d:abc d:def c", ">s C:COPY Z:I",
            "=1 C:COPY Z:I", "=s " NEXT}},
    {"copy in with the Sync libpq sends early",
        {">1 P:copy_t_from_stdin B D E S", "=s P:copy_t_from_stdin B D E S",
            ">2 " NEXT, ">s 1 2 n G", "=1 1 2 n G", ">1 d:abc", "=s d:abc",
            ">1 c S", "=s c S", ">s C:COPY", "=s", ">s Z:I", "=1 C:COPY Z:I",
            "=s " NEXT}},
    {"copy in, everything at once",
        {">1 P:copy_t_from_stdin B E d:abc c S", ">2 " NEXT,
            "=s P:copy_t_from_stdin B E d:abc c S", ">s 1 2 G C:COPY Z:I",
            "=1 1 2 G C:COPY Z:I", "=s " NEXT}},
    {"copy in fails while data still comes",
        {">1 Q:copy_t_from_stdin", "=s Q:copy_t_from_stdin", ">2 " NEXT, ">s G",
            "=1 G", ">1 d:abc", "=s d:abc", ">s E:22P02 Z:I", "=1 E:22P02 Z:I",
            "=s " NEXT, ">1 d:def d:ghi c", "=s", ">s T D C:S Z:I",
            "=2 T D C:S Z:I", "=s", "=1"}},
    {"copy in fails in an extended batch, and is probed",
        {">1 P:copy_t_from_stdin B E S", "=s P:copy_t_from_stdin B E S",
            ">2 " NEXT, ">s 1 2 G", "=1 1 2 G", ">1 d:abc d:def",
            "=s d:abc d:def", ">s E:22P02", "=1 E:22P02", ">1 d:ghi c S",
            "=s S", ">s Z:I", "=1 Z:I", "=s Q:", ">s I Z:I", "=1", "=s " NEXT}},
    {"a prepared statement does not keep the server",
        {">1 P:select_1/name S", "=s P:select_1/pgweir_1 S", ">2 " NEXT,
            ">s 1 Z:I", "=1 1 Z:I", "=s " NEXT}},
    {"a setting keeps the server",
        {">1 Q:set_work_mem=1", "=s Q:set_work_mem=1", ">2 " NEXT,
            ">s C:SET Z:I", "=1 C:SET Z:I", "=s"}},
    {"nor does an unnamed one that is left behind",
        {">1 P:select_1 S", "=s P:select_1 S", ">2 " NEXT, ">s 1 Z:I",
            "=1 1 Z:I", "=s " NEXT}},
    {"a stranger's unnamed statement is not there for others",
        {">2 P:select_2 B E S", "=s P:select_2 B E S", ">s 1 2 C:S Z:I",
            "=2 1 2 C:S Z:I", ">1 B E S", "=s 3s B E S", ">s 3 E:26000 Z:I",
            "=1 E:26000 Z:I"}},
    {"and is closed first, wherever in a batch one's own comes",
        {">2 P:select_2 B E S", "=s P:select_2 B E S", ">s 1 2 C:S Z:I",
            "=2 1 2 C:S Z:I", ">1 B E P:select_1 S", "=s 3s B E P:select_1 S",
            ">s 3 E:26000 Z:I", "=1 E:26000 Z:I"}},
    {"and is closed behind what was sent before",
        {">2 P:select_2 B E S", "=s P:select_2 B E S", ">s 1 2 C:S Z:I",
            "=2 1 2 C:S Z:I", ">1 Q:begin", "=s Q:begin", ">s C:BEGIN Z:T",
            "=1 C:BEGIN Z:T", ">1 Q:select_3 B E S", "=s Q:select_3 3s B E S",
            ">s T D C:S Z:T 3 E:26000 Z:E", "=1 T D C:S Z:T E:26000 Z:E"}},
    {"and is left alone during a copy",
        {">2 P:select_2 B E S", "=s P:select_2 B E S", ">s 1 2 C:S Z:I",
            "=2 1 2 C:S Z:I", ">1 Q:copy_t_from_stdin",
            "=s Q:copy_t_from_stdin", ">s G", "=1 G", ">1 H d:abc H c",
            "=s H d:abc H c", ">s C:COPY Z:I", "=1 C:COPY Z:I", ">2 " NEXT,
            "=s " NEXT}},
    {"and is closed before a text that might not be taken",
        {">2 P:select_2 B E S", "=s P:select_2 B E S", ">s 1 2 C:S Z:I",
            "=2 1 2 C:S Z:I", ">1 P:select_'\377' S", "=s 3s P:select_'\377' S",
            ">s 3 E:22021 Z:I", "=1 E:22021 Z:I", ">1 B E S", "=s B E S"}},
    {"COPY out",
        {">1 Q:copy_t_to_stdout", ">2 " NEXT, "=s Q:copy_t_to_stdout",
            ">s H d:a d:b c C:COPY Z:I", "=1 H d:a d:b c C:COPY Z:I",
            "=s " NEXT}},
    {"a setting that changes in passing keeps the server",
        {">1 Q:select_1", "=s Q:select_1", ">2 " NEXT,
            ">s T D C:S Y:LATIN1 Z:I", "=1 T D C:S Y:LATIN1 Z:I", "=s",
            ">1 Q:select_3", "=s Q:select_3"}},
    {"one that changes back does not",
        {">1 Q:select_1", "=s Q:select_1", ">2 " NEXT,
            ">s T D C:S Y:LATIN1 Y:UTF8 Z:I", "=1 T D C:S Y:LATIN1 Y:UTF8 Z:I",
            "=s " NEXT}},
    {"a parameter status and a notification pass at any time",
        {">1 Q:select_1", "=s Q:select_1", ">s S T D A C:S Z:I",
            "=1 S T D A C:S Z:I"}},
};

static void
run_script(const struct script *script, bool slowly)
{
	struct stage stage;

	stage_open_single(&stage, script->label, config_text, slowly);
	for (int i = 0; i < STEPS_MAX && script->steps[i] != NULL; i++) {
		stage_run(&stage, script->steps[i]);
	}
	stage_close(&stage);
}

START_TEST(relay_follows_the_script_at_once)
{
	run_script(&scripts[_i], false);
}
END_TEST

START_TEST(relay_follows_the_script_byte_by_byte)
{
	run_script(&scripts[_i], true);
}
END_TEST

/* ---- ugly moments -------------------------------------------------------- */

START_TEST(relay_never_hands_on_a_server_its_client_left_midway)
{
	struct stage stage;

	stage_open_single(&stage, "ugly moments", config_text, false);
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, ">2 " NEXT);
	stage_run(&stage, ">s T D");
	stage_run(&stage, "=s Q:select_1");
	peer_end(&stage.house, stage.clients[0]);
	ck_assert_ptr_null(stage.house.servers[0].stream);
	ck_assert_uint_ge(stage.house.server_count, 2);
	/* The first new connection carries the cancel or the next login; the
	 * second client is served by a server that was logged in anew. */
	peer_welcome(&stage.house,
	    &stage.house.servers[stage.house.server_count - 1], false);
	stage_bind(
	    &stage, 's', &stage.house.servers[stage.house.server_count - 1]);
	stage_run(&stage, "=s " NEXT);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_reuses_a_server_its_client_left_clean)
{
	struct stage stage;

	stage_open_single(&stage, "ugly moments", config_text, false);
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, ">s T D C:S Z:I");
	stage_run(&stage, "=s Q:select_1");
	peer_end(&stage.house, stage.clients[0]);
	stage_run(&stage, ">2 " NEXT);
	stage_run(&stage, "=s " NEXT);
	ck_assert_uint_eq(stage.house.server_count, 1);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_tells_its_client_when_the_server_is_lost)
{
	struct stage stage;

	stage_open_single(&stage, "ugly moments", config_text, false);
	stage_run(&stage, ">1 Q:insert");
	peer_end(&stage.house, &stage.house.servers[0]);
	ck_assert_ptr_null(stage.clients[0]->stream);
	ck_assert_uint_gt(stage.clients[0]->from_us.length, 0);
	ck_assert_int_eq(buf_text(&stage.clients[0]->from_us)[0], 'E');
	stage_close(&stage);
}
END_TEST

START_TEST(relay_closes_on_a_message_nobody_asked_for)
{
	struct stage stage;

	stage_open_single(&stage, "ugly moments", config_text, false);
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, ">s 1");
	ck_assert_ptr_null(stage.house.servers[0].stream);
	ck_assert_ptr_null(stage.clients[0]->stream);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_streams_what_is_larger_than_its_buffer)
{
	struct stage stage;
	size_t size = 3 * 1000 * 1000;
	char *row = mem_zalloc(size);
	struct msg_value value = {row, size};
	struct buf answer = {0};

	stage_open_single(&stage, "ugly moments", config_text, false);
	stage_run(&stage, ">1 Q:select_1");
	ck_assert(msg_data_row(&answer, &value, 1));
	peer_send(&stage.house, &stage.house.servers[0], buf_bytes(&answer),
	    answer.length);
	ck_assert_uint_eq(stage.clients[0]->from_us.length, answer.length);
	buf_clear(&stage.clients[0]->from_us);
	stage_run(&stage, ">s C:S Z:I");
	stage_run(&stage, "=1 C:S Z:I");
	buf_fini(&answer);
	free(row);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_stops_reading_for_a_client_that_does_not)
{
	struct stage stage;
	size_t size = 1000 * 1000;
	char *row = mem_zalloc(size);
	struct msg_value value = {row, size};
	struct buf answer = {0};

	stage_open_single(&stage, "ugly moments", config_text, false);
	stage_run(&stage, ">1 Q:select_1");
	peer_set_room(&stage.house, stage.clients[0], 1000);
	ck_assert(msg_data_row(&answer, &value, 1));
	peer_send(&stage.house, &stage.house.servers[0], buf_bytes(&answer),
	    answer.length);
	ck_assert_uint_eq(stage.clients[0]->from_us.length, 1000);
	/* At most what one read brings was taken. */
	ck_assert_uint_ge(
	    stage.house.servers[0].to_us.length, answer.length - 65536);
	peer_set_room(&stage.house, stage.clients[0], SIZE_MAX);
	ck_assert_uint_eq(stage.clients[0]->from_us.length, answer.length);
	buf_fini(&answer);
	free(row);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_bounds_what_a_waiting_client_sends)
{
	struct stage stage;
	struct buf queries = {0};

	stage_open_single(&stage, "ugly moments", config_text, false);
	stage_run(&stage, ">1 Q:select_1");
	for (int i = 0; i < 10000; i++) {
		ck_assert(msg_query(&queries, "select 2"));
	}
	peer_send(&stage.house, stage.clients[1], buf_bytes(&queries),
	    queries.length);
	ck_assert_uint_ge(
	    stage.clients[1]->to_us.length, queries.length - 65536);
	buf_fini(&queries);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_refuses_what_is_no_message)
{
	static const char *const bad[] = {"?\0\0\0\4", "Q\0\0\0\3",
	    "Q\377\377\377\377", "S\0\1\0\0", "p\0\0\0\5x"};
	struct stage stage;

	stage_open_single(&stage, "ugly moments", config_text, false);
	peer_send(&stage.house, stage.clients[0], bad[_i], 5);
	ck_assert_ptr_null(stage.clients[0]->stream);
	stage_run(&stage, ">2 " NEXT);
	stage_run(&stage, "=s " NEXT);
	stage_close(&stage);
}
END_TEST

/* A client that has used its unnamed statement leaves it on server 's'. */
static void
leave_unnamed(struct stage *stage)
{
	stage_run(stage, ">2 P:select_2 B E S");
	stage_run(stage, ">s 1 2 C:S Z:I");
	stage_forget(stage);
}

START_TEST(relay_closes_a_strangers_statement_before_a_malformed_parse)
{
	/* The server fails over it before it drops what was there. */
	static const char parse[] = "P\0\0\0\16\0select 1\0S\0\0\0\4";
	struct stage stage;

	stage_open_single(&stage, "malformed parse", config_text, false);
	leave_unnamed(&stage);
	peer_send(&stage.house, stage.clients[0], parse, sizeof(parse) - 1);
	ck_assert_uint_eq(
	    stage.house.servers[0].from_us.length, sizeof(parse) - 1 + 7);
	ck_assert_int_eq(buf_text(&stage.house.servers[0].from_us)[0], 'C');
	stage_close(&stage);
}
END_TEST

START_TEST(relay_frees_a_server_whose_answer_fills_the_buffer_to_the_byte)
{
	struct stage stage;
	struct buf answer = {0}, tail = {0};
	char *row = mem_zalloc(70000);
	struct msg_value value = {row, 0};

	stage_open_single(&stage, "full buffer", config_text, false);
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, ">2 " NEXT);
	msg_command_complete(&tail, "S");
	msg_ready_for_query(&tail, 'I');
	value.size = 65536 - tail.length - 11;
	ck_assert(msg_data_row(&answer, &value, 1));
	buf_append(&answer, buf_bytes(&tail), tail.length);
	ck_assert_uint_eq(answer.length, 65536);
	stage_forget(&stage);
	peer_send(&stage.house, &stage.house.servers[0], buf_bytes(&answer),
	    answer.length);
	stage_run(&stage, "=s " NEXT);
	buf_fini(&answer);
	buf_fini(&tail);
	free(row);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_frees_a_server_whose_copy_failed_amid_a_message)
{
	static const char half[] = "d\0\0\0\10ab";
	struct stage stage;

	stage_open_single(&stage, "copy failed", config_text, false);
	stage_run(&stage, ">1 Q:copy_t_from_stdin");
	stage_run(&stage, ">s G");
	peer_send(&stage.house, stage.clients[0], half, sizeof(half) - 1);
	stage_run(&stage, ">s E:22P02 Z:I");
	stage_run(&stage, ">2 " NEXT);
	stage_forget(&stage);
	peer_send(&stage.house, stage.clients[0], "cd", 2);
	ck_assert_uint_gt(stage.house.servers[0].from_us.length, 2);
	buf_consume(&stage.house.servers[0].from_us, 2);
	stage_run(&stage, "=s " NEXT);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_does_not_hand_on_a_server_amid_a_message)
{
	static const char half[] = "Z\0\0\0\5IN\0\0\0\20SNOT";
	struct stage stage;

	stage_open_single(&stage, "half a notice", config_text, false);
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, ">s C:S");
	peer_send(
	    &stage.house, &stage.house.servers[0], half, sizeof(half) - 1);
	peer_end(&stage.house, stage.clients[0]);
	ck_assert_ptr_null(stage.house.servers[0].stream);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_asks_no_more_of_a_client_that_does_not_read)
{
	struct stage stage;
	struct buf syncs = {0};

	stage_open_single(&stage, "does not read", config_text, false);
	for (int i = 0; i < 100000; i++) {
		msg_sync(&syncs);
	}
	peer_set_room(&stage.house, stage.clients[0], 100);
	peer_send(
	    &stage.house, stage.clients[0], buf_bytes(&syncs), syncs.length);
	ck_assert_uint_ge(stage.clients[0]->to_us.length, syncs.length - 65536);
	peer_set_room(&stage.house, stage.clients[0], SIZE_MAX);
	ck_assert_uint_eq(stage.clients[0]->from_us.length, 100000 * 6);
	buf_fini(&syncs);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_refuses_encryption_once_of_each_kind)
{
	static const char ssl[] = "\0\0\0\10\4\322\26\57";
	static const char gss[] = "\0\0\0\10\4\322\26\60";
	struct stage stage;
	struct peer *peer;

	stage_open_single(&stage, "encryption", config_text, false);
	peer = house_connect(&stage.house);
	peer_send(&stage.house, peer, ssl, 8);
	peer_send(&stage.house, peer, gss, 8);
	ck_assert_uint_eq(peer->from_us.length, 2);
	ck_assert_ptr_nonnull(peer->stream);
	peer_send(&stage.house, peer, ssl, 8);
	ck_assert_ptr_null(peer->stream);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_outlives_the_database_of_its_clients)
{
	static const char other[] = "[databases]\nb = host=/nowhere\n"
	                            "[pgweir]\nauth_type = any\n";
	struct problems problems = {0};
	struct config *config =
	    config_load_text("test", other, strlen(other), &problems);
	struct stage stage;

	stage_open_single(&stage, "database removed", config_text, false);
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, ">2 " NEXT);
	ck_assert_ptr_nonnull(config);
	problems_fini(&problems);
	pools_configure(stage.house.pools, config);
	config_unref(&config);
	house_wait(&stage.house, 300000);
	ck_assert_ptr_null(stage.clients[1]->stream);
	stage_run(&stage, ">s T D C:S Z:I");
	stage_run(&stage, "=1 T D C:S Z:I");
	ck_assert_ptr_null(stage.house.servers[0].stream);
	stage_run(&stage, ">1 Q:select_1");
	ck_assert_ptr_null(stage.clients[0]->stream);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_gives_up_a_server_that_does_not_answer_the_settings)
{
	struct msg_parameter parameters[] = {
	    {"user", "u"}, {"database", "app"}, {"application_name", "a"}};
	struct house house;
	struct peer *client;
	struct buf out = {0};

	house_start(&house, config_text);
	client = house_connect(&house);
	msg_startup(&out, parameters, 3);
	peer_send(&house, client, buf_bytes(&out), out.length);
	peer_welcome(&house, &house.servers[0], false);
	ck_assert_int_eq(buf_text(&house.servers[0].from_us)[0], 'Q');
	house_wait(&house, 14 * (int64_t)1000000);
	ck_assert_ptr_nonnull(client->stream);
	house_wait(&house, 2 * (int64_t)1000000);
	ck_assert_ptr_null(client->stream);
	ck_assert_ptr_null(house.servers[0].stream);
	buf_fini(&out);
	house_stop(&house);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("relay");
	TCase *theme = tcase_create("scripts");
	TCase *ugly = tcase_create("ugly moments");
	int count = (int)(sizeof(scripts) / sizeof(*scripts));

	tcase_set_timeout(theme, 60);
	tcase_set_timeout(ugly, 60);
	tcase_add_loop_test(theme, relay_follows_the_script_at_once, 0, count);
	tcase_add_loop_test(
	    theme, relay_follows_the_script_byte_by_byte, 0, count);
	tcase_add_test(
	    ugly, relay_never_hands_on_a_server_its_client_left_midway);
	tcase_add_test(ugly, relay_reuses_a_server_its_client_left_clean);
	tcase_add_test(ugly, relay_tells_its_client_when_the_server_is_lost);
	tcase_add_test(ugly, relay_closes_on_a_message_nobody_asked_for);
	tcase_add_test(ugly, relay_streams_what_is_larger_than_its_buffer);
	tcase_add_test(ugly, relay_stops_reading_for_a_client_that_does_not);
	tcase_add_test(ugly, relay_bounds_what_a_waiting_client_sends);
	tcase_add_test(
	    ugly, relay_gives_up_a_server_that_does_not_answer_the_settings);
	tcase_add_loop_test(ugly, relay_refuses_what_is_no_message, 0, 5);
	tcase_add_test(
	    ugly, relay_closes_a_strangers_statement_before_a_malformed_parse);
	tcase_add_test(ugly,
	    relay_frees_a_server_whose_answer_fills_the_buffer_to_the_byte);
	tcase_add_test(
	    ugly, relay_frees_a_server_whose_copy_failed_amid_a_message);
	tcase_add_test(ugly, relay_does_not_hand_on_a_server_amid_a_message);
	tcase_add_test(ugly, relay_asks_no_more_of_a_client_that_does_not_read);
	tcase_add_test(ugly, relay_refuses_encryption_once_of_each_kind);
	tcase_add_test(ugly, relay_outlives_the_database_of_its_clients);
	suite_add_tcase(suite, theme);
	suite_add_tcase(suite, ugly);
	return unit_run(suite);
}
