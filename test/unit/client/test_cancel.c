/*
 * test_cancel.c - cancel requests, from clients and to servers.
 */
#include "support/script.h"
#include "support/unit.h"

#include <string.h>

#include "core/buf.h"
#include "proto/frame.h"
#include "proto/msg.h"

static const char config_text[] =
    "[databases]\n"
    "app = host=/nowhere port=1 user=u pool_size=1\n"
    "[pgweir]\n"
    "auth_type = any\n"
    "pool_mode = transaction\n"
    "log_disconnections = 0\n";

/* The second client's request. */
#define NEXT "Q:select_2"

/* The cancel key that PEER was told. */
static const uint8_t *
find_key(const struct peer *peer)
{
	const uint8_t *at = buf_bytes(&peer->from_us);
	size_t left = peer->from_us.length;
	struct frame frame;

	while (frame_parse(at, left, FRAME_MAX_BODY, &frame) == FRAME_OK) {
		if (frame.type == MSG_BACKEND_KEY_DATA) {
			return at + FRAME_HEADER_BYTES;
		}
		at += frame_bytes(&frame);
		left -= frame_bytes(&frame);
	}
	ck_abort_msg("no key");
	return NULL;
}

/* A connection of its own that asks to cancel by KEY. */
static void
send_cancel(struct stage *stage, const uint8_t *key)
{
	struct buf request = {0};

	msg_cancel_request(&request, frame_u32(key), key + 4, 4);
	peer_send(&stage->house, house_connect(&stage->house),
	    buf_bytes(&request), request.length);
	buf_fini(&request);
}

/* As stage_open_single(), and KEY is the first client's. */
static void
set_stage_with_key(struct stage *stage, uint8_t *key)
{
	stage_open(stage, "cancel", config_text, false);
	stage_bind(stage, 's', &stage->house.servers[0]);
	peer_welcome(&stage->house, &stage->house.servers[0], false);
	memcpy(key, find_key(stage->clients[0]), 8);
	stage_forget(stage);
}

START_TEST(a_cancel_holds_its_server_until_it_has_arrived)
{
	struct buf request = {0};
	struct stage stage;
	struct peer *cancel;
	uint8_t key[8];

	set_stage_with_key(&stage, key);
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, "=s Q:select_1");
	send_cancel(&stage, key);
	ck_assert_uint_eq(stage.house.server_count, 2);
	cancel = &stage.house.servers[1];
	msg_cancel_request(&request, 7, "key!", 4);
	ck_assert_uint_eq(cancel->from_us.length, request.length);
	ck_assert_mem_eq(
	    buf_bytes(&cancel->from_us), buf_bytes(&request), request.length);
	stage_run(&stage, ">s T D C:S Z:I");
	stage_run(&stage, ">2 " NEXT);
	stage_run(&stage, "=s");
	peer_end(&stage.house, cancel);
	stage_run(&stage, "=s " NEXT);
	buf_fini(&request);
	stage_close(&stage);
}
END_TEST

START_TEST(a_cancel_for_who_is_idle_or_nobody_does_nothing)
{
	struct stage stage;
	uint8_t key[8];

	set_stage_with_key(&stage, key);
	send_cancel(&stage, key);
	stage_run(&stage, ">1 Q:select_1");
	key[7] ^= 1;
	send_cancel(&stage, key);
	ck_assert_uint_eq(stage.house.server_count, 1);
	stage_close(&stage);
}
END_TEST

START_TEST(a_cancel_that_never_ends_is_given_up)
{
	struct stage stage;
	uint8_t key[8];

	set_stage_with_key(&stage, key);
	stage_run(&stage, ">1 Q:select_1");
	send_cancel(&stage, key);
	stage_run(&stage, ">s T D C:S Z:I");
	stage_run(&stage, "=s Q:select_1");
	house_wait(&stage.house, 11 * 1000000);
	ck_assert_ptr_null(stage.house.servers[1].stream);
	stage_close(&stage);
}
END_TEST

