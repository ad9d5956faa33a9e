/* test_hba.c - who may come in from where, and how. */
#include "support/allocations.h"
#include "support/unit.h"

#include <string.h>
#include <time.h>

#include "auth/hba.h"
#include "conf/problems.h"
#include "core/buf.h"
#include "core/error.h"
#include "net/address.h"

static struct hba *
load(const char *text, struct problems *problems)
{
	static const char maps[] = "m x y\nm /^(.*)@z$ \\1\n";

	return hba_load_text(
	    text, strlen(text), maps, sizeof(maps) - 1, problems);
}

static struct hba *
load_good(const char *text)
{
	struct problems problems = {0};
	struct hba *hba = load(text, &problems);

	ck_assert_msg(hba != NULL, "%s",
	    problems.count == 0 ? "" : problems.items[0].text);
	problems_fini(&problems);
	return hba;
}

/* ---- lines ----------------------------------------------------------------
 */

/* A line, and its columns in pg_hba_file_rules: type, database, user, address,
 * netmask, method, options. What PostgreSQL 15 shows for the same lines is
 * compared in test/e2e/test_hba.py. */
static const struct {
	const char *line;
	const char *shown;
} good[] = {
    {"local all all trust", "local|{all}|{all}|||trust|"},
    {"local all all peer map=m", "local|{all}|{all}|||peer|{map=m}"},
    {"local all all ident", "local|{all}|{all}|||peer|"},
    {"host all all 10.0.0.0/8 md5", "host|{all}|{all}|10.0.0.0|255.0.0.0|md5|"},
    {"host a,\"b c\",all u 10.1.2.3 255.255.0.255 password",
        "host|{a,\"b c\",all}|{u}|10.1.2.3|255.255.0.255|password|"},
    {"hostssl all all ::1/128 scram-sha-256 clientcert=verify-ca",
        "hostssl|{all}|{all}|::1|ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff|"
        "scram-sha-256|{clientcert=verify-ca}"},
    {"hostssl all all all cert map=m clientname=DN",
        "hostssl|{all}|{all}|all||cert|{map=m,clientcert=verify-full,"
        "clientname=DN}"},
    {"hostssl all all all trust clientcert=verify-full clientname=CN",
        "hostssl|{all}|{all}|all||trust|{clientcert=verify-full}"},
    {"hostnossl sameuser,replication +x samehost reject", NULL},
    {"hostnossl sameuser,replication x samehost reject",
        "hostnossl|{sameuser,replication}|{x}|samehost||reject|"},
    {"hostgssenc all all samenet md5", "hostgssenc|{all}|{all}|samenet||md5|"},
    {"hostnogssenc all all 0.0.0.0/0 md5",
        "hostnogssenc|{all}|{all}|0.0.0.0|0.0.0.0|md5|"},
    {"host all all fe80::1%lo/64 md5",
        "host|{all}|{all}|fe80::1|ffff:ffff:ffff:ffff::|md5|"},
    {"host all all ::ffff:10.0.0.0/104 md5",
        "host|{all}|{all}|10.0.0.0|255.0.0.0|md5|"},
    {"host \"/^db\",\"nu,ll\",NULL,\"\" \"a\"\"b\\c\" all md5",
        "host|{/^db,\"nu,ll\",\"NULL\",\"\"}|{\"a\\\"b\\\\c\"}|all||md5|"},
    {"host all \"+x\" all md5", "host|{all}|{+x}|all||md5|"},
    {"host +x all all md5", "host|{+x}|{all}|all||md5|"},
};

static void
show(const struct hba_rule *rule, struct buf *out)
{
	buf_printf(out, "%s|", hba_type_name(rule->type));
	hba_names_print(&rule->databases, out);
	buf_append_char(out, '|');
	hba_names_print(&rule->users, out);
	buf_append_char(out, '|');
	hba_address_print(rule, out);
	buf_append_char(out, '|');
	hba_netmask_print(rule, out);
	buf_printf(out, "|%s|", hba_method_name(rule->method));
	hba_options_print(rule, out);
}

