/*
 * session_ops.h - what a text does to its session, in the order of the text.
 *
 * Only what can be followed exactly: a text that does more, or may not do it
 * each time it runs, has effects that are not among verdict.followed.
 */
#ifndef SQL_SESSION_OPS_H
#define SQL_SESSION_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum session_op_kind {
	SESSION_SET,   /* .name becomes .value, or the parameter */
	SESSION_RESET, /* .name goes back; also SET ... TO DEFAULT */
	SESSION_RESET_ALL,
	SESSION_DISCARD_ALL,
	SESSION_DEALLOCATE, /* .name is a prepared statement's */
	SESSION_DEALLOCATE_ALL,
	SESSION_BEGIN,
	SESSION_COMMIT,
	SESSION_ROLLBACK,
	SESSION_PREPARE_TRANSACTION,
	SESSION_SAVEPOINT,  /* .name */
	SESSION_RELEASE,    /* .name */
	SESSION_ROLLBACK_TO /* .name */
};

struct session_op {
	enum session_op_kind kind;
	uint16_t statement; /* of the text, from 0, empty ones not counted */
	uint16_t parameter; /* the value is this one, if its type was declared
	                       text, varchar or not at all; NULL resets. 0: it
	                       is .value. What is in it has effects of its own,
	                       see sql_names_temporary() */
	bool is_local;      /* SET LOCAL, set_config(..., true) */
	bool is_function;   /* done by set_config(), not by SET or RESET */
	bool is_chain;      /* COMMIT or ROLLBACK AND CHAIN */
	const char *name;   /* in lower case if a setting's; NULL if none */
	const char *value;  /* as set_config() takes it; NULL if none */
};

struct session_ops {
	unsigned references;
	uint16_t statements; /* in the text, empty ones not counted */
	uint16_t count;
	size_t bytes;              /* of all of it */
	struct session_op items[]; /* the texts lie behind them */
};

/* Counts OPS once more and returns it. NULL is accepted. */
struct session_ops *session_ops_ref(struct session_ops *ops);

/* Gives *OPS back and sets it to NULL. NULL is accepted. */
void session_ops_release(struct session_ops **ops);

/* Whether pg_temp, in any case, is anywhere in BYTES: as a search_path that may
 * lead to temporary objects, and pins. */
bool sql_names_temporary(const void *bytes, size_t length);

/*
 * Where in TEXT its statement number INDEX (as in session_op.statement) lies,
 * without the semicolon behind it. False when there is none, or when its bounds
 * cannot be told from the tokens alone.
 */
bool sql_statement_range(const char *text, size_t length, bool std_strings,
    unsigned index, size_t *start, size_t *end);

#endif
