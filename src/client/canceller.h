/* canceller.h - a connection that only asks to cancel what another does. */
#ifndef CLIENT_CANCELLER_H
#define CLIENT_CANCELLER_H

#include <stdint.h>

#include "core/list.h"
#include "server/cancel.h"

struct client;
struct startup;

/* What such connections have come to, of one process. */
struct cancel_counts {
	uint64_t requests;   /* taken, of all kinds */
	uint64_t from_peers; /* of these, forwarded by one */
	uint64_t sent;       /* went to a server */
	uint64_t forwarded;  /* went to the peer whose key it is */
	uint64_t queued;     /* their client was waiting for a server */
	uint64_t needless;   /* their client was doing nothing */
	uint64_t unknown;    /* nobody's key: ignored */
	uint64_t crowded;    /* too many at a time: ignored */
	uint64_t timed_out;  /* cancel_wait_timeout */
};

/* CLIENT has sent the CancelRequest in STARTUP: it stays until that is done, as
 * the sender may wait for it. May close CLIENT. */
void canceller_begin(struct client *client, const struct startup *startup);

/* CLIENT closes. */
void canceller_end(struct client *client);

#endif
