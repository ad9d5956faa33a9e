/*
 * test_config.c - whole configurations: from files, text, connection strings.
 */
#include "conf/config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "support/problems.h"
#include "support/unit.h"

#define DATA SAMPLE_DIR "/test/data/conf/"

/* What every accepted text below begins with, on one line. */
#define HEAD "[pgweir]\nauth_type=any\n[databases]\n*=host=h user=u\n"

static struct config *
load_text(const char *text, const char *problems)
{
	struct problems found = {0};
	struct buf told = {0};
	struct config *config =
	    config_load_text("f", text, strlen(text), &found);

	ck_assert_str_eq(problems_text(&found, &told), problems);
	ck_assert((config == NULL) == (found.error_count > 0));
	problems_fini(&found);
	buf_fini(&told);
	return config;
}

/* ---- texts -------------------------------------------------------------- */

static const struct text_case {
	const char *label;
	const char *text;
	const char *problems;
} texts[] = {
    {"the least", HEAD, ""},
    {"nothing", "",
        "note f: auth_file is not given, so no user is known and nobody can "
        "log in with auth_type = md5\n"
        "note f: no databases are given: there is only the console\n"},
    {"all errors at once, in order of lines",
        HEAD "x=host='\n"
             "[pgweir]\n"
             "defualt_pool_size=1\n"
             "listen_port=x\n"
             "client_tls_sslmode=require\n"
             "[databases]\n"
             "pgbouncer=host=h\n"
             "pgweir=host=h\n"
             "y=prot=1 user=u\n"
             "[databasses]\n"
             "z=1\n"
             "[users]\n"
             "u=pool_size=x\n"
             "[peers]\n"
             "0=host=h\n",
        "error f:5: database \"x\": the quote after host= is not closed\n"
        "error f:7: unknown setting \"defualt_pool_size\"; did you mean "
        "\"default_pool_size\"?\n"
        "error f:8: listen_port = x: not a whole number\n"
        "error f:9: client_tls_sslmode needs client_tls_cert_file and "
        "client_tls_key_file\n"
        "error f:11: database name \"pgbouncer\" is reserved for the console\n"
        "error f:12: database name \"pgweir\" is reserved for the console\n"
        "error f:13: database \"y\": unknown key \"prot\" in the connection "
        "string; did you mean \"port\"?\n"
        "error f:15: \"z\" stands in the unknown section [databasses]; did "
        "you mean [databases]?\n"
        "error f:17: user \"u\": pool_size = x: not a whole number\n"
        "error f:19: peer \"0\": peer id = 0: not a number from 1 to 16383\n"},
    {"unlike anything", HEAD "[pgweir]\nzzzzzzzzzz=1\n[qqqqqqqq]\na=1\n",
        "error f:6: unknown setting \"zzzzzzzzzz\"\n"
        "error f:8: \"a\" stands in the unknown section [qqqqqqqq]\n"},
    {"a wrong value is told once", HEAD "[pgweir]\nauth_type=nonsense\n",
        "error f:6: auth_type = nonsense: not one of trust, plain, any, md5, "
        "scram-sha-256, cert, hba, ldap, pam\n"},
    {"the last value counts",
        HEAD
        "[pgweir]\nclient_tls_sslmode=require\nclient_tls_sslmode=disable\n",
        ""},
    {"the last value is refused where it stands",
        HEAD
        "[pgweir]\nclient_tls_sslmode=disable\n\nclient_tls_sslmode=require\n",
        "error f:8: client_tls_sslmode needs client_tls_cert_file and "
        "client_tls_key_file\n"},
    {"what is ignored is said",
        HEAD "[pgweir]\npkt_buf=8192\nauth_ldap_options=ldapbindpasswd=x\n",
        "note f:6: pkt_buf is ignored: all connections share one buffer, and "
        "an idle one owns none\n"
        "note f:7: auth_ldap_options is ignored: only read with auth_type = "
        "ldap, which is refused\n"},
    {"a comment behind a value", HEAD "[pgweir]\nlisten_port = 1 ; one\n",
        "error f:6: listen_port = 1 ; one: not a whole number (comments stand "
        "on lines of their own)\n"},
    {"no place to listen", HEAD "[pgweir]\nunix_socket_dir=\n",
        "error f: listen_addr and unix_socket_dir are both empty: there is "
        "nothing to listen on\n"},
    {"any without user=", HEAD "app=host=h\n",
        "note f: database \"app\" has no user=, so nobody can use it with "
        "auth_type = any\n"},
    {"auth_file in a text", HEAD "[pgweir]\nauth_file=/etc/passwd\n",
        "error f:6: auth_file works only in files\n"},
    {"users who are looked up",
        HEAD "app=host=h user=u auth_user=a\n[pgweir]\nauth_type=md5\n", ""},
    {"users who are looked up everywhere",
        "[pgweir]\nauth_user=a\nauth_dbname=app\n[databases]\napp=\n", ""},
    {"an auth_query without the user",
        HEAD "app=host=h user=u auth_user=a auth_query='select 1'\n"
             "[pgweir]\nauth_type=md5\n",
        "note f: auth_query of database app has no $1, which stands for the "
        "user\n"},
    {"an authentication database that is not there",
        "[pgweir]\nauth_user=a\nauth_dbname=nowhere\n[databases]\napp=\n"
        "con=auth_dbname=pgbouncer\nquiet=auth_user='' auth_dbname=x\n",
        "note f: authentication database \"nowhere\" is not configured\n"
        "note f: cannot use the reserved \"pgbouncer\" database as an "
        "auth_dbname\n"},
    {"peers", HEAD "[peers]\n1=host=a\n2=host=b\n",
        "note f:6: [peers] is not used, since peer_id is 0\n"},
    {"peers of a group",
        HEAD "[peers]\n1=host=a\n2=host=b\n[pgweir]\npeer_id=1\n", ""},
    {"syntax", HEAD "what\n",
        "error f:5: not \"key = value\", [section] or comment\n"},
    {"both names of the section",
        HEAD "[pgbouncer]\nlisten_port=1\n[pgweir]\nlisten_port=2\n", ""},
};

