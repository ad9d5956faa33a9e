/* setting.h - what the names of PostgreSQL's settings say; in any case. */
#ifndef SQL_SETTING_H
#define SQL_SETTING_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Whether NAME of LENGTH bytes changes how later texts are read: even for one
 * transaction it cannot be had without our noticing. */
bool setting_is_lexical(const char *name, size_t length);

/* role and session_authorization. */
bool setting_is_role(const char *name, size_t length);

/* transaction_isolation and its kin, which every transaction begins anew: SET
 * of one is no different from SET LOCAL. */
bool setting_is_transactional(const char *name, size_t length);

/* Whether setting NAME to a value tells all about it. Not seed, which is the
 * state of a generator. */
bool setting_is_value(const char *name, size_t length);

/* Whether every node a client's settings are applied to answers alike when
 * asked for NAME, which is one of PostgreSQL's own. */
bool setting_is_clients(const char *name, size_t length);

/* Settings that are lists of names, whose words PostgreSQL quotes where they
 * would not be names without. */
bool setting_is_list_of_names(const char *name, size_t length);

/* Appends NAME to OUT in lower case; what PostgreSQL calls otherwise today, by
 * its new name. */
void setting_put_name(struct buf *out, const char *name, size_t length);

/*
 * Appends a word or string in SET NAME = TEXT, ... to OUT as PostgreSQL does
 * when it makes one value of them: in quotes if NAME is a list of names and
 * TEXT would not be a name without.
 */
void setting_put_word(struct buf *out, const char *name, size_t name_length,
    const char *text, size_t length);

#endif
