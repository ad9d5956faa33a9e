/*
 * clients.c - the set of all clients: limits, timeouts, keys.
 */
#include <assert.h>
#include <stdlib.h>

#include "client/client_int.h"
#include "conf/config.h"
#include "core/error.h"
#include "core/mem.h"

#define TICK_US ((int64_t)250 * 1000)

static void
refuse_slow_logins(struct clients *set, enum client_state state, int64_t now_us)
{
	int64_t timeout_us =
	    config_settings(set->config)->client_login_timeout_us;
	struct client *client;

	/* Oldest first: who comes later is listed later. */
	while (timeout_us > 0 &&
	    (client = list_first(&set->by_state[state], struct client, link)) !=
	        NULL &&
	    now_us - client->connect_us >= timeout_us) {
		client_close(client, CLOSE_CLIENT_LOGIN_TIMEOUT, NULL);
	}
}

static void
on_tick(struct timer *timer)
{
	struct clients *set = list_entry(timer, struct clients, tick);
	int64_t now_us = loop_now_us(set->loop);

	refuse_slow_logins(set, CLIENT_STARTUP, now_us);
	refuse_slow_logins(set, CLIENT_PASSWORD, now_us);
}

static void
read_options(const struct config *config, struct catalogue_options *options)
{
	const struct settings *settings = config_settings(config);

	*options = catalogue_options_default;
	options->bytes = settings->statement_catalogue_bytes;
	options->parse_share_us = (int64_t)settings->parse_time_share * 10000;
}

struct clients *
clients_new(struct loop *loop, struct logger *logger, struct pools *pools,
    struct router *router, struct config *config,
    const struct console_ops *console)
{
	struct clients *set = mem_zalloc(sizeof(*set));
	struct catalogue_options options;

	set->loop = loop;
	set->logger = logger;
	set->pools = pools;
	set->router = router;
	set->config = config_ref(config);
	set->console = *console;
	set->log = (struct log_source){.logger = logger};
	read_options(config, &options);
	set->catalogue = catalogue_new(&options);
	timer_start(&set->tick, loop, TICK_US, TICK_US, on_tick);
	return set;
}

void
clients_free(struct clients **clients)
{
	struct clients *set = *clients;

	if (set == NULL) {
		return;
	}
	timer_stop(&set->tick);
	for (int i = 0; i < CLIENT_CLOSED; i++) {
		struct client *client;

		while ((client = list_first(
		            &set->by_state[i], struct client, link)) != NULL) {
			client_close(client, CLOSE_CLIENT_SHUTDOWN, NULL);
		}
	}
	assert(set->count == 0);
	catalogue_free(&set->catalogue);
	config_unref(&set->config);
	free(set);
	*clients = NULL;
}

void
clients_configure(struct clients *clients, struct config *config)
{
	struct config *old = clients->config;
	struct catalogue_options options;

	clients->config = config_ref(config);
	config_unref(&old);
	read_options(config, &options);
	catalogue_configure(clients->catalogue, &options);
}

size_t
clients_count(const struct clients *clients)
{
	return clients->count;
}

size_t
clients_count_pooled(const struct clients *clients)
{
	return clients->count - clients->by_state[CLIENT_CONSOLE].count;
}
