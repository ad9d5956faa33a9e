/*
 * resolver.c - host names to addresses, without waiting (c-ares).
 *
 *   lookup --> name --> question to c-ares, at most one per name
 *                ^          |
 *                +-- answer, kept for its time
 *
 * An answer never calls anybody back: it puts the askers on the loop's ready
 * list. So c-ares may answer from within the question, as it does for names in
 * /etc/hosts, and nobody is called from inside c-ares.
 *
 * When the name servers cannot be reached, the last good answer stays in use:
 * an outage of DNS is no reason to lose databases that have not moved.
 */
#include "net/resolver_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"

#define TRIES 3
#define DEFAULT_TIMEOUT_US ((int64_t)2000 * 1000)
#define MIN_DELAY_US ((int64_t)1000)
/* Above this, names whose time is over are forgotten. */
#define MANY_NAMES 1024
#define MAX_NAME_BYTES 253

/* A socket of c-ares. */
struct watched {
	struct io io;
	struct grave grave;
	struct list_link link; /* in resolver->watched */
	struct resolver *resolver;
};

/* ---- c-ares on our loop -------------------------------------------------- */

static void on_timer(struct timer *timer);

/* Lets the timer run until c-ares next wants to be called. */
static void
update_timer(struct resolver *resolver)
{
	struct timeval room, *next;
	int64_t delay_us;

	next = ares_timeout(resolver->channel, NULL, &room);
	if (next == NULL) {
		timer_stop(&resolver->timer);
		return;
	}
	delay_us = (int64_t)next->tv_sec * 1000000 + next->tv_usec;
	if (delay_us < MIN_DELAY_US) {
		delay_us = MIN_DELAY_US;
	}
	timer_start(&resolver->timer, resolver->loop, delay_us, 0, on_timer);
}

static void
on_timer(struct timer *timer)
{
	struct resolver *resolver = list_entry(timer, struct resolver, timer);

	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	update_timer(resolver);
}

