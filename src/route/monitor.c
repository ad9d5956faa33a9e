/*
 * monitor.c - asks every node what it is, where it stands, and whether it
 * lives.
 *
 * Each node of a cluster with more than one is asked over its own connection
 * (watch.c), whatever the number of databases it serves. Here is who is
 * watched, and what of it is said to the operator: a line for each change, at
 * most LINES_PER_WINDOW per node and minute. What was withheld is counted and
 * followed, when the minute is over, by a line with the state then.
 */
#include "route/monitor.h"

#include <assert.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/mem.h"
#include "net/loop.h"
#include "node/cluster.h"
#include "node/node.h"
#include "route/monitor_login.h"
#include "route/watch.h"

#define LINES_PER_WINDOW 20
#define WINDOW_US ((int64_t)60000000)

/* A node and how many clusters want it watched. */
struct watched {
	UT_hash_handle hh; /* in monitor->nodes, by node */
	struct monitor *monitor;
	struct node *node;   /* borrowed from the clusters that have it */
	struct watch *watch; /* owned; NULL without a login */
	/* Whose login WATCH uses; NULL iff that is NULL. */
	const struct followed *giver;
	struct node_observer observer;
	unsigned clusters;
	struct log_source log;
	struct grave grave;
	struct timer window; /* runs from the first line of a window */
	unsigned lines;      /* in this window */
	unsigned unsaid;     /* lines withheld in it */
};

/* A cluster whose leadership is logged. */
struct followed {
	UT_hash_handle hh; /* in monitor->clusters, by cluster */
	struct monitor *monitor;
	struct cluster *cluster;    /* borrowed until monitor_unwatch() */
	struct monitor_login login; /* its texts are owned */
	struct cluster_observer observer;
};

struct monitor {
	struct watch_shared shared;
	struct watched *nodes;     /* uthash, owned */
	struct followed *clusters; /* uthash, owned */
};

/* ---- what is said -------------------------------------------------------- */

static void
log_context(const void *object, struct buf *out)
{
	const struct watched *watched = object;
	const struct node *node = watched->node;

	buf_append_str(out, " node=");
	log_append_value(out, node->name);
	buf_printf(out, " role=%s health=%s", node_role_name(node->role),
	    node_health_name(node->health));
	if (node->timeline != 0) {
		buf_printf(out, " timeline=%u", node->timeline);
	}
	if (watched->unsaid > 0) {
		buf_printf(out, " unsaid=%u", watched->unsaid);
	}
}

/* The window is over; if lines were withheld in it, says how things stand. */
static void
on_window_over(struct timer *timer)
{
	struct watched *watched = list_entry(timer, struct watched, window);

	watched->lines = 0;
	if (watched->unsaid > 0) {
		log_warning(&watched->log,
		    "node keeps changing: not every change was told");
		watched->unsaid = 0;
	}
}

/* Whether one more line about WATCHED may be written now. */
static bool
may_say(struct watched *watched)
{
	if (watched->lines >= LINES_PER_WINDOW) {
		watched->unsaid++;
		return false;
	}
	if (watched->lines++ == 0) {
		timer_start(&watched->window, watched->monitor->shared.loop,
		    WINDOW_US, 0, on_window_over);
	}
	return true;
}

static void
say_change(struct watched *watched, unsigned changes)
{
	const struct node *node = watched->node;

	if ((changes & NODE_CHANGED_HEALTH) != 0 && node->health == NODE_DOWN) {
		log_warning(
		    &watched->log, "node is down: %s", node->last_error.text);
	} else if ((changes & NODE_CHANGED_HEALTH) != 0) {
		log_info(&watched->log, "node is up");
	} else {
		log_info(&watched->log, "node is now a %s",
		    node_role_name(node->role));
	}
}

static void
on_node_change(
    struct node_observer *observer, struct node *node, unsigned changes)
{
	struct watched *watched =
	    list_entry(observer, struct watched, observer);

	(void)node;
	if ((changes & (NODE_CHANGED_ROLE | NODE_CHANGED_HEALTH)) != 0 &&
	    may_say(watched)) {
		say_change(watched, changes);
	}
}

static struct watched *
find_watched(const struct monitor *monitor, const struct node *node)
{
	struct watched *watched = NULL;

	HASH_FIND_PTR(monitor->nodes, &node, watched);
	return watched;
}

static void
say_event(struct watched *watched, enum cluster_event event)
{
	switch (event) {
	case CLUSTER_NEW_PRIMARY:
		log_info(&watched->log, "writes go to this node");
		break;
	case CLUSTER_NODE_CHANGED:
		break;
	case CLUSTER_TWO_PRIMARIES:
		log_error(&watched->log,
		    "a second primary on the same timeline: it is not used, "
		    "keeping the one in use");
		break;
	case CLUSTER_FOREIGN_NODE:
		log_error(&watched->log,
		    "node belongs to another system than the rest of its "
		    "host list: it is not used system=%llu",
		    (unsigned long long)watched->node->system_identifier);
		break;
	}
}

static void
on_cluster_event(struct cluster_observer *observer, struct cluster *cluster,
    enum cluster_event event, struct node *node)
{
	struct followed *followed =
	    list_entry(observer, struct followed, observer);
	struct watched *watched;

	if (event == CLUSTER_NODE_CHANGED) {
		return; /* told by the node itself, once for all clusters */
	}
	if (node == NULL) {
		node = cluster_last_primary(cluster);
		watched = find_watched(followed->monitor, node);
		if (watched != NULL && may_say(watched)) {
			log_warning(
			    &watched->log, "no primary: writes wait for one");
		}
		return;
	}
	watched = find_watched(followed->monitor, node);
	if (watched != NULL && may_say(watched)) {
		say_event(watched, event);
	}
}

