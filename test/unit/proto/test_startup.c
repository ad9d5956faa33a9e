/* test_startup.c - the first packets of a client, honest and hostile. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "proto/msg.h"
#include "proto/options.h"
#include "proto/startup.h"

static struct startup startup;
static struct error err;

static void
setup(void)
{
	startup = (struct startup){0};
	err = (struct error){0};
}

static void
teardown(void)
{
	startup_fini(&startup);
}

/* The body is copied so that a sanitizer sees a read beyond it. */
static int
parse(const void *body, size_t size)
{
	uint8_t *copy = mem_dup(body, size);
	int ret;

	startup_fini(&startup);
	ret = startup_parse(copy, size, &startup, &err);
	free(copy);
	return ret;
}

#define parse_literal(literal) parse(literal, sizeof(literal) - 1)

START_TEST(startup_frame_waits_for_four_bytes)
{
	static const uint8_t ssl[] = {0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f};
	uint32_t body = 0;

	for (size_t n = 0; n < 4; n++) {
		ck_assert_int_eq(startup_frame(ssl, n, &body), FRAME_PARTIAL);
	}
	for (size_t n = 4; n <= sizeof(ssl); n++) {
		ck_assert_int_eq(startup_frame(ssl, n, &body), FRAME_OK);
		ck_assert_uint_eq(body, 4);
	}
}
END_TEST

START_TEST(startup_frame_judges_the_length)
{
	static const struct {
		const char *bytes;
		size_t available;
		enum frame_result wanted;
	} cases[] = {
	    {"\0\0\0\7", 4, FRAME_BAD},
	    {"\0\0\0\0", 4, FRAME_BAD},
	    {"\0\0\0\x08", 4, FRAME_OK},
	    {"\0\0\x27\x14", 4, FRAME_OK}, /* 10,004 */
	    {"\0\0\x27\x15", 4, FRAME_BAD},
	    {"\0\0\x28", 3, FRAME_BAD},
	    {"\0\1", 2, FRAME_BAD},
	    {"\x16", 1, FRAME_BAD}, /* TLS without asking */
	    {"GET / HTTP/1.1", 1, FRAME_BAD},
	    {"\xff\xff\xff\xff", 4, FRAME_BAD},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t body;

		ck_assert_msg(startup_frame((const uint8_t *)cases[i].bytes,
		                  cases[i].available, &body) == cases[i].wanted,
		    "row %zu", i);
	}
}
END_TEST

START_TEST(startup_knows_requests_for_encryption)
{
	ck_assert_int_eq(parse_literal("\x04\xd2\x16\x2f"), 0);
	ck_assert_int_eq(startup.kind, STARTUP_SSL_REQUEST);
	ck_assert_int_eq(parse_literal("\x04\xd2\x16\x30"), 0);
	ck_assert_int_eq(startup.kind, STARTUP_GSSENC_REQUEST);
	ck_assert_int_eq(parse_literal("\x04\xd2\x16\x31"), -1);
	ck_assert_str_eq(err.sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED);
}
END_TEST

START_TEST(startup_reads_cancel_keys_of_any_allowed_length)
{
	uint8_t body[8 + CANCEL_KEY_MAX_BYTES + 1] = {
	    0x04, 0xd2, 0x16, 0x2e, 0, 0, 1, 2};

	for (size_t i = 8; i < sizeof(body); i++) {
		body[i] = (uint8_t)i;
	}
	for (size_t key = 0; key <= CANCEL_KEY_MAX_BYTES + 1; key++) {
		bool good = key >= 4 && key <= CANCEL_KEY_MAX_BYTES;

		ck_assert_int_eq(parse(body, 8 + key), good ? 0 : -1);
		ck_assert_int_eq(startup.kind, STARTUP_CANCEL_REQUEST);
		if (!good) {
			ck_assert_uint_eq(startup.cancel_key_bytes, 0);
			continue;
		}
		ck_assert_uint_eq(startup.cancel_process_id, 0x102);
		ck_assert_uint_eq(startup.cancel_key_bytes, key);
		ck_assert_mem_eq(startup.cancel_key, body + 8, key);
	}
	for (size_t n = 4; n < 8; n++) {
		ck_assert_int_eq(parse(body, n), -1);
	}
}
END_TEST

