/* house_check.h - what always holds between events, whatever the peers do. */
#ifndef SUPPORT_HOUSE_CHECK_H
#define SUPPORT_HOUSE_CHECK_H

#include "support/house.h"

/* Asserts, after house_settle(), that lists and counts agree, that links have
 * two ends, that what is kept is bounded and that nobody waits in vain. */
void house_check(const struct house *house);

#endif
