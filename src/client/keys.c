/* keys.c - cancel keys: drawing, finding and forgetting them. */
#include "client/keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "client/client_int.h"
#include "conf/config.h"
#include "core/mem.h"
#include "proto/frame.h"

/* Of this layout; a later one, or another process of the same peer, may have
 * another. */
#define KEY_VERSION 0U

#define PEER_ID_BITS 14

static void
put_peer(uint8_t *key, int peer_id)
{
	unsigned low = KEY_VERSION << PEER_ID_BITS | (unsigned)peer_id;

	key[6] = (uint8_t)(low >> 8);
	key[7] = (uint8_t)(low & 0xff);
}

int
key_peer_id(const uint8_t head[KEY_HEAD_BYTES])
{
	return ((head[6] << 8) | head[7]) & ((1 << PEER_ID_BITS) - 1);
}

void
key_draw(struct client *client)
{
	struct clients *set = client->set;
	const struct settings *settings = config_settings(set->config);
	struct client *other = NULL;

	do {
		if (RAND_bytes(client->key, client->key_bytes) != 1) {
			abort();
		}
		client->key[0] &= 0x7f;
		put_peer(client->key, settings->peer_id);
		HASH_FIND(hh, set->by_key, client->key, KEY_HEAD_BYTES, other);
	} while (other != NULL || frame_u32(client->key) == 0);
	HASH_ADD(hh, set->by_key, key, KEY_HEAD_BYTES, client);
}

void
key_forget(struct client *client)
{
	if (client->hh.tbl != NULL) {
		HASH_DEL(client->set->by_key, client);
	}
	mem_wipe(client->key, sizeof(client->key));
}

struct client *
key_find(const struct clients *clients, const uint8_t *at, size_t size)
{
	struct client *client = NULL;

	if (size != KEY_HEAD_BYTES && size != KEY_LONG_BYTES) {
		return NULL;
	}
	HASH_FIND(hh, clients->by_key, at, KEY_HEAD_BYTES, client);
	if (client == NULL || client->key_bytes != size ||
	    CRYPTO_memcmp(client->key, at, size) != 0) {
		return NULL;
	}
	return client;
}
