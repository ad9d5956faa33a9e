/* resolver_int.h - the inside of the resolver, for its own files. */
#ifndef NET_RESOLVER_INT_H
#define NET_RESOLVER_INT_H

#include <ares.h>
#include <stdbool.h>

#include "core/error.h"
#include "core/hash.h"
#include "net/resolver.h"

/* What is known about one host name. */
struct name {
	UT_hash_handle hh;
	char *host; /* owned; the key */
	struct resolver *resolver;
	struct list askers;  /* of struct lookup */
	struct list watches; /* of struct name_watch */
	unsigned turn;       /* which address is first for who asks in turn */
	struct address *addresses; /* owned; the last good answer */
	size_t count;
	struct address *former; /* owned; the last good answer of a name that
	                           is not found any more */
	size_t former_count;
	struct error err;   /* why, if count is 0 */
	int64_t expires_us; /* loop time */
	bool is_pending;    /* c-ares has been asked */
};

struct resolver {
	struct loop *loop; /* borrowed */
	ares_channel channel;
	struct timer timer;   /* for c-ares */
	struct timer refresh; /* runs while names are watched */
	size_t watches;       /* how many there are */
	struct list watched;  /* of struct watched */
	struct name *names;   /* owned */
	int64_t max_ttl_us;
	int64_t negative_ttl_us;
	size_t pending;
};

/* What is known about HOST, made if nothing is. */
struct name *resolver_name(struct resolver *resolver, const char *host);

/* Asks the name servers for NAME, which is not pending. */
void resolver_ask(struct name *name);

/* Its addresses are not what they were: tells who watches it. */
void name_changed(struct name *name);

#endif
