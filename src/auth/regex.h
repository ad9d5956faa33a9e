/* regex.h - PostgreSQL's regular expressions, matched in bounded time. */
#ifndef AUTH_REGEX_H
#define AUTH_REGEX_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct regex;
struct regex_scratch;

/* A pattern is not longer than this. */
#define REGEX_PATTERN_MAX 1000

/*
 * Compiles PATTERN, which is written as PostgreSQL docs, "Regular Expression
 * Details", have it (an ARE; bytes in the C locale). NULL and ERR if it is
 * wrong, too big, or has what is not understood here; see regex.c. The caller
 * ends it with regex_free().
 */
struct regex *regex_compile(const char *pattern, struct error *err)
    __attribute__((warn_unused_result));
void regex_free(struct regex **regex);

/* Whether it has a pair of parentheses whose match can be asked for. */
bool regex_has_group(const struct regex *regex);

/* What matching needs beside a pattern; kept, so that it allocates once. */
struct regex_scratch *regex_scratch_new(void);
void regex_scratch_free(struct regex_scratch **scratch);

enum regex_answer {
	REGEX_MATCHES, /* somewhere in the text, unless anchored */
	REGEX_DIFFERS,
	REGEX_UNKNOWN /* more steps than are allowed */
};

/* What the first pair of parentheses matched. */
struct regex_group {
	const char *text; /* borrowed from the text; NULL: nothing */
	size_t length;
};

/* Looks for REGEX in TEXT. GROUP may be NULL; it is set with REGEX_MATCHES. */
enum regex_answer regex_match(const struct regex *regex, const char *text,
    struct regex_scratch *scratch, struct regex_group *group);

#endif
