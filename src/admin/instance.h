/*
 * instance.h - one running pgweir: everything a signal or a console command can
 * reach.
 */
#ifndef ADMIN_INSTANCE_H
#define ADMIN_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

struct config;
struct error;
struct inherited;
struct instance;
struct logger;
struct problems;
struct supervision;

/* How the process was started; strings are borrowed and outlive it. */
struct instance_options {
	const char *source; /* the configuration's file, or connection string */
	bool is_connstr;
	bool is_quiet;               /* nothing to stderr */
	int verbosity;               /* number of -v */
	int64_t most_files;          /* that may be open at once */
	struct inherited *inherited; /* sockets to take over; may be NULL */
	const struct supervision *supervision; /* whom to tell */
};

enum shutdown_mode {
	SHUTDOWN_NOW,
	SHUTDOWN_WAIT_FOR_SERVERS, /* until no server is in use */
	SHUTDOWN_WAIT_FOR_CLIENTS  /* until every client has left */
};

/* Returns an instance under CONFIG, of which it takes a reference; NULL and
 * ERR. LOGGER is borrowed. */
struct instance *instance_new(struct logger *logger, struct config *config,
    const struct instance_options *options, struct error *err);

/* Closes everything. */
void instance_free(struct instance **instance);

/* Opens what the configuration says to listen on, or has been handed on; from
 * then on signals are heard. */
int instance_listen(struct instance *instance, struct error *err)
    __attribute__((warn_unused_result));

/* Runs until it is shut down. */
void instance_run(struct instance *instance);

/* Reads the configuration again. -1, and everything as it was: the reasons are
 * in the log, and added to PROBLEMS, as is what may be worth a look (zeroed, or
 * NULL). */
int instance_reload(struct instance *instance, struct problems *problems);

/* Changes one setting until the next reload; -1 and ERR. */
int instance_set(struct instance *instance, const char *key, const char *value,
    struct error *err) __attribute__((warn_unused_result));

/* Stops listening and ends as MODE says. A second call ends at once. */
void instance_shutdown(struct instance *instance, enum shutdown_mode mode);

/* Hands out no servers of DATABASE any more (NULL: none at all). */
void instance_pause(struct instance *instance, const char *database);

/* As instance_pause(), and no client is read, no connection accepted: only what
 * is on its way still leaves. */
void instance_suspend(struct instance *instance);

/* Ends a pause of DATABASE; NULL: the pause of all, or a suspension. */
void instance_resume(struct instance *instance, const char *database);

/* Applies the configuration's log settings to LOGGER. */
int instance_configure_log(struct logger *logger, const struct config *config,
    const struct instance_options *options, struct error *err)
    __attribute__((warn_unused_result));

#endif
