/*
 * mem.c - allocation that does not fail, and wiping of secrets.
 *
 * A pooler that cannot get a few hundred bytes cannot serve anybody; it stops
 * at once, where the reason is visible, rather than in an error path nobody
 * ever ran.
 */
#include "core/mem.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
check(void *memory, size_t size)
{
	if (memory == NULL) {
		(void)fprintf(stderr, "out of memory: %zu bytes\n", size);
		abort();
	}
	return memory;
}

void *
mem_alloc(size_t size)
{
	return check(malloc(size > 0 ? size : 1), size);
}

void *
mem_zalloc(size_t size)
{
	return check(calloc(1, size > 0 ? size : 1), size);
}

void *
mem_realloc(void *old, size_t size)
{
	return check(realloc(old, size > 0 ? size : 1), size);
}

void *
mem_dup(const void *bytes, size_t size)
{
	void *copy = mem_alloc(size);

	if (size > 0) {
		memcpy(copy, bytes, size);
	}
	return copy;
}

char *
mem_strndup(const char *text, size_t length)
{
	char *copy = mem_alloc(length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *
mem_strdup(const char *text)
{
	return mem_strndup(text, strlen(text));
}

void
mem_wipe(void *bytes, size_t size)
{
	OPENSSL_cleanse(bytes, size);
}

void
mem_wipe_free(char **text)
{
	if (*text == NULL) {
		return;
	}
	mem_wipe(*text, strlen(*text));
	free(*text);
	*text = NULL;
}
