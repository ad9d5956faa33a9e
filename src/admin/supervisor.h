/*
 * supervisor.h - what the service manager (systemd) hears from us: that we are
 * ready, reload, stop, how we are, and that the loop still turns.
 *
 * See sd_notify(3) and sd_watchdog_enabled(3) for the protocol. Without a
 * service manager that wants to hear, every function here does nothing.
 */
#ifndef ADMIN_SUPERVISOR_H
#define ADMIN_SUPERVISOR_H

#include <stdint.h>

struct logger;
struct loop;
struct supervisor;

/* What the environment says; read before any fork. */
struct supervision {
	char *socket;        /* owned; NULL: nobody wants to hear */
	int64_t watchdog_us; /* 0: nobody watches */
};

/* Fills SUPERVISION from NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and
 * removes them. */
void supervision_take(struct supervision *supervision);
void supervision_fini(struct supervision *supervision);

/*
 * PUT_STATUS appends a sentence on how we are to OUT; it is asked for at each
 * change of state and every few seconds. SUPERVISION is read, CONTEXT borrowed
 * until supervisor_free(). LOGGER hears when the service manager cannot be
 * reached; nothing else depends on it.
 */
struct buf;
typedef void (*supervisor_status_fn)(void *context, struct buf *out);
struct supervisor *supervisor_new(struct loop *loop, struct logger *logger,
    const struct supervision *supervision, supervisor_status_fn put_status,
    void *context);

/* Sets *SUPERVISOR to NULL; NULL is accepted. */
void supervisor_free(struct supervisor **supervisor);

/* Everything is open and the loop about to run; or a reload has ended. From
 * the first call on the loop shows that it is alive. */
void supervisor_ready(struct supervisor *supervisor);

void supervisor_reloading(struct supervisor *supervisor);
void supervisor_stopping(struct supervisor *supervisor);

#endif
