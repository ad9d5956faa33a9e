/*
 * form.c - what the description of a prepared statement says.
 *
 * Of rows a hash is enough. Left out is what differs where PostgreSQL sees no
 * difference: a column's table and number there, which are others once the
 * table was made anew, and the format, which a portal's description has from
 * its Bind. Of parameters the types themselves are kept: a statement can be
 * prepared with them.
 */
#include "server/form.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/hash.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "proto/reader.h"

struct form {
	unsigned references;
	bool has_rows; /* .rows says of which form, or that there are none */
	bool is_whole;
	struct hash128 rows;
	uint64_t age;
	size_t types_bytes; /* 0: not known */
	uint8_t types[];    /* as in ParameterDescription */
};

struct form *
form_new(void)
{
	struct form *form = mem_zalloc(sizeof(*form));

	form->references = 1;
	return form;
}

struct form *
form_ref(struct form *form)
{
	if (form != NULL) {
		form->references++;
	}
	return form;
}

void
form_release(struct form **form)
{
	struct form *f = *form;

	*form = NULL;
	if (f == NULL) {
		return;
	}
	assert(f->references > 0);
	if (--f->references == 0) {
		free(f);
	}
}

/* ---- what descriptions say ----------------------------------------------- */

static void
add_types(struct form **form, const uint8_t *body, size_t size)
{
	struct reader reader;
	size_t count;

	reader_init(&reader, body, size);
	count = reader_u16(&reader);
	(void)reader_bytes(&reader, count * sizeof(uint32_t));
	if (!reader_finish(&reader)) {
		return;
	}
	*form = mem_realloc(*form, sizeof(**form) + size);
	memcpy((*form)->types, body, size);
	(*form)->types_bytes = size;
}

/* What counts of one column. */
static void
put_column(struct reader *reader, struct buf *out)
{
	const char *name = reader_cstr(reader);
	uint32_t type;
	int32_t modifier;

	(void)reader_u32(reader); /* its table */
	(void)reader_u16(reader); /* its number there */
	type = reader_u32(reader);
	(void)reader_u16(reader); /* its size: the type's */
	modifier = reader_i32(reader);
	(void)reader_u16(reader); /* its format */
	buf_append(out, name, strlen(name) + 1);
	buf_append(out, &type, sizeof(type));
	buf_append(out, &modifier, sizeof(modifier));
}

static void
add_rows(struct form *form, const uint8_t *body, size_t size)
{
	struct buf columns = {0};
	struct reader reader;
	uint16_t count;

	reader_init(&reader, body, size);
	count = reader_u16(&reader);
	buf_append(&columns, &count, sizeof(count));
	for (unsigned i = 0; i < count && reader_ok(&reader); i++) {
		put_column(&reader, &columns);
	}
	if (reader_finish(&reader)) {
		form->rows = hash_bytes128(buf_bytes(&columns), columns.length);
		form->has_rows = true;
	}
	buf_fini(&columns);
}

void
form_add(struct form **form, uint8_t type, const uint8_t *body, size_t size)
{
	assert((*form)->references == 1);
	switch (type) {
	case MSG_PARAMETER_DESCRIPTION:
		add_types(form, body, size);
		return;
	case MSG_ROW_DESCRIPTION:
		add_rows(*form, body, size);
		return;
	case MSG_NO_DATA:
		(*form)->rows = (struct hash128){0};
		(*form)->has_rows = true;
		return;
	default:
		return;
	}
}

/* ---- questions ----------------------------------------------------------- */

bool
form_is_whole(const struct form *form)
{
	return form->is_whole;
}

void
form_set_whole(struct form *form)
{
	form->is_whole = true;
}

uint64_t
form_age(const struct form *form)
{
	return form->age;
}

void
form_set_age(struct form *form, uint64_t age)
{
	form->age = age;
}

bool
form_has_rows_of(const struct form *a, const struct form *b)
{
	return a == b || !a->has_rows || !b->has_rows ||
	    (a->rows.low == b->rows.low && a->rows.high == b->rows.high);
}

bool
form_has_rows(const struct form *form)
{
	return form->has_rows && (form->rows.low != 0 || form->rows.high != 0);
}

bool
form_has_types_of(const struct form *a, const struct form *b)
{
	return a == b || a->types_bytes == 0 || b->types_bytes == 0 ||
	    (a->types_bytes == b->types_bytes &&
	        memcmp(a->types, b->types, a->types_bytes) == 0);
}

const uint8_t *
form_types(const struct form *form, size_t *size)
{
	*size = form->types_bytes;
	return form->types_bytes == 0 ? NULL : form->types;
}
