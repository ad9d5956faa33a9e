/*
 * canceller.c - a connection that only asks to cancel what another does.
 *
 * It is answered nothing, and closed when the request has arrived where it was
 * to go: who sent it may take that for the end of it, and does. A wrong key
 * costs a look-up and is closed like a right one that has nothing to cancel.
 */
#include "client/canceller.h"

#include <assert.h>
#include <string.h>

#include "client/client_int.h"
#include "client/keys.h"
#include "core/mem.h"
#include "proto/startup.h"
#include "server/peers.h"
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
	pool_enter(client->pool);
	client->user = mem_strdup(target->user);
	client->database = mem_strdup(target->database);
}

/* A CancelRequest's key, and how often a peer has forwarded it. */
struct request {
	uint8_t key[KEY_ID_BYTES + CANCEL_KEY_MAX_BYTES];
	size_t size;
	unsigned hops;
};

static void
read_request(struct request *request, const struct startup *startup)
{
	uint32_t id = htobe32(startup->cancel_process_id);

	memcpy(request->key, &id, KEY_ID_BYTES);
	memcpy(request->key + KEY_ID_BYTES, startup->cancel_key,
	    startup->cancel_key_bytes);
	request->size = KEY_ID_BYTES + startup->cancel_key_bytes;
	request->hops = 0;
	if (request->size == KEY_HEAD_BYTES + 1 ||
	    request->size == KEY_LONG_BYTES + 1) {
		request->hops = request->key[--request->size];
	}
}

/* CLIENT stays until it is told. */
static void
stay(struct client *client)
{
	client_set_state(client, CLIENT_CANCEL);
	login_free(client);
	timeouts_configure(client);
	client_update_interest(client);
}

/* Nobody here has that key: another process of our group may. True: CLIENT
 * stays. */
static bool
forward(struct client *client, const struct request *request)
{
	struct cancel_counts *counts = &client->set->cancel_counts;
	bool is_key =
	    request->size == KEY_HEAD_BYTES || request->size == KEY_LONG_BYTES;

	if (is_key &&
	    peers_forward(client->set->peers, key_peer_id(request->key),
	        request->key, request->size, request->hops, &client->asker)) {
		counts->forwarded++;
		return true;
	}
	counts->unknown++;
	log_debug(&client->log, "cancel request with an unknown key");
	return false;
}

/* CLIENT wants to cancel what TARGET does. True: CLIENT stays. */
static bool
cancel(struct client *client, struct client *target)
{
	struct cancel_counts *counts = &client->set->cancel_counts;

	switch (link_cancel(target, &client->asker)) {
	case LINK_CANCEL_SENT:
		counts->sent++;
		take_names(client, target);
		return true;
	case LINK_CANCEL_ANSWERED:
		counts->queued++;
		return false;
	case LINK_CANCEL_NEEDLESS:
		counts->needless++;
		return false;
	case LINK_CANCEL_CROWDED:
		counts->crowded++;
		return false;
	}
	assert(!"unreachable");
	return false;
}

void
canceller_begin(struct client *client, const struct startup *startup)
{
	struct cancel_counts *counts = &client->set->cancel_counts;
	struct request request;
	struct client *target;
	bool stays;

	read_request(&request, startup);
	counts->requests++;
	counts->from_peers += request.hops > 0;
	client->asker.on_done = on_done;
	target = key_find(client->set, request.key, request.size);
	stays =
	    target == NULL ? forward(client, &request) : cancel(client, target);
	mem_wipe(&request, sizeof(request));
	if (stays) {
		stay(client);
	} else {
		client_close(client, CLOSE_CLIENT_CANCEL_DONE, NULL);
	}
}

void
canceller_end(struct client *client)
{
	cancel_forget(&client->asker);
}
