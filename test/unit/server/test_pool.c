/*
 * test_pool.c - who gets which server, and when there is none.
 *
 * Waiters here are the test's own; servers are peers in memory, and time passes
 * when the test says so.
 */
#include "support/house.h"
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/loop.h"
#include "proto/msg.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"
#include "server/statement.h"

#define SECOND ((int64_t)1000 * 1000)
#define ONE_HOST "[databases]\napp = host=/a port=1 user=u "
#define THREE_HOSTS "[databases]\napp = host=/a,/b,/c port=1,2,3 user=u "
#define GENERAL "\n[pgweir]\nauth_type = any\npool_mode = transaction\n"

struct visitor {
	struct waiter waiter;
	struct server *server; /* while it holds one */
	bool gives_back;       /* at once */
	unsigned order;        /* in which it was granted; 0: not yet */
	unsigned refusals;
	enum close_reason reason;
	struct error err;
	bool lost;
};

static unsigned granted; /* in all */

static void
ignore(void *holder)
{
	(void)holder;
}

static void
ignore_applied(void *holder, const struct error *err, bool is_refusal)
{
	(void)holder;
	(void)err;
	(void)is_refusal;
}

static void
on_lost(void *holder, const struct error *err)
{
	struct visitor *visitor = holder;

	(void)err;
	visitor->server = NULL;
	visitor->lost = true;
}

static const struct server_holder holder = {
    ignore, ignore, ignore_applied, on_lost, NULL};

static void
give_back(struct visitor *visitor)
{
	struct server *server = visitor->server;

	visitor->server = NULL;
	server_release(server);
}

static void
on_granted(struct waiter *waiter, struct server *server)
{
	struct visitor *visitor = list_entry(waiter, struct visitor, waiter);

	visitor->order = ++granted;
	visitor->server = server;
	server_hold(server, &holder, visitor);
	if (visitor->gives_back) {
		give_back(visitor);
	}
}

static void
on_refused(
    struct waiter *waiter, enum close_reason reason, const struct error *err)
{
	struct visitor *visitor = list_entry(waiter, struct visitor, waiter);

	visitor->refusals++;
	visitor->reason = reason;
	visitor->err = *err;
}

static void
begin(struct house *house, const char *config, struct pool **pool)
{
	granted = 0;
	house_start(house, config);
	*pool = pool_find(house->pools, "app", "u");
	ck_assert_ptr_nonnull(*pool);
}

static void
come(struct pool *pool, struct visitor *visitor, enum pool_class class)
{
	visitor->waiter.on_granted = on_granted;
	visitor->waiter.on_refused = on_refused;
	pool_wait(pool, &visitor->waiter, class, NULL);
}

/* Everybody who comes to the first host logs in as primary, others as replica.
 */
static void
welcome_all(struct house *house)
{
	house_settle(house);
	for (size_t i = 0; i < house->server_count; i++) {
		struct peer *peer = &house->servers[i];

		if (peer->stream != NULL && peer->from_us.length > 0) {
			peer_welcome(house, peer, peer->port != 1);
		}
	}
}

static size_t
servers_open(const struct house *house)
{
	size_t open = 0;

	for (size_t i = 0; i < house->server_count; i++) {
		open += house->servers[i].stream != NULL;
	}
	return open;
}

/* ---- order --------------------------------------------------------------- */

START_TEST(who_came_first_is_served_first_and_many_cost_no_more_than_few)
{
	const unsigned many = 100000;
	struct visitor *visitors = mem_zalloc(many * sizeof(*visitors));
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=1" GENERAL, &pool);
	for (unsigned i = 0; i < many; i++) {
		visitors[i].gives_back = true;
		come(pool, &visitors[i], POOL_PRIMARY);
	}
	welcome_all(&house);
	ck_assert_uint_eq(granted, many);
	for (unsigned i = 0; i < many; i++) {
		ck_assert_uint_eq(visitors[i].order, i + 1);
	}
	ck_assert_uint_eq(house.server_count, 1);
	house_stop(&house);
	free(visitors);
}
END_TEST

