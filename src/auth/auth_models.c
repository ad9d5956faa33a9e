/*
 * auth_models.c - what the secrets look like that databases have told.
 */
#include "auth/auth_models.h"

#include <stdlib.h>
#include <string.h>

#include "auth/scram_keys.h"
#include "auth/secret.h"
#include "core/buf.h"
#include "core/mem.h"

/* 32 bytes in base64, all of them zero. */
#define NO_KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* Appends SIZE zero bytes in base64. */
static void
put_zeros(struct buf *out, size_t size)
{
	size_t whole = size / 3, rest = size % 3;

	for (size_t i = 0; i < whole; i++) {
		buf_append_str(out, "AAAA");
	}
	buf_append_str(out, rest == 0 ? "" : rest == 1 ? "AA==" : "AAA=");
}

static void
put_scram(struct auth_models *models, const char *secret, struct buf *out)
{
	struct scram_secret parsed;

	if (!scram_secret_parse(&parsed, secret)) {
		return;
	}
	if (parsed.iterations > models->most_iterations) {
		models->most_iterations = parsed.iterations;
	}
	buf_printf(out, "SCRAM-SHA-256$%d:", parsed.iterations);
	put_zeros(out, parsed.salt_size);
	buf_append_str(out, "$" NO_KEY ":" NO_KEY);
	mem_wipe(&parsed, sizeof(parsed));
}

static void
put_model(struct auth_models *models, const char *secret, struct buf *out)
{
	switch (secret_kind(secret)) {
	case SECRET_PLAIN:
		buf_append_str(out, "a password");
		return;
	case SECRET_MD5:
		buf_append_str(out, "md500000000000000000000000000000000");
		return;
	case SECRET_SCRAM:
		put_scram(models, secret, out);
		return;
	}
}

void
auth_models_note(struct auth_models *models, const char *secret)
{
	struct buf text = {0};

	put_model(models, secret, &text);
	for (size_t i = 0; i < models->count; i++) {
		if (strcmp(models->texts[i], buf_text(&text)) == 0) {
			buf_fini(&text);
			return;
		}
	}
	if (models->count < AUTH_MODELS_MAX && text.length > 0) {
		models->texts[models->count++] = mem_strdup(buf_text(&text));
	}
	buf_fini(&text);
}

const char *
auth_models_pick(const struct auth_models *models, uint64_t number)
{
	return models->count == 0 ? NULL
	                          : models->texts[number % models->count];
}

void
auth_models_fini(struct auth_models *models)
{
	for (size_t i = 0; i < models->count; i++) {
		free(models->texts[i]);
	}
	*models = (struct auth_models){0};
}
