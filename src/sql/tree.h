/* tree.h - a parse tree, read in the packed form libpg_query delivers. */
#ifndef SQL_TREE_H
#define SQL_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

/* Deepest nesting of messages that is followed. */
#define TREE_DEPTH_MAX 2048

/* A message in place; plain data. */
struct tree_node {
	const ProtobufCMessageDescriptor *type;
	const uint8_t *bytes; /* borrowed from the packed tree */
	size_t length;
};

struct tree_text {
	const char *bytes; /* borrowed; no NUL behind it */
	size_t length;
};

/* Reads the fields called NAME of one message, in order. */
struct tree_iter {
	const uint8_t *next;
	const uint8_t *end;
	const ProtobufCFieldDescriptor *field;
};

/* Names of fields are those of pg_query.proto (not its json_name); one that
 * NODE's type does not have is a bug, and asserts. */

/* Whether NODE has anything in field NAME, even an empty message. */
bool tree_has(const struct tree_node *node, const char *name);

/* The number (or enum, or bool) NAME; 0 when absent. */
int64_t tree_number(const struct tree_node *node, const char *name);

/* The string NAME; empty when absent. */
struct tree_text tree_string(const struct tree_node *node, const char *name);

/* The message NAME, with Node wrappers taken off; false when absent. */
bool tree_child(
    const struct tree_node *node, const char *name, struct tree_node *child);

/* The messages NAME one by one, wrappers taken off:
 *	tree_iter_init(&iter, &node, "args");
 *	while (tree_iter_next(&iter, &child)) ... */
void tree_iter_init(
    struct tree_iter *iter, const struct tree_node *node, const char *name);
bool tree_iter_next(struct tree_iter *iter, struct tree_node *child);

/* Fills NAMES with at most MAX of the String messages in list NAME and returns
 * how many messages the list has, whatever they are. */
size_t tree_names(const struct tree_node *node, const char *name,
    struct tree_text *names, size_t max);

bool tree_text_is(struct tree_text text, const char *literal);

typedef void tree_visit_fn(void *context, const struct tree_node *node);

/*
 * Calls VISIT for ROOT and every message within, parents first, without
 * recursion. False when the bytes are not a packed ROOT or nested deeper than
 * TREE_DEPTH_MAX; some were visited then.
 */
bool tree_walk(
    const struct tree_node *root, tree_visit_fn *visit, void *context);

#endif
