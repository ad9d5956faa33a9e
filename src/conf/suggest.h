/* suggest.h - the known name that was probably meant. */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

#include <stddef.h>

/* The best name so far. Start with { .wanted = the unknown name }. */
struct suggestion {
	const char *wanted; /* borrowed */
	const char *best;   /* borrowed from the caller; NULL if none is near */
	size_t distance;
};

/* Considers KNOWN, which must live as long as the suggestion is used. */
void suggestion_consider(struct suggestion *suggestion, const char *known);

/* Considers each of COUNT names. */
const char *suggest(const char *wanted, const char *const *known, size_t count);

#endif