/* ---- who is watched ------------------------------------------------------ */

struct monitor *
monitor_new(struct loop *loop, struct resolver *resolver, struct logger *logger,
    const struct monitor_options *options)
{
	struct monitor *monitor = mem_zalloc(sizeof(*monitor));

	monitor->shared.loop = loop;
	monitor->shared.resolver = resolver;
	monitor->shared.logger = logger;
	monitor_configure(monitor, options);
	return monitor;
}

void
monitor_configure(
    struct monitor *monitor, const struct monitor_options *options)
{
	assert(options->interval_us > 0);
	monitor->shared.options = *options;
}

/* Begins to ask, as the cluster GIVER says, what is not asked yet. */
static void
begin_asking(struct watched *watched, const struct followed *giver)
{
	if (watched->watch == NULL && monitor_login_is_usable(&giver->login)) {
		watched->watch = watch_open(
		    &watched->monitor->shared, watched->node, &giver->login);
		watched->giver = giver;
	}
}

/* Counts NODE as wanted by one cluster more. */
static void
want(
    struct monitor *monitor, struct node *node, const struct followed *followed)
{
	struct watched *watched = find_watched(monitor, node);

	if (watched == NULL) {
		watched = mem_zalloc(sizeof(*watched));
		watched->monitor = monitor;
		watched->node = node;
		watched->log.logger = monitor->shared.logger;
		watched->log.context = log_context;
		watched->log.object = watched;
		watched->observer.on_change = on_node_change;
		node_observe(node, &watched->observer);
		HASH_ADD_PTR(monitor->nodes, node, watched);
	}
	watched->clusters++;
	begin_asking(watched, followed);
}

static bool
has_node(const struct cluster *cluster, const struct node *node)
{
	for (size_t i = 0; i < cluster_count(cluster); i++) {
		if (cluster_node(cluster, i) == node) {
			return true;
		}
	}
	return false;
}

/* The cluster that gave the login leaves: goes on by that of another, without
 * a break if it is the same login. */
static void
change_giver(struct watched *watched)
{
	const struct followed *leaving = watched->giver;
	struct followed *other, *next;

	watched->giver = NULL;
	HASH_ITER(hh, watched->monitor->clusters, other, next)
	{
		if (other != leaving &&
		    monitor_login_is_usable(&other->login) &&
		    has_node(other->cluster, watched->node)) {
			watched->giver = other;
			break;
		}
	}
	if (watched->giver != NULL &&
	    monitor_login_equal(&watched->giver->login, &leaving->login)) {
		return;
	}
	watch_close(watched->watch);
	watched->watch = NULL;
	if (watched->giver != NULL) {
		begin_asking(watched, watched->giver);
	}
}

static void
reap_watched(struct grave *grave)
{
	free(list_entry(grave, struct watched, grave));
}

static void
unwant(struct monitor *monitor, const struct node *node,
    const struct followed *leaving)
{
	struct watched *watched = find_watched(monitor, node);

	assert(watched != NULL);
	if (watched->giver == leaving) {
		change_giver(watched);
	}
	if (--watched->clusters > 0) {
		return;
	}
	assert(watched->watch == NULL);
	node_unobserve(watched->node, &watched->observer);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is in it */
	HASH_DEL(monitor->nodes, watched);
	timer_stop(&watched->window);
	watched->grave.reap = reap_watched;
	loop_bury(monitor->shared.loop, &watched->grave);
}

static struct followed *
find_followed(const struct monitor *monitor, const struct cluster *cluster)
{
	struct followed *followed = NULL;

	HASH_FIND_PTR(monitor->clusters, &cluster, followed);
	return followed;
}

void
monitor_watch(struct monitor *monitor, struct cluster *cluster,
    const struct monitor_login *login)
{
	struct followed *followed;

	assert(find_followed(monitor, cluster) == NULL);
	if (cluster_count(cluster) == 1) {
		return;
	}
	followed = mem_zalloc(sizeof(*followed));
	followed->monitor = monitor;
	followed->cluster = cluster;
	monitor_login_copy(&followed->login, login);
	followed->observer.on_event = on_cluster_event;
	cluster_observe(cluster, &followed->observer);
	HASH_ADD_PTR(monitor->clusters, cluster, followed);
	for (size_t i = 0; i < cluster_count(cluster); i++) {
		want(monitor, cluster_node(cluster, i), followed);
	}
}

void
monitor_unwatch(struct monitor *monitor, struct cluster *cluster)
{
	struct followed *followed = find_followed(monitor, cluster);

	if (followed == NULL) {
		return;
	}
	for (size_t i = 0; i < cluster_count(cluster); i++) {
		unwant(monitor, cluster_node(cluster, i), followed);
	}
	cluster_unobserve(cluster, &followed->observer);
	HASH_DEL(monitor->clusters, followed);
	monitor_login_fini(&followed->login);
	free(followed);
}

void
monitor_free(struct monitor **monitor)
{
	struct monitor *m = *monitor;
	struct followed *followed, *next;

	if (m == NULL) {
		return;
	}
	HASH_ITER(hh, m->clusters, followed, next)
	{
		monitor_unwatch(m, followed->cluster);
	}
	assert(m->nodes == NULL);
	free(m);
	*monitor = NULL;
}

void
monitor_probe(struct monitor *monitor, const struct node *node)
{
	struct watched *watched = find_watched(monitor, node);

	if (watched != NULL && watched->watch != NULL) {
		watch_probe(watched->watch);
	}
}

uint64_t
monitor_last_question(const struct monitor *monitor)
{
	return monitor->shared.last_question;
}
