/*
 * profile.c - the settings a client brought along, interned and shared.
 *
 * A profile is the sorted list of names and values; its text "name\0value\0..."
 * is the key of the table. A server that is to leave a profile RESETs what the
 * next one does not set: its RESET values are those of its own login, which
 * brings no settings at all.
 */
#include "server/profile.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/str.h"
#include "proto/params.h"

struct profile {
	struct profiles *set; /* borrowed; outlives it */
	UT_hash_handle hh;    /* in set, by key */
	unsigned references;
	struct params settings; /* sorted by name, names in lower case */
	char *key;              /* owned */
	size_t key_bytes;
};

struct profiles {
	struct profile *table; /* of the holders */
};

struct profiles *
profiles_new(void)
{
	return mem_zalloc(sizeof(struct profiles));
}

void
profiles_free(struct profiles **set)
{
	if (*set == NULL) {
		return;
	}
	assert((*set)->table == NULL);
	free(*set);
	*set = NULL;
}

static int
compare_params(const void *a, const void *b)
{
	return strcmp(
	    ((const struct param *)a)->name, ((const struct param *)b)->name);
}

/* Fills OUT with SETTINGS, names lowered and sorted. */
static void
normalise(const struct params *settings, struct params *out)
{
	for (size_t i = 0; i < settings->count; i++) {
		char *name = mem_strdup(settings->items[i].name);

		for (char *c = name; *c != '\0'; c++) {
			*c = (char)tolower((unsigned char)*c);
		}
		params_set(out, name, settings->items[i].value);
		free(name);
	}
	if (out->count > 1) {
		qsort(out->items, out->count, sizeof(*out->items),
		    compare_params);
	}
}

static void
put_key(const struct params *settings, struct buf *key)
{
	for (size_t i = 0; i < settings->count; i++) {
		const struct param *item = &settings->items[i];

		buf_append(key, item->name, strlen(item->name) + 1);
		buf_append(key, item->value, strlen(item->value) + 1);
	}
}

struct profile *
profile_take(struct profiles *set, const struct params *settings)
{
	struct params sorted = {0};
	struct buf key = {0};
	struct profile *profile = NULL;

	normalise(settings, &sorted);
	put_key(&sorted, &key);
	(void)buf_text(&key); /* the key of the empty profile is not NULL */
	HASH_FIND(hh, set->table, buf_bytes(&key), key.length, profile);
	if (profile != NULL) {
		profile->references++;
		params_fini(&sorted);
	} else {
		profile = mem_zalloc(sizeof(*profile));
		profile->set = set;
		profile->references = 1;
		profile->settings = sorted;
		profile->key_bytes = key.length;
		profile->key = mem_dup(buf_bytes(&key), key.length);
		HASH_ADD_KEYPTR(
		    hh, set->table, profile->key, profile->key_bytes, profile);
	}
	buf_fini(&key);
	return profile;
}

struct profile *
profile_ref(struct profile *profile)
{
	if (profile != NULL) {
		profile->references++;
	}
	return profile;
}

void
profile_release(struct profile **profile)
{
	struct profile *p = *profile;

	*profile = NULL;
	if (p == NULL || --p->references > 0) {
		return;
	}
	HASH_DEL(p->set->table, p);
	params_fini(&p->settings);
	free(p->key);
	free(p);
}

const struct params *
profile_settings(const struct profile *profile)
{
	return &profile->settings;
}

/* As an escape string: the only form of literal that reads the same under
 * every setting. A byte beyond ASCII goes as its code, which the server takes
 * as a byte of its own encoding, just as it takes a startup packet's. */
static void
put_literal(struct buf *out, const char *text)
{
	buf_append_str(out, "E'");
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c >= 0x7f) {
			buf_printf(out, "\\x%02x", c);
		} else if (c == '\'' || c == '\\') {
			buf_printf(out, "\\x%02x", c);
		} else {
			buf_append_char(out, (char)c);
		}
	}
	buf_append_char(out, '\'');
}

/* As a quoted identifier, or two of them around a dot. Names with other bytes
 * than a parameter's can have are quoted all the same and then refused by the
 * server, which names them. */
static void
put_name(struct buf *out, const char *name)
{
	buf_append_char(out, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"') {
			buf_append_char(out, '"');
		}
		if (*name == '.') {
			buf_append_str(out, "\".\"");
		} else if ((unsigned char)*name < 0x80) {
			buf_append_char(out, *name);
		} else {
			buf_append_char(out, '?');
		}
	}
	buf_append_char(out, '"');
}

void
profile_put_switch(
    const struct profile *from, const struct profile *to, struct buf *out)
{
	const char *before = "SELECT ";

	if (from == to) {
		return;
	}
	/* A standby does nothing at all in a serializable transaction. */
	if (from != NULL &&
	    params_get(&from->settings, "default_transaction_isolation") !=
	        NULL) {
		buf_append_str(
		    out, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; ");
	}
	for (size_t i = 0; from != NULL && i < from->settings.count; i++) {
		const char *name = from->settings.items[i].name;

		if (params_get(&to->settings, name) == NULL) {
			buf_append_str(out, "RESET ");
			put_name(out, name);
			buf_append_str(out, "; ");
		}
	}
	for (size_t i = 0; i < to->settings.count; i++) {
		const struct param *item = &to->settings.items[i];

		if (from != NULL &&
		    str_equal(
		        params_get(&from->settings, item->name), item->value)) {
			continue;
		}
		buf_printf(out, "%spg_catalog.set_config(", before);
		put_literal(out, item->name);
		buf_append_str(out, ", ");
		put_literal(out, item->value);
		buf_append_str(out, ", false)");
		before = ", ";
	}
}
