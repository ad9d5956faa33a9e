/*
 * instance_watch.c - which nodes the monitor asks, and as whom.
 */
#include <stdlib.h>

#include "admin/instance_int.h"
#include "conf/config.h"
#include "conf/tls_files.h"
#include "core/mem.h"
#include "node/cluster.h"
#include "node/node.h"
#include "route/monitor.h"
#include "server/pool_int.h"

/* The nodes of ENTRY are asked. Without a user they are not, and what the data
 * plane sees counts. */
static void
watch(struct instance *instance, const struct database_conf *entry,
    struct cluster *cluster, const char *dbname)
{
	const struct config *config = instance->config;
	struct tls_for_libpq tls = tls_for_libpq(config);
	char *passfile = config_monitor_passfile(config);
	struct monitor_login login = {
	    .user = config_monitor_user(config, entry),
	    .password = config_monitor_password(config, entry),
	    .passfile = passfile,
	    .dbname = dbname,
	    .sslmode = tls.sslmode,
	    .sslrootcert = tls.sslrootcert,
	    .sslcert = tls.sslcert,
	    .sslkey = tls.sslkey,
	};

	if (config_settings(config)->read_write_split) {
		monitor_watch(instance->monitor, cluster, &login);
	}
	free(passfile);
}

void
instance_on_cluster(void *context, struct pool *pool)
{
	watch(context, pool->conf, pool->cluster, pool->dbname);
}

void
instance_on_cluster_gone(void *context, struct pool *pool)
{
	struct instance *instance = context;

	monitor_unwatch(instance->monitor, pool->cluster);
}

void
instance_on_node_doubt(void *context, struct node *node)
{
	struct instance *instance = context;

	monitor_probe(instance->monitor, node);
}

static void
unwatch_all(struct instance *instance, struct list *watched)
{
	struct list_link *link;

	while ((link = list_pop(watched)) != NULL) {
		struct watched *item = list_entry(link, struct watched, link);

		monitor_unwatch(instance->monitor, item->cluster);
		cluster_free(&item->cluster);
		free(item);
	}
}

void
instance_watch(struct instance *instance)
{
	struct list old = instance->watched;

	instance->watched = (struct list){0};
	for (size_t i = 0; i < config_database_count(instance->config); i++) {
		const struct database_conf *entry =
		    config_database(instance->config, i);
		struct watched *item;

		item = mem_zalloc(sizeof(*item));
		item->cluster = cluster_of(instance->nodes, entry);
		list_append(&instance->watched, &item->link);
		watch(instance, entry, item->cluster,
		    database_conf_dbname(entry, "postgres"));
	}
	unwatch_all(instance, &old);
}

void
instance_unwatch(struct instance *instance)
{
	unwatch_all(instance, &instance->watched);
}
