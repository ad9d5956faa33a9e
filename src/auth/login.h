/* login.h - who may come in: the exchange with a client that logs in. */
#ifndef AUTH_LOGIN_H
#define AUTH_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/scram_text.h"

struct buf;
struct error;
struct keyring;
struct login_exchange;

/* How a client shows who it is. */
enum login_method {
	LOGIN_ANY,    /* everybody, whatever the name; the database has user= */
	LOGIN_TRUST,  /* whoever has a secret, without showing it */
	LOGIN_PROVEN, /* whoever has a secret; nothing is left to show: the
	                 connection has (its certificate, its owner), and who
	                 chose this method has looked */
	LOGIN_PLAIN,  /* a clear password; the secret may be of any kind */
	LOGIN_MD5,    /* a hash of one; by SCRAM where the secret is for that */
	LOGIN_SCRAM   /* SCRAM-SHA-256; the secret is not an md5 one */
};

/* What is known about a client once its startup message is read. The strings
 * are borrowed for the duration of a call. */
struct login_facts {
	enum login_method method;
	const char *user;        /* as asked for */
	const char *secret;      /* the stored one; NULL: no such user */
	const char *forced_user; /* user= of the database; NULL: none */
	const char *model;       /* the secret of somebody else: who has none is
	                            asked as if it were this; NULL: as if it were
	                            a SCRAM secret of PostgreSQL's making */
	int most_iterations;  /* of any stored secret; 0: none is for SCRAM */
	int scram_iterations; /* with secrets that are passwords; at most
	                         SCRAM_ITERATIONS_MAX */
	struct keyring *keyring;      /* borrowed; lives on */
	struct scram_binding binding; /* of the TLS connection; .size 0: none */
};

enum login_step {
	LOGIN_ACCEPT, /* it is who it says */
	LOGIN_ASK,    /* the client's next message decides */
	LOGIN_REFUSE  /* send ERR as FATAL and close */
};

/*
 * What follows the startup message. OUT gets the request to send to the client,
 * and with LOGIN_ASK *EXCHANGE, NULL before, is what login_answer() goes on
 * with; the caller ends it with login_exchange_free(). ERR is set with
 * LOGIN_REFUSE.
 */
enum login_step login_begin(const struct login_facts *facts,
    struct login_exchange **exchange, struct buf *out, struct error *err);

/*
 * What follows the message of type 'p' whose body is the SIZE bytes at BODY.
 * OUT gets what is to be sent before anything else. Who is unknown, or has no
 * secret that could fit, sees the same as who does not know the password, up to
 * the same error; the time taken is the same but for what secret.h says, and
 * for a millisecond once per secret that is a password. The caller wipes the
 * body.
 */
enum login_step login_answer(const struct login_facts *facts,
    struct login_exchange *exchange, const uint8_t *body, size_t size,
    struct buf *out, struct error *err);

/* Wipes and frees *EXCHANGE and sets it to NULL. NULL is accepted. */
void login_exchange_free(struct login_exchange **exchange);

/* What EXCHANGE waits for, for errors: "password" or "SASL". */
const char *login_exchange_expects(const struct login_exchange *exchange);

/* Whether the message that EXCHANGE waits for can be judged more than once: a
 * password, or the md5 of one, by another secret than at first. */
bool login_exchange_repeats(const struct login_exchange *exchange);

/* Why nobody can come in by FACTS, for the operator and never for the client;
 * static. NULL: whoever knows the password can. */
const char *login_obstacle(const struct login_facts *facts);

/* The user whose pool and server connections serve this client. */
const char *login_server_user(const struct login_facts *facts);

#endif
