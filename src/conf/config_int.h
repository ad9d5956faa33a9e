/* config_int.h - inside a configuration, for those who build one. */
#ifndef CONF_CONFIG_INT_H
#define CONF_CONFIG_INT_H

#include "conf/config.h"
#include "conf/directory.h"

struct config {
	unsigned references;
	struct settings settings;    /* owned */
	struct directory *directory; /* shared, counted */
};

/* Returns a configuration of defaults, without entries, with one reference. */
struct config *config_new(void);

#endif
