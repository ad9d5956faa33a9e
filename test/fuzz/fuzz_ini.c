/*
 * fuzz_ini.c - any bytes as a configuration file.
 *
 * Beyond not crashing: a configuration comes out exactly when no error was
 * told, and one that came out can be asked and changed.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/config.h"
#include "core/buf.h"
#include "core/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
use(const struct config *config)
{
	struct buf out = {0};
	struct error err;
	const struct database_conf *entry = config_find_database(config, "app");
	struct config *changed =
	    config_with_setting(config, "default_pool_size", "3", &err);

	assert(changed != NULL);
	for (size_t i = 0; i < setting_count; i++) {
		settings_print(config_settings(config), &setting_rows[i], &out);
	}
	if (entry != NULL) {
		assert(entry->host_count > 0);
		assert(config_pool_size(config, entry, "u") >= 0);
		(void)config_pool_mode(config, entry, "u");
	}
	config_unref(&changed);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problems problems = {0};
	struct buf out = {0};
	struct config *config =
	    config_load_text("f", (const char *)data, size, &problems);

	assert((config == NULL) == (problems.error_count > 0));
	for (size_t i = 0; i < problems.count; i++) {
		problem_print(&problems.items[i], &out);
	}
	if (config != NULL) {
		use(config);
	}
	config_unref(&config);
	problems_fini(&problems);
	buf_fini(&out);
	return 0;
}
