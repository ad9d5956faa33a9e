/*
 * test_share.c - several pools under one max_db_connections or
 * max_user_connections.
 *
 * Waiters are the test's own, of users and databases by name; servers are peers
 * in memory, and time passes when the test says so.
 */
#include "support/allocations.h"
#include "support/house.h"
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "core/mem.h"
#include "net/loop.h"
#include "node/node.h"
#include "server/pool_int.h"
#include "server/server_int.h"

#define MILLISECOND ((int64_t)1000)
#define SECOND (1000 * MILLISECOND)
#define GENERAL                                                    \
	"\n[pgweir]\nauth_type = trust\npool_mode = transaction\n" \
	"server_idle_timeout = 0\nserver_lifetime = 1000\n"
#define ONE_HOST(more) "[databases]\napp = host=/a port=1 " more
#define TWO_DATABASES                                               \
	"[databases]\none = host=/a port=1\ntwo = host=/a port=1\n" \
	"away = host=/b port=2\n"

struct visitor {
	struct waiter waiter;
	struct server *server; /* while it holds one */
	bool gives_back;       /* at once */
	unsigned order;        /* in which it was granted; 0: not yet */
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
	(void)waiter;
	if (reason != CLOSE_CLIENT_SHUTDOWN) {
		ck_abort_msg("refused: %s", err->text);
	}
}

static void
begin(struct house *house, const char *config)
{
	granted = 0;
	house_start(house, config);
}

static void
wait_in(struct pool *pool, struct visitor *visitor, enum pool_class class)
{
	visitor->waiter.on_granted = on_granted;
	visitor->waiter.on_refused = on_refused;
	pool_wait(pool, &visitor->waiter, class, NULL);
}

static void
come(struct house *house, struct visitor *visitor, const char *database,
    const char *user)
{
	struct pool *pool = pool_find(house->pools, database, user);

	ck_assert_ptr_nonnull(pool);
	wait_in(pool, visitor, POOL_PRIMARY);
}

/* Every server that has come is let in, and who comes of that, too. */
static void
welcome_all(struct house *house)
{
	bool again = true;

	while (again) {
		again = false;
		house_settle(house);
		for (size_t i = 0; i < house->server_count; i++) {
			struct peer *peer = &house->servers[i];

			if (peer->stream != NULL && peer->from_us.length > 0) {
				/* The second of several hosts. */
				peer_welcome(house, peer, peer->port == 2);
				buf_clear(&peer->from_us);
				again = true;
			}
		}
	}
}

