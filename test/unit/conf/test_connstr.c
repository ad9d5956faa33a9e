/*
 * test_connstr.c - connection strings in both dialects, and URIs.
 */
#include "conf/connstr.h"

#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "support/unit.h"

/* "key=[value] key=[value]", or "error: text (hint)". */
static void
describe(int rc, const struct connstr *connstr, const struct error *err,
    struct buf *out)
{
	if (rc < 0) {
		ck_assert_uint_eq(connstr->count, 0);
		buf_printf(out, "error: %s", err->text);
		if (err->hint[0] != '\0') {
			buf_printf(out, " (%s)", err->hint);
		}
		return;
	}
	for (size_t i = 0; i < connstr->count; i++) {
		buf_printf(out, "%s%s=[%s]", i > 0 ? " " : "",
		    connstr->pairs[i].key, connstr->pairs[i].value);
	}
}

static const struct key_value_case {
	const char *text;
	const char *pgbouncer;
	const char *libpq; /* NULL: the same */
} key_values[] = {
    {"", "", NULL},
    {"  \t ", "", NULL},
    {"host=a", "host=[a]", NULL},
    {"host=a port=1", "host=[a] port=[1]", NULL},
    {" host = a\tport =\n1 ", "host=[a] port=[1]", NULL},
    {"host='a b' c=d", "host=[a b] c=[d]", NULL},
    {"host=''", "host=[]", NULL},
    {"host=", "error: host= has no value; an empty one is written ''",
        "host=[]"},
    {"a=b host= ", "error: host= has no value; an empty one is written ''",
        "a=[b] host=[]"},
    {"host= port=1", "host=[port=1]", NULL},
    {"a=b'c'd", "a=[b'c'd]", NULL},
    {"password='it''s'", "password=[it's]",
        "error: a blank is missing after the quoted value of password "
        "(a quote inside quotes is written \\')"},
    {"password=''''", "password=[']",
        "error: a blank is missing after the quoted value of password "
        "(a quote inside quotes is written \\')"},
    {"password='it\\'s'",
        "error: a blank is missing after the quoted value of password "
        "(a quote inside quotes is written twice)",
        "password=[it's]"},
    {"password='a\\b'", "password=[a\\b]", "password=[ab]"},
    {"password=a\\ b",
        "error: \"=\" is missing after \"b\" in the connection "
        "string",
        "password=[a b]"},
    {"password='a\\\\b' x=y", "password=[a\\\\b] x=[y]",
        "password=[a\\b] x=[y]"},
    {"password=a\\", "password=[a\\]", NULL},
    {"password='a\\", "error: the quote after password= is not closed", NULL},
    {"password='open", "error: the quote after password= is not closed", NULL},
    {"password='a'b",
        "error: a blank is missing after the quoted value of "
        "password (a quote inside quotes is written twice)",
        "error: a blank is missing after the quoted value of password "
        "(a quote inside quotes is written \\')"},
    {"host", "error: \"=\" is missing after \"host\" in the connection string",
        NULL},
    {"host a",
        "error: \"=\" is missing after \"host\" in the connection string",
        NULL},
    {"=a", "error: a key is missing before \"=\" in the connection string",
        NULL},
    {"a=b;c=d #e",
        "error: \"=\" is missing after \"#e\" in the connection "
        "string",
        NULL},
    {"a=1 a=2", "a=[1] a=[2]", NULL},
};

START_TEST(key_value_strings_are_cut_as_each_dialect_says)
{
	const struct key_value_case *row = &key_values[_i];
	struct connstr connstr = {0};
	struct error err;
	struct buf got = {0};
	int rc = connstr_parse(&connstr, CONNSTR_PGBOUNCER, row->text, &err);

	describe(rc, &connstr, &err, &got);
	ck_assert_str_eq(buf_text(&got), row->pgbouncer);
	connstr_fini(&connstr);
	buf_clear(&got);
	rc = connstr_parse(&connstr, CONNSTR_LIBPQ, row->text, &err);
	describe(rc, &connstr, &err, &got);
	ck_assert_str_eq(
	    buf_text(&got), row->libpq == NULL ? row->pgbouncer : row->libpq);
	connstr_fini(&connstr);
	buf_fini(&got);
}
END_TEST

