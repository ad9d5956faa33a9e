/*
 * login.c - who may come in: the decisions of a client's login.
 *
 * Pure: the client's room sends and receives, this says what. The texts are
 * pgbouncer's, which people's alerts know.
 */
#include "auth/login.h"

#include <assert.h>
#include <string.h>

#include "auth/secret.h"
#include "core/error.h"

static const struct {
	const char *name;
	enum login_method method;
} methods[] = {
    {"any", LOGIN_ANY},
    {"trust", LOGIN_TRUST},
    {"plain", LOGIN_PLAIN},
};

bool
login_method_parse(const char *text, enum login_method *method)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		if (strcmp(text, methods[i].name) == 0) {
			*method = methods[i].method;
			return true;
		}
	}
	return false;
}

/* With "any" nobody has a name of his own, so the database must give one. */
static enum login_step
begin_any(const struct login_facts *facts, struct error *err)
{
	if (facts->forced_user == NULL) {
		error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
		    "bouncer config error");
		error_hint(err,
		    "auth_type=any needs user= in the entry of the database.");
		return LOGIN_REFUSE;
	}
	return LOGIN_ACCEPT;
}

enum login_step
login_begin(const struct login_facts *facts, struct error *err)
{
	switch (facts->method) {
	case LOGIN_ANY:
		return begin_any(facts, err);
	case LOGIN_TRUST:
		if (facts->secret == NULL) {
			error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
			    "\"trust\" authentication failed");
			return LOGIN_REFUSE;
		}
		return LOGIN_ACCEPT;
	case LOGIN_PLAIN:
		return LOGIN_ASK_PASSWORD;
	}
	assert(!"unreachable");
	return LOGIN_REFUSE;
}

/* Whether BODY is one NUL-terminated string and nothing else. */
static bool
is_one_string(const uint8_t *body, size_t size)
{
	return size > 0 && memchr(body, '\0', size) == body + size - 1;
}

enum login_step
login_check_password(const struct login_facts *facts, const uint8_t *body,
    size_t size, struct error *err)
{
	if (!is_one_string(body, size)) {
		error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
		    "invalid password packet size");
		return LOGIN_REFUSE;
	}
	if (!secret_fits(facts->secret, facts->user, (const char *)body,
	        facts->scram_iterations)) {
		error_set(err, SQLSTATE_INVALID_PASSWORD,
		    "password authentication failed");
		return LOGIN_REFUSE;
	}
	return LOGIN_ACCEPT;
}

const char *
login_server_user(const struct login_facts *facts)
{
	return facts->forced_user != NULL ? facts->forced_user : facts->user;
}
