/* courier.c - a CancelRequest on its way, on a connection of its own. */
#include "server/courier.h"

#include <stdlib.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/list.h"
#include "core/log.h"
#include "core/mem.h"
#include "net/connector.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tls.h"
#include "proto/msg.h"
#include "server/pool.h"

struct courier {
	struct loop *loop;     /* borrowed */
	struct stream *stream; /* owned; NULL until connected */
	struct connector connector;
	struct timer deadline;
	struct buf request;      /* wiped */
	struct tls_context *tls; /* shared; NULL: without */
	char *tls_host;          /* owned; with .tls */
	bool awaits_tls;         /* has asked for TLS and not been answered */
	void (*on_done)(void *context, bool may_arrive);
	void *context; /* borrowed */
	struct grave grave;
	struct log_source log;
};

static void
reap_courier(struct grave *grave)
{
	free(list_entry(grave, struct courier, grave));
}

void
courier_stop(struct courier **courier)
{
	struct courier *c = *courier;

	if (c == NULL) {
		return;
	}
	*courier = NULL;
	timer_stop(&c->deadline);
	connector_cancel(&c->connector);
	stream_close(&c->stream);
	if (c->request.length > 0) {
		mem_wipe(buf_bytes(&c->request), c->request.length);
	}
	buf_fini(&c->request);
	tls_context_unref(&c->tls);
	free(c->tls_host);
	loop_bury(c->loop, &c->grave);
}

static void
finish(struct courier *courier, bool may_arrive)
{
	void (*on_done)(void *context, bool may_arrive) = courier->on_done;
	void *context = courier->context;

	courier_stop(&courier);
	on_done(context, may_arrive);
}

static void
send_request(struct courier *courier)
{
	(void)stream_write(courier->stream, buf_bytes(&courier->request),
	    courier->request.length);
}

/* The one byte that answers a request for TLS has come. */
static void
on_tls_answer(struct courier *courier, char byte)
{
	if (byte != 'S') {
		log_warning(&courier->log,
		    "cancel request failed: server does not support TLS any "
		    "more");
		finish(courier, false);
		return;
	}
	courier->awaits_tls = false;
	stream_start_tls(
	    courier->stream, courier->tls, courier->tls_host, NULL, 0);
	send_request(courier);
	stream_update_interest(courier->stream, true);
}

static void
on_readable(void *owner)
{
	struct courier *courier = owner;
	enum io_result result;
	char byte;
	size_t got;

	result = stream_read(courier->stream, &byte, 1, &got);
	if (result == IO_AGAIN) {
		return;
	}
	if (result == IO_DONE && courier->awaits_tls) {
		on_tls_answer(courier, byte);
		return;
	}
	if (result == IO_FAILED && stream_has_tls(courier->stream)) {
		log_warning(&courier->log, "cancel request failed: %s",
		    stream_error(courier->stream));
	}
	finish(courier, false);
}

static void
on_drained(void *owner)
{
	(void)owner;
}

static const struct stream_owner stream_ops = {on_readable, on_drained};

/* STREAM is up: the request leaves, maybe after one for TLS, and the far end's
 * close is waited for. */
static void
begin(struct courier *courier, struct stream *stream)
{
	struct buf out = {0};

	courier->stream = stream;
	stream_update_interest(stream, true);
	courier->awaits_tls = courier->tls != NULL;
	if (!courier->awaits_tls) {
		send_request(courier);
		return;
	}
	msg_ssl_request(&out);
	(void)stream_write(stream, buf_bytes(&out), out.length);
	buf_fini(&out);
}

static void
on_connected(struct connector *connector, int fd, const struct error *err)
{
	struct courier *courier =
	    list_entry(connector, struct courier, connector);

	if (fd < 0) {
		log_warning(
		    &courier->log, "cancel request failed: %s", err->text);
		finish(courier, false);
		return;
	}
	begin(courier, stream_new(courier->loop, fd, &stream_ops, courier));
}

static void
connect_over(struct courier *courier, const struct courier_way *way)
{
	const struct pool_dialer *dialer = way->dialer;
	void *context = dialer->dial(dialer->context, way->node);
	struct stream *stream = stream_new_over(
	    way->loop, dialer->transport, context, &stream_ops, courier);

	dialer->opened(context, stream);
	begin(courier, stream);
}

bool
courier_is_connected(const struct courier *courier)
{
	return courier->stream != NULL;
}

static void
on_deadline(struct timer *timer)
{
	struct courier *courier = list_entry(timer, struct courier, deadline);

	log_warning(&courier->log,
	    "cancel request failed: "
	    "cancel_wait_timeout");
	finish(courier, courier_is_connected(courier));
}

struct courier *
courier_send(const struct courier_way *way, struct buf *request,
    void (*on_done)(void *context, bool may_arrive), void *context)
{
	struct courier *courier = mem_zalloc(sizeof(*courier));

	courier->loop = way->loop;
	courier->log = (struct log_source){.logger = way->logger};
	courier->on_done = on_done;
	courier->context = context;
	courier->grave.reap = reap_courier;
	courier->request = *request;
	*request = (struct buf){0};
	if (way->tls != NULL) {
		courier->tls = tls_context_ref(way->tls);
		courier->tls_host = mem_strdup(way->tls_host);
	}
	if (way->timeout_us > 0) {
		timer_start(&courier->deadline, way->loop, way->timeout_us, 0,
		    on_deadline);
	}
	if (way->dialer != NULL) {
		connect_over(courier, way);
	} else {
		connector_start(&courier->connector, way->loop, way->resolver,
		    way->host, way->port, way->timeout_us, way->options,
		    on_connected);
	}
	return courier;
}
