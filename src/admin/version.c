/*
 * version.c - what we call ourselves.
 */
#include "admin/version.h"

#include <openssl/crypto.h>

#include "conf/settings.h"
#include "control/control.h"
#include "core/buf.h"
#include "net/loop.h"
#include "net/resolver.h"

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

/* The loop, names, encryption, the control plane. */
void
version_put_libraries(struct buf *out)
{
	loop_put_library(out);
	buf_append_char(out, '\n');
	resolver_put_library(out);
	buf_printf(out, "\n%s\n", OpenSSL_version(OPENSSL_VERSION));
	control_put_library(out);
	buf_append_char(out, '\n');
}
