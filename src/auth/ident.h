/* ident.h - maps from names outside to users: files as pg_ident.conf. */
#ifndef AUTH_IDENT_H
#define AUTH_IDENT_H

#include <stdbool.h>
#include <stddef.h>

struct ident;
struct problems;
struct regex_scratch;

/*
 * Reads the file PATH ("map system-name user" per line) and what it includes.
 * What is wrong becomes an error in PROBLEMS, and its line is left out. The
 * caller ends the result with ident_free(). Blocks as reading files does.
 * Source: PostgreSQL 16 docs, "User Name Maps".
 */
struct ident *ident_load(const char *path, struct problems *problems)
    __attribute__((warn_unused_result));

/* As ident_load(), with SIZE bytes of TEXT in place of what is in PATH; they
 * include nothing. */
struct ident *ident_load_text(const char *path, const char *text, size_t size,
    struct problems *problems) __attribute__((warn_unused_result));

void ident_free(struct ident **ident);

/* Whether there is a line of MAP. */
bool ident_has_map(const struct ident *ident, const char *map);

/* Whether who is called SYSTEM_NAME outside may be USER by MAP. What cannot be
 * decided within the bounds of a regular expression is no. */
bool ident_allows(const struct ident *ident, const char *map,
    const char *system_name, const char *user, struct regex_scratch *scratch);

#endif