/* VISITOR comes and has a server. */
static void
come_and_have(struct house *house, struct visitor *visitor,
    const char *database, const char *user)
{
	come(house, visitor, database, user);
	welcome_all(house);
	ck_assert_ptr_nonnull(visitor->server);
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

/* The only slot of a pool. */
static struct pool_slot *
slot_of(struct house *house, const char *database, const char *user)
{
	struct pool_slot *slot =
	    list_first(&pool_find(house->pools, database, user)->slots,
	        struct pool_slot, link);

	ck_assert_ptr_nonnull(slot);
	return slot;
}

/* From now on a move must be worth it. */
static void
spend_moves(struct house *house, const char *database, const char *user)
{
	struct pool *pool = pool_find(house->pools, database, user);
	struct pool_slot *slot =
	    list_first(&pool->slots, struct pool_slot, link);

	while (cap_pay_move(
	    slot->shares[CAP_DATABASE].cap, loop_now_us(house->loop))) {
		/* and the next */
	}
}

static void
reconfigure(struct house *house, const char *text)
{
	struct problems problems = {0};
	struct config *config =
	    config_load_text("test", text, strlen(text), &problems);

	ck_assert_ptr_nonnull(config);
	pools_configure(house->pools, config);
	config_unref(&config);
	problems_fini(&problems);
	house_settle(house);
}

/* ---- bounds -------------------------------------------------------------- */

START_TEST(a_database_has_so_many_servers_whatever_the_user)
{
	struct visitor visitors[4] = {0};
	struct house house;

	begin(&house, ONE_HOST("max_db_connections=3") GENERAL);
	come(&house, &visitors[0], "app", "ann");
	come(&house, &visitors[1], "app", "ann");
	come(&house, &visitors[2], "app", "bob");
	come(&house, &visitors[3], "app", "cid");
	welcome_all(&house);
	ck_assert_uint_eq(granted, 3);
	ck_assert_ptr_null(visitors[3].server);
	ck_assert_uint_eq(house.server_count, 3);
	give_back(&visitors[0]);
	welcome_all(&house);
	ck_assert_ptr_nonnull(visitors[3].server);
	ck_assert_uint_eq(servers_open(&house), 3);
	house_stop(&house);
}
END_TEST

START_TEST(a_user_has_so_many_servers_whatever_the_database)
{
	struct visitor visitors[4] = {0};
	struct house house;

	begin(&house,
	    TWO_DATABASES "[users]\nann = max_user_connections=2" GENERAL);
	come(&house, &visitors[0], "one", "ann");
	come(&house, &visitors[1], "two", "ann");
	come(&house, &visitors[2], "two", "ann");
	come(&house, &visitors[3], "two", "bob");
	welcome_all(&house);
	ck_assert_ptr_null(visitors[2].server);
	ck_assert_ptr_nonnull(visitors[3].server);
	give_back(&visitors[0]);
	welcome_all(&house);
	ck_assert_ptr_nonnull(visitors[2].server);
	house_stop(&house);
}
END_TEST

START_TEST(each_node_has_its_own_bound)
{
	struct visitor visitors[2] = {0};
	struct house house;

	begin(&house, TWO_DATABASES GENERAL "max_user_connections=1\n");
	come_and_have(&house, &visitors[0], "one", "ann");
	come_and_have(&house, &visitors[1], "away", "ann");
	house_stop(&house);
}
END_TEST

START_TEST(who_is_stopped_by_both_bounds_is_served_when_both_allow_it)
{
	struct visitor ann = {0}, bob = {0}, late = {0};
	struct house house;

	begin(&house,
	    TWO_DATABASES GENERAL
	    "max_db_connections=1\nmax_user_connections=1\n");
	come_and_have(&house, &ann, "one", "ann");
	come_and_have(&house, &bob, "two", "bob");
	come(&house, &late, "two", "ann");
	welcome_all(&house);
	ck_assert_ptr_null(late.server);
	give_back(&bob);
	welcome_all(&house);
	ck_assert_ptr_null(late.server);
	ck_assert_uint_eq(servers_open(&house), 2); /* bob's is idle */
	give_back(&ann);
	welcome_all(&house);
	ck_assert_ptr_nonnull(late.server);
	ck_assert_uint_eq(servers_open(&house), 1);
	house_stop(&house);
}
END_TEST

/* ---- room ---------------------------------------------------------------- */

START_TEST(an_idle_server_of_another_pool_makes_room_at_once)
{
	struct visitor ann[2] = {0}, bob = {0};
	struct house house;

	begin(&house, ONE_HOST("max_db_connections=2") GENERAL);
	come_and_have(&house, &ann[0], "app", "ann");
	come_and_have(&house, &ann[1], "app", "ann");
	give_back(&ann[1]);
	house_wait(&house, SECOND);
	give_back(&ann[0]);
	come_and_have(&house, &bob, "app", "bob");
	/* The one that was idle for longest. */
	ck_assert_ptr_nonnull(house.servers[0].stream);
	ck_assert_ptr_null(house.servers[1].stream);
	house_stop(&house);
}
END_TEST

START_TEST(a_server_that_nobody_waits_for_is_not_closed_for_nothing)
{
	struct visitor ann = {0}, bob = {0};
	struct house house;

	begin(&house, ONE_HOST("max_db_connections=2") GENERAL);
	come_and_have(&house, &ann, "app", "ann");
	give_back(&ann);
	come_and_have(&house, &bob, "app", "bob");
	ck_assert_uint_eq(servers_open(&house), 2);
	house_stop(&house);
}
END_TEST

START_TEST(who_waits_for_the_primary_keeps_no_replica_from_others)
{
	struct visitor reader = {0}, other = {0}, writer = {0}, greeted = {0};
	struct house house;
	struct pool *ann, *bob;

	begin(&house,
	    "[databases]\napp = host=/a,/b port=1,2 max_db_connections=1" GENERAL);
	ann = pool_find(house.pools, "app", "ann");
	bob = pool_find(house.pools, "app", "bob");
	house_wait(&house, SECOND);
	welcome_all(&house);
	wait_in(ann, &reader, POOL_READ);
	wait_in(ann, &writer, POOL_PRIMARY);
	welcome_all(&house);
	ck_assert_int_eq(reader.server->slot->node->port, 2);
	ck_assert_int_eq(writer.server->slot->node->port, 1);
	/* Whichever is there, and that is the primary. */
	wait_in(ann, &greeted, POOL_ANY);
	house_settle(&house);
	give_back(&reader);
	wait_in(bob, &other, POOL_READ);
	welcome_all(&house);
	ck_assert_ptr_nonnull(other.server);
	ck_assert_int_eq(other.server->slot->node->port, 2);
	ck_assert_ptr_null(greeted.server);
	house_stop(&house);
}
END_TEST

START_TEST(a_minimum_makes_room_but_takes_none)
{
	struct visitor ann = {0}, bob = {0};
	struct house house;
	struct pool *pool;

	begin(&house, ONE_HOST("max_db_connections=2 min_pool_size=2") GENERAL);
	pool = pool_find(house.pools, "app", "ann");
	pool_enter(pool);
	house_wait(&house, SECOND);
	welcome_all(&house);
	ck_assert_uint_eq(servers_open(&house), 2);
	come_and_have(&house, &bob, "app", "bob");
	house_wait(&house, SECOND);
	welcome_all(&house);
	come_and_have(&house, &ann, "app", "ann");
	ck_assert_uint_eq(house.server_count, 3);
	pool_leave(pool);
	house_stop(&house);
}
END_TEST

/* ---- order --------------------------------------------------------------- */

START_TEST(the_oldest_of_all_pools_is_served_first)
{
	static const char *const users[] = {
	    "ann", "bob", "bob", "cid", "ann", "bob", "ann", "cid"};
	struct visitor first = {0}, visitors[8] = {0};
	struct house house;

	begin(&house, ONE_HOST("max_db_connections=1") GENERAL);
	come_and_have(&house, &first, "app", "ann");
	for (unsigned i = 0; i < 8; i++) {
		visitors[i].gives_back = true;
		come(&house, &visitors[i], "app", users[i]);
		house_settle(&house);
	}
	give_back(&first);
	welcome_all(&house);
	for (unsigned i = 0; i < 8; i++) {
		ck_assert_uint_eq(visitors[i].order, i + 2);
	}
	house_stop(&house);
}
END_TEST

START_TEST(the_order_does_not_depend_on_which_pool_is_looked_at_first)
{
	struct visitor first = {0}, visitors[6] = {0};
	struct house house;

	begin(&house, TWO_DATABASES GENERAL "max_user_connections=1\n");
	(void)pool_find(house.pools, "two", "ann");
	come_and_have(&house, &first, "one", "ann");
	for (unsigned i = 0; i < 6; i++) {
		visitors[i].gives_back = true;
		come(&house, &visitors[i], i % 2 == 0 ? "two" : "one", "ann");
	}
	house_settle(&house);
	give_back(&first);
	welcome_all(&house);
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_uint_eq(visitors[i].order, i + 2);
	}
	house_stop(&house);
}
END_TEST

