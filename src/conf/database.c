/*
 * database.c - [databases] entries: where a database is and how to log in.
 *
 * A key is a row in a table that says where its value goes: into a string of
 * the entry, into an override that a setting's row describes, or nowhere.
 */
#include "conf/database.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "conf/connstr.h"
#include "conf/overrides.h"
#include "conf/suggest.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

/* Where PostgreSQL's packages put the socket, and where pgbouncer looks. */
#define DEFAULT_SOCKET_DIR "/var/run/postgresql"
#define DEFAULT_SERVER_PORT 5432
#define WEIGHT_MAX 1000

/* Keys whose value is kept as it is. */
static const struct {
	const char *key;
	size_t offset;
} string_keys[] = {
    {"dbname", offsetof(struct database_conf, dbname)},
    {"user", offsetof(struct database_conf, user)},
    {"password", offsetof(struct database_conf, password)},
    {"client_encoding", offsetof(struct database_conf, client_encoding)},
    {"datestyle", offsetof(struct database_conf, datestyle)},
    {"timezone", offsetof(struct database_conf, timezone)},
    {"application_name", offsetof(struct database_conf, application_name)},
    {"connect_query", offsetof(struct database_conf, connect_query)},
    {"auth_user", offsetof(struct database_conf, auth_user)},
    {"auth_query", offsetof(struct database_conf, auth_query)},
    {"auth_dbname", offsetof(struct database_conf, auth_dbname)},
};
#define STRING_KEY_COUNT (sizeof(string_keys) / sizeof(string_keys[0]))

/* Keys that read_hosts() and check_entry() look at. */
static const char *const list_keys[] = {
    "host", "port", "weight", "load_balance_hosts"};
#define LIST_KEY_COUNT (sizeof(list_keys) / sizeof(list_keys[0]))

/* ---- host lists --------------------------------------------------------- */

/* One of the parallel lists, cut at its commas. */
struct elements {
	char *items[CONNSTR_LIST_MAX]; /* owned */
	size_t count;
};

static void
elements_fini(struct elements *elements)
{
	for (size_t i = 0; i < elements->count; i++) {
		free(elements->items[i]);
	}
	elements->count = 0;
}

/* TEXT NULL gives one empty element. */
static int
elements_split(struct elements *elements, const char *key, const char *text,
    struct error *err)
{
	const char *at = text == NULL ? "" : text;

	for (;;) {
		size_t size = strcspn(at, ",");
		size_t from = strspn(at, " \t");
		size_t until = size;

		if (elements->count == CONNSTR_LIST_MAX) {
			error_set(err, SQLSTATE_INVALID_PARAMETER,
			    "%s: more than %d elements", key, CONNSTR_LIST_MAX);
			return -1;
		}
		from = from < size ? from : size;
		while (until > from && isspace((unsigned char)at[until - 1])) {
			until--;
		}
		elements->items[elements->count++] =
		    mem_strndup(at + from, until - from);
		if (at[size] == '\0') {
			return 0;
		}
		at += size + 1;
	}
}

/* Element INDEX of a list that may have one element for all. */
static const char *
element(const struct elements *elements, size_t index)
{
	return elements->items[elements->count == 1 ? 0 : index];
}

static int
parse_ranged(const char *key, const char *text, int def, int max, int *out,
    struct error *err)
{
	int64_t value = 0;

	if (text[0] == '\0') {
		*out = def;
		return 0;
	}
	if (!str_to_int64(text, &value) || value < 1 || value > max) {
		error_set(err, SQLSTATE_INVALID_PARAMETER,
		    "%s = %.100s: not a number from 1 to %d", key, text, max);
		return -1;
	}
	*out = (int)value;
	return 0;
}

static int
check_count(const char *key, const struct elements *elements, size_t hosts,
    struct error *err)
{
	if (elements->count == 1 || elements->count == hosts) {
		return 0;
	}
	error_set(err, SQLSTATE_INVALID_PARAMETER,
	    "%s has %zu elements for %zu host%s; give one for all or one each",
	    key, elements->count, hosts, hosts == 1 ? "" : "s");
	return -1;
}

static int
read_host(struct host_conf *host, const char *name, const char *port,
    const char *weight, struct error *err)
{
	host->name = mem_strdup(name[0] == '\0' ? DEFAULT_SOCKET_DIR : name);
	host->is_unix = host->name[0] == '/' || host->name[0] == '@';
	if (parse_ranged("port", port, DEFAULT_SERVER_PORT, 65535, &host->port,
	        err) < 0 ||
	    parse_ranged("weight", weight, 1, WEIGHT_MAX, &host->weight, err) <
	        0) {
		return -1;
	}
	return 0;
}

static int
read_hosts(struct database_conf *entry, const struct connstr *connstr,
    struct error *err)
{
	struct elements hosts = {0}, ports = {0}, weights = {0};
	int ret = -1;

	if (elements_split(&hosts, "host", connstr_get(connstr, "host"), err) <
	        0 ||
	    elements_split(&ports, "port", connstr_get(connstr, "port"), err) <
	        0 ||
	    elements_split(
	        &weights, "weight", connstr_get(connstr, "weight"), err) < 0 ||
	    check_count("port", &ports, hosts.count, err) < 0 ||
	    check_count("weight", &weights, hosts.count, err) < 0) {
		goto out;
	}
	entry->hosts = mem_zalloc(hosts.count * sizeof(*entry->hosts));
	entry->host_count = hosts.count;
	for (size_t i = 0; i < hosts.count; i++) {
		if (read_host(&entry->hosts[i], hosts.items[i],
		        element(&ports, i), element(&weights, i), err) < 0) {
			goto out;
		}
	}
	ret = 0;
out:
	elements_fini(&hosts);
	elements_fini(&ports);
	elements_fini(&weights);
	return ret;
}

