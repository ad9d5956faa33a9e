/*
 * cancel.c - asking a server to stop what it does for a client.
 *
 * The request goes to the very address the server connection has, which with
 * several addresses to one name need not be the one a new lookup would give.
 */
#include "server/cancel.h"

#include <stdlib.h>

#include "core/buf.h"
#include "core/mem.h"
#include "net/connector.h"
#include "net/stream.h"
#include "node/node.h"
#include "proto/msg.h"
#include "server/pool_int.h"
#include "server/server_int.h"

/* A server that does not close such a connection in this time has lost it. */
#define CANCEL_TIMEOUT_US ((int64_t)10 * 1000000)

struct cancel {
	struct list_link all;  /* in set->cancels */
	struct pools *set;     /* borrowed; outlives it */
	struct list_link link; /* in server->cancels; not linked without */
	struct server *server; /* borrowed; NULL once that has closed */
	struct loop *loop;     /* borrowed */
	struct stream *stream; /* owned; NULL until connected */
	struct connector connector;
	struct timer deadline;
	struct buf request; /* wiped */
	struct grave grave;
	struct log_source log; /* the pool set's; the server may be gone */
};

static void
reap_cancel(struct grave *grave)
{
	free(list_entry(grave, struct cancel, grave));
}

static void
finish(struct cancel *cancel)
{
	struct server *server = cancel->server;

	list_remove(&cancel->set->cancels, &cancel->all);
	timer_stop(&cancel->deadline);
	connector_cancel(&cancel->connector);
	stream_close(&cancel->stream);
	if (cancel->request.length > 0) {
		mem_wipe(buf_bytes(&cancel->request), cancel->request.length);
	}
	buf_fini(&cancel->request);
	loop_bury(cancel->loop, &cancel->grave);
	if (server == NULL) {
		return;
	}
	list_remove(&server->cancels, &cancel->link);
	cancel->server = NULL;
	if (server->state == SERVER_DRAINING) {
		server_drain_on(server);
	} else if (server->holder != NULL && server->cancels.count == 0) {
		server->ops->on_drained(server->holder); /* it has waited */
	}
}

/* The server answers nothing and closes when the signal has been sent. */
static void
on_readable(void *owner)
{
	struct cancel *cancel = owner;
	char byte;
	size_t got;

	if (stream_read(cancel->stream, &byte, 1, &got) != IO_AGAIN) {
		finish(cancel);
	}
}

static void
on_drained(void *owner)
{
	(void)owner;
}

static const struct stream_owner stream_ops = {on_readable, on_drained};

/* STREAM is up: the request leaves, and the server's end of it is waited for.
 */
static void
send_request(struct cancel *cancel, struct stream *stream)
{
	cancel->stream = stream;
	stream_update_interest(stream, true);
	(void)stream_write(
	    stream, buf_bytes(&cancel->request), cancel->request.length);
}

static void
on_connected(struct connector *connector, int fd, const struct error *err)
{
	struct cancel *cancel = list_entry(connector, struct cancel, connector);

	if (fd < 0) {
		log_warning(
		    &cancel->log, "cancel request failed: %s", err->text);
		finish(cancel);
		return;
	}
	send_request(cancel, stream_new(cancel->loop, fd, &stream_ops, cancel));
}

static void
connect_over(struct cancel *cancel, const struct pool_dialer *dialer,
    const struct node *node)
{
	void *context = dialer->dial(dialer->context, node);
	struct stream *stream = stream_new_over(
	    cancel->loop, dialer->transport, context, &stream_ops, cancel);

	dialer->opened(context, stream);
	send_request(cancel, stream);
}

static void
on_deadline(struct timer *timer)
{
	struct cancel *cancel = list_entry(timer, struct cancel, deadline);

	log_warning(&cancel->log, "cancel request failed: no end in %d s",
	    (int)(CANCEL_TIMEOUT_US / 1000000));
	finish(cancel);
}

bool
cancel_send(struct server *server)
{
	struct pools *set = server->slot->pool->set;
	const struct node *node = server->slot->node;
	char host[ADDRESS_TEXT_BYTES];
	struct cancel *cancel;

	if (server->key == NULL || server->stream == NULL) {
		return false;
	}
	if (server->cancels.count > 0) {
		return true;
	}
	cancel = mem_zalloc(sizeof(*cancel));
	cancel->server = server;
	cancel->set = set;
	cancel->loop = set->loop;
	list_append(&set->cancels, &cancel->all);
	cancel->log = set->log;
	cancel->grave.reap = reap_cancel;
	msg_cancel_request(&cancel->request, server->process_id,
	    buf_bytes(server->key), server->key->length);
	list_append(&server->cancels, &cancel->link);
	timer_start(
	    &cancel->deadline, set->loop, CANCEL_TIMEOUT_US, 0, on_deadline);
	if (set->dialer != NULL) {
		connect_over(cancel, set->dialer, node);
		return true;
	}
	connector_start(&cancel->connector, set->loop, set->resolver,
	    address_is_unix(&server->address)
	        ? node->host
	        : address_host(&server->address, host, sizeof(host)),
	    (uint16_t)node->port, CANCEL_TIMEOUT_US,
	    &server->slot->pool->options.socket, on_connected);
	return true;
}

void
cancel_forget_server(struct list *cancels)
{
	struct list_link *link;

	while ((link = list_pop(cancels)) != NULL) {
		list_entry(link, struct cancel, link)->server = NULL;
	}
}

void
cancel_end_all(struct list *all)
{
	struct cancel *cancel;

	while ((cancel = list_first(all, struct cancel, all)) != NULL) {
		finish(cancel);
	}
}
