/* show_cancels.c - SHOW CANCELS: what has become of cancel requests. */
#include "admin/instance_int.h"
#include "admin/show.h"
#include "client/client_int.h"

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
	const struct cancel_counts *counts = &instance->clients->cancel_counts;

	put(table, "requests", counts->requests);
	put(table, "from_peers", counts->from_peers);
	put(table, "sent", counts->sent);
	put(table, "forwarded", counts->forwarded);
	put(table, "queued", counts->queued);
	put(table, "needless", counts->needless);
	put(table, "unknown", counts->unknown);
	put(table, "crowded", counts->crowded);
	put(table, "timed_out", counts->timed_out);
}

const struct show show_cancels = {
    .name = "cancels", SHOW_COLUMNS(columns), .fill = fill};
