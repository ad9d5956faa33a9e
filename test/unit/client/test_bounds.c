/*
 * test_bounds.c - peers that send half of something, too much of it, or
 * nothing that makes sense: whom that concerns, and what it may cost.
 */
#include "support/script.h"
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "net/loop.h"
#include "proto/msg.h"

static const char config_text[] =
    "[databases]\n"
    "app = host=/nowhere port=1 user=u pool_size=1\n"
    "[pgweir]\n"
    "auth_type = any\n"
    "pool_mode = transaction\n"
    "log_disconnections = 0\n";

/* The second client's request: what the server sees when it is free. */
#define NEXT "Q:select_2"

/* Sends of BYTES those from START to END as SERVER. */
static void
send_part(
    struct stage *stage, const struct buf *bytes, size_t start, size_t end)
{
	peer_send(&stage->house, &stage->house.servers[0],
	    buf_bytes(bytes) + start, end - start);
}

START_TEST(relay_gives_no_server_for_a_header_alone)
{
	struct stage stage;
	struct buf query = {0};
	char *text = mem_zalloc(100001);

	stage_open_single(&stage, "ugly moments", config_text, false);
	memset(text, ' ', 100000);
	ck_assert(msg_query(&query, text));
	peer_send(&stage.house, stage.clients[0], buf_bytes(&query), 100);
	stage_run(&stage, ">2 " NEXT);
	stage_run(&stage, "=s " NEXT);
	stage_run(&stage, ">s T D C:S Z:I");
	peer_send(&stage.house, stage.clients[0], buf_bytes(&query) + 100,
	    query.length - 100);
	ck_assert_uint_eq(stage.house.servers[0].from_us.length, query.length);
	buf_fini(&query);
	free(text);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_frees_a_server_whose_answer_fills_the_buffer)
{
	struct stage stage;
	struct buf answer = {0};
	char *row = mem_zalloc(SCRATCH_BYTES);
	struct msg_value value = {row, SCRATCH_BYTES - 11 - 11 - 6};

	stage_open_single(&stage, "ugly moments", config_text, false);
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, "=s Q:select_1");
	ck_assert(msg_data_row(&answer, &value, 1));
	msg_command_complete(&answer, "abcde");
	msg_ready_for_query(&answer, 'I');
	ck_assert_uint_eq(answer.length, SCRATCH_BYTES);
	send_part(&stage, &answer, 0, answer.length);
	stage_run(&stage, ">2 " NEXT);
	stage_run(&stage, "=s " NEXT);
	buf_fini(&answer);
	free(row);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_hands_on_no_server_in_the_midst_of_a_notice)
{
	struct msg_report notice = {"NOTICE", "00000", "note", NULL, NULL};
	struct stage stage;
	struct buf answer = {0};
	size_t half;

	stage_open_single(&stage, "ugly moments", config_text, false);
	stage_run(&stage, ">1 Q:insert");
	msg_command_complete(&answer, "INSERT");
	msg_ready_for_query(&answer, 'I');
	half = answer.length + 9;
	msg_notice_response(&answer, &notice);
	send_part(&stage, &answer, 0, half);
	peer_end(&stage.house, stage.clients[0]);
	ck_assert_ptr_null(stage.house.servers[0].stream);
	buf_fini(&answer);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_drains_a_server_from_the_midst_of_a_row)
{
	struct stage stage;
	struct buf answer = {0};
	char *row = mem_zalloc(100000);
	struct msg_value value = {row, 100000};

	stage_open_single(&stage, "ugly moments", config_text, false);
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, "=s Q:select_1");
	memset(row, '.', 100000);
	ck_assert(msg_data_row(&answer, &value, 1));
	msg_command_complete(&answer, "SELECT");
	msg_ready_for_query(&answer, 'I');
	send_part(&stage, &answer, 0, 70000);
	stage_run(&stage, ">1 X");
	peer_end(&stage.house, stage.clients[0]);
	ck_assert_ptr_nonnull(stage.house.servers[0].stream);
	send_part(&stage, &answer, 70000, answer.length);
	stage_run(&stage, ">2 " NEXT);
	stage_run(&stage, "=s " NEXT);
	ck_assert_uint_eq(stage.house.server_count, 1);
	buf_fini(&answer);
	free(row);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_answers_nobody_who_does_not_listen)
{
	struct stage stage;
	struct buf syncs = {0};

	stage_open_single(&stage, "ugly moments", config_text, false);
	peer_set_room(&stage.house, stage.clients[0], 0);
	for (int i = 0; i < 100000; i++) {
		msg_sync(&syncs);
	}
	peer_send(
	    &stage.house, stage.clients[0], buf_bytes(&syncs), syncs.length);
	ck_assert_uint_ge(
	    stage.clients[0]->to_us.length, syncs.length - SCRATCH_BYTES);
	peer_set_room(&stage.house, stage.clients[0], SIZE_MAX);
	ck_assert_uint_eq(stage.clients[0]->from_us.length, 6 * 100000);
	buf_fini(&syncs);
	stage_close(&stage);
}
END_TEST

START_TEST(relay_closes_on_a_malformed_ready)
{
	static const char *const bad[] = {
	    "Z\0\0\0\4", "Z\0\0\0\6I", "Z\0\1\0\0I"};
	struct stage stage;

	stage_open_single(&stage, "ugly moments", config_text, false);
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, ">s T D C:S");
	peer_send(&stage.house, &stage.house.servers[0], bad[_i], 6);
	ck_assert_ptr_null(stage.house.servers[0].stream);
	ck_assert_ptr_null(stage.clients[0]->stream);
	stage_close(&stage);
}
END_TEST

