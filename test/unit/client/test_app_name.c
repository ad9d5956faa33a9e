/* test_app_name.c - application_name with the address of the client. */
#include "support/unit.h"

#include <string.h>

#include "client/app_name.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/address.h"

#define TEN "0123456789"

static const struct name_case {
	const char *name;
	const char *host; /* a Unix socket's directory, or an address */
	const char *expected;
} cases[] = {
    {"psql", "127.0.0.1", "psql - 127.0.0.1:5000"},
    {NULL, "127.0.0.1", "app - 127.0.0.1:5000"},
    {"", "127.0.0.1", "app - 127.0.0.1:5000"},
    {"psql", "::1", "psql - [::1]:5000"},
    {"psql", "/tmp", "psql - unix:6432"},
    /* 63 bytes are kept of a name: 17 of the address, 46 before it. */
    {TEN TEN TEN TEN TEN TEN TEN, "127.0.0.1",
        TEN TEN TEN TEN "012345 - 127.0.0.1:5000"},
    /* Not half a character. */
    {TEN TEN TEN TEN "01234\xc3\xa4\xc3\xa4", "127.0.0.1",
        TEN TEN TEN TEN "01234 - 127.0.0.1:5000"},
};

START_TEST(the_address_stands_behind_the_name)
{
	const struct name_case *row = &cases[_i];
	struct buf out = {0};
	struct address peer;
	struct error err;

	ck_assert_int_eq(row->host[0] == '/'
	        ? address_from_directory(&peer, row->host, 6432, &err)
	        : address_from_ip(&peer, row->host, 5000) - 1,
	    0);
	app_name_put(&out, row->name, &peer, 6432);
	ck_assert_str_eq(buf_text(&out), row->expected);
	ck_assert_uint_le(out.length, 63);
	buf_fini(&out);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("app_name");
	TCase *names = tcase_create("names");

	tcase_add_loop_test(names, the_address_stands_behind_the_name, 0,
	    sizeof(cases) / sizeof(cases[0]));
	suite_add_tcase(suite, names);
	return unit_run(suite);
}
