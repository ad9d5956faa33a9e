/*
 * pool_secret.c - what a pool logs in to servers with.
 *
 * The configuration says: password= of the database's entry, or the secret of
 * the pool's user in auth_file. Where it does not, what was found when a client
 * of that user logged in is used.
 *
 * A SCRAM secret by itself opens nothing: a server wants to see the key that
 * its StoredKey is the hash of. A client that logs in by SCRAM with the same
 * secret shows that key, and it is kept (auth/keyring.h) until the secret
 * changes. A pool whose key nobody has shown yet makes no further attempt until
 * somebody does: its clients wait, for as long as for a server that is not
 * there.
 */
#include <assert.h>
#include <string.h>

#include "auth/keyring.h"
#include "auth/scram_keys.h"
#include "auth/secret.h"
#include "conf/config.h"
#include "core/mem.h"
#include "core/str.h"
#include "server/pool_int.h"

/* ---- waiting for a key --------------------------------------------------- */

bool
pool_awaits_key(const struct pool *pool)
{
	return pool->key_error.text[0] != '\0';
}

void
pool_await_key(struct pool *pool, const struct error *err)
{
	if (!pool_awaits_key(pool)) {
		pool->set->keyless++;
	}
	pool->key_error = *err;
}

static void
end_waiting(struct pool *pool)
{
	if (pool_awaits_key(pool)) {
		assert(pool->set->keyless > 0);
		pool->set->keyless--;
		pool->key_error.text[0] = '\0';
	}
}

bool
pool_find_keys(struct pool *pool, struct scram_keys *keys)
{
	struct scram_secret secret;

	if (pool->password == NULL ||
	    !scram_secret_parse(&secret, pool->password) ||
	    !keyring_find(
	        pool->set->keyring, secret.stored_key, keys->client_key)) {
		return false;
	}
	memcpy(keys->stored_key, secret.stored_key, SCRAM_KEY_BYTES);
	memcpy(keys->server_key, secret.server_key, SCRAM_KEY_BYTES);
	mem_wipe(&secret, sizeof(secret));
	return true;
}

void
pools_on_key(struct pools *pools)
{
	struct pool *pool, *next;

	if (pools->keyless == 0) {
		return;
	}
	HASH_ITER(hh, pools->table, pool, next)
	{
		struct scram_keys keys;

		if (pool_awaits_key(pool) && pool_find_keys(pool, &keys)) {
			mem_wipe(&keys, sizeof(keys));
			end_waiting(pool);
			loop_ready(pools->loop, &pool->ready);
		}
	}
}

/* ---- the secret ---------------------------------------------------------- */

/* The secret POOL is to log in with; NULL: none is known. */
static const char *
look_for_secret(const struct pool *pool)
{
	const struct credential *credential;

	if (pool->conf->password != NULL) {
		return pool->conf->password;
	}
	credential = config_find_credential(pool->set->config, pool->user);
	if (credential == NULL) {
		return pool->learned;
	}
	return credential->secret[0] == '\0' ? NULL : credential->secret;
}

/* Nobody logs in with .password any more. */
static void
forget(struct pool *pool)
{
	struct scram_secret secret;

	if (pool->password != NULL &&
	    scram_secret_parse(&secret, pool->password)) {
		keyring_drop(pool->set->keyring, secret.stored_key);
		mem_wipe(&secret, sizeof(secret));
	}
	mem_wipe_free(&pool->password);
}

/* What has failed with another secret may succeed now. */
static void
try_anew(struct pool *pool)
{
	pool->fatal.text[0] = '\0';
	end_waiting(pool);
	list_foreach (&pool->slots, link) {
		struct pool_slot *slot =
		    list_entry(link, struct pool_slot, link);

		slot->retry_at_us = 0;
		slot->retry_pause_us = 0;
	}
	if (pool->waiting > 0) {
		loop_ready(pool->set->loop, &pool->ready);
	}
}

void
pool_find_secret(struct pool *pool)
{
	const char *now = look_for_secret(pool);

	if (str_equal(now, pool->password)) {
		return;
	}
	forget(pool);
	pool->password = now == NULL ? NULL : mem_strdup(now);
	try_anew(pool);
}

void
pool_learn_secret(struct pool *pool, const char *secret)
{
	if (secret[0] == '\0' || str_equal(pool->learned, secret)) {
		return;
	}
	mem_wipe_free(&pool->learned);
	pool->learned = mem_strdup(secret);
	if (pool->conf != NULL) {
		pool_find_secret(pool);
	}
}

void
pool_drop_secret(struct pool *pool)
{
	end_waiting(pool);
	mem_wipe_free(&pool->password);
	mem_wipe_free(&pool->learned);
}
