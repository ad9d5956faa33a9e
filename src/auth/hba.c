/*
 * hba.c - who may come in from where, and how: files as pg_hba.conf.
 *
 * The first rule that matches decides, as in PostgreSQL. So a rule that cannot
 * be read cannot be left out either: the whole is refused.
 */
#include "auth/hba.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth/hba_lex.h"
#include "auth/hba_net.h"
#include "auth/ident.h"
#include "auth/regex.h"
#include "conf/problems.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/address.h"

/* Our own addresses are asked for again when they are older. */
#define NETS_AGE_US ((int64_t)5 * 1000000)

/* Regular expressions of one file: each takes a bounded time, and so must all
 * of them together. */
#define REGEX_COUNT_MAX 1000

/* What PostgreSQL keeps of a name: a longer one is cut there, so whoever gives
 * it is also who is called by its beginning. */
#define NAME_BYTES_MAX 63

struct hba {
	struct hba_rule *rules; /* owned */
	size_t count;
	struct ident *ident;           /* owned; NULL: no file is given */
	struct regex_scratch *scratch; /* owned */
	struct hba_nets nets;
	int64_t nets_us; /* when they were read */
	bool uses_nets;
	unsigned references;
};

/* ---- loading ------------------------------------------------------------- */

struct collector {
	struct hba *hba;
	struct problems *problems;
	size_t regexes;
};

static size_t
count_regexes(const struct hba_names *names)
{
	size_t count = 0;

	for (size_t i = 0; i < names->count; i++) {
		count += names->items[i].kind == HBA_NAME_REGEX;
	}
	return count;
}

static void
on_line(void *arg, const struct hba_line *line)
{
	struct collector *collector = arg;
	struct hba *hba = collector->hba;
	struct hba_rule rule = {0};
	size_t before = collector->regexes;

	if (hba_rule_parse(line, &rule, collector->problems) != 0) {
		return;
	}
	/* Doubled whenever the count is a power of two. */
	if ((hba->count & (hba->count - 1)) == 0) {
		size_t room = hba->count == 0 ? 1 : hba->count * 2;

		hba->rules =
		    mem_realloc(hba->rules, room * sizeof(*hba->rules));
	}
	collector->regexes +=
	    count_regexes(&rule.databases) + count_regexes(&rule.users);
	if (before <= REGEX_COUNT_MAX && collector->regexes > REGEX_COUNT_MAX) {
		problems_add(collector->problems, PROBLEM_ERROR, line->file,
		    line->number,
		    "with this there are more than %d regular expressions",
		    REGEX_COUNT_MAX);
	}
	hba->uses_nets = hba->uses_nets || rule.where == HBA_SAMEHOST ||
	    rule.where == HBA_SAMENET;
	hba->rules[hba->count++] = rule;
	hba->rules[hba->count - 1].number = (int)hba->count;
}

static void
check_maps(const struct hba *hba, struct problems *problems)
{
	for (size_t i = 0; i < hba->count; i++) {
		const struct hba_rule *rule = &hba->rules[i];

		if (rule->map == NULL ||
		    (hba->ident != NULL &&
		        ident_has_map(hba->ident, rule->map))) {
			continue;
		}
		problems_add(problems, PROBLEM_ERROR, rule->file, rule->line,
		    "there is no map \"%s\" (%s)", rule->map,
		    hba->ident == NULL
		        ? "auth_ident_file is to name the file of maps"
		        : "the file of auth_ident_file has no line that "
		          "begins with it");
	}
}

static struct hba *
load_start(void)
{
	struct hba *hba = mem_zalloc(sizeof(*hba));

	hba->references = 1;
	hba->scratch = regex_scratch_new();
	return hba;
}

/* Judges the whole; NULL if errors were added to the ERRORS_BEFORE. */
static struct hba *
load_end(struct hba *hba, const char *path, size_t errors_before,
    struct problems *problems)
{
	struct error err;

	if (problems->error_count == errors_before && hba->count == 0) {
		problems_add(problems, PROBLEM_ERROR, path, 0,
		    "the file has no rule, so nobody could log in");
	}
	if (problems->error_count == errors_before) {
		check_maps(hba, problems);
	}
	if (hba->uses_nets && hba_nets_read(&hba->nets, &err) != 0) {
		problems_add(problems, PROBLEM_ERROR, path, 0, "%s", err.text);
	}
	if (problems->error_count > errors_before) {
		hba_unref(&hba);
	}
	return hba;
}

struct hba *
hba_load(const char *path, const char *ident_path, struct problems *problems)
{
	struct hba *hba = load_start();
	struct collector collector = {.hba = hba, .problems = problems};
	size_t errors_before = problems->error_count;

	hba_lex_file(path, on_line, &collector, problems);
	if (ident_path != NULL) {
		hba->ident = ident_load(ident_path, problems);
	}
	return load_end(hba, path, errors_before, problems);
}

struct hba *
hba_load_text(const char *text, size_t size, const char *ident,
    size_t ident_size, struct problems *problems)
{
	struct hba *hba = load_start();
	struct collector collector = {.hba = hba, .problems = problems};
	size_t errors_before = problems->error_count;

	hba_lex_text("pg_hba.conf", text, size, on_line, &collector, problems);
	if (ident != NULL) {
		hba->ident = ident_load_text(
		    "pg_ident.conf", ident, ident_size, problems);
	}
	return load_end(hba, "pg_hba.conf", errors_before, problems);
}

struct hba *
hba_ref(struct hba *hba)
{
	hba->references++;
	return hba;
}

void
hba_unref(struct hba **hbap)
{
	struct hba *hba = *hbap;

	*hbap = NULL;
	if (hba == NULL || --hba->references > 0) {
		return;
	}
	for (size_t i = 0; i < hba->count; i++) {
		hba_rule_fini(&hba->rules[i]);
	}
	free(hba->rules);
	ident_free(&hba->ident);
	regex_scratch_free(&hba->scratch);
	hba_nets_fini(&hba->nets);
	free(hba);
}

