/*
 * test_through.c - replication connections: their own servers, made and ended,
 * and bytes that pass as they come.
 */
#include "support/house.h"
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "client/client_int.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/pool_int.h"
#include "server/server_int.h"

#define SECOND ((int64_t)1000 * 1000)

static const char config_text[] = "[databases]\n"
                                  "app = host=/a port=1 user=u pool_size=1\n"
                                  "[pgweir]\n"
                                  "auth_type = any\n"
                                  "pool_mode = transaction\n"
                                  "log_disconnections = 0\n";

static void
send_startup(struct house *house, struct peer *peer, const char *replication)
{
	struct msg_parameter parameters[] = {{"user", "u"}, {"database", "app"},
	    {"application_name", "copier"}, {"replication", replication}};
	struct buf out = {0};

	msg_startup(&out, parameters, 4);
	peer_send(house, peer, buf_bytes(&out), out.length);
	buf_fini(&out);
}

static struct peer *
come(struct house *house)
{
	struct peer *peer = house_connect(house);

	ck_assert_ptr_nonnull(peer);
	send_startup(house, peer, "database");
	return peer;
}

/* Whether what PEER has got has TEXT, with its NUL, in it. */
static bool
has_got(const struct peer *peer, const char *text)
{
	return peer->from_us.length > 0 &&
	    memmem(buf_bytes(&peer->from_us), peer->from_us.length, text,
	        strlen(text) + 1) != NULL;
}

static uint8_t
last_type(const struct peer *peer)
{
	const uint8_t *at = buf_bytes(&peer->from_us);
	size_t left = peer->from_us.length;
	struct frame frame;
	uint8_t type = 0;

	while (left > 0 &&
	    frame_parse(at, left, FRAME_MAX_BODY, &frame) == FRAME_OK &&
	    frame_bytes(&frame) <= left) {
		type = frame.type;
		at += frame_bytes(&frame);
		left -= frame_bytes(&frame);
	}
	return type;
}

static void
send_error(struct house *house, struct peer *server, const char *sqlstate)
{
	struct msg_report report = {"FATAL", sqlstate, "no", NULL, NULL};
	struct buf out = {0};

	msg_error_response(&out, &report);
	peer_send(house, server, buf_bytes(&out), out.length);
	buf_fini(&out);
}

/* A client that is in, and its server. */
static struct peer *
come_in(struct house *house, struct peer **server)
{
	struct peer *client = come(house);

	*server = house_server_at(house, 1);
	ck_assert_ptr_nonnull(*server);
	peer_welcome(house, *server, false);
	ck_assert_int_eq(last_type(client), MSG_READY_FOR_QUERY);
	buf_clear(&client->from_us);
	buf_clear(&(*server)->from_us);
	return client;
}

/* ---- coming and going ---------------------------------------------------- */

START_TEST(its_server_logs_in_as_it_did)
{
	struct house house;
	struct peer *client, *server;

	house_start(&house, config_text);
	client = come(&house);
	ck_assert_uint_eq(house.server_count, 1);
	server = &house.servers[0];
	ck_assert(has_got(server, "replication"));
	ck_assert(has_got(server, "application_name"));
	ck_assert(has_got(server, "copier"));
	peer_welcome(&house, server, false);
	ck_assert_int_eq(last_type(client), MSG_READY_FOR_QUERY);
	ck_assert(has_got(client, "in_hot_standby")); /* all it was told */
	house_stop(&house);
}
END_TEST

START_TEST(its_server_ends_with_it)
{
	struct house house;
	struct peer *client, *server;

	house_start(&house, config_text);
	client = come_in(&house, &server);
	peer_end(&house, client);
	ck_assert_ptr_null(server->stream);
	house_stop(&house);
}
END_TEST

START_TEST(terminate_is_for_us)
{
	struct house house;
	struct peer *client, *server;
	struct buf out = {0};

	house_start(&house, config_text);
	client = come_in(&house, &server);
	msg_terminate(&out);
	peer_send_slowly(&house, client, buf_bytes(&out), out.length);
	ck_assert_ptr_null(client->stream);
	ck_assert_ptr_null(server->stream);
	buf_fini(&out);
	house_stop(&house);
}
END_TEST

