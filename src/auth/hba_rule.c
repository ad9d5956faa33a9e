/*
 * hba_rule.c - one rule of an HBA file, from its words.
 *
 * What PostgreSQL 16 takes and we can do is taken, with its meaning. What it
 * takes and we cannot do is refused with a word on what to write instead: a
 * rule that is left out would let the next one decide.
 */
#include "auth/hba_rule.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth/hba_lex.h"
#include "auth/hba_net.h"
#include "auth/regex.h"
#include "conf/problems.h"
#include "core/error.h"
#include "core/mem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A line being read. */
struct parse {
	const struct hba_line *line; /* borrowed */
	struct hba_rule *rule;       /* borrowed */
	struct error *err;
	size_t at; /* the next field */
};

static const char *const type_names[] = {
    [HBA_LOCAL] = "local",
    [HBA_HOST] = "host",
    [HBA_HOSTSSL] = "hostssl",
    [HBA_HOSTNOSSL] = "hostnossl",
    [HBA_HOSTGSSENC] = "hostgssenc",
    [HBA_HOSTNOGSSENC] = "hostnogssenc",
};

static const char *const method_names[] = {
    [HBA_TRUST] = "trust",
    [HBA_REJECT] = "reject",
    [HBA_MD5] = "md5",
    [HBA_PASSWORD] = "password",
    [HBA_SCRAM_SHA_256] = "scram-sha-256",
    [HBA_CERT] = "cert",
    [HBA_PEER] = "peer",
};

/* What PostgreSQL has and we have not. */
static const char *const missing_methods[] = {
    "bsd", "gss", "ldap", "oauth", "pam", "radius", "sspi"};

const char *
hba_type_name(enum hba_type type)
{
	return type_names[type];
}

const char *
hba_method_name(enum hba_method method)
{
	return method_names[method];
}

/* The index of WORD in NAMES, or -1. */
static int
find_word(const char *word, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(word, names[i]) == 0) {
			return (int)i;
		}
	}
	return -1;
}

static int
wrong(struct parse *parse, const char *text)
{
	error_set(parse->err, SQLSTATE_CONFIG_FILE, "%s", text);
	return -1;
}

/* The next field; NULL and the error if there is none. */
static const struct hba_field *
next_field(struct parse *parse, const char *before)
{
	if (parse->at == parse->line->count) {
		error_set(parse->err, SQLSTATE_CONFIG_FILE,
		    "the line ends before the %s", before);
		return NULL;
	}
	return &parse->line->fields[parse->at++];
}

/* The only word of the next field; NULL and the error if it is another. */
static const struct hba_word *
next_word(struct parse *parse, const char *what)
{
	const struct hba_field *field = next_field(parse, what);

	if (field == NULL) {
		return NULL;
	}
	if (field->count != 1) {
		error_set(parse->err, SQLSTATE_CONFIG_FILE, "%s for the %s",
		    field->count == 0 ? "nothing is given" : "several values",
		    what);
		error_hint(parse->err, "write one line for each");
		return NULL;
	}
	return &field->words[0];
}

/* ---- databases and users ------------------------------------------------- */

static bool
is_keyword(const struct hba_word *word, const char *keyword)
{
	return !word->quoted && strcmp(word->text, keyword) == 0;
}

/* What groups there are only a server knows. */
static int
refuse_group(struct parse *parse, const char *word)
{
	error_set(parse->err, SQLSTATE_CONFIG_FILE,
	    "\"%s\": who is a member of which role is not known here", word);
	error_hint(parse->err,
	    "name the users, or keep them in a file of names: @file");
	return -1;
}

static enum hba_name_kind
database_kind(const struct hba_word *word)
{
	return is_keyword(word, "all")        ? HBA_NAME_ALL
	    : is_keyword(word, "sameuser")    ? HBA_NAME_SAMEUSER
	    : is_keyword(word, "replication") ? HBA_NAME_REPLICATION
	                                      : HBA_NAME_EXACT;
}

static int
take_name(struct parse *parse, const struct hba_word *word, bool is_user,
    struct hba_names *names)
{
	struct hba_name *name = &names->items[names->count];

	if (is_user ? !word->quoted && word->text[0] == '+'
	            : is_keyword(word, "samerole") ||
	            is_keyword(word, "samegroup")) {
		return refuse_group(parse, word->text);
	}
	*name = (struct hba_name){.is_quoted = word->quoted};
	if (word->text[0] == '/') {
		name->kind = HBA_NAME_REGEX;
		name->regex = regex_compile(word->text + 1, parse->err);
		if (name->regex == NULL) {
			return -1;
		}
	} else if (!is_user) {
		name->kind = database_kind(word);
	} else if (is_keyword(word, "all")) {
		name->kind = HBA_NAME_ALL;
	}
	name->text = mem_strdup(word->text);
	names->count++;
	return 0;
}

