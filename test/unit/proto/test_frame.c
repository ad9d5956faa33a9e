/* test_frame.c - message headers, in pieces and with lying lengths. */
#include "support/unit.h"

#include "core/buf.h"
#include "proto/frame.h"
#include "proto/msg.h"

START_TEST(frame_is_partial_until_five_bytes_are_there)
{
	const uint8_t bytes[] = {'Q', 0, 0, 0, 9};
	struct frame frame = {.type = 1, .body_bytes = 2};

	for (size_t n = 0; n < sizeof(bytes); n++) {
		ck_assert_int_eq(
		    frame_parse(bytes, n, 100, &frame), FRAME_PARTIAL);
		ck_assert_uint_eq(frame.type, 1);
	}
	ck_assert_int_eq(frame_parse(bytes, 5, 100, &frame), FRAME_OK);
	ck_assert_uint_eq(frame.type, 'Q');
	ck_assert_uint_eq(frame.body_bytes, 5);
	ck_assert_uint_eq(frame_bytes(&frame), 10);
}
END_TEST

START_TEST(frame_judges_the_length)
{
	static const struct {
		uint8_t length[4];
		uint32_t max_body;
		enum frame_result wanted;
	} cases[] = {
	    {{0, 0, 0, 0}, 100, FRAME_BAD},
	    {{0, 0, 0, 3}, 100, FRAME_BAD},
	    {{0, 0, 0, 4}, 100, FRAME_OK},
	    {{0, 0, 0, 4}, 0, FRAME_OK},
	    {{0, 0, 0, 5}, 0, FRAME_BAD},
	    {{0, 0, 0, 104}, 100, FRAME_OK},
	    {{0, 0, 0, 105}, 100, FRAME_BAD},
	    {{0x7f, 0xff, 0xff, 0xff}, FRAME_MAX_BODY, FRAME_BAD},
	    {{0x80, 0, 0, 4}, FRAME_MAX_BODY, FRAME_BAD},
	    {{0xff, 0xff, 0xff, 0xff}, UINT32_MAX, FRAME_OK},
	    {{0, 0, 0, 3}, UINT32_MAX, FRAME_BAD},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[5] = {'d'};
		struct frame frame;

		memcpy(bytes + 1, cases[i].length, 4);
		ck_assert_msg(frame_parse(bytes, 5, cases[i].max_body,
		                  &frame) == cases[i].wanted,
		    "row %zu", i);
	}
}
END_TEST

START_TEST(frame_kind_knows_what_a_client_may_send_after_login)
{
	static const char known[] = "QPBDECSHFdcfX";

	for (unsigned type = 0; type < 256; type++) {
		bool wanted = type != 0 && strchr(known, (int)type) != NULL;

		ck_assert_msg(((client_frame_kind((uint8_t)type) &
		                   FRAME_KNOWN) != 0) == wanted,
		    "type %u", type);
	}
}
END_TEST

static void
assert_flag(unsigned flag, const char *types)
{
	for (unsigned type = 1; type < 256; type++) {
		bool wanted = strchr(types, (int)type) != NULL;

		ck_assert_msg(
		    ((client_frame_kind((uint8_t)type) & flag) != 0) == wanted,
		    "flag %u type %u", flag, type);
	}
}

START_TEST(frame_kind_says_what_is_owed)
{
	assert_flag(FRAME_ANSWERED, "PBDECSQF");
	assert_flag(FRAME_EXTENDED, "PBDECH");
	assert_flag(FRAME_COPY, "dcf");
	assert_flag(FRAME_SMALL, "DECHSXcf");
}
END_TEST

/* Counts frames as a relay does, STEP bytes arriving at a time. */
static unsigned
scan(const struct buf *stream, size_t step, char *types)
{
	const uint8_t *bytes = buf_bytes(stream);
	size_t at = 0, arrived = 0;
	unsigned count = 0;

	while (at < stream->length) {
		struct frame frame;

		arrived = arrived + step < stream->length ? arrived + step
		                                          : stream->length;
		while (frame_parse(bytes + at, arrived - at, 1000, &frame) ==
		        FRAME_OK &&
		    frame_bytes(&frame) <= arrived - at) {
			types[count++] = (char)frame.type;
			at += frame_bytes(&frame);
		}
	}
	types[count] = '\0';
	return count;
}

START_TEST(frames_are_the_same_however_the_stream_is_cut)
{
	struct buf stream = {0};
	char types[16];

	ck_assert(msg_parse(&stream, "s", "select $1", NULL, 0));
	ck_assert(msg_bind(&stream, "", "s", NULL, 0));
	ck_assert(msg_execute(&stream, "", 0));
	msg_sync(&stream);
	ck_assert(msg_query(&stream, ""));
	msg_terminate(&stream);
	for (size_t step = 1; step <= stream.length; step++) {
		ck_assert_uint_eq(scan(&stream, step, types), 6);
		ck_assert_str_eq(types, "PBESQX");
	}
	buf_fini(&stream);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("frame");
	TCase *theme = tcase_create("frame");

	tcase_add_test(theme, frame_is_partial_until_five_bytes_are_there);
	tcase_add_test(theme, frame_judges_the_length);
	tcase_add_test(
	    theme, frame_kind_knows_what_a_client_may_send_after_login);
	tcase_add_test(theme, frame_kind_says_what_is_owed);
	tcase_add_test(theme, frames_are_the_same_however_the_stream_is_cut);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
