/* show_logins.c - SHOW LOGINS: how clients' logins end, and what they cost. */
#include "admin/instance_int.h"
#include "admin/show.h"
#include "auth/keyring.h"
#include "client/client_int.h"
#include "server/pool_int.h"

static const struct msg_column columns[] = {
    COLUMN_TEXT("name"),
    COLUMN_INT8("value"),
};

static void
put(struct table *table, const char *name, uint64_t value)
{
	table_row_begin(table);
	table_put_text(table, name);
	table_put_int(table, (int64_t)value);
	table_row_end(table);
}

static void
fill(struct instance *instance, struct table *table)
{
	const struct clients *clients = instance->clients;
	const struct keyring *keyring = pools_keyring(clients->pools);

	put(table, "accepted", clients->logins_accepted);
	put(table, "refused", clients->logins_refused);
	put(table, "scram_computed", keyring_derivations(keyring));
	put(table, "scram_keys", keyring_count(keyring));
	put(table, "pools_without_key", clients->pools->keyless);
}

const struct show show_logins = {
    .name = "logins", SHOW_COLUMNS(columns), .fill = fill};