START_TEST(the_order_holds_over_classes)
{
	static const enum pool_class classes[] = {
	    POOL_READ, POOL_PRIMARY, POOL_ANY, POOL_PRIMARY, POOL_READ};
	struct visitor visitors[5] = {0};
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=1" GENERAL, &pool);
	for (int i = 0; i < 5; i++) {
		visitors[i].gives_back = true;
		come(pool, &visitors[i], classes[i]);
	}
	welcome_all(&house);
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_uint_eq(visitors[i].order, i + 1);
	}
	house_stop(&house);
}
END_TEST

START_TEST(who_cannot_be_served_does_not_hold_up_the_others)
{
	struct visitor writers[2] = {0}, reader = {0};
	struct house house;
	struct pool *pool;

	begin(&house, THREE_HOSTS "pool_size=1" GENERAL, &pool);
	house_wait(&house, SECOND);
	welcome_all(&house);
	come(pool, &writers[0], POOL_PRIMARY);
	come(pool, &writers[1], POOL_PRIMARY);
	come(pool, &reader, POOL_READ);
	house_settle(&house);
	ck_assert_ptr_nonnull(writers[0].server);
	ck_assert_ptr_null(writers[1].server);
	ck_assert_ptr_nonnull(reader.server);
	ck_assert_int_ne(reader.server->slot->node->port, 1);
	ck_assert_uint_eq(pool->waiting, 1);
	pool_forget(&writers[1].waiter);
	pool_forget(&writers[1].waiter); /* nothing happens */
	ck_assert_uint_eq(pool->waiting, 0);
	house_stop(&house);
}
END_TEST

START_TEST(pool_size_bounds_each_node)
{
	struct visitor visitors[5] = {0};
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=2" GENERAL, &pool);
	for (int i = 0; i < 5; i++) {
		come(pool, &visitors[i], POOL_PRIMARY);
	}
	house_wait(&house, SECOND);
	ck_assert_uint_eq(house.server_count, 2);
	welcome_all(&house);
	ck_assert_uint_eq(granted, 2);
	house_wait(&house, SECOND);
	ck_assert_uint_eq(house.server_count, 2);
	give_back(&visitors[0]);
	house_settle(&house);
	ck_assert_uint_eq(visitors[2].order, 3);
	ck_assert_uint_eq(pools_active_servers(house.pools), 2);
	house_stop(&house);
}
END_TEST

/* ---- choice -------------------------------------------------------------- */

/* Two idle servers; FIRST was given back before SECOND. */
static void
make_two_idle(struct house *house, struct pool *pool, struct server **first,
    struct server **second)
{
	struct visitor visitors[2] = {0};

	come(pool, &visitors[0], POOL_PRIMARY);
	come(pool, &visitors[1], POOL_PRIMARY);
	welcome_all(house);
	*first = visitors[0].server;
	*second = visitors[1].server;
	ck_assert(*first != NULL && *second != NULL);
	give_back(&visitors[0]);
	give_back(&visitors[1]);
	house_settle(house);
}

START_TEST(the_server_given_back_last_is_taken_first)
{
	struct server *first, *second;
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=2" GENERAL, &pool);
	make_two_idle(&house, pool, &first, &second);
	ck_assert_ptr_eq(pool_take(pool, POOL_PRIMARY, NULL), second);
	house_stop(&house);
}
END_TEST

START_TEST(with_round_robin_it_is_the_one_idle_for_longest)
{
	struct server *first, *second;
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=2" GENERAL "server_round_robin = 1\n",
	    &pool);
	make_two_idle(&house, pool, &first, &second);
	ck_assert_ptr_eq(pool_take(pool, POOL_PRIMARY, NULL), first);
	house_stop(&house);
}
END_TEST

