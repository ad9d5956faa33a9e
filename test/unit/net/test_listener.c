/* test_listener.c - listening on real sockets of this machine. */
#include "support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "net/listeners.h"
#include "support/loop.h"

static struct loop *loop;
static struct error err;
static char directory[32];

static int accepted[256];
static struct address peers[256];
static int accepted_count;
static struct listener **close_on_accept;
static struct listener *pause_on_accept;

static const struct listener_options plain = {.backlog = 64, .unix_mode = 0777};

static void
setup(void)
{
	loop = test_loop_new();
	accepted_count = 0;
	close_on_accept = NULL;
	pause_on_accept = NULL;
	memcpy(directory, "/tmp/weir-XXXXXX", 17);
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void
teardown(void)
{
	for (int i = 0; i < accepted_count; i++) {
		close(accepted[i]);
	}
	loop_free(&loop);
	ck_assert_msg(rmdir(directory) == 0, "%s is not empty", directory);
}

static void
on_accept(void *context, int fd, const struct address *peer)
{
	ck_assert_ptr_eq(context, &loop);
	ck_assert_int_lt(accepted_count, 256);
	peers[accepted_count] = *peer;
	accepted[accepted_count++] = fd;
	if (close_on_accept != NULL) {
		listener_close(close_on_accept);
	}
	if (pause_on_accept != NULL) {
		listener_pause(pause_on_accept);
	}
}

static struct listener *
open_ip(const char *host, uint16_t port, const struct listener_options *options)
{
	struct address address;

	ck_assert(address_from_ip(&address, host, port));
	return listener_open(
	    loop, &address, options, NULL, on_accept, &loop, &err);
}

static struct address
unix_address(void)
{
	struct address address;

	ck_assert_int_eq(
	    address_from_directory(&address, directory, 6432, NULL), 0);
	return address;
}

static struct listener *
open_unix(const struct listener_options *options)
{
	struct address address = unix_address();

	return listener_open(
	    loop, &address, options, NULL, on_accept, &loop, &err);
}

/* A blocking client of ADDRESS. */
static int
dial(const struct address *address)
{
	int fd =
	    socket(address->of.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert_msg(connect(fd, &address->of.any, address->length) == 0, "%s",
	    strerror(errno));
	return fd;
}

START_TEST(listener_tells_who_connects_on_a_port_it_was_given)
{
	struct listener *listener = open_ip("127.0.0.1", 0, &plain);
	struct address own;
	int fd;

	ck_assert_ptr_nonnull(listener);
	ck_assert_uint_ne(address_port(listener_address(listener)), 0);
	fd = dial(listener_address(listener));
	test_loop_until(loop, accepted_count == 1);
	ck_assert_int_eq(address_of_socket(&own, fd), 0);
	ck_assert(address_equal(&own, &peers[0]));
	ck_assert_int_ne(fcntl(accepted[0], F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(accepted[0], F_GETFD) & FD_CLOEXEC, 0);
	close(fd);
	listener_close(&listener);
	ck_assert_ptr_null(listener);
}
END_TEST

START_TEST(listener_passes_its_socket_options_on)
{
	struct listener_options options = plain;
	struct listener *listener;
	int fd, value = 0;
	socklen_t length = sizeof(value);

	options.socket = (struct socket_options){
	    .keepalive = true, .keep_idle_s = 77, .user_timeout_ms = 5000};
	listener = open_ip("127.0.0.1", 0, &options);
	ck_assert_ptr_nonnull(listener);
	fd = dial(listener_address(listener));
	test_loop_until(loop, accepted_count == 1);
	ck_assert_int_eq(
	    getsockopt(accepted[0], IPPROTO_TCP, TCP_NODELAY, &value, &length),
	    0);
	ck_assert_int_eq(value, 1);
	ck_assert_int_eq(
	    getsockopt(accepted[0], SOL_SOCKET, SO_KEEPALIVE, &value, &length),
	    0);
	ck_assert_int_eq(value, 1);
	ck_assert_int_eq(
	    getsockopt(accepted[0], IPPROTO_TCP, TCP_KEEPIDLE, &value, &length),
	    0);
	ck_assert_int_eq(value, 77);
	close(fd);
	listener_close(&listener);
}
END_TEST

START_TEST(listener_says_when_a_port_is_taken)
{
	struct listener *first = open_ip("127.0.0.1", 0, &plain), *second;

	ck_assert_ptr_nonnull(first);
	second =
	    open_ip("127.0.0.1", address_port(listener_address(first)), &plain);
	ck_assert_ptr_null(second);
	ck_assert_ptr_nonnull(
	    strstr(err.text, "could not listen on 127.0.0.1"));
	ck_assert_ptr_nonnull(strstr(err.text, "already in use"));
	ck_assert_ptr_nonnull(strstr(err.hint, "listen_port"));
	listener_close(&first);
}
END_TEST

START_TEST(listeners_can_share_a_port_that_both_want_to_share)
{
	struct listener_options options = plain;
	struct listener *first, *second;

	options.reuse_port = true;
	first = open_ip("127.0.0.1", 0, &options);
	ck_assert_ptr_nonnull(first);
	second = open_ip(
	    "127.0.0.1", address_port(listener_address(first)), &options);
	ck_assert_ptr_nonnull(second);
	listener_close(&first);
	listener_close(&second);
}
END_TEST

START_TEST(listener_explains_an_address_that_is_not_here)
{
	ck_assert_ptr_null(open_ip("192.0.2.1", 0, &plain));
	ck_assert_ptr_nonnull(strstr(err.hint, "listen_addr"));
}
END_TEST

START_TEST(listener_may_be_closed_by_whom_it_calls)
{
	struct listener *listener = open_ip("127.0.0.1", 0, &plain);
	int fds[3];

	ck_assert_ptr_nonnull(listener);
	for (int i = 0; i < 3; i++) {
		fds[i] = dial(listener_address(listener));
	}
	close_on_accept = &listener;
	test_loop_until(loop, accepted_count > 0);
	test_loop_settle(loop);
	ck_assert_int_eq(accepted_count, 1);
	ck_assert_ptr_null(listener);
	for (int i = 0; i < 3; i++) {
		close(fds[i]);
	}
}
END_TEST

START_TEST(listener_takes_in_what_came_while_it_paused)
{
	struct listener *listener = open_ip("127.0.0.1", 0, &plain);
	int fd;

	ck_assert_ptr_nonnull(listener);
	listener_pause(listener);
	fd = dial(listener_address(listener));
	test_loop_settle(loop);
	ck_assert_int_eq(accepted_count, 0);
	listener_resume(listener);
	test_loop_until(loop, accepted_count == 1);
	close(fd);
	listener_close(&listener);
}
END_TEST

START_TEST(listener_may_be_paused_by_whom_it_calls)
{
	struct listener *listener = open_ip("127.0.0.1", 0, &plain);
	int fds[3];

	ck_assert_ptr_nonnull(listener);
	for (int i = 0; i < 3; i++) {
		fds[i] = dial(listener_address(listener));
	}
	pause_on_accept = listener;
	test_loop_until(loop, accepted_count > 0);
	test_loop_settle(loop);
	ck_assert_int_eq(accepted_count, 1);
	pause_on_accept = NULL;
	listener_resume(listener);
	test_loop_until(loop, accepted_count == 3);
	for (int i = 0; i < 3; i++) {
		close(fds[i]);
	}
	listener_close(&listener);
}
END_TEST

START_TEST(listener_accepts_a_bounded_number_per_event)
{
	struct listener_options options = plain;
	struct listener *listener;
	int fds[100];

	options.backlog = 128;
	listener = open_ip("127.0.0.1", 0, &options);
	ck_assert_ptr_nonnull(listener);
	for (int i = 0; i < 100; i++) {
		fds[i] = dial(listener_address(listener));
	}
	loop_turn(loop, true);
	ck_assert_int_eq(accepted_count, 64);
	test_loop_until(loop, accepted_count == 100);
	for (int i = 0; i < 100; i++) {
		close(fds[i]);
	}
	listener_close(&listener);
}
END_TEST

static struct rlimit usual_limit;

static void
forbid_descriptors(void)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &usual_limit), 0);
	limit = usual_limit;
	limit.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void
allow_descriptors(void)
{
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &usual_limit), 0);
}