static const struct uri_case {
	const char *text;
	const char *expected;
} uris[] = {
    {"postgresql://", ""},
    {"postgres://", ""},
    {"postgresql://h", "host=[h]"},
    {"postgresql://h:5433", "host=[h] port=[5433]"},
    {"postgresql:///db", "dbname=[db]"},
    {"postgresql://h/", "host=[h]"},
    {"postgresql://h/db", "host=[h] dbname=[db]"},
    {"postgresql://u@h", "user=[u] host=[h]"},
    {"postgresql://u:p@h", "user=[u] password=[p] host=[h]"},
    {"postgresql://u:@h", "user=[u] host=[h]"},
    {"postgresql://:p@h", "password=[p] host=[h]"},
    {"postgresql://u:a:b@h", "user=[u] password=[a:b] host=[h]"},
    {"postgresql://u%40x:p%2Fq%3a@h/d%20b",
        "user=[u@x] password=[p/q:] host=[h] dbname=[d b]"},
    {"postgresql://[::1]:5433/db", "host=[::1] port=[5433] dbname=[db]"},
    {"postgresql://[fe80::1%25eth0]", "host=[fe80::1%25eth0]"},
    {"postgresql://[::1],h2:1/db", "host=[::1,h2] port=[,1] dbname=[db]"},
    {"postgresql://a:1,b:2,c/db", "host=[a,b,c] port=[1,2,] dbname=[db]"},
    {"postgresql://a,b/db", "host=[a,b] dbname=[db]"},
    {"postgresql://%2Fvar%2Frun%2Fpostgresql/db",
        "host=[/var/run/postgresql] dbname=[db]"},
    {"postgresql:///db?host=/tmp&port=1", "dbname=[db] host=[/tmp] port=[1]"},
    {"postgresql://h?a=b", "host=[h] a=[b]"},
    {"postgresql://h/db?a=b%26c&d=", "host=[h] dbname=[db] a=[b&c] d=[]"},
    {"postgresql://h/db?", "host=[h] dbname=[db]"},
    {"postgresql://:5433", "port=[5433]"},
    {"http://h", "error: a URI begins with postgresql:// or postgres://"},
    {"postgresql:/h", "error: a URI begins with postgresql:// or postgres://"},
    {"postgresql://[::1",
        "error: an IPv6 address in the URI is not closed by "
        "\"]\""},
    {"postgresql://[]/",
        "error: an IPv6 address in the URI is not closed by "
        "\"]\""},
    {"postgresql://[::1]x/",
        "error: \"x/\" after a host in the URI is neither "
        "a port nor the next host"},
    {"postgresql://h/%",
        "error: a percent sign is not followed by two "
        "hexadecimal digits in the URI (a percent sign itself "
        "is written %25)"},
    {"postgresql://h/%4",
        "error: a percent sign is not followed by two "
        "hexadecimal digits in the URI (a percent sign "
        "itself is written %25)"},
    {"postgresql://h/%zz",
        "error: a percent sign is not followed by two "
        "hexadecimal digits in the URI (a percent sign "
        "itself is written %25)"},
    {"postgresql://h/a%00b", "error: %00 is forbidden in a URI"},
    {"postgresql://h?a",
        "error: \"=\" or a key is missing in a query "
        "parameter of the URI"},
    {"postgresql://h?a&b=c",
        "error: \"=\" or a key is missing in a query "
        "parameter of the URI"},
    {"postgresql://h?=c",
        "error: \"=\" or a key is missing in a query "
        "parameter of the URI"},
};

START_TEST(uris_become_the_same_pairs)
{
	struct connstr connstr = {0};
	struct error err;
	struct buf got = {0};
	int rc = connstr_parse_uri(&connstr, uris[_i].text, &err);

	describe(rc, &connstr, &err, &got);
	ck_assert_str_eq(buf_text(&got), uris[_i].expected);
	connstr_fini(&connstr);
	buf_fini(&got);
}
END_TEST

START_TEST(the_last_of_equal_keys_counts)
{
	struct connstr connstr = {0};
	struct error err;

	ck_assert_int_eq(
	    connstr_parse(&connstr, CONNSTR_LIBPQ, "a=1 b=2 a=3", &err), 0);
	ck_assert_str_eq(connstr_get(&connstr, "a"), "3");
	ck_assert_str_eq(connstr_get(&connstr, "b"), "2");
	ck_assert_ptr_null(connstr_get(&connstr, "c"));
	connstr_fini(&connstr);
}
END_TEST

START_TEST(pairs_are_bounded)
{
	struct connstr connstr = {0};
	struct error err;
	struct buf text = {0};

	for (int i = 0; i <= CONNSTR_PAIRS_MAX; i++) {
		buf_append_str(&text, "a=1 ");
	}
	ck_assert_int_eq(
	    connstr_parse(&connstr, CONNSTR_LIBPQ, buf_text(&text), &err), -1);
	ck_assert_str_eq(err.text, "more than 100 keys in a connection string");
	ck_assert_uint_eq(connstr.count, 0);
	buf_fini(&text);
}
END_TEST

START_TEST(a_long_password_is_kept_whole)
{
	struct connstr connstr = {0};
	struct error err;
	struct buf text = {0};

	buf_append_str(&text, "password=");
	for (int i = 0; i < 65535; i++) {
		buf_append_char(&text, 'p');
	}
	ck_assert_int_eq(
	    connstr_parse(&connstr, CONNSTR_PGBOUNCER, buf_text(&text), &err),
	    0);
	ck_assert_uint_eq(strlen(connstr_get(&connstr, "password")), 65535);
	connstr_fini(&connstr);
	buf_fini(&text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("connstr");
	TCase *all = tcase_create("connection strings");

	tcase_add_loop_test(all, key_value_strings_are_cut_as_each_dialect_says,
	    0, (int)(sizeof(key_values) / sizeof(key_values[0])));
	tcase_add_loop_test(all, uris_become_the_same_pairs, 0,
	    (int)(sizeof(uris) / sizeof(uris[0])));
	tcase_add_test(all, the_last_of_equal_keys_counts);
	tcase_add_test(all, pairs_are_bounded);
	tcase_add_test(all, a_long_password_is_kept_whole);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
