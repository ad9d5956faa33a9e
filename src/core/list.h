/* list.h - doubly linked lists through links inside the elements (utlist). */
#ifndef CORE_LIST_H
#define CORE_LIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <utlist.h>

/* Embedded in an element once per list it can be in. Zeroed: in no list. */
struct list_link {
	struct list_link *prev; /* borrowed; the head's points at the tail */
	struct list_link *next; /* borrowed; NULL in the tail */
};

/* A zeroed struct is an empty list. The list owns none of its elements. */
struct list {
	struct list_link *head;
	size_t count;
};

/* The element of TYPE whose MEMBER is LINK; LINK must not be NULL. */
#define list_entry(link, type, member) \
	((type *)(void *)((char *)(link)-offsetof(type, member)))

/* The first element as TYPE, NULL when empty. */
#define list_first(list, type, member) \
	((list)->head == NULL ? NULL : list_entry((list)->head, type, member))

/* ITEM (a struct list_link *) runs over LIST, which must not change. */
#define list_foreach(list, item)                                  \
	for (struct list_link *item = (list)->head; item != NULL; \
	     item = item->next)

/* As list_foreach(), and ITEM may be removed in the body. */
#define list_foreach_safe(list, item)                                          \
	for (struct list_link *item = (list)->head,                            \
	                      *item##_next = item != NULL ? item->next : NULL; \
	     item != NULL; item = item##_next,                                 \
	                      item##_next = item != NULL ? item->next : NULL)

static inline bool
list_is_linked(const struct list_link *link)
{
	return link->prev != NULL;
}

static inline void
list_append(struct list *list, struct list_link *link)
{
	assert(!list_is_linked(link));
	DL_APPEND(list->head, link);
	list->count++;
}

static inline void
list_prepend(struct list *list, struct list_link *link)
{
	assert(!list_is_linked(link));
	DL_PREPEND(list->head, link);
	list->count++;
}

/* LINK comes to stand in front of AT, which is in LIST. */
static inline void
list_insert_before(
    struct list *list, struct list_link *at, struct list_link *link)
{
	assert(!list_is_linked(link) && list_is_linked(at));
	DL_PREPEND_ELEM(list->head, at, link);
	list->count++;
}

static inline void
list_remove(struct list *list, struct list_link *link)
{
	assert(list_is_linked(link) && list->count > 0);
	DL_DELETE(list->head, link);
	link->prev = NULL;
	link->next = NULL;
	list->count--;
}

/* Removes and returns the first link, NULL when empty. */
static inline struct list_link *
list_pop(struct list *list)
{
	struct list_link *link = list->head;

	if (link != NULL) {
		list_remove(list, link);
	}
	return link;
}

#endif
