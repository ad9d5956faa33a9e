/*
 * node.c - a PostgreSQL host as plain data: what it is and how it fares.
 *
 * Two sources report: the monitor, which asks, and the data plane, which sees
 * logins succeed and fail. While the monitor has information of its own the
 * data plane's reports are not taken (a login may fail for reasons that are no
 * node's); what the data plane sees then makes it ask for a probe instead.
 *
 *   UNKNOWN --> UP <--> DOWN      node_report_*()
 *      \___________________/
 *
 * The role outlives DOWN: a primary that restarts was a primary.
 */
#include "node/node.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

struct node_set {
	struct node *by_name; /* uthash, in order of appearance */
	unsigned last_id;
};

struct node_set *
node_set_new(void)
{
	return mem_zalloc(sizeof(struct node_set));
}

void
node_set_free(struct node_set **set)
{
	if (*set == NULL) {
		return;
	}
	assert((*set)->by_name == NULL);
	free(*set);
	*set = NULL;
}

/* Returns "host:port"; the caller frees it. An IPv6 address gets brackets. */
static char *
make_name(const char *host, int port)
{
	bool bare = strchr(host, ':') != NULL && host[0] != '/';
	size_t size = strlen(host) + sizeof("[]:-2147483648");
	char *name = mem_alloc(size);

	(void)snprintf(name, size, bare ? "[%s]:%d" : "%s:%d", host, port);
	return name;
}

struct node *
node_set_take(struct node_set *set, const char *host, int port)
{
	char *name = make_name(host, port);
	struct node *node = NULL;

	HASH_FIND_STR(set->by_name, name, node);
	if (node != NULL) {
		free(name);
		node->references++;
		return node;
	}
	node = mem_zalloc(sizeof(*node));
	node->set = set;
	node->references = 1;
	node->id = ++set->last_id;
	node->name = name;
	node->host = mem_strdup(host);
	node->port = port;
	HASH_ADD_KEYPTR(hh, set->by_name, name, strlen(name), node);
	return node;
}

void
node_release(struct node **node)
{
	struct node *n = *node;

	*node = NULL;
	assert(n->references > 0 && !n->is_notifying);
	if (--n->references > 0) {
		return;
	}
	assert(n->observers.count == 0);
	HASH_DEL(n->set->by_name, n);
	free(n->name);
	free(n->host);
	free(n);
}

struct node *
node_set_next(const struct node_set *set, const struct node *node)
{
	return node == NULL ? set->by_name : node->hh.next;
}

/* ---- observers ----------------------------------------------------------- */

void
node_observe(struct node *node, struct node_observer *observer)
{
	assert(!node->is_notifying);
	list_append(&node->observers, &observer->link);
}

void
node_unobserve(struct node *node, struct node_observer *observer)
{
	assert(!node->is_notifying);
	list_remove(&node->observers, &observer->link);
}

/* Tells CHANGES to whoever observes. */
static void
notify(struct node *node, unsigned changes)
{
	if (changes == 0) {
		return;
	}
	node->is_notifying = true;
	list_foreach (&node->observers, link) {
		struct node_observer *observer =
		    list_entry(link, struct node_observer, link);

		observer->on_change(observer, node, changes);
	}
	node->is_notifying = false;
}

/* ---- reports ------------------------------------------------------------- */

static unsigned
set_role(struct node *node, enum node_role role, int64_t now_us)
{
	if (node->role == role) {
		return 0;
	}
	node->role = role;
	node->role_since_us = now_us;
	return NODE_CHANGED_ROLE;
}

static unsigned
set_health(struct node *node, enum node_health health, int64_t now_us)
{
	if (node->health == health) {
		return 0;
	}
	node->health = health;
	node->health_since_us = now_us;
	return NODE_CHANGED_HEALTH;
}

static void
set_error(struct node *node, const struct error *err, int64_t now_us)
{
	node->last_error = *err;
	node->last_error_us = now_us;
}

/* Takes timeline, system and start from REPORT. A control file that lags never
 * takes back a timeline already seen in the same run of the server. */
static unsigned
set_identity(struct node *node, const struct node_report *report)
{
	struct node before = *node;

	if (report->system_identifier != 0) {
		node->system_identifier = report->system_identifier;
	}
	if (report->started_us != 0) {
		node->started_us = report->started_us;
	}
	if (report->timeline_is_certain ||
	    node->started_us != before.started_us ||
	    node->system_identifier != before.system_identifier ||
	    report->timeline >= before.timeline) {
		node->timeline = report->timeline;
		node->timeline_is_certain = report->timeline_is_certain;
	}
	return node->system_identifier != before.system_identifier ||
	        node->started_us != before.started_us ||
	        node->timeline != before.timeline ||
	        node->timeline_is_certain != before.timeline_is_certain
	    ? NODE_CHANGED_IDENTITY
	    : 0;
}

void
node_report_answer(
    struct node *node, const struct node_report *report, int64_t now_us)
{
	unsigned changes = 0;

	assert(report->role != NODE_ROLE_UNKNOWN && !node->is_notifying);
	node->is_monitored = true;
	changes |= set_identity(node, report);
	changes |= set_role(node, report->role, now_us);
	changes |= set_health(node, NODE_UP, now_us);
	node->has_position = report->has_position;
	node->position = report->position;
	node->position_question = report->question;
	notify(node, changes);
}

void
node_report_down(struct node *node, const struct error *err, int64_t now_us)
{
	assert(!node->is_notifying);
	node->has_position = false;
	set_error(node, err, now_us);
	notify(node, set_health(node, NODE_DOWN, now_us));
}

void
node_report_silence(struct node *node, const struct error *err, int64_t now_us)
{
	assert(!node->is_notifying);
	node->has_position = false;
	set_error(node, err, now_us);
}

void
node_report_unmonitored(struct node *node)
{
	node->is_monitored = false;
	node->has_position = false;
}

void
node_report_hot_standby(struct node *node, bool standby, int64_t now_us)
{
	unsigned changes = 0;

	assert(!node->is_notifying);
	if (node->is_monitored) {
		return;
	}
	changes |=
	    set_role(node, standby ? NODE_REPLICA : NODE_PRIMARY, now_us);
	changes |= set_health(node, NODE_UP, now_us);
	notify(node, changes);
}

void
node_report_login_failure(
    struct node *node, const struct error *err, int64_t now_us)
{
	assert(!node->is_notifying);
	if (node->is_monitored) {
		return;
	}
	set_error(node, err, now_us);
	notify(node, set_health(node, NODE_DOWN, now_us));
}

/* ---- names --------------------------------------------------------------- */

const char *
node_role_name(enum node_role role)
{
	switch (role) {
	case NODE_ROLE_UNKNOWN:
		return "unknown";
	case NODE_PRIMARY:
		return "primary";
	case NODE_REPLICA:
		return "replica";
	}
	assert(!"unreachable");
	return "";
}

const char *
node_health_name(enum node_health health)
{
	switch (health) {
	case NODE_HEALTH_UNKNOWN:
		return "unknown";
	case NODE_UP:
		return "up";
	case NODE_DOWN:
		return "down";
	}
	assert(!"unreachable");
	return "";
}
