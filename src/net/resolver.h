/*
 * resolver.h - host names to addresses, without waiting (c-ares).
 *
 * Names in /etc/hosts and "localhost" need no name server. Answers, also bad
 * ones, are remembered for a while; who asks for the same name meanwhile shares
 * the question.
 */
#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/list.h"
#include "net/address.h"
#include "net/loop.h"

struct buf;
struct error;
struct name;
struct resolver;

struct resolver_options {
	const char *resolv_conf; /* path; NULL or "": the system's */
	int64_t max_ttl_us;      /* an answer is used for this long */
	int64_t negative_ttl_us; /* a failure is believed for this long */
	int64_t timeout_us;      /* of a question's first attempt; 0: 2 s */
	uint16_t server_port;    /* of the name servers; 0: 53 */
};

/* Returns a resolver on LOOP; NULL and ERR if c-ares refuses. */
struct resolver *resolver_new(struct loop *loop,
    const struct resolver_options *options, struct error *err);

/* Frees it; no lookup may be under way, and no name be watched. NULL is
 * accepted. */
void resolver_free(struct resolver **resolver);

/* Changes how long answers are used, from the next one on. */
void resolver_set_ttl(
    struct resolver *resolver, int64_t max_ttl_us, int64_t negative_ttl_us);

/* Embedded in who asks; zeroed: not asking. */
struct lookup {
	struct list_link link; /* in the name's askers */
	struct ready ready;    /* queued once the answer is there */
	struct resolver *resolver;
	struct name *name; /* borrowed; NULL unless asking for a name */
	struct address numeric;
	bool in_turn; /* several addresses begin with another each time; set
	                 before it is started */
	/*
	 * ADDRESSES, COUNT of them, best first, with port 0; borrowed for the
	 * time of the call. Or COUNT is 0 and ERR says why.
	 */
	void (*on_answer)(struct lookup *lookup,
	    const struct address *addresses, size_t count,
	    const struct error *err);
};

/*
 * Asks for HOST, a name or a numeric address. ON_ANSWER is called once, from
 * the loop's ready list and never from here: in this turn already for a number
 * or a remembered name. LOOKUP must not be asking yet.
 */
void lookup_start(struct lookup *lookup, struct resolver *resolver,
    const char *host,
    void (*on_answer)(struct lookup *lookup, const struct address *addresses,
        size_t count, const struct error *err));

/* ON_ANSWER is not called any more. Idempotent; a zeroed one is accepted. */
void lookup_cancel(struct lookup *lookup);

/* ---- names in use -------------------------------------------------------- */

/* Embedded in who uses the addresses of a name for long; zeroed: does not. */
struct name_watch {
	struct list_link link; /* in the name's watches */
	struct ready ready;    /* queued when there is news */
	struct name *name;     /* borrowed; NULL: not watching */
	/* The name has other addresses than before, ADDRESSES with port 0,
	 * borrowed for the time of the call. From the ready list. Not called
	 * when a name is not found any more: what is in use works as long as it
	 * works. */
	void (*on_change)(struct name_watch *watch,
	    const struct address *addresses, size_t count);
};

/* From now on HOST is looked up again whenever its time is over, whoever asks.
 * Nothing happens if it is a number, or the directory of a socket. */
void name_watch_start(struct name_watch *watch, struct resolver *resolver,
    const char *host,
    void (*on_change)(struct name_watch *watch, const struct address *addresses,
        size_t count));

/* Idempotent; a zeroed one is accepted. */
void name_watch_stop(struct name_watch *watch);

/* Appends name and version of the library below: "c-ares 1.18.1". */
void resolver_put_library(struct buf *out);

/* ---- SHOW DNS_HOSTS and SHOW LISTS --------------------------------------- */

struct resolver_counts {
	size_t names;   /* remembered, good or bad */
	size_t pending; /* questions under way */
};

struct resolver_counts resolver_count(const struct resolver *resolver);

/* Calls EACH(CONTEXT, ...) for every remembered name, in no order. TTL_US is
 * what is left of its time, 0 if over. */
void resolver_each(const struct resolver *resolver,
    void (*each)(void *context, const char *host, int64_t ttl_us,
        const struct address *addresses, size_t count),
    void *context);

#endif
