/*
 * table.c - builds a result of the console: columns, rows, the end.
 */
#include "admin/table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"
#include "proto/frame.h"

#define TEXT_OID 25

void
table_begin(struct table *table, struct buf *out,
    const struct msg_column *columns, size_t count)
{
	bool fits;

	*table = (struct table){
	    .out = out, .columns = columns, .count = count, .at = count};
	fits = msg_row_description(out, columns, count);
	assert(fits);
}

void
table_row_begin(struct table *table)
{
	assert(!table->in_row);
	table->in_row = true;
	table->at = 0;
	msg_begin(&table->msg, table->out, MSG_DATA_ROW);
	msg_put_count(&table->msg, table->count);
}

static void
put(struct table *table, const void *bytes, size_t size)
{
	assert(size <= INT32_MAX);
	msg_put_i32(&table->msg, (int32_t)size);
	msg_put_bytes(&table->msg, bytes, size);
	table->at++;
}

static bool
is_at(const struct table *table, bool wants_text)
{
	return table->in_row && table->at < table->count &&
	    (table->columns[table->at].type_oid == TEXT_OID) == wants_text;
}

void
table_put_text(struct table *table, const char *value)
{
	assert(is_at(table, true));
	if (value == NULL) {
		table_put_null(table);
		return;
	}
	buf_clear(&table->text);
	utf8_append(&table->text, value, strlen(value));
	put(table, buf_bytes(&table->text), table->text.length);
}

void
table_put_int(struct table *table, int64_t value)
{
	char text[24];
	int length = snprintf(text, sizeof(text), "%" PRId64, value);

	assert(is_at(table, false) && length > 0);
	put(table, text, (size_t)length);
}

void
table_put_count(struct table *table, uint64_t value)
{
	table_put_int(table, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void
table_put_null(struct table *table)
{
	assert(table->in_row && table->at < table->count);
	msg_put_i32(&table->msg, -1);
	table->at++;
}

void
table_row_end(struct table *table)
{
	bool fits;

	assert(table->in_row && table->at == table->count);
	table->in_row = false;
	fits = msg_end(&table->msg);
	assert(fits);
}

void
table_end(struct table *table, const char *tag)
{
	assert(!table->in_row);
	msg_command_complete(table->out, tag);
	buf_fini(&table->text);
}
