/* effects.h - session effects judged by key words, in constant memory. */
#ifndef SQL_EFFECTS_H
#define SQL_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sql/verdict.h"

#define EFFECT_WORD_BYTES 64

/*
 * For texts that are too long to be parsed or held: they are fed in any pieces
 * as they pass. The result does not depend on how the text was cut, needs no
 * memory beyond this struct and is never EFFECT_NONE unless the text is for
 * certain free, in the sense of struct verdict. What it does not recognise
 * pins: it knows less than verdict_parse().
 *
 * Fields belong to effects.c.
 */
struct effect_scan {
	uint32_t effects; /* found so far; nothing is read any more once
	                     EFFECT_UNKNOWN is among them */
	bool std_strings;

	/* the lexer, effects.c */
	uint8_t state;
	bool has_digits;  /* the string is B'' or X'': no doubled quotes */
	bool has_escapes; /* the string being read knows backslashes */
	bool has_newline; /* one was seen behind the string just read */
	char before;      /* the byte before, where two make a difference */
	uint32_t comment_depth;
	uint8_t tag_length; /* of the dollar quote, with its dollars */
	uint8_t tag_match;  /* how much of it was just seen */
	uint8_t word_length;
	bool is_quoted; /* the word in .word was in double quotes */
	bool is_cut;    /* the word is longer than .word, or not readable */
	char tag[EFFECT_WORD_BYTES];
	char word[EFFECT_WORD_BYTES]; /* in lower case unless quoted */

	/* the judge, effects_judge.c */
	bool has_word;     /* .word is complete and waits for its next token */
	uint8_t last;      /* what stands before it, or before "x." */
	uint8_t previous;  /* key word before it, if .last says so */
	uint8_t qualifier; /* what stands before the point before it */
	uint8_t first;     /* first word of the statement */
	uint8_t second;    /* and the second */
	bool is_into;      /* INSERT INTO: the table's name comes */
	bool has_join;     /* JOIN in this statement */
	uint32_t position; /* words and other tokens of the statement so far */
	uint32_t depth;    /* open brackets */
	uint32_t distinct_depth; /* of the bracket of DISTINCT ON; 0: none */
};

/* Starts a scan under the session's standard_conforming_strings. */
void effect_scan_init(struct effect_scan *scan, bool std_strings);

/* Takes the next SIZE bytes. */
void effect_scan_feed(struct effect_scan *scan, const char *bytes, size_t size);

/* Returns the effects of all that was fed, as bits of enum sql_effect_bit. The
 * scan is then spent. */
uint32_t effect_scan_finish(struct effect_scan *scan);

/* The three of them on one text. */
uint32_t effect_scan_text(const char *text, size_t length, bool std_strings);

#endif