/* A connection that could not be accepted is lost under valgrind: these tests
 * make another. */
START_TEST(listener_rests_when_descriptors_are_exhausted)
{
	struct listener *listener = open_ip("127.0.0.1", 0, &plain);
	int fd, later;

	ck_assert_ptr_nonnull(listener);
	fd = dial(listener_address(listener));
	forbid_descriptors();
	loop_turn(loop, true);
	allow_descriptors();
	loop_turn(loop, false);
	loop_turn(loop, false);
	ck_assert_int_eq(accepted_count, 0); /* it rests, it does not spin */
	later = dial(listener_address(listener));
	test_loop_until(loop, accepted_count > 0);
	close(fd);
	close(later);
	listener_close(&listener);
}
END_TEST

/* Lines of FILE that hold WHAT. */
static int
count_lines(const char *file, const char *what)
{
	char line[1024];
	FILE *f = fopen(file, "re");
	int count = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		count += strstr(line, what) != NULL;
	}
	(void)fclose(f);
	return count;
}

START_TEST(listener_logs_once_that_descriptors_are_exhausted)
{
	char file[64];
	struct logger_options options = {.file = file, .level = LEVEL_INFO};
	struct logger *logger = logger_new();
	struct listener *listener;
	struct address address;
	int64_t end_us;
	int fd, later;

	(void)snprintf(file, sizeof(file), "%s/log", directory);
	ck_assert_int_eq(logger_configure(logger, &options, &err), 0);
	ck_assert(address_from_ip(&address, "127.0.0.1", 0));
	listener = listener_open(
	    loop, &address, &plain, logger, on_accept, &loop, &err);
	ck_assert_ptr_nonnull(listener);
	fd = dial(listener_address(listener));
	forbid_descriptors();
	end_us = clock_monotonic_us() + 250 * 1000;
	while (clock_monotonic_us() < end_us) {
		loop_turn(loop, true);
	}
	allow_descriptors();
	later = dial(listener_address(listener));
	test_loop_until(loop, accepted_count > 0);
	ck_assert_int_eq(count_lines(file, "accept failed"), 1);
	ck_assert_int_eq(count_lines(file, "listen=127.0.0.1:"), 2);
	ck_assert_int_eq(count_lines(file, "accepting connections again"), 1);
	close(fd);
	close(later);
	listener_close(&listener);
	loop_turn(loop, false);
	logger_free(&logger);
	unlink(file);
}
END_TEST

