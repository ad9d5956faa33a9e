/*
 * keys.h - cancel keys: how a client, or a peer, names a client of ours.
 *
 *   byte 0      4        8                       24
 *        | id   | secret | more                  |
 *        | 0, 31 random bits
 *               | 16 random, 2 version, 14 peer id
 *                        | 128 random bits, from protocol 3.2 on
 *
 * The head, 8 bytes, tells which peer has the client, and who it is there. An
 * id is never 0, and never negative for drivers that read a signed number.
 */
#ifndef CLIENT_KEYS_H
#define CLIENT_KEYS_H

#include <stddef.h>
#include <stdint.h>

#define KEY_ID_BYTES ((size_t)4)
#define KEY_HEAD_BYTES ((size_t)8)
#define KEY_LONG_BYTES ((size_t)24)

struct client;
struct clients;

/* Draws a key of .key_bytes for CLIENT that nobody else has. */
void key_draw(struct client *client);

/* Wipes it; nobody finds CLIENT by it any more. */
void key_forget(struct client *client);

/* The client whose key is exactly the SIZE bytes AT; NULL if there is none. */
struct client *key_find(
    const struct clients *clients, const uint8_t *at, size_t size);

/* The peer id in a key, 0 to 16383, whoever has made it. */
int key_peer_id(const uint8_t head[KEY_HEAD_BYTES]);

#endif
