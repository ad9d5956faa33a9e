/*
 * admin.c - the console: which command, and who may give it.
 */
#include "admin/admin.h"

#include <string.h>

#include "client/client.h"
#include "core/buf.h"
#include "proto/msg.h"

bool
admin_query(struct instance *instance, struct client *client, const char *sql,
    struct buf *out)
{
	struct msg_report report = {.severity = "ERROR",
	    .sqlstate = "08P01",
	    .message = "invalid command",
	    .detail = sql};

	(void)instance;
	(void)client;
	msg_error_response(out, &report);
	return true;
}