/* CLIENT, told nothing else since the last forget, was told TYPES, the first of
 * them that its request is cancelled. */
static void
assert_told(struct peer *client, const char *types)
{
	struct buf *got = &client->from_us;
	struct buf seen = {0};
	size_t at = 0;
	struct frame frame;

	while (frame_parse(buf_bytes(got) + at, got->length - at,
	           FRAME_MAX_BODY, &frame) == FRAME_OK) {
		buf_append_char(&seen, (char)frame.type);
		at += frame_bytes(&frame);
	}
	ck_assert_str_eq(buf_text(&seen), types);
	ck_assert(types[0] != 'E' ||
	    memmem(buf_bytes(got), got->length, "57014", 5) != NULL);
	buf_fini(&seen);
	buf_clear(got);
}

START_TEST(who_waits_for_a_server_is_answered_and_stays)
{
	struct stage stage;
	uint8_t key[8];

	stage_open(&stage, "cancel", config_text, false);
	stage_bind(&stage, 's', &stage.house.servers[0]);
	peer_welcome(&stage.house, &stage.house.servers[0], false);
	memcpy(key, find_key(stage.clients[1]), 8);
	stage_forget(&stage);
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, ">2 P:select_2 B E S Q:select_3");
	send_cancel(&stage, key);
	assert_told(stage.clients[1], "EZ");
	send_cancel(&stage, key); /* of what waits now */
	assert_told(stage.clients[1], "EZ");
	ck_assert_uint_eq(stage.house.server_count, 1);
	stage_run(&stage, ">2 Q:select_4");
	stage_run(&stage, "=s Q:select_1");
	stage_run(&stage, ">s T D C:S Z:I");
	stage_run(&stage, "=s Q:select_4");
	stage_close(&stage);
}
END_TEST

START_TEST(the_rest_of_a_cut_batch_is_skipped)
{
	struct stage stage;
	uint8_t key[8];

	stage_open(&stage, "cancel", config_text, false);
	stage_bind(&stage, 's', &stage.house.servers[0]);
	peer_welcome(&stage.house, &stage.house.servers[0], false);
	memcpy(key, find_key(stage.clients[1]), 8);
	stage_forget(&stage);
	stage_run(&stage, ">1 Q:select_1");
	stage_run(&stage, ">2 P:select_2 D H");
	send_cancel(&stage, key);
	assert_told(stage.clients[1], "E");
	stage_run(&stage, ">2 B E");
	stage_run(&stage, "=2");
	stage_run(&stage, ">2 S Q:select_3");
	stage_run(&stage, "=2 Z:I");
	stage_run(&stage, "=s Q:select_1");
	stage_run(&stage, ">s T D C:S Z:I");
	stage_run(&stage, "=s Q:select_3");
	stage_close(&stage);
}
END_TEST

START_TEST(the_rest_of_a_long_query_is_skipped)
{
	uint8_t head[5] = {'Q', 0, 3, 0, 0};
	static uint8_t text[3 * 65536 - 4];
	struct stage stage;
	uint8_t key[8];

	stage_open(&stage, "cancel", config_text, false);
	stage_bind(&stage, 's', &stage.house.servers[0]);
	peer_welcome(&stage.house, &stage.house.servers[0], false);
	memcpy(key, find_key(stage.clients[1]), 8);
	stage_forget(&stage);
	stage_run(&stage, ">1 Q:select_1");
	memset(text, ' ', sizeof(text) - 1);
	peer_send(&stage.house, stage.clients[1], head, sizeof(head));
	peer_send(&stage.house, stage.clients[1], text, 70000);
	send_cancel(&stage, key);
	assert_told(stage.clients[1], "EZ");
	peer_send(
	    &stage.house, stage.clients[1], text + 70000, sizeof(text) - 70000);
	stage_run(&stage, ">2 Q:select_3");
	stage_run(&stage, "=s Q:select_1");
	stage_run(&stage, ">s T D C:S Z:I");
	stage_run(&stage, "=s Q:select_3");
	stage_close(&stage);
}
END_TEST