START_TEST(who_comes_while_an_older_one_waits_does_not_take_its_place)
{
	struct visitor ann = {0}, bob = {0};
	struct house house;

	begin(&house, ONE_HOST("max_db_connections=1") GENERAL);
	come_and_have(&house, &ann, "app", "ann");
	come(&house, &bob, "app", "bob");
	house_settle(&house);
	give_back(&ann);
	/* Idle, but not hers. */
	ck_assert_ptr_null(pool_take(
	    pool_find(house.pools, "app", "ann"), POOL_PRIMARY, NULL));
	welcome_all(&house);
	ck_assert_ptr_nonnull(bob.server);
	house_stop(&house);
}
END_TEST

START_TEST(who_leaves_lets_the_next_have_its_turn)
{
	struct visitor ann = {0}, bob = {0}, cid = {0};
	struct house house;

	begin(&house, ONE_HOST("max_db_connections=1") GENERAL);
	come_and_have(&house, &ann, "app", "ann");
	come(&house, &bob, "app", "bob");
	come(&house, &cid, "app", "cid");
	house_settle(&house);
	pool_forget(&bob.waiter);
	give_back(&ann);
	welcome_all(&house);
	ck_assert_ptr_nonnull(cid.server);
	house_stop(&house);
}
END_TEST

