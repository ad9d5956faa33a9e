/* monitor_login.h - copies of what the monitor logs in with. */
#ifndef ROUTE_MONITOR_LOGIN_H
#define ROUTE_MONITOR_LOGIN_H

#include <stdbool.h>

#include "route/monitor.h"

/* Makes TO own copies of all that FROM gives; what is not given becomes NULL.
 * End it with monitor_login_fini(). */
void monitor_login_copy(
    struct monitor_login *to, const struct monitor_login *from);

/* Wipes and frees the copies. */
void monitor_login_fini(struct monitor_login *login);

/* Whether A and B are the same login; "" and NULL are equal. */
bool monitor_login_equal(
    const struct monitor_login *a, const struct monitor_login *b);

/* Whether there is a user, without whom nobody logs in. */
bool monitor_login_is_usable(const struct monitor_login *login);

#endif
