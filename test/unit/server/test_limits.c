/* test_limits.c - how many connections there may be of whom. */
#include "server/limits.h"

#include "support/unit.h"

#include <string.h>

#include "conf/config.h"
#include "core/error.h"

#define SEATS 8

/* A configuration, what it counts, and clients in it. */
struct room {
	struct config *config;
	struct limits limits;
	struct seat seats[SEATS];
	struct error err;
};

static void
begin(struct room *room, const char *text)
{
	struct problems problems = {0};

	*room = (struct room){0};
	room->config = config_load_text("test", text, strlen(text), &problems);
	ck_assert_ptr_nonnull(room->config);
	problems_fini(&problems);
}

static int
sit(struct room *room, int at, const char *database, const char *user)
{
	return limits_seat(&room->limits, &room->seats[at], room->config,
	    config_find_database(room->config, database), database, user,
	    &room->err);
}

static void
stand(struct room *room, int at)
{
	limits_unseat(&room->limits, &room->seats[at]);
}

static void
end(struct room *room)
{
	for (int i = 0; i < SEATS; i++) {
		stand(room, i);
		stand(room, i); /* nothing happens */
	}
	limits_fini(&room->limits);
	config_unref(&room->config);
}

#define DATABASES                                                \
	"[databases]\na = host=/x max_db_client_connections=2\n" \
	"b = host=/x\n* = host=/x max_db_client_connections=1\n" \
	"[users]\nfew = max_user_client_connections=1\n"         \
	"free = max_user_client_connections=0\n[pgweir]\nauth_type=any\n"

START_TEST(without_limits_all_may_come)
{
	struct room room;

	begin(&room, DATABASES);
	for (int i = 0; i < SEATS; i++) {
		ck_assert_int_eq(sit(&room, i, "b", "u"), 0);
	}
	end(&room);
}
END_TEST

START_TEST(a_database_has_its_own_limit_and_a_seat_left_is_free_again)
{
	struct room room;

	begin(&room, DATABASES);
	ck_assert_int_eq(sit(&room, 0, "a", "u"), 0);
	ck_assert_int_eq(sit(&room, 1, "a", "v"), 0);
	ck_assert_int_eq(sit(&room, 2, "a", "w"), -1);
	ck_assert_str_eq(room.err.sqlstate, "53300");
	ck_assert_str_eq(room.err.text,
	    "client connections exceeded (max_db_client_connections)");
	ck_assert_int_eq(sit(&room, 2, "b", "w"), 0);
	stand(&room, 0);
	ck_assert_int_eq(sit(&room, 0, "a", "w"), 0);
	end(&room);
}
END_TEST

START_TEST(each_database_of_the_fallback_entry_counts_for_itself)
{
	struct room room;

	begin(&room, DATABASES);
	ck_assert_int_eq(sit(&room, 0, "one", "u"), 0);
	ck_assert_int_eq(sit(&room, 1, "two", "u"), 0);
	ck_assert_int_eq(sit(&room, 2, "one", "u"), -1);
	end(&room);
}
END_TEST

START_TEST(a_user_has_its_own_limit_over_all_databases)
{
	struct room room;

	begin(&room, DATABASES "max_user_client_connections=2\n");
	ck_assert_int_eq(sit(&room, 0, "a", "few"), 0);
	ck_assert_int_eq(sit(&room, 1, "b", "few"), -1);
	ck_assert_str_eq(room.err.sqlstate, "53300");
	ck_assert_str_eq(room.err.text,
	    "client connections exceeded (max_user_client_connections)");
	ck_assert_int_eq(sit(&room, 1, "a", "u"), 0);
	ck_assert_int_eq(sit(&room, 2, "b", "u"), 0);
	ck_assert_int_eq(sit(&room, 3, "b", "u"), -1);
	for (int i = 3; i < SEATS; i++) {
		ck_assert_int_eq(sit(&room, i, "b", "free"), 0);
	}
	end(&room);
}
END_TEST

START_TEST(who_is_refused_for_its_user_does_not_count_for_its_database)
{
	struct room room;

	begin(&room, DATABASES);
	ck_assert_int_eq(sit(&room, 0, "b", "few"), 0);
	ck_assert_int_eq(sit(&room, 1, "a", "few"), -1);
	ck_assert_ptr_null(room.seats[1].database);
	ck_assert_int_eq(sit(&room, 1, "a", "u"), 0);
	ck_assert_int_eq(sit(&room, 2, "a", "u"), 0);
	end(&room);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("limits");
	TCase *clients = tcase_create("clients");

	tcase_add_test(clients, without_limits_all_may_come);
	tcase_add_test(clients,
	    a_database_has_its_own_limit_and_a_seat_left_is_free_again);
	tcase_add_test(
	    clients, each_database_of_the_fallback_entry_counts_for_itself);
	tcase_add_test(clients, a_user_has_its_own_limit_over_all_databases);
	tcase_add_test(clients,
	    who_is_refused_for_its_user_does_not_count_for_its_database);
	suite_add_tcase(suite, clients);
	return unit_run(suite);
}