static void
on_socket(struct io *io, unsigned events)
{
	struct watched *watched = list_entry(io, struct watched, io);
	struct resolver *resolver = watched->resolver;
	int fd = io->fd;

	/* May close the socket: WATCHED is not touched after it. */
	ares_process_fd(resolver->channel,
	    (events & IO_READ) != 0 ? fd : ARES_SOCKET_BAD,
	    (events & IO_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
	update_timer(resolver);
}

static void
reap_watched(struct grave *grave)
{
	free(list_entry(grave, struct watched, grave));
}

static struct watched *
find_watched(struct resolver *resolver, int fd)
{
	list_foreach (&resolver->watched, item) {
		struct watched *w = list_entry(item, struct watched, link);

		if (w->io.fd == fd) {
			return w;
		}
	}
	return NULL;
}

/* c-ares wants FD watched for this; for nothing: it is about to close it. */
static void
on_socket_state(void *context, ares_socket_t fd, int reads, int writes)
{
	struct resolver *resolver = context;
	struct watched *w = find_watched(resolver, fd);

	if (reads == 0 && writes == 0) {
		if (w != NULL) {
			io_close(&w->io);
			list_remove(&resolver->watched, &w->link);
			loop_bury(resolver->loop, &w->grave);
		}
		return;
	}
	if (w == NULL) {
		w = mem_zalloc(sizeof(*w));
		w->resolver = resolver;
		w->grave.reap = reap_watched;
		io_open(&w->io, resolver->loop, fd, on_socket);
		list_append(&resolver->watched, &w->link);
	}
	io_set(&w->io,
	    (unsigned)((reads != 0 ? IO_READ : 0) |
	        (writes != 0 ? IO_WRITE : 0)));
}

/* ---- names --------------------------------------------------------------- */

static void
name_free(struct resolver *resolver, struct name *name)
{
	assert(name->askers.count == 0 && name->watches.count == 0);
	HASH_DEL(resolver->names, name);
	free(name->host);
	free(name->addresses);
	free(name->former);
	free(name);
}

static void
forget_expired(struct resolver *resolver)
{
	int64_t now_us = loop_now_us(resolver->loop);
	struct name *name, *next;

	HASH_ITER(hh, resolver->names, name, next)
	{
		if (!name->is_pending && name->askers.count == 0 &&
		    name->watches.count == 0 && name->expires_us <= now_us) {
			name_free(resolver, name);
		}
	}
}

struct name *
resolver_name(struct resolver *resolver, const char *host)
{
	struct name *name;

	HASH_FIND_STR(resolver->names, host, name);
	if (name != NULL) {
		return name;
	}
	if (HASH_COUNT(resolver->names) >= MANY_NAMES) {
		forget_expired(resolver);
	}
	name = mem_zalloc(sizeof(*name));
	name->resolver = resolver;
	name->host = mem_strdup(host);
	name->expires_us = INT64_MIN;
	HASH_ADD_KEYPTR(
	    hh, resolver->names, name->host, strlen(name->host), name);
	return name;
}

/* Lets all who ask for NAME have what is known now. */
static void
tell_askers(struct name *name)
{
	list_foreach (&name->askers, item) {
		struct lookup *lookup = list_entry(item, struct lookup, link);

		loop_ready(name->resolver->loop, &lookup->ready);
	}
}

static void
note_failure(struct name *name, int status)
{
	struct resolver *resolver = name->resolver;
	bool answered = status == ARES_ENOTFOUND || status == ARES_ENODATA;

	name->expires_us =
	    loop_now_us(resolver->loop) + resolver->negative_ttl_us;
	if (name->count > 0 && !answered) {
		return; /* nobody said it is wrong now */
	}
	if (name->count > 0) {
		free(name->former);
		name->former = name->addresses;
		name->former_count = name->count;
	}
	name->addresses = NULL;
	name->count = 0;
	error_set(&name->err, SQLSTATE_CANNOT_CONNECT,
	    "could not resolve host name \"%s\": %s", name->host,
	    ares_strerror(status));
}

/* Whether every one of A is among B. */
static bool
are_among(const struct address *a, size_t a_count, const struct address *b,
    size_t b_count)
{
	for (size_t i = 0; i < a_count; i++) {
		if (!address_is_among(&a[i], b, b_count)) {
			return false;
		}
	}
	return true;
}

/* In whatever order: name servers turn theirs. */
static bool
are_same(const struct address *a, size_t a_count, const struct address *b,
    size_t b_count)
{
	return are_among(a, a_count, b, b_count) &&
	    are_among(b, b_count, a, a_count);
}

/* Whether NAME had other addresses before it got those it has. Then BEFORE,
 * COUNT of them, are what it had last; none: it never had any. */
static bool
has_moved(const struct name *name, const struct address *before, size_t count)
{
	if (count == 0) {
		before = name->former;
		count = name->former_count;
	}
	return count > 0 &&
	    !are_same(before, count, name->addresses, name->count);
}

/* Takes over what c-ares found; -1 if there was nothing of use. */
static int
note_found(struct name *name, const struct ares_addrinfo *found)
{
	const struct ares_addrinfo_node *node;
	struct address *before = name->addresses;
	size_t count = 0, i = 0, before_count = name->count;

	for (node = found->nodes; node != NULL; node = node->ai_next) {
		count++;
	}
	if (count == 0) {
		return -1;
	}
	name->addresses = mem_zalloc(count * sizeof(*name->addresses));
	for (node = found->nodes; node != NULL; node = node->ai_next) {
		if (address_from_sockaddr(&name->addresses[i], node->ai_addr,
		        (socklen_t)node->ai_addrlen)) {
			address_set_port(&name->addresses[i], 0);
			i++;
		}
	}
	name->count = i;
	name->expires_us =
	    loop_now_us(name->resolver->loop) + name->resolver->max_ttl_us;
	if (i > 0 && has_moved(name, before, before_count)) {
		name_changed(name);
	}
	free(before);
	return i > 0 ? 0 : -1;
}

static void
on_found(void *context, int status, int timeouts, struct ares_addrinfo *found)
{
	struct name *name = context;

	(void)timeouts;
	name->is_pending = false;
	name->resolver->pending--;
	if (status == ARES_EDESTRUCTION) {
		return; /* resolver_free() */
	}
	if (status != ARES_SUCCESS) {
		note_failure(name, status);
	} else if (note_found(name, found) != 0) {
		note_failure(name, ARES_ENODATA);
	}
	ares_freeaddrinfo(found);
	tell_askers(name);
}

void
resolver_ask(struct name *name)
{
	static const struct ares_addrinfo_hints hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct resolver *resolver = name->resolver;
	size_t length = strlen(name->host);

	if (length == 0 || length > MAX_NAME_BYTES) {
		note_failure(name, ARES_EBADNAME);
		tell_askers(name);
		return;
	}
	name->is_pending = true;
	resolver->pending++;
	ares_getaddrinfo(
	    resolver->channel, name->host, NULL, &hints, on_found, name);
	update_timer(resolver);
}

/* ---- lookups ------------------------------------------------------------- */

/* The best first; or, in turn, each first once. */
static struct address *
copy_addresses(const struct lookup *lookup)
{
	struct name *name = lookup->name;
	struct address *copy =
	    mem_dup(name->addresses, name->count * sizeof(*copy));

	if (lookup->in_turn) {
		size_t first = name->turn++ % name->count;

		for (size_t i = 0; i < name->count; i++) {
			copy[i] = name->addresses[(first + i) % name->count];
		}
	}
	return copy;
}

static void
on_lookup_ready(struct ready *ready)
{
	struct lookup *lookup = list_entry(ready, struct lookup, ready);
	struct name *name = lookup->name;
	struct address *addresses;
	size_t count;
	struct error err;

	if (name == NULL) {
		const struct address numeric = lookup->numeric;

		lookup_cancel(lookup);
		lookup->on_answer(lookup, &numeric, 1, NULL);
		return;
	}
	/* A copy: what is asked in on_answer may change or forget NAME. */
	count = name->count;
	addresses = count == 0 ? NULL : copy_addresses(lookup);
	err = name->err;
	lookup_cancel(lookup);
	lookup->on_answer(lookup, addresses, count, count == 0 ? &err : NULL);
	free(addresses);
}

/* Of a name that is watched the last answer is used until the next is there,
 * which may take long when the name servers do not answer: should it be
 * another, whoever has connected by then hears of it. */
static bool
is_usable(const struct name *name)
{
	return name->watches.count > 0 && name->count > 0;
}

void
lookup_start(struct lookup *lookup, struct resolver *resolver, const char *host,
    void (*on_answer)(struct lookup *lookup, const struct address *addresses,
        size_t count, const struct error *err))
{
	struct name *name;
	bool is_fresh;

	assert(lookup->resolver == NULL);
	lookup->resolver = resolver;
	lookup->on_answer = on_answer;
	lookup->ready.run = on_lookup_ready;
	if (address_from_ip(&lookup->numeric, host, 0)) {
		loop_ready(resolver->loop, &lookup->ready);
		return;
	}
	name = resolver_name(resolver, host);
	lookup->name = name;
	list_append(&name->askers, &lookup->link);
	is_fresh = name->expires_us > loop_now_us(resolver->loop);
	if (!is_fresh && !name->is_pending) {
		resolver_ask(name);
	}
	if (is_fresh || is_usable(name)) {
		loop_ready(resolver->loop, &lookup->ready);
	}
}

void
lookup_cancel(struct lookup *lookup)
{
	if (lookup->resolver == NULL) {
		return;
	}
	loop_unready(lookup->resolver->loop, &lookup->ready);
	if (lookup->name != NULL) {
		list_remove(&lookup->name->askers, &lookup->link);
		lookup->name = NULL;
	}
	lookup->resolver = NULL;
}

/* ---- the resolver -------------------------------------------------------- */

static int
open_channel(struct resolver *resolver, const struct resolver_options *options,
    struct error *err)
{
	char lookups[] = "fb"; /* files first, whatever nsswitch.conf says */
	char *resolv_conf = NULL;
	int64_t timeout_us =
	    options->timeout_us > 0 ? options->timeout_us : DEFAULT_TIMEOUT_US;
	struct ares_options o = {
	    .timeout = (int)(timeout_us / 1000),
	    .tries = TRIES,
	    .lookups = lookups,
	    .sock_state_cb = on_socket_state,
	    .sock_state_cb_data = resolver,
	    .udp_port = options->server_port,
	    .tcp_port = options->server_port,
	};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
	    ARES_OPT_SOCK_STATE_CB;
	int status;

	if (options->server_port != 0) {
		mask |= ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT;
	}
	if (options->resolv_conf != NULL && options->resolv_conf[0] != '\0') {
		resolv_conf = mem_strdup(options->resolv_conf);
		o.resolvconf_path = resolv_conf;
		mask |= ARES_OPT_RESOLVCONF;
	}
	status = ares_init_options(&resolver->channel, &o, mask);
	free(resolv_conf);
	if (status != ARES_SUCCESS) {
		error_set(err, SQLSTATE_INTERNAL,
		    "could not set up name resolution: %s",
		    ares_strerror(status));
		return -1;
	}
	return 0;
}

struct resolver *
resolver_new(struct loop *loop, const struct resolver_options *options,
    struct error *err)
{
	struct resolver *resolver = mem_zalloc(sizeof(*resolver));
	int status = ares_library_init(ARES_LIB_INIT_ALL);

	if (status != ARES_SUCCESS) {
		error_set(err, SQLSTATE_INTERNAL,
		    "could not set up name resolution: %s",
		    ares_strerror(status));
		free(resolver);
		return NULL;
	}
	resolver->loop = loop;
	resolver_set_ttl(
	    resolver, options->max_ttl_us, options->negative_ttl_us);
	if (open_channel(resolver, options, err) != 0) {
		ares_library_cleanup();
		free(resolver);
		return NULL;
	}
	return resolver;
}

void
resolver_free(struct resolver **resolver)
{
	struct resolver *r = *resolver;
	struct name *name, *next;

	if (r == NULL) {
		return;
	}
	ares_destroy(r->channel); /* ends questions, closes sockets */
	assert(r->watched.count == 0 && r->pending == 0);
	timer_stop(&r->timer);
	timer_stop(&r->refresh);
	HASH_ITER(hh, r->names, name, next)
	{
		name_free(r, name);
	}
	ares_library_cleanup();
	free(r);
	*resolver = NULL;
}

void
resolver_set_ttl(
    struct resolver *resolver, int64_t max_ttl_us, int64_t negative_ttl_us)
{
	resolver->max_ttl_us = max_ttl_us;
	resolver->negative_ttl_us = negative_ttl_us;
}

struct resolver_counts
resolver_count(const struct resolver *resolver)
{
	return (struct resolver_counts){
	    .names = HASH_COUNT(resolver->names),
	    .pending = resolver->pending,
	};
}

void
resolver_each(const struct resolver *resolver,
    void (*each)(void *context, const char *host, int64_t ttl_us,
        const struct address *addresses, size_t count),
    void *context)
{
	int64_t now_us = loop_now_us(resolver->loop);
	const struct name *name, *next;

	HASH_ITER(hh, resolver->names, name, next)
	{
		int64_t left_us =
		    name->expires_us > now_us ? name->expires_us - now_us : 0;

		each(
		    context, name->host, left_us, name->addresses, name->count);
	}
}

void
resolver_put_library(struct buf *out)
{
	buf_printf(out, "c-ares %s", ares_version(NULL));
}
