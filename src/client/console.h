/*
 * console.h - between the two halves of the console's protocol: simple queries
 * in console.c, the extended protocol in console_extended.c.
 */
#ifndef CLIENT_CONSOLE_H
#define CLIENT_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct client;
struct console;
struct frame;

/* Prepared statements, and portals, one client may have at a time. */
#define CONSOLE_NAMES_MAX 100

/* An error in a batch: everything up to Sync is ignored. */
bool console_is_skipping(const struct client *client);

/* One whole message that is neither Query nor Terminate; the answer goes to
 * OUT. May close CLIENT. */
void console_take_extended(struct client *client, const struct frame *frame,
    const uint8_t *body, struct buf *out);

/* OUT is what the console says to the command of an Execute: makes the answer
 * to that of it. False, OUT unchanged: there was no Execute. */
bool console_end_execute(struct client *client, struct buf *out);

/* Sends OUT, then ends the connection because of a protocol violation. */
void console_refuse(struct client *client, struct buf *out, const char *why);

#endif
