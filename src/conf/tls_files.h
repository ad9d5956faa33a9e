/*
 * tls_files.h - the texts of the files that the settings of TLS name.
 *
 * They are read when a configuration is loaded, with the rights of that time,
 * and belong to it. Whether they make sense is judged by who uses them.
 */
#ifndef CONF_TLS_FILES_H
#define CONF_TLS_FILES_H

#include <stdbool.h>

#include "conf/file.h"

struct config;
struct places;
struct problems;
struct setting;
struct settings;

enum tls_file_kind {
	TLS_FILE_CLIENT_CA,
	TLS_FILE_CLIENT_CERT,
	TLS_FILE_CLIENT_KEY,
	TLS_FILE_SERVER_CA,
	TLS_FILE_SERVER_CERT,
	TLS_FILE_SERVER_KEY
};
#define TLS_FILE_COUNT (TLS_FILE_SERVER_KEY + 1)

struct tls_file {
	char *path; /* owned; NULL: not given, or of no use in this mode */
	struct file_text text;
	struct file_stamp stamp; /* from just before it was read */
};

struct tls_files {
	unsigned references;
	struct tls_file items[TLS_FILE_COUNT];
};

/* The same of TLS to servers as libpq has it; "" and NULL: not given. Borrowed
 * from the configuration. */
struct tls_for_libpq {
	const char *sslmode;
	const char *sslrootcert;
	const char *sslcert;
	const char *sslkey;
};

struct tls_for_libpq tls_for_libpq(const struct config *config);

/* Returns no files at all, with one reference. */
struct tls_files *tls_files_none(void);

/*
 * Reads what SETTINGS name; PLACES say where. Returns the files with one
 * reference, or NULL when errors were added to PROBLEMS: one that cannot be
 * read, or is missing for what the settings ask.
 */
struct tls_files *tls_files_read(const struct settings *settings,
    const struct places *places, struct problems *problems)
    __attribute__((warn_unused_result));

/* Only adds errors about what is missing; reads nothing. */
void tls_files_check(const struct settings *settings,
    const struct places *places, struct problems *problems);

/* The same for a configuration that was loaded before. */
struct tls_files *tls_files_read_again(const struct config *config,
    struct problems *problems) __attribute__((warn_unused_result));

struct tls_files *tls_files_ref(struct tls_files *files);
/* The last reference wipes and frees. NULL is accepted. */
void tls_files_unref(struct tls_files **files);

/* Whether there are any. */
bool tls_files_are_given(const struct tls_files *files);

/* Whether A and B have the same texts. */
bool tls_files_equal(const struct tls_files *a, const struct tls_files *b);

/* Looks at what lies under the names of FILES now. */
void tls_files_look(
    const struct tls_files *files, struct file_stamp stamps[TLS_FILE_COUNT]);

/* Whether SETTINGS name a file of KIND in a mode that needs it. */
bool tls_file_is_used(const struct settings *settings, enum tls_file_kind kind);

/* The setting that names the file of KIND. */
const struct setting *tls_file_setting(enum tls_file_kind kind);

#endif
