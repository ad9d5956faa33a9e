/*
 * clients.c - the set of all clients: limits, timeouts, keys.
 */
#include <assert.h>
#include <stdlib.h>

#include "auth/auth_query.h"
#include "client/client_int.h"
#include "client/login_int.h"
#include "conf/config.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"
#include "net/stream.h"
#include "net/tls.h"
#include "server/peers.h"
#include "server/pool_int.h"
#include "server/server_int.h"

#define TICK_US ((int64_t)250 * 1000)

/* ---- databases that are no more ------------------------------------------ */

/* In the middle of nothing: what it asked for is answered and done. */
static bool
is_at_rest(const struct client *client)
{
	return client->state != CLIENT_ACTIVE ||
	    (client->server->status == 'I' && !client->has_batch &&
	        client->pass_left == 0 && client->answer_left == 0 &&
	        answers_is_settled(&client->server->answers));
}

/* Ends the clients of databases that are configured no more, each when its
 * transaction is over. */
static void
end_removed(struct clients *set)
{
	static const enum client_state states[] = {
	    CLIENT_WELCOME, CLIENT_IDLE, CLIENT_WAITING, CLIENT_ACTIVE};

	set->has_removed = false;
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		list_foreach_safe (&set->by_state[states[i]], link) {
			struct client *client =
			    list_entry(link, struct client, link);

			if (client->pool->conf != NULL) {
				continue;
			}
			if (is_at_rest(client)) {
				client_close(client,
				    CLOSE_CLIENT_DATABASE_REMOVED, NULL);
			} else {
				set->has_removed = true;
			}
		}
	}
}

/* ---- the set ------------------------------------------------------------- */

static void
on_tick(struct timer *timer)
{
	struct clients *set = list_entry(timer, struct clients, tick);

	if (set->has_removed) {
		end_removed(set);
	}
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
	struct auth_places places = login_auth_places(set);
	struct auth_options auth = login_auth_options(config);

	set->loop = loop;
	set->logger = logger;
	set->pools = pools;
	set->router = router;
	set->config = config_ref(config);
	set->console = *console;
	set->log = (struct log_source){.logger = logger};
	read_options(config, &options);
	set->catalogue = catalogue_new(&options);
	set->auth =
	    auth_queries_new(loop, logger, pools->resolver, &places, &auth);
	set->deadlines = deadlines_new(loop);
	set->peers = peers_new(loop, logger, pools->resolver, config);
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
	auth_queries_free(&set->auth);
	peers_free(&set->peers);
	deadlines_free(&set->deadlines);
	catalogue_free(&set->catalogue);
	config_unref(&set->config);
	tls_context_unref(&set->tls);
	free(set);
	*clients = NULL;
}

void
clients_set_tls(struct clients *clients, struct tls_context *context)
{
	struct tls_context *old = clients->tls;

	clients->tls = context == NULL ? NULL : tls_context_ref(context);
	tls_context_unref(&old);
}

void
clients_configure(struct clients *clients, struct config *config)
{
	struct config *old = clients->config;
	struct catalogue_options options;
	struct auth_options auth = login_auth_options(config);

	clients->config = config_ref(config);
	config_unref(&old);
	read_options(config, &options);
	catalogue_configure(clients->catalogue, &options);
	auth_queries_configure(clients->auth, &auth);
	for (int i = 0; i < CLIENT_CLOSED; i++) {
		list_foreach (&clients->by_state[i], link) {
			timeouts_configure(
			    list_entry(link, struct client, link));
		}
	}
	end_removed(clients);
	peers_configure(clients->peers, config);
}

size_t
clients_count(const struct clients *clients)
{
	return clients->count;
}

size_t
clients_count_pooled(const struct clients *clients)
{
	return clients->count - clients->by_state[CLIENT_CONSOLE].count -
	    clients->by_state[CLIENT_CANCEL].count;
}

/* ---- what operators do --------------------------------------------------- */

struct client *
clients_find(const struct clients *clients, uint64_t id)
{
	for (int i = CLIENT_WELCOME; i < CLIENT_CLOSED; i++) {
		list_foreach (&clients->by_state[i], link) {
			struct client *client =
			    list_entry(link, struct client, link);

			if (client->id == id) {
				return client;
			}
		}
	}
	return NULL;
}

/* Whether it uses a pool of DATABASE; NULL: of any. */
static bool
is_of_database(const struct client *client, const char *database)
{
	return client->pool != NULL &&
	    (database == NULL || str_equal(client->pool->database, database));
}

void
clients_kill(struct clients *clients, const char *database)
{
	struct error err;

	error_set(&err, SQLSTATE_ADMIN_SHUTDOWN, "database removed");
	error_hint(&err,
	    "An administrator has killed it; new connections wait until it is "
	    "resumed.");
	for (int i = CLIENT_WELCOME; i < CLIENT_CLOSED; i++) {
		list_foreach_safe (&clients->by_state[i], link) {
			struct client *client =
			    list_entry(link, struct client, link);

			if (is_of_database(client, database)) {
				client_close(client, CLOSE_CLIENT_KILLED, &err);
			}
		}
	}
}

void
clients_suspend(struct clients *clients, bool is_suspended)
{
	clients->is_suspended = is_suspended;
	for (int i = 0; i < CLIENT_CLOSED; i++) {
		list_foreach (&clients->by_state[i], link) {
			client_update_interest(
			    list_entry(link, struct client, link));
		}
	}
}

/* Bytes for CLIENT or its server are still to be sent. */
static bool
has_pending(const struct client *client)
{
	return stream_pending(client->stream) > 0 ||
	    (client->server != NULL && client->server->stream != NULL &&
	        stream_pending(client->server->stream) > 0);
}

size_t
clients_count_pending(const struct clients *clients)
{
	size_t count = 0;

	for (int i = 0; i < CLIENT_CONSOLE; i++) {
		list_foreach (&clients->by_state[i], link) {
			count +=
			    has_pending(list_entry(link, struct client, link));
		}
	}
	return count;
}

void
clients_drop_pending(struct clients *clients)
{
	for (int i = 0; i < CLIENT_CONSOLE; i++) {
		list_foreach_safe (&clients->by_state[i], link) {
			struct client *client =
			    list_entry(link, struct client, link);

			if (has_pending(client)) {
				client_close(
				    client, CLOSE_CLIENT_SUSPEND_TIMEOUT, NULL);
			}
		}
	}
}