START_TEST(a_server_that_has_the_profile_already_is_preferred)
{
	struct params settings = {0};
	struct server *first, *second;
	struct profile *profile;
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=2" GENERAL, &pool);
	make_two_idle(&house, pool, &first, &second);
	params_set(&settings, "a", "1");
	profile = pools_profile(house.pools, &settings);
	first->profile = profile_ref(profile);
	ck_assert_ptr_eq(pool_take(pool, POOL_PRIMARY, profile), first);
	profile_release(&profile);
	params_fini(&settings);
	house_stop(&house);
}
END_TEST

START_TEST(who_comes_while_others_wait_takes_nothing_from_them)
{
	struct visitor busy = {0}, waiting = {0};
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=1" GENERAL, &pool);
	come(pool, &busy, POOL_PRIMARY);
	welcome_all(&house);
	come(pool, &waiting, POOL_PRIMARY);
	give_back(&busy);
	ck_assert_ptr_null(pool_take(pool, POOL_PRIMARY, NULL));
	house_settle(&house);
	ck_assert_ptr_nonnull(waiting.server);
	house_stop(&house);
}
END_TEST

START_TEST(nobody_is_served_during_a_pause)
{
	struct visitor visitor = {0};
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=1" GENERAL, &pool);
	pools_pause(house.pools, NULL);
	come(pool, &visitor, POOL_PRIMARY);
	house_wait(&house, 20 * SECOND);
	ck_assert_uint_eq(house.server_count, 0);
	ck_assert_uint_eq(visitor.refusals, 0);
	pools_resume(house.pools, NULL);
	welcome_all(&house);
	ck_assert_ptr_nonnull(visitor.server);
	house_stop(&house);
}
END_TEST

/* ---- timeouts ------------------------------------------------------------ */

/* For SECONDS every connection ends as soon as it has come up. */
static void
refuse_connections(struct house *house, int seconds)
{
	for (int i = 0; i < seconds * 10; i++) {
		house_wait(house, SECOND / 10);
		for (size_t k = 0; k < house->server_count; k++) {
			if (house->servers[k].stream != NULL) {
				peer_end(house, &house->servers[k]);
			}
		}
	}
}

START_TEST(who_is_killed_while_connecting_has_not_failed)
{
	struct visitor visitor = {0};
	struct house house;
	struct pool *pool;
	struct pool_slot *slot;

	begin(&house, ONE_HOST "pool_size=1" GENERAL, &pool);
	slot = list_first(&pool->slots, struct pool_slot, link);
	come(pool, &visitor, POOL_PRIMARY);
	house_settle(&house);
	ck_assert_uint_eq(slot->count, 1);
	pools_kill(house.pools, NULL);
	house_settle(&house);
	ck_assert_uint_eq(slot->count, 0);
	ck_assert_int_eq(slot->failing_since_us, 0);
	ck_assert_int_eq(slot->retry_at_us, 0);
	ck_assert_str_eq(slot->last_error.text, "");
	ck_assert_int_ne(slot->node->health, NODE_DOWN);
	/* No pause to wait for. */
	pools_resume(house.pools, NULL);
	welcome_all(&house);
	ck_assert_ptr_nonnull(visitor.server);
	house_stop(&house);
}
END_TEST

/* VISITOR waits for a server of its own. */
static void
come_for_its_own(struct pool *pool, struct visitor *visitor)
{
	static const struct params none;
	static const struct private_login login = {REPLICATION_LOGICAL, &none};

	visitor->waiter.on_granted = on_granted;
	visitor->waiter.on_refused = on_refused;
	pool_wait_private(pool, &visitor->waiter, &login);
}

/* What an operator does while a private server logs in. */
static void
pause_app(struct pools *pools)
{
	pools_pause(pools, "app");
}

static void
reconnect(struct pools *pools)
{
	pools_reconnect(pools, NULL);
}

static void
kill_all(struct pools *pools)
{
	pools_kill(pools, NULL);
}

static void (*const meanwhile[])(struct pools *pools) = {
    pause_app, reconnect, kill_all};

