/* monitor.h - asks every node what it is, where it stands, and whether it
 * lives.
 */
#ifndef ROUTE_MONITOR_H
#define ROUTE_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cluster;
struct logger;
struct loop;
struct monitor;
struct node;
struct resolver;

struct monitor_options {
	int64_t interval_us;         /* between two questions to one node */
	int64_t connect_timeout_us;  /* 0: MONITOR_CONNECT_TIMEOUT_US */
	int64_t question_timeout_us; /* 0: MONITOR_QUESTION_TIMEOUT_US */
};

#define MONITOR_CONNECT_TIMEOUT_US ((int64_t)3000000)
#define MONITOR_QUESTION_TIMEOUT_US ((int64_t)2000000)

/* As whom. NULL and "" mean: not given. Copied. */
struct monitor_login {
	const char *user;
	const char *password;
	const char *passfile;
	const char *dbname;
	const char *sslmode; /* as libpq; not given: prefer */
	const char *sslrootcert;
	const char *sslcert;
	const char *sslkey;
};

/* Returns a monitor that watches nothing yet. RESOLVER looks up the names of
 * hosts and is borrowed; LOGGER may be NULL. */
struct monitor *monitor_new(struct loop *loop, struct resolver *resolver,
    struct logger *logger, const struct monitor_options *options);

/* Stops watching; nothing is called any more. Before LOOP and the clusters
 * end. Sets *MONITOR to NULL; NULL is accepted. */
void monitor_free(struct monitor **monitor);

/* Uses OPTIONS from the next question on. */
void monitor_configure(
    struct monitor *monitor, const struct monitor_options *options);

/*
 * Watches every node of CLUSTER if it has more than one, and writes a log line
 * for each change of a role, of health, or of the primary. A node that is in
 * several clusters is asked once, by the first login given for it; when that
 * cluster is unwatched, by another's, without a break if it is the same.
 * Without a user the nodes are not asked; what the data plane reports then
 * counts.
 */
void monitor_watch(struct monitor *monitor, struct cluster *cluster,
    const struct monitor_login *login);

/* Ends what monitor_watch() began. Not from an observer. */
void monitor_unwatch(struct monitor *monitor, struct cluster *cluster);

/*
 * Asks NODE at once: for use after a refused connection, 57P0x, or 25006 from
 * a primary, or when somebody waits for a position. One question is in flight
 * per node; a probe during it is asked when that has been answered. Nothing
 * happens for a node that is not watched.
 */
void monitor_probe(struct monitor *monitor, const struct node *node);

/*
 * The number of the last question asked of any node; numbers grow by one. An
 * answer is stored in the node with the number of its question: what was done
 * before question N was asked is covered by the answer to N.
 */
uint64_t monitor_last_question(const struct monitor *monitor);

#endif
