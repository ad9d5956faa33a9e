/*
 * cluster.c - the nodes of one database's host list, and who leads them.
 *
 * The primary is decided anew whenever a node changes, from what all nodes
 * last said, and kept until then: asking for it costs a pointer. Reports of a
 * condition (two primaries, foreign system) are made on entering it, so what
 * lasts is told once.
 *
 * Which system is "ours" is settled by the first node that answers. It stays
 * while a node of it is up, and while the last primary, up or down, was last
 * seen to be of it: a stranger in the host list never takes over because ours
 * are down. Only when the last primary's own address answers with another
 * system has the cluster been rebuilt, and that settles it anew.
 */
#include "node/cluster.h"

#include <assert.h>
#include <stdlib.h>

#include "conf/database.h"
#include "core/mem.h"
#include "node/node.h"

struct member {
	struct node *node; /* shared */
	struct node_observer observer;
	struct cluster *cluster; /* borrowed; owns us */
	int weight;
	int64_t credit;   /* of the weighted round robin */
	bool is_foreign;  /* told, as of the last decision */
	bool is_conflict; /* told: a primary besides ours, as of the last */
};

struct cluster {
	struct member *members; /* owned */
	size_t count;
	struct node *primary; /* borrowed from a member; NULL: none */
	struct node *last_primary;
	uint64_t system_identifier; /* ours; 0: not settled */
	size_t primary_turn;
	size_t candidate_turn;
	struct list observers; /* of struct cluster_observer.link */
};

static void on_node_change(
    struct node_observer *observer, struct node *node, unsigned changes);

static struct member *
find_member(const struct cluster *cluster, const struct node *node)
{
	for (size_t i = 0; i < cluster->count; i++) {
		if (cluster->members[i].node == node) {
			return &cluster->members[i];
		}
	}
	return NULL;
}

static void
tell(struct cluster *cluster, enum cluster_event event, struct node *node)
{
	list_foreach (&cluster->observers, link) {
		struct cluster_observer *observer =
		    list_entry(link, struct cluster_observer, link);

		observer->on_event(observer, cluster, event, node);
	}
}

/* ---- decisions ----------------------------------------------------------- */

static bool
has_our_system(const struct cluster *cluster, const struct node *node)
{
	return node != NULL && cluster->system_identifier != 0 &&
	    node->system_identifier == cluster->system_identifier;
}

/* Whether the choice of our system stands, see above. */
static bool
is_settled(const struct cluster *cluster)
{
	bool somebody_has = false;

	for (size_t i = 0; i < cluster->count; i++) {
		const struct node *node = cluster->members[i].node;

		if (has_our_system(cluster, node)) {
			somebody_has = true;
			if (node->health == NODE_UP) {
				return true;
			}
		}
	}
	return cluster->last_primary != NULL &&
	        cluster->last_primary->system_identifier != 0
	    ? has_our_system(cluster, cluster->last_primary)
	    : somebody_has;
}

static void
settle_system(struct cluster *cluster)
{
	if (is_settled(cluster)) {
		return;
	}
	for (size_t i = 0; i < cluster->count; i++) {
		const struct node *node = cluster->members[i].node;

		if (node->health == NODE_UP && node->system_identifier != 0) {
			cluster->system_identifier = node->system_identifier;
			return;
		}
	}
}

static void
mark_foreigners(struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->count; i++) {
		struct member *member = &cluster->members[i];
		uint64_t system = member->node->system_identifier;
		bool was_foreign = member->is_foreign;

		member->is_foreign =
		    system != 0 && system != cluster->system_identifier;
		if (member->is_foreign && !was_foreign) {
			tell(cluster, CLUSTER_FOREIGN_NODE, member->node);
		}
	}
}

/* Whether MEMBER says it is a primary and may be used as one. */
static bool
is_primary(const struct member *member)
{
	return member->node->role == NODE_PRIMARY &&
	    member->node->health == NODE_UP && !member->is_foreign;
}

/* Whether A and B are one server by two addresses. */
static bool
is_same_server(const struct node *a, const struct node *b)
{
	return a == b ||
	    (a->started_us != 0 && a->started_us == b->started_us &&
	        a->system_identifier == b->system_identifier &&
	        a->timeline == b->timeline);
}

