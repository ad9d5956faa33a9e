/*
 * instance_config.c - how an instance takes a configuration: at once and as a
 * whole, or not at all.
 */
#include <string.h>

#include "admin/files.h"
#include "admin/instance_int.h"
#include "admin/supervisor.h"
#include "auth/hba_config.h"
#include "client/client.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"
#include "net/listeners.h"
#include "net/resolver.h"
#include "net/vigil.h"
#include "route/monitor.h"
#include "server/pool.h"

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

/* New servers are as server_tls_sslmode and its kin say now; those there are
 * should be, too. */
static bool
replaces_servers(const struct config *old, const struct config *config)
{
	for (size_t i = 0; i < setting_count; i++) {
		const struct setting *row = &setting_rows[i];

		if (row->group == GROUP_TLS &&
		    strncmp(row->name, "server_", 7) == 0 &&
		    !settings_equal(
		        config_settings(old), config_settings(config), row)) {
			return true;
		}
	}
	return false;
}

/* Everybody hears of CONFIG, whose reference is taken, and of PLAN. */
static void
adopt(struct instance *instance, struct config *config, struct tls_plan *plan)
{
	const struct settings *settings = config_settings(config);
	struct config *old = instance->config;

	instance->config = config;
	instance_tls_take(instance, plan);
	resolver_set_ttl(instance->resolver, settings->dns_max_ttl_us,
	    settings->dns_nxdomain_ttl_us);
	vigil_set_timeout(instance->vigil, settings->dead_path_timeout_us);
	configure_monitor(instance);
	stats_configure(instance);
	instance_watch(instance);
	pools_configure(instance->pools, config);
	clients_configure(instance->clients, config);
	instance_users_watch(instance);
	if (replaces_servers(old, config)) {
		pools_reconnect(instance->pools, NULL);
	}
	if (instance->listeners != NULL) {
		struct listener_options listen =
		    instance_listener_options(instance);

		listeners_set_options(instance->listeners, &listen);
	}
	if (files_needed(config) != files_needed(old)) {
		files_check(
		    config, instance->options.most_files, &instance->log);
	}
	config_unref(&old);
}

static int
reload(struct instance *instance, struct problems *problems)
{
	struct config *config;
	struct tls_plan plan = {0};
	struct error err;

	if (instance->options.is_connstr) {
		log_warning(&instance->log,
		    "nothing to reload: started from a connection string");
		return 0;
	}
	log_info(&instance->log, "reloading configuration \"%s\"",
	    instance->options.source);
	config = config_reload(instance->config, problems);
	if (config != NULL && hba_config_load(config, NULL, problems) != 0) {
		config_unref(&config);
	}
	if (config != NULL &&
	    instance_tls_plan(instance, config, &plan, problems) != 0) {
		config_unref(&config);
	}
	if (config != NULL &&
	    instance_configure_log(
	        instance->logger, config, &instance->options, &err) != 0) {
		problems_add(problems, PROBLEM_ERROR, NULL, 0, "%s", err.text);
		instance_tls_drop(&plan);
		config_unref(&config);
	}
	log_problems(instance, problems);
	if (config == NULL) {
		log_error(&instance->log,
		    "reload failed, nothing changed file=%s",
		    instance->options.source);
		return -1;
	}
	adopt(instance, config, &plan);
	log_info(&instance->log, "configuration reloaded");
	return 0;
}

int
instance_reload(struct instance *instance, struct problems *problems)
{
	struct problems own = {0};
	int ret;

	supervisor_reloading(instance->supervisor);
	ret = reload(instance, problems == NULL ? &own : problems);
	supervisor_ready(instance->supervisor);
	problems_fini(&own);
	return ret;
}

/* Reads and makes what belongs to CONFIG, a changed copy of that in force. */
static int
plan_set(struct instance *instance, struct config *config,
    struct tls_plan *plan, struct error *err)
{
	struct problems problems = {0};
	struct buf line = {0};
	int ret = 0;

	if (hba_config_load(config, instance->config, &problems) != 0 ||
	    instance_tls_plan(instance, config, plan, &problems) != 0) {
		for (size_t i = 0; i < problems.count && line.length == 0;
		     i++) {
			if (problems.items[i].kind == PROBLEM_ERROR) {
				problem_print(&problems.items[i], &line);
			}
		}
		error_set(err, SQLSTATE_CONFIG_FILE, "%s", buf_text(&line));
		ret = -1;
	}
	buf_fini(&line);
	problems_fini(&problems);
	return ret;
}

int
instance_take_config(
    struct instance *instance, struct config *config, struct error *err)
{
	struct tls_plan plan;

	if (plan_set(instance, config, &plan, err) != 0) {
		config_unref(&config);
		return -1;
	}
	if (instance_configure_log(
	        instance->logger, config, &instance->options, err) != 0) {
		instance_tls_drop(&plan);
		config_unref(&config);
		return -1;
	}
	adopt(instance, config, &plan);
	return 0;
}

int
instance_set(struct instance *instance, const char *key, const char *value,
    struct error *err)
{
	struct config *config =
	    config_with_setting(instance->config, key, value, err);

	return config == NULL ? -1
	                      : instance_take_config(instance, config, err);
}
