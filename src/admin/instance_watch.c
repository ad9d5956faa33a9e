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

static const char *
first_given(const char *a, const char *b, const char *c)
{
	if (a != NULL && a[0] != '\0') {
		return a;
	}
	return b != NULL && b[0] != '\0' ? b : c;
}

/* As whom the nodes of ENTRY are asked. Without a user they are not, and what
 * the data plane sees counts. */
static struct monitor_login
monitor_login(const struct config *config, const struct database_conf *entry,
    const char *dbname)
{
	const struct settings *settings = config_settings(config);
	struct monitor_login login = {.dbname = dbname};
	struct tls_for_libpq tls = tls_for_libpq(config);
	const struct credential *credential;

	login.user = first_given(
	    settings->monitor_user, entry->user, settings->auth_user);
	if (login.user == NULL || login.user[0] == '\0') {
		return login;
	}
	credential = config_find_credential(config, login.user);
	if (settings->monitor_user[0] != '\0') {
		login.password = settings->monitor_password;
	} else if (entry->user != NULL) {
		login.password = entry->password;
	}
	login.password = first_given(login.password,
	    credential == NULL ? NULL : credential->secret, NULL);
	login.sslmode = tls.sslmode;
	login.sslrootcert = tls.sslrootcert;
	login.sslcert = tls.sslcert;
	login.sslkey = tls.sslkey;
	return login;
}

static void
watch(struct instance *instance, const struct database_conf *entry,
    struct cluster *cluster, const char *dbname)
{
	struct monitor_login login =
	    monitor_login(instance->config, entry, dbname);

	if (config_settings(instance->config)->read_write_split) {
		monitor_watch(instance->monitor, cluster, &login);
	}
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
