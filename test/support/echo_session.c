/*
 * echo_session.c - the settings of an echo's session.
 */
#include "support/echo_session.h"

#include <string.h>
#include <strings.h>

#include "support/echo.h"

static bool
starts(const char *text, size_t length, const char *word)
{
	return length >= strlen(word) &&
	    strncasecmp(text, word, strlen(word)) == 0;
}

/* Where WORD is in TEXT; NULL: nowhere. */
static const char *
find(const char *text, size_t length, const char *word)
{
	size_t size = strlen(word);

	for (size_t i = 0; i + size <= length; i++) {
		if (strncasecmp(text + i, word, size) == 0) {
			return text + i;
		}
	}
	return NULL;
}

static void
add(struct echo_changes *changes, enum echo_setting setting, char mark,
    bool is_local)
{
	size_t room = sizeof(changes->items) / sizeof(*changes->items);

	if ((size_t)changes->count < room) {
		changes->items[changes->count].setting = setting;
		changes->items[changes->count].mark = mark;
		changes->items[changes->count].is_local = is_local;
		changes->count++;
	}
}

/* Which setting is named in TEXT; ECHO_SETTINGS: none that is kept. */
static enum echo_setting
named(const char *text, size_t length)
{
	if (find(text, length, "application_name") != NULL) {
		return ECHO_APPLICATION_NAME;
	}
	if (find(text, length, "x.y") != NULL ||
	    find(text, length, "\"x\".\"y\"") != NULL) {
		return ECHO_XY;
	}
	return ECHO_SETTINGS;
}

/* One call of set_config() after another. */
static void
read_calls(const char *text, size_t length, struct echo_changes *changes)
{
	const char *end = text + length;
	const char *at = find(text, length, "set_config(");

	while (at != NULL) {
		const char *next =
		    find(at + 1, (size_t)(end - at) - 1, "set_config(");
		size_t size = (size_t)((next == NULL ? end : next) - at);
		enum echo_setting setting = named(at, size);

		if (setting != ECHO_SETTINGS) {
			add(changes, setting, echo_mark(at, size),
			    find(at, size, "true") != NULL);
		}
		at = next;
	}
}

struct echo_changes
echo_changes_read(const char *text, size_t length)
{
	struct echo_changes changes = {.count = 0};
	enum echo_setting setting = named(text, length);

	if (starts(text, length, "select")) {
		read_calls(text, length, &changes);
	} else if (starts(text, length, "reset all") ||
	    starts(text, length, "discard all")) {
		add(&changes, ECHO_XY, 0, false);
		add(&changes, ECHO_APPLICATION_NAME, 0, false);
	} else if (setting != ECHO_SETTINGS &&
	    (starts(text, length, "set ") || starts(text, length, "reset"))) {
		add(&changes, setting, echo_mark(text, length),
		    starts(text, length, "set local"));
	}
	return changes;
}

void
echo_session_open(struct echo_session *session)
{
	if (!session->is_open) {
		session->is_open = true;
		session->before = session->values;
		session->savepoint_count = 0;
	}
}

void
echo_session_change(
    struct echo_session *session, const struct echo_changes *changes)
{
	for (int i = 0; i < changes->count; i++) {
		enum echo_setting setting = changes->items[i].setting;

		session->values.now[setting] = changes->items[i].mark;
		if (!changes->items[i].is_local) {
			session->values.kept[setting] = changes->items[i].mark;
		}
	}
}

void
echo_session_end(struct echo_session *session, bool commits)
{
	if (!session->is_open) {
		return;
	}
	if (!commits) {
		session->values = session->before;
	}
	memcpy(session->values.now, session->values.kept,
	    sizeof(session->values.now));
	session->is_open = false;
	session->savepoint_count = 0;
}

void
echo_session_savepoint(struct echo_session *session, char name)
{
	int at = session->savepoint_count;

	if (at == ECHO_SAVEPOINTS) {
		/* The oldest is forgotten, as if it had been released. */
		memmove(session->savepoints, session->savepoints + 1,
		    (ECHO_SAVEPOINTS - 1) * sizeof(*session->savepoints));
		at--;
		session->savepoint_count--;
	}
	session->savepoints[at].name = name;
	session->savepoints[at].values = session->values;
	session->savepoint_count++;
}

static int
find_savepoint(const struct echo_session *session, char name)
{
	int at = session->savepoint_count;

	while (--at >= 0 && session->savepoints[at].name != name) {
		/* the one before */
	}
	return at;
}

bool
echo_session_rollback_to(struct echo_session *session, char name)
{
	int at = find_savepoint(session, name);

	if (at < 0) {
		return false;
	}
	session->values = session->savepoints[at].values;
	session->savepoint_count = at + 1;
	return true;
}

bool
echo_session_release(struct echo_session *session, char name)
{
	int at = find_savepoint(session, name);

	if (at < 0) {
		return false;
	}
	session->savepoint_count = at;
	return true;
}
