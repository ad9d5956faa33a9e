/*
 * show_fds.c - SHOW FDS: the descriptors, for whoever looks into a process.
 *
 * pgbouncer hands itself over by it, with cancel keys and passwords. Ours has
 * the columns and none of the secrets.
 */
#include "admin/instance_int.h"
#include "admin/show.h"
#include "admin/socket_row.h"
#include "client/client_int.h"
#include "net/listeners.h"
#include "net/stream.h"
#include "server/profile.h"
#include "server/server_int.h"

static const struct msg_column columns[] = {
    COLUMN_INT4("fd"),
    COLUMN_TEXT("task"),
    COLUMN_TEXT("user"),
    COLUMN_TEXT("database"),
    COLUMN_TEXT("addr"),
    COLUMN_INT4("port"),
    COLUMN_INT8("cancel"),
    COLUMN_INT4("link"),
    COLUMN_TEXT("client_encoding"),
    COLUMN_TEXT("std_strings"),
    COLUMN_TEXT("datestyle"),
    COLUMN_TEXT("timezone"),
    COLUMN_TEXT("password"),
    COLUMN_BYTEA("scram_client_key"),
    COLUMN_BYTEA("scram_server_key"),
};

struct filling {
	struct instance *instance;
	struct table *table;
	struct holders holders;
};

struct fd_row {
	int fd;
	const char *task;
	const char *user;
	const char *database;
	const struct address *address;
	int link; /* the descriptor of its other half; 0: none */
	const struct params *settings; /* NULL: none */
};

static void
put_settings(struct table *table, const struct params *settings)
{
	static const char *const names[] = {"client_encoding",
	    "standard_conforming_strings", "DateStyle", "TimeZone"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		table_put_text(table,
		    settings == NULL ? NULL : params_get(settings, names[i]));
	}
}

static void
put_row(struct table *table, const struct fd_row *row)
{
	char text[ADDRESS_TEXT_BYTES];

	table_row_begin(table);
	table_put_int(table, row->fd);
	table_put_text(table, row->task);
	table_put_text(table, row->user);
	table_put_text(table, row->database);
	table_put_text(table, address_host(row->address, text, sizeof(text)));
	table_put_int(table, address_port(row->address));
	table_put_int(table, 0); /* the cancel key is nobody's business */
	table_put_int(table, row->link);
	put_settings(table, row->settings);
	table_put_null(table);
	table_put_null(table);
	table_put_null(table);
	table_row_end(table);
}

static void
put_listeners(const struct filling *filling)
{
	const struct listeners *listeners = filling->instance->listeners;

	for (size_t i = 0; listeners != NULL && i < listeners_count(listeners);
	     i++) {
		const struct listener *listener = listeners_at(listeners, i);
		struct fd_row row = {.fd = listener_fd(listener),
		    .task = "pooler",
		    .address = listener_address(listener)};

		put_row(filling->table, &row);
	}
}

static void
put_client(void *context, const struct client *client)
{
	const struct filling *filling = context;
	const struct server *server = client->server;
	struct fd_row row = {
	    .fd = stream_fd(client->stream),
	    .task = "client",
	    .user = client->user,
	    .database = client->database,
	    .address = &client->peer,
	    .link = server == NULL || server->stream == NULL
	        ? 0
	        : stream_fd(server->stream),
	    .settings = client->profile == NULL
	        ? NULL
	        : profile_settings(client->profile),
	};

	if (client->state != CLIENT_CONSOLE) {
		put_row(filling->table, &row);
	}
}

static void
put_server(void *context, const struct server *server)
{
	const struct filling *filling = context;
	const struct client *client = holders_client(&filling->holders, server);
	struct socket_row socket =
	    socket_row_of_server(&filling->holders, server);
	struct fd_row row = {
	    .fd = socket.fd,
	    .task = "server",
	    .user = socket.user,
	    .database = socket.database,
	    .address = &socket.peer,
	    .link = client == NULL ? 0 : stream_fd(client->stream),
	    .settings = &server->params,
	};

	if (row.fd >= 0) {
		put_row(filling->table, &row);
	}
}

static void
fill(struct instance *instance, struct table *table)
{
	struct filling filling = {.instance = instance, .table = table};

	put_listeners(&filling);
	sockets_each_client(instance, true, put_client, &filling);
	holders_find(&filling.holders, instance);
	sockets_each_server(instance, put_server, &filling);
	holders_fini(&filling.holders);
}

const struct show show_fds = {
    .name = "fds", SHOW_COLUMNS(columns), .needs_admin = true, .fill = fill};
