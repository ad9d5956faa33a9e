/* test_console_format.c - the console's values in the formats asked for. */
#include "client/console_format.h"

#include <string.h>

#include "core/buf.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "proto/reader.h"
#include "support/unit.h"

static const struct msg_column columns[] = {
    {"name", 25, -1}, {"small", 23, 4}, {"big", 20, 8}, {"any", 1700, -1}};

static struct console_formats
formats_of(const uint16_t *codes, uint16_t count)
{
	struct console_formats formats;
	uint8_t bytes[32] = {0, (uint8_t)count};
	struct reader reader;

	for (size_t i = 0; i < count; i++) {
		bytes[2 + 2 * i] = (uint8_t)(codes[i] >> 8);
		bytes[3 + 2 * i] = (uint8_t)codes[i];
	}
	reader_init(&reader, bytes, 2 + 2 * (size_t)count);
	ck_assert(console_formats_read(&formats, &reader));
	ck_assert(reader_finish(&reader));
	return formats;
}

static void
put_answer(struct buf *answer, const char *number)
{
	const char *row[] = {"text", number, number, number};
	const char *empty[] = {NULL, NULL, NULL, NULL};

	ck_assert(msg_row_description(answer, columns, 4));
	ck_assert(msg_data_row_text(answer, row, 4));
	ck_assert(msg_data_row_text(answer, empty, 4));
	msg_command_complete(answer, "SHOW");
}

/* The body of the message at INDEX of OUT. */
static struct reader
body_of(const struct buf *out, size_t index)
{
	const uint8_t *at = buf_bytes(out);
	size_t left = out->length;
	struct reader reader;
	struct frame frame;

	for (;; index--) {
		ck_assert_int_eq(
		    frame_parse(at, left, FRAME_MAX_BODY, &frame), FRAME_OK);
		if (index == 0) {
			reader_init(
			    &reader, at + FRAME_HEADER_BYTES, frame.body_bytes);
			return reader;
		}
		at += frame_bytes(&frame);
		left -= frame_bytes(&frame);
	}
}

struct number {
	const char *text;
	int32_t small;
	int64_t big;
	int16_t digits[6]; /* count, weight, then three digits; sign last */
};

static const struct number numbers[] = {
    {"0", 0, 0, {0, 0, 0, 0, 0, 0}},
    {"7", 7, 7, {1, 0, 7, 0, 0, 0}},
    {"-7", -7, -7, {1, 0, 7, 0, 0, 0x4000}},
    {"10000", 10000, 10000, {2, 1, 1, 0, 0, 0}},
    {"123456789", 123456789, 123456789, {3, 2, 1, 2345, 6789, 0}},
    {"2147483648", INT32_MAX, 2147483648, {3, 2, 21, 4748, 3648, 0}},
};

START_TEST(numbers_are_written_as_postgresql_writes_them)
{
	const struct number *number = &numbers[_i];
	struct console_formats formats = formats_of((uint16_t[]){1}, 1);
	struct buf answer = {0}, out = {0};
	struct reader row;
	uint64_t big;

	put_answer(&answer, number->text);
	ck_assert(console_formats_apply(&formats, &answer, &out));
	row = body_of(&out, 1);
	ck_assert_uint_eq(reader_u16(&row), 4);
	ck_assert_int_eq(reader_i32(&row), 4);
	ck_assert_mem_eq(reader_bytes(&row, 4), "text", 4);
	ck_assert_int_eq(reader_i32(&row), 4);
	ck_assert_int_eq(reader_i32(&row), number->small);
	ck_assert_int_eq(reader_i32(&row), 8);
	big = (uint64_t)reader_u32(&row) << 32;
	big |= reader_u32(&row);
	ck_assert_int_eq((int64_t)big, number->big);
	ck_assert_int_eq(reader_i32(&row), 8 + 2 * number->digits[0]);
	ck_assert_int_eq(reader_i16(&row), number->digits[0]);
	ck_assert_int_eq(reader_i16(&row), number->digits[1]);
	ck_assert_int_eq(reader_i16(&row), number->digits[5]);
	ck_assert_int_eq(reader_i16(&row), 0);
	for (int i = 0; i < number->digits[0]; i++) {
		ck_assert_int_eq(reader_i16(&row), number->digits[2 + i]);
	}
	ck_assert(reader_finish(&row));
	row = body_of(&out, 2);
	ck_assert_uint_eq(reader_u16(&row), 4);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(reader_i32(&row), -1);
	}
	buf_fini(&answer);
	buf_fini(&out);
}
END_TEST

