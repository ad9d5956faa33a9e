/*
 * shape_list.c - lists of any length are one shape.
 *
 * An element of IN (...) and ARRAY[...], or a row of VALUES, is dropped where
 * that cannot change what the text does: if it is made of constants only and an
 * earlier one was too, or if its text equals the one last kept. So thousands of
 * values cost the parser as much as one.
 *
 * Dropping means going back to before the separator; everything that was
 * written since is the element's, so nothing else points there.
 */
#include "sql/shape_int.h"

#include <string.h>

static struct list_frame *
innermost(struct scanner *s)
{
	return s->list_count == 0 ? NULL : &s->lists[s->list_count - 1];
}

static void
begin_element(struct list_frame *list)
{
	list->is_constant = true;
	list->is_empty = true;
	list->start = NULL;
}

enum list_kind
lists_opened_by(const struct scanner *s, enum token_name name)
{
	const enum token_name before = name_before(s, 0);

	if (name_before(s, 1) == '.' || s->list_count == SHAPE_LISTS_MAX) {
		return LIST_NONE;
	}
	if (name == '(' && before == NAME_VALUES) {
		return LIST_ROWS;
	}
	return (name == '(' && before == NAME_IN) ||
	        (name == '[' && before == NAME_ARRAY)
	    ? LIST_ELEMENTS
	    : LIST_NONE;
}

void
lists_open(struct scanner *s, enum list_kind kind, char *start)
{
	struct list_frame *list = &s->lists[s->list_count++];

	*list = (struct list_frame){.is_rows = kind == LIST_ROWS};
	list->depth = list->is_rows ? s->depth - 1 : s->depth;
	begin_element(list);
	list->start = list->is_rows ? start : NULL;
}

/* An element has ended where the output ends. */
static void
end_element(struct scanner *s, struct list_frame *list)
{
	const size_t length =
	    list->start == NULL ? 0 : (size_t)(s->out - list->start);
	const bool is_constant = list->is_constant && !list->is_empty;
	const bool is_repeated = length > 0 && length == list->kept_length &&
	    memcmp(list->start, list->kept_start, length) == 0;

	if (list->separator != NULL &&
	    ((is_constant && list->has_constant) || is_repeated)) {
		s->out = list->separator;
		s->token_count = list->token_count;
		s->history = list->history;
		s->string.start = NULL;
		return;
	}
	list->has_constant |= is_constant;
	list->kept_start = list->start;
	list->kept_length = length;
}

/* A comma that separates two elements is about to be written. */
static void
note_separator(struct scanner *s, struct list_frame *list)
{
	list->separator = s->out;
	list->token_count = s->token_count;
	list->history = s->history;
	begin_element(list);
}

/* Between rows only a comma and the next row's bracket go on. */
static bool
rows_go_on(struct scanner *s, struct list_frame *list, enum token_name name)
{
	if (name == ',' && name_before(s, 0) == ')') {
		note_separator(s, list);
		return true;
	}
	return name == '(' && name_before(s, 0) == ',';
}

void
lists_before(struct scanner *s, enum token_name name)
{
	const bool is_close = name == ')' || name == ']';
	struct list_frame *list;

	while ((list = innermost(s)) != NULL && s->depth <= list->depth) {
		if (list->is_rows) {
			if (rows_go_on(s, list, name)) {
				return;
			}
			s->list_count--;
			continue;
		}
		if (name == ',' || is_close) {
			end_element(s, list);
		}
		if (is_close) {
			s->list_count--;
		} else if (name == ',') {
			note_separator(s, list);
		}
		return;
	}
}

void
lists_after(struct scanner *s, enum token_name name, char *start)
{
	struct list_frame *list = innermost(s);

	if (list == NULL) {
		return;
	}
	if (name == ',' && s->depth == list->depth) {
		return; /* the separator itself */
	}
	if (list->start == NULL) {
		list->start = start;
	}
	switch ((int)name) {
	case NAME_STRING:
	case NAME_CONSTANT:
	case NAME_LITERAL:
		list->is_empty = false;
		break;
	case '(':
	case ')':
	case '[':
	case ']':
	case ',':
	case '+':
	case '-':
	case NAME_NATIONAL:
		break;
	default:
		list->is_constant = false;
		break;
	}
}

void
lists_end_row(struct scanner *s)
{
	struct list_frame *list = innermost(s);

	if (list != NULL && list->is_rows && s->depth == list->depth) {
		end_element(s, list);
	}
}
