/* listeners.c - everything the configuration says to listen on. */
#include "net/listeners.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "net/inherited.h"

struct listeners {
	struct listener **items; /* owned, each owned */
	size_t count;
};

/* What listeners_open() works with. */
struct opening {
	struct listeners *listeners;
	struct loop *loop;
	const struct listen_config *config;
	struct logger *logger;
	listener_accept_fn on_accept;
	void *context;
	uint16_t port; /* the configuration's, or what its 0 has become */
};

static void
add(struct listeners *listeners, struct listener *listener)
{
	listeners->items = mem_realloc(listeners->items,
	    (listeners->count + 1) * sizeof(struct listener *));
	listeners->items[listeners->count++] = listener;
}

static int
open_one(
    struct opening *opening, const struct address *address, struct error *err)
{
	struct listener *listener =
	    listener_open(opening->loop, address, &opening->config->options,
	        opening->logger, opening->on_accept, opening->context, err);

	if (listener == NULL) {
		return -1;
	}
	add(opening->listeners, listener);
	if (opening->port == 0) {
		opening->port = address_port(listener_address(listener));
	}
	return 0;
}

/* True when this machine has ADDRESS: one without IPv6 may still know the name
 * "localhost" for ::1, and is no less right for it. */
static bool
is_available(const struct address *address)
{
	struct address any_port = *address;
	int fd = socket_open(address->of.any.sa_family);
	bool available;

	address_set_port(&any_port, 0);
	available = fd == -1
	    ? errno != EAFNOSUPPORT
	    : bind(fd, &any_port.of.any, any_port.length) == 0 ||
	        errno != EADDRNOTAVAIL;
	socket_close(&fd);
	return available;
}

static int
open_all_interfaces(struct opening *opening, struct error *err)
{
	struct address address;

	(void)address_from_ip(&address, "0.0.0.0", opening->port);
	if (open_one(opening, &address, err) != 0) {
		return -1;
	}
	(void)address_from_ip(&address, "::", opening->port);
	return is_available(&address) ? open_one(opening, &address, err) : 0;
}

/* True when one of those already open is at ADDRESS; two names may well mean
 * the same. */
static bool
is_open(const struct opening *opening, const struct address *address)
{
	const struct listeners *listeners = opening->listeners;

	for (size_t i = 0; i < listeners->count; i++) {
		if (address_equal(
		        listener_address(listeners->items[i]), address)) {
			return true;
		}
	}
	return false;
}

/* Opens every address FOUND that this machine has. */
static int
open_found(
    struct opening *opening, const struct addrinfo *found, struct error *err)
{
	for (; found != NULL; found = found->ai_next) {
		struct address address;

		if ((found->ai_family != AF_INET &&
		        found->ai_family != AF_INET6) ||
		    !address_from_sockaddr(
		        &address, found->ai_addr, found->ai_addrlen)) {
			continue;
		}
		address_set_port(&address, opening->port);
		if (is_open(opening, &address) || !is_available(&address)) {
			continue;
		}
		if (open_one(opening, &address, err) != 0) {
			return -1;
		}
	}
	return 0;
}

static int
open_name(struct opening *opening, const char *name, struct error *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	size_t before = opening->listeners->count;
	int status = getaddrinfo(name, NULL, &hints, &found);
	int ret;

	if (status != 0) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "could not resolve listen_addr \"%s\": %s", name,
		    gai_strerror(status));
		return -1;
	}
	ret = open_found(opening, found, err);
	freeaddrinfo(found);
	if (ret == 0 && before == 0 && opening->listeners->count == 0) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "listen_addr \"%s\" is no address of this machine", name);
		return -1;
	}
	return ret;
}

static int
open_tcp(struct opening *opening, const char *name, struct error *err)
{
	struct address address;

	if (strcmp(name, "*") == 0) {
		return open_all_interfaces(opening, err);
	}
	if (address_from_ip(&address, name, opening->port)) {
		return is_open(opening, &address)
		    ? 0
		    : open_one(opening, &address, err);
	}
	return open_name(opening, name, err);
}

static int
open_unix(struct opening *opening, struct error *err)
{
	const char *directory = opening->config->unix_directory;
	struct address address;

	if (directory == NULL || directory[0] == '\0') {
		return 0;
	}
	if (address_from_directory(&address, directory, opening->port, err) !=
	    0) {
		return -1;
	}
	return open_one(opening, &address, err);
}

/* Takes over what is there already. */
static int
adopt_inherited(struct opening *opening, struct error *err)
{
	struct inherited *inherited = opening->config->inherited;

	for (size_t i = 0; i < inherited->count; i++) {
		int fd = inherited->fds[i];
		struct listener *listener;

		inherited->fds[i] = -1;
		listener = listener_adopt(opening->loop, fd,
		    &opening->config->options, opening->logger,
		    opening->on_accept, opening->context, err);
		if (listener == NULL) {
			return -1;
		}
		add(opening->listeners, listener);
	}
	return 0;
}

static int
open_configured(struct opening *opening, struct error *err)
{
	const struct listen_config *config = opening->config;

	for (size_t i = 0; i < config->address_count; i++) {
		if (open_tcp(opening, config->addresses[i], err) != 0) {
			return -1;
		}
	}
	if (open_unix(opening, err) != 0) {
		return -1;
	}
	if (opening->listeners->count == 0) {
		error_set(err, SQLSTATE_CONFIG_FILE, "nothing to listen on");
		error_hint(err, "Set listen_addr or unix_socket_dir.");
		return -1;
	}
	return 0;
}

struct listeners *
listeners_open(struct loop *loop, const struct listen_config *config,
    struct logger *logger, listener_accept_fn on_accept, void *context,
    struct error *err)
{
	struct opening opening = {
	    .listeners = mem_zalloc(sizeof(struct listeners)),
	    .loop = loop,
	    .config = config,
	    .logger = logger,
	    .on_accept = on_accept,
	    .context = context,
	    .port = config->port,
	};
	bool is_inherited =
	    config->inherited != NULL && config->inherited->count > 0;

	if ((is_inherited ? adopt_inherited(&opening, err)
	                  : open_configured(&opening, err)) != 0) {
		listeners_close(&opening.listeners);
	}
	return opening.listeners;
}

void
listeners_close(struct listeners **listeners)
{
	struct listeners *l = *listeners;

	if (l == NULL) {
		return;
	}
	for (size_t i = 0; i < l->count; i++) {
		listener_close(&l->items[i]);
	}
	free(l->items);
	free(l);
	*listeners = NULL;
}

void
listeners_pause(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->count; i++) {
		listener_pause(listeners->items[i]);
	}
}

void
listeners_resume(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->count; i++) {
		listener_resume(listeners->items[i]);
	}
}

void
listeners_set_options(
    struct listeners *listeners, const struct listener_options *options)
{
	for (size_t i = 0; i < listeners->count; i++) {
		listener_set_options(listeners->items[i], options);
	}
}

size_t
listeners_count(const struct listeners *listeners)
{
	return listeners->count;
}

struct listener *
listeners_at(const struct listeners *listeners, size_t index)
{
	assert(index < listeners->count);
	return listeners->items[index];
}

uint16_t
listeners_port(const struct listeners *listeners)
{
	return address_port(listener_address(listeners->items[0]));
}
