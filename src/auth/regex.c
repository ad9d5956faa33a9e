/*
 * regex.c - PostgreSQL's regular expressions, matched in bounded time.
 *
 * Who connects chooses the text that a pattern is matched against, and we have
 * one thread: so time must be bounded whatever the pattern. The C library's
 * matcher has no bound, and is exponential with nested repeats. PCRE2 counts
 * its steps. What it reads differs from PostgreSQL's a little, and a pattern
 * must never match something else than it did there; so it is translated, and
 * what has no equal is refused:
 *
 *   \m \M \y \Y \Z \v   written as PCRE2 has them
 *   \b \B \u \0 ...     refused: another meaning there
 *   (?i) at the start   kept; other embedded options are refused
 *   (*VERB) (?<n>) ...  refused: PostgreSQL has none
 *   a*+  a**            refused, as PostgreSQL does
 *   [[.x.]] [[=x=]]     refused
 *
 * One difference remains: of several ways to match, PCRE2 takes the first and
 * PostgreSQL the longest. Whether there is one does not depend on it; what \1
 * stands for can, with alternatives of which one begins the other.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "auth/regex.h"

#include <ctype.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

/* Steps, each some 40 nanoseconds; nested groups; memory for what is tried. */
#define STEPS_MAX 50000
#define DEPTH_MAX 1000
#define HEAP_MAX_KB 1024
#define NESTING_MAX 100

struct regex {
	pcre2_code *code; /* owned */
};

struct regex_scratch {
	pcre2_match_data *data;       /* owned */
	pcre2_match_context *context; /* owned */
};

/* ---- translation --------------------------------------------------------- */

struct translation {
	const char *at;
	const char *start;
	struct buf out;
	struct error *err;
	int depth;      /* of parentheses */
	int look_depth; /* of the outermost (?= and its kin; 0: in none */
	bool has_atom;  /* something may be repeated */
};

static int
refuse(struct translation *t, const char *what, size_t length)
{
	error_set(t->err, SQLSTATE_CONFIG_FILE,
	    "\"%.*s\" in a regular expression is not supported", (int)length,
	    what);
	return -1;
}

/* Takes the escape at .at, a backslash and something. */
static int
take_escape(struct translation *t, bool in_bracket)
{
	static const struct {
		char letter;
		bool may_be_in_bracket;
		const char *out;
	} escapes[] = {
	    {'d', true, "\\d"},
	    {'s', true, "\\s"},
	    {'w', true, "\\w"},
	    {'D', false, "\\D"},
	    {'S', false, "\\S"},
	    {'W', false, "\\W"},
	    {'A', false, "\\A"},
	    {'Z', false, "\\z"},
	    {'m', false, "\\b(?=\\w)"},
	    {'M', false, "\\b(?<=\\w)"},
	    {'y', false, "\\b"},
	    {'Y', false, "\\B"},
	    {'a', true, "\\x07"},
	    {'e', true, "\\x1b"},
	    {'f', true, "\\x0c"},
	    {'n', true, "\\x0a"},
	    {'r', true, "\\x0d"},
	    {'t', true, "\\x09"},
	    {'v', true, "\\x0b"},
	};
	const char *escape = t->at;
	unsigned char c = (unsigned char)escape[1];

	if (c == '\0') {
		error_set(t->err, SQLSTATE_CONFIG_FILE,
		    "the regular expression ends in a backslash");
		return -1;
	}
	t->at += 2;
	if (!isalnum(c)) {
		buf_append(&t->out, escape, 2);
		return 0;
	}
	for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++) {
		if (escapes[i].letter == (char)c &&
		    (!in_bracket || escapes[i].may_be_in_bracket)) {
			buf_append_str(&t->out, escapes[i].out);
			return 0;
		}
	}
	/* A reference to what a group has matched. */
	if (!in_bracket && c >= '1' && c <= '9' &&
	    !isdigit((unsigned char)*t->at)) {
		buf_append(&t->out, escape, 2);
		return 0;
	}
	return refuse(t, escape, 2);
}

