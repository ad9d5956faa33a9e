/*
 * keywords.c - what libpq is told of a connection.
 *
 * Whatever a default could be taken for from the environment or the home
 * directory is given explicitly. From version 16 on "require_auth" keeps the
 * server from starting GSSAPI, which would wait for a key server.
 */
#include "control/keywords.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "control/control.h"
#include "control/env.h"
#include "core/buf.h"
#include "core/error.h"

/* A path at which nothing can ever be. */
#define NO_FILE "/dev/null/none"

#define KEYWORDS_MAX 24

struct keywords {
	const char *names[KEYWORDS_MAX + 1];
	const char *values[KEYWORDS_MAX + 1];
	size_t count;
};

static bool
is_given(const char *value)
{
	return value != NULL && *value != '\0';
}

/* Adds NAME with VALUE, or with FALLBACK where it is not given. */
static void
add(struct keywords *keywords, const char *name, const char *value,
    const char *fallback)
{
	value = is_given(value) ? value : fallback;
	if (!is_given(value)) {
		return;
	}
	assert(keywords->count < KEYWORDS_MAX);
	keywords->names[keywords->count] = name;
	keywords->values[keywords->count] = value;
	keywords->count++;
}

/* Whether this libpq knows the keyword NAME. */
static bool
is_keyword(const char *name)
{
	PQconninfoOption *options = PQconndefaults();
	bool is_known = false;

	for (const PQconninfoOption *o = options;
	     o != NULL && o->keyword != NULL; o++) {
		is_known = is_known || strcmp(o->keyword, name) == 0;
	}
	PQconninfoFree(options);
	return is_known;
}

/* libpq wants as many hosts as addresses. */
static void
repeat_host(struct buf *out, const struct control_params *params)
{
	const char *address = params->hostaddr;

	if (!is_given(params->host)) {
		return;
	}
	buf_append_str(out, params->host);
	while (is_given(address) && (address = strchr(address, ',')) != NULL) {
		address++;
		buf_append_char(out, ',');
		buf_append_str(out, params->host);
	}
}

static void
add_all(struct keywords *keywords, const struct control_params *params,
    const char *hosts, const char *port)
{
	add(keywords, "host", hosts, NULL);
	add(keywords, "hostaddr", params->hostaddr, NULL);
	add(keywords, "port", port, NULL);
	add(keywords, "dbname", params->dbname, params->user);
	add(keywords, "user", params->user, NULL);
	add(keywords, "password", params->password, NULL);
	add(keywords, "passfile", params->passfile, NO_FILE);
	add(keywords, "sslmode", params->sslmode, "prefer");
	add(keywords, "sslrootcert", params->sslrootcert, NO_FILE);
	add(keywords, "sslcert", params->sslcert, NO_FILE);
	add(keywords, "sslkey", params->sslkey, NO_FILE);
	add(keywords, "sslcrl", NULL, NO_FILE);
	add(keywords, "gssencmode", NULL, "disable");
	add(keywords, "client_encoding", NULL, "UTF8");
	add(keywords, "target_session_attrs", NULL, "any");
	add(keywords, "application_name", params->application_name,
	    "pgweir monitor");
	add(keywords, "options", params->options, NULL);
	if (is_keyword("require_auth")) {
		add(keywords, "require_auth", NULL, "!gss,!sspi");
	}
}

/* Whether libpq can connect without asking a name server. */
static bool
is_resolved(const struct control_params *params)
{
	uint8_t address[sizeof(struct in6_addr)];

	return is_given(params->hostaddr) ||
	    (is_given(params->host) &&
	        (params->host[0] == '/' || params->host[0] == '@' ||
	            inet_pton(AF_INET, params->host, address) == 1 ||
	            inet_pton(AF_INET6, params->host, address) == 1));
}

PGconn *
keywords_connect(const struct control_params *params, struct error *err)
{
	struct keywords keywords = {0};
	struct buf hosts = {0};
	char port[16];
	PGconn *conn;

	if (!is_given(params->user)) {
		error_set(err, SQLSTATE_CANNOT_CONNECT, "no user to log in as");
		return NULL;
	}
	if (!is_resolved(params)) {
		error_set(
		    err, SQLSTATE_CANNOT_CONNECT, "host has no address yet");
		return NULL;
	}
	(void)snprintf(port, sizeof(port), "%d", params->port);
	env_forget_libpq();
	repeat_host(&hosts, params);
	add_all(&keywords, params, buf_text(&hosts), port);
	conn = PQconnectStartParams(keywords.names, keywords.values, 0);
	buf_fini(&hosts);
	if (conn == NULL) {
		error_set(err, SQLSTATE_INTERNAL, "libpq has no memory");
	}
	return conn;
}