START_TEST(who_cannot_use_its_turn_does_not_hold_up_the_others)
{
	struct visitor ann = {0}, bob = {0}, cid = {0};
	struct house house;

	begin(&house, ONE_HOST("max_db_connections=1") GENERAL);
	come_and_have(&house, &ann, "app", "ann");
	come(&house, &bob, "app", "bob");
	come(&house, &cid, "app", "cid");
	house_settle(&house);
	/* As after a login that failed. */
	slot_of(&house, "app", "bob")->retry_at_us = INT64_MAX;
	give_back(&ann);
	welcome_all(&house);
	ck_assert_ptr_nonnull(cid.server);
	house_stop(&house);
}
END_TEST

/* Two pools that are never at rest: each has waiters again as soon as one was
 * served. */
START_TEST(who_wants_a_server_of_its_own_has_its_turn)
{
	static const struct params none;
	static const struct private_login login = {REPLICATION_LOGICAL, &none};
	struct visitor ann = {0}, own = {0}, late = {0};
	struct house house;

	begin(&house, ONE_HOST("max_db_connections=1") GENERAL);
	come_and_have(&house, &ann, "app", "ann");
	own.waiter.on_granted = on_granted;
	own.waiter.on_refused = on_refused;
	pool_wait_private(
	    pool_find(house.pools, "app", "bob"), &own.waiter, &login);
	come(&house, &late, "app", "cid");
	welcome_all(&house);
	ck_assert(slot_is_waiting(slot_of(&house, "app", "bob")));
	/* Without a tick. */
	give_back(&ann);
	welcome_all(&house);
	ck_assert_ptr_nonnull(own.server);
	ck_assert_ptr_null(late.server);
	server_drop(own.server, CLOSE_SERVER_CLIENT_LEFT);
	welcome_all(&house);
	ck_assert_ptr_nonnull(late.server);
	house_stop(&house);
}
END_TEST

START_TEST(two_busy_pools_do_not_spend_their_time_logging_in)
{
	struct visitor ann[2] = {0}, bob[2] = {0};
	struct visitor *const all[] = {&ann[0], &ann[1], &bob[0], &bob[1]};
	unsigned turns[4] = {0};
	struct house house;
	size_t before;

	begin(&house, ONE_HOST("max_db_connections=1") GENERAL);
	come_and_have(&house, &ann[0], "app", "ann");
	spend_moves(&house, "app", "ann");
	for (int i = 1; i < 4; i++) {
		come(&house, all[i], "app", i < 2 ? "ann" : "bob");
	}
	before = house.server_count;
	for (int i = 0; i < 3000; i++) {
		house_wait(&house, MILLISECOND);
		welcome_all(&house);
		for (int k = 0; k < 4; k++) {
			if (all[k]->server != NULL) {
				turns[k]++;
				give_back(all[k]);
				come(&house, all[k], "app",
				    k < 2 ? "ann" : "bob");
				break;
			}
		}
	}
	/* Three seconds: what is paid for, and a slice each. */
	ck_assert_uint_le(house.server_count - before, 2 * 3 * 10 + 2);
	ck_assert_uint_gt(turns[0] + turns[1] + turns[2] + turns[3], 2500);
	for (int k = 0; k < 4; k++) {
		ck_assert_uint_gt(turns[k], 400);
	}
	house_stop(&house);
}
END_TEST

