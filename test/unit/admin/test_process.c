/* test_process.c - what cannot be seen from outside: a pid file that changes
 * hands while it is being opened. */
#include "support/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/process.h"
#include "core/error.h"

static char directory[32];
static char path[64];
static struct error err;
static int removals; /* how often the file goes before it is locked */

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);

/* The one who had the file ends between our open() and our flock(). */
int
__wrap_flock(int fd, int operation)
{
	if (removals > 0) {
		removals--;
		ck_assert_int_eq(unlink(path), 0);
	}
	return __real_flock(fd, operation);
}

static void
setup(void)
{
	removals = 0;
	memcpy(directory, "/tmp/weir-XXXXXX", 17);
	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/pid", directory);
}

static void
teardown(void)
{
	ck_assert_msg(rmdir(directory) == 0, "%s is not empty", directory);
}

static bool
is_locked(void)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool locked;

	ck_assert_int_ne(fd, -1);
	locked = __real_flock(fd, LOCK_EX | LOCK_NB) != 0;
	close(fd);
	return locked;
}

START_TEST(pid_file_is_locked_until_it_is_closed)
{
	int fd = -1;
	struct stat st;

	ck_assert_int_eq(process_open_pidfile(path, &fd, &err), 0);
	ck_assert_int_eq(process_write_pid(fd, &err), 0);
	ck_assert(is_locked());
	process_close_pidfile(path, &fd);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_ne(stat(path, &st), 0);
	process_close_pidfile(path, &fd);
}
END_TEST

START_TEST(pid_file_removed_before_it_is_locked_is_opened_anew)
{
	int fd = -1;

	removals = 3;
	ck_assert_int_eq(process_open_pidfile(path, &fd, &err), 0);
	ck_assert_int_eq(removals, 0);
	ck_assert(is_locked()); /* the one that is there */
	process_close_pidfile(path, &fd);
}
END_TEST

START_TEST(pid_file_of_a_running_process_names_it)
{
	int first = -1, second = -1;
	char expected[32];

	ck_assert_int_eq(process_open_pidfile(path, &first, &err), 0);
	ck_assert_int_eq(process_open_pidfile(path, &second, &err), -1);
	ck_assert_int_eq(second, -1);
	ck_assert_ptr_nonnull(strstr(err.text, "held by a running process"));
	ck_assert_int_eq(process_write_pid(first, &err), 0);
	ck_assert_int_eq(process_open_pidfile(path, &second, &err), -1);
	(void)snprintf(
	    expected, sizeof(expected), "process %d, which", (int)getpid());
	ck_assert_ptr_nonnull(strstr(err.text, expected));
	process_close_pidfile(path, &first);
}
END_TEST

START_TEST(pid_file_is_no_link_to_somebody_elses)
{
	int fd = -1;

	ck_assert_int_eq(symlink("/nonexistent/target", path), 0);
	ck_assert_int_eq(process_open_pidfile(path, &fd, &err), -1);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("process");
	TCase *theme = tcase_create("pid file");

	tcase_add_checked_fixture(theme, setup, teardown);
	tcase_add_test(theme, pid_file_is_locked_until_it_is_closed);
	tcase_add_test(
	    theme, pid_file_removed_before_it_is_locked_is_opened_anew);
	tcase_add_test(theme, pid_file_of_a_running_process_names_it);
	tcase_add_test(theme, pid_file_is_no_link_to_somebody_elses);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
