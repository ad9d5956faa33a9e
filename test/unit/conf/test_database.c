/*
 * test_database.c - [databases] entries.
 */
#include "conf/database.h"

#include <string.h>

#include "conf/settings.h"
#include "core/buf.h"
#include "core/error.h"
#include "support/unit.h"

static void
describe(const struct database_conf *entry, struct buf *out)
{
	for (size_t i = 0; i < entry->host_count; i++) {
		const struct host_conf *host = &entry->hosts[i];

		buf_printf(out, "%s%s%s:%d*%d", i > 0 ? " " : "",
		    host->is_unix ? "unix " : "", host->name, host->port,
		    host->weight);
	}
	buf_printf(out, " db=%s", entry->dbname == NULL ? "-" : entry->dbname);
	if (entry->user != NULL) {
		buf_printf(out, " user=%s", entry->user);
	}
	if (entry->password != NULL) {
		buf_printf(out, " password=%s", entry->password);
	}
}

static const struct entry_case {
	const char *name;
	const char *text;
	const char *expected; /* "!" and an error */
} entries[] = {
    {"app", "", "unix /var/run/postgresql:5432*1 db=app"},
    {"*", "", "unix /var/run/postgresql:5432*1 db=-"},
    {"*", "dbname=x", "unix /var/run/postgresql:5432*1 db=x"},
    {"app", "host=a", "a:5432*1 db=app"},
    {"app", "host=a port=1", "a:1*1 db=app"},
    {"app", "host=/tmp", "unix /tmp:5432*1 db=app"},
    {"app", "host=@abs", "unix @abs:5432*1 db=app"},
    {"app", "host=a,b,c", "a:5432*1 b:5432*1 c:5432*1 db=app"},
    {"app", "host=a,b port=1", "a:1*1 b:1*1 db=app"},
    {"app", "host=a,b port=1,2 weight=3,4", "a:1*3 b:2*4 db=app"},
    {"app", "host=a,b port=1, weight=,4", "a:1*1 b:5432*4 db=app"},
    {"app", "host='a, b ' weight=5", "a:5432*5 b:5432*5 db=app"},
    {"app", "host=::1,10.0.0.1", "::1:5432*1 10.0.0.1:5432*1 db=app"},
    {"app", "host=a,", "a:5432*1 unix /var/run/postgresql:5432*1 db=app"},
    {"app", "dbname='x y' user=u password='it''s'",
        "unix /var/run/postgresql:5432*1 db=x y user=u password=it's"},
    {"app", "host=a host=b", "b:5432*1 db=app"},
    {"app", "user=a user=b", "unix /var/run/postgresql:5432*1 db=app user=b"},
    {"app", "load_balance_hosts=round-robin host=a,b",
        "a:5432*1 b:5432*1 db=app"},
    {"app", "load_balance_hosts=disable host=a", "a:5432*1 db=app"},
    {"app", "reserve_pool=0 min_pool_size=0 max_db_connections=0",
        "unix /var/run/postgresql:5432*1 db=app"},
    {"app", "auth_query='select 1' auth_dbname=x auth_user=''",
        "unix /var/run/postgresql:5432*1 db=app"},
    {"app", "auth_user=x", "unix /var/run/postgresql:5432*1 db=app"},
    {"app", "load_balance_hosts=disable host=a,b",
        "!load_balance_hosts = disable: using hosts only in their order does "
        "not exist yet in this version; accepted: round-robin"},
    {"app", "load_balance_hosts=random",
        "!load_balance_hosts = random: not one of round-robin, disable"},
    {"app", "host=a,b,c port=1,2",
        "!port has 2 elements for 3 hosts; give one for all or one each"},
    {"app", "host=a port=1,2",
        "!port has 2 elements for 1 host; give one for all or one each"},
    {"app", "host=a,b weight=1,2,3",
        "!weight has 3 elements for 2 hosts; give one for all or one each"},
    {"app", "port=0", "!port = 0: not a number from 1 to 65535"},
    {"app", "port=65536", "!port = 65536: not a number from 1 to 65535"},
    {"app", "port=x", "!port = x: not a number from 1 to 65535"},
    {"app", "host=a,b port=1,-2", "!port = -2: not a number from 1 to 65535"},
    {"app", "weight=0", "!weight = 0: not a number from 1 to 1000"},
    {"app", "weight=1001", "!weight = 1001: not a number from 1 to 1000"},
    {"app", "hots=a",
        "!unknown key \"hots\" in the connection string; did you mean "
        "\"host\"?"},
    {"app", "pool_sise=a",
        "!unknown key \"pool_sise\" in the connection string; did you mean "
        "\"pool_size\"?"},
    {"app", "zzzzzzzz=a", "!unknown key \"zzzzzzzz\" in the connection string"},
    {"app", "max_user_connections=0",
        "!unknown key \"max_user_connections\" in the connection string; did "
        "you mean \"max_db_connections\"?"},
    {"app", "pool_size=many", "!pool_size = many: not a whole number"},
    {"app", "pool_size=-1", "!pool_size = -1: out of range 0 to 1000000"},
    {"app", "reserve_pool=-3",
        "!reserve_pool = -3: out of range 0 to 2147483647"},
    {"app", "host='a", "!the quote after host= is not closed"},
};