START_TEST(texts_are_accepted_or_refused_with_every_reason)
{
	struct config *config = load_text(texts[_i].text, texts[_i].problems);

	config_unref(&config);
}
END_TEST

START_TEST(every_prefix_of_a_text_is_read_without_harm)
{
	const char *text = texts[2].text;
	size_t size = strlen(text);

	for (size_t i = 0; i < size; i++) {
		struct problems found = {0};
		char *exact = malloc(i > 0 ? i : 1);
		struct config *config = NULL;

		memcpy(exact, text, i); /* so that one byte more is seen */
		config = config_load_text("f", exact, i, &found);
		config_unref(&config);
		problems_fini(&found);
		free(exact);
	}
}
END_TEST

/* ---- files -------------------------------------------------------------- */

static struct config *
load_file(const char *path, enum problem_kind worst)
{
	struct problems found = {0};
	struct buf told = {0};
	struct config *config = config_load(path, &found);

	if (worst == PROBLEM_NOTE) {
		ck_assert_msg(
		    config != NULL, "%s", problems_text(&found, &told));
	}
	problems_fini(&found);
	buf_fini(&told);
	return config;
}

START_TEST(debian_s_file_loads)
{
	struct config *config = load_file(DATA "debian.ini", PROBLEM_NOTE);
	const struct settings *settings = config_settings(config);

	ck_assert_str_eq(
	    settings->logfile, "/var/log/postgresql/pgbouncer.log");
	ck_assert_str_eq(settings->conffile, DATA "debian.ini");
	ck_assert_uint_eq(config_database_count(config), 2);
	ck_assert_str_eq(config_database(config, 0)->name, "forcedb");
	ck_assert_int_eq(config_database(config, 0)->hosts[0].port, 300);
	ck_assert_str_eq(
	    config_find_credential(config, "marko")->secret, "asdasd");
	ck_assert_ptr_null(config_find_database(config, "other"));
	config_unref(&config);
}
END_TEST

