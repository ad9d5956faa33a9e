/*
 * users.c - who may log in, and as what: auth_file, [users], [peers].
 *
 * An auth_file line is "user" "password"; what follows is ignored, because
 * files made from PostgreSQL's old pg_auth have more columns. Secrets are
 * opaque here: how to check against them is auth's business.
 */
#include "conf/users.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "conf/connstr.h"
#include "conf/overrides.h"
#include "conf/problems.h"
#include "conf/suggest.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

#define USER_MAX_BYTES 1023
#define PASSWORD_MAX_BYTES 65535
#define PEER_ID_MAX 16383
#define DEFAULT_PEER_PORT 6432

/* ---- auth_file ---------------------------------------------------------- */

enum credential_kind
credential_kind_of(const char *secret)
{
	static const char scram[] = "SCRAM-SHA-256$";

	if (secret[0] == '\0') {
		return CREDENTIAL_NONE;
	}
	if (strncmp(secret, scram, sizeof(scram) - 1) == 0) {
		return CREDENTIAL_SCRAM;
	}
	if (strncmp(secret, "md5", 3) == 0 && strlen(secret) == 3 + 32 &&
	    strspn(secret + 3, "0123456789abcdef") == 32) {
		return CREDENTIAL_MD5;
	}
	return CREDENTIAL_PLAIN;
}

/* What is left of one line. */
struct cursor {
	const char *at;
	const char *end;
};

static void
skip_blanks(struct cursor *line)
{
	while (line->at < line->end && isspace((unsigned char)*line->at)) {
		line->at++;
	}
}

/*
 * Reads "text", in which "" is one quote. Returns it, to be wiped by the
 * caller, or NULL and *WHY.
 */
static char *
read_quoted(struct cursor *line, size_t max_bytes, const char **why)
{
	char *text = NULL;
	size_t size = 0;

	skip_blanks(line);
	if (line->at == line->end || *line->at != '"') {
		*why = "is not in double quotes";
		return NULL;
	}
	line->at++;
	text = mem_alloc((size_t)(line->end - line->at) + 1);
	for (; line->at < line->end; line->at++) {
		bool is_quote = *line->at == '"';

		if (is_quote &&
		    (line->at + 1 == line->end || line->at[1] != '"')) {
			line->at++;
			text[size] = '\0';
			if (size <= max_bytes) {
				return text;
			}
			*why = "is too long";
			mem_wipe_free(&text);
			return NULL;
		}
		line->at += is_quote ? 1 : 0;
		text[size++] = *line->at;
	}
	*why = "has no closing double quote";
	text[size] = '\0';
	mem_wipe_free(&text);
	return NULL;
}

static int
read_credential(struct cursor *line, struct credential *credential,
    const char **what, const char **why)
{
	*what = "user name";
	if ((credential->user = read_quoted(line, USER_MAX_BYTES, why)) ==
	    NULL) {
		return -1;
	}
	if (credential->user[0] == '\0') {
		*why = "is empty";
		return -1;
	}
	*what = "password";
	if (line->at < line->end && !isspace((unsigned char)*line->at)) {
		*why = "does not stand apart from the user name";
		return -1;
	}
	credential->secret = read_quoted(line, PASSWORD_MAX_BYTES, why);
	if (credential->secret == NULL) {
		return -1;
	}
	credential->kind = credential_kind_of(credential->secret);
	return 0;
}

static void
parse_line(const char *file, int number, struct cursor line, credential_fn take,
    void *arg, struct problems *problems)
{
	struct credential credential = {0};
	const char *what = NULL, *why = NULL;

	skip_blanks(&line);
	if (line.at == line.end || *line.at == ';' || *line.at == '#') {
		return;
	}
	if (memchr(line.at, '\0', (size_t)(line.end - line.at)) != NULL) {
		problems_add(problems, PROBLEM_ERROR, file, number,
		    "a NUL byte in the line");
	} else if (read_credential(&line, &credential, &what, &why) == 0) {
		take(arg, &credential);
	} else {
		problems_add(problems, PROBLEM_ERROR, file, number,
		    "the %s %s; a line is \"user\" \"password\"", what, why);
	}
	free(credential.user);
	mem_wipe_free(&credential.secret);
}

void
userlist_parse(const char *file, const char *text, size_t size,
    credential_fn take, void *arg, struct problems *problems)
{
	static const char bom[] = "\xef\xbb\xbf";
	const char *at = text, *end = text + size;
	int number = 0;

	if (size >= 3 && memcmp(text, bom, 3) == 0) {
		at += 3;
	}
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		struct cursor line = {at, newline == NULL ? end : newline};

		number++;
		parse_line(file, number, line, take, arg, problems);
		at = newline == NULL ? end : newline + 1;
	}
}

