/* test_config_monitor.c - as whom the nodes of a database are asked. */
#include "support/problems.h"
#include "support/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/config.h"
#include "conf/problems.h"
#include "core/buf.h"

#define SCRAM                                           \
	"SCRAM-SHA-256$4096:ES/KlS5SHTzow0N11QAD7A==$"  \
	"kukNCxB24fLUQ8djkvY4x/SjYCGnYAON8fo7aBmwcwY=:" \
	"G9qgLy3OirNTsrdxgGZJZTkYrRdYR9isYtg8zIui1hA="

static char folder[] = "/tmp/pgweir-test-monitor-XXXXXX";
static char config_path[64], users_path[64], pass_path[64];

static void
put(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static void
make_folder(void)
{
	(void)strcpy(strrchr(folder, '-'), "-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(config_path, sizeof(config_path), "%s/c", folder);
	(void)snprintf(users_path, sizeof(users_path), "%s/u", folder);
	(void)snprintf(pass_path, sizeof(pass_path), "%s/p", folder);
	put(users_path,
	    "\"known\" \"known's\"\n\"hashed\" "
	    "\"md5848c5ae3da80a228f65fc9770e19f9de\"\n\"scram\" \"" SCRAM
	    "\"\n\"empty\" \"\"\n",
	    0600);
}

static void
remove_folder(void)
{
	(void)unlink(config_path);
	(void)unlink(users_path);
	(void)unlink(pass_path);
	(void)rmdir(folder);
}

/* The configuration of ENTRY and SETTINGS; NULL if it is refused, with
 * PROBLEMS. */
static struct config *
load(const char *entry, const char *settings, struct problems *problems)
{
	struct buf text = {0};
	struct config *config;

	buf_printf(&text,
	    "[databases]\ndb = host=h %s\n[pgweir]\nlisten_addr=h\n"
	    "auth_file = u\n%s\n",
	    entry, settings);
	put(config_path, buf_text(&text), 0600);
	config = config_load(config_path, problems);
	buf_fini(&text);
	return config;
}

static const struct {
	const char *entry, *settings, *user, *password;
} logins[] = {
    {"", "", "", NULL},
    {"", "monitor_user=known", "known", "known's"},
    {"", "monitor_user=known\nmonitor_password=given", "known", "given"},
    {"", "monitor_user=other", "other", NULL},
    {"", "monitor_user=empty", "empty", NULL},
    /* What is stored is not what libpq wants to have. */
    {"", "monitor_user=hashed", "hashed", NULL},
    {"", "monitor_user=scram", "scram", NULL},
    {"user=forced password=theirs", "", "forced", "theirs"},
    {"user=known", "", "known", "known's"},
    {"user=known password='" SCRAM "'", "", "known", NULL},
    {"user=forced password=theirs", "monitor_user=known", "known", "known's"},
    {"user=forced password=theirs", "monitor_user=forced", "forced", "theirs"},
    {"user=forced password=theirs",
        "monitor_user=forced\nmonitor_password=given", "forced", "given"},
    /* That is the clients' password, whoever they are. */
    {"password=theirs", "auth_user=known", "known", "known's"},
    {"", "auth_user=known", "known", "known's"},
    {"auth_user=known", "auth_user=other", "known", "known's"},
    {"auth_user=known", "", "known", "known's"},
    {"user=forced password=theirs auth_user=known", "", "forced", "theirs"},
    {"", "auth_user=known\nmonitor_password=given", "known", "known's"},
};

START_TEST(nodes_are_asked_as_who_has_a_password_to_show)
{
	struct problems problems = {0};
	struct buf told = {0};
	struct config *config =
	    load(logins[_i].entry, logins[_i].settings, &problems);
	const struct database_conf *entry;
	const char *password;

	ck_assert_msg(config != NULL, "%s", problems_text(&problems, &told));
	entry = config_find_database(config, "db");
	password = config_monitor_password(config, entry);
	ck_assert_str_eq(config_monitor_user(config, entry), logins[_i].user);
	ck_assert_msg((password == NULL) == (logins[_i].password == NULL),
	    "%d: %s", _i, password == NULL ? "none" : password);
	if (password != NULL) {
		ck_assert_str_eq(password, logins[_i].password);
	}
	ck_assert_ptr_null(config_monitor_passfile(config));
	config_unref(&config);
	problems_fini(&problems);
	buf_fini(&told);
}
END_TEST

START_TEST(a_passfile_stands_beside_the_configuration)
{
	struct problems problems = {0};
	struct config *config;
	char *path;

	put(pass_path, "*:*:*:known:x\n", 0600);
	config = load("", "monitor_passfile = p", &problems);
	ck_assert_ptr_nonnull(config);
	path = config_monitor_passfile(config);
	ck_assert_str_eq(path, pass_path);
	free(path);
	config_unref(&config);
	problems_fini(&problems);
}
END_TEST

START_TEST(a_passfile_that_libpq_would_ignore_is_an_error)
{
	struct problems problems = {0};
	struct buf told = {0};

	ck_assert_ptr_null(load("", "monitor_passfile = p", &problems));
	ck_assert_ptr_nonnull(strstr(
	    problems_text(&problems, &told), "c:6: monitor_passfile: \""));
	ck_assert_ptr_nonnull(
	    strstr(buf_text(&told), "No such file or directory"));
	problems_fini(&problems);
	buf_clear(&told);
	put(pass_path, "*:*:*:known:x\n", 0640);
	problems = (struct problems){0};
	ck_assert_ptr_null(load("", "monitor_passfile = p", &problems));
	ck_assert_ptr_nonnull(strstr(problems_text(&problems, &told),
	    "can be used by others: give it the mode 0600"));
	problems_fini(&problems);
	buf_fini(&told);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("config_monitor");
	TCase *theme = tcase_create("monitor");

	tcase_add_checked_fixture(theme, make_folder, remove_folder);
	tcase_add_loop_test(theme,
	    nodes_are_asked_as_who_has_a_password_to_show, 0,
	    sizeof(logins) / sizeof(*logins));
	tcase_add_test(theme, a_passfile_stands_beside_the_configuration);
	tcase_add_test(theme, a_passfile_that_libpq_would_ignore_is_an_error);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
