/*
 * loader.c - from a file to a configuration.
 *
 * Pairs are judged one by one as they come; what depends on the whole (the
 * effective value of a setting, the auth_file) is judged at the end. Every
 * error is kept, and one error is enough to refuse the whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/config_int.h"
#include "conf/file.h"
#include "conf/ini.h"
#include "conf/places.h"
#include "conf/suggest.h"
#include "conf/tls_files.h"
#include "conf/together.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

/* Where a setting was given. */
struct origin {
	char *file; /* owned; NULL: not given */
	int line;
	bool is_wrong; /* already complained of */
};

struct loader {
	struct config *config;     /* owned until the load has succeeded */
	struct problems *problems; /* borrowed */
	struct origin *origins;    /* owned; one per row of the table */
	struct origin first_peer;
	bool may_read; /* whether an auth_file may be opened */
};

static void
origin_set(struct origin *origin, const struct ini_place *place)
{
	free(origin->file);
	origin->file = mem_strdup(place->file);
	origin->line = place->line;
}

static void
complain(struct loader *loader, const struct ini_place *place,
    const char *prefix, const struct error *err)
{
	bool has_hint = err->hint[0] != '\0';

	problems_add(loader->problems, PROBLEM_ERROR, place->file, place->line,
	    "%s%s%s%s%s", prefix, err->text, has_hint ? " (" : "", err->hint,
	    has_hint ? ")" : "");
}

/* ---- sections ----------------------------------------------------------- */

static void
on_setting(struct loader *loader, const struct ini_place *place,
    const char *key, const char *value)
{
	const struct setting *row = setting_find(key);
	struct origin *origin = NULL;
	struct error err;

	if (row == NULL) {
		const char *near = setting_suggest(key);

		problems_add(loader->problems, PROBLEM_ERROR, place->file,
		    place->line, "unknown setting \"%.100s\"%s%s%s", key,
		    near == NULL ? "" : "; did you mean \"",
		    near == NULL ? "" : near, near == NULL ? "" : "\"?");
		return;
	}
	origin = &loader->origins[row - setting_rows];
	origin_set(origin, place);
	places_set(loader->config->places, row, place->file, place->line);
	origin->is_wrong =
	    settings_set(&loader->config->settings, row, value, &err) < 0;
	if (origin->is_wrong) {
		complain(loader, place, "", &err);
	}
}

/* "database \"NAME\": " and the like, cut if the name is long. */
struct prefix {
	char text[160];
};

static struct prefix
prefix_of(const char *what, const char *name)
{
	struct prefix prefix;

	(void)snprintf(
	    prefix.text, sizeof(prefix.text), "%s \"%.100s\": ", what, name);
	return prefix;
}

static void
on_database(struct loader *loader, const struct ini_place *place,
    const char *name, const char *text)
{
	struct error err;
	struct database_conf *database = NULL;

	if (config_is_console(name)) {
		problems_add(loader->problems, PROBLEM_ERROR, place->file,
		    place->line,
		    "database name \"%s\" is reserved for the console", name);
		return;
	}
	if ((database = database_conf_parse(name, text, &err)) == NULL) {
		complain(loader, place, prefix_of("database", name).text, &err);
		return;
	}
	directory_take_database(loader->config->directory, database);
}

static void
on_user(struct loader *loader, const struct ini_place *place, const char *name,
    const char *text)
{
	struct error err;
	struct user_conf *user = user_conf_parse(name, text, &err);

	if (user == NULL) {
		complain(loader, place, prefix_of("user", name).text, &err);
		return;
	}
	directory_take_user(loader->config->directory, user);
}

static void
on_peer(struct loader *loader, const struct ini_place *place, const char *name,
    const char *text)
{
	struct error err;
	struct peer_conf *peer = peer_conf_parse(name, text, &err);

	if (peer == NULL) {
		complain(loader, place, prefix_of("peer", name).text, &err);
		return;
	}
	if (loader->first_peer.file == NULL) {
		origin_set(&loader->first_peer, place);
	}
	directory_take_peer(loader->config->directory, peer);
}

static const struct section {
	const char *name;
	void (*on_pair)(struct loader *loader, const struct ini_place *place,
	    const char *key, const char *value);
} sections[] = {
    {"pgbouncer", on_setting},
    {"pgweir", on_setting},
    {"databases", on_database},
    {"users", on_user},
    {"peers", on_peer},
};
#define SECTION_COUNT (sizeof(sections) / sizeof(sections[0]))