static int
take_names(struct parse *parse, bool is_user, struct hba_names *names)
{
	const struct hba_field *field =
	    next_field(parse, is_user ? "user names" : "database names");

	if (field == NULL) {
		return -1;
	}
	names->items = mem_zalloc((field->count + 1) * sizeof(*names->items));
	for (size_t i = 0; i < field->count; i++) {
		if (take_name(parse, &field->words[i], is_user, names) != 0) {
			return -1;
		}
	}
	return 0;
}

/* ---- the address --------------------------------------------------------- */

static int
take_mask(struct parse *parse)
{
	const struct hba_word *word = next_word(parse, "netmask");

	if (word == NULL) {
		error_hint(parse->err,
		    "an address is written 10.0.0.0/8, or with its mask: "
		    "10.0.0.0 255.0.0.0");
		return -1;
	}
	return hba_net_take_mask(&parse->rule->net, word->text, parse->err);
}

static int
take_address(struct parse *parse)
{
	const struct hba_word *word = next_word(parse, "address");
	struct hba_rule *rule = parse->rule;

	if (word == NULL) {
		return -1;
	}
	rule->where = is_keyword(word, "all") ? HBA_ANYWHERE
	    : is_keyword(word, "samehost")    ? HBA_SAMEHOST
	    : is_keyword(word, "samenet")     ? HBA_SAMENET
	                                      : HBA_NET;
	if (rule->where != HBA_NET) {
		return 0;
	}
	switch (hba_net_parse(word->text, &rule->net, parse->err)) {
	case HBA_NET_WHOLE:
		return 0;
	case HBA_NET_NEEDS_MASK:
		return take_mask(parse);
	case HBA_NET_NAME:
		error_set(parse->err, SQLSTATE_CONFIG_FILE,
		    "host name \"%s\": clients are known by their addresses "
		    "only",
		    word->text);
		error_hint(
		    parse->err, "write the address or network in its place");
		return -1;
	case HBA_NET_WRONG:
		return -1;
	}
	assert(!"unreachable");
	return -1;
}

/* ---- the method ---------------------------------------------------------- */

/* "ident" asks the client's machine; on a Unix socket it always meant peer. */
static int
refuse_method(struct parse *parse, const char *name)
{
	if (strcmp(name, "ident") == 0 ||
	    find_word(name, missing_methods, COUNT(missing_methods)) >= 0) {
		error_set(parse->err, SQLSTATE_CONFIG_FILE,
		    "authentication method \"%s\" is not supported%s", name,
		    strcmp(name, "ident") == 0 ? " over TCP" : "");
	} else {
		error_set(parse->err, SQLSTATE_CONFIG_FILE,
		    "invalid authentication method \"%s\"", name);
	}
	error_hint(parse->err,
	    "there are scram-sha-256, md5, password, cert, peer, trust and "
	    "reject");
	return -1;
}

static int
take_method(struct parse *parse)
{
	const struct hba_word *word = next_word(parse, "authentication method");
	struct hba_rule *rule = parse->rule;
	int method;

	if (word == NULL) {
		return -1;
	}
	method = find_word(word->text, method_names, COUNT(method_names));
	if (rule->type == HBA_LOCAL && strcmp(word->text, "ident") == 0) {
		method = HBA_PEER;
	}
	if (method < 0) {
		return refuse_method(parse, word->text);
	}
	rule->method = (enum hba_method)method;
	if (rule->method == HBA_PEER && rule->type != HBA_LOCAL) {
		return wrong(parse,
		    "peer authentication is only supported on local sockets");
	}
	if (rule->method == HBA_CERT && rule->type != HBA_HOSTSSL) {
		return wrong(parse,
		    "cert authentication is only supported on hostssl "
		    "connections");
	}
	if (rule->method == HBA_CERT) {
		rule->clientcert = HBA_CLIENTCERT_FULL;
	}
	return 0;
}

/* ---- options ------------------------------------------------------------- */

static int
bad_value(struct parse *parse, const char *key, const char *value,
    const char *allowed)
{
	error_set(parse->err, SQLSTATE_CONFIG_FILE,
	    "invalid value for %s: \"%s\"", key, value);
	error_hint(parse->err, "it is %s", allowed);
	return -1;
}

static int
take_map(struct parse *parse, const char *value)
{
	struct hba_rule *rule = parse->rule;

	if (rule->method != HBA_PEER && rule->method != HBA_CERT) {
		return wrong(parse,
		    "option \"map\" is only valid for the methods peer and "
		    "cert");
	}
	free(rule->map);
	rule->map = mem_strdup(value);
	return 0;
}

