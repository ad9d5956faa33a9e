/*
 * instance_tls.c - an instance's certificates, and those that replace them.
 *
 * Certificates are replaced by whoever renews them, in his own time and one
 * file after the other. So the files are looked at once a second, and read when
 * they have not changed for one. If they are of no use those in force stay, one
 * line of the log says why, and nothing is tried before they change again.
 */
#include "admin/instance_tls.h"

#include <string.h>

#include "admin/instance_int.h"
#include "client/client.h"
#include "conf/config.h"
#include "net/tls.h"
#include "server/pool.h"

#define TICK_US ((int64_t)1000 * 1000)

/* ---- by configuration ---------------------------------------------------- */

static bool
has_same_settings(const struct config *a, const struct config *b)
{
	for (size_t i = 0; i < setting_count; i++) {
		if (setting_rows[i].group == GROUP_TLS &&
		    !settings_equal(config_settings(a), config_settings(b),
		        &setting_rows[i])) {
			return false;
		}
	}
	return true;
}

/* Whether what is in force is what CONFIG wants. Files that it shares with the
 * configuration before it were not read for it. */
static bool
is_in_force(const struct instance *instance, const struct config *config)
{
	const struct tls_files *files = config_tls_files(config);

	return instance->tls.files != NULL &&
	    has_same_settings(config, instance->config) &&
	    (files == config_tls_files(instance->config) ||
	        tls_files_equal(files, instance->tls.files));
}

int
instance_tls_plan(const struct instance *instance, const struct config *config,
    struct tls_plan *plan, struct problems *problems)
{
	*plan = (struct tls_plan){0};
	if (is_in_force(instance, config)) {
		return 0;
	}
	plan->is_new = true;
	plan->files = tls_files_ref(config_tls_files(config));
	if (tls_contexts_make(&plan->contexts, config, plan->files, problems) !=
	    0) {
		instance_tls_drop(plan);
		return -1;
	}
	return 0;
}

void
instance_tls_drop(struct tls_plan *plan)
{
	tls_contexts_fini(&plan->contexts);
	tls_files_unref(&plan->files);
}

/* ---- by themselves ------------------------------------------------------- */

static void
note_seen(struct instance_tls *tls)
{
	for (int i = 0; i < TLS_FILE_COUNT; i++) {
		tls->seen[i] = tls->files->items[i].stamp;
	}
	tls->is_changing = false;
}

static bool
is_same(const struct file_stamp *a, const struct file_stamp *b)
{
	for (int i = 0; i < TLS_FILE_COUNT; i++) {
		if (!file_stamp_equal(&a[i], &b[i])) {
			return false;
		}
	}
	return true;
}

static void
log_failure(const struct instance *instance, const struct problems *problems)
{
	const struct problem *first = &problems->items[0];

	log_error(&instance->log,
	    "%s; the certificates read before stay in force until the files "
	    "change again",
	    first->text);
}

/* The files are others than those in force, and rest. */
static void
read_again(struct instance *instance)
{
	struct problems problems = {0};
	struct tls_plan plan = {.is_new = true};

	plan.files = tls_files_read_again(instance->config, &problems);
	if (plan.files == NULL) {
		log_failure(instance, &problems);
	} else if (tls_files_equal(plan.files, instance->tls.files)) {
		instance_tls_drop(&plan); /* written, but not changed */
	} else if (tls_contexts_make(&plan.contexts, instance->config,
	               plan.files, &problems) != 0) {
		log_failure(instance, &problems);
		instance_tls_drop(&plan);
	} else {
		instance_tls_take(instance, &plan);
		log_info(&instance->log,
		    "TLS files have changed and were read "
		    "again");
	}
	problems_fini(&problems);
}

static void
on_tick(struct timer *timer)
{
	struct instance_tls *tls = list_entry(timer, struct instance_tls, tick);
	struct instance *instance = list_entry(tls, struct instance, tls);
	struct file_stamp now[TLS_FILE_COUNT];

	tls_files_look(tls->files, now);
	if (!is_same(now, tls->seen)) {
		memcpy(tls->seen, now, sizeof(now));
		tls->is_changing = true;
	} else if (tls->is_changing) {
		tls->is_changing = false;
		read_again(instance);
	}
}

/* ---- taking over --------------------------------------------------------- */

/* Clients come back with the tickets they have. */
static void
keep_tickets(struct instance_tls *tls, const struct tls_plan *plan)
{
	if (tls->contexts.clients != NULL && plan->contexts.clients != NULL) {
		tls_context_resume(
		    plan->contexts.clients, tls->contexts.clients);
	}
}

void
instance_tls_take(struct instance *instance, struct tls_plan *plan)
{
	struct instance_tls *tls = &instance->tls;

	if (!plan->is_new) {
		return;
	}
	keep_tickets(tls, plan);
	clients_set_tls(instance->clients, plan->contexts.clients);
	pools_set_tls(instance->pools, plan->contexts.servers);
	tls_contexts_fini(&tls->contexts);
	tls_files_unref(&tls->files);
	tls->contexts = plan->contexts;
	tls->files = plan->files;
	note_seen(tls);
	if (tls_files_are_given(tls->files)) {
		timer_start(
		    &tls->tick, instance->loop, TICK_US, TICK_US, on_tick);
	} else {
		timer_stop(&tls->tick);
	}
}

void
instance_tls_end(struct instance *instance)
{
	timer_stop(&instance->tls.tick);
	tls_contexts_fini(&instance->tls.contexts);
	tls_files_unref(&instance->tls.files);
}
