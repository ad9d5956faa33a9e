/* test_msg.c - what the builder writes, read again with the reader. */
#include "support/unit.h"

#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "proto/error_fields.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "proto/reader.h"

static struct buf out;

static void
setup(void)
{
	out = (struct buf){0};
}

static void
teardown(void)
{
	buf_fini(&out);
}

/* Checks that OUT is one whole message of TYPE and returns its body. */
static struct reader
one(uint8_t type)
{
	struct reader reader;
	struct frame frame;

	ck_assert_int_eq(
	    frame_parse(buf_bytes(&out), out.length, FRAME_MAX_BODY, &frame),
	    FRAME_OK);
	ck_assert_uint_eq(frame.type, type);
	ck_assert_uint_eq(frame_bytes(&frame), out.length);
	reader_init(
	    &reader, buf_bytes(&out) + FRAME_HEADER_BYTES, frame.body_bytes);
	return reader;
}

#define assert_bytes(literal)                                           \
	do {                                                            \
		ck_assert_uint_eq(out.length, sizeof(literal) - 1);     \
		ck_assert_mem_eq(buf_bytes(&out), literal, out.length); \
		buf_clear(&out);                                        \
	} while (0)

START_TEST(msg_writes_the_documented_bytes)
{
	msg_authentication_ok(&out);
	assert_bytes("R\0\0\0\x08\0\0\0\0");
	msg_authentication_cleartext_password(&out);
	assert_bytes("R\0\0\0\x08\0\0\0\x03");
	msg_authentication_md5_password(&out, (const uint8_t *)"salt");
	assert_bytes("R\0\0\0\x0c\0\0\0\x05salt");
	msg_authentication_sasl(
	    &out, (const char *const[]){"SCRAM-SHA-256"}, 1);
	assert_bytes("R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0");
	msg_authentication_sasl_continue(&out, "r=x", 3);
	assert_bytes("R\0\0\0\x0b\0\0\0\x0br=x");
	msg_authentication_sasl_final(&out, "v=y", 3);
	assert_bytes("R\0\0\0\x0b\0\0\0\x0cv=y");
	msg_negotiate_protocol_version(
	    &out, 0, (const char *const[]){"_pq_.a", "_pq_.b"}, 2);
	assert_bytes("v\0\0\0\x1a\0\x03\0\0\0\0\0\x02_pq_.a\0_pq_.b\0");
	msg_backend_key_data(&out, 0x01020304, "KEY!", 4);
	assert_bytes("K\0\0\0\x0c\1\2\3\4KEY!");
	msg_backend_key_data(&out, 1, "12345678", 8);
	assert_bytes("K\0\0\0\x10\0\0\0\1"
	             "12345678");
	msg_ready_for_query(&out, 'T');
	assert_bytes("Z\0\0\0\x05T");
	msg_parameter_status(&out, "a", "");
	assert_bytes("S\0\0\0\x07"
	             "a\0\0");
	msg_command_complete(&out, "SHOW");
	assert_bytes("C\0\0\0\x09SHOW\0");
}
END_TEST

START_TEST(msg_without_body_is_five_bytes)
{
	static const struct {
		void (*put)(struct buf *);
		uint8_t type;
	} cases[] = {
	    {msg_empty_query_response, 'I'},
	    {msg_parse_complete, '1'},
	    {msg_bind_complete, '2'},
	    {msg_close_complete, '3'},
	    {msg_no_data, 'n'},
	    {msg_sync, 'S'},
	    {msg_flush, 'H'},
	    {msg_terminate, 'X'},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reader reader;

		cases[i].put(&out);
		reader = one(cases[i].type);
		ck_assert(reader_finish(&reader));
		buf_clear(&out);
	}
}
END_TEST

START_TEST(msg_describes_rows_and_sends_them)
{
	static const struct msg_column columns[] = {
	    {"database", 25, -1}, {"maxwait", 23, 4}};
	struct reader reader;

	ck_assert(msg_row_description(&out, columns, 2));
	reader = one('T');
	ck_assert_uint_eq(reader_u16(&reader), 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_str_eq(reader_cstr(&reader), columns[i].name);
		ck_assert_uint_eq(reader_u32(&reader), 0);
		ck_assert_uint_eq(reader_u16(&reader), 0);
		ck_assert_uint_eq(reader_u32(&reader), columns[i].type_oid);
		ck_assert_int_eq(reader_i16(&reader), columns[i].type_bytes);
		ck_assert_int_eq(reader_i32(&reader), -1);
		ck_assert_uint_eq(reader_u16(&reader), 0);
	}
	ck_assert(reader_finish(&reader));
	buf_clear(&out);
	ck_assert(
	    msg_data_row_text(&out, (const char *const[]){"ab", NULL, ""}, 3));
	assert_bytes("D\0\0\0\x14\0\3\0\0\0\2ab\xff\xff\xff\xff\0\0\0\0");
	ck_assert(msg_data_row(
	    &out, (const struct msg_value[]){{"a\0b", 3}, {NULL, 7}}, 2));
	assert_bytes("D\0\0\0\x11\0\2\0\0\0\3a\0b\xff\xff\xff\xff");
	ck_assert(msg_data_row(&out, NULL, 0));
	assert_bytes("D\0\0\0\6\0\0");
	ck_assert(msg_parameter_description(&out, (uint32_t[]){23, 25}, 2));
	assert_bytes("t\0\0\0\x0e\0\2\0\0\0\x17\0\0\0\x19");
	ck_assert(msg_notification_response(&out, 9, "ch", "hello"));
	assert_bytes("A\0\0\0\x11\0\0\0\x09"
	             "ch\0hello\0");
}
END_TEST