START_TEST(who_asks_is_kept_until_the_cancel_has_arrived)
{
	struct buf request = {0};
	struct stage stage;
	struct peer *asker, *late;
	uint8_t key[8];

	set_stage_with_key(&stage, key);
	stage_run(&stage, ">1 Q:select_1");
	msg_cancel_request(&request, frame_u32(key), key + 4, 4);
	asker = house_connect(&stage.house);
	peer_send(&stage.house, asker, buf_bytes(&request), request.length);
	late = house_connect(&stage.house);
	peer_send(&stage.house, late, buf_bytes(&request), request.length);
	ck_assert_ptr_nonnull(asker->stream);
	ck_assert_uint_eq(stage.house.server_count, 2); /* one at a time */
	peer_end(&stage.house, &stage.house.servers[1]);
	ck_assert_ptr_null(asker->stream);
	/* The second may have been meant for what goes on behind it. */
	ck_assert_ptr_nonnull(late->stream);
	ck_assert_uint_eq(stage.house.server_count, 3);
	peer_end(&stage.house, &stage.house.servers[2]);
	ck_assert_ptr_null(late->stream);
	buf_fini(&request);
	stage_close(&stage);
}
END_TEST

START_TEST(a_second_cancel_does_not_hit_the_next_statement)
{
	struct stage stage;
	uint8_t key[8];

	set_stage_with_key(&stage, key);
	stage_run(&stage, ">1 Q:select_1");
	send_cancel(&stage, key);
	send_cancel(&stage, key);
	stage_run(&stage, ">s T D C:S Z:I");
	stage_run(&stage, ">1 Q:select_2");
	stage_run(&stage, ">2 Q:select_3");
	peer_end(&stage.house, &stage.house.servers[1]);
	ck_assert_uint_eq(stage.house.server_count, 2);
	stage_run(&stage, "=s Q:select_1 Q:select_2");
	stage_close(&stage);
}
END_TEST

START_TEST(cancels_are_bounded_in_number_and_time)
{
	struct buf request = {0};
	struct stage stage;
	struct peer *askers[20];
	size_t kept = 0;
	uint8_t key[8];

	set_stage_with_key(&stage, key);
	stage_run(&stage, ">1 Q:select_1");
	msg_cancel_request(&request, frame_u32(key), key + 4, 4);
	for (int i = 0; i < 20; i++) {
		askers[i] = house_connect(&stage.house);
		peer_send(&stage.house, askers[i], buf_bytes(&request),
		    request.length);
	}
	for (int i = 0; i < 20; i++) {
		kept += askers[i]->stream != NULL;
	}
	ck_assert_uint_eq(kept, 9);
	ck_assert_uint_eq(stage.house.server_count, 2);
	house_wait(&stage.house, 10 * 1000000);
	for (int i = 0; i < 20; i++) {
		ck_assert_ptr_null(askers[i]->stream);
	}
	buf_fini(&request);
	stage_close(&stage);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cancel");
	TCase *requests = tcase_create("requests");
	TCase *waiting = tcase_create("waiting clients");

	tcase_add_test(
	    requests, a_cancel_holds_its_server_until_it_has_arrived);
	tcase_add_test(
	    requests, a_cancel_for_who_is_idle_or_nobody_does_nothing);
	tcase_add_test(requests, a_cancel_that_never_ends_is_given_up);
	tcase_add_test(requests, who_asks_is_kept_until_the_cancel_has_arrived);
	tcase_add_test(
	    requests, a_second_cancel_does_not_hit_the_next_statement);
	tcase_add_test(requests, cancels_are_bounded_in_number_and_time);
	tcase_add_test(waiting, who_waits_for_a_server_is_answered_and_stays);
	tcase_add_test(waiting, the_rest_of_a_cut_batch_is_skipped);
	tcase_add_test(waiting, the_rest_of_a_long_query_is_skipped);
	suite_add_tcase(suite, requests);
	suite_add_tcase(suite, waiting);
	return unit_run(suite);
}
