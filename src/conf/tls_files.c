/*
 * tls_files.c - the texts of the files that the settings of TLS name.
 */
#include "conf/tls_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/config_int.h"
#include "conf/places.h"
#include "core/error.h"
#include "core/mem.h"

/* A system's own list of authorities has about 250 KB. */
#define TLS_FILE_MAX_BYTES ((size_t)8 * 1024 * 1024)

static const char *const names[TLS_FILE_COUNT] = {
    [TLS_FILE_CLIENT_CA] = "client_tls_ca_file",
    [TLS_FILE_CLIENT_CERT] = "client_tls_cert_file",
    [TLS_FILE_CLIENT_KEY] = "client_tls_key_file",
    [TLS_FILE_SERVER_CA] = "server_tls_ca_file",
    [TLS_FILE_SERVER_CERT] = "server_tls_cert_file",
    [TLS_FILE_SERVER_KEY] = "server_tls_key_file",
};

const struct setting *
tls_file_setting(enum tls_file_kind kind)
{
	return setting_find(names[kind]);
}

static const char *
value_of(const struct settings *settings, enum tls_file_kind kind)
{
	switch (kind) {
	case TLS_FILE_CLIENT_CA:
		return settings->client_tls_ca_file;
	case TLS_FILE_CLIENT_CERT:
		return settings->client_tls_cert_file;
	case TLS_FILE_CLIENT_KEY:
		return settings->client_tls_key_file;
	case TLS_FILE_SERVER_CA:
		return settings->server_tls_ca_file;
	case TLS_FILE_SERVER_CERT:
		return settings->server_tls_cert_file;
	case TLS_FILE_SERVER_KEY:
		return settings->server_tls_key_file;
	}
	return "";
}

/* ---- what must be there -------------------------------------------------- */

struct reading {
	const struct settings *settings;
	const struct places *places;
	struct problems *problems;
};

/* NAME is what somebody has to look at. */
static void
complain(const struct reading *reading, const char *name, const char *text)
{
	const struct setting *row = setting_find(name);
	const char *file = places_file(reading->places, row);
	const char *conffile = reading->settings->conffile;

	if (file == NULL && conffile[0] != '\0') {
		file = conffile;
	}
	problems_add(reading->problems, PROBLEM_ERROR, file,
	    places_line(reading->places, row), "%s", text);
}

static void
check_clients(const struct reading *reading)
{
	const struct settings *settings = reading->settings;

	if (settings->client_tls_sslmode == SSLMODE_DISABLE) {
		return;
	}
	if (settings->client_tls_cert_file[0] == '\0' ||
	    settings->client_tls_key_file[0] == '\0') {
		complain(reading, "client_tls_sslmode",
		    "client_tls_sslmode needs client_tls_cert_file and "
		    "client_tls_key_file");
	}
	if (settings->client_tls_sslmode >= SSLMODE_VERIFY_CA &&
	    settings->client_tls_ca_file[0] == '\0') {
		complain(reading, "client_tls_sslmode",
		    "client_tls_sslmode needs client_tls_ca_file, to know "
		    "whose certificates clients may have");
	}
}

static void
check_servers(const struct reading *reading)
{
	const struct settings *settings = reading->settings;

	if (settings->server_tls_sslmode == SSLMODE_VERIFY_CA &&
	    settings->server_tls_ca_file[0] == '\0') {
		complain(reading, "server_tls_sslmode",
		    "server_tls_sslmode = verify-ca needs server_tls_ca_file "
		    "(only verify-full may go by the system's authorities, "
		    "since anybody can have a certificate of theirs)");
	}
	if (settings->server_tls_sslmode != SSLMODE_DISABLE &&
	    (settings->server_tls_cert_file[0] == '\0') !=
	        (settings->server_tls_key_file[0] == '\0')) {
		complain(reading,
		    settings->server_tls_cert_file[0] == '\0'
		        ? "server_tls_key_file"
		        : "server_tls_cert_file",
		    "server_tls_cert_file and server_tls_key_file belong "
		    "together");
	}
}

void
tls_files_check(const struct settings *settings, const struct places *places,
    struct problems *problems)
{
	struct reading reading = {settings, places, problems};

	check_clients(&reading);
	check_servers(&reading);
}

/* ---- reading ------------------------------------------------------------- */

bool
tls_file_is_used(const struct settings *settings, enum tls_file_kind kind)
{
	int mode = kind < TLS_FILE_SERVER_CA ? settings->client_tls_sslmode
	                                     : settings->server_tls_sslmode;

	return mode != SSLMODE_DISABLE && value_of(settings, kind)[0] != '\0';
}