START_TEST(each_column_has_its_own_format)
{
	struct console_formats formats =
	    formats_of((uint16_t[]){0, 1, 0, 0}, 4);
	struct buf answer = {0}, out = {0};
	struct reader body;

	put_answer(&answer, "42");
	ck_assert(console_formats_apply(&formats, &answer, &out));
	body = body_of(&out, 0);
	ck_assert_uint_eq(reader_u16(&body), 4);
	for (int i = 0; i < 4; i++) {
		ck_assert_str_eq(reader_cstr(&body), columns[i].name);
		(void)reader_bytes(&body, 6);
		ck_assert_uint_eq(reader_u32(&body), columns[i].type_oid);
		(void)reader_bytes(&body, 6);
		ck_assert_uint_eq(reader_u16(&body), i == 1);
	}
	ck_assert(reader_finish(&body));
	body = body_of(&out, 1);
	(void)reader_bytes(&body, 2 + 4 + 4);
	ck_assert_int_eq(reader_i32(&body), 4);
	ck_assert_int_eq(reader_i32(&body), 42);
	ck_assert_int_eq(reader_i32(&body), 2);
	ck_assert_mem_eq(reader_bytes(&body, 2), "42", 2);
	buf_fini(&answer);
	buf_fini(&out);
}
END_TEST

START_TEST(what_has_no_rows_passes_unchanged)
{
	struct console_formats formats = formats_of((uint16_t[]){1, 1}, 2);
	struct buf answer = {0}, out = {0};

	msg_command_complete(&answer, "RELOAD");
	ck_assert(console_formats_apply(&formats, &answer, &out));
	ck_assert_uint_eq(out.length, answer.length);
	ck_assert_mem_eq(buf_bytes(&out), buf_bytes(&answer), out.length);
	buf_fini(&answer);
	buf_fini(&out);
}
END_TEST

START_TEST(another_number_of_formats_is_refused)
{
	struct console_formats formats = formats_of((uint16_t[]){1, 1}, 2);
	struct buf answer = {0}, out = {0};

	put_answer(&answer, "1");
	ck_assert(!console_formats_apply(&formats, &answer, &out));
	ck_assert_uint_eq(out.length, 0);
	buf_fini(&answer);
	buf_fini(&out);
}
END_TEST

START_TEST(formats_that_are_none_are_refused)
{
	static const uint8_t unknown[] = {0, 1, 0, 2};
	static const uint8_t lying[] = {0xff, 0xff, 0, 1};
	struct console_formats formats;
	struct reader reader;

	reader_init(&reader, unknown, sizeof(unknown));
	ck_assert(!console_formats_read(&formats, &reader));
	reader_init(&reader, lying, sizeof(lying));
	ck_assert(!console_formats_read(&formats, &reader));
	ck_assert(!reader_finish(&reader));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("console_format");
	TCase *values = tcase_create("values");

	tcase_add_loop_test(values,
	    numbers_are_written_as_postgresql_writes_them, 0,
	    (int)(sizeof(numbers) / sizeof(*numbers)));
	tcase_add_test(values, each_column_has_its_own_format);
	tcase_add_test(values, what_has_no_rows_passes_unchanged);
	tcase_add_test(values, another_number_of_formats_is_refused);
	tcase_add_test(values, formats_that_are_none_are_refused);
	suite_add_tcase(suite, values);
	return unit_run(suite);
}
