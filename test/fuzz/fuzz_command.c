/* fuzz_command.c - any text as a command of the console. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "admin/command.h"
#include "core/error.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strndup((const char *)data, size);
	struct command command;
	struct error err;
	size_t bytes = 0;

	if (command_parse(text, &command, &err) != 0) {
		assert(strcmp(err.sqlstate, "08P01") == 0);
		assert(strlen(err.text) < 300);
	} else {
		assert(command.count <= COMMAND_WORDS_MAX);
		assert(!command.is_assignment || command.count == 3);
		for (size_t i = 0; i < command.count; i++) {
			bytes += strlen(command.words[i]);
		}
		assert(bytes <= strlen(text));
	}
	command_fini(&command);
	free(text);
	return 0;
}