START_TEST(msg_reports_errors_in_fields)
{
	struct error_fields fields;
	struct reader reader;
	struct error err;

	error_set(&err, "3D000", "no such database: %s", "x");
	error_hint(&err, "Add it to [databases].");
	msg_error_from(&out, "FATAL", &err);
	reader = one('E');
	ck_assert_int_eq(
	    error_fields_parse(reader.at, reader.left, &fields), 0);
	ck_assert_str_eq(fields.severity, "FATAL");
	ck_assert_str_eq(fields.sqlstate, "3D000");
	ck_assert_str_eq(fields.message, "no such database: x");
	ck_assert_str_eq(fields.detail, "");
	ck_assert_str_eq(fields.hint, "Add it to [databases].");
	buf_clear(&out);
	msg_notice_response(&out,
	    &(struct msg_report){.severity = "NOTICE",
	        .sqlstate = "00000",
	        .message = "m",
	        .detail = "d"});
	assert_bytes("N\0\0\0\x22SNOTICE\0VNOTICE\0C00000\0Mm\0Dd\0\0");
}
END_TEST

START_TEST(msg_writes_what_a_server_reads_at_login)
{
	msg_startup(&out, (struct msg_parameter[]){{"user", "u"}}, 1);
	assert_bytes("\0\0\0\x10\0\3\0\0user\0u\0\0");
	msg_ssl_request(&out);
	assert_bytes("\0\0\0\x08\x04\xd2\x16\x2f");
	msg_cancel_request(&out, 7, "abcd", 4);
	assert_bytes("\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\7abcd");
	msg_password(&out, "secret");
	assert_bytes("p\0\0\0\x0bsecret\0");
	msg_sasl_initial_response(&out, "M", "n,,", 3);
	assert_bytes("p\0\0\0\x0dM\0\0\0\0\3n,,");
	msg_sasl_initial_response(&out, "M", NULL, 0);
	assert_bytes("p\0\0\0\x0aM\0\xff\xff\xff\xff");
	msg_sasl_response(&out, "c=", 2);
	assert_bytes("p\0\0\0\6c=");
}
END_TEST

START_TEST(msg_writes_what_a_server_reads_in_a_session)
{
	ck_assert(msg_query(&out, "select 1"));
	assert_bytes("Q\0\0\0\x0dselect 1\0");
	ck_assert(msg_parse(&out, "s", "q", (uint32_t[]){23}, 1));
	assert_bytes("P\0\0\0\x0es\0q\0\0\1\0\0\0\x17");
	ck_assert(msg_bind(
	    &out, "", "s", (struct msg_value[]){{"1", 1}, {NULL, 0}}, 2));
	assert_bytes("B\0\0\0\x16\0s\0\0\0\0\2\0\0\0\1"
	             "1\xff\xff\xff\xff\0\0");
	ck_assert(msg_describe(&out, 'P', ""));
	assert_bytes("D\0\0\0\6P\0");
	ck_assert(msg_execute(&out, "", 5));
	assert_bytes("E\0\0\0\x09\0\0\0\0\5");
	ck_assert(msg_close(&out, 'S', "s"));
	assert_bytes("C\0\0\0\7Ss\0");
}
END_TEST

START_TEST(msg_follows_what_is_already_held)
{
	buf_append(&out, "xyz", 3);
	buf_consume(&out, 1);
	msg_sync(&out);
	for (int i = 0; i < 1000; i++) { /* moves the bytes meanwhile */
		msg_ready_for_query(&out, 'I');
	}
	ck_assert_uint_eq(out.length, 2 + 5 + 6000);
	ck_assert_mem_eq(buf_bytes(&out), "yzS\0\0\0\4Z\0\0\0\5I", 13);
}
END_TEST

START_TEST(msg_takes_back_what_the_protocol_cannot_say)
{
	static const char blob[1];
	struct msg_value huge[2] = {{blob, 1}, {blob, FRAME_MAX_BODY}};
	struct msg_value *many = mem_zalloc(65536 * sizeof(*many));

	buf_append(&out, "x", 1);
	ck_assert(!msg_data_row(&out, huge, 2));
	assert_bytes("x");
	ck_assert(!msg_bind(&out, "", "", many, 65536));
	assert_bytes("");
	ck_assert(msg_data_row(&out, many, 65535));
	ck_assert_uint_eq(out.length, 5 + 2 + 65535 * 4);
	free(many);
}
END_TEST

START_TEST(msg_failure_is_sticky)
{
	struct msg msg;

	msg_begin(&msg, &out, 'D');
	msg_put_count(&msg, 65536);
	msg_put_u8(&msg, 1);
	ck_assert_uint_eq(out.length, 5);
	ck_assert(!msg_end(&msg));
	ck_assert_uint_eq(out.length, 0);
	msg_begin(&msg, &out, 0);
	msg_put_bytes(&msg, "", SIZE_MAX);
	msg_put_str(&msg, "abc");
	ck_assert_uint_eq(out.length, 4);
	ck_assert(!msg_end(&msg));
	ck_assert_uint_eq(out.length, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("msg");
	TCase *theme = tcase_create("msg");

	tcase_add_checked_fixture(theme, setup, teardown);
	tcase_add_test(theme, msg_writes_the_documented_bytes);
	tcase_add_test(theme, msg_without_body_is_five_bytes);
	tcase_add_test(theme, msg_describes_rows_and_sends_them);
	tcase_add_test(theme, msg_reports_errors_in_fields);
	tcase_add_test(theme, msg_writes_what_a_server_reads_at_login);
	tcase_add_test(theme, msg_writes_what_a_server_reads_in_a_session);
	tcase_add_test(theme, msg_follows_what_is_already_held);
	tcase_add_test(theme, msg_takes_back_what_the_protocol_cannot_say);
	tcase_add_test(theme, msg_failure_is_sticky);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
