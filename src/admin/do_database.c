/*
 * do_database.c - commands about a database or a client: DISABLE, ENABLE,
 * RECONNECT, KILL, KILL_CLIENT.
 */
#include "admin/call.h"
#include "admin/command.h"
#include "admin/instance_int.h"
#include "client/client_int.h"
#include "core/error.h"
#include "core/str.h"
#include "server/pool.h"

/* As call_database(), for commands that need one. */
static int
need_database(const struct call *call, const char *what, const char **name,
    struct error *err)
{
	if (call_database(call, what, name, err) != 0) {
		return -1;
	}
	if (*name == NULL) {
		error_set(
		    err, SQLSTATE_PROTOCOL_VIOLATION, "a database is required");
		return -1;
	}
	return 0;
}

int
run_disable(struct call *call, struct error *err)
{
	const char *database;

	if (need_database(call, "disable", &database, err) != 0) {
		return -1;
	}
	call_log(call, database);
	pools_set_disabled(call->instance->pools, database, true);
	call_done(call);
	return 0;
}

int
run_enable(struct call *call, struct error *err)
{
	const char *database;

	if (need_database(call, "enable", &database, err) != 0) {
		return -1;
	}
	call_log(call, database);
	pools_set_disabled(call->instance->pools, database, false);
	call_done(call);
	return 0;
}

int
run_reconnect(struct call *call, struct error *err)
{
	const char *database;

	if (call_database(call, "reconnect", &database, err) != 0) {
		return -1;
	}
	call_log(call, database);
	pools_reconnect(call->instance->pools, database);
	call_done(call);
	return 0;
}

int
run_kill(struct call *call, struct error *err)
{
	struct instance *instance = call->instance;
	const char *database;

	if (call_database(call, "kill", &database, err) != 0) {
		return -1;
	}
	if (pools_are_paused(instance->pools) ||
	    pools_are_suspended(instance->pools)) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "already suspended/paused");
		return -1;
	}
	call_log(call, database);
	/* First nothing is handed out any more, then who is there goes. */
	pools_pause(instance->pools, database);
	clients_kill(instance->clients, database);
	pools_kill(instance->pools, database);
	call_done(call);
	return 0;
}

int
run_kill_client(struct call *call, struct error *err)
{
	const char *given = call_word(call, 1);
	struct client *client;
	int64_t id;

	if (call_check_words(call, 2, err) != 0) {
		return -1;
	}
	if (given == NULL || !str_to_int64(given, &id) || id <= 0) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "invalid client pointer supplied");
		error_hint(err, "It is the column id of SHOW CLIENTS.");
		return -1;
	}
	client = clients_find(call->instance->clients, (uint64_t)id);
	if (client == NULL || client == call->client) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION, "client not found");
		return -1;
	}
	call_log(call, given);
	client_close(client, CLOSE_CLIENT_KILLED, NULL);
	call_done(call);
	return 0;
}
