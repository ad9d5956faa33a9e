/*
 * monitor_login.c - copies of what the monitor logs in with.
 *
 * All members are texts, so they are handled alike, through this table.
 */
#include "route/monitor_login.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/mem.h"

static const size_t members[] = {
    offsetof(struct monitor_login, user),
    offsetof(struct monitor_login, password),
    offsetof(struct monitor_login, passfile),
    offsetof(struct monitor_login, dbname),
    offsetof(struct monitor_login, sslmode),
    offsetof(struct monitor_login, sslrootcert),
    offsetof(struct monitor_login, sslcert),
    offsetof(struct monitor_login, sslkey),
};

#define MEMBERS (sizeof(members) / sizeof(*members))

_Static_assert(
    sizeof(struct monitor_login) == MEMBERS * sizeof(char *), "all members");

static const char *
get(const struct monitor_login *login, size_t index)
{
	const char *text = NULL;

	memcpy(&text, (const char *)login + members[index], sizeof(text));
	return text == NULL ? "" : text;
}

static void
set(struct monitor_login *login, size_t index, const char *text)
{
	memcpy((char *)login + members[index], &text, sizeof(text));
}

void
monitor_login_copy(struct monitor_login *to, const struct monitor_login *from)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		const char *text = get(from, i);

		set(to, i, *text == '\0' ? NULL : mem_strdup(text));
	}
}

void
monitor_login_fini(struct monitor_login *login)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		char *text = NULL;

		/* Ours since monitor_login_copy(), whatever the type says. */
		memcpy(&text, (char *)login + members[i], sizeof(text));
		mem_wipe_free(&text);
		set(login, i, NULL);
	}
}

bool
monitor_login_equal(
    const struct monitor_login *a, const struct monitor_login *b)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		if (strcmp(get(a, i), get(b, i)) != 0) {
			return false;
		}
	}
	return true;
}

bool
monitor_login_is_usable(const struct monitor_login *login)
{
	return login->user != NULL && login->user[0] != '\0';
}
