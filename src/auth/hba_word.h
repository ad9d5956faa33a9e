/* hba_word.h - the words of a line of a file in pg_hba.conf's format. */
#ifndef AUTH_HBA_WORD_H
#define AUTH_HBA_WORD_H

#include <stdbool.h>

#include "core/buf.h"

/* A word as it is taken from a line. */
struct hba_token {
	struct buf text;
	bool quoted;     /* begins with a quote */
	bool seen_quote; /* has one anywhere: it may be empty */
	bool comma;      /* another word of the same field follows */
};

/* Takes the next word of *AT into WORD, whose text is kept for the next; false
 * at the end of the line, which a comment is. */
bool hba_word_take(const char **at, struct hba_token *word);

#endif
