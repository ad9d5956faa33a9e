/*
 * later.c - commands of the console that are answered when something is done.
 *
 * Looked at every few milliseconds while somebody waits, and only then: that is
 * rare, and nobody else has to know about it. Who waits is known by its number,
 * so a client that leaves is simply not found any more.
 */
#include "admin/later.h"

#include <stdlib.h>

#include "admin/instance_int.h"
#include "client/client_int.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "proto/msg.h"
#include "server/pool.h"

#define LATER_TICK_US ((int64_t)20 * 1000)

struct later {
	struct list_link link; /* in instance->laters */
	uint64_t client_id;
	char *database; /* owned; NULL: all */
	int64_t since_us;
	enum later_what what;
	bool is_cancelled;
};

static const char *const tags[] = {
    [LATER_PAUSE] = "PAUSE",
    [LATER_SUSPEND] = "SUSPEND",
    [LATER_WAIT_CLOSE] = "WAIT_CLOSE",
};

bool
later_is_done(
    const struct instance *instance, enum later_what what, const char *database)
{
	switch (what) {
	case LATER_PAUSE:
		return pools_all_servers(instance->pools, database) == 0;
	case LATER_SUSPEND:
		return clients_count_pending(instance->clients) == 0;
	case LATER_WAIT_CLOSE:
		return pools_marked_servers(instance->pools, database) == 0;
	}
	return true;
}

/* Whether what LATER waits for is still to come at all. */
static bool
is_wanted(const struct instance *instance, const struct later *later)
{
	if (later->is_cancelled) {
		return false;
	}
	switch (later->what) {
	case LATER_PAUSE:
		return later->database == NULL
		    ? pools_are_paused(instance->pools)
		    : pools_is_paused(instance->pools, later->database);
	case LATER_SUSPEND:
		return pools_are_suspended(instance->pools);
	case LATER_WAIT_CLOSE:
		return true;
	}
	return true;
}

static void
put_answer(
    const struct instance *instance, const struct later *later, struct buf *out)
{
	struct error err;

	if (is_wanted(instance, later)) {
		msg_command_complete(out, tags[later->what]);
		return;
	}
	error_set(&err, SQLSTATE_PROTOCOL_VIOLATION, "%s",
	    later->what == LATER_PAUSE
	        ? "the pause was ended before every server was free"
	        : "ended before it was done");
	msg_error_from(out, "ERROR", &err);
}

static void
drop(struct instance *instance, struct later *later)
{
	list_remove(&instance->laters, &later->link);
	free(later->database);
	free(later);
}

/* May close the client. */
static void
answer(struct instance *instance, struct later *later)
{
	struct client *client =
	    clients_find(instance->clients, later->client_id);
	struct buf out = {0};

	if (client != NULL && client->awaits_answer) {
		put_answer(instance, later, &out);
		console_answer(client, &out);
		client_update_interest(client);
		buf_fini(&out);
	}
}

/* Who does not take what is for it in time, is not worth waiting for. */
static void
end_slow(struct instance *instance, const struct later *later)
{
	int64_t timeout_us =
	    config_settings(instance->config)->suspend_timeout_us;

	if (later->what == LATER_SUSPEND && timeout_us > 0 &&
	    loop_now_us(instance->loop) - later->since_us >= timeout_us) {
		clients_drop_pending(instance->clients);
	}
}

static void
on_tick(struct timer *timer)
{
	struct instance *instance =
	    list_entry(timer, struct instance, later_tick);

	list_foreach_safe (&instance->laters, link) {
		struct later *later = list_entry(link, struct later, link);

		end_slow(instance, later);
		if (!is_wanted(instance, later) ||
		    later_is_done(instance, later->what, later->database)) {
			answer(instance, later);
			drop(instance, later);
		}
	}
	if (instance->laters.count == 0) {
		timer_stop(timer);
	}
}

void
later_wait(struct instance *instance, const struct client *client,
    enum later_what what, const char *database)
{
	struct later *later = mem_zalloc(sizeof(*later));

	later->client_id = client->id;
	later->database = database == NULL ? NULL : mem_strdup(database);
	later->what = what;
	later->since_us = loop_now_us(instance->loop);
	list_append(&instance->laters, &later->link);
	if (!timer_is_running(&instance->later_tick)) {
		timer_start(&instance->later_tick, instance->loop,
		    LATER_TICK_US, LATER_TICK_US, on_tick);
	}
}

static void
take_back(struct instance *instance, const struct later *later)
{
	if (instance->is_stopping) {
		return;
	}
	switch (later->what) {
	case LATER_PAUSE:
		instance_resume(instance, later->database);
		return;
	case LATER_SUSPEND:
		instance_resume(instance, NULL);
		return;
	case LATER_WAIT_CLOSE:
		return;
	}
}

void
later_cancel(struct instance *instance, struct client *client)
{
	list_foreach (&instance->laters, link) {
		struct later *later = list_entry(link, struct later, link);

		if (later->client_id == client->id) {
			log_info(
			    &client->log, "%s cancelled", tags[later->what]);
			later->is_cancelled = true;
			take_back(instance, later);
		}
	}
}

void
later_end(struct instance *instance)
{
	timer_stop(&instance->later_tick);
	list_foreach_safe (&instance->laters, link) {
		drop(instance, list_entry(link, struct later, link));
	}
}
