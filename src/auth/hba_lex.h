/* hba_lex.h - lines, fields and words of files in pg_hba.conf's format. */
#ifndef AUTH_HBA_LEX_H
#define AUTH_HBA_LEX_H

#include <stdbool.h>
#include <stddef.h>

struct problems;

/* Files within files, as deep as PostgreSQL follows them. */
#define HBA_DEPTH_MAX 10

/* Bounds of one load. Files, bytes and words are counted over all of them, each
 * as often as it is included; a line is what is left of its continuations. */
#define HBA_FILES_MAX 20000
#define HBA_BYTES_MAX ((size_t)16 << 20)
#define HBA_WORDS_MAX ((size_t)1000000)
#define HBA_LINE_MAX ((size_t)256 << 10)

struct hba_word {
	char *text;  /* owned */
	bool quoted; /* began with a quote: it is no keyword */
};

/* Words joined by commas. Empty only if it was a file named by @ that holds no
 * word: PostgreSQL leaves out such a field, and what follows takes its place.
 */
struct hba_field {
	struct hba_word *words; /* owned */
	size_t count;
};

struct hba_line {
	const char *file;         /* borrowed */
	int number;               /* where it begins; 1 is the first */
	struct hba_field *fields; /* owned */
	size_t count;             /* at least 1 */
};

/* One line that is not empty; LINE and all in it end with the call. */
typedef void (*hba_line_fn)(void *arg, const struct hba_line *line);

/*
 * Reads PATH and what it includes (@file in a field, and the lines include,
 * include_if_exists, include_dir) and calls ON_LINE for each line. What cannot
 * be read becomes an error in PROBLEMS and its line is left out. Blocks as
 * reading files does. Source: PostgreSQL 16 docs, "The pg_hba.conf File".
 */
void hba_lex_file(const char *path, hba_line_fn on_line, void *arg,
    struct problems *problems);

/* As hba_lex_file() with SIZE bytes of TEXT in place of what is in PATH. No
 * file is opened: what includes one is an error. */
void hba_lex_text(const char *path, const char *text, size_t size,
    hba_line_fn on_line, void *arg, struct problems *problems);

#endif
