/*
 * settings.c - every setting of the [pgweir] section, from one table.
 *
 * A row's offset leads to its field; the type says what the field is. Numbers
 * of all types pass through value.c as int64_t, so there is one place that
 * knows a type's text form and one that knows its field.
 */
#include "conf/settings.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "conf/suggest.h"
#include "conf/value.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

#define KILOBYTES(n) ((int64_t)(n)*1024)
#define MEGABYTES(n) ((int64_t)(n)*1024 * 1024)
#define MILLISECONDS(n) ((int64_t)(n)*1000)
#define HOURS(n) ((int64_t)(n)*3600 * 1000000)

#define WORDS(...)                \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

#define OFFSET_INT(name) offsetof(struct settings, name)
#define OFFSET_BOOL(name) offsetof(struct settings, name)
#define OFFSET_DURATION(name) offsetof(struct settings, name##_us)
#define OFFSET_BYTES(name) offsetof(struct settings, name)
#define OFFSET_MODE(name) offsetof(struct settings, name)
#define OFFSET_STRING(name) offsetof(struct settings, name)
#define OFFSET_ENUM(name) offsetof(struct settings, name)
#define OFFSET_LIST(name) offsetof(struct settings, name)

const struct setting setting_rows[] = {
#define SETTING(row_name, row_type, ...)           \
	{.name = #row_name,                        \
	    .type = TYPE_##row_type,               \
	    .offset = OFFSET_##row_type(row_name), \
	    __VA_ARGS__},
#include "conf/settings.def"
#undef SETTING
};

const size_t setting_count = sizeof(setting_rows) / sizeof(setting_rows[0]);

/* ---- fields ------------------------------------------------------------- */

static void *
field(struct settings *settings, const struct setting *row)
{
	return (char *)settings + row->offset;
}

static const void *
field_of(const struct settings *settings, const struct setting *row)
{
	return (const char *)settings + row->offset;
}

static int64_t
get_number(const struct settings *settings, const struct setting *row)
{
	const void *from = field_of(settings, row);

	switch (row->type) {
	case TYPE_INT:
	case TYPE_MODE:
	case TYPE_ENUM:
		return *(const int *)from;
	case TYPE_BOOL:
		return *(const bool *)from ? 1 : 0;
	case TYPE_DURATION:
		return *(const int64_t *)from;
	case TYPE_BYTES:
		return (int64_t) * (const size_t *)from; /* range-checked */
	case TYPE_STRING:
	case TYPE_LIST:
		break;
	}
	assert(!"unreachable");
	return 0;
}

static void
set_number(struct settings *settings, const struct setting *row, int64_t value)
{
	void *to = field(settings, row);

	/* value_parse() has checked that VALUE fits. */
	switch (row->type) {
	case TYPE_INT:
	case TYPE_MODE:
	case TYPE_ENUM:
		*(int *)to = (int)value;
		return;
	case TYPE_BOOL:
		*(bool *)to = value != 0;
		return;
	case TYPE_DURATION:
		*(int64_t *)to = value;
		return;
	case TYPE_BYTES:
		*(size_t *)to = (size_t)value;
		return;
	case TYPE_STRING:
	case TYPE_LIST:
		break;
	}
	assert(!"unreachable");
}

/* ---- lists -------------------------------------------------------------- */

bool
name_list_has(const struct name_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->names[i], name) == 0) {
			return true;
		}
	}
	return false;
}

static void
name_list_fini(struct name_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->names[i]);
	}
	free(list->names);
	*list = (struct name_list){0};
}

static bool
is_separator(char c)
{
	return c == ',' || isspace((unsigned char)c);
}

/* pgbouncer takes blanks for separators as well as commas. */
static struct name_list
name_list_parse(const char *text)
{
	struct name_list list = {0};
	size_t room = 0;

	for (const char *at = text; *at != '\0';) {
		const char *from = at;

		while (*at != '\0' && !is_separator(*at)) {
			at++;
		}
		if (at == from) {
			at++;
			continue;
		}
		if (list.count == room) {
			room = room == 0 ? 4 : room * 2;
			list.names =
			    mem_realloc(list.names, room * sizeof(*list.names));
		}
		list.names[list.count++] =
		    mem_strndup(from, (size_t)(at - from));
	}
	return list;
}

static void
name_list_print(const struct name_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->count; i++) {
		buf_append_str(out, i > 0 ? "," : "");
		buf_append_str(out, list->names[i]);
	}
}

/* ---- the table ---------------------------------------------------------- */

const struct setting *
setting_find(const char *name)
{
	for (size_t i = 0; i < setting_count; i++) {
		if (strcmp(setting_rows[i].name, name) == 0) {
			return &setting_rows[i];
		}
	}
	return NULL;
}

const char *
setting_suggest(const char *name)
{
	struct suggestion suggestion = {.wanted = name};

	for (size_t i = 0; i < setting_count; i++) {
		suggestion_consider(&suggestion, setting_rows[i].name);
	}
	return suggestion.best;
}

