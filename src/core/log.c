/*
 * log.c - one line per event, to stderr, a file or syslog.
 *
 *   2026-01-31 12:00:00.123 UTC [4711] INFO closing because: ... client=7
 * db=app
 *
 * A line is built whole and leaves in one unbuffered write, so lines of
 * several processes on one file do not mix. Control characters in names that
 * come from the network are escaped: nobody forges a line.
 */
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

struct logger {
	char *file; /* owned; NULL without a file */
	int fd;     /* owned; -1 without a file */
	bool to_stderr;
	bool to_syslog;
	char *ident; /* owned; openlog() borrows it */
	enum log_level level;
	struct buf line; /* reused for every line */
};

static const char *const level_names[] = {
    "FATAL", "ERROR", "WARNING", "INFO", "DEBUG", "NOISE"};

static const struct {
	const char *name;
	int facility;
} facilities[] = {
    {"auth", LOG_AUTH},
    {"authpriv", LOG_AUTHPRIV},
    {"daemon", LOG_DAEMON},
    {"user", LOG_USER},
    {"local0", LOG_LOCAL0},
    {"local1", LOG_LOCAL1},
    {"local2", LOG_LOCAL2},
    {"local3", LOG_LOCAL3},
    {"local4", LOG_LOCAL4},
    {"local5", LOG_LOCAL5},
    {"local6", LOG_LOCAL6},
    {"local7", LOG_LOCAL7},
};

struct logger *
logger_new(void)
{
	struct logger *logger = mem_zalloc(sizeof(*logger));

	logger->fd = -1;
	logger->to_stderr = true;
	logger->level = LEVEL_INFO;
	return logger;
}

void
logger_free(struct logger **logger)
{
	struct logger *l = *logger;

	if (l == NULL) {
		return;
	}
	if (l->fd >= 0) {
		(void)close(l->fd);
	}
	if (l->to_syslog) {
		closelog();
	}
	free(l->file);
	free(l->ident);
	buf_fini(&l->line);
	free(l);
	*logger = NULL;
}

static int
open_file(const char *path, int *fd, struct error *err)
{
	*fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (*fd < 0) {
		error_set_errno(err, "could not open log file \"%s\"", path);
		return -1;
	}
	return 0;
}

static int
find_facility(const char *name)
{
	for (size_t i = 0; i < sizeof(facilities) / sizeof(*facilities); i++) {
		if (str_equal_nocase(facilities[i].name, name)) {
			return facilities[i].facility;
		}
	}
	return LOG_DAEMON;
}

int
logger_configure(struct logger *logger, const struct logger_options *options,
    struct error *err)
{
	bool has_file = options->file != NULL && options->file[0] != '\0';
	int fd = -1;

	if (has_file && open_file(options->file, &fd, err) != 0) {
		return -1;
	}
	if (logger->fd >= 0) {
		(void)close(logger->fd);
	}
	free(logger->file);
	logger->file = has_file ? mem_strdup(options->file) : NULL;
	logger->fd = fd;
	logger->to_stderr = options->to_stderr;
	logger->level = options->level;
	if (logger->to_syslog) {
		closelog();
	}
	logger->to_syslog = options->to_syslog;
	if (options->to_syslog) {
		free(logger->ident);
		logger->ident = mem_strdup(options->syslog_ident);
		openlog(logger->ident, LOG_PID,
		    find_facility(options->syslog_facility));
	}
	return 0;
}

int
logger_reopen(struct logger *logger, struct error *err)
{
	int fd = -1;

	if (logger->file == NULL) {
		return 0;
	}
	if (open_file(logger->file, &fd, err) != 0) {
		return -1;
	}
	(void)close(logger->fd);
	logger->fd = fd;
	return 0;
}

bool
log_is_on(const struct log_source *source, enum log_level level)
{
	return source->logger != NULL && level <= source->logger->level;
}

/* Appends TEXT with bytes that would break a line made visible. */
static void
append_escaped(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\n') {
			buf_append_str(out, "\\n");
		} else if (c < 0x20 || c == 0x7f) {
			buf_printf(out, "\\x%02x", c);
		} else {
			buf_append_char(out, *text);
		}
	}
}

void
log_append_value(struct buf *out, const char *value)
{
	if (*value != '\0' && strpbrk(value, " \t\r\n\"=") == NULL) {
		append_escaped(out, value);
		return;
	}
	buf_append_char(out, '"');
	for (; *value != '\0'; value++) {
		char one[2] = {*value, '\0'};

		if (*value == '"' || *value == '\\') {
			buf_append_char(out, '\\');
		}
		append_escaped(out, one);
	}
	buf_append_char(out, '"');
}

static void
append_time(struct buf *out)
{
	int64_t now_us = clock_wall_us();
	time_t seconds = (time_t)(now_us / 1000000);
	struct tm parts;
	char text[32];

	(void)gmtime_r(&seconds, &parts);
	(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
	buf_printf(out, "%s.%03d UTC [%d] ", text, (int)(now_us / 1000 % 1000),
	    (int)getpid());
}

static int
syslog_priority(enum log_level level)
{
	static const int priorities[] = {
	    LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_DEBUG};

	return priorities[level];
}

void
log_write(const struct log_source *source, enum log_level level,
    const char *format, ...)
{
	struct logger *logger = source->logger;
	struct buf *line = &logger->line;
	struct buf message = {0};
	size_t head;
	int saved = errno, needed;
	va_list args, again;

	buf_clear(line);
	append_time(line);
	buf_printf(line, "%s ", level_names[level]);
	head = line->length;
	va_start(args, format);
	va_copy(again, args);
	needed = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (needed >= 0) {
		(void)vsnprintf(
		    (char *)buf_reserve(&message, (size_t)needed + 1),
		    (size_t)needed + 1, format, again);
		buf_added(&message, (size_t)needed);
		append_escaped(line, buf_text(&message));
	}
	va_end(again);
	buf_fini(&message);
	if (source->context != NULL) {
		source->context(source->object, line);
	}
	if (logger->to_syslog) {
		syslog(syslog_priority(level), "%s", buf_text(line) + head);
	}
	buf_append_char(line, '\n');
	/* A log that cannot be written has nobody left to be told. */
	if (logger->fd >= 0) {
		(void)!write(logger->fd, buf_bytes(line), line->length);
	}
	if (logger->to_stderr) {
		(void)!write(STDERR_FILENO, buf_bytes(line), line->length);
	}
	errno = saved;
}
