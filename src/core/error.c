/*
 * error.c - why something failed: text, SQLSTATE, and what to do about it.
 */
#include "core/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
error_set(struct error *err, const char *sqlstate, const char *format, ...)
{
	va_list args;

	if (err == NULL) {
		return;
	}
	(void)snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", sqlstate);
	err->hint[0] = '\0';
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
}

void
error_set_errno(struct error *err, const char *format, ...)
{
	int saved = errno;
	va_list args;
	size_t used;

	if (err == NULL) {
		return;
	}
	error_set(err, SQLSTATE_INTERNAL, "%s", "");
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	used = strlen(err->text);
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s",
	    strerror(saved));
}

void
error_hint(struct error *err, const char *format, ...)
{
	va_list args;

	if (err == NULL) {
		return;
	}
	va_start(args, format);
	(void)vsnprintf(err->hint, sizeof(err->hint), format, args);
	va_end(args);
}