START_TEST(listener_leaves_descriptors_for_others)
{
	struct listener_options options = plain;
	struct listener *listener;
	int clients[4], free_fd, turns = 0;
	int64_t end_us;

	listener = open_ip("127.0.0.1", 0, &plain);
	ck_assert_ptr_nonnull(listener);
	for (int i = 0; i < 4; i++) {
		clients[i] = dial(listener_address(listener));
	}
	free_fd = dup(0);
	ck_assert_int_ne(free_fd, -1);
	close(free_fd);
	/* The second one gets the number it is to stop at. */
	options.most_fd = free_fd + 1;
	listener_set_options(listener, &options);
	test_loop_until(loop, accepted_count > 0);
	end_us = clock_monotonic_us() + 250 * 1000;
	while (clock_monotonic_us() < end_us) {
		loop_turn(loop, true); /* it looks again every 100 ms */
		turns++;
	}
	ck_assert_int_eq(accepted_count, 2);
	ck_assert_int_lt(turns, 10);
	close(accepted[0]);
	accepted[0] = -1;
	close(accepted[1]);
	accepted[1] = -1;
	test_loop_until(loop, accepted_count == 4);
	options.most_fd = 0;
	listener_set_options(listener, &options);
	for (int i = 0; i < 4; i++) {
		close(clients[i]);
	}
	listener_close(&listener);
}
END_TEST

START_TEST(unix_listener_makes_its_file_and_removes_it)
{
	struct listener_options options = plain;
	struct address address = unix_address();
	struct listener *listener;
	struct stat st;
	int fd;

	options.unix_mode = 0750;
	listener = open_unix(&options);
	ck_assert_ptr_nonnull(listener);
	ck_assert_int_eq(stat(address.of.un.sun_path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, 0750);
	fd = dial(&address);
	test_loop_until(loop, accepted_count == 1);
	ck_assert(address_equal(&peers[0], &address));
	ck_assert_uint_eq(address_port(&peers[0]), 6432);
	close(fd);
	listener_close(&listener);
	ck_assert_int_eq(stat(address.of.un.sun_path, &st), -1);
}
END_TEST

START_TEST(unix_listener_replaces_a_file_nobody_listens_on)
{
	struct address address = unix_address();
	struct listener *listener;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, &address.of.any, address.length), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	close(fd); /* and the file stays, as after a crash */
	listener = open_unix(&plain);
	ck_assert_msg(listener != NULL, "%s", err.text);
	listener_close(&listener);
}
END_TEST

