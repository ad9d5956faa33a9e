/*
 * peers.c - cancel requests for clients of other processes of our group.
 *
 * At most pool_size of a peer are on their way at a time; others wait in order,
 * and are dropped when they have waited for cancel_wait_timeout. A connection
 * stays until the peer has closed it, which it does when the request has
 * arrived at the server: so whoever asked may rely on that as ever.
 */
#include "server/peers.h"

#include <stdlib.h>

#include "conf/config.h"
#include "core/buf.h"
#include "core/hash.h"
#include "core/list.h"
#include "core/log.h"
#include "core/mem.h"
#include "net/loop.h"
#include "net/socket.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "server/cancel.h"
#include "server/courier.h"

struct peer {
	int id;              /* the key */
	UT_hash_handle hh;   /* in peers->table */
	struct peers *peers; /* borrowed; outlives it */
	struct list sent;    /* of struct delivery, owned */
	struct list waiting; /* of struct delivery, owned, the oldest first */
};

struct delivery {
	struct list_link link;   /* in one of its peer's lists */
	struct peer *peer;       /* borrowed; outlives it */
	struct buf request;      /* until it is sent; wiped */
	struct courier *courier; /* owned; NULL while it waits */
	struct list askers;      /* of struct cancel_asker: one, or it has
	                            gone */
	int64_t since_us;        /* loop time */
};

struct peers {
	struct peer *table; /* owned */
	struct loop *loop;
	struct logger *logger;
	struct resolver *resolver;
	struct config *config; /* shared */
	struct log_source log;
};

/* ---- one delivery -------------------------------------------------------- */

static void
wipe_request(struct delivery *delivery)
{
	if (delivery->request.length > 0) {
		mem_wipe(
		    buf_bytes(&delivery->request), delivery->request.length);
	}
	buf_fini(&delivery->request);
}

/* DELIVERY, in no list any more, is over: who asked is told. */
static void
end_delivery(struct delivery *delivery)
{
	courier_stop(&delivery->courier);
	wipe_request(delivery);
	cancel_tell_all(&delivery->askers);
	free(delivery);
}

static void serve(struct peer *peer);

static void
on_done(void *context, bool may_arrive)
{
	struct delivery *delivery = context;
	struct peer *peer = delivery->peer;

	(void)may_arrive;         /* then the peer sees to it */
	delivery->courier = NULL; /* it has gone */
	list_remove(&peer->sent, &delivery->link);
	end_delivery(delivery);
	serve(peer);
}

static void
send_delivery(struct delivery *delivery, const struct peer_conf *conf)
{
	struct peers *peers = delivery->peer->peers;
	const struct settings *settings = config_settings(peers->config);
	struct socket_options options = socket_options_of(settings);
	struct courier_way way = {
	    .loop = peers->loop,
	    .logger = peers->logger,
	    .resolver = peers->resolver,
	    .host = conf->host.name,
	    .port = (uint16_t)conf->host.port,
	    .timeout_us = settings->cancel_wait_timeout_us,
	    .options = &options,
	};
	struct cancel_asker *asker =
	    list_first(&delivery->askers, struct cancel_asker, link);

	if (asker != NULL) {
		asker->is_sent = true;
	}
	list_append(&delivery->peer->sent, &delivery->link);
	delivery->courier =
	    courier_send(&way, &delivery->request, on_done, delivery);
}

/* ---- one peer ------------------------------------------------------------ */

static size_t
places(const struct config *config, const struct peer_conf *conf)
{
	int size = conf->pool_size >= 0
	    ? conf->pool_size
	    : config_settings(config)->default_pool_size;

	return size == 0 ? SIZE_MAX : (size_t)size;
}

/* Has waited for longer than anybody waits for it. */
static bool
is_stale(const struct delivery *delivery)
{
	const struct peers *peers = delivery->peer->peers;
	int64_t timeout_us =
	    config_settings(peers->config)->cancel_wait_timeout_us;

	return timeout_us > 0 &&
	    loop_now_us(peers->loop) - delivery->since_us >= timeout_us;
}

