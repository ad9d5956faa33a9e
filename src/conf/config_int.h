/* config_int.h - inside a configuration, for those who build one. */
#ifndef CONF_CONFIG_INT_H
#define CONF_CONFIG_INT_H

#include "conf/config.h"
#include "conf/directory.h"

struct places;
struct tls_files;

struct config {
	unsigned references;
	struct settings settings;    /* owned */
	struct directory *directory; /* shared, counted */
	struct places *places;       /* shared, counted */
	struct tls_files *tls_files; /* shared, counted */
	void *annex;                 /* owned; see config_attach() */
	void (*free_annex)(void *annex);
};

/* Reads the files that the settings of TLS name; -1: errors were added to
 * PROBLEMS, and it has those it had. */
int config_load_tls_files(struct config *config, struct problems *problems)
    __attribute__((warn_unused_result));

/* Adds the users of the file at PATH to CONFIG, and what is wrong with its
 * lines to PROBLEMS; -1 and ERR: it cannot be read. */
int config_load_users(struct config *config, const char *path,
    struct problems *problems, struct error *err)
    __attribute__((warn_unused_result));

/* Returns a configuration of defaults, without entries, with one reference. */
struct config *config_new(void);

#endif