/* The highest timeline among the primaries; at equality the one in use, else
 * the first in the list. NULL: no primary. */
static struct node *
choose_primary(const struct cluster *cluster)
{
	struct node *best = NULL;

	for (size_t i = 0; i < cluster->count; i++) {
		const struct member *member = &cluster->members[i];
		struct node *node = member->node;

		if (is_primary(member) &&
		    (best == NULL || node->timeline > best->timeline ||
		        (node->timeline == best->timeline &&
		            node == cluster->primary))) {
			best = node;
		}
	}
	return best;
}

/* Tells of primaries of our timeline that are another server than ours. */
static void
mark_conflicts(struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->count; i++) {
		struct member *member = &cluster->members[i];
		bool was_conflict = member->is_conflict;

		member->is_conflict = cluster->primary != NULL &&
		    is_primary(member) &&
		    member->node->timeline == cluster->primary->timeline &&
		    !is_same_server(member->node, cluster->primary);
		if (member->is_conflict && !was_conflict) {
			tell(cluster, CLUSTER_TWO_PRIMARIES, member->node);
		}
	}
}

static void
decide(struct cluster *cluster)
{
	struct node *primary;

	if (cluster->count == 1) {
		return;
	}
	settle_system(cluster);
	mark_foreigners(cluster);
	primary = choose_primary(cluster);
	if (primary != cluster->primary) {
		cluster->primary = primary;
		if (primary != NULL) {
			cluster->last_primary = primary;
		}
		tell(cluster, CLUSTER_NEW_PRIMARY, primary);
	}
	mark_conflicts(cluster);
}

static void
on_node_change(
    struct node_observer *observer, struct node *node, unsigned changes)
{
	struct member *member = list_entry(observer, struct member, observer);
	struct cluster *cluster = member->cluster;

	if ((changes & (NODE_CHANGED_ROLE | NODE_CHANGED_HEALTH)) != 0) {
		tell(cluster, CLUSTER_NODE_CHANGED, node);
	}
	decide(cluster);
}

/* ---- life ---------------------------------------------------------------- */

/* Adds HOST unless it is there already. */
static void
add_member(struct cluster *cluster, struct node_set *set,
    const struct cluster_host *host)
{
	struct node *node = node_set_take(set, host->host, host->port);
	struct member *member;

	if (find_member(cluster, node) != NULL) {
		node_release(&node);
		return;
	}
	member = &cluster->members[cluster->count++];
	member->node = node;
	member->cluster = cluster;
	member->weight = host->weight;
	member->observer.on_change = on_node_change;
	node_observe(node, &member->observer);
}

struct cluster *
cluster_new(
    struct node_set *set, const struct cluster_host *hosts, size_t count)
{
	struct cluster *cluster = mem_zalloc(sizeof(*cluster));

	assert(count > 0);
	cluster->members = mem_zalloc(count * sizeof(*cluster->members));
	for (size_t i = 0; i < count; i++) {
		assert(hosts[i].weight > 0);
		add_member(cluster, set, &hosts[i]);
	}
	if (cluster->count == 1) {
		cluster->primary = cluster->members[0].node;
		cluster->last_primary = cluster->primary;
	}
	/* The nodes may be known already from another database. */
	decide(cluster);
	return cluster;
}

struct cluster *
cluster_of(struct node_set *set, const struct database_conf *entry)
{
	struct cluster_host *hosts =
	    mem_zalloc(entry->host_count * sizeof(*hosts));
	struct cluster *cluster;

	for (size_t i = 0; i < entry->host_count; i++) {
		hosts[i].host = entry->hosts[i].name;
		hosts[i].port = entry->hosts[i].port;
		hosts[i].weight = entry->hosts[i].weight;
	}
	cluster = cluster_new(set, hosts, entry->host_count);
	free(hosts);
	return cluster;
}

void
cluster_free(struct cluster **cluster)
{
	struct cluster *c = *cluster;

	if (c == NULL) {
		return;
	}
	assert(c->observers.count == 0);
	for (size_t i = 0; i < c->count; i++) {
		node_unobserve(c->members[i].node, &c->members[i].observer);
		node_release(&c->members[i].node);
	}
	free(c->members);
	free(c);
	*cluster = NULL;
}

