/* str.h - the few string helpers C lacks. */
#ifndef CORE_STR_H
#define CORE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies TEXT into OUT of SIZE bytes; false, and OUT empty, if too long. */
bool str_copy(char *out, size_t size, const char *text);

/* NULL-safe equality; two NULLs are equal. */
bool str_equal(const char *a, const char *b);

/* Equality without regard to ASCII case. */
bool str_equal_nocase(const char *a, const char *b);

/* Parses a whole decimal number; false on anything else or out of range. */
bool str_to_int64(const char *text, int64_t *out);

/* Compares without its duration telling where they differ. */
bool str_equal_secret(const char *a, const char *b);

#endif
