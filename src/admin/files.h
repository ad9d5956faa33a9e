/* files.h - how many files may be open, and how many it takes. */
#ifndef ADMIN_FILES_H
#define ADMIN_FILES_H

#include <stdint.h>

struct config;
struct log_source;

/*
 * How many files are open when CONFIG's limits are reached: clients, and one
 * pool per database and host. More users of a database have more pools, so it
 * is the least that may be needed.
 */
int64_t files_needed(const struct config *config);

/* Warns when CONFIG needs more than the MOST that may be open. */
void files_check(
    const struct config *config, int64_t most, const struct log_source *log);

/*
 * The number at which clients are taken in no more, so that of MOST there are
 * some left for servers; 0: none, there is no limit.
 */
int files_for_clients(const struct config *config, int64_t most);

#endif