START_TEST(who_leaves_during_the_login_takes_its_server_along)
{
	struct house house;
	struct peer *client, *next;

	house_start(&house, config_text);
	client = come(&house);
	ck_assert_uint_eq(house.server_count, 1);
	peer_end(&house, client);
	ck_assert_ptr_null(house.servers[0].stream);
	/* and no harm is done */
	next = come(&house);
	ck_assert_uint_eq(house.server_count, 2);
	peer_welcome(&house, &house.servers[1], false);
	ck_assert_int_eq(last_type(next), MSG_READY_FOR_QUERY);
	house_stop(&house);
}
END_TEST

START_TEST(a_refusal_is_told_in_the_servers_words_and_to_nobody_else)
{
	struct house house;
	struct peer *client, *plain;

	house_start(&house, config_text);
	client = come(&house);
	send_error(&house, &house.servers[0], "42501");
	ck_assert(has_got(client, "C42501"));
	ck_assert_ptr_null(client->stream);
	plain = house_connect(&house);
	peer_start(&house, plain, "u", "app");
	ck_assert_uint_eq(house.server_count, 2); /* no pause either */
	peer_welcome(&house, &house.servers[1], false);
	ck_assert_int_eq(last_type(plain), MSG_READY_FOR_QUERY);
	house_stop(&house);
}
END_TEST

START_TEST(a_server_lost_during_the_login_is_tried_again)
{
	struct house house;
	struct peer *client;

	house_start(&house, config_text);
	client = come(&house);
	peer_end(&house, &house.servers[0]);
	ck_assert_ptr_nonnull(client->stream);
	house_wait(&house, SECOND);
	ck_assert_uint_eq(house.server_count, 2);
	peer_welcome(&house, &house.servers[1], false);
	ck_assert_int_eq(last_type(client), MSG_READY_FOR_QUERY);
	house_stop(&house);
}
END_TEST

START_TEST(a_node_that_stays_away_is_told_after_the_timeout)
{
	struct house house;
	struct peer *client;

	house_start(&house, config_text);
	client = come(&house);
	for (int i = 0; i < 200; i++) {
		for (size_t k = 0; k < house.server_count; k++) {
			if (house.servers[k].stream != NULL) {
				peer_end(&house, &house.servers[k]);
			}
		}
		house_wait(&house, SECOND / 10);
	}
	ck_assert_ptr_null(client->stream);
	ck_assert(has_got(client, "C08001"));
	house_stop(&house);
}
END_TEST

START_TEST(a_reload_during_the_login_takes_the_new_host)
{
	static const char other[] = "[databases]\n"
	                            "app = host=/b port=2 user=u pool_size=1\n"
	                            "[pgweir]\n"
	                            "auth_type = any\n"
	                            "pool_mode = transaction\n";
	struct problems problems = {0};
	struct config *config =
	    config_load_text("test", other, strlen(other), &problems);
	struct house house;
	struct peer *client;

	house_start(&house, config_text);
	client = come(&house);
	pools_configure(house.pools, config);
	clients_configure(house.clients, config);
	house_wait(&house, SECOND);
	ck_assert_ptr_null(house.servers[0].stream);
	ck_assert_uint_eq(house.server_count, 2);
	ck_assert_int_eq(house.servers[1].port, 2);
	peer_welcome(&house, &house.servers[1], false);
	ck_assert_int_eq(last_type(client), MSG_READY_FOR_QUERY);
	config_unref(&config);
	problems_fini(&problems);
	house_stop(&house);
}
END_TEST

START_TEST(it_waits_while_the_pool_is_full)
{
	struct house house;
	struct peer *first, *server, *second;

	house_start(&house, config_text);
	first = come_in(&house, &server);
	second = come(&house);
	house_wait(&house, SECOND);
	ck_assert_uint_eq(house.server_count, 1);
	peer_end(&house, first);
	ck_assert_uint_eq(house.server_count, 2);
	peer_welcome(&house, &house.servers[1], false);
	ck_assert_int_eq(last_type(second), MSG_READY_FOR_QUERY);
	house_stop(&house);
}
END_TEST