START_TEST(startup_reads_what_the_builder_writes)
{
	struct buf out = {0};

	msg_startup(&out,
	    (struct msg_parameter[]){{"user", "ann"}, {"database", "app"},
	        {"application_name", "psql"}, {"client_encoding", "UTF8"}},
	    4);
	ck_assert_int_eq(parse(buf_bytes(&out) + 4, out.length - 4), 0);
	buf_fini(&out);
	ck_assert_int_eq(startup.kind, STARTUP_MESSAGE);
	ck_assert_str_eq(startup.user, "ann");
	ck_assert_str_eq(startup.database, "app");
	ck_assert_int_eq(startup.replication, REPLICATION_NONE);
	ck_assert_ptr_null(startup.options);
	ck_assert_uint_eq(startup.settings.count, 2);
	ck_assert_str_eq(
	    params_get(&startup.settings, "application_name"), "psql");
	ck_assert(!startup.negotiate);
}
END_TEST

START_TEST(startup_takes_the_user_for_a_missing_database)
{
	ck_assert_int_eq(parse_literal("\0\3\0\0user\0ann\0\0"), 0);
	ck_assert_str_eq(startup.database, "ann");
	ck_assert_int_eq(parse_literal("\0\3\0\0database\0\0user\0bob\0\0"), 0);
	ck_assert_str_eq(startup.database, "bob");
}
END_TEST

START_TEST(startup_takes_the_last_of_duplicates)
{
	ck_assert_int_eq(parse_literal("\0\3\0\0user\0a\0TimeZone\0x\0user\0b\0"
	                               "timezone\0y\0\0"),
	    0);
	ck_assert_str_eq(startup.user, "b");
	ck_assert_uint_eq(startup.settings.count, 1);
	ck_assert_str_eq(params_get(&startup.settings, "timezone"), "y");
}
END_TEST

static const char whole[] = "\0\3\0\0user\0ann\0options\0-cx=1\0"
                            "application_name\0psql\0";

START_TEST(startup_rejects_every_cut_and_any_excess)
{
	char longer[sizeof(whole) + 1] = {0};

	ck_assert_int_eq(parse(whole, sizeof(whole)), 0);
	for (size_t n = 0; n < sizeof(whole); n++) {
		ck_assert_msg(parse(whole, n) == -1, "cut at %zu", n);
		ck_assert_str_eq(err.sqlstate, SQLSTATE_PROTOCOL_VIOLATION);
	}
	memcpy(longer, whole, sizeof(whole));
	ck_assert_int_eq(parse(longer, sizeof(longer)), -1);
	ck_assert_str_eq(err.text,
	    "invalid startup packet layout: expected terminator as last byte");
}
END_TEST

START_TEST(startup_needs_a_user)
{
	ck_assert_int_eq(parse_literal("\0\3\0\0\0"), -1);
	ck_assert_str_eq(err.sqlstate, SQLSTATE_INVALID_AUTHORIZATION);
	ck_assert_str_eq(
	    err.text, "no PostgreSQL user name specified in startup packet");
	ck_assert_int_eq(parse_literal("\0\3\0\0user\0\0\0"), -1);
	ck_assert_str_eq(err.sqlstate, SQLSTATE_INVALID_AUTHORIZATION);
}
END_TEST

START_TEST(startup_refuses_other_major_versions)
{
	ck_assert_int_eq(parse_literal("\0\2\0\0user\0a\0\0"), -1);
	ck_assert_str_eq(err.sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED);
	ck_assert_str_eq(err.text,
	    "unsupported frontend protocol 2.0: server supports 3.0 to 3.2");
	ck_assert_int_eq(parse_literal("\0\4\0\1user\0a\0\0"), -1);
	ck_assert_int_eq(parse_literal("\0\0\0\0"), -1);
}
END_TEST

START_TEST(startup_refuses_in_the_form_the_client_reads)
{
	struct buf out = {0};

	ck_assert_int_eq(parse_literal("\0\2\0\0user\0a\0\0"), -1);
	startup_put_refusal(&startup, &err, &out);
	ck_assert_uint_eq(out.length, 72);
	ck_assert_mem_eq(buf_bytes(&out),
	    "EFATAL:  unsupported frontend protocol 2.0: server supports 3.0 "
	    "to 3.2\n",
	    72);
	buf_clear(&out);
	ck_assert_int_eq(parse_literal("\0\4\0\0user\0a\0\0"), -1);
	startup_put_refusal(&startup, &err, &out);
	ck_assert_mem_eq(buf_bytes(&out) + 5, "SFATAL\0VFATAL\0C0A000", 20);
	buf_clear(&out);
	ck_assert_int_eq(parse_literal("\x04\xd2\x16\x2e"), -1);
	startup_put_refusal(&startup, &err, &out);
	ck_assert_uint_eq(out.length, 0);
	buf_fini(&out);
}
END_TEST

