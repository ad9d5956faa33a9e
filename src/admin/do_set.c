/*
 * do_set.c - SET and RELOAD.
 */
#include <string.h>

#include "admin/call.h"
#include "admin/command.h"
#include "admin/fake.h"
#include "admin/instance_int.h"
#include "client/client_int.h"
#include "conf/config.h"
#include "conf/settings.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "core/utf8.h"
#include "proto/msg.h"

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

int
run_set(struct call *call, struct error *err)
{
	const char *key = call_word(call, 1), *value = call_word(call, 2);

	if (!call->command->is_assignment) {
		command_invalid(err, call->sql);
		return -1;
	}
	if (fake_find(key) != NULL) {
		call_put_notice(call, "SET ignored", NULL);
		msg_command_complete(call->out, "SET");
		return 0;
	}
	if (call_check_admin(call, err) != 0) {
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

/* What is wrong, where the one who can mend it sees it. */
static void
put_problems(struct call *call, const struct problems *problems)
{
	struct buf line = {0};

	for (size_t i = 0; i < problems->count; i++) {
		if (problems->items[i].kind == PROBLEM_ERROR) {
			buf_clear(&line);
			problem_print(&problems->items[i], &line);
			call_put_notice(call, buf_text(&line), NULL);
		}
	}
	buf_fini(&line);
}

int
run_reload(struct call *call, struct error *err)
{
	struct problems problems = {0};
	int ret;

	if (call_check_words(call, 1, err) != 0) {
		return -1;
	}
	call_log(call, NULL);
	ret = instance_reload(call->instance, &problems);
	if (ret != 0) {
		put_problems(call, &problems);
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "RELOAD failed, see logs for additional details");
		error_hint(err, "Nothing has changed.");
	} else if (call->instance->options.is_connstr) {
		call_put_notice(call,
		    "nothing to reload: started from a connection string",
		    NULL);
	}
	problems_fini(&problems);
	if (ret == 0) {
		call_done(call);
	}
	return ret;
}
