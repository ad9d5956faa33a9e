/*
 * version.c - what we call ourselves.
 */
#include "admin/version.h"

#include "conf/settings.h"
#include "core/buf.h"

void
version_put(const struct settings *settings, struct buf *out)
{
	const char *prefix = settings != NULL
	    ? settings->version_prefix
	    : setting_find("version_prefix")->def;

	if (prefix[0] != '\0') {
		buf_printf(out, "%s (pgweir %s)", prefix, PACKAGE_VERSION);
	} else {
		buf_printf(out, "pgweir %s", PACKAGE_VERSION);
	}
}