START_TEST(hba_reads_a_line_as_postgresql_shows_it)
{
	struct problems problems = {0};
	struct hba *hba = load(good[_i].line, &problems);
	struct buf out = {0};

	if (good[_i].shown == NULL) {
		ck_assert_ptr_null(hba);
	} else {
		ck_assert_msg(hba != NULL, "%s: %s", good[_i].line,
		    problems.count == 0 ? "" : problems.items[0].text);
		ck_assert_uint_eq(hba_count(hba), 1);
		show(hba_rule(hba, 0), &out);
		ck_assert_str_eq(buf_text(&out), good[_i].shown);
		hba_unref(&hba);
	}
	buf_fini(&out);
	problems_fini(&problems);
}
END_TEST

static const struct {
	const char *line;
	const char *problem;
} wrong[] = {
    {"hst all all all md5", "invalid connection type \"hst\""},
    {"Host all all all md5", "invalid connection type \"Host\""},
    {"host,local all all all md5", "several values for the connection type"},
    {"host", "the line ends before the database names"},
    {"host all", "the line ends before the user names"},
    {"host all all", "the line ends before the address"},
    {"host all all all", "the line ends before the authentication method"},
    {"local all all", "the line ends before the authentication method"},
    {"host all all 10.0.0.1,10.0.0.2 md5", "several values for the address"},
    {"host all all 10.0.0.1", "the line ends before the netmask"},
    {"host all all 10.0.0.1 md5", "invalid IP mask \"md5\""},
    {"host all all 10.0.0.1/33 md5", "invalid CIDR mask in address"},
    {"host all all 10.0.0.1/-1 md5", "invalid CIDR mask in address"},
    {"host all all 10.0.0.1/ md5", "invalid CIDR mask in address"},
    {"host all all 10.0.0.1/8x md5", "invalid CIDR mask in address"},
    {"host all all ::1/129 md5", "invalid CIDR mask in address"},
    {"host all all 10.0.0.1 ffff:: md5", "IP address and mask do not match"},
    {"host all all name.example.com md5",
        "host name \"name.example.com\": clients are known"},
    {"host all all .example.com md5", "host name \".example.com\""},
    {"host all all name/8 md5", "\"name/8\" is no address"},
    {"host all all \"all\" md5", "host name \"all\""},
    {"host all all all", "the line ends before the authentication method"},
    {"host all all all md5,trust",
        "several values for the authentication method"},
    {"host all all all MD5", "invalid authentication method \"MD5\""},
    {"host all all all ldap", "authentication method \"ldap\" is not"},
    {"host all all all pam", "authentication method \"pam\" is not"},
    {"host all all all gss", "authentication method \"gss\" is not"},
    {"host all all all sspi", "authentication method \"sspi\" is not"},
    {"host all all all radius", "authentication method \"radius\" is not"},
    {"host all all all bsd", "authentication method \"bsd\" is not"},
    {"host all all all oauth", "authentication method \"oauth\" is not"},
    {"host all all all ident",
        "authentication method \"ident\" is not supported over TCP"},
    {"host all all all peer", "peer authentication is only supported on"},
    {"host all all all cert", "cert authentication is only supported on"},
    {"local all all cert", "cert authentication is only supported on"},
    {"hostssl all all all cert clientcert=verify-ca",
        "clientcert only accepts \"verify-full\""},
    {"hostssl all all all md5 clientcert=1", "invalid value for clientcert"},
    {"host all all all md5 clientcert=verify-ca",
        "clientcert can only be configured for \"hostssl\""},
    {"host all all all md5 clientname=DN",
        "clientname can only be configured for \"hostssl\""},
    {"hostssl all all all cert clientname=XN", "invalid value for clientname"},
    {"host all all all md5 map=m", "option \"map\" is only valid"},
    {"local all all peer map", "authentication option not in name=value"},
    {"local all all peer maps=x", "unrecognized authentication option"},
    {"local all all peer =x", "unrecognized authentication option"},
    {"local all all peer map=nosuch", "there is no map \"nosuch\""},
    {"local samerole all md5", "\"samerole\": who is a member"},
    {"local samegroup all md5", "\"samegroup\": who is a member"},
    {"local all +g md5", "\"+g\": who is a member"},
    {"local all /( md5", "the regular expression is wrong"},
    {"local /( all md5", "the regular expression is wrong"},
    {"", "the file has no rule"},
    {"# local all all trust", "the file has no rule"},
};

