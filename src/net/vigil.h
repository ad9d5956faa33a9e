/*
 * vigil.h - finds connections whose other end has vanished while something is
 * on its way to it.
 *
 * The system gives up on these after a quarter of an hour. Its own option for
 * less (TCP_USER_TIMEOUT) also ends connections to those who are there and do
 * not read for a while, which is nobody's fault. Connections with nothing on
 * their way are keepalive's to look after.
 */
#ifndef NET_VIGIL_H
#define NET_VIGIL_H

#include <stdint.h>

struct logger;
struct loop;
struct vigil;

/* Looks after every TCP connection of the process, on LOOP. */
struct vigil *vigil_new(struct loop *loop, struct logger *logger);

/* Sets *VIGIL to NULL; NULL is accepted. */
void vigil_free(struct vigil **vigil);

/*
 * A connection that has not acknowledged anything for TIMEOUT_US, though it was
 * asked more than once, is shut down: its owner sees its end. It is found
 * within an eighth of that time more. 0: none is.
 */
void vigil_set_timeout(struct vigil *vigil, int64_t timeout_us);

#endif
