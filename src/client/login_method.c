/*
 * login_method.c - how a client has to show who it is.
 */
#include "client/client_int.h"
#include "client/login_int.h"
#include "conf/config.h"
#include "core/error.h"

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
	case AUTH_HBA:
	case AUTH_LDAP:
	case AUTH_PAM:
		break;
	}
	error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
	    "auth_type is one that does not exist yet");
	return -1;
}
