/*
 * cancel.h - asking a server to stop what it does for a client.
 *
 * A cancel travels on a connection of its own and may arrive late. Until that
 * connection has closed, the server is not handed to anybody else.
 *
 * Source: PostgreSQL docs, "Message Flow", "Canceling Requests in Progress".
 */
#ifndef SERVER_CANCEL_H
#define SERVER_CANCEL_H

#include <stdbool.h>

struct list;
struct server;

/* Sends a CancelRequest for what SERVER is doing; false, and nothing happens,
 * if it gave no key. Several under way at a time are one. */
bool cancel_send(struct server *server);

/* The server of CANCELS closes: those under way finish without it. */
void cancel_forget_server(struct list *cancels);

/* Ends whatever is in ALL, the pools' list; for the end of the process. */
void cancel_end_all(struct list *all);

#endif
