/*
 * house.c - clients, pools and servers in memory.
 *
 * No sockets and no clock but the loop's: what happens depends on the script
 * alone.
 */
#include "support/house.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/client_int.h"
#include "conf/config.h"
#include "core/error.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "node/node.h"
#include "proto/msg.h"
#include "route/router.h"
#include "server/pool_int.h"

/* Time passes in such steps; peers may speak in between. */
#define STEP_US ((int64_t)100 * 1000)

/* ---- the transport ------------------------------------------------------- */

static ssize_t
on_receive(void *context, void *bytes, size_t size)
{
	struct peer *peer = context;
	size_t n = peer->to_us.length < size ? peer->to_us.length : size;

	if (n == 0) {
		if (peer->ended) {
			return 0;
		}
		errno = EAGAIN;
		return -1;
	}
	memcpy(bytes, buf_bytes(&peer->to_us), n);
	buf_consume(&peer->to_us, n);
	return (ssize_t)n;
}

static ssize_t
on_send(void *context, const void *bytes, size_t size)
{
	struct peer *peer = context;
	size_t n = size < peer->room ? size : peer->room;

	if (peer->ended) {
		errno = EPIPE;
		return -1;
	}
	if (n == 0) {
		errno = EAGAIN;
		return -1;
	}
	buf_append(&peer->from_us, bytes, n);
	peer->room -= n;
	return (ssize_t)n;
}

static void
on_close(void *context)
{
	struct peer *peer = context;

	peer->stream = NULL;
}

static const struct stream_transport transport = {
    on_receive, on_send, on_close};

/* ---- the house ----------------------------------------------------------- */

static void
open_peer(struct peer *peer)
{
	peer->ended = false;
	peer->room = SIZE_MAX;
}

static void *
dial(void *context, const struct node *node)
{
	struct house *house = context;

	if (house->server_count == HOUSE_PEERS) {
		abort(); /* the script has lost count */
	}
	open_peer(&house->servers[house->server_count]);
	house->servers[house->server_count].port = node->port;
	return &house->servers[house->server_count++];
}

static void
opened(void *transport_context, struct stream *stream)
{
	struct peer *peer = transport_context;

	peer->stream = stream;
}

static void
ignore_node(void *context, struct node *node)
{
	(void)context;
	(void)node;
}

static void
ignore_pool(void *context, struct pool *pool)
{
	(void)context;
	(void)pool;
}

static bool
no_console(
    void *context, struct client *client, const char *sql, struct buf *out)
{
	(void)context;
	(void)client;
	(void)sql;
	msg_empty_query_response(out);
	return true;
}

void
house_start_under(
    struct house *house, struct config *config, struct logger *logger)
{
	static const struct pool_events events = {
	    ignore_node, ignore_pool, ignore_pool, NULL};
	static const struct console_ops console = {
	    no_console, NULL, NULL, NULL};
	static struct pool_dialer dialer;
	struct resolver_options dns = {0};
	struct error err;

	memset(house, 0, sizeof(*house));
	dialer = (struct pool_dialer){&transport, dial, opened, house};
	house->config = config_ref(config);
	house->loop = loop_new(&err);
	house->resolver = resolver_new(house->loop, &dns, &err);
	if (house->resolver == NULL) {
		abort();
	}
	loop_hold_time(house->loop);
	house->nodes = node_set_new();
	house->router = router_new(NULL);
	house->pools = pools_new(house->loop, logger, house->resolver,
	    house->nodes, house->config, &events);
	pools_set_dialer(house->pools, &dialer);
	house->clients = clients_new(house->loop, logger, house->pools,
	    house->router, house->config, &console);
}

void
house_start(struct house *house, const char *text)
{
	struct problems problems = {0};
	struct config *config =
	    config_load_text("test", text, strlen(text), &problems);

	problems_fini(&problems);
	if (config == NULL) {
		abort();
	}
	house_start_under(house, config, NULL);
	config_unref(&config);
}

