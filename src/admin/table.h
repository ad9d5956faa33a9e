/* table.h - builds a result of the console: columns, rows, the end. */
#ifndef ADMIN_TABLE_H
#define ADMIN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "proto/msg.h"

/* Columns, for static arrays of struct msg_column. The types are those of
 * PostgreSQL's pg_type. */
#define COLUMN_BYTEA(name)   \
	{                    \
		name, 17, -1 \
	}
#define COLUMN_INT8(name)   \
	{                   \
		name, 20, 8 \
	}
#define COLUMN_INT4(name)   \
	{                   \
		name, 23, 4 \
	}
#define COLUMN_TEXT(name)    \
	{                    \
		name, 25, -1 \
	}
#define COLUMN_NUMERIC(name)   \
	{                      \
		name, 1700, -1 \
	}

/*
 * A result under construction: table_begin(), then for every row
 * table_row_begin(), one put per column in their order, table_row_end(); then
 * table_end(). A put of another type than the column's, or too many or too few
 * of them, asserts.
 */
struct table {
	struct buf *out; /* borrowed */
	const struct msg_column *columns;
	size_t count;
	size_t at; /* the column whose value is next */
	bool in_row;
	struct msg msg;
	struct buf text; /* owned; a value being made fit to send */
};

/* COLUMNS, COUNT of them, outlive TABLE; OUT gets the messages. */
void table_begin(struct table *table, struct buf *out,
    const struct msg_column *columns, size_t count);

void table_row_begin(struct table *table);

/* VALUE NULL: SQL NULL. What is not UTF-8 in it is sent as '?', for the console
 * promises UTF-8 and names come from anybody. */
void table_put_text(struct table *table, const char *value);

/* For every type of number. */
void table_put_int(struct table *table, int64_t value);
void table_put_count(struct table *table, uint64_t value);

/* SQL NULL, for any type. */
void table_put_null(struct table *table);

void table_row_end(struct table *table);

/* Ends the result: TAG is what it was, "SHOW". */
void table_end(struct table *table, const char *tag);

#endif
