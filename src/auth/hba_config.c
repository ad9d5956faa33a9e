/*
 * hba_config.c - the HBA rules that belong to a configuration.
 *
 * Rules are read when the configuration is and live as long: whoever judges a
 * login by a configuration judges it by the rules that came with it, and what
 * cannot be read refuses the configuration as a whole.
 */
#include "auth/hba_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/hba.h"
#include "conf/config.h"
#include "conf/file.h"
#include "conf/places.h"
#include "core/str.h"

static void
free_rules(void *annex)
{
	struct hba *hba = annex;

	hba_unref(&hba);
}

struct hba *
hba_config_rules(const struct config *config)
{
	return config_annex(config);
}

/* Whether both have the same rules, as long as files are not looked at. */
static bool
is_same(const struct settings *a, const struct settings *b)
{
	return a->auth_type == b->auth_type &&
	    str_equal(a->auth_hba_file, b->auth_hba_file) &&
	    str_equal(a->auth_ident_file, b->auth_ident_file);
}

/* What is given and not used. */
static void
note_unused(const struct config *config, struct problems *problems)
{
	const struct settings *settings = config_settings(config);
	const struct places *places = config_places(config);
	const struct setting *row = setting_find(
	    settings->auth_hba_file[0] != '\0' ? "auth_hba_file"
	                                       : "auth_ident_file");

	if (settings->auth_hba_file[0] == '\0' &&
	    settings->auth_ident_file[0] == '\0') {
		return;
	}
	problems_add(problems, PROBLEM_NOTE, places_file(places, row),
	    places_line(places, row),
	    "%s is not used, since auth_type is %s; set auth_type = hba for "
	    "the rules to decide",
	    row->name, setting_word("auth_type", settings->auth_type));
}

/* The first of the rules that cannot let anybody in as TLS is configured. */
static void
note_without_tls(const struct settings *settings, const struct hba *hba,
    struct problems *problems)
{
	bool has_tls = settings->client_tls_sslmode != SSLMODE_DISABLE;

	for (size_t i = 0; i < hba_count(hba); i++) {
		const struct hba_rule *rule = hba_rule(hba, i);

		if (rule->type == HBA_HOSTSSL && !has_tls) {
			problems_add(problems, PROBLEM_NOTE, rule->file,
			    rule->line,
			    "this rule never matches, since "
			    "client_tls_sslmode is disable");
			return;
		} else if (rule->clientcert != HBA_CLIENTCERT_OFF &&
		    settings->client_tls_ca_file[0] == '\0') {
			problems_add(problems, PROBLEM_NOTE, rule->file,
			    rule->line,
			    "this rule lets nobody in, since no certificate "
			    "can be verified without client_tls_ca_file");
			return;
		}
	}
}

static int
check_cert(const struct config *config, struct problems *problems)
{
	const struct settings *settings = config_settings(config);
	const struct places *places = config_places(config);
	const struct setting *row = setting_find("auth_type");

	if (settings->client_tls_sslmode != SSLMODE_DISABLE &&
	    settings->client_tls_ca_file[0] != '\0') {
		return 0;
	}
	problems_add(problems, PROBLEM_ERROR, places_file(places, row),
	    places_line(places, row),
	    "auth_type = cert needs client_tls_sslmode and "
	    "client_tls_ca_file, or nobody could show a certificate");
	return -1;
}

/* The path of the file that the setting called NAME, with VALUE, says, for the
 * caller to free; NULL and an error if nobody could read it. */
static char *
find_file(const struct config *config, const char *name, const char *value,
    struct problems *problems)
{
	const struct places *places = config_places(config);
	const struct setting *row = setting_find(name);
	const char *from = places_file(places, row);
	char *path = file_resolve(
	    value, from == NULL ? config_settings(config)->conffile : from);

	if (access(path, R_OK) == 0) {
		return path;
	}
	problems_add(problems, PROBLEM_ERROR, from, places_line(places, row),
	    "%s: cannot read \"%s\": %s", name, path, strerror(errno));
	free(path);
	return NULL;
}

static int
load_rules(struct config *config, struct problems *problems)
{
	const struct settings *settings = config_settings(config);
	char *path = NULL, *ident_path = NULL;
	bool has_ident = settings->auth_ident_file[0] != '\0';
	struct hba *hba = NULL;

	if (settings->auth_hba_file[0] == '\0') {
		const struct setting *row = setting_find("auth_type");

		problems_add(problems, PROBLEM_ERROR,
		    places_file(config_places(config), row),
		    places_line(config_places(config), row),
		    "auth_type = hba needs auth_hba_file, a file of rules as "
		    "pg_hba.conf");
		return -1;
	}
	path = find_file(
	    config, "auth_hba_file", settings->auth_hba_file, problems);
	if (has_ident) {
		ident_path = find_file(config, "auth_ident_file",
		    settings->auth_ident_file, problems);
	}
	if (path != NULL && (ident_path != NULL || !has_ident)) {
		hba = hba_load(path, ident_path, problems);
	}
	free(path);
	free(ident_path);
	if (hba == NULL) {
		return -1;
	}
	note_without_tls(settings, hba, problems);
	config_attach(config, hba, free_rules);
	return 0;
}

int
hba_config_load(struct config *config, const struct config *before,
    struct problems *problems)
{
	const struct settings *settings = config_settings(config);

	if (before != NULL && is_same(settings, config_settings(before))) {
		struct hba *hba = hba_config_rules(before);

		if (hba != NULL) {
			config_attach(config, hba_ref(hba), free_rules);
		}
	} else if (settings->auth_type == AUTH_HBA) {
		return load_rules(config, problems);
	} else {
		note_unused(config, problems);
	}
	/* Of TLS, which may be what has changed. */
	return settings->auth_type == AUTH_CERT ? check_cert(config, problems)
	                                        : 0;
}
