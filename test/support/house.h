/*
 * house.h - clients, pools and servers in memory: the real relay between
 * scripted peers.
 */
#ifndef SUPPORT_HOUSE_H
#define SUPPORT_HOUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "net/stream.h"

#define HOUSE_PEERS 128

/* The far end of a connection of pgweir's. */
struct peer {
	struct stream *stream; /* borrowed; NULL once closed by pgweir */
	struct buf to_us;      /* sent by the peer, not read yet */
	struct buf from_us;    /* sent by pgweir */
	size_t room;           /* bytes it takes before it is full */
	bool ended;            /* the peer has closed */
	int port;              /* of a server, or a cancel: its node's */
};

struct config;
struct logger;

struct house {
	struct loop *loop;
	struct resolver *resolver;
	struct node_set *nodes;
	struct router *router;
	struct config *config;
	struct pools *pools;
	struct clients *clients;
	struct peer servers[HOUSE_PEERS]; /* in the order of their opening */
	size_t server_count;
	struct peer client_peers[HOUSE_PEERS];
	size_t client_count;
};

/* Starts HOUSE under the configuration TEXT, whose databases have one host. */
void house_start(struct house *house, const char *text);

/* As house_start(), under CONFIG, which is referenced; LOGGER may be NULL. */
void house_start_under(
    struct house *house, struct config *config, struct logger *logger);
void house_stop(struct house *house);

/* Lets everything happen that can. */
void house_settle(struct house *house);

/* A new client's connection; NULL when there are too many. */
struct peer *house_connect(struct house *house);

/* PEER sends SIZE bytes; pgweir reads them. */
void peer_send(
    struct house *house, struct peer *peer, const void *bytes, size_t size);

/* As peer_send(), one byte at a time. */
void peer_send_slowly(
    struct house *house, struct peer *peer, const void *bytes, size_t size);

/* PEER closes its end. */
void peer_end(struct house *house, struct peer *peer);

/* PEER takes ROOM bytes from now on. */
void peer_set_room(struct house *house, struct peer *peer, size_t room);

/* Logs a client in as USER to DATABASE: sends the startup message. */
void peer_start(struct house *house, struct peer *peer, const char *user,
    const char *database);

/* Answers the startup message of SERVER: trust, ready, and whether it is a
 * STANDBY. */
void peer_welcome(struct house *house, struct peer *server, bool standby);

/* The server opened last, and not closed since, to PORT; NULL if none is. */
struct peer *house_server_at(struct house *house, int port);

/* Lets US of the loop's time pass, which stands still otherwise. */
void house_wait(struct house *house, int64_t us);

#endif
