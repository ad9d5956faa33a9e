/*
 * admin.c - the console: which command, and who may give it.
 *
 * A command is a row of a table; what it does is in the do_ files.
 */
#include "admin/admin.h"

#include <string.h>

#include "admin/call.h"
#include "admin/command.h"
#include "admin/instance_int.h"
#include "admin/later.h"
#include "client/client_int.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "proto/msg.h"

struct verb {
	const char *name;
	const char *usage; /* for SHOW HELP; NULL: not mentioned */
	bool needs_admin;
	int (*run)(struct call *call, struct error *err);
};

static const struct verb verbs[] = {
    {"SHOW", NULL, false, run_show}, /* its usage is the list of tables */
    {"SELECT", NULL, false, run_show},
    {"SET", "SET key = arg", false, run_set}, /* asks for itself */
    {"RELOAD", "RELOAD", true, run_reload},
    {"PAUSE", "PAUSE [<db>]", true, run_pause},
    {"RESUME", "RESUME [<db>]", true, run_resume},
    {"DISABLE", "DISABLE <db>", true, run_disable},
    {"ENABLE", "ENABLE <db>", true, run_enable},
    {"RECONNECT", "RECONNECT [<db>]", true, run_reconnect},
    {"KILL", "KILL [<db>]", true, run_kill},
    {"KILL_CLIENT", "KILL_CLIENT <client_id>", true, run_kill_client},
    {"SUSPEND", "SUSPEND", true, run_suspend},
    {"SHUTDOWN", "SHUTDOWN [WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS]", true,
        run_shutdown},
    {"WAIT_CLOSE", "WAIT_CLOSE [<db>]", true, run_wait_close},
};

#define VERB_COUNT (sizeof(verbs) / sizeof(*verbs))

static const struct verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (str_equal_nocase(verbs[i].name, name)) {
			return &verbs[i];
		}
	}
	return NULL;
}

/* ---- for those that carry out -------------------------------------------- */

const char *
call_word(const struct call *call, size_t index)
{
	const struct command *command = call->command;

	return index < command->count ? command->words[index] : NULL;
}

int
call_check_admin(const struct call *call, struct error *err)
{
	const struct client *client = call->client;

	/* Asked each time: a reload may have changed who is. */
	if (client->has_unix_owner ||
	    config_is_admin(call->instance->config, client->user)) {
		return 0;
	}
	error_set(err, SQLSTATE_PROTOCOL_VIOLATION, "admin access needed");
	return -1;
}

int
call_check_words(const struct call *call, size_t count, struct error *err)
{
	if (call->command->count <= count && !call->command->is_assignment) {
		return 0;
	}
	command_invalid(err, call->sql);
	return -1;
}

void
call_done(struct call *call)
{
	msg_command_complete(call->out, call->verb);
}

void
call_put_notice(struct call *call, const char *message, const char *detail)
{
	struct msg_report report = {.severity = "NOTICE",
	    .sqlstate = "00000",
	    .message = message,
	    .detail = detail};

	msg_notice_response(call->out, &report);
}

void
call_put_usage(struct buf *out)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (verbs[i].usage != NULL) {
			buf_printf(out, "\n\t%s", verbs[i].usage);
		}
	}
}

int
call_database(const struct call *call, const char *what, const char **name,
    struct error *err)
{
	*name = call_word(call, 1);
	if (call_check_words(call, 2, err) != 0) {
		return -1;
	}
	if (*name == NULL) {
		return 0;
	}
	if (config_is_console(*name)) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "cannot %s admin db: %s", what, *name);
		return -1;
	}
	if (config_find_database(call->instance->config, *name) == NULL) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "no such database: %s", *name);
		return -1;
	}
	return 0;
}

void
call_log(const struct call *call, const char *database)
{
	if (database == NULL) {
		log_info(&call->client->log, "%s command issued", call->verb);
	} else {
		log_info(&call->client->log, "%s '%s' command issued",
		    call->verb, database);
	}
}

/* ---- the way in ---------------------------------------------------------- */

/* -1 and ERR. An empty command has no verb: *VERB is NULL then. */
static int
choose(const struct call *call, const struct verb **verb, struct error *err)
{
	*verb = NULL;
	if (call->command->count == 0) {
		return 0;
	}
	*verb = find_verb(call_word(call, 0));
	if (*verb == NULL) {
		command_invalid(err, call->sql);
		return -1;
	}
	return (*verb)->needs_admin ? call_check_admin(call, err) : 0;
}

static int
run(struct call *call, struct error *err)
{
	const struct verb *verb;

	if (choose(call, &verb, err) != 0) {
		return -1;
	}
	if (verb == NULL) {
		msg_empty_query_response(call->out);
		return 0;
	}
	call->verb = verb->name;
	return verb->run(call, err);
}

void
admin_describe(struct instance *instance, struct client *client,
    const char *sql, struct buf *out)
{
	struct command command;
	struct call call = {.instance = instance,
	    .client = client,
	    .command = &command,
	    .sql = sql,
	    .out = out};
	const struct verb *verb;
	struct error err;

	if (command_parse(sql, &command, &err) == 0 &&
	    choose(&call, &verb, &err) == 0 && verb != NULL &&
	    verb->run == run_show) {
		call.verb = verb->name;
		/* Of an error the one who runs it will hear. */
		(void)run_show(&call, &err);
	}
	command_fini(&command);
}

bool
admin_query(struct instance *instance, struct client *client, const char *sql,
    struct buf *out)
{
	struct command command;
	struct call call = {.instance = instance,
	    .client = client,
	    .command = &command,
	    .sql = sql,
	    .out = out};
	struct error err;

	client->request_us = loop_now_us(instance->loop);
	instance->clients->console_traffic.queries++;
	instance->clients->console_traffic.transactions++;
	if (command_parse(sql, &command, &err) != 0 || run(&call, &err) != 0) {
		msg_error_from(out, "ERROR", &err);
	}
	command_fini(&command);
	return !call.is_later;
}

void
admin_cancel(struct instance *instance, struct client *client)
{
	later_cancel(instance, client);
}