START_TEST(hba_says_what_is_wrong_with_a_line)
{
	struct problems problems = {0};
	struct hba *hba = load(wrong[_i].line, &problems);

	ck_assert_msg(hba == NULL, "%s", wrong[_i].line);
	ck_assert_uint_eq(problems.error_count, 1);
	ck_assert_str_eq(problems.items[0].file, "pg_hba.conf");
	ck_assert_msg(strncmp(problems.items[0].text, wrong[_i].problem,
	                  strlen(wrong[_i].problem)) == 0,
	    "%s: %s", wrong[_i].line, problems.items[0].text);
	problems_fini(&problems);
}
END_TEST

START_TEST(hba_tells_every_fault_with_its_line)
{
	struct problems problems = {0};
	struct hba *hba = load("local all all trust\nx\nlocal all all \\\n y\n"
	                       "local all all peer\nz\n",
	    &problems);

	ck_assert_ptr_null(hba);
	ck_assert_uint_eq(problems.error_count, 3);
	ck_assert_int_eq(problems.items[0].line, 2);
	ck_assert_int_eq(problems.items[1].line, 3);
	ck_assert_int_eq(problems.items[2].line, 6);
	problems_fini(&problems);
}
END_TEST

START_TEST(hba_needs_a_file_of_maps_for_a_map)
{
	static const char text[] = "local all all peer map=m";
	struct problems problems = {0};

	ck_assert_ptr_null(
	    hba_load_text(text, sizeof(text) - 1, NULL, 0, &problems));
	ck_assert_ptr_nonnull(
	    strstr(problems.items[0].text, "auth_ident_file"));
	problems_fini(&problems);
}
END_TEST

START_TEST(hba_bounds_the_regular_expressions_of_a_file)
{
	struct problems problems = {0};
	struct buf text = {0};
	struct hba *hba;

	for (int i = 0; i < 1000; i++) {
		buf_append_str(&text, "local all /a trust\n");
	}
	hba = load(buf_text(&text), &problems);
	ck_assert_ptr_nonnull(hba);
	hba_unref(&hba);
	buf_append_str(&text, "local /b /a trust\n");
	ck_assert_ptr_null(load(buf_text(&text), &problems));
	ck_assert_uint_eq(problems.error_count, 1);
	ck_assert_int_eq(problems.items[0].line, 1001);
	problems_fini(&problems);
	buf_fini(&text);
}
END_TEST

/* ---- decisions ------------------------------------------------------------
 */

static const char rules[] =
    "local   all          postgres                peer\n"               /* 1 */
    "local   sameuser     all                     md5\n"                /* 2 */
    "host    replication  rep       10.9.0.0/16   scram-sha-256\n"      /* 3 */
    "hostssl all          ann,bob   10.0.0.0/8    cert\n"               /* 4 */
    "hostnossl all        ann       10.0.0.0/8    reject\n"             /* 5 */
    "host    \"all\"      all       10.0.0.0/8    password\n"           /* 6 */
    "host    db1,db2      \"all\"   10.0.0.0/8    trust\n"              /* 7 */
    "host    /^app_\\d+$  /^svc     fd00::/8      md5\n"                /* 8 */
    "hostgssenc all       all       all           trust\n"              /* 9 */
    "host    \"replication\" all    all           md5\n"                /* 10 */
    "host    all          eve       127.0.0.1 255.255.255.255 reject\n" /*11*/
    "host    pgbouncer    admin     samehost      trust\n"              /* 12 */
    "host    all          carl      192.0.2.1 255.0.255.255 md5\n"      /* 13 */
    "hostnogssenc last    all       0.0.0.0/0     md5\n"                /* 14 */
    "hostnossl    plain   all       all           md5\n";               /* 15 */