static void
on_pair(void *arg, const struct ini_place *place, const char *section,
    const char *key, const char *value)
{
	struct loader *loader = arg;
	struct suggestion near = {.wanted = section};

	for (size_t i = 0; i < SECTION_COUNT; i++) {
		if (strcmp(sections[i].name, section) == 0) {
			sections[i].on_pair(loader, place, key, value);
			return;
		}
		suggestion_consider(&near, sections[i].name);
	}
	problems_add(loader->problems, PROBLEM_ERROR, place->file, place->line,
	    "\"%.100s\" stands in the unknown section [%.100s]%s%s%s", key,
	    section, near.best == NULL ? "" : "; did you mean [",
	    near.best == NULL ? "" : near.best, near.best == NULL ? "" : "]?");
}

/* ---- the whole ---------------------------------------------------------- */

/* Refuses what does not exist yet, and notes what is ignored. */
static void
check_row(struct loader *loader, size_t index, const char *file)
{
	const struct setting *row = &setting_rows[index];
	const struct settings *settings = &loader->config->settings;
	const struct origin *origin = &loader->origins[index];
	struct ini_place place = {origin->file, origin->line};
	struct error err;

	if (origin->is_wrong) {
		return;
	}
	if (setting_check_status(settings, row, origin->file == NULL, &err) <
	    0) {
		place.file = origin->file == NULL ? file : origin->file;
		complain(loader, &place, "", &err);
		return;
	}
	if (row->status == STATUS_HARMLESS && origin->file != NULL) {
		problems_add(loader->problems, PROBLEM_NOTE, place.file,
		    place.line, "%s is ignored: %s", row->name, row->why);
	}
}

static void
take_credential(void *arg, const struct credential *credential)
{
	directory_add_credential(arg, credential);
}

int
config_load_users(struct config *config, const char *path,
    struct problems *problems, struct error *err)
{
	struct file_stamp stamp = file_stamp_of(path);
	struct file_text text = {0};
	int ret = file_read(path, INI_FILE_MAX_BYTES, &text, err);

	if (ret == 0) {
		directory_set_source(config->directory, path, &stamp);
		userlist_parse(path, text.bytes, text.size, take_credential,
		    config->directory, problems);
	}
	file_text_fini(&text);
	return ret;
}

static void
load_auth_file(struct loader *loader)
{
	const struct setting *row = setting_find("auth_file");
	const struct origin *origin = &loader->origins[row - setting_rows];
	const char *name = loader->config->settings.auth_file;
	struct ini_place place = {origin->file, origin->line};
	struct error err;
	char *path = NULL;

	if (name[0] == '\0') {
		return;
	}
	if (!loader->may_read) {
		problems_add(loader->problems, PROBLEM_ERROR, place.file,
		    place.line, "auth_file works only in files");
		return;
	}
	path = file_resolve(name, origin->file);
	if (config_load_users(loader->config, path, loader->problems, &err) !=
	    0) {
		complain(loader, &place, "auth_file: ", &err);
	}
	free(path);
}

/* That libpq will take the file: it would say nothing otherwise. */
static void
check_passfile(struct loader *loader)
{
	const struct setting *row = setting_find("monitor_passfile");
	const struct origin *origin = &loader->origins[row - setting_rows];
	struct ini_place place = {origin->file, origin->line};
	char *path = NULL;
	struct stat info;
	struct error err = {.text = ""};

	if (loader->config->settings.monitor_passfile[0] == '\0') {
		return;
	}
	path = file_resolve(
	    loader->config->settings.monitor_passfile, origin->file);
	if (!loader->may_read) {
		error_set(&err, SQLSTATE_CONFIG_FILE, "works only in files");
	} else if (stat(path, &info) != 0 || access(path, R_OK) != 0) {
		error_set_errno(&err, "\"%s\"", path);
	} else if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		error_set(&err, SQLSTATE_CONFIG_FILE,
		    "\"%s\" can be used by others: give it the mode 0600",
		    path);
	}
	if (err.text[0] != '\0') {
		complain(loader, &place, "monitor_passfile: ", &err);
	}
	free(path);
}