START_TEST(who_has_one_on_its_way_waits_with_its_next)
{
	struct visitor ann[2] = {0}, bob[2] = {0}, cid = {0};
	struct house house;

	begin(&house, ONE_HOST("max_db_connections=2") GENERAL);
	come_and_have(&house, &ann[0], "app", "ann");
	come_and_have(&house, &ann[1], "app", "ann");
	come(&house, &bob[0], "app", "bob");
	come(&house, &cid, "app", "cid");
	come(&house, &bob[1], "app", "bob");
	house_settle(&house);
	give_back(&ann[0]);
	house_settle(&house);
	ck_assert_uint_eq(slot_of(&house, "app", "bob")->count, 1);
	give_back(&ann[1]);
	house_settle(&house);
	ck_assert_uint_eq(slot_of(&house, "app", "cid")->count, 1);
	ck_assert_uint_eq(slot_of(&house, "app", "bob")->count, 1);
	house_stop(&house);
}
END_TEST

START_TEST(a_place_that_comes_free_is_the_oldest_ones)
{
	struct visitor ann = {0}, bob = {0}, cid = {0};
	struct server *lost;
	struct house house;

	begin(&house, ONE_HOST("max_db_connections=1") GENERAL);
	come_and_have(&house, &ann, "app", "ann");
	come(&house, &bob, "app", "bob");
	house_settle(&house);
	/* Her pool is looked at first. */
	come(&house, &cid, "app", "cid");
	lost = ann.server;
	server_drop(lost, CLOSE_SERVER_UNCLEAN);
	welcome_all(&house);
	ck_assert_ptr_nonnull(bob.server);
	ck_assert_ptr_null(cid.server);
	ck_assert_uint_eq(house.server_count, 2);
	house_stop(&house);
}
END_TEST

START_TEST(who_leaves_when_it_is_its_turn_passes_it_on)
{
	struct visitor ann = {0}, bob = {0}, cid = {0};
	struct house house;

	begin(&house, ONE_HOST("max_db_connections=1") GENERAL);
	come_and_have(&house, &ann, "app", "ann");
	come(&house, &bob, "app", "bob");
	come(&house, &cid, "app", "cid");
	house_settle(&house);
	give_back(&ann);
	pool_forget(&bob.waiter);
	welcome_all(&house);
	ck_assert_ptr_nonnull(cid.server);
	house_stop(&house);
}
END_TEST

START_TEST(who_is_stopped_by_another_bound_does_not_hold_up_the_others)
{
	struct visitor bob = {0}, ann[2] = {0}, cid = {0};
	struct house house;

	begin(&house,
	    TWO_DATABASES "[users]\nann = max_user_connections=1" GENERAL
	                  "max_db_connections=1\n");
	come_and_have(&house, &bob, "one", "bob");
	come(&house, &ann[0], "one", "ann");
	house_settle(&house);
	come(&house, &cid, "one", "cid");
	house_settle(&house);
	come_and_have(&house, &ann[1], "two", "ann");
	give_back(&bob);
	welcome_all(&house);
	ck_assert_ptr_nonnull(cid.server);
	ck_assert_ptr_null(ann[0].server);
	house_stop(&house);
}
END_TEST