START_TEST(an_idle_server_makes_room)
{
	struct house house;
	struct peer *plain, *server;

	house_start(&house, config_text);
	plain = house_connect(&house);
	peer_start(&house, plain, "u", "app");
	peer_welcome(&house, &house.servers[0], false);
	ck_assert_ptr_nonnull(house.servers[0].stream);
	(void)come_in(&house, &server);
	ck_assert_ptr_null(house.servers[0].stream);
	ck_assert_ptr_eq(server, &house.servers[1]);
	house_stop(&house);
}
END_TEST

START_TEST(its_login_keeps_nobody_else_waiting)
{
	static const char two[] = "[databases]\n"
	                          "app = host=/a port=1 user=u pool_size=2\n"
	                          "[pgweir]\n"
	                          "auth_type = any\n"
	                          "pool_mode = transaction\n";
	struct house house;
	struct peer *plain;

	house_start(&house, two);
	(void)come(&house);
	plain = house_connect(&house);
	peer_start(&house, plain, "u", "app");
	ck_assert_uint_eq(house.server_count, 2);
	peer_welcome(&house, &house.servers[1], false);
	ck_assert_int_eq(last_type(plain), MSG_READY_FOR_QUERY);
	house_stop(&house);
}
END_TEST

/* ---- bytes --------------------------------------------------------------- */

/* A copy in both directions, which pools never see otherwise. */
static void
put_both_ways(struct buf *to_client, struct buf *to_server)
{
	static const uint8_t both[] = {'W', 0, 0, 0, 7, 0, 0, 0};
	static const uint8_t data[] = {'d', 0, 0, 0, 9, 'l', 'o', 'g', '!', 0};
	static const uint8_t done[] = {'c', 0, 0, 0, 4};

	buf_append(to_client, both, sizeof(both));
	buf_append(to_client, data, sizeof(data));
	buf_append(to_client, done, sizeof(done));
	buf_append(to_server, data, sizeof(data));
	buf_append(to_server, done, sizeof(done));
}

START_TEST(a_copy_both_ways_passes_as_it_comes)
{
	bool slowly = _i == 1;
	struct buf to_client = {0}, to_server = {0};
	struct house house;
	struct peer *client, *server;

	house_start(&house, config_text);
	client = come_in(&house, &server);
	put_both_ways(&to_client, &to_server);
	(slowly ? peer_send_slowly : peer_send)(
	    &house, server, buf_bytes(&to_client), to_client.length);
	(slowly ? peer_send_slowly : peer_send)(
	    &house, client, buf_bytes(&to_server), to_server.length);
	ck_assert_mem_eq(buf_bytes(&client->from_us), buf_bytes(&to_client),
	    to_client.length);
	ck_assert_mem_eq(buf_bytes(&server->from_us), buf_bytes(&to_server),
	    to_server.length);
	ck_assert_uint_eq(client->from_us.length, to_client.length);
	ck_assert_uint_eq(server->from_us.length, to_server.length);
	buf_fini(&to_client);
	buf_fini(&to_server);
	house_stop(&house);
}
END_TEST

START_TEST(a_client_that_does_not_read_stops_its_server)
{
	static const uint8_t head[] = {'d', 0, 16, 0, 0};
	static const uint8_t zeros[65536];
	struct house house;
	struct peer *client, *server;

	house_start(&house, config_text);
	client = come_in(&house, &server);
	peer_set_room(&house, client, 0);
	peer_send(&house, server, head, sizeof(head));
	for (int i = 0; i < 8; i++) {
		peer_send(&house, server, zeros, sizeof(zeros));
	}
	ck_assert_uint_gt(server->to_us.length, 4 * sizeof(zeros));
	peer_set_room(&house, client, SIZE_MAX / 2);
	ck_assert_uint_eq(server->to_us.length, 0);
	ck_assert_uint_eq(
	    client->from_us.length, sizeof(head) + 8 * sizeof(zeros));
	house_stop(&house);
}
END_TEST

START_TEST(a_server_that_does_not_read_stops_its_client)
{
	static const uint8_t head[] = {'d', 0, 16, 0, 0};
	static const uint8_t zeros[65536];
	struct house house;
	struct peer *client, *server;

	house_start(&house, config_text);
	client = come_in(&house, &server);
	peer_set_room(&house, server, 0);
	peer_send(&house, client, head, sizeof(head));
	for (int i = 0; i < 8; i++) {
		peer_send(&house, client, zeros, sizeof(zeros));
	}
	ck_assert_uint_gt(client->to_us.length, 4 * sizeof(zeros));
	peer_set_room(&house, server, SIZE_MAX / 2);
	ck_assert_uint_eq(client->to_us.length, 0);
	ck_assert_uint_eq(
	    server->from_us.length, sizeof(head) + 8 * sizeof(zeros));
	house_stop(&house);
}
END_TEST

