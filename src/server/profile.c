/*
 * profile.c - the settings of a client's session, interned and shared.
 *
 * A profile is the sorted list of names and values; its text "name\0value\0..."
 * is the key of the table. A server that is to leave a profile RESETs what the
 * next one does not set: its RESET values are those of its own login, which
 * brings no settings at all.
 *
 * Who a session is (session_authorization, and role within it) decides what
 * else it may set: a switch that needs more than anybody may do leaves both
 * first and takes the new ones on last.
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
#include "server/guc.h"

struct profile {
	struct profiles *set; /* borrowed; outlives it */
	UT_hash_handle hh;    /* in set, by key */
	unsigned references;
	struct params settings; /* sorted by name, names in lower case */
	char *key;              /* owned */
	size_t key_bytes;
	struct hash128 meaning;
	struct hash128 formats;
};

struct profiles {
	struct profile *table; /* of the holders */
};

size_t
profiles_count(const struct profiles *set)
{
	return HASH_COUNT(set->table);
}

size_t
profile_size(void)
{
	return sizeof(struct profile);
}

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
		char *name;

		if (guc_find(settings->items[i].name)->travel == GUC_NEVER) {
			continue;
		}
		name = mem_strdup(settings->items[i].name);
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

typedef bool pick_fn(const struct guc *row);

/* Appends names and values of the SETTINGS that PICK takes, all with NULL. */
static void
put_key(const struct params *settings, pick_fn *pick, struct buf *key)
{
	for (size_t i = 0; i < settings->count; i++) {
		const struct param *item = &settings->items[i];

		if (pick == NULL || pick(guc_find(item->name))) {
			buf_append(key, item->name, strlen(item->name) + 1);
			buf_append(key, item->value, strlen(item->value) + 1);
		}
	}
	(void)buf_text(key); /* the key of nothing is not NULL */
}

static bool
has_meaning(const struct guc *row)
{
	return row->matters;
}

static bool
is_format(const struct guc *row)
{
	return row->travel == GUC_FORMAT;
}

static struct hash128
hash_picked(const struct params *settings, pick_fn *pick)
{
	struct buf text = {0};
	struct hash128 hash;

	put_key(settings, pick, &text);
	hash = hash_bytes128(buf_bytes(&text), text.length);
	buf_fini(&text);
	return hash;
}

/* The profile with SETTINGS, which are in order and become its own. */
static struct profile *
intern(struct profiles *set, struct params *settings)
{
	struct buf key = {0};
	struct profile *profile = NULL;

	put_key(settings, NULL, &key);
	HASH_FIND(hh, set->table, buf_bytes(&key), key.length, profile);
	if (profile != NULL) {
		profile->references++;
		params_fini(settings);
	} else {
		profile = mem_zalloc(sizeof(*profile));
		profile->set = set;
		profile->references = 1;
		profile->settings = *settings;
		profile->meaning = hash_picked(settings, has_meaning);
		profile->formats = hash_picked(settings, is_format);
		profile->key_bytes = key.length;
		profile->key = mem_dup(buf_bytes(&key), key.length);
		HASH_ADD_KEYPTR(
		    hh, set->table, profile->key, profile->key_bytes, profile);
	}
	buf_fini(&key);
	return profile;
}

struct profile *
profile_take(struct profiles *set, const struct params *settings)
{
	struct params sorted = {0};

	normalise(settings, &sorted);
	return intern(set, &sorted);
}

