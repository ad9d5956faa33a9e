/*
 * instance.c - one running pgweir: what belongs together is made, configured
 * and ended here.
 */
#include "admin/instance.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/instance_int.h"
#include "client/client.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/listeners.h"
#include "net/resolver.h"
#include "node/cluster.h"
#include "node/node.h"
#include "route/monitor.h"
#include "route/router.h"
#include "server/pool_int.h"

#define STOP_TICK_US ((int64_t)20 * 1000)

/* ---- the monitor --------------------------------------------------------- */

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
	login.sslmode = settings->server_tls_sslmode == SSLMODE_DISABLE
	    ? "disable"
	    : "prefer";
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

static void
on_cluster(void *context, struct pool *pool)
{
	watch(context, pool->conf, pool->cluster, pool->dbname);
}

static void
on_cluster_gone(void *context, struct pool *pool)
{
	struct instance *instance = context;

	monitor_unwatch(instance->monitor, pool->cluster);
}

static void
on_node_doubt(void *context, struct node *node)
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

/* Watches what is configured; the old watches end afterwards, so a node in
 * both is asked on without a break. */
static void
watch_all(struct instance *instance)
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

/* ---- configuration ------------------------------------------------------- */

int
instance_configure_log(struct logger *logger, const struct config *config,
    const struct instance_options *options, struct error *err)
{
	const struct settings *settings = config_settings(config);
	int level = (int)LEVEL_INFO + settings->verbose + options->verbosity;
	struct logger_options log = {
	    .file = settings->logfile,
	    .to_stderr = !options->is_quiet,
	    .to_syslog = settings->syslog,
	    .syslog_ident = settings->syslog_ident,
	    .syslog_facility =
	        setting_word("syslog_facility", settings->syslog_facility),
	    .level =
	        level > (int)LEVEL_NOISE ? LEVEL_NOISE : (enum log_level)level,
	};

	return logger_configure(logger, &log, err);
}

static void
log_problems(struct instance *instance, const struct problems *problems)
{
	struct buf line = {0};

	for (size_t i = 0; i < problems->count; i++) {
		const struct problem *item = &problems->items[i];

		buf_clear(&line);
		problem_print(item, &line);
		log_at(&instance->log,
		    item->kind == PROBLEM_ERROR ? LEVEL_ERROR : LEVEL_INFO,
		    "%s", buf_text(&line));
	}
	buf_fini(&line);
}

static void
configure_monitor(struct instance *instance)
{
	const struct settings *settings = config_settings(instance->config);
	struct monitor_options options = {
	    .interval_us = settings->monitor_interval_us};

	monitor_configure(instance->monitor, &options);
}

/* Everybody hears of CONFIG, whose reference is taken. */
static void
adopt(struct instance *instance, struct config *config)
{
	const struct settings *settings = config_settings(config);
	struct socket_options sockets = socket_options_of(settings);
	struct config *old = instance->config;

	instance->config = config;
	resolver_set_ttl(instance->resolver, settings->dns_max_ttl_us,
	    settings->dns_nxdomain_ttl_us);
	configure_monitor(instance);
	watch_all(instance);
	pools_configure(instance->pools, config);
	clients_configure(instance->clients, config);
	if (instance->listeners != NULL) {
		listeners_set_options(instance->listeners, &sockets);
	}
	config_unref(&old);
}

int
instance_reload(struct instance *instance)
{
	struct problems problems = {0};
	struct config *config;
	struct error err;

	if (instance->options.is_connstr) {
		log_warning(&instance->log,
		    "nothing to reload: started from a connection string");
		return 0;
	}
	log_info(&instance->log, "reloading configuration \"%s\"",
	    instance->options.source);
	config = config_reload(instance->config, &problems);
	log_problems(instance, &problems);
	problems_fini(&problems);
	if (config == NULL) {
		log_error(&instance->log,
		    "reload failed, nothing changed file=%s",
		    instance->options.source);
		return -1;
	}
	if (instance_configure_log(
	        instance->logger, config, &instance->options, &err) != 0) {
		log_error(&instance->log, "reload failed, nothing changed: %s",
		    err.text);
		config_unref(&config);
		return -1;
	}
	adopt(instance, config);
	log_info(&instance->log, "configuration reloaded");
	return 0;
}

