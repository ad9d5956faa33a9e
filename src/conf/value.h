/*
 * value.h - a setting's value as text and as a number.
 *
 * Values that are numbers of some kind (all but STRING and LIST) are int64_t
 * here, in the unit of their field: microseconds, bytes, word index.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct error;
struct setting;

/* Whether ROW's values are numbers. */
bool value_is_number(const struct setting *row);

/*
 * Parses TEXT as a value of ROW and checks its range. -1 and ERR, which
 * begins with NAME and quotes the value, if it is none. NAME is how the
 * operator called the setting (pool_size for default_pool_size).
 */
int value_parse(const struct setting *row, const char *name, const char *text,
    int64_t *out, struct error *err) __attribute__((warn_unused_result));

/* Appends VALUE as SHOW CONFIG prints it. */
void value_print(const struct setting *row, int64_t value, struct buf *out);

/*
 * -1 and ERR when TEXT, a value of ROW as value_print() writes it, asks for
 * what does not exist yet. IS_DEFAULT: nobody wrote it.
 */
int value_check_status(const struct setting *row, const char *name,
    const char *text, bool is_default, struct error *err)
    __attribute__((warn_unused_result));

/* Whether WORD is one of WORDS, which end with NULL, in any case of letters;
 * its place goes to *INDEX. */
bool value_word_index(
    const char *const *words, const char *word, int64_t *index);

#endif
