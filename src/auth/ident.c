/*
 * ident.c - maps from names outside to users: files as pg_ident.conf.
 *
 * Lines of one map are tried in their order, and any that fits is enough. A
 * system name that is a regular expression lends its first group to \1 in the
 * user's name; what comes of that is compared as it is, whatever it looks
 * like: nobody becomes "all" by being called so.
 */
#include "auth/ident.h"

#include <stdlib.h>
#include <string.h>

#include "auth/hba_lex.h"
#include "auth/regex.h"
#include "conf/problems.h"
#include "core/error.h"
#include "core/mem.h"

/* Lines with regular expressions: each takes a bounded time, and so must all
 * of them together. */
#define REGEX_LINES_MAX 1000

struct ident_line {
	char *map;                  /* owned */
	char *system;               /* owned; as written */
	struct regex *system_regex; /* owned; NULL: SYSTEM is the name */
	char *user;                 /* owned; as written */
	struct regex *user_regex;   /* owned; NULL: USER is the name */
	bool is_any;                /* every user */
};

struct ident {
	struct ident_line *lines; /* owned */
	size_t count;
};

static void
line_fini(struct ident_line *line)
{
	free(line->map);
	free(line->system);
	free(line->user);
	regex_free(&line->system_regex);
	regex_free(&line->user_regex);
}

/* ---- reading ------------------------------------------------------------- */

static int
check_words(const struct hba_line *line, struct error *err)
{
	if (line->count != 3) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "a line has three fields: map, system name and user");
		return -1;
	}
	for (size_t i = 0; i < line->count; i++) {
		if (line->fields[i].count != 1) {
			error_set(err, SQLSTATE_CONFIG_FILE,
			    "several values in one field");
			error_hint(err, "write one line for each");
			return -1;
		}
	}
	return 0;
}

/* Compiles WORD if it is a regular expression. */
static int
take_regex(const char *word, struct regex **regex, struct error *err)
{
	if (word[0] != '/') {
		return 0;
	}
	*regex = regex_compile(word + 1, err);
	return *regex == NULL ? -1 : 0;
}

static int
take_line(
    const struct hba_line *from, struct ident_line *line, struct error *err)
{
	const struct hba_word *user;

	if (check_words(from, err) != 0) {
		return -1;
	}
	user = &from->fields[2].words[0];
	if (!user->quoted && user->text[0] == '+') {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "\"%s\": who is a member of which role is not known here",
		    user->text);
		error_hint(err, "write one line for each user");
		return -1;
	}
	line->map = mem_strdup(from->fields[0].words[0].text);
	line->system = mem_strdup(from->fields[1].words[0].text);
	line->user = mem_strdup(user->text);
	line->is_any = !user->quoted && strcmp(user->text, "all") == 0;
	if (take_regex(line->system, &line->system_regex, err) != 0 ||
	    take_regex(line->user, &line->user_regex, err) != 0) {
		return -1;
	}
	if (line->system_regex != NULL && line->user_regex == NULL &&
	    strstr(line->user, "\\1") != NULL &&
	    !regex_has_group(line->system_regex)) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "\"%s\" has no parentheses that \\1 in \"%s\" could stand "
		    "for",
		    line->system, line->user);
		return -1;
	}
	return 0;
}

/* What the lines of a file are collected in. */
struct collector {
	struct ident *ident;
	struct problems *problems;
	int regex_lines;
};

static void
on_line(void *arg, const struct hba_line *from)
{
	struct collector *collector = arg;
	struct ident *ident = collector->ident;
	struct ident_line line = {0};
	struct error err = {0};

	if (take_line(from, &line, &err) != 0) {
		bool has_hint = err.hint[0] != '\0';

		problems_add(collector->problems, PROBLEM_ERROR, from->file,
		    from->number, "%s%s%s%s", err.text, has_hint ? " (" : "",
		    err.hint, has_hint ? ")" : "");
		line_fini(&line);
		return;
	}
	if ((line.system_regex != NULL || line.user_regex != NULL) &&
	    ++collector->regex_lines == REGEX_LINES_MAX + 1) {
		problems_add(collector->problems, PROBLEM_ERROR, from->file,
		    from->number,
		    "with this there are more than %d lines with regular "
		    "expressions",
		    REGEX_LINES_MAX);
	}
	/* Doubled whenever the count is a power of two. */
	if ((ident->count & (ident->count - 1)) == 0) {
		size_t room = ident->count == 0 ? 1 : ident->count * 2;

		ident->lines =
		    mem_realloc(ident->lines, room * sizeof(*ident->lines));
	}
	ident->lines[ident->count++] = line;
}

struct ident *
ident_load(const char *path, struct problems *problems)
{
	struct ident *ident = mem_zalloc(sizeof(*ident));
	struct collector collector = {ident, problems, 0};

	hba_lex_file(path, on_line, &collector, problems);
	return ident;
}

struct ident *
ident_load_text(
    const char *path, const char *text, size_t size, struct problems *problems)
{
	struct ident *ident = mem_zalloc(sizeof(*ident));
	struct collector collector = {ident, problems, 0};

	hba_lex_text(path, text, size, on_line, &collector, problems);
	return ident;
}

void
ident_free(struct ident **identp)
{
	struct ident *ident = *identp;

	*identp = NULL;
	if (ident == NULL) {
		return;
	}
	for (size_t i = 0; i < ident->count; i++) {
		line_fini(&ident->lines[i]);
	}
	free(ident->lines);
	free(ident);
}

/* ---- deciding ------------------------------------------------------------ */

bool
ident_has_map(const struct ident *ident, const char *map)
{
	for (size_t i = 0; i < ident->count; i++) {
		if (strcmp(ident->lines[i].map, map) == 0) {
			return true;
		}
	}
	return false;
}

/* Whether USER is TEMPLATE with GROUP in place of its first \1. */
static bool
is_filled_in(
    const char *user, const char *template, const struct regex_group *group)
{
	const char *hole = strstr(template, "\\1");
	size_t before, rest;

	if (hole == NULL) {
		return strcmp(user, template) == 0;
	}
	before = (size_t)(hole - template);
	rest = strlen(hole + 2);
	return group->text != NULL &&
	    strlen(user) == before + group->length + rest &&
	    memcmp(user, template, before) == 0 &&
	    memcmp(user + before, group->text, group->length) == 0 &&
	    memcmp(user + before + group->length, hole + 2, rest) == 0;
}

static bool
line_allows(const struct ident_line *line, const char *system_name,
    const char *user, struct regex_scratch *scratch)
{
	struct regex_group group = {0};

	if (line->system_regex == NULL) {
		if (strcmp(line->system, system_name) != 0) {
			return false;
		}
	} else if (regex_match(line->system_regex, system_name, scratch,
	               &group) != REGEX_MATCHES) {
		return false;
	}
	if (line->is_any) {
		return true;
	}
	if (line->user_regex != NULL) {
		return regex_match(line->user_regex, user, scratch, NULL) ==
		    REGEX_MATCHES;
	}
	if (line->system_regex == NULL) {
		return strcmp(line->user, user) == 0;
	}
	return is_filled_in(user, line->user, &group);
}

bool
ident_allows(const struct ident *ident, const char *map,
    const char *system_name, const char *user, struct regex_scratch *scratch)
{
	for (size_t i = 0; i < ident->count; i++) {
		const struct ident_line *line = &ident->lines[i];

		if (strcmp(line->map, map) == 0 &&
		    line_allows(line, system_name, user, scratch)) {
			return true;
		}
	}
	return false;
}
