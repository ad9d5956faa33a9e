/* places.h - where in the configuration files each setting was given. */
#ifndef CONF_PLACES_H
#define CONF_PLACES_H

struct places;
struct setting;

/* Returns places without any, with one reference. */
struct places *places_new(void);
struct places *places_ref(struct places *places);
/* The last reference frees. NULL is accepted; sets *PLACES to NULL. */
void places_unref(struct places **places);

/* ROW was given in line LINE of FILE, if not later elsewhere. */
void places_set(struct places *places, const struct setting *row,
    const char *file, int line);

/* NULL and 0: ROW was not given. */
const char *places_file(const struct places *places, const struct setting *row);
int places_line(const struct places *places, const struct setting *row);

#endif