START_TEST(no_server_is_closed_for_who_could_not_use_its_place)
{
	struct visitor bob[2] = {0}, ann[2] = {0};
	struct house house;

	begin(&house,
	    TWO_DATABASES "[users]\nann = max_user_connections=1" GENERAL
	                  "max_db_connections=1\n");
	come_and_have(&house, &bob[0], "one", "bob");
	come(&house, &ann[0], "one", "ann");
	come(&house, &bob[1], "one", "bob");
	house_settle(&house);
	come_and_have(&house, &ann[1], "two", "ann");
	give_back(&bob[0]);
	welcome_all(&house);
	ck_assert_ptr_nonnull(bob[1].server);
	ck_assert_uint_eq(house.server_count, 2);
	house_stop(&house);
}
END_TEST

/* How many moves can still be paid for. */
static int
moves_left(struct house *house, const char *database, const char *user)
{
	struct cap *cap = slot_of(house, database, user)->shares[0].cap;
	int left = 0;

	while (cap_pay_move(cap, loop_now_us(house->loop))) {
		left++;
	}
	return left;
}

START_TEST(who_cannot_move_pays_for_nothing)
{
	struct visitor ann[2] = {0}, bob = {0};
	struct house house;

	begin(&house,
	    TWO_DATABASES "[users]\nann = max_user_connections=1" GENERAL
	                  "max_db_connections=1\n");
	come_and_have(&house, &bob, "one", "bob");
	come_and_have(&house, &ann[0], "two", "ann");
	give_back(&bob);
	/* His could go, but she has all she may have. */
	for (int i = 0; i < 20; i++) {
		come(&house, &ann[1], "one", "ann");
		house_settle(&house);
		pool_forget(&ann[1].waiter);
	}
	ck_assert_ptr_nonnull(house.servers[0].stream);
	ck_assert_int_eq(moves_left(&house, "one", "ann"), 100);
	house_stop(&house);
}
END_TEST

START_TEST(with_many_pools_each_has_its_turn_in_time)
{
	enum {
		POOLS = 30
	};
	struct visitor ann = {0}, others[POOLS] = {0};
	struct house house;
	char user[16];

	begin(&house, ONE_HOST("max_db_connections=1") GENERAL);
	come_and_have(&house, &ann, "app", "ann");
	spend_moves(&house, "app", "ann");
	for (int i = 0; i < POOLS; i++) {
		(void)snprintf(user, sizeof(user), "u%d", i);
		others[i].gives_back = true;
		come(&house, &others[i], "app", user);
	}
	/* Always there, always younger. */
	for (int i = 0; i < 500; i++) {
		house_wait(&house, MILLISECOND);
		if (ann.server != NULL) {
			give_back(&ann);
		}
		if (ann.waiter.pool == NULL) {
			come(&house, &ann, "app", "ann");
		}
		welcome_all(&house);
	}
	for (int i = 0; i < POOLS; i++) {
		ck_assert_uint_ne(others[i].order, 0);
	}
	house_stop(&house);
}
END_TEST

START_TEST(under_a_limit_a_server_changes_hands_without_an_allocation)
{
	struct visitor ann[2] = {0}, bob = {0};
	struct house house;
	struct pool *pool;
	size_t before, after;

	begin(&house,
	    ONE_HOST("max_db_connections=2") GENERAL
	    "max_user_connections=2\n");
	come_and_have(&house, &ann[0], "app", "ann");
	come_and_have(&house, &bob, "app", "bob");
	pool = pool_find(house.pools, "app", "ann");
	come(&house, &ann[1], "app", "ann");
	house_settle(&house);
	before = allocations_count();
	for (int i = 0; i < 1000; i++) {
		give_back(&ann[i % 2]);
		house_settle(&house);
		pool_wait(pool, &ann[i % 2].waiter, POOL_PRIMARY, NULL);
		house_settle(&house);
	}
	after = allocations_count(); /* Check's own would count */
	ck_assert_uint_eq(after, before);
	ck_assert_uint_eq(granted, 2 + 1000);
	ck_assert_uint_eq(house.server_count, 2);
	house_stop(&house);
}
END_TEST

