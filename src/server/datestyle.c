/* datestyle.c - DateStyle, whose values may leave a half of it as it was. */
#include "server/datestyle.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"

/* A format implies no order, but for German with nothing else. */
struct style {
	const char *format;
	const char *order;
};

static const struct {
	const char *word;
	struct style style;
} words[] = {
    {"iso", {"ISO", NULL}},
    {"sql", {"SQL", NULL}},
    {"german", {"German", NULL}},
    {"ymd", {NULL, "YMD"}},
    {"dmy", {NULL, "DMY"}},
    {"mdy", {NULL, "MDY"}},
    {"us", {NULL, "MDY"}},
};

/* These may go on in any way. */
static const struct {
	const char *word;
	struct style style;
} beginnings[] = {
    {"postgres", {"Postgres", NULL}},
    {"euro", {NULL, "DMY"}},
    {"noneuro", {NULL, "MDY"}},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool
find_word(const char *word, size_t length, struct style *style)
{
	for (size_t i = 0; i < COUNT(words); i++) {
		if (strlen(words[i].word) == length &&
		    strncasecmp(words[i].word, word, length) == 0) {
			*style = words[i].style;
			return true;
		}
	}
	for (size_t i = 0; i < COUNT(beginnings); i++) {
		size_t size = strlen(beginnings[i].word);

		if (length >= size &&
		    strncasecmp(beginnings[i].word, word, size) == 0) {
			*style = beginnings[i].style;
			return true;
		}
	}
	return false;
}

/* Reads a list of words; false if one of them is none. */
static bool
read_style(const char *text, struct style *style)
{
	static const char between[] = ", \t\n\"";

	*style = (struct style){NULL, NULL};
	for (;;) {
		struct style one;
		size_t length;

		text += strspn(text, between);
		length = strcspn(text, between);
		if (length == 0) {
			break;
		}
		if (!find_word(text, length, &one)) {
			return false;
		}
		style->format = one.format == NULL ? style->format : one.format;
		style->order = one.order == NULL ? style->order : one.order;
		text += length;
	}
	return style->format != NULL || style->order != NULL;
}

void
datestyle_put_whole(const char *before, const char *value, struct buf *out)
{
	struct style old, new;

	if (!read_style(value, &new) || !read_style(before, &old)) {
		buf_append_str(out, value);
		return;
	}
	if (new.format != NULL && strcmp(new.format, "German") == 0 &&
	    new.order == NULL) {
		new.order = "DMY";
	}
	if (new.format == NULL) {
		new.format = old.format;
	}
	if (new.order == NULL) {
		new.order = old.order;
	}
	if (new.format == NULL || new.order == NULL) {
		buf_append_str(out, value);
		return;
	}
	buf_printf(out, "%s, %s", new.format, new.order);
}
