/* test_resolver.c - names, against a name server of our own and none. */
#include "support/unit.h"

#include <string.h>

#include "core/error.h"
#include "net/resolver.h"
#include "support/dns.h"
#include "support/loop.h"

#define SECONDS_US ((int64_t)1000 * 1000)

static struct loop *loop;
static struct dns dns;
static struct resolver *resolver;

struct asker {
	struct lookup lookup;
	int answers;
	size_t count;
	char first[ADDRESS_TEXT_BYTES];
	struct error err;
	struct asker *cancels; /* in its callback */
};

static struct asker a, b;

static int64_t timeout_us; /* of a question */

static void
open_resolver(int64_t ttl_us)
{
	struct resolver_options options = {
	    .resolv_conf = dns.resolv_conf,
	    .server_port = dns.port,
	    .max_ttl_us = ttl_us,
	    .negative_ttl_us = ttl_us,
	    .timeout_us = timeout_us,
	};
	struct error err;

	resolver_free(&resolver);
	resolver = resolver_new(loop, &options, &err);
	ck_assert_msg(resolver != NULL, "%s", err.text);
}

static void
setup(void)
{
	loop = test_loop_new();
	dns_open(&dns, loop);
	timeout_us = 5 * SECONDS_US;
	open_resolver(60 * SECONDS_US);
	a = (struct asker){0};
	b = (struct asker){0};
}

static void
teardown(void)
{
	lookup_cancel(&a.lookup);
	lookup_cancel(&b.lookup);
	resolver_free(&resolver);
	dns_close(&dns);
	loop_free(&loop);
}

static void
on_answer(struct lookup *lookup, const struct address *addresses, size_t count,
    const struct error *err)
{
	struct asker *asker = list_entry(lookup, struct asker, lookup);

	asker->answers++;
	asker->count = count;
	if (count > 0) {
		ck_assert_ptr_null(err);
		address_format(
		    &addresses[0], asker->first, sizeof(asker->first));
	} else {
		asker->err = *err;
	}
	if (asker->cancels != NULL) {
		lookup_cancel(&asker->cancels->lookup);
	}
}

static void
ask(struct asker *asker, const char *host)
{
	lookup_start(&asker->lookup, resolver, host, on_answer);
	ck_assert_int_eq(asker->answers, 0); /* never from within */
}

static void
ask_and_wait(struct asker *asker, const char *host)
{
	asker->answers = 0;
	ask(asker, host);
	test_loop_until(loop, asker->answers > 0);
	ck_assert_int_eq(asker->answers, 1);
}

START_TEST(numbers_are_answered_in_the_same_turn)
{
	ask(&a, "10.1.2.3");
	ask(&b, "::1");
	loop_turn(loop, false);
	ck_assert_str_eq(a.first, "10.1.2.3:0");
	ck_assert_str_eq(b.first, "[::1]:0");
	ck_assert_uint_eq(dns.questions, 0);
	ck_assert_uint_eq(resolver_count(resolver).names, 0);
}
END_TEST

START_TEST(localhost_needs_no_name_server)
{
	dns.mode = DNS_SILENT;
	ask(&a, "localhost");
	loop_turn(loop, false);
	ck_assert_int_eq(a.answers, 1);
	ck_assert_uint_gt(a.count, 0);
	ck_assert(strcmp(a.first, "127.0.0.1:0") == 0 ||
	    strcmp(a.first, "[::1]:0") == 0);
}
END_TEST

START_TEST(localhost_needs_no_resolv_conf)
{
	unlink(dns.resolv_conf);
	open_resolver(60 * SECONDS_US);
	ask(&a, "localhost");
	loop_turn(loop, false);
	ck_assert_int_eq(a.answers, 1);
	ck_assert_uint_gt(a.count, 0);
}
END_TEST

START_TEST(names_of_the_hosts_file_need_no_name_server)
{
	FILE *hosts = fopen("/etc/hosts", "re");
	char line[512], address[64], name[256];
	bool tried = false;

	dns.mode = DNS_SILENT;
	while (hosts != NULL && fgets(line, sizeof(line), hosts) != NULL) {
		if (sscanf(line, "%63[0-9.] %255[a-zA-Z0-9.-]", address,
		        name) != 2 ||
		    strcmp(name, "localhost") == 0) {
			continue;
		}
		a = (struct asker){0};
		ask(&a, name);
		loop_turn(loop, false);
		ck_assert_msg(a.answers == 1 && a.count > 0, "%s", name);
		tried = true;
		break;
	}
	if (hosts != NULL) {
		(void)fclose(hosts);
	}
	if (!tried) {
		ck_assert(true); /* this machine's file has no other name */
	}
}
END_TEST

