/* problems.h - everything wrong or remarkable in a configuration. */
#ifndef CONF_PROBLEMS_H
#define CONF_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>

enum problem_kind {
	PROBLEM_ERROR, /* the configuration is refused */
	PROBLEM_NOTE   /* accepted; an operator should know */
};

struct problem {
	enum problem_kind kind;
	char *file; /* owned; NULL when no file is concerned */
	int line;   /* 0 when no line is */
	char *text; /* owned; log style, no secrets */
};

/* All problems of one load. Zeroed: none. */
struct problems {
	struct problem *items; /* owned array */
	size_t count;
	size_t error_count;
	size_t left_out; /* beyond PROBLEMS_MAX */
};

#define PROBLEMS_MAX 200

void problems_fini(struct problems *problems);

/* Adds one. FILE may be NULL, LINE 0. */
void problems_add(struct problems *problems, enum problem_kind kind,
    const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Puts the problems into the order of their lines, file by file as they first
 * appear. */
void problems_sort(struct problems *problems);

struct buf;

/* Appends ITEM as "file:line: text", the way compilers do. */
void problem_print(const struct problem *item, struct buf *out);

#endif
