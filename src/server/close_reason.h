/* close_reason.h - why a connection ends, see close_reason.def. */
#ifndef SERVER_CLOSE_REASON_H
#define SERVER_CLOSE_REASON_H

#include "core/error.h"
#include "core/log.h"

enum close_reason {
#define REASON(symbol, level, sqlstate, text) CLOSE_##symbol,
#include "server/close_reason.def"
#undef REASON
};

struct close_reason_row {
	enum log_level level;
	const char *sqlstate; /* "" when nobody is told */
	const char *text;
};

/* Returns the row of REASON. */
const struct close_reason_row *close_reason_row(enum close_reason reason);

#endif
