/* login.h - who may come in: the decisions of a client's login. */
#ifndef AUTH_LOGIN_H
#define AUTH_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* The values of auth_type that exist so far. */
enum login_method {
	LOGIN_ANY,   /* everybody, whatever the name; the database has user= */
	LOGIN_TRUST, /* whoever is in auth_file, without a password */
	LOGIN_PLAIN  /* a clear password, compared with auth_file */
};

/* Sets *METHOD from the value of auth_type; false if it is none of these. */
bool login_method_parse(const char *text, enum login_method *method);

/* What is known about a client once its startup message is read. The strings
 * are borrowed for the duration of a call. */
struct login_facts {
	enum login_method method;
	const char *user;        /* as asked for */
	const char *secret;      /* from auth_file; NULL: no such user */
	const char *forced_user; /* user= of the database; NULL: none */
	int scram_iterations;    /* most of any secret in auth_file; 0: none */
};

enum login_step {
	LOGIN_ACCEPT,       /* send AuthenticationOk and go on */
	LOGIN_ASK_PASSWORD, /* send AuthenticationCleartextPassword */
	LOGIN_REFUSE        /* send ERR as FATAL and close */
};

/* What follows the startup message. ERR is set with LOGIN_REFUSE. An unknown
 * user is asked for a password like everybody else. */
enum login_step login_begin(const struct login_facts *facts, struct error *err);

/*
 * What follows the PasswordMessage whose body is the SIZE bytes at BODY: one
 * NUL-terminated string. LOGIN_ACCEPT or LOGIN_REFUSE; the error and the time
 * taken are the same for an unknown user and a wrong password (secret.h). The
 * caller wipes the body.
 */
enum login_step login_check_password(const struct login_facts *facts,
    const uint8_t *body, size_t size, struct error *err);

/* The user whose pool and server connections serve this client. */
const char *login_server_user(const struct login_facts *facts);

#endif
