/* auth_query.h - asking a database for the secrets of its users.
 *
 * Answers are remembered for a moment, and who asks for the same user meanwhile
 * shares the question. Nothing of the client but the name of the user goes
 * along, and that as a parameter.
 */
#ifndef AUTH_AUTH_QUERY_H
#define AUTH_AUTH_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/list.h"

struct auth_entry;
struct auth_line_ops;
struct auth_queries;
struct buf;
struct error;
struct logger;
struct loop;
struct resolver;

/* Connections to all databases that are asked; on each one question is under
 * way. What does not find room waits in order. */
#define AUTH_LINES_MAX 64

/* Of those, to one database as one role. */
#define AUTH_CHANNEL_LINES_MAX 4

/* Different questions that may wait or be under way; more are refused. */
#define AUTH_WAITING_MAX 4096

/* Secrets remembered, and users that there are not; the oldest goes first. */
#define AUTH_KNOWN_MAX 10000
#define AUTH_NOBODIES_MAX 1000

/*
 * How long an answer is remembered, at most, by which nobody has come in: that
 * there is no such user, or a secret. For both it is the same, so that how long
 * an answer takes does not tell strangers who exists.
 */
#define AUTH_UNPROVEN_US ((int64_t)1000000)

/* Whom to ask, as whom, and what. Strings are copied where they are kept; NULL
 * and "" mean the same. */
struct auth_source {
	const char *database; /* the entry of [databases] that says where */
	const char *dbname;   /* on the server */
	const char *user;     /* log in as this role */
	const char *password; /* in plain text */
	const char *passfile; /* as in struct control_params */
	const char *query;    /* whose $1 is the name of the user */
	const char *sslmode;  /* this and the rest, too */
	const char *sslrootcert;
	const char *sslcert;
	const char *sslkey;
};

/* What is in force; durations. */
struct auth_options {
	int64_t cache_us;    /* an answer is used for this long */
	int64_t question_us; /* a question must be answered within this time */
	int64_t connect_us;  /* and a connection be made */
	/* Questions fail that have waited for this long for a connection. */
	int64_t unreachable_us;
};

enum auth_place {
	AUTH_PLACE_KNOWN,  /* HOST and PORT are set */
	AUTH_PLACE_HELD,   /* nobody may connect for now: questions wait */
	AUTH_PLACE_CLOSED, /* nobody may connect; ERR is for clients */
	AUTH_PLACE_NONE    /* there is no such entry; ERR is for the log */
};

/* Where databases are: asked before each question, since that can change. */
struct auth_places {
	/* Appends the host of the entry DATABASE, of its primary if it has
	 * several, to HOST and sets PORT. Where it is not known which one that
	 * is: the same each time, but another when more have been LOST, the
	 * number of connections that could not be made or kept. */
	enum auth_place (*find)(void *context, const char *database,
	    unsigned lost, struct buf *host, int *port, struct error *err);
	void *context; /* borrowed; outlives the set */
};

/* Returns a set without questions; all but OPTIONS is borrowed. */
struct auth_queries *auth_queries_new(struct loop *loop, struct logger *logger,
    struct resolver *resolver, const struct auth_places *places,
    const struct auth_options *options);

/* Wipes and frees *SET and sets it to NULL; nobody may be waiting any more.
 * NULL is accepted. */
void auth_queries_free(struct auth_queries **set);

/* From now on OPTIONS; whatever was remembered is forgotten. What is under way
 * goes on. */
void auth_queries_configure(
    struct auth_queries *set, const struct auth_options *options);

/* For tests, before the first question: OPS in place of real connections. */
void auth_queries_set_lines(
    struct auth_queries *set, const struct auth_line_ops *ops);

enum auth_found {
	AUTH_FOUND,
	AUTH_NOT_FOUND, /* the database knows no such user */
	AUTH_FAILED     /* it could not be found out */
};

/* Its strings are borrowed until the call that told it returns, or for the one
 * who asked, until control is back in the loop. */
struct auth_answer {
	enum auth_found found;
	const char *role;   /* FOUND: the name it has there, mostly the same */
	const char *secret; /* FOUND: NULL if it has none */
	const struct error *err; /* FAILED: for the client; what is behind it
	                            was logged */
};

/* Embedded in who asks; zeroed: asks nothing. */
struct auth_question {
	struct list_link link;    /* in entry->askers */
	struct auth_entry *entry; /* borrowed; set while linked */
	/* Once, from the loop. QUESTION asks nothing any more and may go, or
	 * ask again. */
	void (*on_answer)(
	    struct auth_question *question, const struct auth_answer *answer);
};

/*
 * Asks SOURCE for USER. True: the answer is known, and in ANSWER. False: it
 * will be told to ON_ANSWER, unless QUESTION, which must not be asking yet, is
 * cancelled.
 */
bool auth_query_ask(struct auth_queries *set, const struct auth_source *source,
    const char *user, struct auth_question *question,
    void (*on_answer)(
        struct auth_question *question, const struct auth_answer *answer),
    struct auth_answer *answer);

/* Nothing is told any more. Idempotent; a zeroed one is accepted. */
void auth_question_cancel(struct auth_question *question);

/* Somebody has come in as USER with the secret that SOURCE told: it is the
 * right one, and remembered for as long as it may be. */
void auth_query_confirm(struct auth_queries *set,
    const struct auth_source *source, const char *user);

/*
 * Somebody claims to be USER and does not know the secret that SOURCE told; it
 * may have changed. It is asked for anew next time, but not more than once a
 * second. Whether it is forgotten now: then the next question is asked.
 */
bool auth_query_forget(struct auth_queries *set,
    const struct auth_source *source, const char *user);

/* What the secrets of all sources look like, see auth_models_pick(), and the
 * most iterations that any of them has had. */
const char *auth_query_model(const struct auth_queries *set, uint64_t number);
int auth_query_most_iterations(const struct auth_queries *set);

#endif