int
instance_set(struct instance *instance, const char *key, const char *value,
    struct error *err)
{
	struct config *config =
	    config_with_setting(instance->config, key, value, err);

	if (config == NULL) {
		return -1;
	}
	if (instance_configure_log(
	        instance->logger, config, &instance->options, err) != 0) {
		config_unref(&config);
		return -1;
	}
	adopt(instance, config);
	return 0;
}

/* ---- listening ----------------------------------------------------------- */

static void
on_accept(void *context, int fd, const struct address *peer)
{
	struct instance *instance = context;

	clients_accept(instance->clients, fd, peer);
}

int
instance_listen(struct instance *instance, struct error *err)
{
	const struct settings *settings = config_settings(instance->config);
	struct listen_config config = {
	    .addresses = (const char *const *)settings->listen_addr.names,
	    .address_count = settings->listen_addr.count,
	    .unix_directory = settings->unix_socket_dir,
	    .port = (uint16_t)settings->listen_port,
	    .options =
	        {
	            .socket = socket_options_of(settings),
	            .backlog = settings->listen_backlog,
	            .defer_accept_s = settings->tcp_defer_accept ? 45 : 0,
	            .reuse_port = settings->so_reuseport,
	            .unix_mode = (mode_t)settings->unix_socket_mode,
	            .unix_group = settings->unix_socket_group,
	        },
	};
	char text[ADDRESS_TEXT_BYTES];

	instance->listeners = listeners_open(instance->loop, &config,
	    instance->logger, on_accept, instance, err);
	if (instance->listeners == NULL) {
		return -1;
	}
	for (size_t i = 0; i < listeners_count(instance->listeners); i++) {
		log_info(&instance->log, "listening on %s",
		    address_format(
		        listener_address(listeners_at(instance->listeners, i)),
		        text, sizeof(text)));
	}
	return 0;
}

/* ---- life ---------------------------------------------------------------- */

static bool
console_query(
    void *context, struct client *client, const char *sql, struct buf *out)
{
	return admin_query(context, client, sql, out);
}

static void
console_describe(
    void *context, struct client *client, const char *sql, struct buf *out)
{
	admin_describe(context, client, sql, out);
}

static void
console_cancel(void *context, struct client *client)
{
	admin_cancel(context, client);
}

struct instance *
instance_new(struct logger *logger, struct config *config,
    const struct instance_options *options, struct error *err)
{
	const struct settings *settings = config_settings(config);
	struct instance *instance = mem_zalloc(sizeof(*instance));
	struct resolver_options dns = {
	    .resolv_conf = settings->resolv_conf,
	    .max_ttl_us = settings->dns_max_ttl_us,
	    .negative_ttl_us = settings->dns_nxdomain_ttl_us,
	};
	struct monitor_options monitor = {
	    .interval_us = settings->monitor_interval_us};
	struct pool_events events = {
	    on_node_doubt, on_cluster, on_cluster_gone, instance};
	struct console_ops console = {
	    console_query, console_describe, console_cancel, instance};

	instance->options = *options;
	instance->logger = logger;
	instance->log = (struct log_source){.logger = logger};
	instance->config = config_ref(config);
	instance->loop = loop_new(err);
	if (instance->loop == NULL) {
		goto failed;
	}
	instance->start_us = loop_now_us(instance->loop);
	instance->resolver = resolver_new(instance->loop, &dns, err);
	if (instance->resolver == NULL) {
		goto failed;
	}
	instance->nodes = node_set_new();
	instance->monitor =
	    monitor_new(instance->loop, instance->resolver, logger, &monitor);
	instance->router = router_new(instance->monitor);
	instance->pools = pools_new(instance->loop, logger, instance->resolver,
	    instance->nodes, config, &events);
	instance->clients = clients_new(instance->loop, logger, instance->pools,
	    instance->router, config, &console);
	watch_all(instance);
	return instance;
failed:
	instance_free(&instance);
	return NULL;
}

