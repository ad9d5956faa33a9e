/*
 * effects.c - session effects judged by key words, in constant memory.
 *
 * This half cuts bytes into tokens, one byte at a time, whatever the pieces.
 * It knows the same rules as lexer.c, but not where operators and numbers end
 * exactly, because that changes nothing here. Where it is in doubt (a byte that
 * begins no token, a number with letters behind it, a quote that never ends) it
 * gives up: EFFECT_UNKNOWN.
 */
#include "sql/effects.h"

#include <assert.h>
#include <string.h>

#include "sql/effects_int.h"
#include "sql/lexer.h"

enum scan_state {
	STATE_BASE, /* between tokens */
	STATE_DASH, /* behind "-" */
	STATE_SLASH,
	STATE_LINE_COMMENT,
	STATE_COMMENT,
	STATE_WORD,
	STATE_U,      /* behind the word "u" and "&" */
	STATE_QUOTED, /* in "..." */
	STATE_QUOTED_END,
	STATE_STRING,
	STATE_STRING_ESCAPE, /* behind a backslash */
	STATE_STRING_END,    /* behind a quote: may be doubled */
	STATE_AFTER,         /* behind a string: it may go on */
	STATE_AFTER_DASH,
	STATE_AFTER_COMMENT,
	STATE_DOLLAR, /* behind "$" */
	STATE_PARAM,
	STATE_TAG,  /* in $tag */
	STATE_BODY, /* in $tag$... */
	STATE_NUMBER,
	STATE_EXPONENT,      /* behind "1e" */
	STATE_EXPONENT_SIGN, /* behind "1e+" */
	STATE_EXPONENT_DIGITS
};

static void
give_up(struct effect_scan *scan)
{
	scan->effects |= EFFECT_UNKNOWN;
}

static bool
has_given_up(const struct effect_scan *scan)
{
	return (scan->effects & EFFECT_UNKNOWN) != 0;
}

static void
begin_string(struct effect_scan *scan, bool has_escapes)
{
	effects_on_token(scan, EFFECT_TOKEN_CONSTANT, '\'');
	scan->has_escapes = has_escapes;
	scan->has_digits = false;
	scan->state = STATE_STRING;
}

static void
begin_word(struct effect_scan *scan, bool is_quoted, bool is_cut)
{
	effects_on_word_start(scan);
	scan->word_length = 0;
	scan->is_quoted = is_quoted;
	scan->is_cut = is_cut;
	scan->state = is_quoted ? STATE_QUOTED : STATE_WORD;
}

static void
add_to_word(struct effect_scan *scan, char c)
{
	if (scan->word_length == EFFECT_WORD_BYTES) {
		scan->is_cut = true;
		return;
	}
	scan->word[scan->word_length++] = scan->is_quoted ? c : char_lower(c);
}

static void
end_word(struct effect_scan *scan)
{
	scan->state = STATE_BASE;
	effects_on_word(scan);
}

/* The word ended before C, a quote: is it the prefix of a string? */
static bool
take_prefix(struct effect_scan *scan)
{
	if (scan->word_length != 1) {
		return false;
	}
	switch (scan->word[0]) {
	case 'b':
	case 'x':
		begin_string(scan, false);
		scan->has_digits = true;
		return true;
	case 'e':
		begin_string(scan, true);
		return true;
	case 'n':
		begin_string(scan, !scan->std_strings);
		return true;
	default:
		return false;
	}
}

/* Each of these takes C, and returns false if C belongs to what comes next and
 * is to be looked at again in the new state. */

static bool
in_base(struct effect_scan *scan, char c)
{
	if (char_is(c, CHAR_SPACE)) {
		return true;
	}
	if (char_is(c, CHAR_WORD_START)) {
		begin_word(scan, false, false);
		add_to_word(scan, c);
	} else if (char_is(c, CHAR_DIGIT)) {
		effects_on_token(scan, EFFECT_TOKEN_CONSTANT, c);
		scan->state = STATE_NUMBER;
	} else if (c == '-') {
		scan->state = STATE_DASH;
	} else if (c == '/') {
		scan->state = STATE_SLASH;
	} else if (char_is(c, CHAR_OPERATOR)) {
		effects_on_token(scan, EFFECT_TOKEN_OPERATOR, c);
	} else if (char_is(c, CHAR_SELF)) {
		effects_on_token(scan, EFFECT_TOKEN_SYMBOL, c);
	} else if (c == '\'') {
		begin_string(scan, !scan->std_strings);
	} else if (c == '"') {
		begin_word(scan, true, false);
	} else if (c == '$') {
		scan->state = STATE_DOLLAR;
	} else {
		give_up(scan);
	}
	return true;
}

