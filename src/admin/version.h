/* version.h - what we call ourselves. */
#ifndef ADMIN_VERSION_H
#define ADMIN_VERSION_H

struct buf;
struct settings;

/*
 * Appends what SHOW VERSION and --version say, "PgBouncer 1.25.2 (pgweir
 * X.Y.Z)": exporters choose their queries by its beginning, version_prefix.
 * SETTINGS NULL: as it is by default.
 */
void version_put(const struct settings *settings, struct buf *out);

/* Appends name and version of each library in use, a line each. */
void version_put_libraries(struct buf *out);

#endif