void
instance_free(struct instance **instance)
{
	struct instance *i = *instance;

	if (i == NULL) {
		return;
	}
	listeners_close(&i->listeners);
	timer_stop(&i->tick);
	timer_stop(&i->pause_tick);
	clients_free(&i->clients);
	pools_free(&i->pools);
	router_free(&i->router);
	if (i->monitor != NULL) {
		unwatch_all(i, &i->watched);
	}
	monitor_free(&i->monitor);
	if (i->loop != NULL) {
		loop_turn(i->loop, false); /* the dead are buried first */
	}
	resolver_free(&i->resolver);
	node_set_free(&i->nodes);
	loop_free(&i->loop);
	config_unref(&i->config);
	free(i);
	*instance = NULL;
}

void
instance_pause(struct instance *instance)
{
	pools_pause(instance->pools);
}

void
instance_resume(struct instance *instance)
{
	pools_resume(instance->pools);
}

static void
on_stop_tick(struct timer *timer)
{
	struct instance *instance = list_entry(timer, struct instance, tick);
	size_t left = instance->mode == SHUTDOWN_WAIT_FOR_SERVERS
	    ? pools_active_servers(instance->pools)
	    : clients_count_pooled(instance->clients);

	if (left == 0) {
		loop_stop(instance->loop);
	}
}

void
instance_shutdown(struct instance *instance, enum shutdown_mode mode)
{
	if (mode == SHUTDOWN_NOW || instance->is_stopping) {
		log_info(&instance->log, "shutting down at once");
		loop_stop(instance->loop);
		return;
	}
	instance->is_stopping = true;
	instance->mode = mode;
	listeners_close(&instance->listeners);
	if (mode == SHUTDOWN_WAIT_FOR_SERVERS) {
		pools_pause(instance->pools);
	}
	log_info(&instance->log, "shutting down, waiting for %s",
	    mode == SHUTDOWN_WAIT_FOR_SERVERS ? "servers to be released"
	                                      : "clients to disconnect");
	timer_start(&instance->tick, instance->loop, STOP_TICK_US, STOP_TICK_US,
	    on_stop_tick);
}

static void
on_signal(void *context, int number)
{
	struct instance *instance = context;

	switch (number) {
	case SIGHUP:
		log_info(&instance->log, "got SIGHUP, reloading");
		(void)instance_reload(instance); /* it has logged why */
		return;
	case SIGTERM:
		log_info(&instance->log, "got SIGTERM");
		instance_shutdown(instance, SHUTDOWN_WAIT_FOR_CLIENTS);
		return;
	case SIGINT:
		log_info(&instance->log, "got SIGINT");
		instance_shutdown(instance, SHUTDOWN_WAIT_FOR_SERVERS);
		return;
	case SIGQUIT:
		log_info(&instance->log, "got SIGQUIT, fast exit");
		instance_shutdown(instance, SHUTDOWN_NOW);
		return;
	case SIGUSR1:
		log_info(&instance->log, "got SIGUSR1, pausing all activity");
		instance_pause(instance);
		return;
	case SIGUSR2:
		if (instance->is_stopping) {
			log_info(&instance->log,
			    "got SIGUSR2 while shutting down, ignoring");
			return;
		}
		log_info(&instance->log, "got SIGUSR2, continuing from pause");
		instance_resume(instance);
		return;
	default:
		return;
	}
}

void
instance_run(struct instance *instance)
{
	static const int signals[] = {
	    SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2};

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		loop_on_signal(instance->loop, signals[i], on_signal, instance);
	}
	log_info(&instance->log, "process up: pgweir %s", PACKAGE_VERSION);
	loop_run(instance->loop);
	log_info(&instance->log, "process ends");
}
