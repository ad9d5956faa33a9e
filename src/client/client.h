/*
 * client.h - the clients of this process: who is connected, and what for.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/close_reason.h"

struct address;
struct buf;
struct client;
struct clients;
struct config;
struct error;
struct logger;
struct loop;
struct pools;
struct router;
struct stream_transport;
struct tls_context;

/* The console, which lies in a room below this one. */
struct console_ops {
	/*
	 * CLIENT sent the command SQL. True: the answer to a simple query,
	 * without ReadyForQuery, was appended to OUT. False: it follows with
	 * console_answer(), or the connection ends without; until then no
	 * further command of CLIENT is run. Does not close CLIENT.
	 */
	bool (*on_query)(void *context, struct client *client, const char *sql,
	    struct buf *out);
	/* Appends a RowDescription to OUT, and maybe more behind it, if SQL
	 * would answer with one; runs nothing that has effects. */
	void (*on_describe)(void *context, struct client *client,
	    const char *sql, struct buf *out);
	/* CLIENT, whose answer is still to follow, wants its command to be
	 * cancelled. May answer it. */
	void (*on_cancel)(void *context, struct client *client);
	void *context;
};

/* Sends OUT, the answer on_query() owes CLIENT, in the form its protocol asks
 * for. May close CLIENT. */
void console_answer(struct client *client, struct buf *out);

/* Returns the set of clients. Everything given is borrowed and outlives it;
 * CONFIG is referenced. */
struct clients *clients_new(struct loop *loop, struct logger *logger,
    struct pools *pools, struct router *router, struct config *config,
    const struct console_ops *console);

/* Closes every client and frees all. */
void clients_free(struct clients **clients);

/* From now on CONFIG. */
void clients_configure(struct clients *clients, struct config *config);

/* From now on clients use TLS, if at all, under CONTEXT, which is referenced;
 * NULL: they do without. */
void clients_set_tls(struct clients *clients, struct tls_context *context);

/* Takes over FD, a new connection from PEER. */
void clients_accept(
    struct clients *clients, int fd, const struct address *peer);

/* As clients_accept(), over TRANSPORT; returns the client. For tests. */
struct client *clients_accept_over(struct clients *clients,
    const struct stream_transport *transport, void *context,
    const struct address *peer);

/* Those that logged in or are about to, the console's included. */
size_t clients_count(const struct clients *clients);

/* Those that use the pools, not the console. */
size_t clients_count_pooled(const struct clients *clients);

/* ---- what operators do --------------------------------------------------- */

/* The client called ID that has logged in; NULL: none. */
struct client *clients_find(const struct clients *clients, uint64_t id);

/* Ends every client of DATABASE; NULL: of all. */
void clients_kill(struct clients *clients, const char *database);

/* From now on no client but those of the console is read, and again. */
void clients_suspend(struct clients *clients, bool is_suspended);

/* Clients for which, or for whose server, bytes are still to be sent; and ends
 * them. */
size_t clients_count_pending(const struct clients *clients);
void clients_drop_pending(struct clients *clients);

/* Ends CLIENT, telling it REASON and DETAIL (may be NULL) where a message can
 * still be inserted. Idempotent. */
void client_close(struct client *client, enum close_reason reason,
    const struct error *detail);

#endif
