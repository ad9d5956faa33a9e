/*
 * admin.c - the console: which command, and who may give it.
 *
 * A command is a row of a table. One that pgbouncer has and we do not yet is a
 * row as well, and says so.
 *
 * Source: pgbouncer's manual, "Admin console", for names, answers and tags.
 */
#include "admin/admin.h"

#include <string.h>

#include "admin/command.h"
#include "admin/instance_int.h"
#include "admin/pause.h"
#include "admin/show.h"
#include "client/client_int.h"
#include "conf/settings.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "core/utf8.h"
#include "proto/msg.h"
#include "server/pool.h"

struct verb;

/* One command on its way. */
struct call {
	struct instance *instance;
	struct client *client;
	const struct verb *verb; /* of the command */
	const struct command *command;
	const char *sql; /* what was sent */
	struct buf *out;
	bool is_later; /* the answer does not come now */
};

struct verb {
	const char *name;  /* lower case */
	const char *usage; /* for SHOW HELP; NULL: not mentioned */
	bool needs_admin;
	/* Appends the answer; -1 and ERR, then nothing was appended. */
	int (*run)(struct call *call, struct error *err);
};

static int run_set(struct call *call, struct error *err);
static int run_show(struct call *call, struct error *err);
static int run_reload(struct call *call, struct error *err);
static int run_shutdown(struct call *call, struct error *err);
static int run_missing(struct call *call, struct error *err);
static int run_pause(struct call *call, struct error *err);
static int run_resume(struct call *call, struct error *err);

static const struct verb verbs[] = {
    {"show", NULL, false, run_show}, /* its usage is the list of tables */
    {"select", NULL, false, run_show},
    {"set", "SET key = value", false, run_set}, /* asks for itself */
    {"reload", "RELOAD", true, run_reload},
    {"pause", "PAUSE", true, run_pause},
    {"resume", "RESUME", true, run_resume},
    {"shutdown", "SHUTDOWN [WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS]", true,
        run_shutdown},
    {"disable", NULL, true, run_missing},
    {"enable", NULL, true, run_missing},
    {"kill", NULL, true, run_missing},
    {"kill_client", NULL, true, run_missing},
    {"reconnect", NULL, true, run_missing},
    {"suspend", NULL, true, run_missing},
    {"wait_close", NULL, true, run_missing},
};

#define VERB_COUNT (sizeof(verbs) / sizeof(*verbs))

static void
put_notice(struct buf *out, const char *message, const char *detail)
{
	struct msg_report report = {.severity = "NOTICE",
	    .sqlstate = "00000",
	    .message = message,
	    .detail = detail};

	msg_notice_response(out, &report);
}

static const char *
word(const struct call *call, size_t index)
{
	const struct command *command = call->command;

	return index < command->count ? command->words[index] : NULL;
}

/* ---- what drivers ask without need --------------------------------------- */

/* Settings of a PostgreSQL session, which the console is not: SHOW gives these
 * values, SET is ignored. */
struct fake {
	const char *name;
	const char *value;
};

static const struct fake fakes[] = {
    {"client_encoding", "UTF-8"},
    {"default_transaction_isolation", "read committed"},
    {"standard_conforming_strings", "on"},
    {"datestyle", "ISO"},
    {"timezone", "GMT"},
    {"extra_float_digits", "2"},
};

static const struct fake *
find_fake(const char *name)
{
	for (size_t i = 0; i < sizeof(fakes) / sizeof(*fakes); i++) {
		if (str_equal_nocase(fakes[i].name, name)) {
			return &fakes[i];
		}
	}
	return NULL;
}

static void
show_fake(const struct fake *fake, struct buf *out)
{
	const struct msg_column columns[] = {COLUMN_TEXT(fake->name)};
	struct table table;

	table_begin(&table, out, columns, 1);
	table_row_begin(&table);
	table_put_text(&table, fake->value);
	table_row_end(&table);
	table_end(&table, "SHOW");
}

/* SELECT 1, by which pools of connections see whether one lives. */
static void
show_one(struct call *call)
{
	static const struct msg_column columns[] = {COLUMN_INT4("?column?")};
	struct table table;

	table_begin(&table, call->out, columns, 1);
	table_row_begin(&table);
	table_put_int(&table, 1);
	table_row_end(&table);
	table_end(&table, "SHOW");
}

