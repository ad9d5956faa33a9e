/*
 * echo_session.h - the settings of an echo's session, as transactions and
 * savepoints change them.
 *
 * Two settings are kept, and of their values only the mark: x.y, which clients
 * set, and application_name, which each brings along.
 *
 * Source: PostgreSQL docs, "SET", "ROLLBACK TO SAVEPOINT".
 */
#ifndef SUPPORT_ECHO_SESSION_H
#define SUPPORT_ECHO_SESSION_H

#include <stdbool.h>
#include <stddef.h>

enum echo_setting {
	ECHO_XY,
	ECHO_APPLICATION_NAME,
	ECHO_SETTINGS
};

#define ECHO_SAVEPOINTS 8

/* The letters of their marks; 0: none. */
struct echo_values {
	char now[ECHO_SETTINGS];
	char kept[ECHO_SETTINGS]; /* after a commit */
};

struct echo_session {
	struct echo_values values;
	struct echo_values before; /* the transaction under way */
	bool is_open;              /* one is, be it implicit */
	struct {
		char name;
		struct echo_values values;
	} savepoints[ECHO_SAVEPOINTS];
	int savepoint_count;
};

/* What a statement does to it. */
struct echo_changes {
	struct {
		enum echo_setting setting;
		char mark;
		bool is_local;
	} items[4];
	int count;
};

/* Reads what TEXT of LENGTH bytes, one statement, changes. */
struct echo_changes echo_changes_read(const char *text, size_t length);

/* A statement is about to run. */
void echo_session_open(struct echo_session *session);

void echo_session_change(
    struct echo_session *session, const struct echo_changes *changes);

/* The transaction ends. */
void echo_session_end(struct echo_session *session, bool commits);

void echo_session_savepoint(struct echo_session *session, char name);

/* False: there is no savepoint NAME. */
bool echo_session_rollback_to(struct echo_session *session, char name);
bool echo_session_release(struct echo_session *session, char name);

#endif
