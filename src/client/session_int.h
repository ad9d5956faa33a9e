/* session_int.h - between the files of a client's settings, session*.c. */
#ifndef CLIENT_SESSION_INT_H
#define CLIENT_SESSION_INT_H

#include "client/client_int.h"
#include "client/session.h"

struct session_op;

/* A statement in the text as the server gets it. */
struct session_step {
	const char *tag; /* static; told to the client instead of its own;
	                    NULL: its own */
	bool is_hidden;  /* none of its answer is the client's */
	bool hides_rows; /* all of it but the tag is not */
	bool ends;       /* with it a statement of the client's is done */
};

/* The part of a note of a message with operations. */
struct session_part {
	struct note_part part;
	struct session_ops *ops; /* shared */
	char **values;           /* owned, .ops->count of them; may be NULL */
	struct session_step *steps; /* owned; NULL: the text is the client's */
	uint16_t step_count;
	uint16_t step; /* statements done of those */
	uint16_t done; /* statements of the client's done */
};

/* Frees the values of OPS. */
void session_free_values(const struct session_ops *ops, char ***values);

/* Returns a part that counts OPS and takes over *VALUES. */
struct session_part *session_part_new(struct session_ops *ops, char ***values);

/* The value operation number INDEX of OPS sets; NULL: it goes back. */
const char *session_value(
    const struct session_ops *ops, char *const *values, size_t index);

/* A longer value is not followed. */
#define SESSION_VALUE_MAX_BYTES ((size_t)8192)

/* What names of our own on a server begin with. */
#define SESSION_OUR_PREFIX "pgweir_"

/* Whether OP sets or resets; whether it does away with statements. */
bool session_is_settings_op(const struct session_op *op);
bool session_is_statements_op(const struct session_op *op);

/* Does nothing, has no rows, and may stand in a transaction. */
#define SESSION_NO_STATEMENT "UNLISTEN " SESSION_OUR_PREFIX "none"

/* Appends to OUT a DEALLOCATE of what the client calls NAME, like ours: of a
 * name that none of ours is. */
void session_put_other_name(const char *name, struct buf *out);

/* What is done instead of OP, the only one of an Execute with PART, goes into
 * RUN and the steps of PART, if anything is. */
void session_replace(const struct client *client, struct session_run *run,
    struct session_part *part);

/* Whether any of OPS matters to the client now. */
bool session_is_of_interest(
    const struct client *client, const struct session_ops *ops);

/* Why OPS with VALUES cannot be followed, static; NULL: they can. */
const char *session_check(const struct client *client,
    const struct session_ops *ops, char *const *values);

/* OPS are under way; what they come to is not known before the answer. */
void session_settle(
    struct client *client, const struct session_ops *ops, char *const *values);

/* Appends to OUT the SQL that must be run behind OP, which resets; false if the
 * server has it right itself. */
bool session_put_own_values(
    const struct client *client, const struct session_op *op, struct buf *out);

/* The form in which a Query is to be sent. */
enum session_form {
	SESSION_FORM_OWN,     /* as it is */
	SESSION_FORM_OTHER,   /* as rewritten, in the steps of its part */
	SESSION_FORM_WAITS,   /* not known before an answer has come */
	SESSION_FORM_UNKNOWN, /* as it is, for it is not understood */
};

/* As session_query(); PART gets the steps. */
enum session_form session_rewrite(struct client *client, const char *text,
    size_t length, struct session_ops *ops, struct buf *rewritten,
    struct session_part *part);

#endif
