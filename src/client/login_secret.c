/*
 * login_secret.c - what a client has to know to be who it says: the secret of
 * its user, from auth_file.
 */
#include "client/client_int.h"
#include "client/login_int.h"
#include "conf/config.h"

void
login_find_secret(struct client *client)
{
	const struct login *login = client->login;
	const struct credential *credential =
	    config_find_credential(login->config, login->startup.user);

	login_on_secret(
	    client, credential == NULL ? NULL : credential->secret, NULL);
}

void
login_end_secret(struct client *client)
{
	/* auth_file answers at once: nobody tells later. */
	(void)client;
}
