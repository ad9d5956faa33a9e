/*
 * directory.h - the databases, users, peers and credentials of a configuration.
 *
 * Built once by a load, then shared by all snapshots that differ only in
 * settings; counted.
 */
#ifndef CONF_DIRECTORY_H
#define CONF_DIRECTORY_H

#include <stddef.h>

#include "conf/database.h"
#include "conf/file.h"
#include "conf/users.h"

struct directory;

/* Returns an empty directory with one reference. */
struct directory *directory_new(void);
struct directory *directory_ref(struct directory *directory);
/* The last reference frees and wipes. NULL is accepted. */
void directory_unref(struct directory **directory);

/* Each takes the object; one of the same name or id is replaced and freed. */
void directory_take_database(
    struct directory *directory, struct database_conf *database);
void directory_take_user(struct directory *directory, struct user_conf *user);
void directory_take_peer(struct directory *directory, struct peer_conf *peer);

/* Returns a directory with the databases, users and peers of BASE, which are
 * shared and none may be added to, and no credentials. One reference. */
struct directory *directory_with_entries_of(struct directory *base);

/* Whence the credentials are: PATH, as it was at STAMP, just before it was
 * read. Copied; NULL, as without: from no file. */
void directory_set_source(struct directory *directory, const char *path,
    const struct file_stamp *stamp);
const char *directory_source(const struct directory *directory);
struct file_stamp directory_source_stamp(const struct directory *directory);

/* Copies CREDENTIAL; one of the same user is replaced. */
void directory_add_credential(
    struct directory *directory, const struct credential *credential);

/* The highest iteration count of any SCRAM secret; 0 without any. */
int directory_most_iterations(const struct directory *directory);

/* NULL when there is none. No fallback here: see config_find_database(). */
const struct database_conf *directory_find_database(
    const struct directory *directory, const char *name);
const struct user_conf *directory_find_user(
    const struct directory *directory, const char *name);
const struct peer_conf *directory_find_peer(
    const struct directory *directory, int id);
const struct credential *directory_find_credential(
    const struct directory *directory, const char *user);

/* In the order they were first taken. */
size_t directory_database_count(const struct directory *directory);
size_t directory_user_count(const struct directory *directory);
size_t directory_peer_count(const struct directory *directory);
size_t directory_credential_count(const struct directory *directory);
const struct database_conf *directory_database(
    const struct directory *directory, size_t index);
const struct user_conf *directory_user(
    const struct directory *directory, size_t index);
const struct peer_conf *directory_peer(
    const struct directory *directory, size_t index);
const struct credential *directory_credential(
    const struct directory *directory, size_t index);

#endif
