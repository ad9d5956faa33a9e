/*
 * hba_method.c - the method of a rule, and its options.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/hba_lex.h"
#include "auth/hba_rule_int.h"
#include "core/error.h"
#include "core/mem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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
hba_method_name(enum hba_method method)
{
	return method_names[method];
}

static int
wrong(struct hba_parse *parse, const char *text)
{
	error_set(parse->err, SQLSTATE_CONFIG_FILE, "%s", text);
	return -1;
}

/* "ident" asks the client's machine; on a Unix socket it always meant peer. */
static int
refuse_method(struct hba_parse *parse, const char *name)
{
	if (strcmp(name, "ident") == 0 ||
	    hba_find_word(name, missing_methods, COUNT(missing_methods)) >= 0) {
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
take_name(struct hba_parse *parse)
{
	const struct hba_word *word =
	    hba_next_word(parse, "authentication method");
	struct hba_rule *rule = parse->rule;
	int method;

	if (word == NULL) {
		return -1;
	}
	method = hba_find_word(word->text, method_names, COUNT(method_names));
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
bad_value(struct hba_parse *parse, const char *key, const char *value,
    const char *allowed)
{
	error_set(parse->err, SQLSTATE_CONFIG_FILE,
	    "invalid value for %s: \"%s\"", key, value);
	error_hint(parse->err, "it is %s", allowed);
	return -1;
}

static int
take_map(struct hba_parse *parse, const char *value)
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
take_clientcert(struct hba_parse *parse, const char *value)
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
take_clientname(struct hba_parse *parse, const char *value)
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
take_option(struct hba_parse *parse, const char *text)
{
	static const struct {
		const char *name;
		int (*take)(struct hba_parse *parse, const char *value);
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
take_options(struct hba_parse *parse)
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

int
hba_take_method(struct hba_parse *parse)
{
	return take_name(parse) != 0 ? -1 : take_options(parse);
}