/* Sends what waits, as far as there are places. */
static void
serve(struct peer *peer)
{
	const struct config *config = peer->peers->config;
	const struct peer_conf *conf = config_find_peer(config, peer->id);
	struct delivery *delivery;

	while ((delivery = list_first(&peer->waiting, struct delivery, link)) !=
	    NULL) {
		if (conf != NULL && !is_stale(delivery) &&
		    peer->sent.count >= places(config, conf)) {
			return;
		}
		list_remove(&peer->waiting, &delivery->link);
		if (conf == NULL || is_stale(delivery)) {
			end_delivery(delivery);
		} else {
			send_delivery(delivery, conf);
		}
	}
}

static struct peer *
find_peer(const struct peers *peers, int id)
{
	struct peer *peer = NULL;

	HASH_FIND_INT(peers->table, &id, peer);
	return peer;
}

static struct peer *
make_peer(struct peers *peers, int id)
{
	struct peer *peer = mem_zalloc(sizeof(*peer));

	peer->id = id;
	peer->peers = peers;
	HASH_ADD_INT(peers->table, id, peer);
	return peer;
}

static void
end_list(struct list *deliveries)
{
	struct list_link *link;

	while ((link = list_pop(deliveries)) != NULL) {
		end_delivery(list_entry(link, struct delivery, link));
	}
}

/* ---- the group ----------------------------------------------------------- */

struct peers *
peers_new(struct loop *loop, struct logger *logger, struct resolver *resolver,
    struct config *config)
{
	struct peers *peers = mem_zalloc(sizeof(*peers));

	peers->loop = loop;
	peers->logger = logger;
	peers->resolver = resolver;
	peers->config = config_ref(config);
	peers->log = (struct log_source){.logger = logger};
	return peers;
}

void
peers_free(struct peers **peersp)
{
	struct peers *peers = *peersp;
	struct peer *peer, *next;

	if (peers == NULL) {
		return;
	}
	HASH_ITER(hh, peers->table, peer, next)
	{
		HASH_DEL(peers->table, peer);
		end_list(&peer->waiting);
		end_list(&peer->sent);
		free(peer);
	}
	config_unref(&peers->config);
	free(peers);
	*peersp = NULL;
}

void
peers_configure(struct peers *peers, struct config *config)
{
	struct config *old = peers->config;
	struct peer *peer, *next;

	peers->config = config_ref(config);
	config_unref(&old);
	HASH_ITER(hh, peers->table, peer, next)
	{
		serve(peer); /* there may be more places, or none any more */
		if (peer->sent.count + peer->waiting.count == 0) {
			HASH_DEL(peers->table, peer);
			free(peer);
		}
	}
}

bool
peers_forward(struct peers *peers, int id, const uint8_t *key, size_t size,
    unsigned hops, struct cancel_asker *asker)
{
	const struct settings *settings = config_settings(peers->config);
	struct peer *peer = find_peer(peers, id);
	struct delivery *delivery;
	struct buf secret = {0};

	if (settings->peer_id == 0 || id == settings->peer_id ||
	    hops >= PEER_HOPS_MAX ||
	    config_find_peer(peers->config, id) == NULL) {
		return false;
	}
	if (peer == NULL) {
		peer = make_peer(peers, id);
	} else if (peer->waiting.count >= PEER_WAITING_MAX) {
		return false;
	}
	delivery = mem_zalloc(sizeof(*delivery));
	delivery->peer = peer;
	delivery->since_us = loop_now_us(peers->loop);
	buf_append(&secret, key + 4, size - 4);
	buf_append_char(&secret, (char)(hops + 1));
	msg_cancel_request(&delivery->request, frame_u32(key),
	    buf_bytes(&secret), secret.length);
	mem_wipe(buf_bytes(&secret), secret.length);
	buf_fini(&secret);
	cancel_add_asker(&delivery->askers, asker, false);
	list_append(&peer->waiting, &delivery->link);
	serve(peer);
	return true;
}

struct peer_count
peers_count(const struct peers *peers, int id)
{
	const struct peer *peer = find_peer(peers, id);
	struct peer_count count = {0};

	if (peer == NULL) {
		return count;
	}
	list_foreach (&peer->sent, link) {
		const struct delivery *delivery =
		    list_entry(link, struct delivery, link);

		count.askers_sent += delivery->askers.count;
		if (courier_is_connected(delivery->courier)) {
			count.connected++;
		} else {
			count.connecting++;
		}
	}
	list_foreach (&peer->waiting, waiting_link) {
		count.askers_waiting +=
		    list_entry(waiting_link, struct delivery, link)
		        ->askers.count;
	}
	return count;
}
