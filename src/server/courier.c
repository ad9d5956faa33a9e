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
#include "server/pool.h"

struct courier {
	struct loop *loop;     /* borrowed */
	struct stream *stream; /* owned; NULL until connected */
	struct connector connector;
	struct timer deadline;
	struct buf request; /* wiped */
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
on_readable(void *owner)
{
	struct courier *courier = owner;
	char byte;
	size_t got;

	if (stream_read(courier->stream, &byte, 1, &got) != IO_AGAIN) {
		finish(courier, false);
	}
}

static void
on_drained(void *owner)
{
	(void)owner;
}

static const struct stream_owner stream_ops = {on_readable, on_drained};

/* STREAM is up: the request leaves, and the far end's close is waited for. */
static void
send_request(struct courier *courier, struct stream *stream)
{
	courier->stream = stream;
	stream_update_interest(stream, true);
	(void)stream_write(
	    stream, buf_bytes(&courier->request), courier->request.length);
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
	send_request(
	    courier, stream_new(courier->loop, fd, &stream_ops, courier));
}

static void
connect_over(struct courier *courier, const struct courier_way *way)
{
	const struct pool_dialer *dialer = way->dialer;
	void *context = dialer->dial(dialer->context, way->node);
	struct stream *stream = stream_new_over(
	    way->loop, dialer->transport, context, &stream_ops, courier);

	dialer->opened(context, stream);
	send_request(courier, stream);
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
