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
#include "sql/verdict.h"

/* All our names begin so; clients' names that do are never passed on as they
 * are. */
#define STATEMENT_PREFIX "pgweir_"

struct buf;
struct statements;

struct statement {
	struct statements *set; /* borrowed; outlives it */
	UT_hash_handle hh;      /* in set, by key */
	unsigned references;
	struct hash128 key; /* of meaning and body */
	struct hash128 meaning;
	char name[24];       /* STATEMENT_PREFIX and a number, NUL behind */
	uint8_t name_length; /* without the NUL */
	uint8_t *body;       /* owned; of Parse, behind the name: text, NUL,
	                        count and types of the parameters */
	size_t body_bytes;
	size_t text_length; /* of the text, without its NUL */
	/* Of the text, set once by whoever takes it first. */
	struct verdict verdict;
	struct hash128 shape;
	bool is_judged;
	bool has_shape;
};

/* Statements may take up to LIMIT_BYTES; beyond, statements_take() fails. */
struct statements *statements_new(size_t limit_bytes);
void statements_free(struct statements **set);
void statements_set_limit(struct statements *set, size_t limit_bytes);

/*
 * Returns the statement with MEANING and exactly the SIZE bytes of BODY (of a
 * Parse, behind its name; checked by the caller with statement_body_is_valid),
 * counted once more for the caller. NULL: it is new and there is no room.
 */
struct statement *statements_take(struct statements *set,
    const struct hash128 *meaning, const uint8_t *body, size_t size);

/* Whether SIZE bytes of BODY are a text, its NUL, a count and as many types. */
bool statement_body_is_valid(const uint8_t *body, size_t size);

/* Counts STATEMENT once more and returns it. NULL is accepted. */
struct statement *statement_ref(struct statement *statement);

/* Gives *STATEMENT back and sets it to NULL; the last one frees it. NULL is
 * accepted. */
void statement_release(struct statement **statement);

/* Appends the Parse of STATEMENT under its own name, or the Close of it. */
void statement_put_parse(const struct statement *statement, struct buf *out);
void statement_put_close(const struct statement *statement, struct buf *out);

/* The statement whose name, in full, NAME of LENGTH bytes is; NULL: none now.
 * Not counted. For error messages: a scan, not for the hot path. */
struct statement *statements_find_name(
    const struct statements *set, const char *name, size_t length);

/* Statements there are now, and the memory they take. */
size_t statements_count(const struct statements *set);
size_t statements_bytes(const struct statements *set);

#endif
