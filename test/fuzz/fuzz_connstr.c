/*
 * fuzz_connstr.c - any text as a connection string in each dialect, as a URI,
 * as a [databases] entry and as a whole configuration.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "conf/config.h"
#include "conf/connstr.h"
#include "core/error.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
cut(const char *text)
{
	struct connstr connstr = {0};
	struct error err;

	for (int i = 0; i < 3; i++) {
		int rc = i < 2 ? connstr_parse(&connstr,
		                     (enum connstr_dialect)i, text, &err)
		               : connstr_parse_uri(&connstr, text, &err);

		assert(rc == 0 || connstr.count == 0);
		assert(connstr.count <= CONNSTR_PAIRS_MAX);
		connstr_fini(&connstr);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strndup((const char *)data, size);
	struct problems problems = {0};
	struct error err;
	struct database_conf *entry = database_conf_parse("app", text, &err);
	struct user_conf *user = user_conf_parse("u", text, &err);
	struct peer_conf *peer = peer_conf_parse("1", text, &err);
	struct config *config = config_from_connstr(text, &problems);

	cut(text);
	assert(entry == NULL || entry->host_count > 0);
	assert((config == NULL) == (problems.error_count > 0));
	config_unref(&config);
	peer_conf_free(&peer);
	user_conf_free(&user);
	database_conf_free(&entry);
	problems_fini(&problems);
	free(text);
	return 0;
}
