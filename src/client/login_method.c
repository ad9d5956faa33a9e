/*
 * login_method.c - how a client has to show who it is.
 */
#include "client/client_int.h"
#include "client/login_int.h"
#include "conf/config.h"

int
login_choose_method(struct client *client, struct error *err)
{
	struct login *login = client->login;
	const struct settings *settings = config_settings(login->config);

	(void)err; /* auth_type itself rejects nobody */
	login->method = settings->auth_type == AUTH_ANY ? LOGIN_ANY
	    : settings->auth_type == AUTH_TRUST         ? LOGIN_TRUST
	                                                : LOGIN_PLAIN;
	return 0;
}
