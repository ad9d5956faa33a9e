/* node.h - a PostgreSQL host as plain data: what it is and how it fares.
 *
 * No I/O and no log here. The monitor and the data plane report, clusters and
 * others observe.
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/list.h"

struct node_set;

enum node_role {
	NODE_ROLE_UNKNOWN,
	NODE_PRIMARY,
	NODE_REPLICA
};

enum node_health {
	NODE_HEALTH_UNKNOWN,
	NODE_UP,
	NODE_DOWN
};

/* Plain additions by whoever routes; never reset. */
struct node_counters {
	uint64_t transactions; /* all that were sent there */
	uint64_t reads;
	uint64_t writes;
	uint64_t replays; /* refused here, and repeated elsewhere */
};

/*
 * Read it freely; change it only through the functions below. Shared by all
 * databases that name the same host and port.
 */
struct node {
	struct node_set *set; /* borrowed; outlives every node of it */
	UT_hash_handle hh;    /* in set, by name */
	unsigned references;
	unsigned id; /* from 1, never used again in this process */

	char *name; /* owned; "host:port" for log and console; the key */
	char *host; /* owned; name, address or directory of a Unix socket */
	int port;

	enum node_role role;
	enum node_health health;
	uint64_t system_identifier; /* 0: unknown */
	int64_t started_us; /* postmaster start, since 1970; 0: unknown */
	uint32_t timeline;  /* 0: unknown */
	/* False for a replica's word out of its control file, which may be
	 * older than what it follows (until its next restartpoint). */
	bool timeline_is_certain;

	/* Insert position of a primary, replay position of a replica. Void (not
	 * valid) after the monitor's connection broke. */
	bool has_position;
	uint64_t position;
	uint64_t position_question; /* number of the question it answers */

	/* The monitor knows this node; the data plane's reports do not count.*/
	bool is_monitored;

	int64_t role_since_us; /* loop time of the last change; 0: never */
	int64_t health_since_us;
	struct error last_error; /* of the last failure; empty text: none yet */
	int64_t last_error_us;

	struct node_counters counters;
	struct list observers; /* of struct node_observer.link */
	bool is_notifying;
};

/* ---- all nodes of the process -------------------------------------------- */

struct node_set *node_set_new(void);

/* Frees *SET, which must have no nodes any more, and sets it to NULL. */
void node_set_free(struct node_set **set);

/* Returns the node for HOST and PORT, made if it is new, counted once more;
 * the caller gives it back with node_release(). */
struct node *node_set_take(struct node_set *set, const char *host, int port);

/* Counts *NODE down, frees it after the last, and sets it to NULL. */
void node_release(struct node **node);

/* The nodes in order of appearance, for the console: NULL starts and ends. */
struct node *node_set_next(const struct node_set *set, const struct node *node);

/* ---- what is told about a node ------------------------------------------- */

/* One answer of the monitor. */
struct node_report {
	enum node_role role;        /* never NODE_ROLE_UNKNOWN */
	uint64_t system_identifier; /* 0: not readable; the old one stays */
	int64_t started_us;         /* 0: not readable; the old one stays */
	uint32_t timeline;          /* 0: not readable */
	bool timeline_is_certain;
	bool has_position;
	uint64_t position;
	uint64_t question; /* its number; numbers only grow */
};

/* The monitor got an answer: the node is UP. */
void node_report_answer(
    struct node *node, const struct node_report *report, int64_t now_us);

/* The monitor, or a data-plane connection refused outright, found NODE DOWN
 * for the reason ERR. Voids its position. The role stays what it was. */
void node_report_down(
    struct node *node, const struct error *err, int64_t now_us);

/* The monitor's connection broke or never came to be, which says nothing yet
 * about health: voids the position and keeps the error. */
void node_report_silence(
    struct node *node, const struct error *err, int64_t now_us);

/* The monitor cannot log in or was stopped: from now on the data plane's
 * reports count. */
void node_report_unmonitored(struct node *node);

/* The data plane logged in; the server said in_hot_standby = STANDBY. Counts
 * only while the monitor has no information of its own. */
void node_report_hot_standby(struct node *node, bool standby, int64_t now_us);

/* The data plane could not connect or log in, for the reason ERR, and nobody
 * could (refused, unreachable, starting up: not a wrong password). Counts only
 * while the monitor has no information of its own. */
void node_report_login_failure(
    struct node *node, const struct error *err, int64_t now_us);

/* ---- who wants to know --------------------------------------------------- */

enum node_change {
	NODE_CHANGED_ROLE = 1,
	NODE_CHANGED_HEALTH = 2,
	NODE_CHANGED_IDENTITY =
	    4 /* timeline, system identifier or start time */
};

struct node_observer {
	struct list_link link; /* in node->observers */
	/* CHANGES: bits of enum node_change. Must not report on, release,
	 * observe or unobserve any node: note it, and act from the ready list.
	 */
	void (*on_change)(struct node_observer *observer, struct node *node,
	    unsigned changes);
};

/* OBSERVER stays its owner's, who takes it off before it goes. */
void node_observe(struct node *node, struct node_observer *observer);
void node_unobserve(struct node *node, struct node_observer *observer);

/* For log and console: "primary", "up", ... */
const char *node_role_name(enum node_role role);
const char *node_health_name(enum node_health health);

#endif
