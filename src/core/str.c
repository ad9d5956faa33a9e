/*
 * str.c - the few string helpers C lacks.
 */
#include "core/str.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool
str_copy(char *out, size_t size, const char *text)
{
	size_t length = strlen(text);

	if (length >= size) {
		out[0] = '\0';
		return false;
	}
	memcpy(out, text, length + 1);
	return true;
}

bool
str_equal(const char *a, const char *b)
{
	if (a == NULL || b == NULL) {
		return a == b;
	}
	return strcmp(a, b) == 0;
}

bool
str_equal_nocase(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

bool
str_to_int64(const char *text, int64_t *out)
{
	char *end = NULL;
	long long value;

	if (*text == '\0' || strspn(text, "+-0123456789") != strlen(text)) {
		return false;
	}
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0') {
		return false;
	}
	*out = value;
	return true;
}

bool
str_equal_secret(const char *a, const char *b)
{
	size_t length = strlen(a);

	return length == strlen(b) && CRYPTO_memcmp(a, b, length) == 0;
}
