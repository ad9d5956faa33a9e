/*
 * regex_translate.c - a regular expression of PostgreSQL's as PCRE2 has it.
 *
 * A pattern must never match something else than it does in PostgreSQL, so
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
#include "auth/regex_int.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"

#define NESTING_MAX 100

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

int
regex_translate(const char *pattern, struct buf *out, struct error *err)
{
	struct translation t = {.at = pattern, .start = pattern, .err = err};
	int ret = 0;

	while (ret == 0 && *t.at != '\0') {
		ret = take_element(&t);
	}
	*out = t.out;
	return ret;
}
