/* test_table.c - the messages of a console result. */
#include "support/unit.h"

#include <signal.h>
#include <string.h>

#include "admin/table.h"
#include "proto/frame.h"
#include "proto/reader.h"

static const struct msg_column columns[] = {
    COLUMN_TEXT("name"),
    COLUMN_INT4("four"),
    COLUMN_INT8("eight"),
    COLUMN_NUMERIC("number"),
    COLUMN_BYTEA("bytes"),
};

static struct buf out;
static struct table table;

static void
setup(void)
{
	out = (struct buf){0};
	table_begin(&table, &out, columns, 5);
}

static void
teardown(void)
{
	buf_fini(&out);
	buf_fini(&table.text);
}

/* The next message, which must be of TYPE. */
static struct reader
next(uint8_t type)
{
	struct reader reader;
	struct frame frame;

	ck_assert_int_eq(
	    frame_parse(buf_bytes(&out), out.length, FRAME_MAX_BODY, &frame),
	    FRAME_OK);
	ck_assert_uint_eq(frame.type, type);
	reader_init(
	    &reader, buf_bytes(&out) + FRAME_HEADER_BYTES, frame.body_bytes);
	buf_consume(&out, frame_bytes(&frame)); /* the bytes stay in place */
	return reader;
}

static void
expect_column(
    struct reader *reader, const char *name, uint32_t oid, int16_t bytes)
{
	ck_assert_str_eq(reader_cstr(reader), name);
	ck_assert_uint_eq(reader_u32(reader), 0);
	ck_assert_int_eq(reader_i16(reader), 0);
	ck_assert_uint_eq(reader_u32(reader), oid);
	ck_assert_int_eq(reader_i16(reader), bytes);
	ck_assert_int_eq((int32_t)reader_u32(reader), -1);
	ck_assert_int_eq(reader_i16(reader), 0);
}

static void
expect_value(struct reader *reader, const char *value)
{
	int32_t size = (int32_t)reader_u32(reader);
	const uint8_t *bytes;

	if (value == NULL) {
		ck_assert_int_eq(size, -1);
		return;
	}
	ck_assert_int_eq(size, (int)strlen(value));
	bytes = reader_bytes(reader, (size_t)size);
	ck_assert_ptr_nonnull(bytes);
	ck_assert(memcmp(bytes, value, (size_t)size) == 0);
}

/* A row that begins with NAME and holds NULL otherwise. */
static void
put_named(const char *name)
{
	table_row_begin(&table);
	table_put_text(&table, name);
	for (int i = 0; i < 4; i++) {
		table_put_null(&table);
	}
	table_row_end(&table);
}

static void
expect_named(const char *name)
{
	struct reader reader = next(MSG_DATA_ROW);

	ck_assert_int_eq(reader_i16(&reader), 5);
	expect_value(&reader, name);
	for (int i = 0; i < 4; i++) {
		expect_value(&reader, NULL);
	}
	ck_assert(reader_finish(&reader));
}

START_TEST(columns_are_described_with_their_types)
{
	struct reader reader = next(MSG_ROW_DESCRIPTION);

	ck_assert_int_eq(reader_i16(&reader), 5);
	expect_column(&reader, "name", 25, -1);
	expect_column(&reader, "four", 23, 4);
	expect_column(&reader, "eight", 20, 8);
	expect_column(&reader, "number", 1700, -1);
	expect_column(&reader, "bytes", 17, -1);
	ck_assert(reader_finish(&reader));
}
END_TEST

START_TEST(a_row_has_its_values_in_order)
{
	struct reader reader;

	table_row_begin(&table);
	table_put_text(&table, "x");
	table_put_int(&table, -7);
	table_put_int(&table, INT64_MIN);
	table_put_count(&table, UINT64_MAX);
	table_put_null(&table);
	table_row_end(&table);
	table_end(&table, "SHOW");
	(void)next(MSG_ROW_DESCRIPTION);
	reader = next(MSG_DATA_ROW);
	ck_assert_int_eq(reader_i16(&reader), 5);
	expect_value(&reader, "x");
	expect_value(&reader, "-7");
	expect_value(&reader, "-9223372036854775808");
	expect_value(&reader, "9223372036854775807");
	expect_value(&reader, NULL);
	ck_assert(reader_finish(&reader));
	reader = next(MSG_COMMAND_COMPLETE);
	ck_assert_str_eq(reader_cstr(&reader), "SHOW");
	ck_assert(reader_finish(&reader));
	ck_assert_uint_eq(out.length, 0);
}
END_TEST

START_TEST(a_name_from_the_network_is_readable_or_marked)
{
	put_named("M\xfcller \xe2\x82\xac");
	put_named("");
	put_named(NULL);
	put_named("after");
	table_end(&table, "SHOW");
	(void)next(MSG_ROW_DESCRIPTION);
	expect_named("M?ller \xe2\x82\xac");
	expect_named("");
	expect_named(NULL);
	expect_named("after");
	(void)next(MSG_COMMAND_COMPLETE);
}
END_TEST

START_TEST(an_empty_table_has_columns_and_an_end)
{
	table_end(&table, "SHOW");
	(void)next(MSG_ROW_DESCRIPTION);
	(void)next(MSG_COMMAND_COMPLETE);
	ck_assert_uint_eq(out.length, 0);
}
END_TEST

START_TEST(too_few_values_assert)
{
	table_row_begin(&table);
	table_put_text(&table, "x");
	table_row_end(&table);
}
END_TEST

START_TEST(too_many_values_assert)
{
	table_row_begin(&table);
	table_put_text(&table, "x");
	for (int i = 0; i < 5; i++) {
		table_put_int(&table, i);
	}
}
END_TEST

START_TEST(text_in_a_column_of_numbers_asserts)
{
	table_row_begin(&table);
	table_put_text(&table, "x");
	table_put_text(&table, "y");
}
END_TEST

START_TEST(a_number_in_a_column_of_text_asserts)
{
	table_row_begin(&table);
	table_put_int(&table, 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("table");
	TCase *tcase = tcase_create("messages");
	TCase *bugs = tcase_create("bugs");
	const char *fork = getenv("CK_FORK");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, columns_are_described_with_their_types);
	tcase_add_test(tcase, a_row_has_its_values_in_order);
	tcase_add_test(tcase, a_name_from_the_network_is_readable_or_marked);
	tcase_add_test(tcase, an_empty_table_has_columns_and_an_end);
	suite_add_tcase(suite, tcase);
	/* A test that ends in an assertion needs a process of its own. */
	if (fork == NULL || strcmp(fork, "no") != 0) {
		tcase_add_checked_fixture(bugs, setup, teardown);
		tcase_add_test_raise_signal(
		    bugs, too_few_values_assert, SIGABRT);
		tcase_add_test_raise_signal(
		    bugs, too_many_values_assert, SIGABRT);
		tcase_add_test_raise_signal(
		    bugs, text_in_a_column_of_numbers_asserts, SIGABRT);
		tcase_add_test_raise_signal(
		    bugs, a_number_in_a_column_of_text_asserts, SIGABRT);
	}
	suite_add_tcase(suite, bugs);
	return unit_run(suite);
}
