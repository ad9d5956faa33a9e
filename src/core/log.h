/* log.h - one line per event: what happened, why, what we do next; key=value.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>

#include "core/buf.h"

struct error;
struct logger;

enum log_level {
	LEVEL_FATAL,   /* we exit */
	LEVEL_ERROR,   /* an operator must act */
	LEVEL_WARNING, /* an operator should know */
	LEVEL_INFO,    /* one line per connection event */
	LEVEL_DEBUG,   /* per message */
	LEVEL_NOISE    /* per byte range; -v -v */
};

/*
 * Where lines come from. An object embeds one and sets CONTEXT, which appends
 * its own " key=value" pairs; call sites never say who they are.
 */
struct log_source {
	struct logger *logger; /* borrowed; outlives the object; NULL: silent */
	void (*context)(const void *object, struct buf *out); /* may be NULL */
	const void *object;
};

struct logger_options {
	const char *file; /* path, NULL or "" for none */
	bool to_stderr;   /* false with -q or as a daemon */
	bool to_syslog;
	const char *syslog_ident;
	const char *syslog_facility; /* "daemon", "local0", ... */
	enum log_level level;        /* the most detailed one written */
};

/* Returns a logger to stderr at LEVEL_INFO. */
struct logger *logger_new(void);
void logger_free(struct logger **logger);

/* Applies OPTIONS. When the file cannot be opened: -1, ERR, and all as it was.
 */
int logger_configure(struct logger *logger,
    const struct logger_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* Opens the file again under its name, after a rotation. */
int logger_reopen(struct logger *logger, struct error *err);

bool log_is_on(const struct log_source *source, enum log_level level);
void log_write(const struct log_source *source, enum log_level level,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

#define log_at(source, level, ...)                                 \
	do {                                                       \
		if (log_is_on((source), (level))) {                \
			log_write((source), (level), __VA_ARGS__); \
		}                                                  \
	} while (0)
#define log_fatal(source, ...) log_at((source), LEVEL_FATAL, __VA_ARGS__)
#define log_error(source, ...) log_at((source), LEVEL_ERROR, __VA_ARGS__)
#define log_warning(source, ...) log_at((source), LEVEL_WARNING, __VA_ARGS__)
#define log_info(source, ...) log_at((source), LEVEL_INFO, __VA_ARGS__)
#define log_debug(source, ...) log_at((source), LEVEL_DEBUG, __VA_ARGS__)

/* Appends VALUE to OUT, quoted when it is empty or holds blanks, quotes or
 * bytes that would break the line. */
void log_append_value(struct buf *out, const char *value);

#endif
