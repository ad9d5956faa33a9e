/*
 * suggest.c - the known name that was probably meant.
 *
 * Edits counted: insert, delete, replace, and swap of two neighbours (the
 * "optimal string alignment" distance). A third of the letters may be wrong.
 */
#include "conf/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NAME_MAX_BYTES 64

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

static bool
same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t
edit_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t rows[3][NAME_MAX_BYTES + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_size; j++) {
		above[j] = j;
		before[j] = j;
	}
	for (size_t i = 1; i <= a_size; i++) {
		size_t *recycled = before;

		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			size_t cost = same(a[i - 1], b[j - 1]) ? 0 : 1;

			row[j] = min3(
			    above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1]) &&
			    before[j - 2] + 1 < row[j]) {
				row[j] = before[j - 2] + 1;
			}
		}
		before = above;
		above = row;
		row = recycled;
	}
	return above[b_size];
}

void
suggestion_consider(struct suggestion *suggestion, const char *known)
{
	size_t wanted_size = strnlen(suggestion->wanted, NAME_MAX_BYTES + 1);
	size_t known_size = strnlen(known, NAME_MAX_BYTES + 1);
	size_t allowed = (known_size + 2) / 3;
	size_t distance = 0;

	if (wanted_size > NAME_MAX_BYTES || known_size > NAME_MAX_BYTES) {
		return;
	}
	if (wanted_size > known_size + allowed ||
	    known_size > wanted_size + allowed) {
		return; /* the difference in length alone is too much */
	}
	distance =
	    edit_distance(suggestion->wanted, wanted_size, known, known_size);
	if (distance > allowed) {
		return;
	}
	if (suggestion->best == NULL || distance < suggestion->distance) {
		suggestion->best = known;
		suggestion->distance = distance;
	}
}

const char *
suggest(const char *wanted, const char *const *known, size_t count)
{
	struct suggestion suggestion = {.wanted = wanted};

	for (size_t i = 0; i < count; i++) {
		suggestion_consider(&suggestion, known[i]);
	}
	return suggestion.best;
}
