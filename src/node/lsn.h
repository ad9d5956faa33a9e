/* lsn.h - positions in the write-ahead log. */
#ifndef NODE_LSN_H
#define NODE_LSN_H

#include <stdbool.h>
#include <stdint.h>

/* "FFFFFFFF/FFFFFFFF" and a NUL. */
#define LSN_TEXT_BYTES 18

/* Reads "16/B374D848": two runs of 1 to 8 hexadecimal digits. */
bool lsn_parse(const char *text, uint64_t *lsn);

/* Writes LSN as PostgreSQL does. */
void lsn_format(uint64_t lsn, char out[LSN_TEXT_BYTES]);

#endif
