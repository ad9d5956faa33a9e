/*
 * regex.c - PostgreSQL's regular expressions, matched in bounded time.
 *
 * Who connects chooses the text that a pattern is matched against, and we have
 * one thread: so time must be bounded whatever the pattern. The C library's
 * matcher has no bound, and is exponential with nested repeats. PCRE2 counts
 * its steps. What it reads differs from PostgreSQL's a little; see
 * regex_translate.c.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "auth/regex.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "auth/regex_int.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

/* Steps, each some 40 nanoseconds; depth of what is tried, and memory for it.
 */
#define STEPS_MAX 50000
#define DEPTH_MAX 1000
#define HEAP_MAX_KB 1024

struct regex {
	pcre2_code *code; /* owned */
};

struct regex_scratch {
	pcre2_match_data *data;       /* owned */
	pcre2_match_context *context; /* owned */
};

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
	if (regex_translate(pattern, &text, err) != 0) {
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