START_TEST(a_web_application_s_file_loads)
{
	struct config *config = load_file(DATA "web.ini", PROBLEM_NOTE);
	const struct settings *settings = config_settings(config);
	const struct database_conf *app = config_find_database(config, "app");
	const struct credential *credential =
	    config_find_credential(config, "say \"hi\"");

	ck_assert_int_eq(settings->max_client_conn, 6000);
	ck_assert(settings->server_round_robin);
	ck_assert_uint_eq(settings->listen_addr.count, 2);
	ck_assert(
	    name_list_has(&settings->ignore_startup_parameters, "search_path"));
	ck_assert_uint_eq(app->host_count, 3);
	ck_assert_int_eq(app->hosts[1].weight, 2);
	ck_assert_str_eq(
	    config_find_database(config, "Foo Bar")->dbname, "Foo Bar");
	ck_assert_str_eq(config_find_database(config, "legacy")->password,
	    "it's; a # secret");
	ck_assert_str_eq(config_find_database(config, "whatever")->name, "*");
	ck_assert_int_eq(credential->kind, CREDENTIAL_PLAIN);
	ck_assert_str_eq(credential->secret, "pass\"word");
	ck_assert_int_eq(
	    config_find_credential(config, "app")->kind, CREDENTIAL_MD5);
	ck_assert_int_eq(
	    config_find_credential(config, "ops")->kind, CREDENTIAL_SCRAM);
	ck_assert_int_eq(
	    config_find_credential(config, "exporter")->kind, CREDENTIAL_NONE);
	ck_assert(config_is_admin(config, "ops"));
	ck_assert(!config_is_admin(config, "exporter"));
	ck_assert(config_may_show(config, "exporter"));
	ck_assert(config_may_show(config, "ops"));
	ck_assert(!config_may_show(config, "app"));
	config_unref(&config);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_the_only_problem)
{
	struct problems found = {0};
	struct buf told = {0};

	ck_assert_ptr_null(config_load("/nowhere/x.ini", &found));
	ck_assert_str_eq(problems_text(&found, &told),
	    "error cannot open \"/nowhere/x.ini\": No such file or directory\n");
	problems_fini(&found);
	buf_fini(&told);
}
END_TEST

/* A file of our own, so that it can change. */
static char file_path[] = "/tmp/pgweir-test-config-XXXXXX";