static void
read_one(const struct reading *reading, enum tls_file_kind kind,
    struct tls_file *file)
{
	const char *given_in =
	    places_file(reading->places, tls_file_setting(kind));
	struct error err;
	char text[768];

	file->path = file_resolve(value_of(reading->settings, kind), given_in);
	file->stamp = file_stamp_of(file->path);
	if (file_read(file->path, TLS_FILE_MAX_BYTES, &file->text, &err) != 0) {
		/* The words that pgbouncer's log has, too. */
		(void)snprintf(text, sizeof(text), "TLS setup failed: %s: %s",
		    names[kind], err.text);
		complain(reading, names[kind], text);
	}
}

struct tls_files *
tls_files_none(void)
{
	struct tls_files *files = mem_zalloc(sizeof(*files));

	files->references = 1;
	return files;
}

struct tls_files *
tls_files_read(const struct settings *settings, const struct places *places,
    struct problems *problems)
{
	struct tls_files *files = tls_files_none();
	struct reading reading = {settings, places, problems};
	size_t errors_before = problems->error_count;

	tls_files_check(settings, places, problems);
	for (int i = 0; i < TLS_FILE_COUNT; i++) {
		enum tls_file_kind kind = (enum tls_file_kind)i;

		if (tls_file_is_used(settings, kind)) {
			read_one(&reading, kind, &files->items[i]);
		}
	}
	if (problems->error_count > errors_before) {
		tls_files_unref(&files);
	}
	return files;
}

struct tls_files *
tls_files_read_again(const struct config *config, struct problems *problems)
{
	return tls_files_read(&config->settings, config->places, problems);
}

struct tls_files *
tls_files_ref(struct tls_files *files)
{
	files->references++;
	return files;
}

void
tls_files_unref(struct tls_files **filesp)
{
	struct tls_files *files = *filesp;

	*filesp = NULL;
	if (files == NULL || --files->references > 0) {
		return;
	}
	for (int i = 0; i < TLS_FILE_COUNT; i++) {
		free(files->items[i].path);
		file_text_fini(&files->items[i].text);
	}
	free(files);
}

/* ---- for libpq ----------------------------------------------------------- */

/* Where the authorities of the system are, as one file; libpq knows no
 * directory of them. */
static const char *
system_authorities(void)
{
	static const char *const paths[] = {
	    "/etc/ssl/certs/ca-certificates.crt",
	    "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		if (access(paths[i], R_OK) == 0) {
			return paths[i];
		}
	}
	return NULL;
}

struct tls_for_libpq
tls_for_libpq(const struct config *config)
{
	const struct tls_file *files = config->tls_files->items;
	int mode = config->settings.server_tls_sslmode;
	struct tls_for_libpq tls = {
	    .sslmode = setting_word("server_tls_sslmode", mode),
	    .sslcert = files[TLS_FILE_SERVER_CERT].path,
	    .sslkey = files[TLS_FILE_SERVER_KEY].path,
	};

	/* A file of authorities would make libpq verify in lower modes, too. */
	if (mode >= SSLMODE_VERIFY_CA) {
		tls.sslrootcert = files[TLS_FILE_SERVER_CA].path;
	}
	if (mode == SSLMODE_VERIFY_FULL && tls.sslrootcert == NULL) {
		tls.sslrootcert = system_authorities();
	}
	return tls;
}

/* ---- comparing ----------------------------------------------------------- */

bool
tls_files_are_given(const struct tls_files *files)
{
	for (int i = 0; i < TLS_FILE_COUNT; i++) {
		if (files->items[i].path != NULL) {
			return true;
		}
	}
	return false;
}

bool
tls_files_equal(const struct tls_files *a, const struct tls_files *b)
{
	for (int i = 0; i < TLS_FILE_COUNT; i++) {
		const struct file_text *one = &a->items[i].text;
		const struct file_text *other = &b->items[i].text;

		if ((one->bytes == NULL) != (other->bytes == NULL) ||
		    one->size != other->size ||
		    (one->size > 0 &&
		        memcmp(one->bytes, other->bytes, one->size) != 0)) {
			return false;
		}
	}
	return true;
}

void
tls_files_look(
    const struct tls_files *files, struct file_stamp stamps[TLS_FILE_COUNT])
{
	for (int i = 0; i < TLS_FILE_COUNT; i++) {
		const char *path = files->items[i].path;

		stamps[i] =
		    path == NULL ? (struct file_stamp){0} : file_stamp_of(path);
	}
}
