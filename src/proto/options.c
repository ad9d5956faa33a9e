/*
 * options.c - the settings inside the startup parameter "options".
 *
 * A server would read them as its own command line. Only the two options that
 * set something are taken; the rest of that command line is not a pooler's to
 * pass on.
 */
#include "proto/options.h"

#include <stdbool.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "proto/params.h"

static bool
is_blank(char c)
{
	return c != '\0' && strchr(" \t\n\v\f\r", c) != NULL;
}

/* Moves *AT behind the next word and puts it, unescaped, into WORD. Returns
 * false when there is none. */
static bool
next_word(const char **at, struct buf *word)
{
	const char *c = *at;

	buf_clear(word);
	while (is_blank(*c)) {
		c++;
	}
	if (*c == '\0') {
		return false;
	}
	for (; *c != '\0' && !is_blank(*c); c++) {
		if (*c == '\\' && *++c == '\0') {
			break; /* PostgreSQL drops a backslash at the end */
		}
		buf_append_char(word, *c);
	}
	*at = c;
	return true;
}

/* Sets what the word WORD says from its byte SKIP on: name=value. */
static int
set_from(struct buf *word, size_t skip, size_t max_count, struct params *out)
{
	char *name, *value;

	(void)buf_text(word); /* puts the NUL behind it */
	name = (char *)buf_bytes(word) + skip;
	value = strchr(name, '=');
	if (value == NULL || value == name) {
		return -1;
	}
	*value++ = '\0';
	for (char *c = name; *c != '\0'; c++) {
		if (*c == '-') {
			*c = '_';
		}
	}
	if (out->count >= max_count && params_get(out, name) == NULL) {
		return -1;
	}
	params_set(out, name, value);
	return 0;
}

/* Takes the option that WORD begins; "-c" takes a second word from *AT. */
static int
take_option(
    const char **at, struct buf *word, size_t max_count, struct params *out)
{
	const char *text = buf_text(word);

	if (strcmp(text, "-c") == 0) {
		return next_word(at, word) ? set_from(word, 0, max_count, out)
		                           : -1;
	}
	if (strncmp(text, "-c", 2) == 0 || strncmp(text, "--", 2) == 0) {
		return set_from(word, 2, max_count, out);
	}
	return -1;
}

int
options_parse(
    const char *text, size_t max_count, struct params *out, struct error *err)
{
	struct buf word = {0};
	int ret = 0;

	while (ret == 0 && next_word(&text, &word)) {
		ret = take_option(&text, &word, max_count, out);
	}
	if (ret != 0) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "unsupported options startup parameter: only "
		    "'-c config=val' and '--config=val' are allowed");
	}
	buf_fini(&word);
	return ret;
}
