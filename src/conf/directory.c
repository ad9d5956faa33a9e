/*
 * directory.c - the databases, users, peers and credentials of a configuration.
 *
 * Each kind is an array of elements in the file's order, and a hash by name
 * that leads to the array's slots. The hash is keyed by a secret, since the
 * names looked up come from clients.
 */
#include "conf/directory.h"

#include <assert.h>
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/mem.h"

struct slot {
	char *name; /* owned; the key */
	void *item; /* owned by the directory */
	UT_hash_handle hh;
};

/* One kind of thing, by name and in order. */
struct table {
	struct slot **slots; /* owned array, owned elements */
	size_t count;
	size_t room;
	struct slot *by_name; /* the hash; the same slots */
};

struct directory {
	unsigned references;
	struct table databases;
	struct table users;
	struct table peers; /* by id, written in decimal */
	struct table credentials;
	int most_iterations; /* of any SCRAM secret among them */
	char *source;        /* owned; the file they are from; NULL: none */
	struct file_stamp source_stamp;
	struct directory *entries; /* shared; has all but the credentials, in
	                              place of this one; NULL: this has them */
};

/* ---- tables ------------------------------------------------------------- */

static struct slot *
table_find(const struct table *table, const char *name)
{
	struct slot *found = NULL;

	HASH_FIND(hh, table->by_name, name, strlen(name), found);
	return found;
}

/* Stores ITEM, not NULL, under NAME; returns what was there before or NULL. */
static void *
table_put(struct table *table, const char *name, void *item)
{
	struct slot *slot = table_find(table, name);
	void *before = NULL;

	if (slot != NULL) {
		before = slot->item;
		slot->item = item;
		return before;
	}
	slot = mem_zalloc(sizeof(*slot));
	slot->name = mem_strdup(name);
	slot->item = item;
	if (table->count == table->room) {
		table->room = table->room == 0 ? 8 : table->room * 2;
		table->slots = mem_realloc(
		    table->slots, table->room * sizeof(struct slot *));
	}
	table->slots[table->count++] = slot;
	HASH_ADD_KEYPTR(
	    hh, table->by_name, slot->name, strlen(slot->name), slot);
	return NULL;
}

static void *
table_get(const struct table *table, const char *name)
{
	struct slot *slot = table_find(table, name);

	return slot == NULL ? NULL : slot->item;
}

/* Frees the slots; their items are freed before. */
static void
table_fini(struct table *table)
{
	HASH_CLEAR(hh, table->by_name);
	for (size_t i = 0; i < table->count; i++) {
		free(table->slots[i]->name);
		free(table->slots[i]);
	}
	free(table->slots);
	*table = (struct table){0};
}

/* ---- the directory ------------------------------------------------------ */

static void
credential_free(struct credential **credential)
{
	if (*credential != NULL) {
		free((*credential)->user);
		mem_wipe_free(&(*credential)->secret);
		free(*credential);
		*credential = NULL;
	}
}

struct directory *
directory_new(void)
{
	struct directory *directory = mem_zalloc(sizeof(*directory));

	directory->references = 1;
	return directory;
}

struct directory *
directory_with_entries_of(struct directory *base)
{
	struct directory *directory = directory_new();

	directory->entries =
	    directory_ref(base->entries == NULL ? base : base->entries);
	return directory;
}

/* Who has the databases, users and peers of DIRECTORY. */
static const struct directory *
entries_of(const struct directory *directory)
{
	return directory->entries == NULL ? directory : directory->entries;
}

void
directory_set_source(struct directory *directory, const char *path,
    const struct file_stamp *stamp)
{
	free(directory->source);
	directory->source = path == NULL ? NULL : mem_strdup(path);
	directory->source_stamp = *stamp;
}

const char *
directory_source(const struct directory *directory)
{
	return directory->source;
}

struct file_stamp
directory_source_stamp(const struct directory *directory)
{
	return directory->source_stamp;
}

struct directory *
directory_ref(struct directory *directory)
{
	directory->references++;
	return directory;
}