START_TEST(a_name_has_all_its_addresses)
{
	ask_and_wait(&a, "db1.example");
	ck_assert_uint_eq(a.count, 2);
	ck_assert_uint_eq(dns.questions, 1);
}
END_TEST

START_TEST(an_answer_is_remembered)
{
	ask_and_wait(&a, "db1.example");
	ask(&b, "db1.example");
	loop_turn(loop, false);
	ck_assert_uint_eq(b.count, 2);
	ck_assert_uint_eq(dns.questions, 1);
}
END_TEST

START_TEST(an_answer_is_not_remembered_beyond_its_time)
{
	open_resolver(0);
	ask_and_wait(&a, "db1.example");
	ask_and_wait(&b, "db1.example");
	ck_assert_uint_eq(dns.questions, 2);
}
END_TEST

START_TEST(several_askers_share_one_question)
{
	ask(&a, "db1.example");
	ask(&b, "db1.example");
	ck_assert_uint_eq(resolver_count(resolver).pending, 1);
	test_loop_until(loop, a.answers + b.answers == 2);
	ck_assert_uint_eq(b.count, 2);
	ck_assert_uint_eq(dns.questions, 1);
	ck_assert_uint_eq(resolver_count(resolver).pending, 0);
}
END_TEST

START_TEST(a_cancelled_lookup_is_never_answered)
{
	ask(&a, "db1.example");
	ask(&b, "db1.example");
	lookup_cancel(&a.lookup);
	lookup_cancel(&a.lookup);
	test_loop_until(loop, b.answers == 1);
	ask(&a, "10.1.2.3");
	lookup_cancel(&a.lookup);
	test_loop_settle(loop);
	ck_assert_int_eq(a.answers, 0);
}
END_TEST

START_TEST(a_lookup_may_be_cancelled_by_the_one_answered_before_it)
{
	a.cancels = &b;
	ask(&a, "db1.example");
	ask(&b, "db1.example");
	test_loop_until(loop, a.answers == 1);
	test_loop_settle(loop);
	ck_assert_int_eq(b.answers, 0);
}
END_TEST

START_TEST(a_name_that_does_not_exist_is_remembered_too)
{
	dns.mode = DNS_DENIES;
	ask_and_wait(&a, "nosuch.example");
	ck_assert_uint_eq(a.count, 0);
	ck_assert_str_eq(a.err.sqlstate, SQLSTATE_CANNOT_CONNECT);
	ck_assert_ptr_nonnull(strstr(a.err.text, "\"nosuch.example\""));
	ck_assert_uint_eq(dns.questions, 1);
	dns.mode = DNS_ANSWERS;
	ask_and_wait(&b, "nosuch.example");
	ck_assert_uint_eq(b.count, 0);
	ck_assert_uint_eq(dns.questions, 1);
}
END_TEST

START_TEST(a_name_that_no_longer_exists_is_believed)
{
	open_resolver(0);
	ask_and_wait(&a, "db1.example");
	dns.mode = DNS_DENIES;
	ask_and_wait(&b, "db1.example");
	ck_assert_uint_eq(b.count, 0);
}
END_TEST

START_TEST(an_outage_of_the_name_server_keeps_the_last_answer)
{
	static const enum dns_mode modes[] = {
	    DNS_SILENT, DNS_FAILS, DNS_BABBLES};

	timeout_us = 50 * 1000;
	open_resolver(0);
	ask_and_wait(&a, "db1.example");
	dns.mode = modes[_i];
	ask_and_wait(&b, "db1.example");
	ck_assert_uint_eq(b.count, 2);
}
END_TEST

START_TEST(no_answer_is_an_error_in_the_end)
{
	static const enum dns_mode modes[] = {
	    DNS_SILENT, DNS_FAILS, DNS_BABBLES};

	timeout_us = 20 * 1000;
	open_resolver(0);
	dns.mode = modes[_i];
	ask_and_wait(&a, "db1.example");
	ck_assert_uint_eq(a.count, 0);
	ck_assert_str_eq(a.err.sqlstate, SQLSTATE_CANNOT_CONNECT);
}
END_TEST

