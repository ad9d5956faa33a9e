/* regex_int.h - between the files of regular expressions. */
#ifndef AUTH_REGEX_INT_H
#define AUTH_REGEX_INT_H

struct buf;
struct error;

/* Appends PATTERN, which is written as PostgreSQL has it, to OUT as PCRE2 has
 * it. -1 and ERR if it has no equal. */
int regex_translate(const char *pattern, struct buf *out, struct error *err)
    __attribute__((warn_unused_result));

#endif
