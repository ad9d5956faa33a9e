/*
 * cancel.h - asking a server to stop what it does for a client.
 *
 * A cancel travels on a connection of its own and may arrive late. Until that
 * connection has closed, the server is not handed to anybody else, and nothing
 * further goes to it. So there is one at a time for a server; who asks for a
 * cancel meanwhile means what runs when the first has arrived, and is served
 * then. Nor is one sent while settings of ours are all that the server can be
 * at work on: it would hit them, and the request behind them run without.
 */
#ifndef SERVER_CANCEL_H
#define SERVER_CANCEL_H

#include <stdbool.h>

#include "core/list.h"

struct pools;
struct server;

/* So many may ask for a cancel of one server; more change nothing. */
#define CANCEL_ASKERS_MAX 8

/* Embedded in who wants to know when a cancel it asked for has arrived.
 * Zeroed: asks for none. */
struct cancel_asker {
	struct list_link link;
	struct list *list; /* borrowed; of those it stands among; NULL: none */
	bool is_sent;      /* its request is on its way, not waiting */
	/* It has, or will not any more. From the loop. */
	void (*on_done)(struct cancel_asker *asker);
};

/*
 * Sends a CancelRequest for what SERVER is doing; false, and nothing happens,
 * if that cannot be: it gave no key. One that is under way already will do.
 */
bool cancel_send(struct server *server);

/* As cancel_send() for ASKER, whose ON_DONE is set; one that is under way may
 * be too early for it. False also when there are too many that ask. */
bool cancel_ask(struct server *server, struct cancel_asker *asker);

/* SERVER has answered something of ours: what was not sent because of it is
 * sent now, if the server is still at work. */
void cancel_go_on(struct server *server);

/* ASKER is not told any more. Idempotent. */
void cancel_forget(struct cancel_asker *asker);

/* For who keeps askers: ASKER, who is in no list, stands in LIST; everybody in
 * LIST is told and forgotten. */
void cancel_add_asker(
    struct list *list, struct cancel_asker *asker, bool is_sent);
void cancel_tell_all(struct list *askers);

/* The server closes: those under way finish without it. */
void cancel_forget_server(struct server *server);

/* Ends whatever is under way; for the end of the process. */
void cancel_end_all(struct pools *pools);

#endif
