/* manual_int.h - pieces that the texts made from settings.def share. */
#ifndef CONF_MANUAL_INT_H
#define CONF_MANUAL_INT_H

#include "conf/manual.h"
#include "conf/settings.h"

const char *manual_group_title(enum setting_group group);

/* "number", "time", ...; for an ENUM "one of". */
const char *manual_type_word(const struct setting *row);

/* Appends WORDS, which end with NULL, with commas. */
void manual_print_words(const char *const *words, struct buf *out);

/* Appends how far the setting goes in this version; nothing if it simply
 * works. */
void manual_print_limits(const struct setting *row, struct buf *out);

#endif
