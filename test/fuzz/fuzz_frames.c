/*
 * fuzz_frames.c - a stream cut in any way holds the same frames.
 *
 * The first two bytes choose the limit of a body, the third how the rest is
 * cut.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct scan {
	size_t at;     /* where the scan stands */
	size_t count;  /* frames passed */
	uint64_t seen; /* of their headers */
	enum frame_result last;
};

/* Goes on with SCAN over what has ARRIVED, skipping bodies unseen, as a relay
 * that streams them does. */
static void
scan_on(struct scan *scan, const uint8_t *bytes, size_t arrived, uint32_t max)
{
	struct frame frame = {0};

	while (scan->last != FRAME_BAD && scan->at <= arrived) {
		/* On the heap and of the exact size, for the sanitizer. */
		size_t left = arrived - scan->at;
		uint8_t *copy = mem_alloc(left > 0 ? left : 1);

		memcpy(copy, bytes + scan->at, left);
		scan->last = frame_parse(copy, left, max, &frame);
		free(copy);
		if (scan->last != FRAME_OK) {
			return;
		}
		assert(frame.body_bytes <= max);
		scan->count++;
		scan->seen = scan->seen * 31 + frame.type;
		scan->seen = scan->seen * 31 + frame.body_bytes;
		scan->at += frame_bytes(&frame);
		(void)client_frame_kind(frame.type);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scan whole = {0}, cut = {0};
	uint32_t max, step;

	if (size < 3 || size > 4096) {
		return 0;
	}
	max = (uint32_t)data[0] << 8 | data[1];
	step = data[2] % 16 + 1;
	data += 3;
	size -= 3;
	scan_on(&whole, data, size, max);
	for (size_t arrived = 0; arrived < size; arrived += step) {
		scan_on(&cut, data, arrived, max);
	}
	scan_on(&cut, data, size, max);
	assert(whole.at == cut.at && whole.count == cut.count);
	assert(whole.seen == cut.seen);
	assert((whole.last == FRAME_BAD) == (cut.last == FRAME_BAD));
	return 0;
}