/* ---- SHOW ---------------------------------------------------------------- */

static void
show_help(struct call *call)
{
	struct buf text = {0};

	buf_append_str(&text, "\n\tSHOW HELP|");
	show_put_names(&text);
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (verbs[i].usage != NULL) {
			buf_printf(&text, "\n\t%s", verbs[i].usage);
		}
	}
	put_notice(call->out, "Console usage", buf_text(&text));
	msg_command_complete(call->out, "SHOW");
	buf_fini(&text);
}

static void
show_select_version(struct call *call)
{
	show_answer(&show_version, call->instance, call->out);
}

/* What can be shown and is no table, or is one by another name. */
struct special {
	const char *name;
	void (*answer)(struct call *call);
};

static const struct special specials[] = {
    {"help", show_help},
    {"1", show_one},
    {"version()", show_select_version},
};

static const struct special *
find_special(const char *name)
{
	for (size_t i = 0; i < sizeof(specials) / sizeof(*specials); i++) {
		if (str_equal_nocase(specials[i].name, name)) {
			return &specials[i];
		}
	}
	return NULL;
}

/* The words are ours, in lower case. */
static int
refuse_missing(const char *verb, const char *name, struct error *err)
{
	struct buf text = {0};

	show_put_upper(&text, verb);
	buf_append_str(&text, name[0] == '\0' ? "" : " ");
	show_put_upper(&text, name);
	error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
	    "%s does not exist yet in this version", buf_text(&text));
	error_hint(err, "SHOW HELP lists what there is.");
	buf_fini(&text);
	return -1;
}

static int
run_show(struct call *call, struct error *err)
{
	const char *name = word(call, 1);
	const struct fake *fake;
	const struct special *special;
	const struct show *show;

	if (call->command->count != 2 || call->command->is_assignment) {
		command_invalid(err, call->sql);
		return -1;
	}
	fake = find_fake(name);
	special = find_special(name);
	show = show_find(name);
	if (fake != NULL) {
		show_fake(fake, call->out);
	} else if (special != NULL) {
		special->answer(call);
	} else if (show != NULL && show->fill != NULL) {
		show_answer(show, call->instance, call->out);
	} else if (show != NULL) {
		return refuse_missing("show", show->name, err);
	} else {
		command_invalid(err, call->sql);
		return -1;
	}
	return 0;
}

/* ---- SET ----------------------------------------------------------------- */

static int
check_admin(const struct call *call, struct error *err)
{
	if (call->client->is_admin) {
		return 0;
	}
	error_set(err, SQLSTATE_PROTOCOL_VIOLATION, "admin access needed");
	return -1;
}

/* The tag is the command, as pgbouncer has it; not so of a secret. */
static void
put_set_tag(struct call *call, const char *key, const char *value)
{
	const struct setting *row = setting_find(key);
	struct buf tag = {0};

	buf_append_str(&tag, "SET ");
	utf8_append(&tag, key, strlen(key));
	buf_append_char(&tag, '=');
	if (row != NULL && row->secret) {
		buf_append_str(&tag, "****");
	} else {
		utf8_append(&tag, value, strlen(value));
	}
	msg_command_complete(call->out, buf_text(&tag));
	buf_fini(&tag);
}

static int
run_set(struct call *call, struct error *err)
{
	const char *key = word(call, 1), *value = word(call, 2);

	if (!call->command->is_assignment) {
		command_invalid(err, call->sql);
		return -1;
	}
	if (find_fake(key) != NULL) {
		put_notice(call->out, "SET ignored", NULL);
		msg_command_complete(call->out, "SET");
		return 0;
	}
	if (check_admin(call, err) != 0) {
		return -1;
	}
	log_info(&call->client->log, "SET command issued key=%s", key);
	if (instance_set(call->instance, key, value, err) != 0) {
		/* The console has one code for everything. */
		(void)str_copy(err->sqlstate, sizeof(err->sqlstate),
		    SQLSTATE_PROTOCOL_VIOLATION);
		return -1;
	}
	put_set_tag(call, key, value);
	return 0;
}

/* ---- the process --------------------------------------------------------- */