/* ---- replicas ------------------------------------------------------------ */

static const char replicas_text[] =
    "[databases]\n"
    "app = host=/a,/b,/c port=1,2,3 user=u pool_size=1\n"
    "[pgweir]\n"
    "auth_type = any\n"
    "pool_mode = transaction\n"
    "log_disconnections = 0\n";

#define ASK ">1 Q:select_1"

/* A read has gone to the replica that 'r' is bound to then. */
static void
ask_replica(struct stage *stage)
{
	stage_open_replicas(stage, "replicas", replicas_text, false);
	stage_run(stage, ASK);
	stage_bind_asked(stage, 'r');
	stage_run(stage, "=r Q:select_1");
}

START_TEST(replay_forgets_the_half_of_a_message_it_held)
{
	struct msg_column column = {"c", 25, -1};
	struct stage stage;
	struct buf half = {0};

	ask_replica(&stage);
	ck_assert(msg_row_description(&half, &column, 1));
	peer_send(
	    &stage.house, stage.bound['r'], buf_bytes(&half), half.length - 3);
	peer_end(&stage.house, stage.bound['r']);
	stage_bind_asked(&stage, 'q');
	stage_run(&stage, "=q Q:select_1");
	stage_run(&stage, ">q T D C:S Z:I");
	stage_run(&stage, "=1 T D C:S Z:I");
	buf_fini(&half);
	stage_close(&stage);
}
END_TEST

START_TEST(replay_holds_no_endless_notices)
{
	struct msg_report notice = {"NOTICE", "00000", "note", NULL, NULL};
	struct stage stage;
	struct buf notices = {0};

	ask_replica(&stage);
	while (notices.length < 1000 * 1000) {
		msg_notice_response(&notices, &notice);
	}
	peer_send(&stage.house, stage.bound['r'], buf_bytes(&notices),
	    notices.length);
	ck_assert_uint_eq(stage.clients[0]->from_us.length, notices.length);
	buf_fini(&notices);
	stage_close(&stage);
}
END_TEST

START_TEST(replay_holds_no_endless_message)
{
	const size_t size = 1000 * 1000;
	char *text = mem_zalloc(size);
	struct msg_report notice = {"NOTICE", "00000", text, NULL, NULL};
	struct stage stage;
	struct buf bytes = {0};

	ask_replica(&stage);
	memset(text, 'x', size - 1);
	msg_notice_response(&bytes, &notice);
	peer_send(&stage.house, stage.bound['r'], buf_bytes(&bytes),
	    bytes.length - 1);
	ck_assert_uint_ge(
	    stage.clients[0]->from_us.length, bytes.length - 65536);
	buf_fini(&bytes);
	free(text);
	stage_close(&stage);
}
END_TEST

START_TEST(replay_asks_elsewhere_when_a_begin_of_ours_is_refused)
{
	struct stage stage;

	stage_open_replicas(&stage, "replicas", replicas_text, false);
	stage_run(&stage, ">1 Q:begin_read_only");
	stage_run(&stage, "=1 C:BEGIN Z:T");
	stage_run(&stage, ASK);
	stage_bind_asked(&stage, 'r');
	stage_run(&stage, "=r Q:begin_read_only Q:select_1");
	stage_run(&stage, ">r E:57P01");
	stage_bind_asked(&stage, 'q');
	stage_run(&stage, "=q Q:begin_read_only Q:select_1");
	stage_run(&stage, ">q C:BEGIN Z:T T D C:S Z:T");
	stage_run(&stage, "=1 T D C:S Z:T");
	stage_close(&stage);
}
END_TEST

START_TEST(a_begin_of_ours_refused_by_the_primary_ends_in_its_words)
{
	struct stage stage;

	stage_open_replicas(&stage, "replicas", replicas_text, false);
	stage_run(&stage, ">1 Q:begin_read_only");
	stage_run(&stage, ">1 Q:select_nextval('s')");
	buf_clear(&stage.clients[0]->from_us);
	stage_run(&stage, ">p E:53200");
	ck_assert_ptr_null(stage.clients[0]->stream);
	ck_assert_ptr_nonnull(memmem(buf_bytes(&stage.clients[0]->from_us),
	    stage.clients[0]->from_us.length, "53200", 5));
	stage_close(&stage);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("bounds");
	TCase *halves = tcase_create("halves");
	TCase *replicas = tcase_create("replicas");

	tcase_add_test(halves, relay_gives_no_server_for_a_header_alone);
	tcase_add_test(
	    halves, relay_frees_a_server_whose_answer_fills_the_buffer);
	tcase_add_test(
	    halves, relay_hands_on_no_server_in_the_midst_of_a_notice);
	tcase_add_test(halves, relay_drains_a_server_from_the_midst_of_a_row);
	tcase_add_test(halves, relay_answers_nobody_who_does_not_listen);
	tcase_add_loop_test(halves, relay_closes_on_a_malformed_ready, 0, 3);
	suite_add_tcase(suite, halves);
	tcase_add_test(replicas, replay_forgets_the_half_of_a_message_it_held);
	tcase_add_test(replicas, replay_holds_no_endless_notices);
	tcase_add_test(replicas, replay_holds_no_endless_message);
	tcase_add_test(
	    replicas, replay_asks_elsewhere_when_a_begin_of_ours_is_refused);
	tcase_add_test(
	    replicas, a_begin_of_ours_refused_by_the_primary_ends_in_its_words);
	suite_add_tcase(suite, replicas);
	return unit_run(suite);
}
