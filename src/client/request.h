/* request.h - the parts of request.c that hold a BEGIN back. */
#ifndef CLIENT_REQUEST_H
#define CLIENT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;

/*
 * The SIZE bytes AT are a BEGIN READ ONLY: answers it, and keeps it until its
 * first statement shows where both go. The last text looked up is the BEGIN or
 * follows it in the same batch. May close CLIENT.
 */
void begin_hold(struct client *client, const uint8_t *at, size_t size);

/* Sends the BEGIN held back to the server the client has got; its answers go
 * to nobody. False when the client was closed over it. */
bool begin_send(struct client *client);

#endif