static int
run_reload(struct call *call, struct error *err)
{
	if (call->command->count != 1) {
		command_invalid(err, call->sql);
		return -1;
	}
	log_info(&call->client->log, "RELOAD command issued");
	if (instance_reload(call->instance) != 0) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "RELOAD failed, see logs for additional details");
		return -1;
	}
	if (call->instance->options.is_connstr) {
		put_notice(call->out,
		    "nothing to reload: started from a connection string",
		    NULL);
	}
	msg_command_complete(call->out, "RELOAD");
	return 0;
}

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

static int
run_shutdown(struct call *call, struct error *err)
{
	const struct shutdown_word *how = find_shutdown(word(call, 1));

	if (call->command->count > 2 || call->command->is_assignment ||
	    how == NULL) {
		command_invalid(err, call->sql);
		return -1;
	}
	if (how->mode != SHUTDOWN_NOW && call->instance->is_stopping) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "pooler is shutting down");
		error_hint(err, "SHUTDOWN alone ends it at once.");
		return -1;
	}
	log_info(&call->client->log, "SHUTDOWN command issued");
	instance_shutdown(call->instance, how->mode);
	if (how->mode == SHUTDOWN_NOW) {
		call->is_later = true; /* the end is the answer */
	} else {
		msg_command_complete(call->out, "SHUTDOWN");
	}
	return 0;
}

/* ---- PAUSE, RESUME ------------------------------------------------------- */

/* Only of everything yet. */
static int
check_no_database(const struct call *call, struct error *err)
{
	if (call->command->count == 1) {
		return 0;
	}
	if (call->command->count == 2) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "%s of a single database does not exist yet in this "
		    "version",
		    str_equal_nocase(call->verb->name, "pause") ? "PAUSE"
		                                                : "RESUME");
		return -1;
	}
	command_invalid(err, call->sql);
	return -1;
}

static int
run_pause(struct call *call, struct error *err)
{
	struct instance *instance = call->instance;

	if (check_no_database(call, err) != 0) {
		return -1;
	}
	if (pools_are_paused(instance->pools)) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "already suspended/paused");
		return -1;
	}
	log_info(&call->client->log, "PAUSE command issued");
	instance_pause(instance);
	if (pause_is_done(instance)) {
		msg_command_complete(call->out, "PAUSE");
	} else {
		call->is_later = true;
		pause_wait(instance);
	}
	return 0;
}

static int
run_resume(struct call *call, struct error *err)
{
	struct instance *instance = call->instance;

	if (check_no_database(call, err) != 0) {
		return -1;
	}
	if (instance->is_stopping || !pools_are_paused(instance->pools)) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION, "%s",
		    instance->is_stopping ? "pooler is shutting down"
		                          : "pooler is not paused/suspended");
		return -1;
	}
	log_info(&call->client->log, "RESUME command issued");
	instance_resume(instance);
	msg_command_complete(call->out, "RESUME");
	return 0;
}

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

static int
run_missing(struct call *call, struct error *err)
{
	return refuse_missing(call->verb->name, "", err);
}

/* ---- the way in ---------------------------------------------------------- */

static int
run(struct call *call, struct error *err)
{
	if (call->command->count == 0) {
		msg_empty_query_response(call->out);
		return 0;
	}
	call->verb = find_verb(word(call, 0));
	if (call->verb == NULL) {
		command_invalid(err, call->sql);
		return -1;
	}
	if (call->verb->needs_admin && check_admin(call, err) != 0) {
		return -1;
	}
	return call->verb->run(call, err);
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

	if (command_parse(sql, &command, &err) == 0 && command.count > 0 &&
	    (verb = find_verb(command.words[0])) != NULL &&
	    verb->run == run_show) {
		/* Of an error the one who runs it will hear. */
		(void)run(&call, &err);
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
	if (command_parse(sql, &command, &err) != 0 || run(&call, &err) != 0) {
		msg_error_from(out, "ERROR", &err);
	}
	command_fini(&command);
	return !call.is_later;
}

void
admin_cancel(struct instance *instance, struct client *client)
{
	if (!instance->is_stopping && pools_are_paused(instance->pools)) {
		log_info(&client->log, "PAUSE cancelled");
		instance_resume(instance);
	}
}