START_TEST(nonsense_of_a_client_ends_both)
{
	static const uint8_t wrong[] = {'Q', 0, 0, 0, 3};
	static const uint8_t unknown[] = {'!', 0, 0, 0, 4};
	struct house house;
	struct peer *client, *server;

	house_start(&house, config_text);
	client = come_in(&house, &server);
	peer_send(&house, client, _i == 0 ? wrong : unknown, 5);
	ck_assert_ptr_null(client->stream);
	ck_assert_ptr_null(server->stream);
	ck_assert(has_got(client, "C08P01"));
	/* Terminate is all it has got. */
	ck_assert_uint_eq(server->from_us.length, 5);
	house_stop(&house);
}
END_TEST

START_TEST(nonsense_of_a_server_ends_both)
{
	static const uint8_t wrong[] = {'d', 0, 0, 0, 3};
	struct house house;
	struct peer *client, *server;

	house_start(&house, config_text);
	client = come_in(&house, &server);
	peer_send(&house, server, wrong, sizeof(wrong));
	ck_assert_ptr_null(client->stream);
	ck_assert_ptr_null(server->stream);
	house_stop(&house);
}
END_TEST

START_TEST(nothing_of_ours_stands_in_the_midst_of_a_message)
{
	static const uint8_t part[] = {'d', 0, 0, 0, 9, 'l'};
	struct house house;
	struct peer *client, *server;

	house_start(&house, config_text);
	client = come_in(&house, &server);
	peer_send(&house, server, part, sizeof(part));
	peer_end(&house, server);
	ck_assert_ptr_null(client->stream);
	ck_assert_uint_eq(client->from_us.length, sizeof(part));
	house_stop(&house);
}
END_TEST

START_TEST(a_fatal_error_is_told_once)
{
	struct house house;
	struct peer *client, *server;
	size_t length;

	house_start(&house, config_text);
	client = come_in(&house, &server);
	send_error(&house, server, "57P01");
	length = client->from_us.length;
	ck_assert(has_got(client, "C57P01"));
	peer_end(&house, server);
	ck_assert_ptr_null(client->stream);
	ck_assert_uint_eq(client->from_us.length, length);
	house_stop(&house);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("through");
	TCase *life = tcase_create("life");
	TCase *bytes = tcase_create("bytes");

	tcase_add_test(life, its_server_logs_in_as_it_did);
	tcase_add_test(life, its_server_ends_with_it);
	tcase_add_test(life, terminate_is_for_us);
	tcase_add_test(
	    life, who_leaves_during_the_login_takes_its_server_along);
	tcase_add_test(
	    life, a_refusal_is_told_in_the_servers_words_and_to_nobody_else);
	tcase_add_test(life, a_server_lost_during_the_login_is_tried_again);
	tcase_add_test(life, a_node_that_stays_away_is_told_after_the_timeout);
	tcase_add_test(life, a_reload_during_the_login_takes_the_new_host);
	tcase_add_test(life, it_waits_while_the_pool_is_full);
	tcase_add_test(life, an_idle_server_makes_room);
	tcase_add_test(life, its_login_keeps_nobody_else_waiting);
	tcase_add_loop_test(bytes, a_copy_both_ways_passes_as_it_comes, 0, 2);
	tcase_add_test(bytes, a_client_that_does_not_read_stops_its_server);
	tcase_add_test(bytes, a_server_that_does_not_read_stops_its_client);
	tcase_add_loop_test(bytes, nonsense_of_a_client_ends_both, 0, 2);
	tcase_add_test(bytes, nonsense_of_a_server_ends_both);
	tcase_add_test(bytes, nothing_of_ours_stands_in_the_midst_of_a_message);
	tcase_add_test(bytes, a_fatal_error_is_told_once);
	suite_add_tcase(suite, life);
	suite_add_tcase(suite, bytes);
	return unit_run(suite);
}
