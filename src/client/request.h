/* request.h - what request.c has in files of their own. */
#ifndef CLIENT_REQUEST_H
#define CLIENT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;
struct frame;

/* ---- begin.c ------------------------------------------------------------- */

/*
 * The SIZE bytes AT are a BEGIN READ ONLY: answers it, and keeps it until its
 * first statement shows where both go. The last text looked up is the BEGIN or
 * follows it in the same batch. May close CLIENT.
 */
void begin_hold(struct client *client, const uint8_t *at, size_t size);

/* Sends the BEGIN held back to the server the client has got; its answers go
 * to nobody. False when the client was closed over it. */
bool begin_send(struct client *client);

/* ---- unnamed.c ----------------------------------------------------------- */

/* Whether the batch that FIRST begins, of whose BODY some bytes are here, might
 * meet the unnamed statement that somebody else left on the client's server. */
bool unnamed_may_be_met(const struct client *client, const struct frame *first,
    const uint8_t *body, size_t body_here);

/* Closes that statement. False when the server was lost over it, and perhaps
 * the client with it. */
bool unnamed_close(struct client *client);

/* A Parse of BODY is on its way: if it has no name, what is there from now on
 * is the client's own. */
void unnamed_note(struct client *client, const uint8_t *body, size_t body_here);

#endif