static const struct {
	const char *from; /* NULL: Unix socket */
	const char *user, *database;
	bool is_tls, is_physical;
	int number; /* 0: no rule */
} decisions[] = {
    {NULL, "postgres", "x", false, false, 1},
    {NULL, "ann", "ann", false, false, 2},
    {NULL, "ann", "bob", false, false, 0},
    {NULL, "ann", "replication", false, true, 0},
    {"10.9.1.1", "rep", "replication", false, true, 3},
    {"10.9.1.1", "rep", "", false, true, 3},
    {"10.8.1.1", "rep", "replication", false, true, 0},
    /* A database that is called so is not what the word stands for. */
    {"10.9.1.1", "rep", "replication", false, false, 10},
    {"10.9.1.1", "ann", "x", true, true, 0},
    {"10.1.1.1", "ann", "x", true, false, 4},
    {"10.1.1.1", "bob", "x", true, false, 4},
    {"10.1.1.1", "bob", "x", false, false, 0},
    {"10.1.1.1", "ann", "x", false, false, 5},
    {"11.1.1.1", "ann", "x", false, false, 0},
    {"10.1.1.1", "zoe", "all", false, false, 6},
    {"10.1.1.1", "zoe", "db1", false, false, 0},
    {"10.1.1.1", "all", "db1", false, false, 7},
    {"10.1.1.1", "all", "db2", true, false, 7},
    {"fd00::1", "svc1", "app_12", false, false, 8},
    {"fd00::1", "svc1", "app_12x", false, false, 0},
    {"fd00::1", "xsvc", "app_12", false, false, 0},
    {"fe00::1", "svc1", "app_12", false, false, 0},
    {"127.0.0.1", "eve", "x", false, false, 11},
    {"127.0.0.2", "eve", "x", false, false, 0},
    {"127.0.0.1", "admin", "pgbouncer", false, false, 12},
    {"::1", "admin", "pgbouncer", false, false, 12},
    {"198.51.100.7", "admin", "pgbouncer", false, false, 0},
    {"192.9.2.1", "carl", "x", false, false, 13},
    {"192.9.2.2", "carl", "x", false, false, 0},
    {"8.8.8.8", "x", "last", false, false, 14},
    {"8.8.8.8", "x", "last", true, false, 14},
    {"::8", "x", "last", false, false, 0},
    {"::ffff:8.8.8.8", "x", "last", false, false, 14},
    {"::ffff:10.1.1.1", "ann", "x", false, false, 5},
    {"8.8.8.8", "x", "plain", false, false, 15},
    {"8.8.8.8", "x", "plain", true, false, 0},
    {NULL, "x", "plain", false, false, 0},
    {NULL, "x", "replication", false, false, 0},
};

static struct address
address_of(const char *from)
{
	struct address address;

	if (from == NULL) {
		ck_assert(address_from_socket_name(&address, "/tmp/s"));
	} else {
		ck_assert(address_from_ip(&address, from, 1234));
	}
	return address;
}

START_TEST(hba_decides_by_the_first_rule_that_matches)
{
	struct hba *hba = load_good(rules);
	struct address peer = address_of(decisions[_i].from);
	struct hba_facts facts = {.peer = &peer,
	    .user = decisions[_i].user,
	    .database = decisions[_i].database,
	    .is_tls = decisions[_i].is_tls,
	    .is_physical = decisions[_i].is_physical};
	const struct hba_rule *rule;
	enum hba_answer answer = hba_match(hba, &facts, &rule);

	if (decisions[_i].number == 0) {
		ck_assert_int_eq(answer, HBA_NO_RULE);
		ck_assert_ptr_null(rule);
	} else {
		ck_assert_int_eq(answer, HBA_RULE);
		ck_assert_int_eq(rule->number, decisions[_i].number);
		ck_assert_int_eq(rule->line, decisions[_i].number);
	}
	hba_unref(&hba);
}
END_TEST

#define N60 "n12345678901234567890123456789012345678901234567890123456789"