/* Where no file may be read, none may be needed. */
static void
refuse_tls_files(struct loader *loader, const char *file)
{
	const struct places *places = loader->config->places;

	for (int i = 0; i < TLS_FILE_COUNT; i++) {
		enum tls_file_kind kind = (enum tls_file_kind)i;
		const struct setting *row = tls_file_setting(kind);

		if (tls_file_is_used(&loader->config->settings, kind)) {
			problems_add(loader->problems, PROBLEM_ERROR, file,
			    places_line(places, row), "%s works only in files",
			    row->name);
		}
	}
}

static void
load_tls_files(struct loader *loader, const char *file)
{
	if (!loader->may_read) {
		tls_files_check(&loader->config->settings,
		    loader->config->places, loader->problems);
		refuse_tls_files(loader, file);
		return;
	}
	/* Errors are among the problems, which decide. */
	(void)!config_load_tls_files(loader->config, loader->problems);
}

static void
check_peers(struct loader *loader)
{
	if (loader->first_peer.file != NULL &&
	    loader->config->settings.peer_id == 0) {
		problems_add(loader->problems, PROBLEM_NOTE,
		    loader->first_peer.file, loader->first_peer.line,
		    "[peers] is not used, since peer_id is 0");
	}
}

static void
set_conffile(struct loader *loader, const char *file)
{
	const struct setting *row = setting_find("conffile");
	struct error err;

	if (loader->origins[row - setting_rows].file != NULL) {
		return;
	}
	/* A string is never refused. */
	(void)!settings_set(&loader->config->settings, row, file, &err);
}

/* Judges the whole. */
static void
check_all(struct loader *loader, const char *file)
{
	for (size_t i = 0; i < setting_count; i++) {
		check_row(loader, i, file);
	}
	load_auth_file(loader);
	check_passfile(loader);
	together_check(loader->config, file, loader->problems);
	check_peers(loader);
	set_conffile(loader, file);
	load_tls_files(loader, file);
}

/* Ends the load; returns the configuration unless errors were added to the
 * ERRORS_BEFORE that are older. */
static struct config *
finish(struct loader *loader, size_t errors_before)
{
	for (size_t i = 0; i < setting_count; i++) {
		free(loader->origins[i].file);
	}
	free(loader->origins);
	free(loader->first_peer.file);
	problems_sort(loader->problems);
	if (loader->problems->error_count > errors_before) {
		config_unref(&loader->config);
	}
	return loader->config;
}

static struct loader
loader_start(struct problems *problems, bool may_read)
{
	return (struct loader){
	    .config = config_new(),
	    .problems = problems,
	    .origins = mem_zalloc(setting_count * sizeof(struct origin)),
	    .may_read = may_read,
	};
}

struct config *
config_load(const char *path, struct problems *problems)
{
	struct loader loader = loader_start(problems, true);
	size_t errors_before = problems->error_count;

	if (ini_read_file(path, on_pair, &loader, problems) == 0) {
		check_all(&loader, path);
	}
	return finish(&loader, errors_before);
}

struct config *
config_load_text(
    const char *file, const char *text, size_t size, struct problems *problems)
{
	struct loader loader = loader_start(problems, false);
	size_t errors_before = problems->error_count;

	ini_read_text(file, text, size, on_pair, &loader, problems);
	check_all(&loader, file);
	return finish(&loader, errors_before);
}

/* ---- reload ------------------------------------------------------------- */

/* A setting that binds a socket or changes who we are stays as it is. */
static void
keep_from_start(struct config *config, const struct config *old,
    const struct setting *row, struct problems *problems)
{
	struct buf before = {0};

	if (row->when != WHEN_START || row->status == STATUS_HARMLESS ||
	    settings_equal(&config->settings, &old->settings, row)) {
		return;
	}
	settings_copy_one(&config->settings, &old->settings, row);
	settings_print(&old->settings, row, &before);
	problems_add(problems, PROBLEM_NOTE, config->settings.conffile, 0,
	    "%s stays \"%s\" until the next start", row->name,
	    buf_text(&before));
	buf_fini(&before);
}

struct config *
config_reload(const struct config *old, struct problems *problems)
{
	struct config *config = NULL;

	if (old->settings.conffile[0] == '\0') {
		problems_add(problems, PROBLEM_ERROR, NULL, 0,
		    "started from a connection string: there is no file to "
		    "read again");
		return NULL;
	}
	config = config_load(old->settings.conffile, problems);
	if (config == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < setting_count; i++) {
		keep_from_start(config, old, &setting_rows[i], problems);
	}
	return config;
}
