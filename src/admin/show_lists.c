/*
 * show_lists.c - SHOW LISTS, how many there are of everything; and the names
 * the resolver remembers: DNS_HOSTS, DNS_ZONES.
 */
#include "admin/census.h"
#include "admin/instance_int.h"
#include "admin/show.h"
#include "client/client_int.h"
#include "conf/config.h"
#include "core/buf.h"
#include "net/resolver.h"

/* ---- LISTS --------------------------------------------------------------- */

static const struct msg_column lists_columns[] = {
    COLUMN_TEXT("list"), COLUMN_INT4("items")};

static void
put_list(struct table *table, const char *name, size_t items)
{
	table_row_begin(table);
	table_put_text(table, name);
	table_put_count(table, items);
	table_row_end(table);
}

static size_t
count_servers(const struct census *census)
{
	size_t sum = 0;

	for (size_t i = 0; i < census->count; i++) {
		sum += census->pools[i].server_count;
	}
	return sum;
}

static void
fill_lists(struct instance *instance, struct table *table)
{
	const struct list *clients = instance->clients->by_state;
	struct resolver_counts names = resolver_count(instance->resolver);
	struct census census;

	census_take(&census, instance);
	put_list(table, "databases", show_database_count(instance));
	put_list(table, "users", show_user_count(instance));
	put_list(table, "peers", config_peer_count(instance->config));
	put_list(table, "pools", census.count + 1); /* the console's */
	put_list(table, "peer_pools", config_peer_count(instance->config));
	/* Memory of closed connections goes back at once: none is free. */
	put_list(table, "free_clients", 0);
	put_list(table, "used_clients", clients_count(instance->clients));
	put_list(table, "login_clients",
	    clients[CLIENT_STARTUP].count + clients[CLIENT_SECRET].count +
	        clients[CLIENT_PASSWORD].count);
	put_list(table, "free_servers", 0);
	put_list(table, "used_servers", count_servers(&census));
	put_list(table, "dns_names", names.names);
	put_list(table, "dns_zones", 0);
	put_list(table, "dns_queries", names.pending);
	put_list(table, "dns_pending", 0);
	census_fini(&census);
}

const struct show show_lists = {
    .name = "lists", SHOW_COLUMNS(lists_columns), .fill = fill_lists};

/* ---- names --------------------------------------------------------------- */

static const struct msg_column dns_hosts_columns[] = {
    COLUMN_TEXT("hostname"), COLUMN_INT8("ttl"), COLUMN_TEXT("addrs")};

static void
put_host(void *context, const char *host, int64_t ttl_us,
    const struct address *addresses, size_t count)
{
	struct table *table = context;
	struct buf list = {0};
	char text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < count; i++) {
		buf_append_str(&list, i == 0 ? "" : ",");
		buf_append_str(
		    &list, address_host(&addresses[i], text, sizeof(text)));
	}
	table_row_begin(table);
	table_put_text(table, host);
	table_put_int(table, ttl_us / 1000000);
	table_put_text(table, buf_text(&list));
	table_row_end(table);
	buf_fini(&list);
}

static void
fill_dns_hosts(struct instance *instance, struct table *table)
{
	resolver_each(instance->resolver, put_host, table);
}

const struct show show_dns_hosts = {.name = "dns_hosts",
    SHOW_COLUMNS(dns_hosts_columns),
    .fill = fill_dns_hosts};

static const struct msg_column dns_zones_columns[] = {
    COLUMN_TEXT("zonename"), COLUMN_INT8("serial"), COLUMN_INT4("count")};

/* We watch no zones: names are asked again when their time is over. */
static void
fill_dns_zones(struct instance *instance, struct table *table)
{
	(void)instance;
	(void)table;
}

const struct show show_dns_zones = {.name = "dns_zones",
    SHOW_COLUMNS(dns_zones_columns),
    .fill = fill_dns_zones};
