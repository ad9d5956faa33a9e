/*
 * statement.h - prepared statements, interned: one for each text, parameter
 * types and meaning, whoever prepares it.
 *
 * On every server a statement has the same name, ours. What makes two equal
 * texts two statements is the settings they are read under (search_path, role,
 * DateStyle, ...), see profile_meaning().
 */
#ifndef SERVER_STATEMENT_H
#define SERVER_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash.h"
#include "core/list.h"
#include "sql/verdict.h"

/* All our names begin so; clients' names that do are never passed on as they
 * are. */
#define STATEMENT_PREFIX "pgweir_"

struct buf;
struct statements;

struct statement {
	struct statements *set; /* borrowed; outlives it */
	UT_hash_handle hh;      /* in set, by key; not once it is stripped */
	struct list_link link;  /* in set->unused, when all count its name */
	unsigned references;
	unsigned name_references; /* of them: who needs no more than the name */
	struct hash128 key;       /* of meaning and body */
	struct hash128 meaning;
	char name[24];       /* STATEMENT_PREFIX and a number, NUL behind */
	uint8_t name_length; /* without the NUL */
	uint8_t *body;       /* owned; of Parse, behind the name: text, NUL,
	                        count and types of the parameters; NULL once
	                        it is stripped */
	size_t body_bytes;
	size_t text_length; /* of the text, without its NUL */
	/* Of the text, set once by whoever takes it first; .ops is shared. */
	struct verdict verdict;
	struct hash128 shape;
	bool is_judged;
	bool is_outdated; /* not in set's table any more */
	bool has_shape;
};

/* Statements may take up to LIMIT_BYTES, what their entries cost included.
 * Beyond, those of which nothing but the name is counted any more make room,
 * longest unused first: they are stripped of all but the name. */
struct statements *statements_new(size_t limit_bytes);

/* Frees *SET, of whose statements nobody holds one any more. NULL is
 * accepted. */
void statements_free(struct statements **set);
void statements_set_limit(struct statements *set, size_t limit_bytes);

/*
 * Returns the statement with MEANING and exactly the SIZE bytes of BODY (of a
 * Parse, behind its name; checked by the caller with statement_body_is_valid),
 * counted once more for the caller. NULL: it is new and there is no room.
 */
struct statement *statements_take(struct statements *set,
    const struct hash128 *meaning, const uint8_t *body, size_t size);

/* As statements_take(), but makes none and does not count it: NULL if there is
 * none. */
struct statement *statements_find(const struct statements *set,
    const struct hash128 *meaning, const uint8_t *body, size_t size);

/* Whether SIZE bytes of BODY are a text, its NUL, a count and as many types.
 * PostgreSQL reads the count without a sign. */
bool statement_body_is_valid(const uint8_t *body, size_t size);

/* Its result has changed since: who prepares the same from now on gets another
 * statement, with a name and a plan of its own. */
void statement_outdate(struct statement *statement);

/* The number of one more description, see form_age(). */
uint64_t statement_next_description(const struct statement *statement);

/* Counts STATEMENT once more and returns it. NULL is accepted. */
struct statement *statement_ref(struct statement *statement);

/* Gives *STATEMENT back and sets it to NULL; the last one frees it. NULL is
 * accepted. */
void statement_release(struct statement **statement);

/*
 * As statement_ref() and statement_release(), for who has use for it as long as
 * others count it, and can make do with its name when they do not: a server
 * that has it. Such a count keeps no more alive than struct and name.
 */
struct statement *statement_ref_name(struct statement *statement);
void statement_release_name(struct statement **statement);

/* Appends the Parse of STATEMENT, which somebody counts in full, under its own
 * name, or the Close of it. */
void statement_put_parse(const struct statement *statement, struct buf *out);
void statement_put_close(const struct statement *statement, struct buf *out);

/* The statement whose name, in full, NAME of LENGTH bytes is; NULL: none now.
 * Not counted. For error messages: a scan, not for the hot path. */
struct statement *statements_find_name(
    const struct statements *set, const char *name, size_t length);

/* Statements there are now, and the memory they take, together with what is
 * left of the stripped ones. */
size_t statements_count(const struct statements *set);
size_t statements_bytes(const struct statements *set);

#endif