/* ---- [users] ------------------------------------------------------------ */

static int
fail_unknown_user_key(const char *key, struct error *err)
{
	struct suggestion near = {.wanted = key};

	overrides_suggest(SCOPE_USER, &near);
	error_set(err, SQLSTATE_UNDEFINED_OBJECT,
	    "unknown key \"%.100s\" of a user%s%s%s", key,
	    near.best == NULL ? "" : "; did you mean \"",
	    near.best == NULL ? "" : near.best, near.best == NULL ? "" : "\"?");
	return -1;
}

struct user_conf *
user_conf_parse(const char *name, const char *text, struct error *err)
{
	struct connstr connstr = {0};
	struct user_conf *user = mem_zalloc(sizeof(*user));
	int found = 1;

	user->name = mem_strdup(name);
	overrides_init(&user->overrides);
	if (connstr_parse(&connstr, CONNSTR_PGBOUNCER, text, err) < 0) {
		user_conf_free(&user);
		return NULL;
	}
	for (size_t i = 0; i < connstr.count && found == 1; i++) {
		found = overrides_set(&user->overrides, SCOPE_USER,
		    connstr.pairs[i].key, connstr.pairs[i].value, err);
		if (found == 0) {
			found =
			    fail_unknown_user_key(connstr.pairs[i].key, err);
		}
	}
	connstr_fini(&connstr);
	if (found < 0) {
		user_conf_free(&user);
	}
	return user;
}

void
user_conf_free(struct user_conf **user)
{
	if (*user != NULL) {
		free((*user)->name);
		free(*user);
		*user = NULL;
	}
}

/* ---- [peers] ------------------------------------------------------------ */

static int
peer_number(const char *key, const char *text, int64_t min, int64_t max,
    int *out, struct error *err)
{
	int64_t value = 0;

	if (!str_to_int64(text, &value) || value < min || value > max) {
		error_set(err, SQLSTATE_INVALID_PARAMETER,
		    "%s = %.100s: not a number from %lld to %lld", key, text,
		    (long long)min, (long long)max);
		return -1;
	}
	*out = (int)value;
	return 0;
}

static int
read_peer_pair(
    struct peer_conf *peer, const struct connstr_pair *pair, struct error *err)
{
	static const char *const known[] = {"host", "port", "pool_size"};
	const char *near = NULL;

	if (strcmp(pair->key, "host") == 0) {
		free(peer->host.name);
		peer->host.name = mem_strdup(pair->value);
		peer->host.is_unix =
		    pair->value[0] == '/' || pair->value[0] == '@';
		return 0;
	}
	if (strcmp(pair->key, "port") == 0) {
		return peer_number(
		    "port", pair->value, 1, 65535, &peer->host.port, err);
	}
	if (strcmp(pair->key, "pool_size") == 0) {
		return peer_number("pool_size", pair->value, 0, 1000000,
		    &peer->pool_size, err);
	}
	near = suggest(pair->key, known, 3);
	error_set(err, SQLSTATE_UNDEFINED_OBJECT,
	    "unknown key \"%.100s\" of a peer%s%s%s", pair->key,
	    near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
	    near == NULL ? "" : "\"?");
	return -1;
}

struct peer_conf *
peer_conf_parse(const char *name, const char *text, struct error *err)
{
	struct connstr connstr = {0};
	struct peer_conf *peer = mem_zalloc(sizeof(*peer));
	int ret = -1;

	peer->pool_size = -1;
	peer->host.port = DEFAULT_PEER_PORT;
	peer->host.weight = 1;
	if (peer_number("peer id", name, 1, PEER_ID_MAX, &peer->id, err) < 0 ||
	    connstr_parse(&connstr, CONNSTR_PGBOUNCER, text, err) < 0) {
		goto out;
	}
	for (size_t i = 0; i < connstr.count; i++) {
		if (read_peer_pair(peer, &connstr.pairs[i], err) < 0) {
			goto out;
		}
	}
	if (peer->host.name == NULL || peer->host.name[0] == '\0') {
		error_set(err, SQLSTATE_INVALID_PARAMETER,
		    "peer %d has no host", peer->id);
		goto out;
	}
	ret = 0;
out:
	connstr_fini(&connstr);
	if (ret < 0) {
		peer_conf_free(&peer);
	}
	return peer;
}

void
peer_conf_free(struct peer_conf **peer)
{
	if (*peer != NULL) {
		free((*peer)->host.name);
		free(*peer);
		*peer = NULL;
	}
}