START_TEST(no_name_server_at_all_is_an_error_too)
{
	timeout_us = 20 * 1000;
	open_resolver(0);
	io_close(&dns.io);
	socket_close(&dns.fd);
	ask_and_wait(&a, "db1.example");
	ck_assert_uint_eq(a.count, 0);
}
END_TEST

START_TEST(impossible_names_are_refused)
{
	char longest[300];

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	ask_and_wait(&a, "");
	ck_assert_uint_eq(a.count, 0);
	ask_and_wait(&a, longest);
	ck_assert_uint_eq(a.count, 0);
	ask_and_wait(&a, "bad..name");
	ck_assert_uint_eq(a.count, 0);
	ck_assert_uint_eq(dns.questions, 0);
}
END_TEST

START_TEST(several_addresses_are_used_in_turn)
{
	static const char *const turns[] = {
	    "127.0.0.1:0", "127.0.0.2:0", "127.0.0.1:0"};

	for (int i = 0; i < 3; i++) {
		a.lookup.in_turn = true;
		ask_and_wait(&a, "db1.example");
		ck_assert_uint_eq(a.count, 2);
		ck_assert_str_eq(a.first, turns[i]);
		ask_and_wait(&b, "db1.example");
		ck_assert_str_eq(
		    b.first, "127.0.0.1:0"); /* did not ask for it */
	}
	ck_assert_uint_eq(dns.questions, 1);
}
END_TEST

struct watcher {
	struct name_watch watch;
	unsigned changes;
	size_t count;
	char first[ADDRESS_TEXT_BYTES];
	bool stops; /* itself, in its callback */
};

static struct watcher watcher;

static void
on_change(
    struct name_watch *watch, const struct address *addresses, size_t count)
{
	struct watcher *w = list_entry(watch, struct watcher, watch);

	w->changes++;
	w->count = count;
	address_format(&addresses[0], w->first, sizeof(w->first));
	if (w->stops) {
		name_watch_stop(watch);
	}
}

START_TEST(a_name_in_use_is_asked_for_again_and_its_change_told)
{
	watcher = (struct watcher){0};
	open_resolver(1000);
	name_watch_start(&watcher.watch, resolver, "db1.example", on_change);
	test_loop_until(loop, dns.questions >= 2);
	ck_assert_uint_eq(watcher.changes, 0); /* it is as it was */
	dns.shift = 7;
	test_loop_until(loop, watcher.changes > 0);
	ck_assert_uint_eq(watcher.changes, 1);
	ck_assert_uint_eq(watcher.count, 2);
	ck_assert_str_eq(watcher.first, "127.0.0.8:0");
	name_watch_stop(&watcher.watch);
	name_watch_stop(&watcher.watch);
}
END_TEST

START_TEST(a_name_that_is_lost_for_a_while_and_comes_back_changed_is_told)
{
	watcher = (struct watcher){.stops = true};
	open_resolver(1000);
	name_watch_start(&watcher.watch, resolver, "db1.example", on_change);
	test_loop_until(loop, dns.questions >= 1);
	dns.mode = DNS_DENIES;
	test_loop_until(loop, dns.questions >= 3);
	ck_assert_uint_eq(watcher.changes, 0);
	dns.mode = DNS_ANSWERS;
	test_loop_until(loop, dns.questions >= 5);
	ck_assert_uint_eq(watcher.changes, 0); /* as before */
	dns.mode = DNS_DENIES;
	test_loop_until(loop, dns.questions >= 7);
	dns.shift = 4;
	dns.mode = DNS_ANSWERS;
	test_loop_until(loop, watcher.changes > 0);
	ck_assert_str_eq(watcher.first, "127.0.0.5:0");
	test_loop_settle(loop);
	ck_assert_uint_eq(watcher.changes, 1);
}
END_TEST

START_TEST(while_a_name_in_use_is_asked_for_its_last_answer_serves)
{
	watcher = (struct watcher){0};
	open_resolver(1000);
	name_watch_start(&watcher.watch, resolver, "db1.example", on_change);
	test_loop_until(loop, dns.questions >= 1);
	ask_and_wait(&a, "db1.example");
	dns.mode = DNS_SILENT;
	test_loop_until(loop, resolver_count(resolver).pending == 1);
	a.answers = 0;
	ask(&a, "db1.example");
	loop_turn(loop, false);
	ck_assert_int_eq(a.answers, 1);
	ck_assert_uint_eq(a.count, 2);
	name_watch_stop(&watcher.watch);
}
END_TEST

