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
	uint32_t effects; /* found so far */
	uint8_t state;    /* of the lexer */
	uint8_t quote;    /* kind of string being read or just ended */
	bool std_strings;
	bool pending; /* one byte of look-behind, meaning depends on state */
	bool newline; /* behind a string: a newline was seen */
	bool is_word_cut; /* the word is longer than word[] */
	uint8_t word_length;
	uint8_t tag_length;
	uint8_t tag_match;
	char word[EFFECT_WORD_BYTES];
	char tag[EFFECT_WORD_BYTES];
	uint32_t comment_depth;
	uint32_t bracket_depth;

	uint8_t last;      /* kind of the token before the held word */
	uint16_t previous; /* the word before the held word */
	uint16_t first;    /* first word of this statement */
	uint16_t second;   /* second word of this statement */
	uint16_t held;     /* a word waiting for its next token */
	uint8_t held_kind;
	uint8_t name_state;  /* inside "INSERT INTO name" and the like */
	bool is_qualified;   /* the held word stands behind "x." */
	bool is_catalog;     /* ... and x is pg_catalog */
	bool has_join;       /* JOIN was seen in this statement */
	uint32_t word_count; /* tokens in this statement */
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
