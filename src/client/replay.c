/*
 * replay.c - requests on their way through a replica, kept so that they can be
 * sent again.
 */
#include <assert.h>
#include <string.h>

#include "client/client_int.h"

void
replay_add(struct client *client, const void *bytes, size_t size,
    const struct batch *batch)
{
	struct replay *replay = &client->replay;

	assert(replay->count < REPLAY_BATCHES_MAX);
	kept_append(client_blocks(client), &replay->bytes, bytes, size);
	replay->several[replay->count] = batch->has_several;
	replay->sizes[replay->count++] = (uint32_t)size;
	if (replay->count == 1) {
		replay->is_holding = true;
		replay->shape = batch->shape;
		replay->is_described = batch->is_described;
		replay->has_shape = batch->has_shape;
	}
}

void
replay_pop(struct client *client)
{
	struct replay *replay = &client->replay;

	assert(replay->count > 0 && replay->answer.length == 0);
	kept_consume(client_blocks(client), &replay->bytes, replay->sizes[0]);
	replay->count--;
	memmove(replay->sizes, replay->sizes + 1,
	    replay->count * sizeof(replay->sizes[0]));
	memmove(replay->several, replay->several + 1,
	    replay->count * sizeof(replay->several[0]));
	replay->attempts = 0;
	replay->is_holding = replay->count > 0;
	replay->heals = replay->heals && replay->count > 0;
	/* Of a pipelined batch only the text itself is kept, not its shape: a
	 * refusal is replayed but not learnt. */
	replay->has_shape = false;
	replay->is_described = false;
}

void
replay_fini(struct client *client)
{
	struct replay *replay = &client->replay;
	uint8_t attempts = replay->attempts;

	kept_fini(client_blocks(client), &replay->bytes);
	kept_fini(client_blocks(client), &replay->answer);
	*replay = (struct replay){.attempts = attempts};
}
