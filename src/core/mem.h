/* mem.h - allocation that does not fail, and wiping of secrets. */
#ifndef CORE_MEM_H
#define CORE_MEM_H

#include <stddef.h>

/*
 * For small sizes of our own choosing. Each aborts the process when memory is
 * exhausted and therefore never returns NULL. The caller frees with free().
 * Sizes that come from outside must be bounded by a setting first.
 */
void *mem_alloc(size_t size) __attribute__((malloc, warn_unused_result));
void *mem_zalloc(size_t size) __attribute__((malloc, warn_unused_result));
void *mem_realloc(void *old, size_t size) __attribute__((warn_unused_result));
char *mem_strdup(const char *text) __attribute__((malloc, warn_unused_result));
void *mem_dup(const void *bytes, size_t size)
    __attribute__((malloc, warn_unused_result));
/* Copies LENGTH bytes and adds a NUL. */
char *mem_strndup(const char *text, size_t length)
    __attribute__((malloc, warn_unused_result));

/* Overwrites SIZE bytes with zeros; the compiler cannot drop it. */
void mem_wipe(void *bytes, size_t size);

/* Wipes and frees a NUL-terminated secret; sets *TEXT to NULL. */
void mem_wipe_free(char **text);

#endif
