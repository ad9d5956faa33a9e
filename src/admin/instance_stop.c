/*
 * instance_stop.c - holding an instance up and ending it, by signal or by a
 * command of the console.
 */
#include <signal.h>

#include "admin/instance_int.h"
#include "admin/supervisor.h"
#include "client/client.h"
#include "net/listeners.h"
#include "server/pool.h"

#define STOP_TICK_US ((int64_t)20 * 1000)

void
instance_pause(struct instance *instance, const char *database)
{
	pools_pause(instance->pools, database);
}

void
instance_suspend(struct instance *instance)
{
	if (instance->listeners != NULL) {
		listeners_pause(instance->listeners);
	}
	pools_suspend(instance->pools, true);
	clients_suspend(instance->clients, true);
}

void
instance_resume(struct instance *instance, const char *database)
{
	pools_resume(instance->pools, database);
	if (database != NULL || !pools_are_suspended(instance->pools)) {
		return;
	}
	pools_suspend(instance->pools, false);
	clients_suspend(instance->clients, false);
	if (instance->listeners != NULL) {
		listeners_resume(instance->listeners);
	}
}

/* ---- the end ------------------------------------------------------------- */

static void
on_stop_tick(struct timer *timer)
{
	struct instance *instance = list_entry(timer, struct instance, tick);
	size_t left = instance->mode == SHUTDOWN_WAIT_FOR_SERVERS
	    ? pools_active_servers(instance->pools)
	    : clients_count_pooled(instance->clients);

	if (left == 0) {
		loop_stop(instance->loop);
	}
}

void
instance_shutdown(struct instance *instance, enum shutdown_mode mode)
{
	if (mode == SHUTDOWN_NOW || instance->is_stopping) {
		log_info(&instance->log, "shutting down at once");
		supervisor_stopping(instance->supervisor);
		loop_stop(instance->loop);
		return;
	}
	instance->is_stopping = true;
	instance->mode = mode;
	listeners_close(&instance->listeners);
	if (pools_are_suspended(instance->pools)) {
		instance_resume(instance, NULL); /* nobody else could */
	}
	if (mode == SHUTDOWN_WAIT_FOR_SERVERS) {
		pools_pause(instance->pools, NULL);
	}
	log_info(&instance->log, "shutting down, waiting for %s",
	    mode == SHUTDOWN_WAIT_FOR_SERVERS ? "servers to be released"
	                                      : "clients to disconnect");
	supervisor_stopping(instance->supervisor);
	timer_start(&instance->tick, instance->loop, STOP_TICK_US, STOP_TICK_US,
	    on_stop_tick);
}

/* ---- signals ------------------------------------------------------------- */

static void
on_stop_signal(
    struct instance *instance, const char *name, enum shutdown_mode mode)
{
	log_info(&instance->log,
	    instance->is_stopping ? "got %s while shutting down, fast exit"
	                          : "got %s, shutting down",
	    name);
	instance_shutdown(instance, mode);
}

static void
on_pause_signal(struct instance *instance)
{
	if (instance->is_stopping) {
		log_info(&instance->log,
		    "got SIGUSR1 while shutting down, ignoring");
	} else if (pools_are_paused(instance->pools) ||
	    pools_are_suspended(instance->pools)) {
		log_info(&instance->log,
		    "got SIGUSR1, but already paused/suspended");
	} else {
		log_info(&instance->log, "got SIGUSR1, pausing all activity");
		instance_pause(instance, NULL);
	}
}

static void
on_resume_signal(struct instance *instance)
{
	if (instance->is_stopping) {
		log_info(&instance->log,
		    "got SIGUSR2 while shutting down, ignoring");
	} else if (pools_are_suspended(instance->pools)) {
		log_info(
		    &instance->log, "got SIGUSR2, continuing from SUSPEND");
		instance_resume(instance, NULL);
	} else if (pools_are_paused(instance->pools)) {
		log_info(&instance->log, "got SIGUSR2, continuing from PAUSE");
		instance_resume(instance, NULL);
	} else {
		log_info(
		    &instance->log, "got SIGUSR2, but not paused/suspended");
	}
}

void
instance_on_signal(void *context, int number)
{
	struct instance *instance = context;

	switch (number) {
	case SIGHUP:
		log_info(&instance->log, "got SIGHUP, re-reading config");
		(void)instance_reload(instance, NULL); /* it has logged why */
		return;
	case SIGTERM:
		on_stop_signal(instance, "SIGTERM", SHUTDOWN_WAIT_FOR_CLIENTS);
		return;
	case SIGINT:
		on_stop_signal(instance, "SIGINT", SHUTDOWN_WAIT_FOR_SERVERS);
		return;
	case SIGQUIT:
		log_info(&instance->log, "got SIGQUIT, fast exit");
		instance_shutdown(instance, SHUTDOWN_NOW);
		return;
	case SIGUSR1:
		on_pause_signal(instance);
		return;
	case SIGUSR2:
		on_resume_signal(instance);
		return;
	default:
		return;
	}
}
