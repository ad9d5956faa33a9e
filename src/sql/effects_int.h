/* effects_int.h - between the two halves of the effect scan. */
#ifndef SQL_EFFECTS_INT_H
#define SQL_EFFECTS_INT_H

#include "sql/effects.h"

enum effect_token {
	EFFECT_TOKEN_CONSTANT, /* string, number, parameter */
	EFFECT_TOKEN_OPERATOR, /* one character of it */
	EFFECT_TOKEN_SYMBOL    /* ( ) [ ] , ; . : */
};

/* A token that is not a word begins; C is its first byte. */
void effects_on_token(
    struct effect_scan *scan, enum effect_token token, char c);

/* A word begins: what was held must be judged before .word is overwritten. */
void effects_on_word_start(struct effect_scan *scan);

/* The word in .word is complete. */
void effects_on_word(struct effect_scan *scan);

/* The text has ended. */
void effects_on_end(struct effect_scan *scan);

#endif
