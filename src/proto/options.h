/* options.h - the settings inside the startup parameter "options". */
#ifndef PROTO_OPTIONS_H
#define PROTO_OPTIONS_H

#include <stddef.h>

struct error;
struct params;

/*
 * Sets in OUT what TEXT sets by -c name=value, -cname=value or --name=value,
 * a later one replacing an earlier. Blanks separate; a backslash makes the next
 * character an ordinary one. A dash in a name stands for an underscore.
 *
 * Returns 0, or -1 and ERR when TEXT holds anything else or OUT would have more
 * than MAX_COUNT entries. OUT may be partly filled then.
 *
 * Source: PostgreSQL docs, "postgres" (options -c and --name), and "Database
 * Connection Control Functions", options.
 */
int options_parse(const char *text, size_t max_count, struct params *out,
    struct error *err) __attribute__((warn_unused_result));

#endif
