/*
 * overrides.c - settings that [databases] and [users] entries may give.
 *
 * The rows of settings.def say what a value may be; this table says only
 * where it is kept, and under which other names a row is known in entries.
 */
#include "conf/overrides.h"

#include <string.h>

#include "conf/suggest.h"
#include "conf/value.h"
#include "core/buf.h"

#define BOTH (SCOPE_DATABASE | SCOPE_USER)

static const struct override_key {
	const char *key;
	const char *setting; /* the row that describes the value */
	size_t offset;
	unsigned scope; /* bits of enum setting_scope */
} keys[] = {
#define KEY(key, setting, field, scope)                                \
	{                                                              \
		key, setting, offsetof(struct overrides, field), scope \
	}
    KEY("pool_size", "default_pool_size", pool_size, BOTH),
    KEY("min_pool_size", "min_pool_size", min_pool_size, SCOPE_DATABASE),
    KEY("reserve_pool_size", "reserve_pool_size", reserve_pool_size, BOTH),
    KEY("reserve_pool", "reserve_pool_size", reserve_pool_size, SCOPE_DATABASE),
    KEY("pool_mode", "pool_mode", pool_mode, BOTH),
    KEY("max_db_connections", "max_db_connections", max_db_connections,
        SCOPE_DATABASE),
    KEY("max_db_client_connections", "max_db_client_connections",
        max_db_client_connections, SCOPE_DATABASE),
    KEY("max_user_connections", "max_user_connections", max_user_connections,
        SCOPE_USER),
    KEY("max_user_client_connections", "max_user_client_connections",
        max_user_client_connections, SCOPE_USER),
    KEY("server_lifetime", "server_lifetime", server_lifetime_us,
        SCOPE_DATABASE),
    KEY("query_wait_timeout", "query_wait_timeout", query_wait_timeout_us,
        BOTH),
    KEY("query_timeout", "query_timeout", query_timeout_us, SCOPE_USER),
    KEY("idle_transaction_timeout", "idle_transaction_timeout",
        idle_transaction_timeout_us, SCOPE_USER),
    KEY("transaction_timeout", "transaction_timeout", transaction_timeout_us,
        SCOPE_USER),
    KEY("client_idle_timeout", "client_idle_timeout", client_idle_timeout_us,
        SCOPE_USER),
#undef KEY
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static int64_t *
field(struct overrides *overrides, const struct override_key *key)
{
	return (int64_t *)(void *)((char *)overrides + key->offset);
}

void
overrides_init(struct overrides *overrides)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		*field(overrides, &keys[i]) = -1;
	}
}

static const struct override_key *
find_key(const char *name, enum setting_scope scope)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if ((keys[i].scope & scope) != 0 &&
		    strcmp(keys[i].key, name) == 0) {
			return &keys[i];
		}
	}
	return NULL;
}

int
overrides_set(struct overrides *overrides, enum setting_scope scope,
    const char *name, const char *text, struct error *err)
{
	const struct override_key *key = find_key(name, scope);
	const struct setting *row = NULL;
	struct buf printed = {0};
	int64_t value = 0;
	int ret = -1;

	if (key == NULL) {
		return 0;
	}
	row = setting_find(key->setting);
	if (value_parse(row, name, text, &value, err) < 0) {
		return -1;
	}
	value_print(row, value, &printed);
	if (value_check_status(row, name, buf_text(&printed), false, err) ==
	    0) {
		*field(overrides, key) = value;
		ret = 1;
	}
	buf_fini(&printed);
	return ret;
}

void
overrides_suggest(enum setting_scope scope, struct suggestion *suggestion)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if ((keys[i].scope & scope) != 0) {
			suggestion_consider(suggestion, keys[i].key);
		}
	}
}