START_TEST(a_private_server_that_is_not_wanted_any_more_goes_to_nobody)
{
	struct visitor visitor = {0};
	struct house house;
	struct pool *pool;
	struct pool_slot *slot;

	begin(&house, ONE_HOST "pool_size=1" GENERAL, &pool);
	slot = list_first(&pool->slots, struct pool_slot, link);
	/* One that tells that the host is a primary. */
	come(pool, &visitor, POOL_PRIMARY);
	welcome_all(&house);
	give_back(&visitor);
	granted = 0;
	come_for_its_own(pool, &visitor);
	house_settle(&house);
	ck_assert_uint_eq(slot->private_coming, 1);
	meanwhile[_i](house.pools);
	peer_welcome(&house, &house.servers[1], false);
	house_settle(&house);
	ck_assert_uint_eq(granted, 0);
	ck_assert_uint_eq(slot->private_coming, slot->count);
	ck_assert_int_eq(slot->failing_since_us, 0);
	ck_assert_uint_eq(visitor.refusals, 0);
	pools_resume(house.pools, "app");
	pools_resume(house.pools, NULL);
	house_settle(&house);
	ck_assert_uint_eq(house.server_count, 3);
	peer_welcome(&house, &house.servers[2], false);
	house_settle(&house);
	ck_assert_ptr_nonnull(visitor.server);
	house_stop(&house);
}
END_TEST

START_TEST(who_wants_a_server_of_its_own_has_its_turn_in_a_busy_pool)
{
	struct visitor first = {0}, own = {0}, last = {0};
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=1" GENERAL, &pool);
	come(pool, &first, POOL_PRIMARY);
	welcome_all(&house);
	come_for_its_own(pool, &own);
	come(pool, &last, POOL_PRIMARY);
	house_settle(&house);
	give_back(&first);
	welcome_all(&house);
	ck_assert_ptr_nonnull(own.server);
	ck_assert_ptr_null(last.server);
	server_drop(own.server, CLOSE_SERVER_CLIENT_LEFT);
	welcome_all(&house);
	ck_assert_ptr_nonnull(last.server);
	house_stop(&house);
}
END_TEST

START_TEST(server_unreachable_timeout_refuses_with_the_reason)
{
	struct visitor visitor = {0};
	struct house house;
	struct pool *pool;

	begin(&house,
	    ONE_HOST "pool_size=1" GENERAL "server_unreachable_timeout = 5\n",
	    &pool);
	come(pool, &visitor, POOL_PRIMARY);
	refuse_connections(&house, 4);
	ck_assert_uint_eq(visitor.refusals, 0);
	refuse_connections(&house, 3);
	ck_assert_uint_eq(visitor.refusals, 1);
	ck_assert_int_eq(visitor.reason, CLOSE_CLIENT_NO_SERVER);
	ck_assert_ptr_nonnull(
	    strstr(visitor.err.text, "closed the connection"));
	house_stop(&house);
}
END_TEST

START_TEST(pauses_between_attempts_grow)
{
	struct visitor visitor = {0};
	struct house house;
	struct pool *pool;
	size_t soon, later;

	begin(&house,
	    ONE_HOST "pool_size=1" GENERAL "server_login_retry = 4\n"
	             "server_unreachable_timeout = 1000\n",
	    &pool);
	come(pool, &visitor, POOL_PRIMARY);
	refuse_connections(&house, 2);
	soon = house.server_count;
	ck_assert_uint_ge(soon, 4); /* at 0, 100, 300, 700, 1500 ms */
	ck_assert_uint_le(soon, 6);
	refuse_connections(&house, 20);
	later = house.server_count - soon;
	ck_assert_uint_ge(later, 4); /* every 4 s in the end */
	ck_assert_uint_le(later, 8);
	house_stop(&house);
}
END_TEST

