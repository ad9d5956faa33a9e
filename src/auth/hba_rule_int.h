/* hba_rule_int.h - between the files that read a rule. */
#ifndef AUTH_HBA_RULE_INT_H
#define AUTH_HBA_RULE_INT_H

#include <stddef.h>

#include "auth/hba_rule.h"

struct error;
struct hba_line;
struct hba_word;

/* A line being read. */
struct hba_parse {
	const struct hba_line *line; /* borrowed */
	struct hba_rule *rule;       /* borrowed */
	struct error *err;
	size_t at; /* the next field */
};

/* The only word of the next field; NULL and the error, which calls it WHAT, if
 * there is none or several. */
const struct hba_word *hba_next_word(struct hba_parse *parse, const char *what);

/* The index of WORD in NAMES, COUNT of them, or -1. */
int hba_find_word(const char *word, const char *const *names, size_t count);

/* hba_method.c: takes the rest of the line, the method and its options. */
int hba_take_method(struct hba_parse *parse);

#endif