void
hba_freshen(struct hba *hba, int64_t now_us)
{
	if (!hba->uses_nets || now_us - hba->nets_us < NETS_AGE_US) {
		return;
	}
	/* If the system does not say, what was known still is. */
	(void)!hba_nets_read(&hba->nets, NULL);
	hba->nets_us = now_us;
}

size_t
hba_count(const struct hba *hba)
{
	return hba->count;
}

const struct hba_rule *
hba_rule(const struct hba *hba, size_t index)
{
	assert(index < hba->count);
	return &hba->rules[index];
}

/* ---- deciding ------------------------------------------------------------ */

static bool
type_fits(enum hba_type type, const struct hba_facts *facts)
{
	if (address_is_unix(facts->peer)) {
		return type == HBA_LOCAL;
	}
	switch (type) {
	case HBA_LOCAL:
	case HBA_HOSTGSSENC:
		return false;
	case HBA_HOST:
	case HBA_HOSTNOGSSENC:
		return true;
	case HBA_HOSTSSL:
		return facts->is_tls;
	case HBA_HOSTNOSSL:
		return !facts->is_tls;
	}
	assert(!"unreachable");
	return false;
}

static bool
address_fits(const struct hba *hba, const struct hba_rule *rule,
    const struct address *peer)
{
	if (rule->type == HBA_LOCAL) {
		return true;
	}
	switch (rule->where) {
	case HBA_ANYWHERE:
		return true;
	case HBA_NET:
		return hba_net_has(&rule->net, peer);
	case HBA_SAMEHOST:
		return hba_nets_have_host(&hba->nets, peer);
	case HBA_SAMENET:
		return hba_nets_have_net(&hba->nets, peer);
	}
	assert(!"unreachable");
	return false;
}

/* Whether NAME, no keyword, stands for TEXT. */
static enum regex_answer
text_fits(const struct hba *hba, const struct hba_name *name, const char *text)
{
	if (name->kind == HBA_NAME_REGEX) {
		return regex_match(name->regex, text, hba->scratch, NULL);
	}
	return strcmp(name->text, text) == 0 ? REGEX_MATCHES : REGEX_DIFFERS;
}

/* As text_fits(), for TEXT as it comes from a client: as it is, and as a server
 * would cut it. */
static enum regex_answer
name_fits(const struct hba *hba, const struct hba_name *name, const char *text)
{
	char cut[NAME_BYTES_MAX + 1];
	enum regex_answer answer = text_fits(hba, name, text);

	if (answer != REGEX_DIFFERS ||
	    strnlen(text, NAME_BYTES_MAX + 1) <= NAME_BYTES_MAX) {
		return answer;
	}
	memcpy(cut, text, NAME_BYTES_MAX);
	cut[NAME_BYTES_MAX] = '\0';
	return text_fits(hba, name, cut);
}

/* Physical replication is of no database: "replication" alone stands for it. */
static enum regex_answer
database_fits(const struct hba *hba, const struct hba_name *name,
    const struct hba_facts *facts)
{
	bool fits = false;

	if (facts->is_physical || name->kind == HBA_NAME_REPLICATION) {
		fits = facts->is_physical && name->kind == HBA_NAME_REPLICATION;
	} else if (name->kind == HBA_NAME_ALL) {
		fits = true;
	} else if (name->kind == HBA_NAME_SAMEUSER) {
		fits =
		    strncmp(facts->database, facts->user, NAME_BYTES_MAX) == 0;
	} else {
		return name_fits(hba, name, facts->database);
	}
	return fits ? REGEX_MATCHES : REGEX_DIFFERS;
}

static enum regex_answer
databases_fit(const struct hba *hba, const struct hba_names *names,
    const struct hba_facts *facts)
{
	enum regex_answer answer = REGEX_DIFFERS;

	for (size_t i = 0; i < names->count && answer == REGEX_DIFFERS; i++) {
		answer = database_fits(hba, &names->items[i], facts);
	}
	return answer;
}

static enum regex_answer
users_fit(
    const struct hba *hba, const struct hba_names *names, const char *user)
{
	enum regex_answer answer = REGEX_DIFFERS;

	for (size_t i = 0; i < names->count && answer == REGEX_DIFFERS; i++) {
		answer = names->items[i].kind == HBA_NAME_ALL
		    ? REGEX_MATCHES
		    : name_fits(hba, &names->items[i], user);
	}
	return answer;
}

enum hba_answer
hba_match(const struct hba *hba, const struct hba_facts *facts,
    const struct hba_rule **out)
{
	*out = NULL;
	for (size_t i = 0; i < hba->count; i++) {
		const struct hba_rule *rule = &hba->rules[i];
		enum regex_answer answer;

		if (!type_fits(rule->type, facts) ||
		    !address_fits(hba, rule, facts->peer)) {
			continue;
		}
		answer = databases_fit(hba, &rule->databases, facts);
		if (answer == REGEX_MATCHES) {
			answer = users_fit(hba, &rule->users, facts->user);
		}
		if (answer != REGEX_DIFFERS) {
			*out = rule;
			return answer == REGEX_MATCHES ? HBA_RULE : HBA_UNCLEAR;
		}
	}
	return HBA_NO_RULE;
}

bool
hba_allows_name(const struct hba *hba, const struct hba_rule *rule,
    const char *system_name, const char *user)
{
	if (rule->map == NULL) {
		return strcmp(system_name, user) == 0;
	}
	return hba->ident != NULL &&
	    ident_allows(
	        hba->ident, rule->map, system_name, user, hba->scratch);
}
