/*
 * replay.c - requests on their way through a replica, kept so that they can be
 * sent again.
 */
#include <assert.h>
#include <string.h>

#include "client/client_int.h"

void
client_note(
    struct client *client, struct note_part *part, enum note_event event)
{
	if (part->is_told && event == NOTE_DONE && client->replay.is_holding) {
		list_append(&client->replay.parts, &part->link);
	} else {
		part->on_note(client, part, event);
	}
}

void
replay_end_parts(struct client *client, enum note_event event)
{
	struct list_link *link;

	while ((link = list_pop(&client->replay.parts)) != NULL) {
		struct note_part *part =
		    list_entry(link, struct note_part, link);

		part->on_note(client, part, event);
	}
}

void
replay_add(struct client *client, const void *bytes, size_t size,
    const struct batch *batch)
{
	struct replay *replay = &client->replay;

	assert(replay->count < REPLAY_BATCHES_MAX);
	kept_append(client_blocks(client), &replay->bytes, bytes, size);
	/* On a primary what is sure is sure. */
	replay->several[replay->count] = batch->has_several && !replay->heals;
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
	assert(replay->parts.count == 0);
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

	replay_end_parts(client, NOTE_SKIPPED);
	kept_fini(client_blocks(client), &replay->bytes);
	kept_fini(client_blocks(client), &replay->answer);
	*replay = (struct replay){.attempts = attempts};
}
