/*
 * login_method.c - how a client has to show who it is: what auth_type says, or
 * the first rule of the HBA file that is about it.
 *
 * What is shown by the connection itself, a certificate or the user at the
 * other end of a Unix socket, is looked at here: nothing is asked for it.
 */
#include <assert.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "auth/hba.h"
#include "auth/hba_config.h"
#include "client/client_int.h"
#include "client/login_int.h"
#include "conf/config.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/stream.h"
#include "net/stream_tls.h"

/* Room for what the system's list of users says of one. */
#define USER_ENTRY_BYTES 16384

/* ---- by the connection --------------------------------------------------- */

/* Whether who is called NAME outside may be USER by RULE; NULL: by that name
 * alone. */
static bool
allows_name(
    const struct login *login, const struct hba_rule *rule, const char *name)
{
	if (rule == NULL) {
		return strcmp(name, login->startup.user) == 0;
	}
	return hba_allows_name(
	    hba_config_rules(login->config), rule, name, login->startup.user);
}

/* Whether the certificate that CLIENT has shown is one of its user's. RULE may
 * be NULL. */
static int
check_certificate_name(
    const struct client *client, const struct hba_rule *rule, struct error *err)
{
	const struct login *login = client->login;
	bool uses_dn = rule != NULL && rule->uses_dn;
	char *name = uses_dn ? stream_tls_peer_dn(client->stream)
	                     : stream_tls_peer_name(client->stream);
	bool fits = name != NULL && allows_name(login, rule, name);

	if (!fits) {
		log_info(&client->log,
		    "certificate does not fit the user: its %s is \"%s\" "
		    "user=%s",
		    uses_dn ? "DN" : "CN", name == NULL ? "" : name,
		    login->startup.user);
		error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
		    "certificate authentication failed for user \"%s\"",
		    login->startup.user);
	}
	free(name);
	return fits ? 0 : -1;
}

static int
check_certificate(const struct client *client, struct error *err)
{
	if (stream_tls_is_verified(client->stream)) {
		return 0;
	}
	error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
	    "connection requires a valid client certificate");
	error_hint(err,
	    "Connect by TLS with a certificate of an authority that "
	    "client_tls_ca_file holds (libpq: sslcert and sslkey).");
	return -1;
}

/* The name of the user at the other end of a Unix socket, for the caller to
 * free; NULL: the system does not say. It is looked up in the system's list of
 * users, as PostgreSQL does. */
static char *
find_peer_name(const struct client *client)
{
	char *room = mem_alloc(USER_ENTRY_BYTES);
	struct passwd entry, *found = NULL;
	char *name = NULL;
	uid_t uid;

	if (address_peer_uid(stream_fd(client->stream), &uid) == 0 &&
	    getpwuid_r(uid, &entry, room, USER_ENTRY_BYTES, &found) == 0 &&
	    found != NULL) {
		name = mem_strdup(found->pw_name);
	}
	free(room);
	return name;
}

static int
check_peer(
    const struct client *client, const struct hba_rule *rule, struct error *err)
{
	const struct login *login = client->login;
	char *name = find_peer_name(client);
	bool fits = name != NULL && allows_name(login, rule, name);

	if (!fits) {
		log_info(&client->log,
		    "the process at the other end of the socket is of another "
		    "user: \"%s\" user=%s",
		    name == NULL ? "" : name, login->startup.user);
		error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
		    "Peer authentication failed for user \"%s\"",
		    login->startup.user);
	}
	free(name);
	return fits ? 0 : -1;
}

/* ---- by a rule ----------------------------------------------------------- */

/* What RULE wants to see of the certificate, whatever its method. */
static int
check_clientcert(
    const struct client *client, const struct hba_rule *rule, struct error *err)
{
	switch (rule->clientcert) {
	case HBA_CLIENTCERT_OFF:
		return 0;
	case HBA_CLIENTCERT_CA:
		return check_certificate(client, err);
	case HBA_CLIENTCERT_FULL:
		return check_certificate(client, err) != 0
		    ? -1
		    : check_certificate_name(client, rule, err);
	}
	assert(!"unreachable");
	return -1;
}

static int
follow(struct client *client, const struct hba_rule *rule,
    const struct hba_facts *facts, struct error *err)
{
	static const enum login_method methods[] = {
	    [HBA_TRUST] = LOGIN_TRUST,
	    [HBA_MD5] = LOGIN_MD5,
	    [HBA_PASSWORD] = LOGIN_PLAIN,
	    [HBA_SCRAM_SHA_256] = LOGIN_SCRAM,
	    [HBA_CERT] = LOGIN_PROVEN,
	    [HBA_PEER] = LOGIN_PROVEN,
	};

	log_debug(&client->log, "a rule decides rule=%s:%d method=%s user=%s",
	    rule->file, rule->line, hba_method_name(rule->method), facts->user);
	if (rule->method == HBA_REJECT) {
		log_info(&client->log, "rejected by a rule rule=%s:%d user=%s",
		    rule->file, rule->line, facts->user);
		hba_refuse_rejected(facts, err);
		return -1;
	}
	if (check_clientcert(client, rule, err) != 0) {
		return -1;
	}
	client->login->method = methods[rule->method];
	return rule->method == HBA_PEER ? check_peer(client, rule, err) : 0;
}

static int
choose_by_rules(struct client *client, struct error *err)
{
	const struct login *login = client->login;
	const struct startup *startup = &login->startup;
	struct hba *hba = hba_config_rules(login->config);
	struct hba_facts facts = {
	    .peer = &client->peer,
	    .user = startup->user,
	    .database = startup->database,
	    .is_tls = stream_has_tls(client->stream),
	    .is_physical = startup->replication == REPLICATION_PHYSICAL,
	};
	const struct hba_rule *rule;

	assert(hba != NULL); /* auth_type = hba is refused without */
	hba_freshen(hba, loop_now_us(client->set->loop));
	switch (hba_match(hba, &facts, &rule)) {
	case HBA_RULE:
		return follow(client, rule, &facts, err);
	case HBA_NO_RULE:
		hba_refuse_unknown(&facts, err);
		return -1;
	case HBA_UNCLEAR:
		log_error(&client->log,
		    "a regular expression takes too long for a name, so its "
		    "client is refused rule=%s:%d user=%s",
		    rule->file, rule->line, facts.user);
		hba_refuse_unknown(&facts, err);
		return -1;
	}
	assert(!"unreachable");
	return -1;
}

/* ---- the whole ----------------------------------------------------------- */

int
login_choose_method(struct client *client, struct error *err)
{
	struct login *login = client->login;

	switch ((enum auth_type)config_settings(login->config)->auth_type) {
	case AUTH_TRUST:
		login->method = LOGIN_TRUST;
		return 0;
	case AUTH_PLAIN:
		login->method = LOGIN_PLAIN;
		return 0;
	case AUTH_ANY:
		login->method = LOGIN_ANY;
		return 0;
	case AUTH_MD5:
		login->method = LOGIN_MD5;
		return 0;
	case AUTH_SCRAM_SHA_256:
		login->method = LOGIN_SCRAM;
		return 0;
	case AUTH_CERT:
		login->method = LOGIN_PROVEN;
		return check_certificate(client, err) != 0
		    ? -1
		    : check_certificate_name(client, NULL, err);
	case AUTH_HBA:
		return choose_by_rules(client, err);
	case AUTH_LDAP:
	case AUTH_PAM:
		break;
	}
	error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
	    "auth_type is one that does not exist yet");
	return -1;
}
