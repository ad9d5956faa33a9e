/*
 * close_reason.c - why a connection ends: the table.
 */
#include "server/close_reason.h"

static const struct close_reason_row rows[] = {
#define REASON(symbol, level, sqlstate, text) {level, sqlstate, text},
#include "server/close_reason.def"
#undef REASON
};

const struct close_reason_row *
close_reason_row(enum close_reason reason)
{
	return &rows[reason];
}
