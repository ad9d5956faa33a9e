/* listeners.h - everything the configuration says to listen on. */
#ifndef NET_LISTENERS_H
#define NET_LISTENERS_H

#include <stddef.h>
#include <stdint.h>

#include "net/listener.h"

struct inherited;
struct listeners;

struct listen_config {
	/* ADDRESS_COUNT names or addresses, none: no TCP. "*" is all of IPv4
	 * and, where the system has it, IPv6. */
	const char *const *addresses;
	size_t address_count;
	const char *unix_directory; /* NULL or "": no Unix socket */
	/* Sockets to take over; if there are any, nothing above is opened.
	 * Borrowed, those taken are -1 afterwards. NULL: none. */
	struct inherited *inherited;
	uint16_t port; /* 0: the first TCP socket picks one for all */
	struct listener_options options;
};

/*
 * Opens them all, or none: NULL and ERR. Names are looked up here and may make
 * it wait, which is harmless before the loop runs.
 */
struct listeners *listeners_open(struct loop *loop,
    const struct listen_config *config, struct logger *logger,
    listener_accept_fn on_accept, void *context, struct error *err);

/* Closes all; sets *LISTENERS to NULL; NULL is accepted. */
void listeners_close(struct listeners **listeners);

void listeners_pause(struct listeners *listeners);
void listeners_resume(struct listeners *listeners);
void listeners_set_options(
    struct listeners *listeners, const struct listener_options *options);

size_t listeners_count(const struct listeners *listeners);
/* INDEX below listeners_count(); TCP comes first. */
struct listener *listeners_at(const struct listeners *listeners, size_t index);

/* The port of the first; what the configuration's 0 has become. */
uint16_t listeners_port(const struct listeners *listeners);

#endif
