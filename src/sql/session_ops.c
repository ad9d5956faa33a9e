/*
 * session_ops.c - what a text does to its session, in the order of the text.
 *
 * While a text is read its operations and their texts grow in two buffers, and
 * point into them by offset. In the end all of it is one piece of memory.
 */
#include "sql/session_ops.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "sql/lexer.h"
#include "sql/session_ops_int.h"
#include "sql/setting.h"

#define NO_TEXT SIZE_MAX

struct op_draft {
	struct session_op op;
	size_t name; /* offset in .texts, or NO_TEXT */
	size_t value;
};

struct session_ops *
session_ops_ref(struct session_ops *ops)
{
	if (ops != NULL) {
		ops->references++;
	}
	return ops;
}

void
session_ops_release(struct session_ops **opsp)
{
	struct session_ops *ops = *opsp;

	*opsp = NULL;
	if (ops == NULL) {
		return;
	}
	assert(ops->references > 0);
	if (--ops->references == 0) {
		free(ops);
	}
}

bool
sql_names_temporary(const void *bytes, size_t length)
{
	static const char word[] = "pg_temp";
	const size_t size = sizeof(word) - 1;
	const char *p = bytes;

	for (size_t i = 0; i + size <= length; i++) {
		size_t k = 0;

		while (k < size && char_lower(p[i + k]) == word[k]) {
			k++;
		}
		if (k == size) {
			return true;
		}
	}
	return false;
}

void
ops_builder_fini(struct ops_builder *builder)
{
	buf_fini(&builder->drafts);
	buf_fini(&builder->texts);
}

struct ops_mark
ops_mark(const struct ops_builder *builder)
{
	return (struct ops_mark){builder->drafts.length, builder->texts.length};
}

void
ops_go_back(struct ops_builder *builder, struct ops_mark mark)
{
	buf_truncate(&builder->drafts, mark.drafts);
	buf_truncate(&builder->texts, mark.texts);
}

static size_t
draft_count(const struct ops_builder *builder)
{
	return builder->drafts.length / sizeof(struct op_draft);
}

static struct op_draft *
draft_at(const struct ops_builder *builder, size_t index)
{
	void *drafts = buf_bytes(&builder->drafts);

	return (struct op_draft *)drafts + index;
}

static struct op_draft *
last_draft(const struct ops_builder *builder)
{
	assert(builder->drafts.length > 0);
	return draft_at(builder, draft_count(builder) - 1);
}

struct session_op *
ops_add(struct ops_builder *builder, enum session_op_kind kind)
{
	const struct op_draft draft = {
	    .op = {.kind = kind, .statement = (uint16_t)builder->statement},
	    .name = NO_TEXT,
	    .value = NO_TEXT};

	buf_append(&builder->drafts, &draft, sizeof(draft));
	return &last_draft(builder)->op;
}

void
ops_put_name(struct ops_builder *builder, const char *name, size_t length)
{
	struct op_draft *draft = last_draft(builder);

	draft->name = builder->texts.length;
	if (draft->op.kind == SESSION_SET || draft->op.kind == SESSION_RESET) {
		setting_put_name(&builder->texts, name, length);
	} else {
		buf_append(&builder->texts, name, length);
	}
	buf_append_char(&builder->texts, '\0');
}

struct buf *
ops_begin_value(struct ops_builder *builder)
{
	last_draft(builder)->value = builder->texts.length;
	return &builder->texts;
}

void
ops_end_value(struct ops_builder *builder)
{
	buf_append_char(&builder->texts, '\0');
}

bool
ops_has_high_bit(const struct ops_builder *builder)
{
	const uint8_t *bytes = buf_bytes(&builder->texts);

	for (size_t i = 0; i < builder->texts.length; i++) {
		if (bytes[i] & 0x80) {
			return true;
		}
	}
	return false;
}

struct session_ops *
ops_build(const struct ops_builder *builder, unsigned statements)
{
	const size_t count = draft_count(builder);
	struct session_ops *ops;
	size_t bytes;
	char *texts;

	if (count == 0 || count > UINT16_MAX || statements > UINT16_MAX ||
	    (statements == 1 &&
	        last_draft(builder)->op.kind == SESSION_BEGIN)) {
		return NULL;
	}
	bytes = sizeof(*ops) + count * sizeof(ops->items[0]);
	ops = mem_alloc(bytes + builder->texts.length);
	ops->references = 1;
	ops->statements = (uint16_t)statements;
	ops->count = (uint16_t)count;
	ops->bytes = bytes + builder->texts.length;
	texts = (char *)ops + bytes;
	if (builder->texts.length > 0) {
		memcpy(
		    texts, buf_bytes(&builder->texts), builder->texts.length);
	}
	for (size_t i = 0; i < count; i++) {
		const struct op_draft *draft = draft_at(builder, i);
		struct session_op *op = &ops->items[i];

		*op = draft->op;
		op->name = draft->name == NO_TEXT ? NULL : texts + draft->name;
		op->value =
		    draft->value == NO_TEXT ? NULL : texts + draft->value;
	}
	return ops;
}
