/*
 * pool_welcome.c - what the clients of a pool are greeted with: the settings of
 * its servers, by the profile they have been brought under.
 */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "server/pool_int.h"
#include "server/profile.h"
#include "server/server_int.h"

/* More different start-up settings than this per pool are not remembered. */
#define WELCOMES_MAX 1000

void
pool_forget_welcomes(struct pool *pool)
{
	struct welcome *welcome, *next;

	HASH_ITER(hh, pool->welcomes, welcome, next)
	{
		HASH_DEL(pool->welcomes, welcome);
		profile_release(&welcome->profile);
		params_fini(&welcome->params);
		free(welcome);
	}
}

const struct params *
pool_welcome(struct pool *pool, struct profile *profile)
{
	struct welcome *welcome = NULL;

	HASH_FIND_PTR(pool->welcomes, &profile, welcome);
	return welcome == NULL ? NULL : &welcome->params;
}

void
pool_set_welcome(struct pool *pool, struct server *server)
{
	struct profile *profile = server->profile;
	struct welcome *welcome = NULL;

	if (HASH_COUNT(pool->welcomes) >= WELCOMES_MAX) {
		pool_forget_welcomes(pool);
	}
	HASH_FIND_PTR(pool->welcomes, &profile, welcome);
	if (welcome == NULL) {
		welcome = mem_zalloc(sizeof(*welcome));
		welcome->profile = profile_ref(profile);
		HASH_ADD_PTR(pool->welcomes, profile, welcome);
	}
	params_fini(&welcome->params);
	for (size_t i = 0; i < server->params.count; i++) {
		const struct param *item = &server->params.items[i];

		if (strcmp(item->name, "in_hot_standby") != 0) {
			params_set(&welcome->params, item->name, item->value);
		}
	}
}
