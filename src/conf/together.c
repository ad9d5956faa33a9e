/*
 * together.c - what each setting allows but several together make useless.
 */
#include "conf/together.h"

#include <string.h>

#include "conf/config_int.h"

static void
note_open_databases(
    const struct config *config, struct problems *problems, const char *file)
{
	for (size_t i = 0; i < config_database_count(config); i++) {
		const struct database_conf *entry = config_database(config, i);

		if (entry->user == NULL) {
			problems_add(problems, PROBLEM_NOTE, file, 0,
			    "database \"%.100s\" has no user=, so nobody can "
			    "use it with auth_type = any",
			    entry->name);
		}
	}
}

static bool
looks_up_users(const struct config *config)
{
	for (size_t i = 0; i < config_database_count(config); i++) {
		if (config_auth_user(config, config_database(config, i))[0] !=
		    '\0') {
			return true;
		}
	}
	return config_auth_user(config, NULL)[0] != '\0';
}

/* Notes what lets auth_query fail for all who want ENTRY (NULL: the console,
 * or what has nothing of its own). */
static void
check_auth(const struct config *config, struct problems *problems,
    const struct database_conf *entry, const char *file)
{
	const char *where = config_auth_dbname(config, entry);
	const char *of = entry == NULL ? "" : " of database ";
	const char *name = entry == NULL ? "" : entry->name;

	if (config_auth_user(config, entry)[0] == '\0') {
		return;
	}
	if (strstr(config_auth_query(config, entry), "$1") == NULL) {
		problems_add(problems, PROBLEM_NOTE, file, 0,
		    "auth_query%s%.100s has no $1, which stands for the user",
		    of, name);
	}
	if (config_is_console(where)) {
		problems_add(problems, PROBLEM_NOTE, file, 0,
		    "cannot use the reserved \"%s\" database as an auth_dbname",
		    where);
	} else if (where[0] != '\0' &&
	    config_find_database(config, where) == NULL) {
		problems_add(problems, PROBLEM_NOTE, file, 0,
		    "authentication database \"%.100s\" is not configured",
		    where);
	}
}

static void
check_auths(
    const struct config *config, struct problems *problems, const char *file)
{
	check_auth(config, problems, NULL, file);
	for (size_t i = 0; i < config_database_count(config); i++) {
		const struct database_conf *entry = config_database(config, i);

		if (entry->auth_user != NULL || entry->auth_query != NULL ||
		    entry->auth_dbname != NULL) {
			check_auth(config, problems, entry, file);
		}
	}
}

void
together_check(
    const struct config *config, const char *file, struct problems *problems)
{
	const struct settings *settings = &config->settings;

	if (settings->listen_addr.count == 0 &&
	    settings->unix_socket_dir[0] == '\0') {
		problems_add(problems, PROBLEM_ERROR, file, 0,
		    "listen_addr and unix_socket_dir are both empty: there is "
		    "nothing to listen on");
	}
	if (settings->auth_type == AUTH_ANY) {
		note_open_databases(config, problems, file);
	} else if (settings->auth_file[0] == '\0' && !looks_up_users(config)) {
		problems_add(problems, PROBLEM_NOTE, file, 0,
		    "auth_file is not given, so no user is known and nobody "
		    "can log in with auth_type = %s",
		    setting_word("auth_type", settings->auth_type));
	}
	check_auths(config, problems, file);
	if (config_database_count(config) == 0) {
		problems_add(problems, PROBLEM_NOTE, file, 0,
		    "no databases are given: there is only the console");
	}
}