START_TEST(entries_are_read_or_refused_with_a_reason)
{
	const struct entry_case *row = &entries[_i];
	struct error err;
	struct buf got = {0};
	struct database_conf *entry =
	    database_conf_parse(row->name, row->text, &err);

	if (entry == NULL) {
		buf_printf(&got, "!%s", err.text);
	} else {
		describe(entry, &got);
	}
	ck_assert_str_eq(buf_text(&got), row->expected);
	database_conf_free(&entry);
	ck_assert_ptr_null(entry);
	buf_fini(&got);
}
END_TEST

START_TEST(what_is_not_given_is_marked)
{
	struct error err;
	struct database_conf *entry = database_conf_parse("app", "", &err);

	ck_assert_int_eq(entry->overrides.pool_size, -1);
	ck_assert_int_eq(entry->overrides.pool_mode, -1);
	ck_assert_int_eq(entry->overrides.server_lifetime_us, -1);
	ck_assert_int_eq(entry->overrides.query_wait_timeout_us, -1);
	ck_assert_int_eq(entry->overrides.max_db_connections, -1);
	ck_assert_ptr_null(entry->user);
	ck_assert_ptr_null(entry->password);
	ck_assert_ptr_null(entry->timezone);
	database_conf_free(&entry);
}
END_TEST

START_TEST(what_is_given_is_kept)
{
	struct error err;
	struct database_conf *entry = database_conf_parse("app",
	    "pool_size=5 pool_mode=transaction server_lifetime=60 "
	    "query_wait_timeout=1.5 client_encoding=UTF8 datestyle='ISO, MDY' "
	    "timezone=UTC application_name=me",
	    &err);

	ck_assert_ptr_nonnull(entry);
	ck_assert_int_eq(entry->overrides.pool_size, 5);
	ck_assert_int_eq(entry->overrides.pool_mode, POOL_MODE_TRANSACTION);
	ck_assert_int_eq(entry->overrides.server_lifetime_us, 60000000);
	ck_assert_int_eq(entry->overrides.query_wait_timeout_us, 1500000);
	ck_assert_str_eq(entry->client_encoding, "UTF8");
	ck_assert_str_eq(entry->datestyle, "ISO, MDY");
	ck_assert_str_eq(entry->timezone, "UTC");
	ck_assert_str_eq(entry->application_name, "me");
	database_conf_free(&entry);
}
END_TEST

START_TEST(the_fallback_has_the_name_that_was_asked_for)
{
	struct error err;
	struct database_conf *any = database_conf_parse("*", "host=a", &err);
	struct database_conf *one =
	    database_conf_parse("*", "dbname=one", &err);

	ck_assert_str_eq(database_conf_dbname(any, "asked"), "asked");
	ck_assert_str_eq(database_conf_dbname(one, "asked"), "one");
	database_conf_free(&any);
	database_conf_free(&one);
}
END_TEST

START_TEST(hosts_are_bounded)
{
	struct error err;
	struct buf text = {0};

	buf_append_str(&text, "host=a");
	for (int i = 0; i < 64; i++) {
		buf_append_str(&text, ",a");
	}
	ck_assert_ptr_null(database_conf_parse("app", buf_text(&text), &err));
	ck_assert_str_eq(err.text, "host: more than 64 elements");
	buf_fini(&text);
}
END_TEST

static const struct target_case {
	const char *a;
	const char *b;
	bool same;
} targets[] = {
    {"host=a", "host=a", true},
    {"host=a pool_size=1", "host=a pool_size=2", true},
    {"host=a weight=1", "host=a weight=2", true},
    {"host=a", "host=b", false},
    {"host=a", "host=a,b", false},
    {"host=a port=1", "host=a port=2", false},
    {"dbname=a", "dbname=b", false},
    {"user=a", "user=b", false},
    {"user=a", "", false},
    {"password=a", "password=b", false},
    {"timezone=a", "timezone=b", false},
};

START_TEST(a_pool_goes_on_only_with_the_same_target)
{
	const struct target_case *row = &targets[_i];
	struct error err;
	struct database_conf *a = database_conf_parse("x", row->a, &err);
	struct database_conf *b = database_conf_parse("x", row->b, &err);

	ck_assert(database_conf_same_target(a, b) == row->same);
	ck_assert(database_conf_same_target(b, a) == row->same);
	database_conf_free(&a);
	database_conf_free(&b);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("database");
	TCase *all = tcase_create("entries");

	tcase_add_loop_test(all, entries_are_read_or_refused_with_a_reason, 0,
	    (int)(sizeof(entries) / sizeof(entries[0])));
	tcase_add_test(all, what_is_not_given_is_marked);
	tcase_add_test(all, what_is_given_is_kept);
	tcase_add_test(all, the_fallback_has_the_name_that_was_asked_for);
	tcase_add_test(all, hosts_are_bounded);
	tcase_add_loop_test(all, a_pool_goes_on_only_with_the_same_target, 0,
	    (int)(sizeof(targets) / sizeof(targets[0])));
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
