/* instance_tls.h - an instance's certificates, and those that replace them. */
#ifndef ADMIN_INSTANCE_TLS_H
#define ADMIN_INSTANCE_TLS_H

#include <stdbool.h>

#include "conf/tls_files.h"
#include "net/loop.h"
#include "net/tls_config.h"

struct config;
struct instance;
struct problems;

struct instance_tls {
	struct tls_contexts contexts; /* in force */
	struct tls_files *files;      /* shared; what they are made of */
	struct file_stamp seen[TLS_FILE_COUNT];
	bool is_changing; /* what was seen last was new */
	struct timer tick;
};

/* What CONFIG asks for, which may be what is there; tls_contexts_make(). */
struct tls_plan {
	struct tls_contexts contexts;
	struct tls_files *files; /* shared */
	bool is_new;
};

/* Makes PLAN for CONFIG, to be ended with instance_tls_take() or
 * instance_tls_drop(). -1: errors were added to PROBLEMS, and there is none. */
int instance_tls_plan(const struct instance *instance,
    const struct config *config, struct tls_plan *plan,
    struct problems *problems) __attribute__((warn_unused_result));

/* From now on what PLAN says; everybody is told. */
void instance_tls_take(struct instance *instance, struct tls_plan *plan);
void instance_tls_drop(struct tls_plan *plan);

void instance_tls_end(struct instance *instance);

#endif
