/*
 * pause.c - PAUSE takes its time: it is answered when the last server is gone.
 *
 * Looked at every few milliseconds while somebody waits, and only then: a pause
 * is rare, and nobody else has to know about it. Who waits is known by its
 * state, so a console client that leaves is simply not there any more.
 */
#include "admin/pause.h"

#include "admin/instance_int.h"
#include "client/client_int.h"
#include "core/buf.h"
#include "core/error.h"
#include "proto/msg.h"
#include "server/pool.h"

#define PAUSE_TICK_US ((int64_t)20 * 1000)

bool
pause_is_done(const struct instance *instance)
{
	return pools_all_servers(instance->pools) == 0;
}

static void
put_answer(const struct instance *instance, struct buf *out)
{
	struct error err;

	if (pools_are_paused(instance->pools)) {
		msg_command_complete(out, "PAUSE");
		return;
	}
	error_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
	    "the pause was ended before every server was free");
	msg_error_from(out, "ERROR", &err);
}

static void
answer_all(struct instance *instance)
{
	list_foreach_safe (&instance->clients->by_state[CLIENT_CONSOLE], link) {
		struct client *client = list_entry(link, struct client, link);
		struct buf out = {0};

		if (client->awaits_answer) {
			put_answer(instance, &out);
			console_answer(client, &out);
			client_update_interest(client);
			buf_fini(&out);
		}
	}
}

static void
on_tick(struct timer *timer)
{
	struct instance *instance =
	    list_entry(timer, struct instance, pause_tick);

	if (!pools_are_paused(instance->pools) || pause_is_done(instance)) {
		timer_stop(timer);
		answer_all(instance);
	}
}

void
pause_wait(struct instance *instance)
{
	timer_start(&instance->pause_tick, instance->loop, PAUSE_TICK_US,
	    PAUSE_TICK_US, on_tick);
}