static int
take_clientcert(struct parse *parse, const char *value)
{
	struct hba_rule *rule = parse->rule;

	if (rule->type != HBA_HOSTSSL) {
		return wrong(parse,
		    "clientcert can only be configured for \"hostssl\" rows");
	}
	if (strcmp(value, "verify-full") == 0) {
		rule->clientcert = HBA_CLIENTCERT_FULL;
		return 0;
	}
	if (strcmp(value, "verify-ca") != 0) {
		return bad_value(
		    parse, "clientcert", value, "verify-ca or verify-full");
	}
	if (rule->method == HBA_CERT) {
		return wrong(parse,
		    "clientcert only accepts \"verify-full\" when using "
		    "\"cert\" authentication");
	}
	rule->clientcert = HBA_CLIENTCERT_CA;
	return 0;
}

static int
take_clientname(struct parse *parse, const char *value)
{
	struct hba_rule *rule = parse->rule;

	if (rule->type != HBA_HOSTSSL) {
		return wrong(parse,
		    "clientname can only be configured for \"hostssl\" rows");
	}
	if (strcmp(value, "CN") != 0 && strcmp(value, "DN") != 0) {
		return bad_value(parse, "clientname", value, "CN or DN");
	}
	rule->uses_dn = value[0] == 'D';
	return 0;
}

static int
take_option(struct parse *parse, const char *text)
{
	static const struct {
		const char *name;
		int (*take)(struct parse *parse, const char *value);
	} options[] = {
	    {"map", take_map},
	    {"clientcert", take_clientcert},
	    {"clientname", take_clientname},
	};
	const char *equals = strchr(text, '=');
	size_t length = equals == NULL ? 0 : (size_t)(equals - text);

	if (equals == NULL) {
		error_set(parse->err, SQLSTATE_CONFIG_FILE,
		    "authentication option not in name=value format: \"%s\"",
		    text);
		return -1;
	}
	for (size_t i = 0; i < COUNT(options); i++) {
		if (strlen(options[i].name) == length &&
		    strncmp(text, options[i].name, length) == 0) {
			return options[i].take(parse, equals + 1);
		}
	}
	error_set(parse->err, SQLSTATE_CONFIG_FILE,
	    "unrecognized authentication option name: \"%.*s\"", (int)length,
	    text);
	error_hint(parse->err, "there are map, clientcert and clientname");
	return -1;
}

static int
take_options(struct parse *parse)
{
	while (parse->at < parse->line->count) {
		const struct hba_field *field =
		    &parse->line->fields[parse->at++];

		for (size_t i = 0; i < field->count; i++) {
			if (take_option(parse, field->words[i].text) != 0) {
				return -1;
			}
		}
	}
	return 0;
}

/* ---- the whole ----------------------------------------------------------- */

static int
take_type(struct parse *parse)
{
	const struct hba_word *word = next_word(parse, "connection type");
	int type;

	if (word == NULL) {
		return -1;
	}
	type = find_word(word->text, type_names, COUNT(type_names));
	if (type < 0) {
		error_set(parse->err, SQLSTATE_CONFIG_FILE,
		    "invalid connection type \"%s\"", word->text);
		error_hint(parse->err,
		    "a rule begins with local, host, hostssl, hostnossl, "
		    "hostgssenc or hostnogssenc");
		return -1;
	}
	parse->rule->type = (enum hba_type)type;
	return 0;
}

static int
take_rule(struct parse *parse)
{
	struct hba_rule *rule = parse->rule;

	if (take_type(parse) != 0 ||
	    take_names(parse, false, &rule->databases) != 0 ||
	    take_names(parse, true, &rule->users) != 0) {
		return -1;
	}
	if (rule->type != HBA_LOCAL && take_address(parse) != 0) {
		return -1;
	}
	if (take_method(parse) != 0) {
		return -1;
	}
	return take_options(parse);
}

int
hba_rule_parse(const struct hba_line *line, struct hba_rule *rule,
    struct problems *problems)
{
	struct error err = {0};
	struct parse parse = {.line = line, .rule = rule, .err = &err};
	bool has_hint;

	if (take_rule(&parse) == 0) {
		rule->file = mem_strdup(line->file);
		rule->line = line->number;
		return 0;
	}
	has_hint = err.hint[0] != '\0';
	problems_add(problems, PROBLEM_ERROR, line->file, line->number,
	    "%s%s%s%s", err.text, has_hint ? " (" : "", err.hint,
	    has_hint ? ")" : "");
	hba_rule_fini(rule);
	return -1;
}

static void
names_fini(struct hba_names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		free(names->items[i].text);
		regex_free(&names->items[i].regex);
	}
	free(names->items);
}

void
hba_rule_fini(struct hba_rule *rule)
{
	names_fini(&rule->databases);
	names_fini(&rule->users);
	free(rule->file);
	free(rule->map);
	*rule = (struct hba_rule){0};
}