START_TEST(unix_listener_leaves_a_live_socket_alone)
{
	struct listener *first = open_unix(&plain);
	struct address address = unix_address();

	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_null(open_unix(&plain));
	ck_assert_ptr_nonnull(strstr(err.text, "already in use"));
	close(dial(&address));
	listener_close(&first);
}
END_TEST

START_TEST(unix_listener_leaves_a_live_socket_alone_whose_backlog_is_full)
{
	struct address address = unix_address();
	int server = socket(AF_UNIX, SOCK_STREAM, 0);
	int waiting;

	ck_assert_int_eq(bind(server, &address.of.any, address.length), 0);
	ck_assert_int_eq(listen(server, 0), 0);
	waiting = dial(&address);
	ck_assert_ptr_null(open_unix(&plain));
	ck_assert_int_eq(access(address.of.un.sun_path, F_OK), 0);
	close(waiting);
	close(server);
	unlink(address.of.un.sun_path);
}
END_TEST

START_TEST(unix_listener_leaves_another_file_alone)
{
	struct address address = unix_address();
	int fd = open(address.of.un.sun_path, O_CREAT | O_WRONLY, 0600);

	close(fd);
	ck_assert_ptr_null(open_unix(&plain));
	ck_assert_ptr_nonnull(strstr(err.hint, "no socket"));
	ck_assert_int_eq(unlink(address.of.un.sun_path), 0);
}
END_TEST