START_TEST(attempts_begun_together_fail_together)
{
	struct visitor visitors[5] = {0};
	struct house house;
	struct pool *pool;
	size_t before;

	begin(&house, ONE_HOST "pool_size=5" GENERAL, &pool);
	for (int i = 0; i < 5; i++) {
		come(pool, &visitors[i], POOL_PRIMARY);
	}
	house_settle(&house);
	ck_assert_uint_eq(house.server_count, 5);
	for (int i = 0; i < 5; i++) {
		peer_end(&house, &house.servers[i]);
	}
	/* The next pause is the first one's, and one finds out for all. */
	before = house.server_count;
	house_wait(&house, 150 * 1000);
	ck_assert_uint_eq(house.server_count, before + 1);
	house_wait(&house, SECOND);
	ck_assert_uint_eq(house.server_count, before + 1);
	welcome_all(&house);
	ck_assert_ptr_nonnull(visitors[0].server);
	welcome_all(&house);
	for (int i = 1; i < 5; i++) {
		ck_assert_ptr_nonnull(visitors[i].server);
	}
	house_stop(&house);
}
END_TEST

START_TEST(who_has_servers_waits_for_them_when_there_are_no_more)
{
	struct msg_report report = {
	    "FATAL", "53300", "sorry, too many clients already", NULL, NULL};
	struct visitor visitors[3] = {0};
	struct buf out = {0};
	struct house house;
	struct pool *pool;

	begin(&house,
	    ONE_HOST "pool_size=3" GENERAL "server_unreachable_timeout = 5\n"
	             "server_login_retry = 100\n",
	    &pool);
	come(pool, &visitors[0], POOL_PRIMARY);
	welcome_all(&house);
	ck_assert_ptr_nonnull(visitors[0].server);
	come(pool, &visitors[1], POOL_PRIMARY);
	come(pool, &visitors[2], POOL_PRIMARY);
	msg_error_response(&out, &report);
	for (int i = 0; i < 200; i++) {
		house_wait(&house, SECOND / 10);
		for (size_t k = 1; k < house.server_count; k++) {
			struct peer *peer = &house.servers[k];

			if (peer->stream != NULL && peer->from_us.length > 0) {
				peer_send(
				    &house, peer, buf_bytes(&out), out.length);
			}
		}
	}
	ck_assert_uint_lt(house.server_count, 14); /* it does not insist */
	ck_assert_uint_eq(visitors[1].refusals + visitors[2].refusals, 0);
	for (int i = 0; i < 2; i++) {
		give_back(&visitors[i]);
		house_settle(&house);
		ck_assert_ptr_nonnull(visitors[i + 1].server);
	}
	/* Without any of its own it waits, and hears why in the end. */
	server_close(visitors[2].server, CLOSE_SERVER_LOST, NULL);
	visitors[0].server = NULL;
	come(pool, &visitors[0], POOL_PRIMARY);
	house_wait(&house, SECOND);
	ck_assert_uint_eq(visitors[0].refusals, 0);
	house_wait(&house, 6 * SECOND);
	ck_assert_uint_eq(visitors[0].refusals, 1);
	ck_assert_ptr_nonnull(
	    strstr(visitors[0].err.text, "sorry, too many clients already"));
	buf_fini(&out);
	house_stop(&house);
}
END_TEST

START_TEST(a_login_that_fails_for_good_refuses_at_once)
{
	struct msg_report report = {
	    "FATAL", "28P01", "password authentication failed", NULL, NULL};
	struct visitor visitors[2] = {0};
	struct buf out = {0};
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=1" GENERAL, &pool);
	come(pool, &visitors[0], POOL_PRIMARY);
	come(pool, &visitors[1], POOL_PRIMARY);
	house_settle(&house);
	msg_error_response(&out, &report);
	peer_send(&house, &house.servers[0], buf_bytes(&out), out.length);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(visitors[i].refusals, 1);
		ck_assert_str_eq(visitors[i].err.text, report.message);
	}
	buf_fini(&out);
	house_stop(&house);
}
END_TEST

START_TEST(a_login_that_does_not_end_is_given_up)
{
	struct visitor visitor = {0};
	struct house house;
	struct pool *pool;

	begin(&house,
	    ONE_HOST "pool_size=1" GENERAL "server_connect_timeout = 2\n",
	    &pool);
	come(pool, &visitor, POOL_PRIMARY);
	house_wait(&house, SECOND);
	ck_assert_uint_eq(house.server_count, 1);
	house_wait(&house, 2 * SECOND);
	ck_assert_ptr_null(house.servers[0].stream);
	ck_assert_uint_eq(house.server_count, 2);
	house_stop(&house);
}
END_TEST

