/* test_address.c - addresses as text and as what the system takes. */
#include "support/unit.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/error.h"
#include "net/address.h"

START_TEST(address_formats_what_it_was_made_from)
{
	static const struct {
		const char *host;
		const char *text;
		const char *shown;
	} cases[] = {
	    {"10.1.2.3", "10.1.2.3:5432", "10.1.2.3"},
	    {"0.0.0.0", "0.0.0.0:5432", "0.0.0.0"},
	    {"::1", "[::1]:5432", "::1"},
	    {"2001:DB8::0:1", "[2001:db8::1]:5432", "2001:db8::1"},
	    {"fe80::1%lo", "[fe80::1%lo]:5432", "fe80::1%lo"},
	    {"fe80::1%1", "[fe80::1%lo]:5432", "fe80::1%lo"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address address;
		char text[ADDRESS_TEXT_BYTES];

		ck_assert(address_from_ip(&address, cases[i].host, 5432));
		ck_assert_uint_eq(address_port(&address), 5432);
		ck_assert(!address_is_unix(&address));
		ck_assert_str_eq(address_format(&address, text, sizeof(text)),
		    cases[i].text);
		ck_assert_str_eq(
		    address_host(&address, text, sizeof(text)), cases[i].shown);
	}
}
END_TEST

START_TEST(address_takes_only_whole_numeric_addresses)
{
	static const char *const bad[] = {"", "localhost", "10.1", "10.1.2.3.4",
	    "10.1.2.256", "0x7f000001", " 127.0.0.1", "127.0.0.1 ",
	    "127.0.0.1:5432", "[::1]", "::g", "1::2::3", "10.1.2.3%lo",
	    "fe80::1%", "fe80::1%nosuch", "fe80::1%-1", "/tmp", "@x", "*",
	    "1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111:2222:33"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct address address = {.length = 77};

		ck_assert_msg(
		    !address_from_ip(&address, bad[i], 1), "%s", bad[i]);
		ck_assert_uint_eq(address.length, 77);
	}
}
END_TEST

START_TEST(address_names_sockets_as_postgresql_does)
{
	struct address address;
	char text[ADDRESS_TEXT_BYTES];

	ck_assert_int_eq(
	    address_from_directory(&address, "/tmp", 5432, NULL), 0);
	ck_assert_str_eq(address.of.un.sun_path, "/tmp/.s.PGSQL.5432");
	ck_assert(address_is_unix(&address));
	ck_assert(address_is_local(&address));
	ck_assert_uint_eq(address_port(&address), 5432);
	ck_assert_str_eq(
	    address_format(&address, text, sizeof(text)), "unix:/tmp:5432");
	ck_assert_str_eq(address_host(&address, text, sizeof(text)), "unix");
	ck_assert_int_eq(
	    address_from_directory(&address, "@app", 6432, NULL), 0);
	ck_assert_mem_eq(address.of.un.sun_path, "\0app/.s.PGSQL.6432", 18);
	ck_assert_uint_eq(
	    address.length, offsetof(struct sockaddr_un, sun_path) + 18);
	ck_assert_str_eq(
	    address_format(&address, text, sizeof(text)), "unix:@app:6432");
}
END_TEST

START_TEST(address_refuses_a_socket_name_that_is_too_long)
{
	struct address address;
	struct error err;
	char directory[sizeof(address.of.un.sun_path)];

	for (size_t n = 90; n < sizeof(directory); n++) {
		bool fits = n + strlen("/.s.PGSQL.5432") <
		    sizeof(address.of.un.sun_path);

		memset(directory, 'd', n);
		directory[0] = '/';
		directory[n] = '\0';
		ck_assert_int_eq(
		    address_from_directory(&address, directory, 5432, &err),
		    fits ? 0 : -1);
		ck_assert(fits || address.length == 0);
	}
	ck_assert_str_eq(err.sqlstate, SQLSTATE_CANNOT_CONNECT);
}
END_TEST

START_TEST(address_equality_looks_at_host_and_port)
{
	static const char *const hosts[] = {
	    "10.1.2.3", "10.1.2.4", "::1", "::2", "fe80::1%lo"};
	struct address a[10], same;
	size_t count = 0;

	for (size_t i = 0; i < 5; i++) {
		ck_assert(address_from_ip(&a[count++], hosts[i], 1));
		ck_assert(address_from_ip(&a[count++], hosts[i], 2));
	}
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < count; k++) {
			ck_assert(address_equal(&a[i], &a[k]) == (i == k));
		}
	}
	ck_assert_int_eq(address_from_directory(&a[0], "/a", 1, NULL), 0);
	ck_assert_int_eq(address_from_directory(&same, "/a", 1, NULL), 0);
	ck_assert_int_eq(address_from_directory(&a[1], "/b", 1, NULL), 0);
	ck_assert(address_equal(&a[0], &same));
	ck_assert(!address_equal(&a[0], &a[1]));
	ck_assert(!address_equal(&a[0], &a[2]));
	ck_assert(address_equal(&(struct address){0}, &(struct address){0}));
}
END_TEST