START_TEST(hba_judges_a_name_too_long_as_a_server_cuts_it)
{
	static const struct {
		const char *rules, *user, *database;
		int number;
	} rows[] = {
	    {"local all " N60 "abc reject\nlocal all all trust\n", N60 "abcX",
	        "d", 1},
	    {"local all " N60 "abc reject\nlocal all all trust\n", N60 "ab",
	        "d", 2},
	    {"local all " N60 "abcX reject\nlocal all all trust\n", N60 "abcX",
	        "d", 1},
	    {"local " N60 "abc all reject\nlocal all all trust\n", "u",
	        N60 "abcXYZ", 1},
	    {"local all /abc$ reject\nlocal all all trust\n", N60 "abcX", "d",
	        1},
	    {"local sameuser all reject\nlocal all all trust\n", N60 "abcX",
	        N60 "abcY", 1},
	    {"local sameuser all reject\nlocal all all trust\n", N60 "abX",
	        N60 "abY", 2},
	};
	struct address peer = address_of(NULL);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct hba *hba = load_good(rows[i].rules);
		struct hba_facts facts = {.peer = &peer,
		    .user = rows[i].user,
		    .database = rows[i].database};
		const struct hba_rule *rule;

		ck_assert_int_eq(hba_match(hba, &facts, &rule), HBA_RULE);
		ck_assert_msg(rule->number == rows[i].number, "row %zu", i);
		hba_unref(&hba);
	}
}
END_TEST

START_TEST(hba_lets_nobody_in_when_a_pattern_takes_too_long)
{
	struct hba *hba =
	    load_good("local all /^(a+)+$ reject\nlocal all all trust\n");
	struct address peer = address_of(NULL);
	struct hba_facts facts = {.peer = &peer, .database = "d"};
	const struct hba_rule *rule;

	facts.user = "b";
	ck_assert_int_eq(hba_match(hba, &facts, &rule), HBA_RULE);
	ck_assert_int_eq(rule->number, 2);
	facts.user =
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
	ck_assert_int_eq(hba_match(hba, &facts, &rule), HBA_UNCLEAR);
	ck_assert_int_eq(rule->number, 1);
	hba_unref(&hba);
	/* Nor is a database that may be meant one that is. */
	hba = load_good("local /^(a+)+$ all trust\n");
	facts.database = facts.user;
	ck_assert_int_eq(hba_match(hba, &facts, &rule), HBA_UNCLEAR);
	hba_unref(&hba);
}
END_TEST

START_TEST(hba_refuses_in_the_words_of_postgresql)
{
	struct address unix_peer = address_of(NULL);
	struct address peer = address_of("10.1.2.3");
	struct hba_facts facts = {
	    .peer = &peer, .user = "ann", .database = "d"};
	struct error err;

	hba_refuse_unknown(&facts, &err);
	ck_assert_str_eq(err.text,
	    "no pg_hba.conf entry for host \"10.1.2.3\", user \"ann\", "
	    "database \"d\", no encryption");
	ck_assert_str_eq(err.sqlstate, "28000");
	ck_assert_ptr_nonnull(strstr(err.hint, "auth_hba_file"));
	facts.is_tls = true;
	hba_refuse_rejected(&facts, &err);
	ck_assert_str_eq(err.text,
	    "pg_hba.conf rejects connection for host \"10.1.2.3\", user "
	    "\"ann\", database \"d\", SSL encryption");
	facts.is_physical = true;
	hba_refuse_rejected(&facts, &err);
	ck_assert_str_eq(err.text,
	    "pg_hba.conf rejects replication connection for host "
	    "\"10.1.2.3\", user \"ann\", SSL encryption");
	facts.peer = &unix_peer;
	facts.is_tls = false;
	hba_refuse_unknown(&facts, &err);
	ck_assert_str_eq(err.text,
	    "no pg_hba.conf entry for replication connection from host "
	    "\"[local]\", user \"ann\", no encryption");
}
END_TEST

START_TEST(hba_allows_a_name_by_its_map_or_the_same_name)
{
	struct hba *hba = load_good("local a all peer\n"
	                            "local all all peer map=m\n");

	ck_assert(hba_allows_name(hba, hba_rule(hba, 0), "x", "x"));
	ck_assert(!hba_allows_name(hba, hba_rule(hba, 0), "x", "y"));
	ck_assert(hba_allows_name(hba, hba_rule(hba, 1), "x", "y"));
	ck_assert(!hba_allows_name(hba, hba_rule(hba, 1), "x", "x"));
	ck_assert(hba_allows_name(hba, hba_rule(hba, 1), "ann@z", "ann"));
	hba_unref(&hba);
}
END_TEST

