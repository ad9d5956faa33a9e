/*
 * lsn.c - positions in the write-ahead log.
 *
 * Source: PostgreSQL docs, "pg_lsn Type".
 */
#include "node/lsn.h"

#include <inttypes.h>
#include <stdio.h>

/* Reads 1 to 8 hexadecimal digits at *TEXT and moves it behind them. */
static bool
read_half(const char **text, uint64_t *half)
{
	int digits = 0;

	*half = 0;
	for (; digits < 8; digits++, (*text)++) {
		char c = **text;
		unsigned value;

		if (c >= '0' && c <= '9') {
			value = (unsigned)(c - '0');
		} else if (c >= 'A' && c <= 'F') {
			value = (unsigned)(c - 'A') + 10;
		} else if (c >= 'a' && c <= 'f') {
			value = (unsigned)(c - 'a') + 10;
		} else {
			break;
		}
		*half = *half << 4 | value;
	}
	return digits > 0;
}

bool
lsn_parse(const char *text, uint64_t *lsn)
{
	uint64_t high, low;

	if (!read_half(&text, &high) || *text++ != '/' ||
	    !read_half(&text, &low) || *text != '\0') {
		return false;
	}
	*lsn = high << 32 | low;
	return true;
}

void
lsn_format(uint64_t lsn, char out[LSN_TEXT_BYTES])
{
	(void)snprintf(out, LSN_TEXT_BYTES, "%" PRIX32 "/%" PRIX32,
	    (uint32_t)(lsn >> 32), (uint32_t)lsn);
}
