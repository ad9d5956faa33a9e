/*
 * meter.h - what a client's requests come to, added to the traffic of its pool.
 */
#ifndef CLIENT_METER_H
#define CLIENT_METER_H

#include <stddef.h>
#include <stdint.h>

struct client;

/* Where CLIENT's figures go from now on: its pool, or the console. */
void meter_begin(struct client *client);

/* It has logged in. */
void meter_login(struct client *client);

/* SIZE bytes came from the client, or are about to be sent to it. */
void meter_received(struct client *client, size_t size);
void meter_sent(struct client *client, size_t size);

/* It has waited for a server since SINCE_US, whether it has one now or not. */
void meter_waited(struct client *client, int64_t since_us);

/* A server is the client's. */
void meter_linked(struct client *client);

/* Something is sent to the server: time runs from now on, if it does not yet.
 */
void meter_asked(struct client *client);

/* A ReadyForQuery with STATUS is about to be the client's. */
void meter_answered(struct client *client, char status);

/* It has given its server back: nothing is under way. */
void meter_parted(struct client *client);

/* Named statements: the client has parsed one; a server was sent its Parse; the
 * client has bound one. */
void meter_client_parse(struct client *client);
void meter_server_parse(struct client *client);
void meter_bind(struct client *client);

#endif
