/* instance_users.h - an instance's auth_file, read again when it changes. */
#ifndef ADMIN_INSTANCE_USERS_H
#define ADMIN_INSTANCE_USERS_H

#include <stdbool.h>

#include "conf/file.h"
#include "net/loop.h"

struct instance;

struct instance_users {
	struct file_stamp seen;
	bool is_changing; /* what was seen last was new */
	struct timer tick;
};

/* From now on the auth_file of the configuration in force is watched. */
void instance_users_watch(struct instance *instance);
void instance_users_end(struct instance *instance);

#endif
