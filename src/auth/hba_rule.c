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
#include "auth/hba_rule_int.h"
#include "auth/regex.h"
#include "conf/problems.h"
#include "core/error.h"
#include "core/mem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const type_names[] = {
    [HBA_LOCAL] = "local",
    [HBA_HOST] = "host",
    [HBA_HOSTSSL] = "hostssl",
    [HBA_HOSTNOSSL] = "hostnossl",
    [HBA_HOSTGSSENC] = "hostgssenc",
    [HBA_HOSTNOGSSENC] = "hostnogssenc",
};

const char *
hba_type_name(enum hba_type type)
{
	return type_names[type];
}

int
hba_find_word(const char *word, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(word, names[i]) == 0) {
			return (int)i;
		}
	}
	return -1;
}

/* The next field; NULL and the error if there is none. */
static const struct hba_field *
next_field(struct hba_parse *parse, const char *before)
{
	if (parse->at == parse->line->count) {
		error_set(parse->err, SQLSTATE_CONFIG_FILE,
		    "the line ends before the %s", before);
		return NULL;
	}
	return &parse->line->fields[parse->at++];
}

const struct hba_word *
hba_next_word(struct hba_parse *parse, const char *what)
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
refuse_group(struct hba_parse *parse, const char *word)
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
take_name(struct hba_parse *parse, const struct hba_word *word, bool is_user,
    struct hba_names *names)
{
	struct hba_name *name = &names->items[names->count];

	if (is_user ? !word->quoted && word->text[0] == '+'
	            : is_keyword(word, "samerole") ||
	            is_keyword(word, "samegroup")) {
		return refuse_group(parse, word->text);
	}
	*name = (struct hba_name){.kind = HBA_NAME_EXACT};
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
take_names(struct hba_parse *parse, bool is_user, struct hba_names *names)
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
take_mask(struct hba_parse *parse)
{
	const struct hba_word *word = hba_next_word(parse, "netmask");

	if (word == NULL) {
		error_hint(parse->err,
		    "an address is written 10.0.0.0/8, or with its mask: "
		    "10.0.0.0 255.0.0.0");
		return -1;
	}
	return hba_net_take_mask(&parse->rule->net, word->text, parse->err);
}

static int
take_address(struct hba_parse *parse)
{
	const struct hba_word *word = hba_next_word(parse, "address");
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

/* ---- the whole ----------------------------------------------------------- */

static int
take_type(struct hba_parse *parse)
{
	const struct hba_word *word = hba_next_word(parse, "connection type");
	int type;

	if (word == NULL) {
		return -1;
	}
	type = hba_find_word(word->text, type_names, COUNT(type_names));
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
take_rule(struct hba_parse *parse)
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
	return hba_take_method(parse);
}

int
hba_rule_parse(const struct hba_line *line, struct hba_rule *rule,
    struct problems *problems)
{
	struct error err = {0};
	struct hba_parse parse = {.line = line, .rule = rule, .err = &err};
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