START_TEST(startup_negotiates_newer_minors_and_unknown_options)
{
	struct buf out = {0};

	ck_assert_int_eq(parse_literal("\0\3\0\2user\0a\0\0"), 0);
	ck_assert(!startup.negotiate);
	ck_assert_uint_eq(startup.minor, 2);
	ck_assert_int_eq(parse_literal("\0\3\0\3user\0a\0\0"), 0);
	ck_assert(startup.negotiate);
	startup_put_negotiation(&startup, &out);
	ck_assert_uint_eq(out.length, 13);
	ck_assert_mem_eq(buf_bytes(&out), "v\0\0\0\x0c\0\3\0\2\0\0\0\0", 13);
	buf_clear(&out);
	ck_assert_int_eq(parse_literal("\0\3\x27\x0fuser\0a\0_pq_.x\0on\0\0"),
	    0); /* 3.9999 */
	ck_assert_uint_eq(startup.minor, 9999);
	ck_assert_uint_eq(startup.settings.count, 0);
	startup_put_negotiation(&startup, &out);
	ck_assert_mem_eq(
	    buf_bytes(&out), "v\0\0\0\x13\0\3\0\2\0\0\0\1_pq_.x\0", 20);
	ck_assert_int_eq(parse_literal("\0\3\0\0user\0a\0_pq_.x\0\0\0"), 0);
	ck_assert(startup.negotiate);
	buf_clear(&out);
	startup_put_negotiation(&startup, &out);
	ck_assert_mem_eq(
	    buf_bytes(&out), "v\0\0\0\x13\0\3\0\0\0\0\0\1_pq_.x\0", 20);
	buf_fini(&out);
}
END_TEST

