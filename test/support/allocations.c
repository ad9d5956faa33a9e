/* allocations.c - how often memory was asked for. */
#include "support/allocations.h"

/* What the linker calls them, see --wrap in ld(1). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static size_t count;

size_t
allocations_count(void)
{
	return count;
}

void *
__wrap_malloc(size_t size)
{
	count++;
	return __real_malloc(size);
}

void *
__wrap_calloc(size_t members, size_t size)
{
	count++;
	return __real_calloc(members, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	count++;
	return __real_realloc(old, size);
}
