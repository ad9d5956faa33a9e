/*
 * name_watch.c - names whose addresses are in use: they are looked up again
 * whenever their time is over, so that a host that has moved is noticed though
 * nobody connects.
 *
 * One timer for all of them. Who watches a name that nobody has asked for yet
 * does so with the first tick.
 */
#include "net/resolver_int.h"

#include <stdlib.h>

#include "core/mem.h"

#define REFRESH_US ((int64_t)250 * 1000)

static void
on_refresh(struct timer *timer)
{
	struct resolver *resolver = list_entry(timer, struct resolver, refresh);
	int64_t now_us = loop_now_us(resolver->loop);
	struct name *name, *next;

	HASH_ITER(hh, resolver->names, name, next)
	{
		if (name->watches.count > 0 && !name->is_pending &&
		    name->expires_us <= now_us) {
			resolver_ask(name);
		}
	}
}

static void
on_ready(struct ready *ready)
{
	struct name_watch *watch = list_entry(ready, struct name_watch, ready);
	const struct name *name = watch->name;
	struct address *addresses;
	size_t count = name->count;

	if (count > 0) {
		/* A copy: NAME may go with the last who watches it. */
		addresses =
		    mem_dup(name->addresses, count * sizeof(*addresses));
		watch->on_change(watch, addresses, count);
		free(addresses);
	}
}

void
name_changed(struct name *name)
{
	list_foreach (&name->watches, link) {
		loop_ready(name->resolver->loop,
		    &list_entry(link, struct name_watch, link)->ready);
	}
}

static bool
is_name(const char *host)
{
	struct address ignored;

	return host[0] != '/' && host[0] != '@' &&
	    !address_from_ip(&ignored, host, 0);
}

void
name_watch_start(struct name_watch *watch, struct resolver *resolver,
    const char *host,
    void (*on_change)(struct name_watch *watch, const struct address *addresses,
        size_t count))
{
	if (!is_name(host)) {
		return;
	}
	watch->name = resolver_name(resolver, host);
	watch->on_change = on_change;
	watch->ready.run = on_ready;
	list_append(&watch->name->watches, &watch->link);
	if (++resolver->watches == 1) {
		timer_start(&resolver->refresh, resolver->loop, REFRESH_US,
		    REFRESH_US, on_refresh);
	}
}

void
name_watch_stop(struct name_watch *watch)
{
	struct name *name = watch->name;

	if (name == NULL) {
		return;
	}
	loop_unready(name->resolver->loop, &watch->ready);
	list_remove(&name->watches, &watch->link);
	watch->name = NULL;
	if (--name->resolver->watches == 0) {
		timer_stop(&name->resolver->refresh);
	}
}