/* ---- keys --------------------------------------------------------------- */

static char **
string_field(struct database_conf *entry, const char *key)
{
	for (size_t i = 0; i < STRING_KEY_COUNT; i++) {
		if (strcmp(string_keys[i].key, key) == 0) {
			return (char **)(void *)((char *)entry +
			    string_keys[i].offset);
		}
	}
	return NULL;
}

static int
fail_unknown(const char *key, struct error *err)
{
	struct suggestion near = {.wanted = key};

	for (size_t i = 0; i < STRING_KEY_COUNT; i++) {
		suggestion_consider(&near, string_keys[i].key);
	}
	for (size_t i = 0; i < LIST_KEY_COUNT; i++) {
		suggestion_consider(&near, list_keys[i]);
	}
	overrides_suggest(SCOPE_DATABASE, &near);
	error_set(err, SQLSTATE_UNDEFINED_OBJECT,
	    "unknown key \"%.100s\" in the connection string%s%s%s", key,
	    near.best == NULL ? "" : "; did you mean \"",
	    near.best == NULL ? "" : near.best, near.best == NULL ? "" : "\"?");
	return -1;
}

static bool
is_list_key(const char *key)
{
	for (size_t i = 0; i < LIST_KEY_COUNT; i++) {
		if (strcmp(list_keys[i], key) == 0) {
			return true;
		}
	}
	return false;
}

static int
read_pair(struct database_conf *entry, const struct connstr_pair *pair,
    struct error *err)
{
	char **string = string_field(entry, pair->key);
	int found = 0;

	if (string != NULL) {
		mem_wipe_free(string);
		*string = mem_strdup(pair->value);
		return 0;
	}
	if (is_list_key(pair->key)) {
		return 0; /* all together in read_hosts() */
	}
	found = overrides_set(
	    &entry->overrides, SCOPE_DATABASE, pair->key, pair->value, err);
	return found == 0 ? fail_unknown(pair->key, err) : found < 0 ? -1 : 0;
}

/* What may be written but does not exist yet. */
static int
check_entry(const struct database_conf *entry, const struct connstr *connstr,
    struct error *err)
{
	const char *balance = connstr_get(connstr, "load_balance_hosts");

	if (balance == NULL || strcmp(balance, "round-robin") == 0) {
		return 0;
	}
	if (strcmp(balance, "disable") != 0) {
		error_set(err, SQLSTATE_INVALID_PARAMETER,
		    "load_balance_hosts = %.100s: not one of round-robin, "
		    "disable",
		    balance);
		return -1;
	}
	if (entry->host_count > 1) {
		error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
		    "load_balance_hosts = disable: using hosts only in their "
		    "order does not exist yet in this version; accepted: "
		    "round-robin");
		return -1;
	}
	return 0;
}

struct database_conf *
database_conf_from_pairs(
    const char *name, const struct connstr *connstr, struct error *err)
{
	struct database_conf *entry = mem_zalloc(sizeof(*entry));

	entry->name = mem_strdup(name);
	overrides_init(&entry->overrides);
	for (size_t i = 0; i < connstr->count; i++) {
		if (read_pair(entry, &connstr->pairs[i], err) < 0) {
			database_conf_free(&entry);
			return NULL;
		}
	}
	if (read_hosts(entry, connstr, err) < 0 ||
	    check_entry(entry, connstr, err) < 0) {
		database_conf_free(&entry);
		return NULL;
	}
	/* Any other name is its own; the fallback's is the one asked for. */
	if (entry->dbname == NULL && strcmp(name, "*") != 0) {
		entry->dbname = mem_strdup(name);
	}
	return entry;
}

struct database_conf *
database_conf_parse(const char *name, const char *text, struct error *err)
{
	struct connstr connstr = {0};
	struct database_conf *entry = NULL;

	if (connstr_parse(&connstr, CONNSTR_PGBOUNCER, text, err) < 0) {
		return NULL;
	}
	entry = database_conf_from_pairs(name, &connstr, err);
	connstr_fini(&connstr);
	return entry;
}

void
database_conf_free(struct database_conf **entryp)
{
	struct database_conf *entry = *entryp;

	if (entry == NULL) {
		return;
	}
	for (size_t i = 0; i < STRING_KEY_COUNT; i++) {
		mem_wipe_free(string_field(entry, string_keys[i].key));
	}
	for (size_t i = 0; i < entry->host_count; i++) {
		free(entry->hosts[i].name);
	}
	free(entry->hosts);
	free(entry->name);
	free(entry);
	*entryp = NULL;
}

/* ---- questions ---------------------------------------------------------- */

const char *
database_conf_dbname(const struct database_conf *entry, const char *asked)
{
	return entry->dbname == NULL ? asked : entry->dbname;
}

static bool
same_hosts(const struct database_conf *a, const struct database_conf *b)
{
	for (size_t i = 0; i < a->host_count && i < b->host_count; i++) {
		if (strcmp(a->hosts[i].name, b->hosts[i].name) != 0 ||
		    a->hosts[i].port != b->hosts[i].port) {
			return false;
		}
	}
	return a->host_count == b->host_count;
}

bool
database_conf_same_target(
    const struct database_conf *a, const struct database_conf *b)
{
	return same_hosts(a, b) && str_equal(a->dbname, b->dbname) &&
	    str_equal(a->user, b->user) &&
	    str_equal(a->password, b->password) &&
	    str_equal(a->client_encoding, b->client_encoding) &&
	    str_equal(a->datestyle, b->datestyle) &&
	    str_equal(a->timezone, b->timezone) &&
	    str_equal(a->application_name, b->application_name) &&
	    str_equal(a->connect_query, b->connect_query);
}