struct profile *
profile_with(struct profile *profile, const char *name, const char *value)
{
	bool is_user = str_equal_nocase(name, "session_authorization");
	struct params settings = {0}, sorted = {0};

	for (size_t i = 0; i < profile->settings.count; i++) {
		const struct param *item = &profile->settings.items[i];

		if (!str_equal_nocase(item->name, name) &&
		    !(is_user && strcmp(item->name, "role") == 0)) {
			params_set(&settings, item->name, item->value);
		}
	}
	if (value != NULL) {
		params_set(&settings, name, value);
	}
	normalise(&settings, &sorted);
	params_fini(&settings);
	return intern(profile->set, &sorted);
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

const char *
profile_get(const struct profile *profile, const char *name)
{
	return params_get(&profile->settings, name);
}

bool
profile_is_in_bounds(const struct profile *profile)
{
	return profile->settings.count <= PROFILE_MAX &&
	    profile->key_bytes <= PROFILE_MAX_BYTES;
}

const struct hash128 *
profile_meaning(const struct profile *profile)
{
	return &profile->meaning;
}

const struct hash128 *
profile_formats(const struct profile *profile)
{
	return &profile->formats;
}

/* ---- what is different --------------------------------------------------- */

static bool
is_identity(const char *name)
{
	return strcmp(name, "role") == 0 ||
	    strcmp(name, "session_authorization") == 0;
}

/* How one profile differs from another. */
struct difference {
	enum profile_switch kind;
	bool leaves_identity; /* of FROM, for more rights or another one */
};

static void
note_difference(struct difference *difference, const char *name)
{
	const struct guc *row = guc_find(name);
	enum profile_switch kind = row->travel == GUC_TRAVELS ? SWITCH_TRAVELS
	    : row->travel == GUC_FORMAT                       ? SWITCH_FORMATS
	                                                      : SWITCH_WAITS;

	if (kind > difference->kind) {
		difference->kind = kind;
	}
	difference->leaves_identity = difference->leaves_identity ||
	    row->is_superuser || is_identity(name);
}

static bool
has_identity(const struct profile *profile)
{
	return profile_get(profile, "role") != NULL ||
	    profile_get(profile, "session_authorization") != NULL;
}

/* Both lists are in order. */
static struct difference
compare(const struct profile *from, const struct profile *to)
{
	static const struct params none;
	const struct params *a = from == NULL ? &none : &from->settings;
	const struct params *b = &to->settings;
	struct difference difference = {SWITCH_NOTHING, false};
	size_t i = 0, j = 0;

	while (i < a->count || j < b->count) {
		int order = i == a->count ? 1
		    : j == b->count
		    ? -1
		    : strcmp(a->items[i].name, b->items[j].name);

		if (order < 0) {
			note_difference(&difference, a->items[i++].name);
		} else if (order > 0) {
			note_difference(&difference, b->items[j++].name);
		} else {
			if (strcmp(a->items[i].value, b->items[j].value) != 0) {
				note_difference(&difference, a->items[i].name);
			}
			i++;
			j++;
		}
	}
	if (from == NULL || !has_identity(from)) {
		difference.leaves_identity = false;
	}
	if (difference.leaves_identity) {
		difference.kind = SWITCH_WAITS;
	}
	return difference;
}

enum profile_switch
profile_compare(const struct profile *from, const struct profile *to)
{
	return from == to ? SWITCH_NOTHING : compare(from, to).kind;
}

/* ---- the way from one to another ----------------------------------------- */

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

/* A DateStyle may leave a half of it as it was. */
static bool
must_reset(
    const struct profile *from, const struct profile *to, const char *name)
{
	const char *value = profile_get(to, name);

	return value == NULL ||
	    (strcmp(name, "datestyle") == 0 &&
	        !str_equal(profile_get(from, name), value));
}

static void
put_resets(
    const struct profile *from, const struct profile *to, struct buf *out)
{
	for (size_t i = 0; i < from->settings.count; i++) {
		const char *name = from->settings.items[i].name;

		if (!is_identity(name) && must_reset(from, to, name)) {
			buf_append_str(out, "RESET ");
			put_name(out, name);
			buf_append_str(out, "; ");
		}
	}
}

/* Appends the call that sets NAME as in TO, if it has it; *BEFORE stands in
 * front of it. */
static void
put_value(const struct profile *to, const char *name, bool is_local,
    const char **before, struct buf *out)
{
	const char *value = profile_get(to, name);

	if (value == NULL) {
		return;
	}
	buf_printf(out, "%spg_catalog.set_config(", *before);
	put_literal(out, name);
	buf_append_str(out, ", ");
	put_literal(out, value);
	buf_append_str(out, is_local ? ", true)" : ", false)");
	*before = ", ";
}

bool
profile_put_values(const struct profile *profile, const char *name,
    bool is_local, struct buf *out)
{
	const char *before = "SELECT ";

	if (name != NULL) {
		put_value(profile, name, is_local, &before, out);
	}
	if (name != NULL && strcmp(name, "session_authorization") == 0) {
		put_value(profile, "role", is_local, &before, out);
	}
	for (size_t i = 0; name == NULL && i < profile->settings.count; i++) {
		const struct param *item = &profile->settings.items[i];

		if (!is_identity(item->name)) {
			put_value(profile, item->name, is_local, &before, out);
		}
	}
	return before[0] == ',';
}

void
profile_put_switch(
    const struct profile *from, const struct profile *to, struct buf *out)
{
	struct difference difference = compare(from, to);
	const char *before = "SELECT ";
	bool is_new;

	if (difference.kind == SWITCH_NOTHING) {
		return;
	}
	/* A standby does nothing at all in a serializable transaction. */
	if (from != NULL &&
	    profile_get(from, "default_transaction_isolation") != NULL) {
		buf_append_str(
		    out, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; ");
	}
	if (difference.leaves_identity) {
		buf_append_str(
		    out, "RESET SESSION AUTHORIZATION; RESET ROLE; ");
	}
	if (from != NULL) {
		put_resets(from, to, out);
	}
	for (size_t i = 0; i < to->settings.count; i++) {
		const struct param *item = &to->settings.items[i];

		if (!is_identity(item->name) &&
		    (from == NULL ||
		        !str_equal(
		            profile_get(from, item->name), item->value))) {
			put_value(to, item->name, false, &before, out);
		}
	}
	is_new = from == NULL || !has_identity(from);
	if (is_new || difference.leaves_identity) {
		put_value(to, "session_authorization", false, &before, out);
		put_value(to, "role", false, &before, out);
	}
}