static void
write_config(const char *text)
{
	FILE *file = fopen(file_path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static void
make_file(void)
{
	int fd = -1;

	(void)strcpy(strrchr(file_path, '-'), "-XXXXXX");
	fd = mkstemp(file_path);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
}

static void
remove_file(void)
{
	(void)unlink(file_path);
}

START_TEST(a_missing_auth_file_is_an_error_where_it_is_named)
{
	struct problems found = {0};
	struct buf told = {0}, expected = {0};

	write_config(HEAD "[pgweir]\nauth_file = /nowhere/users\n");
	ck_assert_ptr_null(config_load(file_path, &found));
	buf_printf(&expected,
	    "error %s:6: auth_file: cannot open \"/nowhere/users\": No such "
	    "file or directory\n",
	    file_path);
	ck_assert_str_eq(problems_text(&found, &told), buf_text(&expected));
	problems_fini(&found);
	buf_fini(&told);
	buf_fini(&expected);
}
END_TEST

START_TEST(an_error_in_the_auth_file_names_that_file)
{
	struct problems found = {0};
	struct buf told = {0};

	write_config(HEAD "[pgweir]\nauth_file = " DATA "debian.ini\n");
	ck_assert_ptr_null(config_load(file_path, &found));
	ck_assert_ptr_nonnull(strstr(problems_text(&found, &told),
	    "error " DATA "debian.ini:12: the user name is not in double "
	    "quotes; a line is \"user\" \"password\"\n"));
	problems_fini(&found);
	buf_fini(&told);
}
END_TEST

/* ---- reload ------------------------------------------------------------- */

START_TEST(a_reload_reads_the_file_again_and_leaves_the_old_one)
{
	struct problems found = {0};
	struct buf told = {0};
	struct config *old = NULL, *new = NULL;

	write_config(HEAD "[pgweir]\ndefault_pool_size=5\n");
	old = load_file(file_path, PROBLEM_NOTE);
	write_config(HEAD "app=host=a user=u\n[pgweir]\ndefault_pool_size=7\n");
	new = config_reload(old, &found);
	ck_assert_str_eq(problems_text(&found, &told), "");
	ck_assert_int_eq(config_settings(old)->default_pool_size, 5);
	ck_assert_uint_eq(config_database_count(old), 1);
	ck_assert_int_eq(config_settings(new)->default_pool_size, 7);
	ck_assert_uint_eq(config_database_count(new), 2);
	config_unref(&old);
	ck_assert_str_eq(config_find_database(new, "app")->hosts[0].name, "a");
	config_unref(&new);
	problems_fini(&found);
	buf_fini(&told);
}
END_TEST

START_TEST(a_reload_keeps_what_only_a_start_can_change)
{
	struct problems found = {0};
	struct buf told = {0}, expected = {0};
	struct config *old = NULL, *new = NULL;

	write_config(HEAD "[pgweir]\nlisten_port=7000\nlisten_addr=::1\n");
	old = load_file(file_path, PROBLEM_NOTE);
	write_config(HEAD "[pgweir]\nlisten_port=7001\nmax_client_conn=9\n");
	new = config_reload(old, &found);
	buf_printf(&expected,
	    "note %s: listen_addr stays \"::1\" until the next start\n"
	    "note %s: listen_port stays \"7000\" until the next start\n",
	    file_path, file_path);
	ck_assert_str_eq(problems_text(&found, &told), buf_text(&expected));
	ck_assert_int_eq(config_settings(new)->listen_port, 7000);
	ck_assert_str_eq(config_settings(new)->listen_addr.names[0], "::1");
	ck_assert_int_eq(config_settings(new)->max_client_conn, 9);
	config_unref(&old);
	config_unref(&new);
	problems_fini(&found);
	buf_fini(&told);
	buf_fini(&expected);
}
END_TEST

START_TEST(a_failed_reload_leaves_nothing_behind)
{
	struct problems found = {0};
	struct config *old = NULL;

	write_config(HEAD);
	old = load_file(file_path, PROBLEM_NOTE);
	write_config(HEAD "[pgweir]\nlisten_port=x\n");
	ck_assert_ptr_null(config_reload(old, &found));
	ck_assert_uint_eq(found.error_count, 1);
	ck_assert_int_eq(config_settings(old)->listen_port, 6432);
	remove_file();
	ck_assert_ptr_null(config_reload(old, &found));
	ck_assert_uint_eq(found.error_count, 2);
	config_unref(&old);
	problems_fini(&found);
}
END_TEST

/* ---- snapshots ---------------------------------------------------------- */

START_TEST(set_makes_a_changed_copy)
{
	struct error err;
	struct config *config = load_text(HEAD, "");
	struct config *changed =
	    config_with_setting(config, "server_idle_timeout", "5min", &err);

	ck_assert_ptr_nonnull(changed);
	ck_assert_int_eq(
	    config_settings(changed)->server_idle_timeout_us, 300000000);
	ck_assert_int_eq(
	    config_settings(config)->server_idle_timeout_us, 600000000);
	config_unref(&config);
	ck_assert_str_eq(config_find_database(changed, "x")->user, "u");
	config_unref(&changed);
}
END_TEST

static const struct set_case {
	const char *key;
	const char *value;
	const char *error;
	const char *hint;
} sets[] = {
    {"pool_mod", "session", "unknown setting \"pool_mod\"",
        "did you mean \"pool_mode\"?"},
    {"qqqqqqqq", "1", "unknown setting \"qqqqqqqq\"", ""},
    {"listen_port", "1", "listen_port cannot change while running",
        "change it in the file and start again"},
    {"default_pool_size", "x", "default_pool_size = x: not a whole number", ""},
    {"client_tls_sslmode", "require",
        "client_tls_sslmode needs client_tls_cert_file and "
        "client_tls_key_file",
        ""},
};

START_TEST(set_refuses_with_a_reason)
{
	struct error err;
	struct config *config = load_text(HEAD, "");

	ck_assert_ptr_null(
	    config_with_setting(config, sets[_i].key, sets[_i].value, &err));
	ck_assert_str_eq(err.text, sets[_i].error);
	ck_assert_str_eq(err.hint, sets[_i].hint);
	config_unref(&config);
}
END_TEST

START_TEST(a_snapshot_lives_until_its_last_reference)
{
	struct config *config = load_text(HEAD, "");
	struct config *other = config_ref(config);

	config_unref(&config);
	ck_assert_ptr_null(config);
	ck_assert_str_eq(config_find_database(other, "x")->user, "u");
	config_unref(&other);
	config_unref(&other);
}
END_TEST

START_TEST(the_last_of_equal_names_counts)
{
	struct config *config = load_text(HEAD "a=host=1 user=u\n"
	                                       "b=host=2 user=u\n"
	                                       "a=host=3 user=u\n"
	                                       "[users]\n"
	                                       "u=pool_size=1\n"
	                                       "u=pool_mode=session\n",
	    "");

	ck_assert_uint_eq(config_database_count(config), 3);
	ck_assert_str_eq(config_database(config, 1)->name, "a");
	ck_assert_str_eq(config_find_database(config, "a")->hosts[0].name, "3");
	ck_assert_uint_eq(config_user_count(config), 1);
	ck_assert_int_eq(
	    config_find_user(config, "u")->overrides.pool_size, -1);
	ck_assert_ptr_null(config_find_user(config, "v"));
	config_unref(&config);
}
END_TEST

START_TEST(the_user_goes_before_the_database_and_that_before_the_rest)
{
	struct config *config = load_text(HEAD
	    "a=user=u pool_size=10 server_lifetime=60 pool_mode=session "
	    "query_wait_timeout=1\n"
	    "[users]\n"
	    "u=pool_size=3 pool_mode=transaction query_wait_timeout=2\n"
	    "v=pool_mode=session\n"
	    "[pgweir]\n"
	    "default_pool_size=30\n"
	    "pool_mode=transaction\n"
	    "query_wait_timeout=3\n",
	    "");
	const struct database_conf *a = config_find_database(config, "a");
	const struct database_conf *any = config_find_database(config, "z");

	ck_assert_int_eq(config_pool_size(config, a, "u"), 3);
	ck_assert_int_eq(config_pool_size(config, a, "v"), 10);
	ck_assert_int_eq(config_pool_size(config, any, "v"), 30);
	ck_assert_int_eq(
	    config_pool_mode(config, a, "u"), POOL_MODE_TRANSACTION);
	ck_assert_int_eq(config_pool_mode(config, a, "w"), POOL_MODE_SESSION);
	ck_assert_int_eq(
	    config_pool_mode(config, any, "w"), POOL_MODE_TRANSACTION);
	ck_assert_int_eq(config_pool_mode(config, any, "v"), POOL_MODE_SESSION);
	ck_assert_int_eq(config_server_lifetime_us(config, a), 60000000);
	ck_assert_int_eq(config_server_lifetime_us(config, any), 3600000000);
	ck_assert_int_eq(config_query_wait_timeout_us(config, a, "u"), 2000000);
	ck_assert_int_eq(config_query_wait_timeout_us(config, a, "v"), 1000000);
	ck_assert_int_eq(
	    config_query_wait_timeout_us(config, any, "v"), 3000000);
	config_unref(&config);
}
END_TEST

START_TEST(how_secrets_are_looked_up_is_the_entry_s_before_the_rest_s)
{
	struct config *config = load_text(
	    "[pgweir]\nauth_user=all\nauth_query=$1 all\nauth_dbname=app\n"
	    "[databases]\napp=\nown=auth_user=me auth_query='$1 me' "
	    "auth_dbname=own\nnone=auth_user=''\n",
	    "");
	const struct database_conf *app = config_find_database(config, "app");
	const struct database_conf *own = config_find_database(config, "own");
	const struct database_conf *none = config_find_database(config, "none");

	ck_assert_str_eq(config_auth_user(config, NULL), "all");
	ck_assert_str_eq(config_auth_user(config, app), "all");
	ck_assert_str_eq(config_auth_query(config, app), "$1 all");
	ck_assert_str_eq(config_auth_dbname(config, app), "app");
	ck_assert_str_eq(config_auth_user(config, own), "me");
	ck_assert_str_eq(config_auth_query(config, own), "$1 me");
	ck_assert_str_eq(config_auth_dbname(config, own), "own");
	ck_assert_str_eq(config_auth_user(config, none), "");
	config_unref(&config);
}
END_TEST

START_TEST(the_console_s_names_are_no_databases)
{
	struct config *config = load_text(HEAD, "");

	ck_assert(config_is_console("pgbouncer"));
	ck_assert(config_is_console("pgweir"));
	ck_assert(!config_is_console("postgres"));
	ck_assert_ptr_null(config_find_database(config, "pgbouncer"));
	ck_assert_ptr_null(config_find_database(config, "pgweir"));
	ck_assert_ptr_nonnull(config_find_database(config, "postgres"));
	config_unref(&config);
}
END_TEST

START_TEST(where_nobody_is_checked_everybody_is_an_admin)
{
	struct config *config = load_text(HEAD, "");

	ck_assert(config_is_admin(config, "somebody"));
	config_unref(&config);
}
END_TEST

/* A configuration whose auth_file is USERS. */
static struct config *
load_users(const char *users)
{
	char path[64];
	struct buf text = {0};
	struct config *config = NULL;
	FILE *file = NULL;

	(void)snprintf(path, sizeof(path), "%s.users", file_path);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(users, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	buf_printf(&text, HEAD "[pgweir]\nauth_file=%s\n", path);
	write_config(buf_text(&text));
	config = load_file(file_path, PROBLEM_NOTE);
	buf_fini(&text);
	(void)unlink(path);
	return config;
}

static const struct iteration_case {
	const char *users;
	int most;
} iterations[] = {
    {"", 0},
    {"\"a\" \"plain\"\n", 0},
    {"\"a\" \"SCRAM-SHA-256$4096:s$k:k\"\n", 4096},
    {"\"a\" \"SCRAM-SHA-256$4096:s$k:k\"\n"
     "\"b\" \"SCRAM-SHA-256$9000:s$k:k\"\n"
     "\"c\" \"SCRAM-SHA-256$100:s$k:k\"\n",
        9000},
    {"\"a\" \"SCRAM-SHA-256$99999999999999999999:s$k:k\"\n", 0},
    {"\"a\" \"SCRAM-SHA-256$2147483648:s$k:k\"\n", 0},
    {"\"a\" \"SCRAM-SHA-256$-1:s$k:k\"\n", 0},
    {"\"a\" \"SCRAM-SHA-256$12\"\n", 0},
    {"\"a\" \"SCRAM-SHA-256$\"\n", 0},
};

START_TEST(the_highest_scram_iteration_count_is_known)
{
	struct config *config = load_users(iterations[_i].users);

	ck_assert_int_eq(config_most_iterations(config), iterations[_i].most);
	config_unref(&config);
}
END_TEST

START_TEST(many_credentials_are_found)
{
	struct buf users = {0};
	char name[16];
	struct config *config = NULL;

	for (int i = 0; i < 50000; i++) {
		buf_printf(&users, "\"u%d\" \"p%d\"\n", i, i);
	}
	config = load_users(buf_text(&users));
	for (int i = 0; i < 50000; i++) {
		(void)snprintf(name, sizeof(name), "u%d", i);
		ck_assert_str_eq(
		    config_find_credential(config, name)->secret + 1, name + 1);
	}
	ck_assert_ptr_null(config_find_credential(config, "u50000"));
	config_unref(&config);
	buf_fini(&users);
}
END_TEST

/* ---- connection strings ------------------------------------------------- */

static const struct instant_case {
	const char *text;
	const char *problems;
	const char *summary; /* NULL: refused */
} instants[] = {
    {"host=db1,db2 dbname=app user=u",
        "note auth_type = any: everyone who reaches the listener acts as "
        "\"u\"\n",
        "any 127.0.0.1:6432 app=db1:5432,db2:5432/app u -"},
    {"host=db1 port=1 dbname=app user=u password='a b'", "",
        "scram-sha-256 127.0.0.1:6432 app=db1:1/app u a b"},
    {"postgresql://u:p%40@[::1]:5433,b/x?connect_timeout=3", "",
        "scram-sha-256 127.0.0.1:6432 x=::1:5433,b:5432/x u p@"},
    {"postgres://u:p@h", "", "scram-sha-256 127.0.0.1:6432 u=h:5432/u u p"},
    {"user=u password=p listen_port=7000 listen_addr=0.0.0.0", "",
        "scram-sha-256 0.0.0.0:7000 u=/var/run/postgresql:5432/u u p"},
    {"user=u password=p auth_type=trust", "",
        "trust 127.0.0.1:6432 u=/var/run/postgresql:5432/u u p"},
    {"user=u password=p sslmode=prefer gssencmode=disable "
     "target_session_attrs=read-write keepalives=1 client_encoding=auto",
        "", "scram-sha-256 127.0.0.1:6432 u=/var/run/postgresql:5432/u u p"},
    {"user=u password=p sslmode=verify-full", "",
        "scram-sha-256 127.0.0.1:6432 u=/var/run/postgresql:5432/u u p"},
    {"user=u password=p sslrootcert=system", "",
        "scram-sha-256 127.0.0.1:6432 u=/var/run/postgresql:5432/u u p"},
    {"user=u password=p sslmode=verify-ca",
        "error server_tls_sslmode = verify-ca needs server_tls_ca_file (only "
        "verify-full may go by the system's authorities, since anybody can "
        "have a certificate of theirs)\n",
        NULL},
    {"user=u password=p sslmode=require sslcert=/nowhere/cert.pem "
     "sslkey=/nowhere/key.pem",
        "error TLS setup failed: server_tls_cert_file: cannot open "
        "\"/nowhere/cert.pem\": No such file or directory\n"
        "error TLS setup failed: server_tls_key_file: cannot open "
        "\"/nowhere/key.pem\": No such file or directory\n",
        NULL},
    {"user=u target_session_attrs=standby",
        "error target_session_attrs = standby: this does not exist yet in "
        "this version\n",
        NULL},
    {"user=u options=-cx=y",
        "error options: startup options for all clients do not exist yet in "
        "this version\n",
        NULL},
    {"user=u hots=a",
        "error unknown key \"hots\" in the connection string; did you mean "
        "\"host\"?\n",
        NULL},
    {"user=u host=a,b port=1,2,3",
        "error port has 3 elements for 2 hosts; give one for all or one "
        "each\n",
        NULL},
    {"user=u dbname=pgbouncer",
        "error database name \"pgbouncer\" is reserved for the console\n",
        NULL},
    {"host='a", "error the quote after host= is not closed\n", NULL},
    {"postgresql://%zz",
        "error a percent sign is not followed by two hexadecimal digits in "
        "the URI\n",
        NULL},
};

static void
summarise(const struct config *config, struct buf *out)
{
	const struct settings *settings = config_settings(config);
	const struct database_conf *entry = config_database(config, 0);

	buf_printf(out,
	    "%s %s:%d %s=", setting_word("auth_type", settings->auth_type),
	    settings->listen_addr.names[0], settings->listen_port, entry->name);
	for (size_t i = 0; i < entry->host_count; i++) {
		buf_printf(out, "%s%s:%d", i > 0 ? "," : "",
		    entry->hosts[i].name, entry->hosts[i].port);
	}
	buf_printf(out, "/%s %s %s", entry->dbname, entry->user,
	    entry->password == NULL ? "-" : entry->password);
}

START_TEST(a_connection_string_is_a_whole_configuration)
{
	const struct instant_case *row = &instants[_i];
	struct problems found = {0};
	struct buf told = {0};
	struct config *config = NULL;

	ck_assert_int_eq(unsetenv("PGPASSWORD"), 0);
	config = config_from_connstr(row->text, &found);
	ck_assert_str_eq(problems_text(&found, &told), row->problems);
	ck_assert((config == NULL) == (row->summary == NULL));
	if (config != NULL) {
		const struct database_conf *any =
		    config_find_database(config, "another");

		buf_clear(&told);
		summarise(config, &told);
		ck_assert_str_eq(buf_text(&told), row->summary);
		ck_assert_str_eq(any->name, "*");
		ck_assert_str_eq(
		    database_conf_dbname(any, "another"), "another");
		ck_assert_ptr_nonnull(config_find_credential(config, "u"));
		ck_assert(config_is_admin(config, "u"));
		ck_assert_int_eq(
		    config_settings(config)->pool_mode, POOL_MODE_TRANSACTION);
	}
	config_unref(&config);
	problems_fini(&found);
	buf_fini(&told);
}
END_TEST

START_TEST(a_password_may_come_from_the_environment)
{
	struct problems found = {0};
	struct config *config = NULL;

	ck_assert_int_eq(setenv("PGPASSWORD", "secret", 1), 0);
	config = config_from_connstr("user=u host=h", &found);
	ck_assert_ptr_nonnull(config);
	ck_assert_int_eq(
	    config_settings(config)->auth_type, AUTH_SCRAM_SHA_256);
	ck_assert_str_eq(config_find_credential(config, "u")->secret, "secret");
	config_unref(&config);
	problems_fini(&found);
	ck_assert_int_eq(unsetenv("PGPASSWORD"), 0);
}
END_TEST

START_TEST(a_connection_string_cannot_be_reloaded)
{
	struct problems found = {0};
	struct config *config =
	    config_from_connstr("user=u password=p", &found);

	ck_assert_ptr_null(config_reload(config, &found));
	ck_assert_uint_eq(found.error_count, 1);
	config_unref(&config);
	problems_fini(&found);
}
END_TEST

START_TEST(an_argument_is_a_path_or_a_connection_string)
{
	ck_assert(config_is_connstr("host=a"));
	ck_assert(config_is_connstr("postgresql://a"));
	ck_assert(config_is_connstr("postgres://a"));
	ck_assert(!config_is_connstr("pgweir.ini"));
	ck_assert(!config_is_connstr("/etc/a=b/pgweir.ini"));
	ck_assert(!config_is_connstr("./a=b.ini"));
	ck_assert(!config_is_connstr(""));
}
END_TEST

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof((array)[0])))

static TCase *
file_cases(void)
{
	TCase *files = tcase_create("files");

	tcase_add_checked_fixture(files, make_file, remove_file);
	tcase_add_test(files, debian_s_file_loads);
	tcase_add_test(files, a_web_application_s_file_loads);
	tcase_add_test(files, a_file_that_cannot_be_read_is_the_only_problem);
	tcase_add_test(
	    files, a_missing_auth_file_is_an_error_where_it_is_named);
	tcase_add_test(files, an_error_in_the_auth_file_names_that_file);
	tcase_add_test(
	    files, a_reload_reads_the_file_again_and_leaves_the_old_one);
	tcase_add_test(files, a_reload_keeps_what_only_a_start_can_change);
	tcase_add_test(files, a_failed_reload_leaves_nothing_behind);
	tcase_add_loop_test(files, the_highest_scram_iteration_count_is_known,
	    0, COUNT_OF(iterations));
	tcase_add_test(files, many_credentials_are_found);
	return files;
}

static TCase *
snapshot_cases(void)
{
	TCase *snapshots = tcase_create("snapshots");

	tcase_add_test(snapshots, set_makes_a_changed_copy);
	tcase_add_loop_test(
	    snapshots, set_refuses_with_a_reason, 0, COUNT_OF(sets));
	tcase_add_test(snapshots, a_snapshot_lives_until_its_last_reference);
	tcase_add_test(snapshots, the_last_of_equal_names_counts);
	tcase_add_test(snapshots,
	    the_user_goes_before_the_database_and_that_before_the_rest);
	tcase_add_test(snapshots,
	    how_secrets_are_looked_up_is_the_entry_s_before_the_rest_s);
	tcase_add_test(snapshots, the_console_s_names_are_no_databases);
	tcase_add_test(
	    snapshots, where_nobody_is_checked_everybody_is_an_admin);
	return snapshots;
}

int
main(void)
{
	Suite *suite = suite_create("config");
	TCase *whole = tcase_create("texts");
	TCase *instant = tcase_create("connection strings");

	tcase_add_loop_test(whole,
	    texts_are_accepted_or_refused_with_every_reason, 0,
	    COUNT_OF(texts));
	tcase_add_test(whole, every_prefix_of_a_text_is_read_without_harm);
	tcase_add_loop_test(instant,
	    a_connection_string_is_a_whole_configuration, 0,
	    COUNT_OF(instants));
	tcase_add_test(instant, a_password_may_come_from_the_environment);
	tcase_add_test(instant, a_connection_string_cannot_be_reloaded);
	tcase_add_test(instant, an_argument_is_a_path_or_a_connection_string);
	suite_add_tcase(suite, whole);
	suite_add_tcase(suite, file_cases());
	suite_add_tcase(suite, snapshot_cases());
	suite_add_tcase(suite, instant);
	return unit_run(suite);
}
