/*
 * meter.c - what a client's requests come to, added to the traffic of its pool.
 *
 * A query is what a ReadyForQuery answers: one Query, or a batch up to Sync. It
 * takes from when it is sent to a server until its answer is complete; waiting
 * for a server counts by itself. A transaction takes from its first query to
 * the end of its last. In a pipeline the next query begins where the last ends.
 */
#include "client/meter.h"

#include "client/client_int.h"
#include "server/pool_int.h"
#include "server/server_int.h"

static int64_t
now_us(const struct client *client)
{
	return loop_now_us(client->set->loop);
}

static uint64_t
since(const struct client *client, int64_t start_us)
{
	int64_t took_us = start_us == 0 ? 0 : now_us(client) - start_us;

	return took_us > 0 ? (uint64_t)took_us : 0;
}

void
meter_begin(struct client *client)
{
	client->traffic = client->pool == NULL ? &client->set->console_traffic
	                                       : &client->pool->traffic.now;
}

void
meter_login(struct client *client)
{
	client->traffic->logins++;
}

void
meter_received(struct client *client, size_t size)
{
	if (client->traffic != NULL) {
		client->traffic->received += size;
	}
}

void
meter_sent(struct client *client, size_t size)
{
	if (client->traffic != NULL) {
		client->traffic->sent += size;
	}
}

void
meter_waited(struct client *client, int64_t since_us)
{
	if (client->traffic != NULL) {
		client->traffic->wait_us += since(client, since_us);
	}
}

void
meter_linked(struct client *client)
{
	client->traffic->assignments++;
}

void
meter_asked(struct client *client)
{
	if (client->query_us == 0) {
		client->query_us = now_us(client);
	}
	if (client->transaction_us == 0) {
		client->transaction_us = client->query_us;
	}
}

void
meter_answered(struct client *client, char status)
{
	/* Of what is pipelined behind it, if anything is. */
	int64_t next_us =
	    client->server != NULL && client->server->answers.count > 0
	    ? now_us(client)
	    : 0;

	client->traffic->queries++;
	client->traffic->query_us += since(client, client->query_us);
	client->query_us = next_us;
	if (status == 'I') {
		client->traffic->transactions++;
		client->traffic->transaction_us +=
		    since(client, client->transaction_us);
		client->transaction_us = next_us;
	}
}

void
meter_parted(struct client *client)
{
	client->query_us = 0;
	client->transaction_us = 0;
}

void
meter_client_parse(struct client *client)
{
	client->traffic->client_parses++;
}

void
meter_server_parse(struct client *client)
{
	client->traffic->server_parses++;
}

void
meter_bind(struct client *client)
{
	client->traffic->binds++;
}
