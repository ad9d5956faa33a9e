/*
 * names.h - what a client calls its prepared statements.
 *
 * As with a server's own beliefs (server/prepared.h), a name is defined or
 * gone when the server has acknowledged it; until then, what it will be holds
 * within its batch only.
 */
#ifndef CLIENT_NAMES_H
#define CLIENT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash.h"
#include "server/note.h"

struct form;
struct name;
struct statement;

/* Zeroed: none. */
struct names {
	struct name *table; /* owned */
	size_t bytes;       /* of names and entries, without the statements */
	size_t body_bytes;  /* of the statements, each time it is referred to */
	size_t count;       /* of names that are defined */
};

/* One name with a change under way; ended by names_on_note(). */
struct name_change;

enum name_state {
	NAME_UNKNOWN, /* no statement is called so */
	NAME_KNOWN,   /* *statement is */
	NAME_WAIT     /* an earlier batch will tell; not before */
};

/* Ends all names. Changes under way are still to be noted. */
void names_fini(struct names *names);

/* The memory a client's statements account for: its names, and each time the
 * text it gave. For the bound max_client_statement_bytes. */
static inline size_t
names_cost(const struct names *names)
{
	return names->bytes + names->body_bytes;
}

/* As in PostgreSQL, only the first NAME_BYTES_MAX bytes of a name count. */
#define NAME_BYTES_MAX 63

/* What NAME of LENGTH bytes (no NUL needed) is for a message of batch number
 * BATCH. *STATEMENT is borrowed. */
enum name_state names_look(const struct names *names, const char *name,
    size_t length, uint64_t batch, struct statement **statement);

/* As names_look(), of NAME as names_find() has found it. */
enum name_state name_look(
    const struct name *name, uint64_t batch, struct statement **statement);

/*
 * NAME is about to become STATEMENT (counted by this), or with NULL nothing,
 * by a message of batch number BATCH. Returns what names_on_note() must be
 * called with, exactly once.
 */
struct name_change *names_change(struct names *names, const char *name,
    size_t length, struct statement *statement, uint64_t batch);
void names_on_note(
    struct names *names, struct name_change **change, enum note_event event);

/*
 * A name itself, as names_look() has found it; NULL: there is none. It is valid
 * until the next change is made or noted, or as long as it is held: from
 * name_hold() to name_let_go(), which sets *NAME to NULL. NULL is accepted.
 */
struct name *names_find(
    const struct names *names, const char *name, size_t length);
struct name *name_hold(struct name *name);
void name_let_go(struct names *names, struct name **name);

/* What the client was told last of what NAME is now, and goes by when it does
 * not ask again; NULL: nothing. Borrowed. */
struct form *name_told(const struct name *name);

/* It is told FORM now (counted by this), of STATEMENT; if NAME is another by
 * now, nothing happens. */
void name_tell(
    struct name *name, const struct statement *statement, struct form *form);

/*
 * A description of NAME was asked for by a message of batch number BATCH, until
 * name_asked_end() says that it was told or will not be. Meanwhile
 * name_is_asked() says whether it was, and in which batch.
 */
void name_asked(struct name *name, uint64_t batch);
void name_asked_end(struct name *name);
bool name_is_asked(const struct name *name, uint64_t *batch);

/* NAME, of which nothing is under way, is to be prepared as STATEMENT (counted
 * by this) from now on; what the client was told holds. */
void name_change_statement(
    struct names *names, struct name *name, struct statement *statement);

/* All names are gone (DISCARD ALL, DEALLOCATE ALL); changes under way stay. */
void names_clear(struct names *names);

/* The client's name for STATEMENT, any if there are several; NULL: none. A
 * scan, for error messages. Borrowed; *LENGTH without a NUL. */
const char *names_of(const struct names *names,
    const struct statement *statement, size_t *length);

/* Calls EACH for every name that is defined; it must not change NAMES. */
typedef void names_each_fn(void *context, const char *name, size_t length,
    struct statement *statement);
void names_each(const struct names *names, names_each_fn *each, void *context);

/* How many names there are. */
size_t names_count(const struct names *names);

#endif