START_TEST(startup_reads_replication_as_postgresql_does)
{
	static const struct {
		const char *value;
		int wanted; /* -1: refused */
	} cases[] = {
	    {"database", REPLICATION_LOGICAL},
	    {"true", REPLICATION_PHYSICAL},
	    {"TRUE", REPLICATION_PHYSICAL},
	    {"t", REPLICATION_PHYSICAL},
	    {"on", REPLICATION_PHYSICAL},
	    {"1", REPLICATION_PHYSICAL},
	    {"yes", REPLICATION_PHYSICAL},
	    {"false", REPLICATION_NONE},
	    {"of", REPLICATION_NONE},
	    {"0", REPLICATION_NONE},
	    {"no", REPLICATION_NONE},
	    {"o", -1},
	    {"", -1},
	    {"truely", -1},
	    {"Database", -1},
	    {"10", -1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = {0};
		int ret;

		msg_startup(&out,
		    (struct msg_parameter[]){
		        {"user", "u"}, {"replication", cases[i].value}},
		    2);
		ret = parse(buf_bytes(&out) + 4, out.length - 4);
		buf_fini(&out);
		ck_assert_msg((ret == 0 ? (int)startup.replication : -1) ==
		        cases[i].wanted,
		    "%s", cases[i].value);
	}
}
END_TEST

START_TEST(startup_lets_plain_parameters_win_over_options)
{
	ck_assert_int_eq(
	    parse_literal("\0\3\0\0user\0a\0DateStyle\0ISO\0options\0"
	                  "-c datestyle=SQL --search-path=s\0\0"),
	    0);
	ck_assert_uint_eq(startup.settings.count, 2);
	ck_assert_str_eq(params_get(&startup.settings, "datestyle"), "ISO");
	ck_assert_str_eq(params_get(&startup.settings, "search_path"), "s");
	ck_assert_str_eq(startup.options, "-c datestyle=SQL --search-path=s");
}
END_TEST

START_TEST(startup_bounds_the_number_of_parameters)
{
	for (size_t count = 255; count <= 257; count++) {
		struct buf body = {0};

		buf_append(&body, "\0\3\0\0user\0a", 11);
		for (size_t i = 1; i < count; i++) {
			buf_printf(&body, "x.%zu", i);
			buf_append(&body, "\0v", 3);
		}
		buf_append(&body, "", 1);
		ck_assert_int_eq(parse(buf_bytes(&body), body.length),
		    count <= STARTUP_MAX_PARAMS ? 0 : -1);
		buf_fini(&body);
	}
}
END_TEST

START_TEST(options_take_settings_and_nothing_else)
{
	static const struct {
		const char *text;
		const char *wanted; /* NULL: refused */
	} cases[] = {
	    {"", ""},
	    {" \t\n ", ""},
	    {"-c a=1", "a=1;"},
	    {"-ca=1", "a=1;"},
	    {"--a=1", "a=1;"},
	    {"  -c  a=1  --b=2 ", "a=1;b=2;"},
	    {"-c a=", "a=;"},
	    {"-c a=b=c", "a=b=c;"},
	    {"-c a-b=c-d", "a_b=c-d;"},
	    {"-c a=1 -c A=2", "a=2;"},
	    {"-c a=x\\ y", "a=x y;"},
	    {"-c a=x\\\\y", "a=x\\y;"},
	    {"-c a=x\\", "a=x;"},
	    {"-c a=\\'x\\'", "a='x';"},
	    {"-c \\ a=1", " a=1;"},
	    {"-c pgweir.route=primary", "pgweir.route=primary;"},
	    {"-c", NULL},
	    {"-c ", NULL},
	    {"-c a", NULL},
	    {"-c =1", NULL},
	    {"--a", NULL},
	    {"--", NULL},
	    {"-", NULL},
	    {"-c a=1 x", NULL},
	    {"-B 5", NULL},
	    {"-d 5 -c a=1", NULL},
	    {"a=1", NULL},
	    {"-C a=1", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct params out = {0};
		char text[100] = "";
		int ret = options_parse(cases[i].text, 10, &out, &err);

		for (size_t k = 0; k < out.count; k++) {
			(void)snprintf(text + strlen(text),
			    sizeof(text) - strlen(text), "%s=%s;",
			    out.items[k].name, out.items[k].value);
		}
		params_fini(&out);
		ck_assert_msg((ret == 0) == (cases[i].wanted != NULL), "%s",
		    cases[i].text);
		if (ret == 0) {
			ck_assert_str_eq(text, cases[i].wanted);
		} else {
			ck_assert_str_eq(err.text,
			    "unsupported options startup parameter: only '-c "
			    "config=val' and '--config=val' are allowed");
		}
	}
}
END_TEST

START_TEST(options_bound_their_number)
{
	struct params out = {0};

	ck_assert_int_eq(options_parse("--a=1 --b=2 --a=3", 2, &out, &err), 0);
	ck_assert_int_eq(options_parse("--c=1", 2, &out, &err), -1);
	ck_assert_uint_eq(out.count, 2);
	params_fini(&out);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("startup");
	TCase *theme = tcase_create("startup");

	tcase_add_checked_fixture(theme, setup, teardown);
	tcase_add_test(theme, startup_frame_waits_for_four_bytes);
	tcase_add_test(theme, startup_frame_judges_the_length);
	tcase_add_test(theme, startup_knows_requests_for_encryption);
	tcase_add_test(theme, startup_reads_cancel_keys_of_any_allowed_length);
	tcase_add_test(theme, startup_reads_what_the_builder_writes);
	tcase_add_test(theme, startup_takes_the_user_for_a_missing_database);
	tcase_add_test(theme, startup_takes_the_last_of_duplicates);
	tcase_add_test(theme, startup_rejects_every_cut_and_any_excess);
	tcase_add_test(theme, startup_needs_a_user);
	tcase_add_test(theme, startup_refuses_other_major_versions);
	tcase_add_test(theme, startup_refuses_in_the_form_the_client_reads);
	tcase_add_test(
	    theme, startup_negotiates_newer_minors_and_unknown_options);
	tcase_add_test(theme, startup_reads_replication_as_postgresql_does);
	tcase_add_test(theme, startup_lets_plain_parameters_win_over_options);
	tcase_add_test(theme, startup_bounds_the_number_of_parameters);
	tcase_add_test(theme, options_take_settings_and_nothing_else);
	tcase_add_test(theme, options_bound_their_number);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