void
house_stop(struct house *house)
{
	clients_free(&house->clients);
	pools_free(&house->pools);
	router_free(&house->router);
	loop_turn(house->loop, false);
	resolver_free(&house->resolver);
	node_set_free(&house->nodes);
	loop_free(&house->loop);
	config_unref(&house->config);
	for (size_t i = 0; i < HOUSE_PEERS; i++) {
		buf_fini(&house->servers[i].to_us);
		buf_fini(&house->servers[i].from_us);
		buf_fini(&house->client_peers[i].to_us);
		buf_fini(&house->client_peers[i].from_us);
	}
}

/* Tells the stream of what it can do; true if that changed anything. */
static bool
poke(struct peer *peer)
{
	size_t to_us = peer->to_us.length, from_us = peer->from_us.length;
	struct stream *before = peer->stream;

	if (peer->stream == NULL ||
	    (peer->to_us.length == 0 && !peer->ended &&
	        (stream_pending(peer->stream) == 0 || peer->room == 0)) ||
	    (stream_pending(peer->stream) == 0 &&
	        !stream_wants_read(peer->stream))) {
		return false;
	}
	stream_poke(peer->stream);
	return to_us != peer->to_us.length || from_us != peer->from_us.length ||
	    before != peer->stream;
}

void
house_settle(struct house *house)
{
	bool any = true;

	for (int round = 0; any; round++) {
		assert(round < 100000); /* they talk to each other for ever */
		any = false;
		for (size_t i = 0; i < house->client_count; i++) {
			any |= poke(&house->client_peers[i]);
		}
		for (size_t i = 0; i < house->server_count; i++) {
			any |= poke(&house->servers[i]);
		}
		loop_turn(house->loop, false);
	}
}

struct peer *
house_connect(struct house *house)
{
	struct address address = {0};
	struct peer *peer;
	struct client *client;

	if (house->client_count == HOUSE_PEERS) {
		return NULL;
	}
	peer = &house->client_peers[house->client_count++];
	open_peer(peer);
	client =
	    clients_accept_over(house->clients, &transport, peer, &address);
	peer->stream = client->stream;
	return peer;
}

void
peer_send(
    struct house *house, struct peer *peer, const void *bytes, size_t size)
{
	buf_append(&peer->to_us, bytes, size);
	house_settle(house);
}

void
peer_send_slowly(
    struct house *house, struct peer *peer, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		peer_send(house, peer, (const uint8_t *)bytes + i, 1);
	}
}

void
peer_end(struct house *house, struct peer *peer)
{
	peer->ended = true;
	house_settle(house);
}

void
peer_set_room(struct house *house, struct peer *peer, size_t room)
{
	peer->room = room;
	house_settle(house);
}

void
peer_start(struct house *house, struct peer *peer, const char *user,
    const char *database)
{
	struct msg_parameter parameters[] = {
	    {"user", user}, {"database", database}};
	struct buf out = {0};

	msg_startup(&out, parameters, 2);
	peer_send(house, peer, buf_bytes(&out), out.length);
	buf_fini(&out);
}

void
peer_welcome(struct house *house, struct peer *server, bool standby)
{
	struct buf out = {0};

	buf_clear(&server->from_us);
	msg_authentication_ok(&out);
	msg_parameter_status(&out, "server_version", "15.0");
	msg_parameter_status(&out, "client_encoding", "UTF8");
	msg_parameter_status(&out, "standard_conforming_strings", "on");
	msg_parameter_status(&out, "in_hot_standby", standby ? "on" : "off");
	msg_backend_key_data(&out, 7, "key!", 4);
	msg_ready_for_query(&out, 'I');
	peer_send(house, server, buf_bytes(&out), out.length);
	buf_fini(&out);
}

struct peer *
house_server_at(struct house *house, int port)
{
	for (size_t i = house->server_count; i > 0; i--) {
		struct peer *peer = &house->servers[i - 1];

		if (peer->port == port && peer->stream != NULL) {
			return peer;
		}
	}
	return NULL;
}

void
house_wait(struct house *house, int64_t us)
{
	while (us > 0) {
		int64_t step_us = us < STEP_US ? us : STEP_US;

		loop_advance(house->loop, step_us);
		house_settle(house);
		us -= step_us;
	}
}