static bool
in_word(struct effect_scan *scan, char c)
{
	if (char_is(c, CHAR_WORD)) {
		add_to_word(scan, c);
		return true;
	}
	if (c == '\'' && take_prefix(scan)) {
		return true;
	}
	if (c == '&' && scan->word_length == 1 && scan->word[0] == 'u') {
		scan->state = STATE_U;
		return true;
	}
	end_word(scan);
	return false;
}

static bool
in_u(struct effect_scan *scan, char c)
{
	if (c == '\'') {
		if (!scan->std_strings) {
			give_up(scan); /* PostgreSQL refuses it */
		}
		begin_string(scan, false);
		return true;
	}
	if (c == '"') {
		/* Its escapes are not read: what it spells is not known. */
		begin_word(scan, true, true);
		return true;
	}
	end_word(scan);
	effects_on_token(scan, EFFECT_TOKEN_OPERATOR, '&');
	return false;
}

static bool
in_quoted(struct effect_scan *scan, char c)
{
	if (scan->state == STATE_QUOTED) {
		if (c == '"') {
			scan->state = STATE_QUOTED_END;
		} else {
			add_to_word(scan, c);
		}
		return true;
	}
	if (c == '"') {
		add_to_word(scan, c);
		scan->state = STATE_QUOTED;
		return true;
	}
	end_word(scan);
	return false;
}

static bool
in_string(struct effect_scan *scan, char c)
{
	switch ((enum scan_state)scan->state) {
	case STATE_STRING_ESCAPE:
		scan->state = STATE_STRING;
		return true;
	case STATE_STRING_END:
		if (c == '\'' && !scan->has_digits) {
			scan->state = STATE_STRING;
			return true;
		}
		scan->has_newline = false;
		scan->state = STATE_AFTER;
		return false;
	default:
		break;
	}
	if (c == '\\' && scan->has_escapes) {
		scan->state = STATE_STRING_ESCAPE;
	} else if (c == '\'') {
		scan->state = STATE_STRING_END;
	}
	return true;
}

/* Behind a string; see lexer_continue_string(). */
static bool
in_after(struct effect_scan *scan, char c)
{
	const bool is_newline = c == '\n' || c == '\r';

	if (scan->state == STATE_AFTER_COMMENT) {
		if (is_newline) {
			scan->has_newline = true;
			scan->state = STATE_AFTER;
		}
		return true;
	}
	if (scan->state == STATE_AFTER_DASH) {
		scan->state = STATE_AFTER_COMMENT;
		if (c != '-') {
			scan->state = STATE_DASH;
			return false;
		}
		return true;
	}
	if (char_is(c, CHAR_SPACE)) {
		scan->has_newline |= is_newline;
		return true;
	}
	if (c == '-') {
		scan->state = STATE_AFTER_DASH;
		return true;
	}
	if (c == '\'' && scan->has_newline) {
		scan->state = STATE_STRING;
		return true;
	}
	scan->state = STATE_BASE;
	return false;
}

/* Behind a dash or a slash: a comment, or an operator. */
static bool
in_operator(struct effect_scan *scan, char c)
{
	const bool is_dash = scan->state == STATE_DASH;

	if (is_dash && c == '-') {
		scan->state = STATE_LINE_COMMENT;
		return true;
	}
	if (!is_dash && c == '*') {
		scan->comment_depth = 1;
		scan->before = ' ';
		scan->state = STATE_COMMENT;
		return true;
	}
	scan->state = STATE_BASE;
	effects_on_token(scan, EFFECT_TOKEN_OPERATOR, is_dash ? '-' : '/');
	return false;
}

static bool
in_comment(struct effect_scan *scan, char c)
{
	if (scan->state == STATE_LINE_COMMENT) {
		if (c == '\n' || c == '\r') {
			scan->state = STATE_BASE;
		}
		return true;
	}
	if (scan->before == '*' && c == '/') {
		scan->before = ' ';
		if (--scan->comment_depth == 0) {
			scan->state = STATE_BASE;
		}
	} else if (scan->before == '/' && c == '*') {
		scan->before = ' ';
		scan->comment_depth++;
	} else {
		scan->before = c;
	}
	return true;
}

static void
add_to_tag(struct effect_scan *scan, char c)
{
	if (scan->tag_length == EFFECT_WORD_BYTES) {
		give_up(scan);
		return;
	}
	scan->tag[scan->tag_length++] = c;
}