START_TEST(unix_listener_removes_only_its_own_file)
{
	struct address address = unix_address();
	struct listener *listener = open_unix(&plain);
	int fd;

	ck_assert_ptr_nonnull(listener);
	/* Kept by a link, so that its inode is not given to the next file. */
	char other[64];
	(void)snprintf(other, sizeof(other), "%s/kept", directory);
	ck_assert_int_eq(rename(address.of.un.sun_path, other), 0);
	fd = open(address.of.un.sun_path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	listener_close(&listener);
	ck_assert_int_eq(unlink(address.of.un.sun_path), 0);
	ck_assert_int_eq(unlink(other), 0);
}
END_TEST

START_TEST(unix_listener_explains_what_is_wrong)
{
	struct listener_options options = plain;
	struct address address;

	options.unix_group = "no-such-group";
	ck_assert_ptr_null(open_unix(&options));
	ck_assert_ptr_nonnull(strstr(err.text, "no-such-group"));
	ck_assert_int_eq(
	    address_from_directory(&address, "/nonexistent", 1, NULL), 0);
	ck_assert_ptr_null(listener_open(
	    loop, &address, &plain, NULL, on_accept, &loop, &err));
	ck_assert_ptr_nonnull(strstr(err.hint, "unix_socket_dir"));
}
END_TEST

START_TEST(unix_listener_takes_a_group_by_name_or_number)
{
	struct listener_options options = plain;
	const struct group *group = getgrgid(getgid());
	struct listener *listener;
	char number[16];

	(void)snprintf(number, sizeof(number), "%u", getgid());
	options.unix_group = group != NULL ? group->gr_name : number;
	listener = open_unix(&options);
	ck_assert_ptr_nonnull(listener);
	listener_close(&listener);
	options.unix_group = number;
	listener = open_unix(&options);
	ck_assert_ptr_nonnull(listener);
	listener_close(&listener);
}
END_TEST

START_TEST(unix_listener_knows_the_abstract_name_space)
{
	struct address address;
	struct listener *listener;
	char name[64];
	int fd;

	(void)snprintf(name, sizeof(name), "@%s", directory);
	ck_assert_int_eq(address_from_directory(&address, name, 1, NULL), 0);
	listener =
	    listener_open(loop, &address, &plain, NULL, on_accept, &loop, &err);
	ck_assert_ptr_nonnull(listener);
	ck_assert_ptr_null(listener_open(
	    loop, &address, &plain, NULL, on_accept, &loop, &err));
	fd = dial(&address);
	test_loop_until(loop, accepted_count == 1);
	close(fd);
	listener_close(&listener);
}
END_TEST

static struct listeners *
open_all(const char *const *addresses, size_t count, const char *unix_directory)
{
	struct listen_config config = {
	    .addresses = addresses,
	    .address_count = count,
	    .unix_directory = unix_directory,
	    .options = plain,
	};

	return listeners_open(loop, &config, NULL, on_accept, &loop, &err);
}

START_TEST(listeners_open_names_and_addresses_once_and_a_socket)
{
	static const char *const names[] = {"127.0.0.1", "localhost"};
	struct listeners *listeners = open_all(names, 2, directory);
	size_t count;

	ck_assert_msg(listeners != NULL, "%s", err.text);
	count = listeners_count(listeners);
	ck_assert_uint_ge(count, 2); /* ::1 too, where there is IPv6 */
	ck_assert_uint_le(count, 3);
	ck_assert_uint_ne(listeners_port(listeners), 0);
	for (size_t i = 0; i < count; i++) {
		const struct address *address =
		    listener_address(listeners_at(listeners, i));

		ck_assert_uint_eq(
		    address_port(address), listeners_port(listeners));
		ck_assert(address_is_unix(address) == (i == count - 1));
		close(dial(address));
	}
	test_loop_until(loop, accepted_count == (int)count);
	listeners_close(&listeners);
}
END_TEST

START_TEST(listeners_of_a_star_take_every_address)
{
	static const char *const names[] = {"*"};
	struct listeners *listeners = open_all(names, 1, "");
	struct address address;

	ck_assert_msg(listeners != NULL, "%s", err.text);
	ck_assert(
	    address_from_ip(&address, "127.0.0.1", listeners_port(listeners)));
	close(dial(&address));
	test_loop_until(loop, accepted_count == 1);
	listeners_close(&listeners);
}
END_TEST

START_TEST(listeners_open_all_or_none)
{
	static const char *const names[] = {"127.0.0.1", "192.0.2.1"};
	struct address address;
	struct listeners *listeners;

	ck_assert_ptr_null(open_all(names, 2, directory));
	ck_assert_ptr_nonnull(strstr(err.text, "192.0.2.1"));
	ck_assert_ptr_null(open_all(names, 1, "/nonexistent"));
	ck_assert_ptr_null(open_all(NULL, 0, NULL));
	ck_assert_str_eq(err.text, "nothing to listen on");
	listeners = open_all(NULL, 0, directory);
	ck_assert_ptr_nonnull(listeners);
	address = *listener_address(listeners_at(listeners, 0));
	ck_assert(address_is_unix(&address));
	listeners_close(&listeners);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("listener");
	TCase *tcp = tcase_create("TCP");
	TCase *local = tcase_create("Unix");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(tcp, setup, teardown);
	tcase_add_test(tcp, listener_tells_who_connects_on_a_port_it_was_given);
	tcase_add_test(tcp, listener_passes_its_socket_options_on);
	tcase_add_test(tcp, listener_says_when_a_port_is_taken);
	tcase_add_test(tcp, listeners_can_share_a_port_that_both_want_to_share);
	tcase_add_test(tcp, listener_explains_an_address_that_is_not_here);
	tcase_add_test(tcp, listener_may_be_closed_by_whom_it_calls);
	tcase_add_test(tcp, listener_takes_in_what_came_while_it_paused);
	tcase_add_test(tcp, listener_accepts_a_bounded_number_per_event);
	tcase_add_test(tcp, listener_may_be_paused_by_whom_it_calls);
	tcase_add_test(tcp, listener_rests_when_descriptors_are_exhausted);
	tcase_add_test(tcp, listener_logs_once_that_descriptors_are_exhausted);
	tcase_add_test(tcp, listener_leaves_descriptors_for_others);
	suite_add_tcase(suite, tcp);
	tcase_add_checked_fixture(local, setup, teardown);
	tcase_add_test(local, unix_listener_makes_its_file_and_removes_it);
	tcase_add_test(local, unix_listener_replaces_a_file_nobody_listens_on);
	tcase_add_test(local, unix_listener_leaves_a_live_socket_alone);
	tcase_add_test(local,
	    unix_listener_leaves_a_live_socket_alone_whose_backlog_is_full);
	tcase_add_test(local, unix_listener_leaves_another_file_alone);
	tcase_add_test(local, unix_listener_removes_only_its_own_file);
	tcase_add_test(local, unix_listener_explains_what_is_wrong);
	tcase_add_test(local, unix_listener_takes_a_group_by_name_or_number);
	tcase_add_test(local, unix_listener_knows_the_abstract_name_space);
	suite_add_tcase(suite, local);
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(
	    all, listeners_open_names_and_addresses_once_and_a_socket);
	tcase_add_test(all, listeners_of_a_star_take_every_address);
	tcase_add_test(all, listeners_open_all_or_none);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
