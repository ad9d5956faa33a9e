/* tls_config.h - the TLS contexts that a configuration asks for. */
#ifndef NET_TLS_CONFIG_H
#define NET_TLS_CONFIG_H

struct config;
struct problems;
struct tls_context;
struct tls_files;

struct tls_contexts {
	struct tls_context *clients; /* shared; NULL: clients do without */
	struct tls_context *servers; /* shared; NULL: servers do without */
};

/*
 * Makes OUT what the settings of CONFIG ask for, with the texts of FILES, which
 * may be newer than its own. -1, and errors with file and line added to
 * PROBLEMS, if something is of no use. The caller ends it with
 * tls_contexts_fini().
 */
int tls_contexts_make(struct tls_contexts *out, const struct config *config,
    const struct tls_files *files, struct problems *problems)
    __attribute__((warn_unused_result));

/* Only to see whether it could be done. */
int tls_contexts_try(const struct config *config, struct problems *problems)
    __attribute__((warn_unused_result));

void tls_contexts_fini(struct tls_contexts *contexts);

#endif
