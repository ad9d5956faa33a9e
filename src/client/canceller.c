/*
 * canceller.c - a connection that only asks to cancel what another does.
 *
 * It is answered nothing, and closed when the request has arrived where it was
 * to go: who sent it may take that for the end of it, and does. A wrong key
 * costs a look-up and is closed like a right one that has nothing to cancel.
 */
#include "client/canceller.h"

#include <string.h>

#include "client/client_int.h"
#include "client/keys.h"
#include "core/mem.h"
#include "proto/startup.h"
#include "server/pool_int.h"

static void
on_done(struct cancel_asker *asker)
{
	client_close(list_entry(asker, struct client, asker),
	    CLOSE_CLIENT_CANCEL_DONE, NULL);
}

/* For the log and the console: whose pool it concerns. */
static void
take_names(struct client *client, const struct client *target)
{
	client->pool = target->pool;
	client->user = mem_strdup(target->user);
	client->database = mem_strdup(target->database);
}

void
canceller_begin(struct client *client, const struct startup *startup)
{
	struct cancel_counts *counts = &client->set->cancel_counts;
	uint8_t key[KEY_ID_BYTES + CANCEL_KEY_MAX_BYTES];
	uint32_t id = htobe32(startup->cancel_process_id);
	size_t size = KEY_ID_BYTES + startup->cancel_key_bytes;
	struct client *target;

	memcpy(key, &id, KEY_ID_BYTES);
	memcpy(
	    key + KEY_ID_BYTES, startup->cancel_key, startup->cancel_key_bytes);
	target = key_find(client->set, key, size);
	mem_wipe(key, sizeof(key));
	counts->requests++;
	if (target == NULL) {
		counts->unknown++;
		log_debug(&client->log, "cancel request with an unknown key");
		client_close(client, CLOSE_CLIENT_CANCEL_DONE, NULL);
		return;
	}
	client->asker.on_done = on_done;
	switch (link_cancel(target, &client->asker)) {
	case LINK_CANCEL_SENT:
		counts->sent++;
		take_names(client, target);
		client_set_state(client, CLIENT_CANCEL);
		login_free(&client->login);
		timeouts_configure(client);
		client_update_interest(client);
		return;
	case LINK_CANCEL_ANSWERED:
		counts->queued++;
		break;
	case LINK_CANCEL_NEEDLESS:
		counts->needless++;
		break;
	case LINK_CANCEL_CROWDED:
		counts->crowded++;
		break;
	}
	client_close(client, CLOSE_CLIENT_CANCEL_DONE, NULL);
}

void
canceller_end(struct client *client)
{
	cancel_forget(&client->asker);
}