START_TEST(ten_thousand_waiters_cost_no_scan)
{
	const unsigned many = 10000, pools = 2000;
	struct visitor *visitors = mem_zalloc(many * sizeof(*visitors));
	struct visitor first = {0};
	uint64_t steps, keys;
	struct house house;
	struct cap *cap;
	char user[16];

	begin(&house, ONE_HOST("max_db_connections=1") GENERAL);
	come_and_have(&house, &first, "app", "u0");
	for (unsigned i = 0; i < many; i++) {
		/* Half of them in one pool, the rest in many. */
		(void)snprintf(
		    user, sizeof(user), "u%u", i % 2 == 0 ? 0 : 1 + i % pools);
		visitors[i].gives_back = true;
		come(&house, &visitors[i], "app", user);
	}
	house_settle(&house);
	cap = slot_of(&house, "app", "u0")->shares[CAP_DATABASE].cap;
	ck_assert_uint_gt(cap->waiting.count, pools / 2 - 1);
	steps = house.pools->limits.steps;
	keys = cap->waiting.steps;
	give_back(&first);
	welcome_all(&house);
	/* Moves are paid for so far; each waiter served one after the other. */
	ck_assert_uint_ge(granted, 90);
	ck_assert_uint_lt((house.pools->limits.steps - steps) / granted, 20);
	/* 12 levels, two comparisons each, a few times. */
	ck_assert_uint_lt((cap->waiting.steps - keys) / granted, 100);
	for (unsigned i = 0; i < 90; i++) {
		ck_assert_uint_eq(visitors[i].order, i + 2);
	}
	for (unsigned i = 0; i < many; i++) {
		pool_forget(&visitors[i].waiter);
	}
	house_stop(&house);
	free(visitors);
}
END_TEST

/* ---- changes ------------------------------------------------------------- */

START_TEST(a_smaller_bound_closes_idle_servers_and_others_as_they_come_free)
{
	struct visitor ann[2] = {0}, bob[2] = {0};
	struct house house;

	begin(&house, ONE_HOST("") GENERAL);
	for (int i = 0; i < 2; i++) {
		come_and_have(&house, &ann[i], "app", "ann");
		come_and_have(&house, &bob[i], "app", "bob");
	}
	give_back(&ann[0]);
	reconfigure(&house, ONE_HOST("max_db_connections=2") GENERAL);
	house_wait(&house, SECOND);
	ck_assert_uint_eq(servers_open(&house), 3);
	give_back(&bob[0]);
	house_settle(&house);
	ck_assert_uint_eq(servers_open(&house), 2);
	give_back(&bob[1]);
	house_wait(&house, SECOND);
	ck_assert_uint_eq(servers_open(&house), 2);
	house_stop(&house);
}
END_TEST

START_TEST(what_was_idle_before_the_bound_makes_room_too)
{
	struct visitor ann = {0}, bob = {0}, cid = {0};
	struct house house;

	begin(&house, ONE_HOST("") GENERAL);
	come_and_have(&house, &ann, "app", "ann");
	come_and_have(&house, &bob, "app", "bob");
	give_back(&ann);
	reconfigure(&house, ONE_HOST("max_db_connections=2") GENERAL);
	come_and_have(&house, &cid, "app", "cid");
	ck_assert_ptr_null(house.servers[0].stream);
	house_stop(&house);
}
END_TEST

START_TEST(a_larger_bound_and_none_serve_who_waits)
{
	struct visitor ann = {0}, bob = {0}, cid = {0};
	struct house house;

	begin(&house, ONE_HOST("max_db_connections=1") GENERAL);
	come_and_have(&house, &ann, "app", "ann");
	come(&house, &bob, "app", "bob");
	come(&house, &cid, "app", "cid");
	house_settle(&house);
	reconfigure(&house, ONE_HOST("max_db_connections=2") GENERAL);
	welcome_all(&house);
	ck_assert_ptr_nonnull(bob.server);
	ck_assert_ptr_null(cid.server);
	reconfigure(&house, ONE_HOST("") GENERAL);
	welcome_all(&house);
	ck_assert_ptr_nonnull(cid.server);
	house_stop(&house);
}
END_TEST

