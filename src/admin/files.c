/*
 * files.c - how many files may be open, and how many it takes.
 *
 * When they run out, whoever is connected should still be served: so clients
 * wait outside while there are some left for servers, the monitor and the log.
 */
#include "admin/files.h"

#include <limits.h>

#include "auth/auth_query.h"
#include "conf/config.h"
#include "core/log.h"

/* Listeners, log, timers of the loop, name servers, the monitor. */
#define OWN_FILES 32

/* Connections over which the secrets of users are looked up. */
static int64_t
for_secrets(const struct config *config)
{
	int64_t total = 0;

	for (size_t i = 0; i < config_database_count(config); i++) {
		if (config_auth_user(config, config_database(config, i))[0] !=
		    '\0') {
			total += AUTH_CHANNEL_LINES_MAX;
		}
	}
	return total < AUTH_LINES_MAX ? total : AUTH_LINES_MAX;
}

/* Server connections of the pools that are sure to be there. */
static int64_t
for_servers(const struct config *config)
{
	int64_t total = OWN_FILES + for_secrets(config);

	for (size_t i = 0; i < config_database_count(config); i++) {
		const struct database_conf *entry = config_database(config, i);
		/* A pool of no user in particular, unless it is always one. */
		const char *user = entry->user != NULL ? entry->user : "";
		int64_t size = config_pool_size(config, entry, user);
		int64_t reserve = config_reserve_pool_size(config, entry, user);

		if (size == 0) { /* no limit but the number of clients */
			size = config_settings(config)->max_client_conn;
		}
		/* One more of each host is the monitor's. */
		total += (int64_t)entry->host_count * (1 + size + reserve);
	}
	return total;
}

int64_t
files_needed(const struct config *config)
{
	return config_settings(config)->max_client_conn + for_servers(config);
}

void
files_check(
    const struct config *config, int64_t most, const struct log_source *log)
{
	int64_t needed = files_needed(config);

	if (needed > most) {
		log_warning(log,
		    "max_client_conn = %d and the pools need %lld open files, "
		    "the limit is %lld: clients beyond that will wait to be "
		    "accepted; raise LimitNOFILE= or \"ulimit -n\", or lower "
		    "max_client_conn",
		    config_settings(config)->max_client_conn, (long long)needed,
		    (long long)most);
	}
}

int
files_for_clients(const struct config *config, int64_t most)
{
	int64_t kept = for_servers(config);

	if (most > INT_MAX) {
		return 0;
	}
	if (kept > most / 4) {
		kept = most / 4;
	}
	return (int)(most - kept);
}