START_TEST(address_knows_what_is_local)
{
	static const struct {
		const char *host;
		bool local;
	} cases[] = {{"127.0.0.1", true}, {"127.9.9.9", true},
	    {"128.0.0.1", false}, {"::1", true}, {"::2", false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address address;

		ck_assert(address_from_ip(&address, cases[i].host, 1));
		ck_assert(address_is_local(&address) == cases[i].local);
	}
	ck_assert(!address_is_local(&(struct address){0}));
}
END_TEST

START_TEST(address_text_is_cut_to_its_room)
{
	struct address address;
	char text[5] = "xxxx";

	ck_assert(address_from_ip(&address, "10.1.2.3", 5432));
	ck_assert_str_eq(address_format(&address, text, 5), "10.1");
	ck_assert_str_eq(address_format(&(struct address){0}, text, 5), "none");
}
END_TEST

START_TEST(address_of_an_unnamed_peer_is_unix)
{
	struct address address;
	char text[ADDRESS_TEXT_BYTES];
	pid_t pid;
	uid_t uid;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(address_of_peer(&address, fds[0]), 0);
	ck_assert(address_is_unix(&address));
	ck_assert_str_eq(address_format(&address, text, sizeof(text)), "unix:");
	ck_assert_int_eq(address_peer_uid(fds[0], &uid), 0);
	ck_assert_int_eq(address_peer_pid(fds[0], &pid), 0);
	ck_assert_int_eq(pid, getpid());
	ck_assert_uint_eq(uid, getuid());
	close(fds[0]);
	close(fds[1]);
	ck_assert_int_eq(address_of_peer(&address, -1), -1);
	ck_assert_int_eq(address_peer_uid(-1, &uid), -1);
	ck_assert_int_eq(address_peer_pid(-1, &pid), -1);
}
END_TEST

START_TEST(address_copies_no_more_than_it_holds)
{
	struct address address;
	uint8_t huge[sizeof(address.of) + 1] = {0};

	ck_assert(!address_from_sockaddr(&address,
	    (const struct sockaddr *)(const void *)huge, sizeof(huge)));
	ck_assert(!address_from_sockaddr(
	    &address, (const struct sockaddr *)(const void *)huge, 1));
}
END_TEST

START_TEST(address_that_came_by_ipv6_is_made_ipv4_again)
{
	static const struct {
		const char *host;
		const char *text;
	} cases[] = {{"::ffff:10.1.2.3", "10.1.2.3:5432"},
	    {"::ffff:0:10.1.2.3", "[::ffff:0:a01:203]:5432"},
	    {"::1", "[::1]:5432"}, {"10.1.2.3", "10.1.2.3:5432"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address address;
		char text[ADDRESS_TEXT_BYTES];

		ck_assert(address_from_ip(&address, cases[i].host, 5432));
		address_unmap(&address);
		ck_assert_str_eq(address_format(&address, text, sizeof(text)),
		    cases[i].text);
	}
}
END_TEST

START_TEST(address_takes_a_sockets_own_name)
{
	char longest[sizeof(struct sockaddr_un)] = "/";
	struct address address;
	char text[ADDRESS_TEXT_BYTES];

	ck_assert(address_from_socket_name(&address, "/run/notify"));
	ck_assert_str_eq(
	    address_format(&address, text, sizeof(text)), "unix:/run/notify");
	ck_assert(address_from_socket_name(&address, "@notify"));
	ck_assert_str_eq(
	    address_format(&address, text, sizeof(text)), "unix:@notify");
	ck_assert(!address_from_socket_name(&address, ""));
	ck_assert(!address_from_socket_name(&address, "notify"));
	ck_assert(!address_from_socket_name(&address, "vsock:2:3"));
	memset(longest + 1, 'x', sizeof(address.of.un.sun_path) - 2);
	ck_assert(address_from_socket_name(&address, longest));
	longest[sizeof(address.of.un.sun_path) - 1] = 'x';
	ck_assert(!address_from_socket_name(&address, longest));
}
END_TEST

START_TEST(address_knows_the_port_of_a_sockets_name)
{
	static const struct {
		const char *name;
		unsigned port;
	} cases[] = {{"/run/.s.PGSQL.6432", 6432}, {"/run/.s.PGSQL.", 0},
	    {"/run/.s.PGSQL.70000", 0}, {"/run/.s.PGSQL.0", 0},
	    {"/run/.s.PGSQL.64x", 0}, {"/run/notify", 0},
	    {"@app/.s.PGSQL.6432", 6432}, {"@.s.PGSQL.6432", 0}};
	struct address address = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert(address_from_socket_name(&address, cases[i].name));
		address_note_unix_port(&address);
		ck_assert_msg(address_port(&address) == cases[i].port, "%s",
		    cases[i].name);
	}
	address = (struct address){0};
	address_note_unix_port(&address);
	ck_assert_uint_eq(address_port(&address), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("address");
	TCase *theme = tcase_create("address");

	tcase_add_test(theme, address_formats_what_it_was_made_from);
	tcase_add_test(theme, address_takes_only_whole_numeric_addresses);
	tcase_add_test(theme, address_names_sockets_as_postgresql_does);
	tcase_add_test(theme, address_refuses_a_socket_name_that_is_too_long);
	tcase_add_test(theme, address_equality_looks_at_host_and_port);
	tcase_add_test(theme, address_knows_what_is_local);
	tcase_add_test(theme, address_text_is_cut_to_its_room);
	tcase_add_test(theme, address_of_an_unnamed_peer_is_unix);
	tcase_add_test(theme, address_copies_no_more_than_it_holds);
	tcase_add_test(theme, address_that_came_by_ipv6_is_made_ipv4_again);
	tcase_add_test(theme, address_takes_a_sockets_own_name);
	tcase_add_test(theme, address_knows_the_port_of_a_sockets_name);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