START_TEST(numbers_and_directories_are_not_watched)
{
	static const char *const hosts[] = {
	    "10.1.2.3", "::1", "/tmp", "@abstract"};

	watcher = (struct watcher){0};
	name_watch_start(&watcher.watch, resolver, hosts[_i], on_change);
	test_loop_settle(loop);
	ck_assert_uint_eq(resolver_count(resolver).names, 0);
	name_watch_stop(&watcher.watch);
}
END_TEST

START_TEST(the_resolver_may_end_with_a_question_under_way)
{
	dns.mode = DNS_SILENT;
	ask(&a, "db1.example");
	loop_turn(loop, false);
	lookup_cancel(&a.lookup);
	resolver_free(&resolver);
	test_loop_settle(loop);
	ck_assert_int_eq(a.answers, 0);
}
END_TEST

static void
count_names(void *context, const char *host, int64_t ttl_us,
    const struct address *addresses, size_t count)
{
	unsigned *names = context;

	ck_assert_str_eq(host, "db1.example");
	ck_assert_int_gt(ttl_us, 59 * SECONDS_US);
	ck_assert_ptr_nonnull(addresses);
	ck_assert_uint_eq(count, 2);
	(*names)++;
}

START_TEST(what_is_remembered_can_be_shown)
{
	unsigned names = 0;

	ask_and_wait(&a, "db1.example");
	resolver_each(resolver, count_names, &names);
	ck_assert_uint_eq(names, 1);
}
END_TEST

START_TEST(names_are_forgotten_when_there_are_many)
{
	open_resolver(0);
	dns.mode = DNS_DENIES;
	for (unsigned i = 0; i < 1030; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "db%u.example", i);
		ask_and_wait(&a, name);
	}
	ck_assert_uint_lt(resolver_count(resolver).names, 100);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("resolver");
	TCase *theme = tcase_create("resolver");

	tcase_add_checked_fixture(theme, setup, teardown);
	tcase_set_timeout(theme, 30);
	tcase_add_test(theme, numbers_are_answered_in_the_same_turn);
	tcase_add_test(theme, localhost_needs_no_name_server);
	tcase_add_test(theme, localhost_needs_no_resolv_conf);
	tcase_add_test(theme, names_of_the_hosts_file_need_no_name_server);
	tcase_add_test(theme, a_name_has_all_its_addresses);
	tcase_add_test(theme, an_answer_is_remembered);
	tcase_add_test(theme, an_answer_is_not_remembered_beyond_its_time);
	tcase_add_test(theme, several_askers_share_one_question);
	tcase_add_test(theme, a_cancelled_lookup_is_never_answered);
	tcase_add_test(
	    theme, a_lookup_may_be_cancelled_by_the_one_answered_before_it);
	tcase_add_test(theme, a_name_that_does_not_exist_is_remembered_too);
	tcase_add_test(theme, a_name_that_no_longer_exists_is_believed);
	tcase_add_loop_test(
	    theme, an_outage_of_the_name_server_keeps_the_last_answer, 0, 3);
	tcase_add_loop_test(theme, no_answer_is_an_error_in_the_end, 0, 3);
	tcase_add_test(theme, no_name_server_at_all_is_an_error_too);
	tcase_add_test(theme, impossible_names_are_refused);
	tcase_add_test(theme, several_addresses_are_used_in_turn);
	tcase_add_test(
	    theme, a_name_in_use_is_asked_for_again_and_its_change_told);
	tcase_add_test(theme,
	    a_name_that_is_lost_for_a_while_and_comes_back_changed_is_told);
	tcase_add_test(
	    theme, while_a_name_in_use_is_asked_for_its_last_answer_serves);
	tcase_add_loop_test(
	    theme, numbers_and_directories_are_not_watched, 0, 4);
	tcase_add_test(theme, the_resolver_may_end_with_a_question_under_way);
	tcase_add_test(theme, what_is_remembered_can_be_shown);
	tcase_add_test(theme, names_are_forgotten_when_there_are_many);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
