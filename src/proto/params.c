/* params.c - a short ordered list of named texts, such as run-time parameters.
 */
#include "proto/params.h"

#include <stdlib.h>

#include "core/mem.h"
#include "core/str.h"

static struct param *
params_find(const struct params *params, const char *name)
{
	for (size_t i = 0; i < params->count; i++) {
		if (str_equal_nocase(params->items[i].name, name)) {
			return &params->items[i];
		}
	}
	return NULL;
}

void
params_set(struct params *params, const char *name, const char *value)
{
	struct param *param = params_find(params, name);
	char *copy = mem_strdup(value);

	if (param != NULL) {
		free(param->value);
		param->value = copy;
		return;
	}
	params->items = mem_realloc(
	    params->items, (params->count + 1) * sizeof(*params->items));
	params->items[params->count++] =
	    (struct param){.name = mem_strdup(name), .value = copy};
}

const char *
params_get(const struct params *params, const char *name)
{
	const struct param *param = params_find(params, name);

	return param == NULL ? NULL : param->value;
}

void
params_fini(struct params *params)
{
	for (size_t i = 0; i < params->count; i++) {
		free(params->items[i].name);
		free(params->items[i].value);
	}
	free(params->items);
	*params = (struct params){0};
}
