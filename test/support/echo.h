/*
 * echo.h - a PostgreSQL server for tests that says back what it was told.
 *
 * It follows the protocol as PostgreSQL does, errors and COPY included, and
 * keeps what a session keeps: transaction, unnamed and named statements,
 * settings. What it answers carries the marks of whoever asked, and of whose
 * settings it runs under.
 * So a row with the wrong mark, wherever it arrives, has come the wrong way.
 *
 * Source: PostgreSQL docs, "Frontend/Backend Protocol", "Message Flow".
 */
#ifndef SUPPORT_ECHO_H
#define SUPPORT_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "support/echo_session.h"

#define ECHO_NAMES 64
#define ECHO_NAME_BYTES 32

/* A mark is this and a letter; long enough not to come about by chance. */
#define ECHO_MARK "~w#"
#define ECHO_MARK_BYTES 4

enum echo_copy {
	ECHO_NO_COPY,
	ECHO_COPY_SIMPLE,
	ECHO_COPY_EXTENDED
};

/* What a statement does. */
enum echo_does {
	ECHO_NOTHING, /* the empty statement */
	ECHO_SELECT,
	ECHO_SELECT_BIG,
	ECHO_SELECT_NOTICES,
	ECHO_CONFLICT, /* fails on a standby only */
	ECHO_FAIL,
	ECHO_WRITE,
	ECHO_BEGIN,
	ECHO_BEGIN_READ_ONLY,
	ECHO_COMMIT,
	ECHO_ROLLBACK,
	ECHO_SAVEPOINT,
	ECHO_RELEASE,
	ECHO_ROLLBACK_TO,
	ECHO_SET,
	ECHO_SET_CONFIG,
	ECHO_DEALLOCATE_ALL,
	ECHO_DISCARD_ALL,
	ECHO_COPY_IN,
	ECHO_COPY_OUT,
	ECHO_OTHER
};

struct echo_statement {
	bool is_there;
	enum echo_does does;
	char mark;      /* of its text; 0: none */
	char savepoint; /* the first letter of its name */
	bool is_ours;   /* pgweir's own settings */
	struct echo_changes changes;
};

struct echo {
	bool is_standby;
	bool asks_password;
	bool started;
	bool ended; /* it has closed */
	bool skips; /* up to Sync */
	enum echo_copy copy;
	char status;     /* 'I', 'T', 'E' */
	bool read_only;  /* the transaction is */
	bool has_failed; /* something has, in the batch under way */
	bool is_refused; /* settings of pgweir's were: those in force are not
	                    shown any more */
	struct echo_session session;
	struct echo_statement unnamed;
	struct echo_statement portals[2]; /* without a name, with one */
	struct {
		char name[ECHO_NAME_BYTES]; /* cut */
		struct echo_statement statement;
	} named[ECHO_NAMES];
	const char *fails_with; /* SQLSTATE for the next statement; NULL: none
	                         */
};

/* The SERVER of a new connection. */
void echo_init(struct echo *echo);

/* Takes one message from IN and appends its answers to OUT. False: none is
 * whole. */
bool echo_take(struct echo *echo, struct buf *in, struct buf *out);

/* The letter of the first mark in SIZE BYTES; 0: none. */
char echo_mark(const void *bytes, size_t size);

#endif