const char *
setting_word(const char *name, int value)
{
	const struct setting *row = setting_find(name);

	assert(row != NULL && row->words != NULL);
	for (int i = 0; row->words[i] != NULL; i++) {
		if (i == value) {
			return row->words[i];
		}
	}
	assert(!"unreachable");
	return NULL;
}

/* ---- one set of values -------------------------------------------------- */

static void
release_field(struct settings *settings, const struct setting *row)
{
	if (row->type == TYPE_LIST) {
		name_list_fini(field(settings, row));
	}
	if (row->type == TYPE_STRING) {
		mem_wipe_free(field(settings, row));
	}
}

int
settings_set(struct settings *settings, const struct setting *row,
    const char *text, struct error *err)
{
	int64_t value = 0;

	if (value_is_number(row)) {
		if (value_parse(row, row->name, text, &value, err) < 0) {
			return -1;
		}
		set_number(settings, row, value);
		return 0;
	}
	if (row->type == TYPE_LIST) {
		struct name_list list = name_list_parse(text);

		release_field(settings, row);
		*(struct name_list *)field(settings, row) = list;
	} else {
		char *copy = mem_strdup(text); /* TEXT may be our own field */

		release_field(settings, row);
		*(char **)field(settings, row) = copy;
	}
	return 0;
}

void
settings_init(struct settings *settings)
{
	*settings = (struct settings){0};
	for (size_t i = 0; i < setting_count; i++) {
		struct error err;
		int rc = settings_set(
		    settings, &setting_rows[i], setting_rows[i].def, &err);

		assert(rc == 0); /* only a wrong row can fail */
	}
}

void
settings_fini(struct settings *settings)
{
	for (size_t i = 0; i < setting_count; i++) {
		release_field(settings, &setting_rows[i]);
	}
}

/* Appends the value as it is, secrets included. */
static void
print_value(
    const struct settings *settings, const struct setting *row, struct buf *out)
{
	if (value_is_number(row)) {
		value_print(row, get_number(settings, row), out);
	} else if (row->type == TYPE_LIST) {
		name_list_print(field_of(settings, row), out);
	} else {
		buf_append_str(out, *(char *const *)field_of(settings, row));
	}
}

void
settings_copy_one(
    struct settings *to, const struct settings *from, const struct setting *row)
{
	if (value_is_number(row)) {
		set_number(to, row, get_number(from, row));
		return;
	}
	if (row->type == TYPE_STRING) {
		char *copy = mem_strdup(*(char *const *)field_of(from, row));

		release_field(to, row);
		*(char **)field(to, row) = copy;
		return;
	}
	const struct name_list *list = field_of(from, row);
	struct name_list copy = {.count = list->count};

	copy.names = mem_alloc(list->count * sizeof(*copy.names));
	for (size_t i = 0; i < list->count; i++) {
		copy.names[i] = mem_strdup(list->names[i]);
	}
	release_field(to, row);
	*(struct name_list *)field(to, row) = copy;
}

void
settings_copy(struct settings *to, const struct settings *from)
{
	*to = (struct settings){0};
	for (size_t i = 0; i < setting_count; i++) {
		settings_copy_one(to, from, &setting_rows[i]);
	}
}

bool
settings_equal(const struct settings *a, const struct settings *b,
    const struct setting *row)
{
	const struct name_list *left = NULL, *right = NULL;

	if (value_is_number(row)) {
		return get_number(a, row) == get_number(b, row);
	}
	if (row->type == TYPE_STRING) {
		return str_equal(*(char *const *)field_of(a, row),
		    *(char *const *)field_of(b, row));
	}
	left = field_of(a, row);
	right = field_of(b, row);
	for (size_t i = 0; i < left->count && i < right->count; i++) {
		if (strcmp(left->names[i], right->names[i]) != 0) {
			return false;
		}
	}
	return left->count == right->count;
}

void
settings_print(
    const struct settings *settings, const struct setting *row, struct buf *out)
{
	if (!row->secret) {
		print_value(settings, row, out);
	} else if (**(char *const *)field_of(settings, row) != '\0') {
		buf_append_str(out, "****");
	}
}

void
setting_print_default(const struct setting *row, struct buf *out)
{
	int64_t value = 0;
	struct error err;

	if (value_is_number(row) &&
	    value_parse(row, row->name, row->def, &value, &err) == 0) {
		value_print(row, value, out);
	} else {
		buf_append_str(out, row->def);
	}
}

int
setting_check_status(const struct settings *settings, const struct setting *row,
    bool is_default, struct error *err)
{
	struct buf value = {0};
	int ret = 0;

	if (row->accept == NULL) {
		return 0;
	}
	assert(!row->secret); /* the message shows the value */
	print_value(settings, row, &value);
	ret = value_check_status(
	    row, row->name, buf_text(&value), is_default, err);
	buf_fini(&value);
	return ret;
}
