/*
 * tls_config.c - the TLS contexts that a configuration asks for.
 */
#include "net/tls_config.h"

#include <stdbool.h>
#include <stdio.h>

#include "conf/config.h"
#include "conf/places.h"
#include "conf/tls_files.h"
#include "core/error.h"
#include "net/tls.h"

/* Which setting is to blame for which part of a context. */
static const char *const client_settings[] = {
    [TLS_PART_CA] = "client_tls_ca_file",
    [TLS_PART_CERT] = "client_tls_cert_file",
    [TLS_PART_KEY] = "client_tls_key_file",
    [TLS_PART_PROTOCOLS] = "client_tls_protocols",
    [TLS_PART_CIPHERS] = "client_tls_ciphers",
    [TLS_PART_TLS13_CIPHERS] = "client_tls13_ciphers",
    [TLS_PART_CURVE] = "client_tls_ecdhcurve",
    [TLS_PART_DHEPARAMS] = "client_tls_dheparams",
};

static const char *const server_settings[] = {
    [TLS_PART_CA] = "server_tls_ca_file",
    [TLS_PART_CERT] = "server_tls_cert_file",
    [TLS_PART_KEY] = "server_tls_key_file",
    [TLS_PART_PROTOCOLS] = "server_tls_protocols",
    [TLS_PART_CIPHERS] = "server_tls_ciphers",
    [TLS_PART_TLS13_CIPHERS] = "server_tls13_ciphers",
    [TLS_PART_CURVE] = "server_tls_sslmode",     /* cannot fail */
    [TLS_PART_DHEPARAMS] = "server_tls_sslmode", /* nor this */
};

static struct tls_pem
pem_of(const struct tls_files *files, enum tls_file_kind kind)
{
	const struct tls_file *file = &files->items[kind];

	return (struct tls_pem){file->path, file->text.bytes, file->text.size};
}

static enum tls_verify
verify_clients(const struct settings *settings, const struct tls_files *files)
{
	if (settings->client_tls_sslmode >= SSLMODE_VERIFY_CA) {
		return TLS_VERIFY_CA;
	}
	return files->items[TLS_FILE_CLIENT_CA].text.bytes != NULL
	    ? TLS_VERIFY_IF_GIVEN
	    : TLS_VERIFY_NOT;
}

static enum tls_verify
verify_servers(const struct settings *settings)
{
	switch (settings->server_tls_sslmode) {
	case SSLMODE_VERIFY_CA:
		return TLS_VERIFY_CA;
	case SSLMODE_VERIFY_FULL:
		return TLS_VERIFY_NAME;
	default:
		return TLS_VERIFY_NOT;
	}
}

static struct tls_options
client_options(const struct settings *settings, const struct tls_files *files)
{
	return (struct tls_options){
	    .role = TLS_ACCEPTS,
	    .verify = verify_clients(settings, files),
	    .ca = pem_of(files, TLS_FILE_CLIENT_CA),
	    .cert = pem_of(files, TLS_FILE_CLIENT_CERT),
	    .key = pem_of(files, TLS_FILE_CLIENT_KEY),
	    .protocols = settings->client_tls_protocols,
	    .ciphers = settings->client_tls_ciphers,
	    .tls13_ciphers = settings->client_tls13_ciphers,
	    .curve = settings->client_tls_ecdhcurve,
	    .dheparams = setting_word(
	        "client_tls_dheparams", settings->client_tls_dheparams),
	};
}

static struct tls_options
server_options(const struct settings *settings, const struct tls_files *files)
{
	return (struct tls_options){
	    .role = TLS_CONNECTS,
	    .verify = verify_servers(settings),
	    .ca = pem_of(files, TLS_FILE_SERVER_CA),
	    .cert = pem_of(files, TLS_FILE_SERVER_CERT),
	    .key = pem_of(files, TLS_FILE_SERVER_KEY),
	    .protocols = settings->server_tls_protocols,
	    .ciphers = settings->server_tls_ciphers,
	    .tls13_ciphers = settings->server_tls13_ciphers,
	    .curve = "auto",
	    .dheparams = "auto",
	};
}

static struct tls_context *
make(const struct tls_options *options, const char *const *names,
    const struct config *config, struct problems *problems)
{
	const struct places *places = config_places(config);
	struct tls_context *context;
	const struct setting *row;
	enum tls_part culprit;
	const char *file;
	struct error err;

	context = tls_context_new(options, &culprit, &err);
	if (context != NULL) {
		return context;
	}
	row = setting_find(names[culprit]);
	file = places_file(places, row);
	if (file == NULL && config_settings(config)->conffile[0] != '\0') {
		file = config_settings(config)->conffile;
	}
	problems_add(problems, PROBLEM_ERROR, file, places_line(places, row),
	    "TLS setup failed: %s: %s%s%s%s", row->name, err.text,
	    err.hint[0] == '\0' ? "" : " (", err.hint,
	    err.hint[0] == '\0' ? "" : ")");
	return NULL;
}

int
tls_contexts_make(struct tls_contexts *out, const struct config *config,
    const struct tls_files *files, struct problems *problems)
{
	const struct settings *settings = config_settings(config);
	struct tls_options options;
	bool failed = false;

	*out = (struct tls_contexts){0};
	if (settings->client_tls_sslmode != SSLMODE_DISABLE) {
		options = client_options(settings, files);
		out->clients =
		    make(&options, client_settings, config, problems);
		failed = out->clients == NULL;
	}
	if (settings->server_tls_sslmode != SSLMODE_DISABLE) {
		options = server_options(settings, files);
		out->servers =
		    make(&options, server_settings, config, problems);
		failed = failed || out->servers == NULL;
	}
	if (failed) {
		tls_contexts_fini(out);
		return -1;
	}
	return 0;
}

int
tls_contexts_try(const struct config *config, struct problems *problems)
{
	struct tls_contexts contexts;

	if (tls_contexts_make(
	        &contexts, config, config_tls_files(config), problems) != 0) {
		return -1;
	}
	tls_contexts_fini(&contexts);
	return 0;
}

void
tls_contexts_fini(struct tls_contexts *contexts)
{
	tls_context_unref(&contexts->clients);
	tls_context_unref(&contexts->servers);
}
