/*
 * socket_row.h - a connection as the console shows it: SHOW CLIENTS, SERVERS,
 * SOCKETS, FDS.
 */
#ifndef ADMIN_SOCKET_ROW_H
#define ADMIN_SOCKET_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash.h"
#include "net/address.h"

struct census;
struct client;
struct instance;
struct server;
struct stream;

/* What a row says, of either kind. */
struct socket_row {
	const char *type;
	const char *user;
	const char *database;
	const char *replication; /* none, logical or physical */
	const char *state;
	struct address peer;         /* no address: not connected yet */
	int fd;                      /* -1: none */
	const struct stream *stream; /* NULL: none */
	int64_t connect_us;
	int64_t request_us;
	int64_t wait_us;
	bool close_needed;
	uint64_t client_id; /* 0: none */
	uint64_t server_id;
	uint32_t remote_pid;
	const char *application_name;
	size_t prepared_count;
	uint64_t id;
	size_t held_bytes;     /* received and not yet passed on */
	size_t pending_bytes;  /* not yet taken by the other end */
	uint32_t message_left; /* of a message that has partly passed */
};

/* Of CLIENT; of one that has not logged in only what is known. */
struct socket_row socket_row_of_client(
    const struct instance *instance, const struct client *client);

/* Of SERVER, which HOLDERS tell whose it is. */
struct holders;
struct socket_row socket_row_of_server(
    const struct holders *holders, const struct server *server);

/* Calls EACH for every client that has logged in, then, if WITH_LOGINS, for
 * those that are about to. */
void sockets_each_client(struct instance *instance, bool with_logins,
    void (*each)(void *context, const struct client *client), void *context);

/* Calls EACH for every server. */
void sockets_each_server(struct instance *instance,
    void (*each)(void *context, const struct server *server), void *context);

/* ---- who has which server ------------------------------------------------ */

struct holder {
	const struct server *server; /* the key */
	const struct client *client;
	UT_hash_handle hh;
};

/* Of this moment only. */
struct holders {
	struct holder *items; /* owned */
	size_t count;
	struct holder *by_server;
};

void holders_find(struct holders *holders, const struct instance *instance);
void holders_fini(struct holders *holders);

/* The client that has SERVER; NULL: none. */
const struct client *holders_client(
    const struct holders *holders, const struct server *server);

#endif
