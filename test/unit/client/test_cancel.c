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

int
main(void)
{
	Suite *suite = suite_create("cancel");
	TCase *requests = tcase_create("requests");

	tcase_add_test(
	    requests, a_cancel_holds_its_server_until_it_has_arrived);
	tcase_add_test(
	    requests, a_cancel_for_who_is_idle_or_nobody_does_nothing);
	tcase_add_test(requests, a_cancel_that_never_ends_is_given_up);
	suite_add_tcase(suite, requests);
	return unit_run(suite);
}
