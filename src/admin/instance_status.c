/*
 * instance_status.c - an instance in one sentence, as "systemctl status" shows
 * it.
 */
#include "admin/instance_int.h"
#include "client/client.h"
#include "core/buf.h"
#include "server/pool.h"

static const char *
what_it_does(const struct instance *instance)
{
	if (instance->is_stopping) {
		return instance->mode == SHUTDOWN_WAIT_FOR_SERVERS
		    ? "shutting down when every server is free"
		    : "shutting down when every client has left";
	}
	if (pools_are_suspended(instance->pools)) {
		return "suspended";
	}
	return pools_are_paused(instance->pools) ? "paused" : "serving";
}

void
instance_put_status(void *context, struct buf *out)
{
	const struct instance *instance = context;

	buf_printf(out, "%s; %zu clients, %zu of %zu servers busy",
	    what_it_does(instance), clients_count_pooled(instance->clients),
	    pools_active_servers(instance->pools),
	    pools_all_servers(instance->pools, NULL));
}
