/*
 * auth_words.c - what is said when a secret cannot be found out: to clients
 * little, to the log why and what to do about it.
 */
#include <string.h>

#include "auth/auth_query_int.h"
#include "core/buf.h"

/* The same complaint is not repeated before this is over. */
#define COMPLAINT_US ((int64_t)1000000)

void
auth_tell_config_error(struct error *told)
{
	error_set(told, SQLSTATE_INVALID_AUTHORIZATION, "bouncer config error");
	error_hint(told, "The log of the pooler says why auth_query failed.");
}

void
auth_tell_refusal(const struct error *err, struct error *told)
{
	if (strcmp(err->sqlstate, SQLSTATE_INVALID_DATABASE) == 0) {
		/* Mostly the one that the client wants. */
		*told = *err;
	} else {
		auth_tell_config_error(told);
	}
}

void
auth_tell_unreachable(const struct auth_channel *channel, struct error *told)
{
	error_set(told, SQLSTATE_CANNOT_CONNECT,
	    "authentication database \"%.100s\" cannot be reached",
	    channel->source.database);
	error_hint(told, "The log of the pooler says why. Try again later.");
}

static void
put_pair(struct buf *out, const char *name, const char *value)
{
	buf_append_char(out, ' ');
	buf_append_str(out, name);
	buf_append_char(out, '=');
	log_append_value(out, value);
}

void
auth_complain(struct auth_channel *channel, const char *what, const char *user,
    const struct error *err)
{
	struct auth_queries *set = channel->set;
	int64_t now_us = loop_now_us(set->loop);
	struct buf line = {0};

	if (channel->logged_us != 0 &&
	    now_us - channel->logged_us < COMPLAINT_US) {
		channel->unlogged++;
		return;
	}
	buf_printf(&line, "%s: %s", what, err->text);
	if (err->hint[0] != '\0') {
		buf_printf(&line, " (%s)", err->hint);
	}
	if (channel->unlogged > 0) {
		buf_printf(&line, " (and %u more)", channel->unlogged);
	}
	put_pair(&line, "db", channel->source.database);
	put_pair(&line, "auth_user", channel->source.user);
	if (user != NULL) {
		put_pair(&line, "user", user);
	}
	log_error(&set->log, "%s sqlstate=%s", buf_text(&line), err->sqlstate);
	buf_fini(&line);
	channel->logged_us = now_us == 0 ? 1 : now_us;
	channel->unlogged = 0;
}

void
auth_add_remedy(const struct auth_channel *channel, struct error *err)
{
	const char *role = channel->source.user;

	if (strcmp(err->sqlstate, "42501") == 0) {
		error_hint(err,
		    "Let a SECURITY DEFINER function read pg_authid, and let "
		    "role \"%.60s\" execute it.",
		    role);
	} else if (strcmp(err->sqlstate, "42883") == 0 ||
	    strcmp(err->sqlstate, "42P01") == 0 ||
	    strcmp(err->sqlstate, "3F000") == 0) {
		error_hint(err,
		    "It must exist in this database, or set auth_dbname; the "
		    "search_path is pg_catalog, \"$user\", public: name the "
		    "schema of anything else.");
	} else if (strcmp(err->sqlstate, "08P01") == 0) {
		error_hint(err, "auth_query needs one parameter, $1.");
	} else if (strcmp(err->sqlstate, "57014") == 0) {
		error_hint(err, "auth_query_timeout is its limit.");
	}
}

void
auth_add_login_remedy(const struct auth_channel *channel, struct error *err)
{
	const struct auth_source *source = &channel->source;

	if (strncmp(err->sqlstate, "28", 2) == 0 &&
	    source->password[0] == '\0') {
		error_hint(err,
		    "The password of auth_user must stand in plain text in "
		    "auth_file, or in monitor_passfile.");
	} else if (strncmp(err->sqlstate, "28", 2) == 0) {
		error_hint(err,
		    "Look at the password of auth_user in auth_file and at "
		    "the server's pg_hba.conf.");
	} else if (strcmp(err->sqlstate, SQLSTATE_INVALID_DATABASE) == 0) {
		error_hint(err,
		    "Set auth_dbname to a database that exists, so that it is "
		    "asked whatever database a client wants.");
	} else if (strcmp(err->sqlstate, SQLSTATE_PROTOCOL_VIOLATION) == 0) {
		error_hint(err,
		    "The connection sets search_path and statement_timeout by "
		    "options: a pooler in between must let them pass.");
	}
}
