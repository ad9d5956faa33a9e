/*
 * keyring.c - keys of SCRAM that are known already.
 *
 * Two shelves, of what PBKDF2 has come to and of what clients have shown. A
 * label on a shelf is an HMAC under a key of this process of everything the
 * entry depends on, so no password stands here, and nobody who fills a shelf
 * can choose labels that meet.
 */
#include "auth/keyring.h"

#include <assert.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/hash.h"
#include "core/list.h"
#include "core/mem.h"

struct entry {
	struct list_link link;          /* in shelf->used */
	uint8_t label[SCRAM_KEY_BYTES]; /* the key in shelf->table */
	struct scram_keys keys;         /* of a client that has shown one, only
	                                   .client_key */
	UT_hash_handle hh;
};

struct shelf {
	struct entry *table; /* owned */
	struct list used;    /* longest unused first */
};

struct keyring {
	uint8_t process_key[SCRAM_KEY_BYTES];
	struct shelf derived, shown;
	uint64_t derivations;
};

struct keyring *
keyring_new(void)
{
	struct keyring *keyring = mem_zalloc(sizeof(*keyring));

	if (RAND_bytes(keyring->process_key, SCRAM_KEY_BYTES) != 1) {
		abort(); /* as without memory: there are no secrets to be had */
	}
	return keyring;
}

/* ---- shelves ------------------------------------------------------------- */

static void
discard(struct shelf *shelf, struct entry *entry)
{
	HASH_DEL(shelf->table, entry);
	list_remove(&shelf->used, &entry->link);
	mem_wipe(entry, sizeof(*entry));
	free(entry);
}

static void
shelf_clear(struct shelf *shelf)
{
	struct entry *entry;

	while ((entry = list_first(&shelf->used, struct entry, link)) != NULL) {
		discard(shelf, entry);
	}
}

/* The entry with LABEL, which has just been used; NULL if there is none. */
static struct entry *
shelf_find(struct shelf *shelf, const uint8_t label[SCRAM_KEY_BYTES])
{
	struct entry *entry = NULL;

	HASH_FIND(hh, shelf->table, label, SCRAM_KEY_BYTES, entry);
	if (entry != NULL) {
		list_remove(&shelf->used, &entry->link);
		list_append(&shelf->used, &entry->link);
	}
	return entry;
}

/* As shelf_find(), made if it is new. */
static struct entry *
shelf_place(struct shelf *shelf, const uint8_t label[SCRAM_KEY_BYTES])
{
	struct entry *entry = shelf_find(shelf, label);

	if (entry != NULL) {
		return entry;
	}
	if (shelf->used.count >= KEYRING_MAX) {
		discard(shelf, list_first(&shelf->used, struct entry, link));
	}
	entry = mem_zalloc(sizeof(*entry));
	memcpy(entry->label, label, sizeof(entry->label));
	HASH_ADD_KEYPTR(hh, shelf->table, entry->label, SCRAM_KEY_BYTES, entry);
	list_append(&shelf->used, &entry->link);
	return entry;
}

void
keyring_free(struct keyring **keyring)
{
	struct keyring *k = *keyring;

	if (k == NULL) {
		return;
	}
	shelf_clear(&k->derived);
	shelf_clear(&k->shown);
	mem_wipe(k, sizeof(*k));
	free(k);
	*keyring = NULL;
}

/* ---- what PBKDF2 has come to --------------------------------------------- */

/* PASSWORD last: what stands before it has lengths that are known. */
static int
label_derived(const struct keyring *keyring, const char *password,
    const uint8_t *salt, size_t salt_size, int iterations,
    uint8_t label[SCRAM_KEY_BYTES])
{
	struct buf text = {0};
	int ret;

	buf_printf(&text, "derived %d %zu ", iterations, salt_size);
	buf_append(&text, salt, salt_size);
	buf_append_str(&text, password);
	ret = scram_hmac(
	    keyring->process_key, buf_bytes(&text), text.length, label);
	mem_wipe(buf_bytes(&text), text.length);
	buf_fini(&text);
	return ret;
}

bool
keyring_recall(struct keyring *keyring, const char *password,
    const uint8_t *salt, size_t salt_size, int iterations,
    struct scram_keys *keys)
{
	uint8_t label[SCRAM_KEY_BYTES];
	const struct entry *entry;

	if (label_derived(
	        keyring, password, salt, salt_size, iterations, label) != 0 ||
	    (entry = shelf_find(&keyring->derived, label)) == NULL) {
		return false;
	}
	*keys = entry->keys;
	return true;
}

