/*
 * allocations.h - how often memory was asked for.
 *
 * For programs linked with $(COUNT_ALLOCATIONS): their calls of malloc(),
 * calloc() and realloc(), not those within libraries.
 */
#ifndef SUPPORT_ALLOCATIONS_H
#define SUPPORT_ALLOCATIONS_H

#include <stddef.h>

size_t allocations_count(void);

#endif
