/*
 * places.c - where in the configuration files each setting was given.
 *
 * Some of what a setting may be wrong about shows only later, when what it
 * names is used.
 */
#include "conf/places.h"

#include <stdlib.h>

#include "conf/settings.h"
#include "core/mem.h"

struct place {
	char *file; /* owned; NULL: not given */
	int line;
};

struct places {
	unsigned references;
	struct place *items; /* owned; one per row of the table */
};

struct places *
places_new(void)
{
	struct places *places = mem_zalloc(sizeof(*places));

	places->references = 1;
	places->items = mem_zalloc(setting_count * sizeof(*places->items));
	return places;
}

struct places *
places_ref(struct places *places)
{
	places->references++;
	return places;
}

void
places_unref(struct places **placesp)
{
	struct places *places = *placesp;

	*placesp = NULL;
	if (places == NULL || --places->references > 0) {
		return;
	}
	for (size_t i = 0; i < setting_count; i++) {
		free(places->items[i].file);
	}
	free(places->items);
	free(places);
}

void
places_set(struct places *places, const struct setting *row, const char *file,
    int line)
{
	struct place *place = &places->items[row - setting_rows];

	free(place->file);
	place->file = mem_strdup(file);
	place->line = line;
}

const char *
places_file(const struct places *places, const struct setting *row)
{
	return places->items[row - setting_rows].file;
}

int
places_line(const struct places *places, const struct setting *row)
{
	return places->items[row - setting_rows].line;
}
