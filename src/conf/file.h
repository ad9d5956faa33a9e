/* file.h - a configuration file's whole text in memory. */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* The text of one file; it may hold passwords. Zeroed: empty. */
struct file_text {
	char *bytes; /* owned; SIZE bytes and a NUL */
	size_t size;
	uint64_t device; /* these two say which file it is */
	uint64_t inode;
};

/*
 * Reads PATH into OUT (zeroed). -1 and ERR when it cannot be read, is no
 * ordinary file, or has more than MAX_BYTES. The caller ends it with
 * file_text_fini(). Blocks as reading a file does.
 */
int file_read(const char *path, size_t max_bytes, struct file_text *out,
    struct error *err) __attribute__((warn_unused_result));

/* Wipes and frees. */
void file_text_fini(struct file_text *text);

/* By which one sees that a file is another one, or was written. */
struct file_stamp {
	uint64_t device;
	uint64_t inode;
	int64_t size;
	int64_t modified_ns; /* since 1970; 0 with the rest: no such file */
	int64_t changed_ns;
};

struct file_stamp file_stamp_of(const char *path);
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);

/*
 * The path meant by NAME in the file FROM: absolute, or relative to the
 * working directory as with pgbouncer, or, when nothing is there, relative to
 * the directory of FROM. The caller frees it.
 */
char *file_resolve(const char *name, const char *from)
    __attribute__((warn_unused_result));

#endif