void
directory_unref(struct directory **directoryp)
{
	struct directory *directory = *directoryp;

	*directoryp = NULL;
	if (directory == NULL || --directory->references > 0) {
		return;
	}
	for (size_t i = 0; i < directory->databases.count; i++) {
		struct database_conf *item =
		    directory->databases.slots[i]->item;
		database_conf_free(&item);
	}
	for (size_t i = 0; i < directory->users.count; i++) {
		struct user_conf *item = directory->users.slots[i]->item;
		user_conf_free(&item);
	}
	for (size_t i = 0; i < directory->peers.count; i++) {
		struct peer_conf *item = directory->peers.slots[i]->item;
		peer_conf_free(&item);
	}
	for (size_t i = 0; i < directory->credentials.count; i++) {
		struct credential *item = directory->credentials.slots[i]->item;
		credential_free(&item);
	}
	table_fini(&directory->databases);
	table_fini(&directory->users);
	table_fini(&directory->peers);
	table_fini(&directory->credentials);
	directory_unref(&directory->entries);
	free(directory->source);
	free(directory);
}

void
directory_take_database(
    struct directory *directory, struct database_conf *database)
{
	struct database_conf *before =
	    table_put(&directory->databases, database->name, database);

	database_conf_free(&before);
}

void
directory_take_user(struct directory *directory, struct user_conf *user)
{
	struct user_conf *before =
	    table_put(&directory->users, user->name, user);

	user_conf_free(&before);
}

/* The key of peer ID in its table. */
struct peer_key {
	char text[16];
};

static struct peer_key
peer_key(int id)
{
	struct peer_key key;

	(void)snprintf(key.text, sizeof(key.text), "%d", id);
	return key;
}

void
directory_take_peer(struct directory *directory, struct peer_conf *peer)
{
	struct peer_conf *before =
	    table_put(&directory->peers, peer_key(peer->id).text, peer);

	peer_conf_free(&before);
}

/* The count in "SCRAM-SHA-256$COUNT:..."; 0 when there is no sensible one. */
static int
scram_iterations(const char *secret)
{
	const char *digits = strchr(secret, '$') + 1;
	char *end = NULL;
	long count = 0;

	if (!isdigit((unsigned char)*digits)) {
		return 0;
	}
	count = strtol(digits, &end, 10);
	return *end == ':' && count <= INT_MAX ? (int)count : 0;
}

void
directory_add_credential(
    struct directory *directory, const struct credential *credential)
{
	struct credential *copy = mem_zalloc(sizeof(*copy));
	struct credential *before = NULL;

	copy->user = mem_strdup(credential->user);
	copy->secret = mem_strdup(credential->secret);
	copy->kind = credential->kind;
	if (copy->kind == CREDENTIAL_SCRAM) {
		int iterations = scram_iterations(copy->secret);

		if (iterations > directory->most_iterations) {
			directory->most_iterations = iterations;
		}
	}
	before = table_put(&directory->credentials, copy->user, copy);
	credential_free(&before);
}

const struct database_conf *
directory_find_database(const struct directory *directory, const char *name)
{
	return table_get(&entries_of(directory)->databases, name);
}

const struct user_conf *
directory_find_user(const struct directory *directory, const char *name)
{
	return table_get(&entries_of(directory)->users, name);
}

const struct peer_conf *
directory_find_peer(const struct directory *directory, int id)
{
	return table_get(&entries_of(directory)->peers, peer_key(id).text);
}

int
directory_most_iterations(const struct directory *directory)
{
	return directory->most_iterations;
}

const struct credential *
directory_find_credential(const struct directory *directory, const char *user)
{
	return table_get(&directory->credentials, user);
}

size_t
directory_database_count(const struct directory *directory)
{
	return entries_of(directory)->databases.count;
}

size_t
directory_user_count(const struct directory *directory)
{
	return entries_of(directory)->users.count;
}

size_t
directory_peer_count(const struct directory *directory)
{
	return entries_of(directory)->peers.count;
}

size_t
directory_credential_count(const struct directory *directory)
{
	return directory->credentials.count;
}

const struct database_conf *
directory_database(const struct directory *directory, size_t index)
{
	assert(index < entries_of(directory)->databases.count);
	return entries_of(directory)->databases.slots[index]->item;
}

const struct user_conf *
directory_user(const struct directory *directory, size_t index)
{
	assert(index < entries_of(directory)->users.count);
	return entries_of(directory)->users.slots[index]->item;
}

const struct peer_conf *
directory_peer(const struct directory *directory, size_t index)
{
	assert(index < entries_of(directory)->peers.count);
	return entries_of(directory)->peers.slots[index]->item;
}

const struct credential *
directory_credential(const struct directory *directory, size_t index)
{
	assert(index < directory->credentials.count);
	return directory->credentials.slots[index]->item;
}
