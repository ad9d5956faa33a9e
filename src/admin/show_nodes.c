/*
 * show_nodes.c - what pgbouncer has no word for: SHOW NODES, the PostgreSQL
 * hosts and how they fare; SHOW ROUTER, where requests went and why.
 */
#include "admin/instance_int.h"
#include "admin/show.h"
#include "client/client_int.h"
#include "node/cluster.h"
#include "node/lsn.h"
#include "node/node.h"
#include "route/router.h"
#include "server/pool_int.h"
#include "sql/catalogue.h"

/* ---- NODES --------------------------------------------------------------- */

static const struct msg_column nodes_columns[] = {
    COLUMN_TEXT("name"),
    COLUMN_TEXT("host"),
    COLUMN_INT4("port"),
    COLUMN_TEXT("role"),
    COLUMN_TEXT("health"),
    COLUMN_INT8("timeline"),
    COLUMN_TEXT("lsn"),
    COLUMN_INT8("lag_bytes"),
    COLUMN_INT4("connections"),
    COLUMN_INT4("active"),
    COLUMN_INT8("transactions"),
    COLUMN_INT8("reads"),
    COLUMN_INT8("writes"),
    COLUMN_INT8("replays"),
    COLUMN_TEXT("last_error"),
    COLUMN_TEXT("since"),
};

static bool
cluster_has(const struct cluster *cluster, const struct node *node)
{
	for (size_t i = 0; i < cluster_count(cluster); i++) {
		if (cluster_node(cluster, i) == node) {
			return true;
		}
	}
	return false;
}

/* The primary of a cluster NODE belongs to; NULL if none is known. */
static const struct node *
primary_of(const struct instance *instance, const struct node *node)
{
	list_foreach (&instance->watched, link) {
		const struct watched *item =
		    list_entry(link, struct watched, link);

		if (cluster_has(item->cluster, node)) {
			return cluster_primary(item->cluster);
		}
	}
	return NULL;
}

/* As far as the last answers of both say; they were asked at different times.
 */
static void
put_lag(
    struct table *table, const struct node *node, const struct node *primary)
{
	if (primary == NULL || !node->has_position || !primary->has_position) {
		table_put_null(table);
		return;
	}
	table_put_count(table,
	    primary->position > node->position
	        ? primary->position - node->position
	        : 0);
}

static void
put_position(struct table *table, const struct node *node)
{
	char text[LSN_TEXT_BYTES];

	if (node->timeline == 0) {
		table_put_null(table);
	} else {
		table_put_int(table, node->timeline);
	}
	if (!node->has_position) {
		table_put_null(table);
		return;
	}
	lsn_format(node->position, text);
	table_put_text(table, text);
}

static void
count_slots(const struct list *slots, const struct node *node, size_t *open,
    size_t *active)
{
	list_foreach (slots, link) {
		const struct pool_slot *slot =
		    list_entry(link, struct pool_slot, link);

		if (slot->node == node) {
			*open += slot->count;
			*active += slot->by_state[SERVER_ACTIVE].count;
		}
	}
}

static void
put_connections(const struct instance *instance, struct table *table,
    const struct node *node)
{
	struct pool *pool, *next;
	size_t open = 0, active = 0;

	HASH_ITER(hh, instance->pools->table, pool, next)
	{
		count_slots(&pool->slots, node, &open, &active);
		count_slots(&pool->old_slots, node, &open, &active);
	}
	table_put_count(table, open);
	table_put_count(table, active);
}

static void
put_counters(struct table *table, const struct node_counters *counters)
{
	table_put_count(table, counters->transactions);
	table_put_count(table, counters->reads);
	table_put_count(table, counters->writes);
	table_put_count(table, counters->replays);
}

static void
put_since(
    struct instance *instance, struct table *table, const struct node *node)
{
	int64_t since_us = node->role_since_us > node->health_since_us
	    ? node->role_since_us
	    : node->health_since_us;

	if (since_us == 0) {
		table_put_null(table);
	} else {
		show_put_time(table, instance, since_us);
	}
}

static void
put_node(
    struct instance *instance, struct table *table, const struct node *node)
{
	const char *error = node->last_error.text;

	table_row_begin(table);
	table_put_text(table, node->name);
	table_put_text(table, node->host);
	table_put_int(table, node->port);
	table_put_text(table, node_role_name(node->role));
	table_put_text(table, node_health_name(node->health));
	put_position(table, node);
	put_lag(table, node, primary_of(instance, node));
	put_connections(instance, table, node);
	put_counters(table, &node->counters);
	table_put_text(table, error[0] == '\0' ? NULL : error);
	put_since(instance, table, node);
	table_row_end(table);
}

static void
fill_nodes(struct instance *instance, struct table *table)
{
	struct node *node = NULL;

	while ((node = node_set_next(instance->nodes, node)) != NULL) {
		put_node(instance, table, node);
	}
}

const struct show show_nodes = {
    .name = "nodes", SHOW_COLUMNS(nodes_columns), .fill = fill_nodes};

/* ---- ROUTER -------------------------------------------------------------- */

static const struct msg_column router_columns[] = {
    COLUMN_TEXT("name"), COLUMN_INT8("value")};

static void
put_counter(struct table *table, const char *name, uint64_t value)
{
	table_row_begin(table);
	table_put_text(table, name);
	table_put_count(table, value);
	table_row_end(table);
}

static void
fill_router(struct instance *instance, struct table *table)
{
	const struct router_counters *router =
	    router_counters(instance->router);
	const struct catalogue *catalogue = instance->clients->catalogue;
	const struct catalogue_counters *counters =
	    catalogue_counters(catalogue);

	put_counter(table, "reads", router->reads);
	put_counter(table, "writes", router->writes);
	put_counter(table, "fenced", router->fenced);
	put_counter(table, "learnt", router->learnt);
	put_counter(table, "replays", router->replays);
	put_counter(table, "catalogue_statements", catalogue_count(catalogue));
	put_counter(table, "catalogue_bytes", catalogue_used_bytes(catalogue));
	put_counter(table, "catalogue_hits", counters->hits);
	put_counter(table, "catalogue_misses", counters->misses);
	put_counter(table, "catalogue_recognised", counters->recognised);
	put_counter(table, "catalogue_parses", counters->parses);
	put_counter(table, "catalogue_parse_us", (uint64_t)counters->parse_us);
	put_counter(table, "catalogue_refused", counters->refused);
	put_counter(table, "catalogue_too_long", counters->too_long);
	put_counter(table, "catalogue_evicted", counters->evicted);
}

const struct show show_router = {
    .name = "router", SHOW_COLUMNS(router_columns), .fill = fill_router};