START_TEST(an_idle_server_ends_after_its_timeout)
{
	struct server *first, *second;
	struct house house;
	struct pool *pool;

	begin(&house,
	    ONE_HOST "pool_size=2" GENERAL "server_idle_timeout = 3\n", &pool);
	make_two_idle(&house, pool, &first, &second);
	house_wait(&house, 5 * SECOND / 2);
	ck_assert_uint_eq(servers_open(&house), 2);
	house_wait(&house, SECOND);
	ck_assert_uint_eq(servers_open(&house), 0);
	ck_assert_uint_gt(house.servers[0].from_us.length, 0); /* Terminate */
	house_stop(&house);
}
END_TEST

START_TEST(server_lifetime_waits_for_who_is_at_work)
{
	struct visitor visitor = {0};
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=1" GENERAL "server_lifetime = 3\n",
	    &pool);
	come(pool, &visitor, POOL_PRIMARY);
	welcome_all(&house);
	house_wait(&house, 10 * SECOND);
	ck_assert_ptr_nonnull(visitor.server);
	ck_assert_uint_eq(servers_open(&house), 1);
	give_back(&visitor);
	house_wait(&house, SECOND);
	ck_assert_uint_eq(servers_open(&house), 0);
	house_stop(&house);
}
END_TEST

START_TEST(server_lifetime_0_uses_a_connection_once)
{
	struct visitor visitors[2] = {0};
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=1" GENERAL "server_lifetime = 0\n",
	    &pool);
	come(pool, &visitors[0], POOL_PRIMARY);
	pool_forget(&visitors[0].waiter);
	come(pool, &visitors[1], POOL_PRIMARY);
	house_settle(&house);
	pool_forget(&visitors[1].waiter);
	welcome_all(&house);
	house_wait(&house, SECOND);
	ck_assert_uint_eq(servers_open(&house), 1); /* not used yet */
	come(pool, &visitors[0], POOL_PRIMARY);
	house_settle(&house);
	ck_assert_ptr_nonnull(visitors[0].server);
	give_back(&visitors[0]);
	house_settle(&house);
	ck_assert_uint_eq(servers_open(&house), 0);
	house_stop(&house);
}
END_TEST

START_TEST(servers_opened_together_do_not_end_together)
{
	struct visitor visitors[8] = {0};
	struct house house;
	struct pool *pool;

	begin(&house,
	    ONE_HOST "pool_size=8" GENERAL "server_lifetime = 1000\n"
	             "server_idle_timeout = 0\nserver_check_query =\n",
	    &pool);
	for (size_t i = 0; i < 8; i++) {
		come(pool, &visitors[i], POOL_PRIMARY);
	}
	welcome_all(&house);
	for (size_t i = 0; i < 8; i++) {
		give_back(&visitors[i]);
	}
	house_wait(&house, 899 * SECOND);
	ck_assert_uint_eq(servers_open(&house), 8);
	house_wait(&house, 51 * SECOND);
	ck_assert_uint_gt(servers_open(&house), 1);
	ck_assert_uint_lt(servers_open(&house), 7);
	house_wait(&house, 51 * SECOND);
	ck_assert_uint_eq(servers_open(&house), 0);
	house_stop(&house);
}
END_TEST

/* ---- reload -------------------------------------------------------------- */

static void
reload(struct house *house, const char *text)
{
	struct problems problems = {0};
	struct config *config =
	    config_load_text("test", text, strlen(text), &problems);

	ck_assert_ptr_nonnull(config);
	problems_fini(&problems);
	pools_configure(house->pools, config);
	config_unref(&config);
	house_settle(house);
}

