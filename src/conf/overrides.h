/* overrides.h - settings that [databases] and [users] entries may give. */
#ifndef CONF_OVERRIDES_H
#define CONF_OVERRIDES_H

#include "conf/database.h"
#include "conf/settings.h"

struct error;
struct suggestion;

/* Nothing given. */
void overrides_init(struct overrides *overrides);

/*
 * Stores KEY = TEXT if KEY is a setting that an entry of SCOPE may give.
 * Returns 1 when stored, 0 when there is no such key, -1 and ERR when the
 * value is wrong or asks for what does not exist yet.
 */
int overrides_set(struct overrides *overrides, enum setting_scope scope,
    const char *key, const char *text, struct error *err)
    __attribute__((warn_unused_result));

/* Considers every key an entry of SCOPE may give. */
void overrides_suggest(enum setting_scope scope, struct suggestion *suggestion);

#endif