/* Behind a dollar, or in the tag of a dollar quote. */
static bool
in_dollar(struct effect_scan *scan, char c)
{
	if (scan->state == STATE_PARAM) {
		if (char_is(c, CHAR_DIGIT)) {
			return true;
		}
		if (char_is(c, CHAR_WORD_START)) {
			give_up(scan);
		}
		scan->state = STATE_BASE;
		return false;
	}
	if (scan->state == STATE_DOLLAR) {
		effects_on_token(scan, EFFECT_TOKEN_CONSTANT, '$');
		scan->tag[0] = '$';
		scan->tag_length = 1;
		if (char_is(c, CHAR_DIGIT)) {
			scan->state = STATE_PARAM;
			return true;
		}
		scan->state = STATE_TAG;
	}
	if (c == '$') {
		add_to_tag(scan, c);
		scan->tag_match = 0;
		scan->state = STATE_BODY;
	} else if (char_is(c, CHAR_WORD_START) ||
	    (char_is(c, CHAR_DIGIT) && scan->tag_length > 1)) {
		add_to_tag(scan, c);
	} else {
		give_up(scan);
	}
	return true;
}

/* The tag has dollars at its ends only, so a mismatch starts at most one byte
 * of a new match. */
static bool
in_body(struct effect_scan *scan, char c)
{
	if (c == scan->tag[scan->tag_match]) {
		scan->tag_match++;
	} else {
		scan->tag_match = c == '$';
	}
	if (scan->tag_match == scan->tag_length) {
		scan->state = STATE_BASE;
	}
	return true;
}

static bool
in_number(struct effect_scan *scan, char c)
{
	const enum scan_state state = (enum scan_state)scan->state;

	if (char_is(c, CHAR_DIGIT)) {
		if (state != STATE_NUMBER) {
			scan->state = STATE_EXPONENT_DIGITS;
		}
		return true;
	}
	if (state == STATE_NUMBER && c == '.') {
		return true;
	}
	if (state == STATE_NUMBER && (c == 'e' || c == 'E')) {
		scan->state = STATE_EXPONENT;
		return true;
	}
	if (state == STATE_EXPONENT && (c == '+' || c == '-')) {
		scan->state = STATE_EXPONENT_SIGN;
		return true;
	}
	if (state == STATE_EXPONENT || state == STATE_EXPONENT_SIGN ||
	    char_is(c, CHAR_WORD_START)) {
		give_up(scan);
		return true;
	}
	scan->state = STATE_BASE;
	return false;
}

static bool
take(struct effect_scan *scan, char c)
{
	switch ((enum scan_state)scan->state) {
	case STATE_BASE:
		return in_base(scan, c);
	case STATE_DASH:
	case STATE_SLASH:
		return in_operator(scan, c);
	case STATE_LINE_COMMENT:
	case STATE_COMMENT:
		return in_comment(scan, c);
	case STATE_WORD:
		return in_word(scan, c);
	case STATE_U:
		return in_u(scan, c);
	case STATE_QUOTED:
	case STATE_QUOTED_END:
		return in_quoted(scan, c);
	case STATE_STRING:
	case STATE_STRING_ESCAPE:
	case STATE_STRING_END:
		return in_string(scan, c);
	case STATE_AFTER:
	case STATE_AFTER_DASH:
	case STATE_AFTER_COMMENT:
		return in_after(scan, c);
	case STATE_DOLLAR:
	case STATE_PARAM:
	case STATE_TAG:
		return in_dollar(scan, c);
	case STATE_BODY:
		return in_body(scan, c);
	case STATE_NUMBER:
	case STATE_EXPONENT:
	case STATE_EXPONENT_SIGN:
	case STATE_EXPONENT_DIGITS:
		return in_number(scan, c);
	}
	assert(!"unreachable");
	return true;
}

void
effect_scan_init(struct effect_scan *scan, bool std_strings)
{
	memset(scan, 0, sizeof(*scan));
	scan->std_strings = std_strings;
}

void
effect_scan_feed(struct effect_scan *scan, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size && !has_given_up(scan); i++) {
		while (!take(scan, bytes[i])) {
			/* the new state looks at it */
		}
	}
}

uint32_t
effect_scan_finish(struct effect_scan *scan)
{
	static const char blank = ' ';

	effect_scan_feed(scan, &blank, 1); /* ends words and operators */
	switch ((enum scan_state)scan->state) {
	case STATE_BASE:
	case STATE_LINE_COMMENT:
	case STATE_AFTER:
	case STATE_AFTER_COMMENT:
		break;
	default:
		give_up(scan);
		break;
	}
	effects_on_end(scan);
	return scan->effects;
}

uint32_t
effect_scan_text(const char *text, size_t length, bool std_strings)
{
	struct effect_scan scan;

	effect_scan_init(&scan, std_strings);
	effect_scan_feed(&scan, text, length);
	return effect_scan_finish(&scan);
}