void
cluster_observe(struct cluster *cluster, struct cluster_observer *observer)
{
	list_append(&cluster->observers, &observer->link);
}

void
cluster_unobserve(struct cluster *cluster, struct cluster_observer *observer)
{
	list_remove(&cluster->observers, &observer->link);
}

/* ---- questions ----------------------------------------------------------- */

size_t
cluster_count(const struct cluster *cluster)
{
	return cluster->count;
}

struct node *
cluster_node(const struct cluster *cluster, size_t index)
{
	assert(index < cluster->count);
	return cluster->members[index].node;
}

int
cluster_weight(const struct cluster *cluster, size_t index)
{
	assert(index < cluster->count);
	return cluster->members[index].weight;
}

struct node *
cluster_primary(const struct cluster *cluster)
{
	return cluster->primary;
}

struct node *
cluster_last_primary(const struct cluster *cluster)
{
	return cluster->last_primary;
}

bool
cluster_is_primary(const struct cluster *cluster, const struct node *node)
{
	const struct member *member = find_member(cluster, node);

	return node == cluster->primary ||
	    (cluster->primary != NULL && member != NULL && is_primary(member) &&
	        is_same_server(node, cluster->primary));
}

struct node *
cluster_next_primary(struct cluster *cluster)
{
	if (cluster->count == 1 || cluster->primary == NULL) {
		return cluster->primary;
	}
	for (size_t i = 0; i < cluster->count; i++) {
		size_t index = cluster->primary_turn++ % cluster->count;
		const struct member *member = &cluster->members[index];

		if (is_primary(member) &&
		    is_same_server(member->node, cluster->primary)) {
			return member->node;
		}
	}
	return cluster->primary;
}

struct node *
cluster_next_candidate(struct cluster *cluster)
{
	if (cluster->primary != NULL) {
		return NULL;
	}
	for (size_t i = 0; i < cluster->count; i++) {
		size_t index = cluster->candidate_turn++ % cluster->count;
		struct node *node = cluster->members[index].node;

		if (node->role == NODE_ROLE_UNKNOWN &&
		    node->health != NODE_DOWN) {
			return node;
		}
	}
	return NULL;
}

/*
 * A replica that may still follow an old primary is not read from: it would
 * show a history that is not ours. Where only its control file can be read,
 * that means waiting for its next restartpoint after a promotion.
 */
static bool
is_replica(const struct cluster *cluster, const struct member *member)
{
	const struct node *node = member->node;
	const struct node *primary = cluster->primary;

	return node->role == NODE_REPLICA && node->health == NODE_UP &&
	    !member->is_foreign &&
	    !(node->timeline != 0 && primary != NULL &&
	        primary->timeline != 0 && node->timeline != primary->timeline);
}

bool
cluster_is_replica(const struct cluster *cluster, const struct node *node)
{
	const struct member *member = find_member(cluster, node);

	return member != NULL && cluster->count > 1 &&
	    is_replica(cluster, member);
}

bool
cluster_is_foreign(const struct cluster *cluster, const struct node *node)
{
	const struct member *member = find_member(cluster, node);

	return member != NULL && member->is_foreign;
}

/*
 * Smooth weighted round robin: all that may be chosen gain their weight, the
 * richest (the first of them) is chosen and pays what was handed out. Who may
 * not be chosen neither gains nor pays, so it does not come back with a burst.
 */
struct node *
cluster_next_replica(
    struct cluster *cluster, cluster_accept_fn accept, void *context)
{
	struct member *best = NULL;
	int64_t handed_out = 0;

	if (cluster->count == 1) {
		return NULL;
	}
	for (size_t i = 0; i < cluster->count; i++) {
		struct member *member = &cluster->members[i];

		if (!is_replica(cluster, member) ||
		    (accept != NULL && !accept(member->node, context))) {
			continue;
		}
		member->credit += member->weight;
		handed_out += member->weight;
		if (best == NULL || member->credit > best->credit) {
			best = member;
		}
	}
	if (best == NULL) {
		return NULL;
	}
	best->credit -= handed_out;
	return best->node;
}
