/*
 * instance_users.c - an instance's auth_file, read again when it changes.
 *
 * As with certificates, the file is looked at once a second and read when it
 * has not changed for one, so that nobody reads half of what is being written.
 * If it is of no use the users read before stay, the log says why, and nothing
 * is tried before it changes again.
 */
#include "admin/instance_users.h"

#include "admin/instance_int.h"
#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"

#define TICK_US ((int64_t)1000 * 1000)

static void
log_failure(const struct instance *instance, const char *reason)
{
	log_error(&instance->log,
	    "%s; the users read before stay until the file changes again",
	    reason);
}

static const struct problem *
first_error(const struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		if (problems->items[i].kind == PROBLEM_ERROR) {
			return &problems->items[i];
		}
	}
	return NULL;
}

static void
read_again(struct instance *instance)
{
	struct problems problems = {0};
	struct config *config = config_with_users(instance->config, &problems);
	struct buf line = {0};
	struct error err;

	if (config == NULL) {
		problem_print(first_error(&problems), &line);
		log_failure(instance, buf_text(&line));
	} else if (instance_take_config(instance, config, &err) != 0) {
		log_failure(instance, err.text);
	} else {
		log_info(&instance->log,
		    "auth_file has changed and was read again file=%s",
		    config_users_path(instance->config));
	}
	buf_fini(&line);
	problems_fini(&problems);
}

static void
on_tick(struct timer *timer)
{
	struct instance_users *users =
	    list_entry(timer, struct instance_users, tick);
	struct instance *instance = list_entry(users, struct instance, users);
	struct file_stamp now =
	    file_stamp_of(config_users_path(instance->config));

	if (!file_stamp_equal(&now, &users->seen)) {
		users->seen = now;
		users->is_changing = true;
	} else if (users->is_changing) {
		users->is_changing = false;
		read_again(instance);
	}
}

void
instance_users_watch(struct instance *instance)
{
	struct instance_users *users = &instance->users;

	users->seen = config_users_stamp(instance->config);
	users->is_changing = false;
	if (config_users_path(instance->config) != NULL) {
		timer_start(
		    &users->tick, instance->loop, TICK_US, TICK_US, on_tick);
	} else {
		timer_stop(&users->tick);
	}
}

void
instance_users_end(struct instance *instance)
{
	timer_stop(&instance->users.tick);
}