/* Takes "[:class:]" inside brackets. */
static int
take_class(struct translation *t)
{
	const char *class = t->at;
	const char *end = strstr(class + 2, ":]");

	if (end == NULL || !isalpha((unsigned char)class[2])) {
		return refuse(t, class, 3);
	}
	buf_append(&t->out, class, (size_t)(end - class) + 2);
	t->at = end + 2;
	return 0;
}

/* Takes the bracket expression at .at. */
static int
take_bracket(struct translation *t)
{
	buf_append_char(&t->out, *t->at++);
	if (*t->at == '^') {
		buf_append_char(&t->out, *t->at++);
	}
	if (*t->at == ']') {
		buf_append_str(&t->out, "\\]");
		t->at++;
	}
	while (*t->at != ']') {
		const char *p = t->at;
		int ret = 0;

		if (*p == '\0') {
			error_set(t->err, SQLSTATE_CONFIG_FILE,
			    "brackets [] of the regular expression are not "
			    "closed");
			return -1;
		}
		if (*p == '\\') {
			ret = take_escape(t, true);
		} else if (p[0] == '[' && p[1] == ':') {
			ret = take_class(t);
		} else if (p[0] == '[' && (p[1] == '.' || p[1] == '=')) {
			ret = refuse(t, p, 2);
		} else if (*p == '[') {
			buf_append_str(&t->out, "\\[");
			t->at++;
		} else {
			buf_append_char(&t->out, *t->at++);
		}
		if (ret != 0) {
			return -1;
		}
	}
	buf_append_char(&t->out, *t->at++);
	return 0;
}

/* Takes the opening parenthesis at .at, with what says of which kind it is. */
static int
take_open(struct translation *t)
{
	static const char *const kinds[] = {
	    "(?:", "(?=", "(?!", "(?<=", "(?<!"};
	const char *p = t->at;

	if (p == t->start && strncmp(p, "(?i)", 4) == 0) {
		buf_append_str(&t->out, "(?i)");
		t->at += 4;
		return 0;
	}
	if (++t->depth > NESTING_MAX) {
		error_set(t->err, SQLSTATE_CONFIG_FILE,
		    "more than %d nested parentheses in a regular expression",
		    NESTING_MAX);
		return -1;
	}
	if (p[1] != '?' && p[1] != '*') {
		/* Within a lookaround PostgreSQL does not count groups. */
		buf_append_str(&t->out, t->look_depth > 0 ? "(?:" : "(");
		t->at++;
		return 0;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t length = strlen(kinds[i]);

		if (strncmp(p, kinds[i], length) == 0) {
			if (i > 0 && t->look_depth == 0) {
				t->look_depth = t->depth;
			}
			buf_append(&t->out, p, length);
			t->at += length;
			return 0;
		}
	}
	return refuse(t, p, strnlen(p, 3));
}

static bool
is_quantifier(const char *p)
{
	return *p == '*' || *p == '+' || *p == '?' ||
	    (*p == '{' && isdigit((unsigned char)p[1]));
}

/* Takes the quantifier at .at, and the ? that makes it a reluctant one. */
static int
take_quantifier(struct translation *t)
{
	const char *p = t->at;
	const char *end = *p == '{' ? strchr(p, '}') : p;

	if (!t->has_atom || end == NULL) {
		error_set(t->err, SQLSTATE_CONFIG_FILE,
		    end == NULL ? "\"%.1s\" of the regular expression is not "
		                  "closed"
		                : "there is nothing that \"%.1s\" of the "
		                  "regular expression could repeat",
		    p);
		return -1;
	}
	for (const char *c = p + 1; c < end; c++) {
		if (!isdigit((unsigned char)*c) && *c != ',') {
			return refuse(t, p, (size_t)(end - p) + 1);
		}
	}
	end += end[1] == '?' ? 2 : 1;
	buf_append(&t->out, p, (size_t)(end - p));
	t->at = end;
	t->has_atom = false;
	return 0;
}

