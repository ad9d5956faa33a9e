/* clock.h - what time it is. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>

/* Microseconds that only grow, from an arbitrary start. The loop reads this
 * once per turn; use loop_now_us() wherever a loop is at hand. */
int64_t clock_monotonic_us(void);

/* Microseconds since 1970, UTC. */
int64_t clock_wall_us(void);

#endif