START_TEST(a_reload_that_changes_nothing_keeps_the_servers)
{
	struct server *first, *second;
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=2" GENERAL, &pool);
	make_two_idle(&house, pool, &first, &second);
	reload(&house, ONE_HOST "pool_size=2" GENERAL);
	house_wait(&house, SECOND);
	ck_assert_uint_eq(servers_open(&house), 2);
	ck_assert_ptr_eq(pool_find(house.pools, "app", "u"), pool);
	house_stop(&house);
}
END_TEST

START_TEST(a_reload_sets_the_bound_of_statements)
{
	const struct hash128 meaning = {1, 2};
	const size_t size = (size_t)1536 * 1024;
	struct statements *statements;
	struct statement *statement;
	uint8_t *body = mem_zalloc(size);
	struct house house;
	struct pool *pool;

	begin(&house,
	    ONE_HOST "pool_size=2" GENERAL "max_statement_bytes = 1MB\n",
	    &pool);
	statements = pools_statements(house.pools);
	ck_assert_ptr_null(statements_take(statements, &meaning, body, size));
	reload(&house,
	    ONE_HOST "pool_size=2" GENERAL "max_statement_bytes = 2MB\n");
	ck_assert_ptr_eq(pools_statements(house.pools), statements);
	statement = statements_take(statements, &meaning, body, size);
	ck_assert_ptr_nonnull(statement);
	statement_release(&statement);
	free(body);
	house_stop(&house);
}
END_TEST

START_TEST(a_smaller_pool_closes_what_is_too_many)
{
	struct server *first, *second;
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=2" GENERAL, &pool);
	make_two_idle(&house, pool, &first, &second);
	reload(&house, ONE_HOST "pool_size=1" GENERAL);
	house_wait(&house, SECOND);
	ck_assert_uint_eq(servers_open(&house), 1);
	house_stop(&house);
}
END_TEST

START_TEST(another_host_closes_idle_servers_now_and_others_when_free)
{
	struct visitor busy = {0}, next = {0};
	struct server *idle;
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=2" GENERAL, &pool);
	make_two_idle(&house, pool, &idle, &idle);
	come(pool, &busy, POOL_PRIMARY);
	house_settle(&house);
	reload(&house, "[databases]\napp = host=/b port=2 user=u" GENERAL);
	ck_assert_uint_eq(servers_open(&house), 1);
	ck_assert(!busy.lost);
	ck_assert_uint_eq(pool->old_slots.count, 1);
	come(pool, &next, POOL_PRIMARY);
	welcome_all(&house);
	ck_assert_ptr_nonnull(next.server);
	ck_assert_int_eq(next.server->slot->node->port, 2);
	give_back(&busy);
	house_settle(&house);
	ck_assert_uint_eq(servers_open(&house), 1);
	ck_assert_uint_eq(pool->old_slots.count, 0);
	house_stop(&house);
}
END_TEST

START_TEST(who_waits_over_a_reload_is_served_by_the_new_host)
{
	struct visitor visitor = {0};
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=1" GENERAL, &pool);
	come(pool, &visitor, POOL_PRIMARY);
	house_settle(&house);
	reload(&house, "[databases]\napp = host=/b port=2 user=u" GENERAL);
	ck_assert_ptr_null(house.servers[0].stream);
	welcome_all(&house);
	ck_assert_ptr_nonnull(visitor.server);
	ck_assert_int_eq(visitor.server->slot->node->port, 2);
	house_stop(&house);
}
END_TEST