START_TEST(a_database_that_moves_counts_on_each_host)
{
	struct visitor ann = {0}, bob = {0};
	struct house house;

	begin(&house, ONE_HOST("max_db_connections=1") GENERAL);
	come_and_have(&house, &ann, "app", "ann");
	come(&house, &bob, "app", "bob");
	house_settle(&house);
	reconfigure(&house,
	    "[databases]\napp = host=/b port=2 max_db_connections=1" GENERAL);
	welcome_all(&house);
	ck_assert_ptr_nonnull(bob.server);
	ck_assert_int_eq(bob.server->slot->node->port, 2);
	ck_assert_uint_eq(servers_open(&house), 2);
	give_back(&ann);
	house_settle(&house);
	ck_assert_uint_eq(servers_open(&house), 1);
	house_stop(&house);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("share");
	TCase *bounds = tcase_create("bounds");
	TCase *room = tcase_create("room");
	TCase *order = tcase_create("order");
	TCase *changes = tcase_create("changes");

	tcase_add_test(
	    bounds, a_database_has_so_many_servers_whatever_the_user);
	tcase_add_test(
	    bounds, a_user_has_so_many_servers_whatever_the_database);
	tcase_add_test(bounds, each_node_has_its_own_bound);
	tcase_add_test(
	    bounds, who_is_stopped_by_both_bounds_is_served_when_both_allow_it);
	suite_add_tcase(suite, bounds);
	tcase_add_test(room, an_idle_server_of_another_pool_makes_room_at_once);
	tcase_add_test(
	    room, a_server_that_nobody_waits_for_is_not_closed_for_nothing);
	tcase_add_test(
	    room, who_waits_for_the_primary_keeps_no_replica_from_others);
	tcase_add_test(room, a_minimum_makes_room_but_takes_none);
	suite_add_tcase(suite, room);
	tcase_add_test(order, the_oldest_of_all_pools_is_served_first);
	tcase_add_test(
	    order, the_order_does_not_depend_on_which_pool_is_looked_at_first);
	tcase_add_test(
	    order, who_comes_while_an_older_one_waits_does_not_take_its_place);
	tcase_add_test(order, who_leaves_lets_the_next_have_its_turn);
	tcase_add_test(
	    order, who_cannot_use_its_turn_does_not_hold_up_the_others);
	tcase_add_test(
	    order, two_busy_pools_do_not_spend_their_time_logging_in);
	tcase_add_test(order, who_wants_a_server_of_its_own_has_its_turn);
	tcase_add_test(order, who_has_one_on_its_way_waits_with_its_next);
	tcase_add_test(order, a_place_that_comes_free_is_the_oldest_ones);
	tcase_add_test(order, who_leaves_when_it_is_its_turn_passes_it_on);
	tcase_add_test(
	    order, who_is_stopped_by_another_bound_does_not_hold_up_the_others);
	tcase_add_test(order, who_cannot_move_pays_for_nothing);
	tcase_add_test(order, with_many_pools_each_has_its_turn_in_time);
	tcase_add_test(
	    order, no_server_is_closed_for_who_could_not_use_its_place);
	tcase_add_test(
	    order, under_a_limit_a_server_changes_hands_without_an_allocation);
	tcase_add_test(order, ten_thousand_waiters_cost_no_scan);
	suite_add_tcase(suite, order);
	tcase_add_test(changes,
	    a_smaller_bound_closes_idle_servers_and_others_as_they_come_free);
	tcase_add_test(changes, what_was_idle_before_the_bound_makes_room_too);
	tcase_add_test(changes, a_larger_bound_and_none_serve_who_waits);
	tcase_add_test(changes, a_database_that_moves_counts_on_each_host);
	suite_add_tcase(suite, changes);
	return unit_run(suite);
}
