/*
 * fuzz_userlist.c - any bytes as an auth_file.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "conf/problems.h"
#include "conf/users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
on_credential(void *arg, const struct credential *credential)
{
	size_t *count = arg;

	assert(credential->user[0] != '\0');
	assert(strlen(credential->user) <= 1023);
	assert(strlen(credential->secret) <= 65535);
	assert(strchr(credential->user, '\n') == NULL);
	assert(credential->kind == credential_kind_of(credential->secret));
	(*count)++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problems problems = {0};
	size_t count = 0;

	userlist_parse(
	    "u", (const char *)data, size, on_credential, &count, &problems);
	assert(count + problems.error_count <= size + 1);
	problems_fini(&problems);
	return 0;
}
