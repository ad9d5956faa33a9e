/*
 * value.c - a setting's value as text and as a number.
 *
 * Numbers are parsed by hand: strtod() would take "inf", "nan" and "0x1p3"
 * for a timeout, and strtol() with base 0 reads 010 as eight.
 */
#include "conf/value.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/settings.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"

#define SECOND_US INT64_C(1000000)

/* A number's suffix and what it multiplies by. */
struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit duration_units[] = {
    {"us", 1},
    {"ms", 1000},
    {"s", SECOND_US},
    {"sec", SECOND_US},
    {"min", 60 * SECOND_US},
    {"h", 3600 * SECOND_US},
    {"d", 86400 * SECOND_US},
};

static const struct unit byte_units[] = {
    {"B", 1},
    {"kB", 1024},
    {"MB", 1024 * 1024},
    {"GB", 1024 * 1024 * 1024},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What values of each type look like, for messages. */
static const char *
type_description(enum setting_type type)
{
	switch (type) {
	case TYPE_INT:
		return "a whole number";
	case TYPE_BOOL:
		return "1 or 0 (also on, off, yes, no, true, false)";
	case TYPE_DURATION:
		return "a time: seconds, or a number with us, ms, s, min, h or d";
	case TYPE_BYTES:
		return "a size: bytes, or a number with kB, MB or GB";
	case TYPE_MODE:
		return "an octal file mode up to 0777";
	case TYPE_STRING:
	case TYPE_ENUM:
	case TYPE_LIST:
		break;
	}
	return "text";
}

bool
value_is_number(const struct setting *row)
{
	return row->type != TYPE_STRING && row->type != TYPE_LIST;
}

bool
value_word_index(const char *const *words, const char *word, int64_t *index)
{
	for (int64_t i = 0; words[i] != NULL; i++) {
		if (str_equal_nocase(words[i], word)) {
			*index = i;
			return true;
		}
	}
	return false;
}

/* Adds DIGIT behind VALUE; false when that overflows. */
static bool
add_digit(int64_t *value, int digit)
{
	return !__builtin_mul_overflow(*value, 10, value) &&
	    !__builtin_add_overflow(*value, digit, value);
}

/*
 * Parses "[0-9]+(.[0-9]*)? *SUFFIX?" into units of FACTOR 1; digits beyond
 * that are dropped, but what is not zero stays at least 1.
 */
static bool
parse_scaled(const char *text, const struct unit *units, size_t unit_count,
    int64_t plain_factor, int64_t *out)
{
	int64_t whole = 0, fraction = 0, scale = 1, factor = plain_factor;
	const char *at = text;
	bool is_zero = true;

	if (!isdigit((unsigned char)*at)) {
		return false;
	}
	for (; isdigit((unsigned char)*at); at++) {
		is_zero = is_zero && *at == '0';
		if (!add_digit(&whole, *at - '0')) {
			return false;
		}
	}
	if (*at == '.') {
		for (at++; isdigit((unsigned char)*at); at++) {
			is_zero = is_zero && *at == '0';
			if (scale < SECOND_US) {
				fraction = fraction * 10 + (*at - '0');
				scale *= 10;
			}
		}
	}
	at += strspn(at, " \t");
	if (*at != '\0') {
		size_t i = 0;

		while (i < unit_count && !str_equal_nocase(units[i].name, at)) {
			i++;
		}
		if (i == unit_count) {
			return false;
		}
		factor = units[i].factor;
	}
	/* fraction < 10^6 and factor < 10^11: no overflow */
	if (__builtin_mul_overflow(whole, factor, &whole) ||
	    __builtin_add_overflow(whole, fraction * factor / scale, out)) {
		return false;
	}
	if (*out == 0 && !is_zero) {
		*out = 1;
	}
	return true;
}

static bool
parse_mode(const char *text, int64_t *out)
{
	size_t size = strlen(text);

	if (size == 0 || size > 5 || strspn(text, "01234567") != size) {
		return false;
	}
	*out = strtol(text, NULL, 8);
	return *out <= 0777;
}

static bool
parse_number(const struct setting *row, const char *text, int64_t *out)
{
	static const char *const booleans[] = {
	    "0", "1", "off", "on", "no", "yes", "false", "true", NULL};
	int64_t word = 0;

	switch (row->type) {
	case TYPE_INT:
		return str_to_int64(text, out);
	case TYPE_BOOL:
		if (!value_word_index(booleans, text, &word)) {
			return false;
		}
		*out = word % 2;
		return true;
	case TYPE_DURATION:
		return parse_scaled(text, duration_units,
		    COUNT_OF(duration_units), SECOND_US, out);
	case TYPE_BYTES:
		return parse_scaled(
		    text, byte_units, COUNT_OF(byte_units), 1, out);
	case TYPE_MODE:
		return parse_mode(text, out);
	case TYPE_ENUM:
		return value_word_index(row->words, text, out);
	case TYPE_STRING:
	case TYPE_LIST:
		break;
	}
	return false;
}

/* The largest value of ROW. */
static int64_t
upper_bound(const struct setting *row)
{
	if (row->max != 0) {
		return row->max;
	}
	/* People write 999999999 for never; sums of times cannot overflow. */
	return row->type == TYPE_DURATION ? INT64_C(36525) * 86400 * SECOND_US
	                                  : INT_MAX;
}

/* A value that cannot be right because somebody wrote a comment behind it. */
static void
hint_comment(const char *text, struct error *err)
{
	if (strstr(text, " ;") != NULL || strstr(text, " #") != NULL) {
		error_hint(err, "comments stand on lines of their own");
	}
}

static void
describe_words(const char *const *words, struct buf *out)
{
	for (size_t i = 0; words[i] != NULL; i++) {
		buf_append_str(out, i > 0 ? ", " : "");
		buf_append_str(out, words[i]);
	}
}

static void
fail_parse(const struct setting *row, const char *name, const char *text,
    struct error *err)
{
	struct buf words = {0};

	if (row->type == TYPE_ENUM) {
		describe_words(row->words, &words);
		error_set(err, SQLSTATE_INVALID_PARAMETER,
		    "%s = %.200s: not one of %s", name, text, buf_text(&words));
	} else {
		error_set(err, SQLSTATE_INVALID_PARAMETER,
		    "%s = %.200s: not %s", name, text,
		    type_description(row->type));
	}
	hint_comment(text, err);
	buf_fini(&words);
}

static void
fail_range(const struct setting *row, const char *name, const char *text,
    struct error *err)
{
	struct buf range = {0};

	value_print(row, row->min, &range);
	buf_append_str(&range, " to ");
	value_print(row, upper_bound(row), &range);
	error_set(err, SQLSTATE_INVALID_PARAMETER,
	    "%s = %.200s: out of range %s%s", name, text, buf_text(&range),
	    row->type == TYPE_DURATION ? " seconds" : "");
	buf_fini(&range);
}

int
value_parse(const struct setting *row, const char *name, const char *text,
    int64_t *out, struct error *err)
{
	int64_t value = 0;

	if (!parse_number(row, text, &value)) {
		fail_parse(row, name, text, err);
		return -1;
	}
	if (row->type != TYPE_ENUM &&
	    (value < row->min || value > upper_bound(row))) {
		fail_range(row, name, text, err);
		return -1;
	}
	*out = value;
	return 0;
}

static void
print_seconds(int64_t us, struct buf *out)
{
	buf_printf(out, "%lld", (long long)(us / SECOND_US));
	if (us % SECOND_US != 0) {
		char fraction[8];
		int size = snprintf(fraction, sizeof(fraction), ".%06lld",
		    (long long)(us % SECOND_US));

		while (fraction[size - 1] == '0') {
			size--;
		}
		buf_append(out, fraction, (size_t)size);
	}
}

void
value_print(const struct setting *row, int64_t value, struct buf *out)
{
	switch (row->type) {
	case TYPE_DURATION:
		print_seconds(value, out);
		return;
	case TYPE_MODE:
		buf_printf(out, "%04llo", (unsigned long long)value);
		return;
	case TYPE_ENUM:
		buf_append_str(out, row->words[value]);
		return;
	case TYPE_INT:
	case TYPE_BOOL:
	case TYPE_BYTES:
	case TYPE_STRING:
	case TYPE_LIST:
		break;
	}
	buf_printf(out, "%lld", (long long)value);
}

int
value_check_status(const struct setting *row, const char *name,
    const char *text, bool is_default, struct error *err)
{
	int64_t place = 0;
	struct buf accepted = {0};

	if (row->accept == NULL ||
	    value_word_index(row->accept, text, &place)) {
		return 0;
	}
	if (row->how == NULL) {
		describe_words(row->accept, &accepted);
	}
	error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
	    "%s = %.200s%s: %s in this version; %s%s", name, text,
	    is_default ? " (the default)" : "", row->why,
	    row->how != NULL          ? row->how
	        : accepted.length > 0 ? "accepted: "
	                              : "leave it empty",
	    buf_text(&accepted));
	buf_fini(&accepted);
	return -1;
}