/* Takes one element. */
static int
take_element(struct translation *t)
{
	const char *p = t->at;

	if (is_quantifier(p)) {
		return take_quantifier(t);
	}
	/* These are nothing that could be repeated. */
	t->has_atom = strchr("|^$(", *p) == NULL;
	if (*p == '\\') {
		return take_escape(t, false);
	}
	if (*p == '[') {
		return take_bracket(t);
	}
	if (*p == '(') {
		return take_open(t);
	}
	if (*p == ')') {
		t->depth -= t->depth > 0;
		if (t->depth < t->look_depth) {
			t->look_depth = 0;
		}
	}
	if (*p == '{') {
		buf_append_char(&t->out, '\\'); /* an ordinary character */
	}
	buf_append_char(&t->out, *t->at++);
	return 0;
}

/* Appends PATTERN to OUT as PCRE2 has it. */
static int
translate(const char *pattern, struct buf *out, struct error *err)
{
	struct translation t = {.at = pattern, .start = pattern, .err = err};
	int ret = 0;

	while (ret == 0 && *t.at != '\0') {
		ret = take_element(&t);
	}
	*out = t.out;
	return ret;
}

/* ---- compiling ----------------------------------------------------------- */

struct regex *
regex_compile(const char *pattern, struct error *err)
{
	const uint32_t options = PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY |
	    PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
	struct buf text = {0};
	struct regex *regex = NULL;
	pcre2_code *code;
	PCRE2_SIZE at;
	int number;

	if (strlen(pattern) > REGEX_PATTERN_MAX) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "the regular expression is longer than %d bytes",
		    REGEX_PATTERN_MAX);
		return NULL;
	}
	if (translate(pattern, &text, err) != 0) {
		goto out;
	}
	code = pcre2_compile((PCRE2_SPTR)buf_text(&text), text.length, options,
	    &number, &at, NULL);
	if (code == NULL) {
		PCRE2_UCHAR why[160];

		(void)pcre2_get_error_message(number, why, sizeof(why));
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "the regular expression is wrong: %s", (char *)why);
		goto out;
	}
	regex = mem_zalloc(sizeof(*regex));
	regex->code = code;
out:
	buf_fini(&text);
	return regex;
}

void
regex_free(struct regex **regex)
{
	if (*regex == NULL) {
		return;
	}
	pcre2_code_free((*regex)->code);
	free(*regex);
	*regex = NULL;
}

bool
regex_has_group(const struct regex *regex)
{
	uint32_t count = 0;

	(void)pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &count);
	return count > 0;
}

/* ---- matching ------------------------------------------------------------ */

struct regex_scratch *
regex_scratch_new(void)
{
	struct regex_scratch *scratch = mem_zalloc(sizeof(*scratch));

	/* The whole and the first group. Without memory both stay NULL, and
	 * nothing can be matched. */
	scratch->data = pcre2_match_data_create(2, NULL);
	scratch->context = pcre2_match_context_create(NULL);
	if (scratch->context != NULL) {
		(void)pcre2_set_match_limit(scratch->context, STEPS_MAX);
		(void)pcre2_set_depth_limit(scratch->context, DEPTH_MAX);
		(void)pcre2_set_heap_limit(scratch->context, HEAP_MAX_KB);
	}
	return scratch;
}

void
regex_scratch_free(struct regex_scratch **scratch)
{
	if (*scratch == NULL) {
		return;
	}
	pcre2_match_context_free((*scratch)->context);
	pcre2_match_data_free((*scratch)->data);
	free(*scratch);
	*scratch = NULL;
}

enum regex_answer
regex_match(const struct regex *regex, const char *text,
    struct regex_scratch *scratch, struct regex_group *group)
{
	const PCRE2_SIZE *span;
	int found;

	if (scratch->data == NULL || scratch->context == NULL) {
		return REGEX_UNKNOWN;
	}
	found = pcre2_match(regex->code, (PCRE2_SPTR)text, strlen(text), 0, 0,
	    scratch->data, scratch->context);
	if (found == PCRE2_ERROR_NOMATCH) {
		return REGEX_DIFFERS;
	}
	if (found < 0) {
		return REGEX_UNKNOWN;
	}
	if (group != NULL) {
		*group = (struct regex_group){0};
		span = pcre2_get_ovector_pointer(scratch->data);
		/* 0: there are more groups than we ask for. */
		if (found != 1 && span[2] != PCRE2_UNSET) {
			group->text = text + span[2];
			group->length = span[3] - span[2];
		}
	}
	return REGEX_MATCHES;
}
