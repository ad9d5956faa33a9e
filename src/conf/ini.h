/*
 * ini.h - INI files as pgbouncer writes them, read through inih.
 *
 * Sections, key = value, comments (; or # at the start of a line), %include.
 * Leading blanks mean nothing, values are the rest of their line without the
 * blanks around it, a name with unusual characters may stand in double quotes.
 */
#ifndef CONF_INI_H
#define CONF_INI_H

#include <stddef.h>

struct problems;

/* Where something stands. */
struct ini_place {
	const char *file; /* borrowed; valid during the call */
	int line;         /* from 1 */
};

/* One pair, in the order of the files. All strings are borrowed for the call;
 * VALUE may be a secret and is wiped afterwards. */
typedef void (*ini_pair_fn)(void *arg, const struct ini_place *place,
    const char *section, const char *key, const char *value);

/* Bounds; beyond them a file is refused. */
#define INI_LINE_MAX_BYTES (1024 * 1024)
#define INI_FILE_MAX_BYTES (64 * 1024 * 1024)
#define INI_INCLUDE_DEPTH_MAX 10
#define INI_INCLUDES_MAX 1000

/*
 * Reads PATH and the files it includes and calls PAIR for each pair. What is
 * malformed is added to PROBLEMS, and reading goes on behind it. -1 when PATH
 * itself cannot be read; nothing was called then.
 */
int ini_read_file(const char *path, ini_pair_fn pair, void *arg,
    struct problems *problems) __attribute__((warn_unused_result));

/* As ini_read_file(), from TEXT of SIZE bytes, called FILE in messages.
 * %include is refused: a text has no place in the file system. */
void ini_read_text(const char *file, const char *text, size_t size,
    ini_pair_fn pair, void *arg, struct problems *problems);

#endif
