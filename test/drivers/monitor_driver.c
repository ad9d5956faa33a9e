/*
 * monitor_driver.c - watches nodes and prints what the monitor finds.
 *
 * Usage: monitor_driver USER PASSWORD DBNAME SECONDS HOST:PORT...
 * For trying the monitor on real servers by hand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/log.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "node/cluster.h"
#include "node/lsn.h"
#include "node/node.h"
#include "route/monitor.h"

#define HOSTS_MAX 8
#define SECOND ((int64_t)1000000)

static struct {
	struct loop *loop;
	struct cluster *cluster;
	struct monitor *monitor;
	int64_t end_us;
} driver;

static void
on_second(struct timer *timer)
{
	const struct node *primary = cluster_primary(driver.cluster);

	(void)timer;
	for (size_t i = 0; i < cluster_count(driver.cluster); i++) {
		const struct node *node = cluster_node(driver.cluster, i);
		char lsn[LSN_TEXT_BYTES] = "-";

		if (node->has_position) {
			lsn_format(node->position, lsn);
		}
		printf("%s%s %s/%s tl=%u%s lsn=%s q=%llu%s  ",
		    node == primary ? "*" : "", node->name,
		    node_role_name(node->role), node_health_name(node->health),
		    node->timeline, node->timeline_is_certain ? "!" : "", lsn,
		    (unsigned long long)node->position_question,
		    cluster_is_replica(driver.cluster, node) ? " r" : "");
	}
	printf("\n");
	(void)fflush(stdout);
	if (loop_now_us(driver.loop) >= driver.end_us) {
		loop_stop(driver.loop);
	}
}

int
main(int argc, char **argv)
{
	struct cluster_host hosts[HOSTS_MAX];
	struct resolver_options names = {
	    .max_ttl_us = 15 * SECOND, .negative_ttl_us = 15 * SECOND};
	struct monitor_options options = {.interval_us = SECOND};
	struct node_set *set = node_set_new();
	struct logger *logger = logger_new();
	struct monitor_login login = {0};
	struct resolver *resolver;
	struct timer timer = {0};
	struct error err;
	size_t count = 0;

	if (argc < 6 || argc - 5 > HOSTS_MAX) {
		(void)fprintf(stderr,
		    "usage: %s USER PASSWORD DBNAME SECONDS HOST:PORT...\n",
		    argv[0]);
		return 2;
	}
	login.user = argv[1];
	login.password = argv[2];
	login.dbname = argv[3];
	for (int i = 5; i < argc; i++) {
		char *colon = strrchr(argv[i], ':');

		if (colon == NULL) {
			return 2;
		}
		*colon = '\0';
		hosts[count++] =
		    (struct cluster_host){argv[i], atoi(colon + 1), 1};
	}
	driver.loop = loop_new(&err);
	resolver = resolver_new(driver.loop, &names, &err);
	driver.cluster = cluster_new(set, hosts, count);
	driver.monitor = monitor_new(driver.loop, resolver, logger, &options);
	driver.end_us = loop_now_us(driver.loop) + atoi(argv[4]) * SECOND;
	monitor_watch(driver.monitor, driver.cluster, &login);
	timer_start(&timer, driver.loop, SECOND, SECOND, on_second);
	loop_run(driver.loop);
	timer_stop(&timer);
	monitor_free(&driver.monitor);
	cluster_free(&driver.cluster);
	node_set_free(&set);
	resolver_free(&resolver);
	loop_free(&driver.loop);
	logger_free(&logger);
	return 0;
}