START_TEST(hba_knows_our_own_addresses_of_now)
{
	struct hba *hba = load_good("host all all samenet trust\n");
	struct address peer = address_of("127.1.2.3");
	struct hba_facts facts = {.peer = &peer, .user = "u", .database = "d"};
	const struct hba_rule *rule;

	ck_assert_int_eq(hba_match(hba, &facts, &rule), HBA_RULE);
	hba_freshen(hba, 0);
	hba_freshen(hba, INT64_C(6000000));
	hba_freshen(hba, INT64_C(6000001));
	ck_assert_int_eq(hba_match(hba, &facts, &rule), HBA_RULE);
	peer = address_of("198.51.100.77");
	ck_assert_int_eq(hba_match(hba, &facts, &rule), HBA_NO_RULE);
	hba_unref(&hba);
}
END_TEST

START_TEST(hba_asks_for_no_memory_to_find_a_rule)
{
	struct hba *hba = load_good(rules);

	for (size_t i = 0; i < sizeof(decisions) / sizeof(*decisions); i++) {
		/* Check itself asks for some. */
		struct address peer = address_of(decisions[i].from);
		struct hba_facts facts = {.peer = &peer,
		    .user = decisions[i].user,
		    .database = decisions[i].database};
		const struct hba_rule *rule;
		size_t before = allocations_count();

		(void)!hba_match(hba, &facts, &rule);
		ck_assert_uint_eq(allocations_count(), before);
	}
	hba_unref(&hba);
}
END_TEST

START_TEST(hba_with_ten_thousand_rules_is_read_and_searched_quickly)
{
	struct buf text = {0};
	struct hba *hba;
	struct address peer = address_of("10.1.2.3");
	struct hba_facts facts = {
	    .peer = &peer, .user = "u", .database = "last"};
	const struct hba_rule *rule;
	clock_t start = clock();

	for (int i = 0; i < 10000; i++) {
		buf_printf(&text, "host db%d user%d 10.%d.%d.0/24 md5\n", i, i,
		    i / 256, i % 256);
	}
	buf_append_str(&text, "host last all all trust\n");
	hba = load_good(buf_text(&text));
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(hba_match(hba, &facts, &rule), HBA_RULE);
		ck_assert_int_eq(rule->number, 10001);
	}
	/* Some 10 ms and 10 ms; bounds for the slowest of machines. */
	ck_assert_int_lt((clock() - start) / (CLOCKS_PER_SEC / 1000), 3000);
	hba_unref(&hba);
	buf_fini(&text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("hba");
	TCase *lines = tcase_create("lines");
	TCase *decides = tcase_create("decisions");

	suite_add_tcase(suite, lines);
	tcase_add_loop_test(lines, hba_reads_a_line_as_postgresql_shows_it, 0,
	    sizeof(good) / sizeof(*good));
	tcase_add_loop_test(lines, hba_says_what_is_wrong_with_a_line, 0,
	    sizeof(wrong) / sizeof(*wrong));
	tcase_add_test(lines, hba_tells_every_fault_with_its_line);
	tcase_add_test(lines, hba_needs_a_file_of_maps_for_a_map);
	tcase_add_test(lines, hba_bounds_the_regular_expressions_of_a_file);
	suite_add_tcase(suite, decides);
	tcase_add_loop_test(decides, hba_decides_by_the_first_rule_that_matches,
	    0, sizeof(decisions) / sizeof(*decisions));
	tcase_add_test(decides, hba_judges_a_name_too_long_as_a_server_cuts_it);
	tcase_add_test(
	    decides, hba_lets_nobody_in_when_a_pattern_takes_too_long);
	tcase_add_test(decides, hba_refuses_in_the_words_of_postgresql);
	tcase_add_test(decides, hba_allows_a_name_by_its_map_or_the_same_name);
	tcase_add_test(decides, hba_knows_our_own_addresses_of_now);
	tcase_add_test(decides, hba_asks_for_no_memory_to_find_a_rule);
	tcase_add_test(
	    decides, hba_with_ten_thousand_rules_is_read_and_searched_quickly);
	return unit_run(suite);
}
