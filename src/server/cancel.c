/*
 * cancel.c - asking a server to stop what it does for a client.
 *
 * The request goes to the very address the server connection has, which with
 * several addresses to one name need not be the one a new lookup would give.
 */
#include "server/cancel.h"

#include <assert.h>
#include <stdlib.h>

#include "conf/config.h"
#include "core/buf.h"
#include "core/mem.h"
#include "net/stream.h"
#include "node/node.h"
#include "proto/msg.h"
#include "server/courier.h"
#include "server/pool_int.h"
#include "server/server_int.h"

struct cancel {
	struct list_link all;    /* in set->cancels */
	struct pools *set;       /* borrowed; outlives it */
	struct list_link link;   /* in server->cancels; not linked without */
	struct server *server;   /* borrowed; NULL once that has closed */
	struct courier *courier; /* owned */
	struct list askers;      /* of struct cancel_asker, borrowed */
};

/* ---- who has asked ------------------------------------------------------- */

void
cancel_add_asker(struct list *list, struct cancel_asker *asker, bool is_sent)
{
	assert(asker->list == NULL);
	asker->list = list;
	asker->is_sent = is_sent;
	list_append(list, &asker->link);
}

void
cancel_forget(struct cancel_asker *asker)
{
	if (asker->list != NULL) {
		list_remove(asker->list, &asker->link);
		asker->list = NULL;
	}
}

void
cancel_tell_all(struct list *askers)
{
	struct cancel_asker *asker;

	while (
	    (asker = list_first(askers, struct cancel_asker, link)) != NULL) {
		cancel_forget(asker);
		asker->on_done(asker);
	}
}

/* ---- one cancel ---------------------------------------------------------- */

static void
forget(struct cancel *cancel)
{
	list_remove(&cancel->set->cancels, &cancel->all);
	if (cancel->server != NULL) {
		list_remove(&cancel->server->cancels, &cancel->link);
	}
}

static struct cancel *start(struct server *server);

/* Those who asked while no cancel could be sent: if the server is still at work
 * for the same client, which is the only one that could be. */
static void
serve_askers(struct server *server)
{
	struct cancel *next = NULL;
	struct cancel_asker *asker;

	if (server->askers.count == 0 && !server->cancel_is_due) {
		return;
	}
	server->cancel_is_due = false;
	if (server->state != SERVER_ACTIVE || server->answers.count == 0) {
		cancel_tell_all(&server->askers);
		return;
	}
	next = start(server);
	while ((asker = list_first(
	            &server->askers, struct cancel_asker, link)) != NULL) {
		cancel_forget(asker);
		cancel_add_asker(&next->askers, asker, true);
	}
}

/* The server has done what it was asked to do, or it never will: or nobody
 * knows when, and then no other client is to have it. */
static void
on_done(void *context, bool may_arrive)
{
	struct cancel *cancel = context;
	struct server *server = cancel->server;

	forget(cancel);
	if (server != NULL) {
		server->retire = server->retire || may_arrive;
		serve_askers(server);
	}
	cancel_tell_all(&cancel->askers);
	free(cancel);
	if (server == NULL || server->cancels.count > 0) {
		return;
	}
	if (server->state == SERVER_DRAINING) {
		server_drain_on(server);
	} else if (server->holder != NULL) {
		server->ops->on_drained(server->holder); /* it has waited */
	}
}

static struct cancel *
start(struct server *server)
{
	struct pools *set = server->slot->pool->set;
	const struct node *node = server->slot->node;
	struct cancel *cancel = mem_zalloc(sizeof(*cancel));
	char host[ADDRESS_TEXT_BYTES];
	struct buf request = {0};
	struct courier_way way = {
	    .loop = set->loop,
	    .logger = set->logger,
	    .resolver = set->resolver,
	    .host = address_is_unix(&server->address)
	        ? node->host
	        : address_host(&server->address, host, sizeof(host)),
	    .port = (uint16_t)node->port,
	    .timeout_us = config_settings(set->config)->cancel_wait_timeout_us,
	    .options = &server->slot->pool->options.socket,
	    .dialer = set->dialer,
	    .node = node,
	    /* As the connection it is about. */
	    .tls = stream_has_tls(server->stream) ? set->tls : NULL,
	    .tls_host = node->host,
	};

	cancel->set = set;
	cancel->server = server;
	list_append(&set->cancels, &cancel->all);
	list_append(&server->cancels, &cancel->link);
	msg_cancel_request(&request, server->process_id, buf_bytes(server->key),
	    server->key->length);
	cancel->courier = courier_send(&way, &request, on_done, cancel);
	return cancel;
}

/* ---- asking -------------------------------------------------------------- */

static bool
can_cancel(const struct server *server)
{
	return server->key != NULL && server->stream != NULL;
}

/* Whether a cancel would hit the settings that travel with a request. */
static bool
is_too_early(const struct server *server)
{
	return server_is_switching(server);
}

bool
cancel_send(struct server *server)
{
	if (!can_cancel(server)) {
		return false;
	}
	if (is_too_early(server)) {
		server->cancel_is_due = true;
	} else if (server->cancels.count == 0) {
		(void)start(server);
	}
	return true;
}

void
cancel_go_on(struct server *server)
{
	if (!is_too_early(server) && server->cancels.count == 0 &&
	    server->state != SERVER_CLOSED) {
		serve_askers(server);
	}
}

bool
cancel_ask(struct server *server, struct cancel_asker *asker)
{
	if (!can_cancel(server) || server->askers.count >= CANCEL_ASKERS_MAX) {
		return false;
	}
	if (server->cancels.count > 0 || is_too_early(server)) {
		cancel_add_asker(&server->askers, asker, false);
	} else {
		cancel_add_asker(&start(server)->askers, asker, true);
	}
	return true;
}

void
cancel_forget_server(struct server *server)
{
	struct list_link *link;

	while ((link = list_pop(&server->cancels)) != NULL) {
		struct cancel *cancel = list_entry(link, struct cancel, link);
		struct cancel_asker *asker;

		cancel->server = NULL;
		while ((asker = list_first(&server->askers, struct cancel_asker,
		            link)) != NULL) {
			cancel_forget(asker);
			cancel_add_asker(&cancel->askers, asker, true);
		}
	}
	cancel_tell_all(&server->askers);
}

void
cancel_end_all(struct pools *pools)
{
	struct cancel *cancel;

	while ((cancel = list_first(&pools->cancels, struct cancel, all)) !=
	    NULL) {
		forget(cancel);
		courier_stop(&cancel->courier);
		cancel_tell_all(&cancel->askers);
		free(cancel);
	}
}
