/*
 * session.h - a client's settings as its own statements change them.
 *
 * What a text does to its session is told by sql/session_ops.h. Here it is
 * recorded when the server has done it, statement by statement, and becomes the
 * client's profile when its transaction commits: see client/changes.h.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/changes.h"
#include "core/hash.h"
#include "proto/params.h"
#include "server/note.h"

struct buf;
struct client;
struct out;
struct profile;
struct session_ops;
struct verdict;

/* What is bound to the unnamed portal. */
struct session_bound {
	struct session_ops *ops; /* shared; NULL: nothing of interest */
	char **values;           /* owned, .ops->count of them; NULL: none */
	uint64_t batch;          /* that bound it */
	bool is_doubtful;        /* another portal has been run since */
};

struct session {
	struct profile *startup; /* shared; the settings it came with */
	struct profile *now;     /* shared; the settings in force */
	struct changes changes;  /* of the transaction under way */
	struct params explained; /* set since it has its server; names only */
	struct hash128 meaning;  /* of the texts that come next */
	struct session_ops *unnamed_ops; /* shared; of the statement parsed
	                                    last without a name; may be NULL */
	struct session_bound bound;
	bool has_run;            /* an Execute, in the batch under way */
	bool is_clearing;        /* statements are done away with by an Execute,
	                            which is not answered yet */
	bool has_discarded;      /* all of it: this commits before anything else
	                            but Sync may follow */
	bool commits;            /* a Sync of ours is on its way for that */
	bool is_settling;        /* operations are under way */
	bool is_lexical;         /* and they change how texts are read */
	bool has_failed;         /* an error in the batch under way */
	bool was_refused;        /* its settings, by the last server asked */
	struct profile *way_out; /* shared; what a server is to have instead of
	                            them, for a text that gets out of that */
	bool way_out_alone;      /* if that is all there is in its batch */
};

/* CLIENT has come in with client->profile. */
void session_begin(struct client *client);
void session_fini(struct client *client);

/*
 * The client's settings were refused, and the first text of its next batch does
 * OPS: if it begins with setting or resetting what may have been refused, a
 * server need not have that. Nothing runs before it has.
 */
void session_look_for_way_out(
    struct client *client, const struct session_ops *ops);
/* But when its transaction has failed before it began: then none of them. */
void session_forget_way_out(struct client *client);

/* What a server is to have for the client's batch. */
struct profile *session_profile(const struct client *client);

/* A server has it. */
void session_on_linked(struct client *client);

/* Whether a server with the setting NAME at VALUE (may be NULL) leaves when it
 * is idle: one that is shared must not. */
bool session_limits_idling(const char *name, const char *value);

/* Why a text with VERDICT keeps its client's server, static; NULL: it does
 * not, it is followed. */
const char *session_pin_reason(const struct verdict *verdict);

/* Whether OPS (NULL: none) change how literals are read, and the client has
 * prepared statements with literals in them: what those are has been read under
 * the settings before, which no other server can be told afterwards. */
bool session_changes_literals(
    const struct client *client, const struct session_ops *ops);

/* ---- towards the server -------------------------------------------------- */

/* A Query is about to be passed on, or what is bound to the unnamed portal
 * about to be run. */
struct session_run {
	const char *pin; /* static; why the server cannot be shared; or NULL */
	struct note *note; /* to be attached to it; for the caller; or NULL */
	bool is_rewritten; /* the Query's text is another, with its NUL */
	bool must_wait;    /* not before an answer has come; all else is 0 */
	/* Of an Execute; owned SQL, or NULL: */
	char *in_front; /* to be run first */
	char *instead;  /* to be bound in place of what would be run */
	char *behind;   /* to be run then */
};

/*
 * A Query whose TEXT of LENGTH bytes does OPS. What it will be in the form in
 * which it is to be sent goes into REWRITTEN, if it is another.
 */
struct session_run session_query(struct client *client, const char *text,
    size_t length, struct session_ops *ops, struct buf *rewritten);

/* A Bind of the unnamed portal, whose SIZE bytes of BODY are all here, to a
 * statement that does OPS (NULL: nothing) and has COUNT declared TYPES of
 * parameters, as in its Parse. Returns why it cannot be followed. */
const char *session_bind(struct client *client, const uint8_t *body,
    size_t size, struct session_ops *ops, const uint8_t *types, size_t count);

/*
 * Where a parameter of a Bind BODY is NULL, to a statement of TEXT (LENGTH
 * bytes) that does OPS, and resets a setting, OUT gets the whole message with
 * the value that the client began with instead. False: there is none, or
 * something else might be made of that parameter.
 */
bool session_fill_bind(const struct client *client, const uint8_t *body,
    size_t size, const struct session_ops *ops, const char *text, size_t length,
    struct buf *out);

/* Nothing is bound to it any more. */
void session_unbind(struct client *client);

/* Whether OPS (NULL: none) do away with prepared statements. */
bool session_clears(const struct session_ops *ops);

enum session_way {
	SESSION_FOLLOWS,
	SESSION_WAITS,   /* it cannot be told yet */
	SESSION_UNTRACKS /* the client's statements are to be the server's */
};

/* What is to become of an Execute of the unnamed portal of a tracked client, if
 * that does away with prepared statements. */
enum session_way session_look_at_clearing(const struct client *client);

/* Whether such an Execute is not over yet, and so session_may_follow() is to be
 * asked whether a message of TYPE may go on. What must go first goes into OUT,
 * to which everything before it has been given. */
bool session_is_clearing(const struct client *client);
bool session_may_follow(struct client *client, uint8_t type, struct out *out);

/* An Execute of the unnamed portal, to its end. */
struct session_run session_execute(struct client *client);

/* What must precede or follow that Execute goes into OUT, with helpers' answers
 * owed. */
void session_put_in_front(
    struct client *client, const struct session_run *run, struct out *out);
void session_put_behind(
    struct client *client, const struct session_run *run, struct out *out);

/* Whether a message may go on now, of a new batch or not: what operations come
 * to must be known before the next batch. */
bool session_may_go_on(const struct client *client);

/* ---- from the server ----------------------------------------------------- */

enum session_answer {
	SESSION_PASS, /* the client's, as it is */
	SESSION_HIDE, /* nobody's */
	SESSION_RETAG /* the client's, with *TAG instead of its own */
};

/* A message of TYPE is the answer to a message with NOTE, to be asked before
 * the answers are told of it. TAG: a CommandComplete's, and what it is to be
 * then. */
enum session_answer session_seen(struct client *client, const struct note *note,
    uint8_t type, const char **tag);

/* ReadyForQuery with STATUS, all told. */
void session_on_ready(struct client *client, char status);
/* One that is not the client's. */
void session_on_own_ready(struct client *client, char status);

/* Whether the server reports a setting other than when the client got it that
 * its own statements do not explain. */
bool session_is_foreign(struct client *client);

/* The client leaves its server. */
void session_on_leave(struct client *client);

#endif
