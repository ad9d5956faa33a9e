/* app_name.c - application_name with the address of the client. */
#include "client/app_name.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/utf8.h"
#include "net/address.h"

/* NAMEDATALEN - 1: PostgreSQL cuts what is longer. */
#define NAME_MAX_BYTES ((size_t)63)
#define DEFAULT_NAME "app"

void
app_name_put(
    struct buf *out, const char *name, const struct address *peer, int port)
{
	char text[ADDRESS_TEXT_BYTES], suffix[ADDRESS_TEXT_BYTES + 8];
	size_t room;

	if (address_is_unix(peer)) {
		(void)snprintf(suffix, sizeof(suffix), " - unix:%d", port);
	} else {
		(void)snprintf(suffix, sizeof(suffix), " - %s",
		    address_format(peer, text, sizeof(text)));
	}
	room = strlen(suffix) < NAME_MAX_BYTES ? NAME_MAX_BYTES - strlen(suffix)
	                                       : 0;
	if (name == NULL || name[0] == '\0') {
		name = DEFAULT_NAME;
	}
	buf_append(out, name, utf8_cut(name, strlen(name), room));
	buf_append_str(out, suffix);
}
