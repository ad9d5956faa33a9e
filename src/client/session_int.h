/* session_int.h - between session.c and session_send.c. */
#ifndef CLIENT_SESSION_INT_H
#define CLIENT_SESSION_INT_H

#include "client/client_int.h"
#include "client/session.h"

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

#endif
