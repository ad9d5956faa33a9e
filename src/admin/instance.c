/*
 * instance.c - one running pgweir: what belongs together is made and ended
 * here.
 *
 * How it takes a configuration is in instance_config.c, what it watches in
 * instance_watch.c, how it is stopped and held up in instance_stop.c.
 */
#include "admin/instance.h"

#include <signal.h>
#include <stdlib.h>

#include "admin/admin.h"
#include "admin/files.h"
#include "admin/instance_int.h"
#include "admin/later.h"
#include "admin/supervisor.h"
#include "client/client.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/listeners.h"
#include "net/resolver.h"
#include "net/vigil.h"
#include "node/node.h"
#include "route/monitor.h"
#include "route/router.h"
#include "server/pool_int.h"

/* How long a client may take to say something before it is accepted anyway. */
#define DEFER_ACCEPT_S 45

/* ---- listening ----------------------------------------------------------- */

static void
on_accept(void *context, int fd, const struct address *peer)
{
	struct instance *instance = context;

	clients_accept(instance->clients, fd, peer);
}

static void
hear_signals(struct instance *instance)
{
	static const int signals[] = {
	    SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2};

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		loop_on_signal(
		    instance->loop, signals[i], instance_on_signal, instance);
	}
}

struct listener_options
instance_listener_options(const struct instance *instance)
{
	const struct settings *settings = config_settings(instance->config);

	return (struct listener_options){
	    .socket = socket_options_of(settings),
	    .backlog = settings->listen_backlog,
	    .defer_accept_s =
	        settings->tcp_defer_accept != 0 ? DEFER_ACCEPT_S : 0,
	    .most_fd = files_for_clients(
	        instance->config, instance->options.most_files),
	    .reuse_port = settings->so_reuseport,
	    .unix_mode = (mode_t)settings->unix_socket_mode,
	    .unix_group = settings->unix_socket_group,
	};
}

int
instance_listen(struct instance *instance, struct error *err)
{
	const struct settings *settings = config_settings(instance->config);
	struct listen_config config = {
	    .addresses = (const char *const *)settings->listen_addr.names,
	    .address_count = settings->listen_addr.count,
	    .unix_directory = settings->unix_socket_dir,
	    .inherited = instance->options.inherited,
	    .port = (uint16_t)settings->listen_port,
	    .options = instance_listener_options(instance),
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
	files_check(
	    instance->config, instance->options.most_files, &instance->log);
	/* Whoever hears that we are ready may send one at once. */
	hear_signals(instance);
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

/* It was tried when the configuration was checked; but files may change. */
static int
begin_tls(struct instance *instance, struct error *err)
{
	struct problems problems = {0};
	struct tls_plan plan;
	int ret =
	    instance_tls_plan(instance, instance->config, &plan, &problems);

	if (ret == 0) {
		instance_tls_take(instance, &plan);
	} else {
		error_set(
		    err, SQLSTATE_CONFIG_FILE, "%s", problems.items[0].text);
	}
	problems_fini(&problems);
	return ret;
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
	struct pool_events events = {instance_on_node_doubt,
	    instance_on_cluster, instance_on_cluster_gone, instance};
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
	instance->vigil = vigil_new(instance->loop, logger);
	vigil_set_timeout(instance->vigil, settings->dead_path_timeout_us);
	instance->supervisor = supervisor_new(instance->loop, logger,
	    options->supervision, instance_put_status, instance);
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
	stats_configure(instance);
	if (begin_tls(instance, err) != 0) {
		goto failed;
	}
	instance_users_watch(instance);
	instance_watch(instance);
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
	later_end(i);
	stats_end(i);
	instance_users_end(i);
	instance_tls_end(i);
	clients_free(&i->clients);
	pools_free(&i->pools);
	router_free(&i->router);
	if (i->monitor != NULL) {
		instance_unwatch(i);
	}
	monitor_free(&i->monitor);
	supervisor_free(&i->supervisor);
	vigil_free(&i->vigil);
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
instance_run(struct instance *instance)
{
	log_info(&instance->log, "process up: pgweir %s", PACKAGE_VERSION);
	supervisor_ready(instance->supervisor);
	loop_run(instance->loop);
	log_info(&instance->log, "process ends");
}
