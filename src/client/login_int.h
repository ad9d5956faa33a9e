/*
 * login_int.h - the inside of a client's login, for the files that make it up.
 *
 *   login_packet.c     the packets that open a connection
 *        |  login_on_startup()
 *   login.c            database, limits
 *        |  login_choose_method()
 *   login_method.c     how this client has to show who it is
 *        |  login_find_secret()
 *   login_secret.c     what it has to know, at once or later
 *        |  login_on_secret(), login_begin_exchange()
 *   login_exchange.c   requests and answers
 *        |  login_accept()
 *   login.c            a seat, AuthenticationOk
 *        |  login_come_in(), login_come_in_to_console()
 *   login_welcome.c    settings and greeting
 *
 * Each of these may close CLIENT, unless it says otherwise.
 */
#ifndef CLIENT_LOGIN_INT_H
#define CLIENT_LOGIN_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/auth_query.h"
#include "auth/login.h"
#include "proto/startup.h"

struct buf;
struct client;
struct clients;
struct config;
struct database_conf;
struct error;

/* What is only needed until the client is in. */
struct login {
	struct startup startup;
	const struct database_conf *database; /* borrowed from .config; NULL:
	                                         the console */
	struct config *config;                /* shared; the one judged by */
	enum login_method method; /* valid from login_choose_method() on */
	char *secret;   /* owned, wiped; NULL: no such user, or not found out
	                   yet */
	char *role;     /* owned; auth_query calls its user so on servers; NULL:
	                   as it calls itself */
	char *passfile; /* owned; for who asks; NULL: not given, or not needed
	                   so far */
	bool is_looked_up; /* the secret is from auth_query */
	struct auth_question question;
	struct client *client; /* borrowed; whose it is, while it asks */
	struct login_exchange *exchange; /* owned; from CLIENT_PASSWORD on */
	uint8_t *response; /* owned, wiped; the client's last one, kept to be
	                      judged by another secret; NULL: none is */
	size_t response_size;
	bool refused_ssl;    /* an SSLRequest was answered already */
	bool refused_gss;    /* and a GSSENCRequest */
	bool needs_protocol; /* has begun with TLS at once: then that it means
	                        PostgreSQL has to be said within (ALPN) */
};

/* ---- login_packet.c ------------------------------------------------------ */

/* Takes one packet without a type byte if it is whole; returns how many bytes
 * were used. For CLIENT_STARTUP. */
size_t login_take_packet(struct client *client, uint8_t *bytes, size_t size);

/* ---- login.c ------------------------------------------------------------- */

/* The startup message is read, into .startup. */
void login_on_startup(struct client *client);

/*
 * The answer to login_find_secret(): SECRET, copied, or NULL if there is no
 * such user. ERR says why that cannot be found out; else it is NULL. May be
 * called from within login_find_secret() or, for a client that still is in
 * CLIENT_SECRET, from the loop.
 */
void login_on_secret(
    struct client *client, const char *secret, const struct error *err);

/* CLIENT is who it says. It is told so behind what is in OUT, which is ended.
 */
void login_accept(struct client *client, struct buf *out);

/* Closes CLIENT; it is told ERR. */
void login_refuse(struct client *client, const struct error *err);

/* Appends what is still to be said about the protocol, which is the first thing
 * a client is told. Closes nothing. */
void login_put_negotiation(struct client *client, struct buf *out);

/* Sends OUT, if there is anything in it, and ends it. */
void login_send(struct client *client, struct buf *out);

/* ---- login_method.c ------------------------------------------------------ */

/* Sets .method; -1 and ERR if CLIENT may not come in by any. Closes nothing. */
int login_choose_method(struct client *client, struct error *err)
    __attribute__((warn_unused_result));

/* ---- login_secret.c ------------------------------------------------------ */

/*
 * Looks for the stored secret of the user CLIENT wants to be, and tells
 * login_on_secret(), once: before it returns, or later. Meanwhile the client
 * is in CLIENT_SECRET, where its bytes wait and client_login_timeout runs. Who
 * tells later is cancelled by login_end_secret().
 */
void login_find_secret(struct client *client);

/* CLIENT does not wait for a secret any more. Closes nothing. */
void login_end_secret(struct client *client);

/* CLIENT could not show that it knows the secret that was found: perhaps there
 * is another now, which the next attempt is to find. Closes nothing. */
void login_doubt_secret(struct client *client);

/*
 * As login_doubt_secret(), by its response, the SIZE bytes at BODY, which could
 * as well be judged by another secret. True: that is looked for, BODY has been
 * copied and wiped, and login_judge_again() follows or has followed: CLIENT may
 * have been closed.
 */
bool login_look_again(struct client *client, uint8_t *body, size_t size);

/* Whether secrets are looked up in a database for who wants to be what CLIENT
 * does, unless auth_file has them. Closes nothing. */
bool login_looks_up(const struct client *client);

/* CLIENT knows the secret that was found, so it is the right one. Closes
 * nothing. */
void login_confirm_secret(struct client *client);

/* CLIENT knows the secret that was found: servers of its pool may want to see
 * it, too. Closes nothing. */
void login_share_secret(struct client *client);

/* Where auth_query finds databases; CONTEXT is the set of clients. */
struct auth_places login_auth_places(struct clients *set);

/* What is in force for it. */
struct auth_options login_auth_options(const struct config *config);

/* ---- login_exchange.c ---------------------------------------------------- */

/* What the decisions in auth/login.h go by. The strings are borrowed from
 * CLIENT's login. Closes nothing. */
struct login_facts login_gather_facts(const struct client *client);

/* Asks CLIENT for what its method wants to see, or accepts it at once. */
void login_begin_exchange(struct client *client);

/* Judges .response by .secret, and forgets it. */
void login_judge_again(struct client *client);

/* Takes one message of CLIENT_PASSWORD if it is whole; returns how many bytes
 * were used. They are wiped. */
size_t login_take_response(struct client *client, uint8_t *bytes, size_t size);

/* ---- login_welcome.c ----------------------------------------------------- */

/* CLIENT is in: its pool is the one of SERVER_USER. OUT, which is ended, has
 * AuthenticationOk and leaves in one write with the greeting, if that is known
 * already. */
void login_come_in(
    struct client *client, const char *server_user, struct buf *out);
void login_come_in_to_console(struct client *client, struct buf *out);

#endif