int
keyring_compute(struct keyring *keyring, const char *password,
    const uint8_t *salt, size_t salt_size, int iterations,
    struct scram_keys *keys)
{
	char *prepared = scram_prepare(password);
	uint8_t salted[SCRAM_KEY_BYTES];
	int ret = -1;

	keyring->derivations++;
	if (scram_salted_password(
	        prepared, salt, salt_size, iterations, salted) == 0) {
		ret = scram_keys_make(salted, keys);
		mem_wipe(salted, sizeof(salted));
	}
	mem_wipe_free(&prepared);
	return ret;
}

void
keyring_remember(struct keyring *keyring, const char *password,
    const uint8_t *salt, size_t salt_size, int iterations,
    const struct scram_keys *keys)
{
	uint8_t label[SCRAM_KEY_BYTES];

	if (label_derived(
	        keyring, password, salt, salt_size, iterations, label) == 0) {
		shelf_place(&keyring->derived, label)->keys = *keys;
	}
}

int
keyring_derive(struct keyring *keyring, const char *password,
    const uint8_t *salt, size_t salt_size, int iterations,
    struct scram_keys *keys)
{
	if (keyring_recall(
	        keyring, password, salt, salt_size, iterations, keys)) {
		return 0;
	}
	if (keyring_compute(
	        keyring, password, salt, salt_size, iterations, keys) != 0) {
		return -1;
	}
	keyring_remember(keyring, password, salt, salt_size, iterations, keys);
	return 0;
}

uint64_t
keyring_derivations(const struct keyring *keyring)
{
	return keyring->derivations;
}

size_t
keyring_count(const struct keyring *keyring)
{
	return keyring->derived.used.count + keyring->shown.used.count;
}

/* ---- for those who have no secret ---------------------------------------- */

static int
mac_of(const struct keyring *keyring, const char *purpose, const char *user,
    uint8_t mac[SCRAM_KEY_BYTES])
{
	struct buf text = {0};
	int ret;

	buf_printf(&text, "%s %s", purpose, user);
	ret = scram_hmac(
	    keyring->process_key, buf_bytes(&text), text.length, mac);
	buf_fini(&text);
	return ret;
}

int
keyring_salt(const struct keyring *keyring, const char *user,
    uint8_t salt[SCRAM_SALT_BYTES])
{
	uint8_t mac[SCRAM_KEY_BYTES];

	if (mac_of(keyring, "salt", user, mac) != 0) {
		return -1;
	}
	memcpy(salt, mac, SCRAM_SALT_BYTES);
	return 0;
}

uint64_t
keyring_number(const struct keyring *keyring, const char *user)
{
	uint8_t mac[SCRAM_KEY_BYTES];
	uint64_t number = 0;

	if (mac_of(keyring, "number", user, mac) == 0) {
		memcpy(&number, mac, sizeof(number));
	}
	return number;
}

/* ---- what clients have shown --------------------------------------------- */

static int
label_shown(const struct keyring *keyring,
    const uint8_t stored_key[SCRAM_KEY_BYTES], uint8_t label[SCRAM_KEY_BYTES])
{
	uint8_t text[6 + SCRAM_KEY_BYTES] = "shown ";

	memcpy(text + 6, stored_key, SCRAM_KEY_BYTES);
	return scram_hmac(keyring->process_key, text, sizeof(text), label);
}

void
keyring_keep(struct keyring *keyring, const uint8_t stored_key[SCRAM_KEY_BYTES],
    const uint8_t client_key[SCRAM_KEY_BYTES])
{
	uint8_t label[SCRAM_KEY_BYTES];

	if (label_shown(keyring, stored_key, label) == 0) {
		memcpy(shelf_place(&keyring->shown, label)->keys.client_key,
		    client_key, SCRAM_KEY_BYTES);
	}
}

bool
keyring_find(struct keyring *keyring, const uint8_t stored_key[SCRAM_KEY_BYTES],
    uint8_t client_key[SCRAM_KEY_BYTES])
{
	uint8_t label[SCRAM_KEY_BYTES];
	const struct entry *entry;

	if (label_shown(keyring, stored_key, label) != 0 ||
	    (entry = shelf_find(&keyring->shown, label)) == NULL) {
		return false;
	}
	memcpy(client_key, entry->keys.client_key, SCRAM_KEY_BYTES);
	return true;
}

void
keyring_drop(struct keyring *keyring, const uint8_t stored_key[SCRAM_KEY_BYTES])
{
	uint8_t label[SCRAM_KEY_BYTES];
	struct entry *entry;

	if (label_shown(keyring, stored_key, label) == 0 &&
	    (entry = shelf_find(&keyring->shown, label)) != NULL) {
		discard(&keyring->shown, entry);
	}
}
