/*
 * show_users.c - SHOW USERS: who is in auth_file or [users], and who is here
 * without being in either.
 */
#include <stdio.h>

#include "admin/census.h"
#include "admin/instance_int.h"
#include "admin/show.h"
#include "client/client_int.h"
#include "conf/config.h"
#include "core/hash.h"
#include "core/mem.h"
#include "server/pool_int.h"

static const struct msg_column columns[] = {
    COLUMN_TEXT("name"),
    COLUMN_TEXT("pool_size"),
    COLUMN_TEXT("reserve_pool_size"),
    COLUMN_TEXT("pool_mode"),
    COLUMN_INT4("max_user_connections"),
    COLUMN_INT4("current_connections"),
    COLUMN_INT4("max_user_client_connections"),
    COLUMN_INT4("current_client_connections"),
};

struct user_count {
	const char *name; /* borrowed; the key */
	size_t clients;
	size_t servers;
	UT_hash_handle hh;
};

/* The users, by name; borrows their names for as long as the loop rests. */
struct users {
	struct user_count *by_name; /* owned */
};

static struct user_count *
user_of(struct users *users, const char *name)
{
	struct user_count *user = NULL;

	HASH_FIND_STR(users->by_name, name, user);
	if (user == NULL) {
		user = mem_zalloc(sizeof(*user));
		user->name = name;
		HASH_ADD_KEYPTR(hh, users->by_name, name, strlen(name), user);
	}
	return user;
}

static void
add_configured(struct users *users, const struct config *config)
{
	for (size_t i = 0; i < config_credential_count(config); i++) {
		(void)user_of(users, config_credential(config, i)->user);
	}
	for (size_t i = 0; i < config_user_count(config); i++) {
		(void)user_of(users, config_user(config, i)->name);
	}
	(void)user_of(users, "pgbouncer");
}

static void
add_connected(struct users *users, const struct instance *instance)
{
	struct census census;

	for (int i = 0; i < CLIENT_CLOSED; i++) {
		list_foreach (&instance->clients->by_state[i], link) {
			const struct client *client =
			    list_entry(link, struct client, link);

			if (client->user != NULL) {
				user_of(users, client->user)->clients++;
			}
		}
	}
	census_take(&census, instance);
	for (size_t i = 0; i < census.count; i++) {
		user_of(users, census.pools[i].pool->user)->servers +=
		    census.pools[i].server_count;
	}
	census_fini(&census);
}

static int
compare(const struct user_count *a, const struct user_count *b)
{
	return strcmp(a->name, b->name);
}

static void
users_find(struct users *users, const struct instance *instance)
{
	*users = (struct users){0};
	add_configured(users, instance->config);
	add_connected(users, instance);
	HASH_SORT(users->by_name, compare);
}

static void
users_fini(struct users *users)
{
	struct user_count *user, *next;

	HASH_ITER(hh, users->by_name, user, next)
	{
		HASH_DEL(users->by_name, user);
		free(user);
	}
}

size_t
show_user_count(struct instance *instance)
{
	struct users users;
	size_t count;

	users_find(&users, instance);
	count = HASH_COUNT(users.by_name);
	users_fini(&users);
	return count;
}

/* ---- rows ---------------------------------------------------------------- */

static const struct overrides none = {
    .pool_size = -1,
    .reserve_pool_size = -1,
    .pool_mode = -1,
    .max_user_connections = -1,
    .max_user_client_connections = -1,
};

/* pgbouncer writes these two as text, as wide as this. */
static void
put_size(struct table *table, int64_t size)
{
	char text[24] = "";

	if (size >= 0) {
		(void)snprintf(text, sizeof(text), "%9lld", (long long)size);
	}
	table_put_text(table, text);
}

static void
put_user(struct table *table, const struct config *config,
    const struct user_count *user)
{
	const struct settings *settings = config_settings(config);
	const struct user_conf *conf = config_find_user(config, user->name);
	const struct overrides *own = conf == NULL ? &none : &conf->overrides;

	table_row_begin(table);
	table_put_text(table, user->name);
	put_size(table, own->pool_size);
	put_size(table, own->reserve_pool_size);
	table_put_text(table,
	    own->pool_mode < 0
	        ? NULL
	        : setting_word("pool_mode", (int)own->pool_mode));
	table_put_int(table,
	    own->max_user_connections >= 0 ? own->max_user_connections
	                                   : settings->max_user_connections);
	table_put_count(table, user->servers);
	table_put_int(table,
	    own->max_user_client_connections >= 0
	        ? own->max_user_client_connections
	        : settings->max_user_client_connections);
	table_put_count(table, user->clients);
	table_row_end(table);
}

static void
fill(struct instance *instance, struct table *table)
{
	struct users users;
	struct user_count *user, *next;

	users_find(&users, instance);
	HASH_ITER(hh, users.by_name, user, next)
	{
		put_user(table, instance->config, user);
	}
	users_fini(&users);
}

const struct show show_users = {
    .name = "users", SHOW_COLUMNS(columns), .fill = fill};
