/* test_reader.c - the bounds-checked reader, and what errors say. */
#include "support/unit.h"

#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "proto/error_fields.h"
#include "proto/msg.h"
#include "proto/reader.h"

START_TEST(reader_takes_a_body_apart)
{
	static const uint8_t body[] = {7, 0xff, 0xfe, 0x80, 0, 0, 1, 'h', 'i',
	    0, 0, 1, 2, 0x12, 0x34, 0xff, 0xff, 0xff, 0xff};
	struct reader reader;

	reader_init(&reader, body, sizeof(body));
	ck_assert_uint_eq(reader_u8(&reader), 7);
	ck_assert_int_eq(reader_i16(&reader), -2);
	ck_assert_uint_eq(reader_u32(&reader), 0x80000001);
	ck_assert_str_eq(reader_cstr(&reader), "hi");
	ck_assert_str_eq(reader_cstr(&reader), "");
	ck_assert_mem_eq(reader_bytes(&reader, 2), "\1\2", 2);
	ck_assert_uint_eq(reader_u16(&reader), 0x1234);
	ck_assert(!reader_finish(&reader));
	ck_assert_uint_eq(reader_left(&reader), 4);
	ck_assert_int_eq(reader_i32(&reader), -1);
	ck_assert(reader_finish(&reader));
}
END_TEST

START_TEST(reader_failure_is_sticky)
{
	struct reader reader;

	reader_init(&reader, "abc", 3);
	ck_assert_uint_eq(reader_u32(&reader), 0);
	ck_assert(!reader_ok(&reader));
	ck_assert_uint_eq(reader_u8(&reader), 0);
	ck_assert_str_eq(reader_cstr(&reader), "");
	ck_assert_ptr_null(reader_bytes(&reader, 0));
	ck_assert_uint_eq(reader_left(&reader), 0);
	ck_assert(!reader_finish(&reader));
}
END_TEST

START_TEST(reader_rejects_length_beyond_message)
{
	static const size_t lengths[] = {4, 5, SIZE_MAX, SIZE_MAX / 2};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct reader reader;

		reader_init(&reader, "abc", 3);
		ck_assert_ptr_null(reader_bytes(&reader, lengths[i]));
		ck_assert(!reader_ok(&reader));
	}
}
END_TEST

START_TEST(reader_rejects_text_without_its_nul)
{
	struct reader reader;

	reader_init(&reader, "abc", 3); /* the NUL behind it is not ours */
	ck_assert_str_eq(reader_cstr(&reader), "");
	ck_assert(!reader_ok(&reader));
}
END_TEST

START_TEST(reader_of_nothing_is_finished_and_gives_nothing)
{
	struct reader reader;

	reader_init(&reader, NULL, 0);
	ck_assert(reader_finish(&reader));
	ck_assert_ptr_nonnull(reader_bytes(&reader, 0));
	ck_assert_str_eq(reader_cstr(&reader), "");
	ck_assert(!reader_finish(&reader));
}
END_TEST

static const char report[] = "SFEHLER\0VERROR\0C42P01\0Mno such\0Dd\0Hh\0"
                             "q?\0P15\0";

START_TEST(error_fields_finds_what_it_knows_and_passes_over_the_rest)
{
	struct error_fields fields;
	struct error err;

	ck_assert_int_eq(
	    error_fields_parse(report, sizeof(report), &fields), 0);
	ck_assert_str_eq(fields.severity, "ERROR");
	ck_assert_str_eq(fields.sqlstate, "42P01");
	ck_assert_str_eq(fields.message, "no such");
	ck_assert_str_eq(fields.detail, "d");
	ck_assert_str_eq(fields.hint, "h");
	ck_assert(!error_fields_is_fatal(&fields));
	error_fields_to_error(&fields, &err);
	ck_assert_str_eq(err.sqlstate, "42P01");
	ck_assert_str_eq(err.text, "no such");
	ck_assert_str_eq(err.hint, "h");
}
END_TEST

START_TEST(error_fields_rejects_every_cut_and_any_excess)
{
	struct error_fields fields;
	char longer[sizeof(report) + 1] = {0};

	for (size_t n = 0; n < sizeof(report); n++) {
		ck_assert_msg(error_fields_parse(report, n, &fields) == -1,
		    "cut at %zu", n);
		ck_assert_str_eq(fields.message, "");
	}
	memcpy(longer, report, sizeof(report));
	ck_assert_int_eq(
	    error_fields_parse(longer, sizeof(longer), &fields), -1);
}
END_TEST

START_TEST(error_fields_uses_the_localised_severity_of_old_servers)
{
	struct error_fields fields;
	struct error err;

	ck_assert_int_eq(error_fields_parse("SFATAL\0C57\0", 12, &fields), 0);
	ck_assert(error_fields_is_fatal(&fields));
	error_fields_to_error(&fields, &err);
	ck_assert_str_eq(err.sqlstate, SQLSTATE_INTERNAL);
	ck_assert_str_eq(err.text, "");
}
END_TEST

START_TEST(error_fields_cuts_a_long_message_in_struct_error)
{
	struct buf out = {0};
	struct error_fields fields;
	struct error err;
	char text[3000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	msg_error_response(&out,
	    &(struct msg_report){
	        .severity = "FATAL", .sqlstate = "28P01", .message = text});
	ck_assert_int_eq(
	    error_fields_parse(buf_bytes(&out) + 5, out.length - 5, &fields),
	    0);
	ck_assert_str_eq(fields.message, text);
	error_fields_to_error(&fields, &err);
	ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
	buf_fini(&out);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("reader");
	TCase *theme = tcase_create("reader");
	TCase *errors = tcase_create("error fields");

	tcase_add_test(theme, reader_takes_a_body_apart);
	tcase_add_test(theme, reader_failure_is_sticky);
	tcase_add_test(theme, reader_rejects_length_beyond_message);
	tcase_add_test(theme, reader_rejects_text_without_its_nul);
	tcase_add_test(theme, reader_of_nothing_is_finished_and_gives_nothing);
	suite_add_tcase(suite, theme);
	tcase_add_test(
	    errors, error_fields_finds_what_it_knows_and_passes_over_the_rest);
	tcase_add_test(errors, error_fields_rejects_every_cut_and_any_excess);
	tcase_add_test(
	    errors, error_fields_uses_the_localised_severity_of_old_servers);
	tcase_add_test(
	    errors, error_fields_cuts_a_long_message_in_struct_error);
	suite_add_tcase(suite, errors);
	return unit_run(suite);
}
