/* through.h - replication connections: bytes that pass as they come. */
#ifndef CLIENT_THROUGH_H
#define CLIENT_THROUGH_H

#include <stddef.h>
#include <stdint.h>

struct client;

/* Takes what it can of SIZE bytes of CLIENT's to its server; returns how many
 * were used. May close CLIENT. */
size_t through_take(struct client *client, const uint8_t *bytes, size_t size);

/* The server of CLIENT has bytes. May close both. */
void through_on_readable(struct client *client);

#endif
