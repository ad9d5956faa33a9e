/*
 * tree.c - a parse tree, read in the packed form libpg_query delivers.
 *
 * Unpacking a tree recurses, at nearly 2 KB of stack per level, and allocates
 * for each node; how deep it goes is decided by whoever wrote the query. So
 * the packed bytes are walked where they lie, with a stack of our own, and the
 * descriptors that libpg_query brings say what the bytes mean: fields are found
 * by name, which does not change between its versions as their numbers do.
 */
#include "sql/tree.h"

#include <assert.h>
#include <pg_query/pg_query.pb-c.h>
#include <string.h>

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_FIXED32 = 5
};

/* One field as it lies in the message. */
struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t value;       /* of WIRE_VARINT */
	const uint8_t *bytes; /* of WIRE_BYTES */
	size_t length;
};

static bool
read_varint(const uint8_t **p, const uint8_t *end, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; shift < 64 && *p < end; shift += 7) {
		const uint8_t byte = *(*p)++;

		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			return true;
		}
	}
	return false;
}

static bool
read_field(const uint8_t **p, const uint8_t *end, struct wire_field *field)
{
	uint64_t tag;
	size_t size;

	if (!read_varint(p, end, &tag)) {
		return false;
	}
	field->number = (uint32_t)(tag >> 3);
	field->type = (enum wire_type)(tag & 7);
	switch ((int)field->type) {
	case WIRE_VARINT:
		return read_varint(p, end, &field->value);
	case WIRE_BYTES:
		if (!read_varint(p, end, &field->value)) {
			return false;
		}
		size = (size_t)field->value;
		break;
	case WIRE_FIXED64:
		size = 8;
		break;
	case WIRE_FIXED32:
		size = 4;
		break;
	default:
		return false;
	}
	if ((size_t)(end - *p) < size) {
		return false;
	}
	field->bytes = *p;
	field->length = size;
	*p += size;
	return true;
}

/* A name that the grammar does not have is our mistake, and would read as a
 * field left empty. */
static const ProtobufCFieldDescriptor *
describe(const struct tree_node *node, const char *name)
{
	const ProtobufCFieldDescriptor *field =
	    protobuf_c_message_descriptor_get_field_by_name(node->type, name);

	assert(field != NULL);
	return field;
}

/* The last field NAME of NODE, as protobuf has it; false when absent. */
static bool
find_field(
    const struct tree_node *node, const char *name, struct wire_field *found)
{
	const ProtobufCFieldDescriptor *field = describe(node, name);
	const uint8_t *p = node->bytes, *end = node->bytes + node->length;
	struct wire_field next;
	bool is_found = false;

	while (p < end && read_field(&p, end, &next)) {
		if (next.number == field->id) {
			*found = next;
			is_found = true;
		}
	}
	return is_found;
}

bool
tree_has(const struct tree_node *node, const char *name)
{
	struct wire_field field;

	return find_field(node, name, &field);
}

int64_t
tree_number(const struct tree_node *node, const char *name)
{
	struct wire_field field;

	return find_field(node, name, &field) && field.type == WIRE_VARINT
	    ? (int64_t)field.value
	    : 0;
}

struct tree_text
tree_string(const struct tree_node *node, const char *name)
{
	struct tree_text text = {"", 0};
	struct wire_field field;

	if (find_field(node, name, &field) && field.type == WIRE_BYTES) {
		text.bytes = (const char *)field.bytes;
		text.length = field.length;
	}
	return text;
}

/* Takes the wrapper off a Node, which holds one message of its choice. */
static bool
unwrap(struct tree_node *node)
{
	const uint8_t *p = node->bytes, *end = node->bytes + node->length;
	const ProtobufCFieldDescriptor *field;
	struct wire_field inner;

	if (node->type != &pg_query__node__descriptor) {
		return true;
	}
	if (p == end || !read_field(&p, end, &inner) ||
	    inner.type != WIRE_BYTES ||
	    (field = protobuf_c_message_descriptor_get_field(
	         node->type, inner.number)) == NULL) {
		return false;
	}
	node->type = field->descriptor;
	node->bytes = inner.bytes;
	node->length = inner.length;
	return true;
}

bool
tree_child(
    const struct tree_node *node, const char *name, struct tree_node *child)
{
	struct tree_iter iter;

	tree_iter_init(&iter, node, name);
	return tree_iter_next(&iter, child);
}

void
tree_iter_init(
    struct tree_iter *iter, const struct tree_node *node, const char *name)
{
	iter->next = node->bytes;
	iter->end = node->bytes + node->length;
	iter->field = describe(node, name);
}

bool
tree_iter_next(struct tree_iter *iter, struct tree_node *child)
{
	struct wire_field field;

	while (iter->next < iter->end &&
	    read_field(&iter->next, iter->end, &field)) {
		if (field.number == iter->field->id &&
		    field.type == WIRE_BYTES &&
		    iter->field->type == PROTOBUF_C_TYPE_MESSAGE) {
			child->type = iter->field->descriptor;
			child->bytes = field.bytes;
			child->length = field.length;
			return unwrap(child);
		}
	}
	return false;
}

size_t
tree_names(const struct tree_node *node, const char *name,
    struct tree_text *names, size_t max)
{
	struct tree_iter iter;
	struct tree_node child;
	size_t count = 0;

	tree_iter_init(&iter, node, name);
	while (tree_iter_next(&iter, &child)) {
		if (count < max) {
			names[count] =
			    child.type == &pg_query__string__descriptor
			    ? tree_string(&child, "sval")
			    : (struct tree_text){"", 0};
		}
		count++;
	}
	return count;
}

bool
tree_text_is(struct tree_text text, const char *literal)
{
	return text.length == strlen(literal) &&
	    memcmp(text.bytes, literal, text.length) == 0;
}

struct walk_level {
	const ProtobufCMessageDescriptor *type;
	const uint8_t *next;
	const uint8_t *end;
};

bool
tree_walk(const struct tree_node *root, tree_visit_fn *visit, void *context)
{
	struct walk_level levels[TREE_DEPTH_MAX];
	size_t depth = 0;

	levels[depth++] = (struct walk_level){
	    root->type, root->bytes, root->bytes + root->length};
	visit(context, root);
	while (depth > 0) {
		struct walk_level *level = &levels[depth - 1];
		const ProtobufCFieldDescriptor *field;
		struct wire_field inner;
		struct tree_node node;

		if (level->next == level->end) {
			depth--;
			continue;
		}
		if (!read_field(&level->next, level->end, &inner)) {
			return false;
		}
		field = protobuf_c_message_descriptor_get_field(
		    level->type, inner.number);
		if (field == NULL || inner.type != WIRE_BYTES ||
		    field->type != PROTOBUF_C_TYPE_MESSAGE) {
			continue;
		}
		if (depth == TREE_DEPTH_MAX) {
			return false;
		}
		node = (struct tree_node){
		    field->descriptor, inner.bytes, inner.length};
		visit(context, &node);
		levels[depth++] = (struct walk_level){
		    node.type, node.bytes, node.bytes + node.length};
	}
	return true;
}