START_TEST(a_removed_database_refuses_who_waits_and_may_come_back)
{
	struct visitor busy = {0}, waiting = {0}, later = {0};
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST "pool_size=1" GENERAL, &pool);
	come(pool, &busy, POOL_PRIMARY);
	welcome_all(&house);
	come(pool, &waiting, POOL_PRIMARY);
	reload(&house, "[databases]\nother = host=/a port=1 user=u" GENERAL);
	ck_assert_uint_eq(waiting.refusals, 1);
	ck_assert_int_eq(waiting.reason, CLOSE_CLIENT_DATABASE_REMOVED);
	ck_assert_ptr_null(pool_find(house.pools, "app", "u"));
	ck_assert_ptr_null(pool_take(pool, POOL_PRIMARY, NULL));
	house_wait(&house, SECOND);
	ck_assert_ptr_nonnull(busy.server);
	give_back(&busy);
	house_settle(&house);
	ck_assert_uint_eq(servers_open(&house), 0);
	reload(&house, ONE_HOST "pool_size=1" GENERAL);
	ck_assert_ptr_eq(pool_find(house.pools, "app", "u"), pool);
	come(pool, &later, POOL_PRIMARY);
	welcome_all(&house);
	ck_assert_ptr_nonnull(later.server);
	house_stop(&house);
}
END_TEST

static void
add_reloads(Suite *suite)
{
	TCase *theme = tcase_create("reload");

	tcase_add_test(theme, a_reload_that_changes_nothing_keeps_the_servers);
	tcase_add_test(theme, a_reload_sets_the_bound_of_statements);
	tcase_add_test(theme, a_smaller_pool_closes_what_is_too_many);
	tcase_add_test(
	    theme, another_host_closes_idle_servers_now_and_others_when_free);
	tcase_add_test(
	    theme, who_waits_over_a_reload_is_served_by_the_new_host);
	tcase_add_test(
	    theme, a_removed_database_refuses_who_waits_and_may_come_back);
	suite_add_tcase(suite, theme);
}

static void
add_timeouts(Suite *suite)
{
	TCase *theme = tcase_create("timeouts");

	tcase_add_test(
	    theme, server_unreachable_timeout_refuses_with_the_reason);
	tcase_add_test(theme, pauses_between_attempts_grow);
	tcase_add_test(theme, attempts_begun_together_fail_together);
	tcase_add_test(
	    theme, who_has_servers_waits_for_them_when_there_are_no_more);
	tcase_add_test(theme, a_login_that_fails_for_good_refuses_at_once);
	tcase_add_test(theme, a_login_that_does_not_end_is_given_up);
	tcase_add_test(theme, an_idle_server_ends_after_its_timeout);
	tcase_add_test(theme, server_lifetime_waits_for_who_is_at_work);
	tcase_add_test(theme, server_lifetime_0_uses_a_connection_once);
	tcase_add_test(theme, servers_opened_together_do_not_end_together);
	suite_add_tcase(suite, theme);
}

static void
add_private(Suite *suite)
{
	TCase *theme = tcase_create("private");

	tcase_add_test(theme, who_is_killed_while_connecting_has_not_failed);
	tcase_add_loop_test(theme,
	    a_private_server_that_is_not_wanted_any_more_goes_to_nobody, 0,
	    sizeof(meanwhile) / sizeof(*meanwhile));
	tcase_add_test(
	    theme, who_wants_a_server_of_its_own_has_its_turn_in_a_busy_pool);
	suite_add_tcase(suite, theme);
}

int
main(void)
{
	Suite *suite = suite_create("pool");
	TCase *order = tcase_create("order");
	TCase *choice = tcase_create("choice");

	tcase_set_timeout(order, 20);
	tcase_add_test(order,
	    who_came_first_is_served_first_and_many_cost_no_more_than_few);
	tcase_add_test(order, the_order_holds_over_classes);
	tcase_add_test(order, who_cannot_be_served_does_not_hold_up_the_others);
	tcase_add_test(order, pool_size_bounds_each_node);
	tcase_add_test(choice, the_server_given_back_last_is_taken_first);
	tcase_add_test(choice, with_round_robin_it_is_the_one_idle_for_longest);
	tcase_add_test(
	    choice, a_server_that_has_the_profile_already_is_preferred);
	tcase_add_test(
	    choice, who_comes_while_others_wait_takes_nothing_from_them);
	tcase_add_test(choice, nobody_is_served_during_a_pause);
	add_private(suite);
	suite_add_tcase(suite, order);
	suite_add_tcase(suite, choice);
	add_timeouts(suite);
	add_reloads(suite);
	return unit_run(suite);
}
