/*
 * inherited.h - listening sockets that were open before we were started.
 *
 * A service manager may open them and hand them on as descriptors 3, 4, ...:
 * see sd_listen_fds(3), "Notes", for this protocol of three environment
 * variables.
 */
#ifndef NET_INHERITED_H
#define NET_INHERITED_H

#include <stddef.h>

struct error;

struct inherited {
	int *fds; /* owned, each owned; those taken over are -1 */
	size_t count;
};

/*
 * Fills INHERITED with what LISTEN_FDS counts if LISTEN_PID is this process;
 * nothing otherwise. The variables are removed, so that no child takes them
 * for its own. -1 and ERR if one of the descriptors is no stream socket that
 * listens. Before any fork and before other descriptors are opened.
 */
int inherited_take(struct inherited *inherited, struct error *err)
    __attribute__((warn_unused_result));

/* Closes what nobody has taken over. A zeroed one is accepted. */
void inherited_fini(struct inherited *inherited);

#endif
