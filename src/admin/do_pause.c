/*
 * do_pause.c - commands that hold everything up, and let it go on: PAUSE,
 * RESUME, SUSPEND, WAIT_CLOSE, SHUTDOWN.
 */
#include "admin/call.h"
#include "admin/command.h"
#include "admin/instance_int.h"
#include "admin/later.h"
#include "client/client_int.h"
#include "core/error.h"
#include "core/str.h"
#include "server/pool.h"

static bool
is_halted(const struct instance *instance)
{
	return pools_are_paused(instance->pools) ||
	    pools_are_suspended(instance->pools);
}

static int
check_not_halted(const struct call *call, struct error *err)
{
	if (!is_halted(call->instance)) {
		return 0;
	}
	error_set(err, SQLSTATE_PROTOCOL_VIOLATION, "already suspended/paused");
	return -1;
}

/* Answers now if WHAT is done, else when it is. */
static void
answer_when_done(struct call *call, enum later_what what, const char *database)
{
	if (later_is_done(call->instance, what, database)) {
		call_done(call);
		return;
	}
	call->is_later = true;
	later_wait(call->instance, call->client, what, database);
}

int
run_pause(struct call *call, struct error *err)
{
	const char *database;

	if (call_database(call, "pause", &database, err) != 0 ||
	    check_not_halted(call, err) != 0) {
		return -1;
	}
	call_log(call, database);
	instance_pause(call->instance, database);
	answer_when_done(call, LATER_PAUSE, database);
	return 0;
}

int
run_suspend(struct call *call, struct error *err)
{
	if (call_check_words(call, 1, err) != 0 ||
	    check_not_halted(call, err) != 0) {
		return -1;
	}
	if (pools_count_paused(call->instance->pools) > 0) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "cannot suspend with paused databases");
		return -1;
	}
	call_log(call, NULL);
	instance_suspend(call->instance);
	answer_when_done(call, LATER_SUSPEND, NULL);
	return 0;
}

static int
resume_all(struct call *call, struct error *err)
{
	struct instance *instance = call->instance;

	if (instance->is_stopping || !is_halted(instance)) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION, "%s",
		    instance->is_stopping ? "pooler is shutting down"
		                          : "pooler is not paused/suspended");
		if (!instance->is_stopping &&
		    pools_count_paused(instance->pools) > 0) {
			error_hint(err,
			    "Single databases are; see the column paused of "
			    "SHOW DATABASES.");
		}
		return -1;
	}
	call_log(call, NULL);
	instance_resume(instance, NULL);
	call_done(call);
	return 0;
}

int
run_resume(struct call *call, struct error *err)
{
	const char *database = call_word(call, 1);

	if (call_check_words(call, 2, err) != 0) {
		return -1;
	}
	if (database == NULL) {
		return resume_all(call, err);
	}
	/* It may be configured no more, and still be paused. */
	if (!pools_is_paused(call->instance->pools, database)) {
		if (call_database(call, "resume", &database, err) == 0) {
			error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
			    "database %s is not paused", database);
		}
		return -1;
	}
	call_log(call, database);
	instance_resume(call->instance, database);
	call_done(call);
	return 0;
}

int
run_wait_close(struct call *call, struct error *err)
{
	const char *database;

	if (call_database(call, "wait in", &database, err) != 0) {
		return -1;
	}
	call_log(call, database);
	answer_when_done(call, LATER_WAIT_CLOSE, database);
	return 0;
}

/* ---- SHUTDOWN ------------------------------------------------------------ */

struct shutdown_word {
	const char *word; /* NULL: none is given */
	enum shutdown_mode mode;
};

static const struct shutdown_word shutdown_words[] = {
    {NULL, SHUTDOWN_NOW},
    {"wait_for_servers", SHUTDOWN_WAIT_FOR_SERVERS},
    {"wait_for_clients", SHUTDOWN_WAIT_FOR_CLIENTS},
};

static const struct shutdown_word *
find_shutdown(const char *given)
{
	size_t count = sizeof(shutdown_words) / sizeof(*shutdown_words);

	for (size_t i = 0; i < count; i++) {
		const char *known = shutdown_words[i].word;

		if (given == NULL || known == NULL
		        ? given == known
		        : str_equal_nocase(given, known)) {
			return &shutdown_words[i];
		}
	}
	return NULL;
}

int
run_shutdown(struct call *call, struct error *err)
{
	const struct shutdown_word *how = find_shutdown(call_word(call, 1));

	if (call_check_words(call, 2, err) != 0) {
		return -1;
	}
	if (how == NULL) {
		command_invalid(err, call->sql);
		return -1;
	}
	if (how->mode != SHUTDOWN_NOW && call->instance->is_stopping) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "pooler is shutting down");
		error_hint(err, "SHUTDOWN alone ends it at once.");
		return -1;
	}
	call_log(call, call_word(call, 1));
	instance_shutdown(call->instance, how->mode);
	if (how->mode == SHUTDOWN_NOW) {
		call->is_later = true; /* the end is the answer */
	} else {
		call_done(call);
	}
	return 0;
}
