/* test_connector.c - connecting to what is there, and to what is not. */
#include "support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/error.h"
#include "net/connector.h"
#include "support/dns.h"
#include "support/loop.h"

#define MS ((int64_t)1000)

static struct loop *loop;
static struct dns dns;
static struct resolver *resolver;
static struct connector connector;
static char directory[32];

static int done;
static int got_fd;
static struct error got_err;
static void (*then)(void); /* what on_done does besides */

static void
setup(void)
{
	struct resolver_options options = {.timeout_us = 5000 * MS};
	struct error err;

	loop = test_loop_new();
	dns_open(&dns, loop);
	options.resolv_conf = dns.resolv_conf;
	options.server_port = dns.port;
	resolver = resolver_new(loop, &options, &err);
	ck_assert_ptr_nonnull(resolver);
	connector = (struct connector){0};
	memcpy(directory, "/tmp/weir-XXXXXX", 17);
	ck_assert_ptr_nonnull(mkdtemp(directory));
	done = 0;
	got_fd = -1;
	then = NULL;
}

static void
teardown(void)
{
	connector_cancel(&connector);
	socket_close(&got_fd);
	resolver_free(&resolver);
	dns_close(&dns);
	loop_free(&loop);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void
on_done(struct connector *c, int fd, const struct error *err)
{
	ck_assert_ptr_eq(c, &connector);
	ck_assert((fd == -1) == (err != NULL));
	ck_assert(!c->is_active);
	done++;
	got_fd = fd;
	if (err != NULL) {
		got_err = *err;
	}
	if (then != NULL) {
		then();
	}
}

static void
start(const char *host, uint16_t port, int64_t timeout_us)
{
	connector_start(
	    &connector, loop, resolver, host, port, timeout_us, NULL, on_done);
	ck_assert_int_eq(done, 0); /* never from within */
	ck_assert(connector.is_active);
}

static void
start_and_wait(const char *host, uint16_t port, int64_t timeout_us)
{
	start(host, port, timeout_us);
	test_loop_until(loop, done > 0);
	test_loop_settle(loop);
	ck_assert_int_eq(done, 1);
}

/* Listens on HOST with BACKLOG; the port is put into *PORT. */
static int
serve(const char *host, int backlog, uint16_t *port)
{
	struct address address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert(address_from_ip(&address, host, *port));
	ck_assert_int_eq(bind(fd, &address.of.any, address.length), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	ck_assert_int_eq(address_of_socket(&address, fd), 0);
	*port = address_port(&address);
	return fd;
}

/* A port of 127.0.0.1 where nobody listens. */
static uint16_t
dead_port(void)
{
	uint16_t port = 0;

	close(serve("127.0.0.1", 1, &port));
	return port;
}

/* Fills the backlog of what listens on 127.0.0.1:PORT, so that it drops
 * further attempts as a dead host would. */
static void
fill(uint16_t port, int *fds, size_t count)
{
	struct address address;

	ck_assert(address_from_ip(&address, "127.0.0.1", port));
	for (size_t i = 0; i < count; i++) {
		fds[i] = socket_open(AF_INET);
		(void)connect(fds[i], &address.of.any, address.length);
	}
}

START_TEST(connector_connects_to_a_number)
{
	uint16_t port = 0;
	int server = serve("127.0.0.1", 1, &port);
	struct address peer;

	start_and_wait("127.0.0.1", port, 5000 * MS);
	ck_assert_int_ne(got_fd, -1);
	ck_assert_int_ne(fcntl(got_fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(got_fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(address_of_peer(&peer, got_fd), 0);
	ck_assert(address_equal(&peer, &connector.address));
	close(server);
}
END_TEST

START_TEST(connector_sets_what_it_is_told_to)
{
	struct socket_options options = {.keepalive = true,
	    .keep_idle_s = 33,
	    .keep_interval_s = 3,
	    .keep_count = 4,
	    .user_timeout_ms = 9000};
	static const struct {
		int level, name, wanted;
	} cases[] = {
	    {IPPROTO_TCP, TCP_NODELAY, 1},
	    {SOL_SOCKET, SO_KEEPALIVE, 1},
	    {IPPROTO_TCP, TCP_KEEPIDLE, 33},
	    {IPPROTO_TCP, TCP_KEEPINTVL, 3},
	    {IPPROTO_TCP, TCP_KEEPCNT, 4},
	};
	uint16_t port = 0;
	int server = serve("127.0.0.1", 1, &port);

	connector_start(&connector, loop, resolver, "127.0.0.1", port, 0,
	    &options, on_done);
	test_loop_until(loop, done == 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int value = -1;
		socklen_t length = sizeof(value);

		ck_assert_int_eq(getsockopt(got_fd, cases[i].level,
		                     cases[i].name, &value, &length),
		    0);
		ck_assert_msg(value == cases[i].wanted, "row %zu", i);
	}
	close(server);
}
END_TEST

START_TEST(connector_connects_to_a_name)
{
	uint16_t port = 0;
	int server = serve("127.0.0.1", 1, &port);

	start_and_wait("localhost", port, 5000 * MS);
	ck_assert_int_ne(got_fd, -1);
	close(server);
}
END_TEST

START_TEST(connector_tries_every_address_of_a_name)
{
	/* The test's name server gives 127.0.0.1 and 127.0.0.2. */
	static const char *const only[] = {"127.0.0.1", "127.0.0.2"};
	uint16_t port = 0;
	int server = serve(only[_i], 1, &port);

	start_and_wait("db1.example", port, 5000 * MS);
	ck_assert_msg(got_fd != -1, "%s", got_err.text);
	close(server);
}
END_TEST

START_TEST(connector_says_who_refused)
{
	uint16_t port = dead_port();
	char wanted[100];

	start_and_wait("127.0.0.1", port, 5000 * MS);
	ck_assert_int_eq(got_fd, -1);
	ck_assert_int_eq(connector.failure, CONNECT_REFUSED);
	ck_assert_str_eq(got_err.sqlstate, SQLSTATE_CANNOT_CONNECT);
	(void)snprintf(wanted, sizeof(wanted),
	    "connection to 127.0.0.1:%u failed: connection refused", port);
	ck_assert_str_eq(got_err.text, wanted);
	done = 0;
	start_and_wait("db1.example", port, 5000 * MS);
	ck_assert_ptr_nonnull(
	    strstr(got_err.text, "connection to db1.example (127.0.0."));
}
END_TEST

START_TEST(connector_says_when_a_name_has_no_address)
{
	dns.mode = DNS_DENIES;
	start_and_wait("nosuch.example", 1, 5000 * MS);
	ck_assert_int_eq(connector.failure, CONNECT_NO_ADDRESS);
	ck_assert_ptr_nonnull(
	    strstr(got_err.text, "could not resolve host name"));
}
END_TEST

START_TEST(connector_gives_up_at_its_deadline)
{
	uint16_t port = 0;
	int server = serve("127.0.0.1", 0, &port), fds[3];
	int64_t began_us;

	fill(port, fds, 3);
	loop_turn(loop, false);
	began_us = loop_now_us(loop);
	start_and_wait("127.0.0.1", port, 60 * MS);
	ck_assert_int_eq(got_fd, -1);
	ck_assert_int_eq(connector.failure, CONNECT_TIMED_OUT);
	ck_assert_ptr_nonnull(strstr(got_err.text, "timed out"));
	ck_assert_int_ge(loop_now_us(loop) - began_us, 55 * MS);
	for (int i = 0; i < 3; i++) {
		close(fds[i]);
	}
	close(server);
}
END_TEST

START_TEST(connector_gives_up_on_a_silent_name_server)
{
	dns.mode = DNS_SILENT;
	start_and_wait("db1.example", 1, 10 * MS);
	ck_assert_int_eq(connector.failure, CONNECT_TIMED_OUT);
	ck_assert_ptr_nonnull(strstr(got_err.text, "db1.example:1"));
}
END_TEST

START_TEST(a_silent_address_leaves_time_for_the_next)
{
	uint16_t port = 0;
	int silent = serve("127.0.0.1", 0, &port), fds[3];
	int good = serve("127.0.0.2", 1, &port);

	fill(port, fds, 3);
	start_and_wait("db1.example", port, 400 * MS);
	ck_assert_msg(got_fd != -1, "%s", got_err.text);
	for (int i = 0; i < 3; i++) {
		close(fds[i]);
	}
	close(silent);
	close(good);
}
END_TEST

static int
serve_unix(int backlog, struct address *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(
	    address_from_directory(address, directory, 5432, NULL), 0);
	ck_assert_int_eq(bind(fd, &address->of.any, address->length), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

START_TEST(connector_connects_to_a_unix_socket)
{
	struct address address;
	int server = serve_unix(1, &address);

	start_and_wait(directory, 5432, 5000 * MS);
	ck_assert_int_ne(got_fd, -1);
	ck_assert(address_equal(&address, &connector.address));
	close(server);
	unlink(address.of.un.sun_path);
}
END_TEST

START_TEST(connector_says_when_there_is_no_unix_socket)
{
	char wanted[100];

	start_and_wait(directory, 5432, 5000 * MS);
	ck_assert_int_eq(got_fd, -1);
	(void)snprintf(wanted, sizeof(wanted),
	    "connection to unix:%s:5432 failed: no such file or directory",
	    directory);
	ck_assert_str_eq(got_err.text, wanted);
}
END_TEST

START_TEST(connector_refuses_a_directory_that_is_too_long)
{
	char longest[200];

	memset(longest, '/', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	start_and_wait(longest, 5432, 0);
	ck_assert_int_eq(connector.failure, CONNECT_NO_ADDRESS);
	ck_assert_ptr_nonnull(strstr(got_err.text, "too long"));
}
END_TEST

START_TEST(connector_waits_for_a_full_unix_backlog)
{
	struct address address;
	int server = serve_unix(0, &address), first;

	first = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(first, &address.of.any, address.length), 0);
	start(directory, 5432, 5000 * MS);
	test_loop_settle(loop);
	ck_assert_int_eq(done, 0);
	close(accept(server, NULL, NULL));
	test_loop_until(loop, done == 1);
	ck_assert_int_ne(got_fd, -1);
	close(first);
	close(server);
	unlink(address.of.un.sun_path);
}
END_TEST

START_TEST(connector_gives_up_on_a_full_unix_backlog)
{
	struct address address;
	int server = serve_unix(0, &address), first;

	first = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(first, &address.of.any, address.length), 0);
	start_and_wait(directory, 5432, 50 * MS);
	ck_assert_int_eq(connector.failure, CONNECT_TIMED_OUT);
	close(first);
	close(server);
	unlink(address.of.un.sun_path);
}
END_TEST

START_TEST(a_cancelled_connector_is_never_done)
{
	static const char *const hosts[] = {
	    "127.0.0.1", "db1.example", "/nonexistent", "localhost"};
	uint16_t port = 0;
	int server = serve("127.0.0.1", 1, &port);

	/* At each moment of its life. */
	for (int turns = 0; turns < 4; turns++) {
		start(hosts[_i], port, 5000 * MS);
		for (int i = 0; i < turns && done == 0; i++) {
			loop_turn(loop, false);
		}
		connector_cancel(&connector);
		connector_cancel(&connector);
		socket_close(&got_fd);
		done = 0;
		test_loop_settle(loop);
		ck_assert_int_eq(done, 0);
	}
	close(server);
}
END_TEST

static uint16_t again_port;

static void
start_again(void)
{
	then = NULL;
	connector_start(&connector, loop, resolver, "127.0.0.1", again_port, 0,
	    NULL, on_done);
}

START_TEST(connector_can_be_started_again_from_its_callback)
{
	int server;

	server = serve("127.0.0.1", 1, &again_port);
	then = start_again;
	start("127.0.0.1", dead_port(), 5000 * MS);
	test_loop_until(loop, done == 2);
	ck_assert_int_ne(got_fd, -1);
	close(server);
}
END_TEST

START_TEST(connector_says_when_descriptors_are_exhausted)
{
	struct rlimit before, none;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	start("127.0.0.1", 1, 5000 * MS);
	loop_turn(loop, false);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_int_eq(done, 1);
	ck_assert_ptr_nonnull(strstr(got_err.text, "too many open files"));
	/* The host is not to blame. */
	ck_assert_str_eq(got_err.sqlstate, SQLSTATE_INSUFFICIENT_RESOURCES);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("connector");
	TCase *theme = tcase_create("connector");

	tcase_add_checked_fixture(theme, setup, teardown);
	tcase_set_timeout(theme, 30);
	tcase_add_test(theme, connector_connects_to_a_number);
	tcase_add_test(theme, connector_sets_what_it_is_told_to);
	tcase_add_test(theme, connector_connects_to_a_name);
	tcase_add_loop_test(
	    theme, connector_tries_every_address_of_a_name, 0, 2);
	tcase_add_test(theme, connector_says_who_refused);
	tcase_add_test(theme, connector_says_when_a_name_has_no_address);
	tcase_add_test(theme, connector_gives_up_at_its_deadline);
	tcase_add_test(theme, connector_gives_up_on_a_silent_name_server);
	tcase_add_test(theme, a_silent_address_leaves_time_for_the_next);
	tcase_add_test(theme, connector_connects_to_a_unix_socket);
	tcase_add_test(theme, connector_says_when_there_is_no_unix_socket);
	tcase_add_test(theme, connector_refuses_a_directory_that_is_too_long);
	tcase_add_test(theme, connector_waits_for_a_full_unix_backlog);
	tcase_add_test(theme, connector_gives_up_on_a_full_unix_backlog);
	tcase_add_loop_test(theme, a_cancelled_connector_is_never_done, 0, 4);
	tcase_add_test(theme, connector_can_be_started_again_from_its_callback);
	tcase_add_test(theme, connector_says_when_descriptors_are_exhausted);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
