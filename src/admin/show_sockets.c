/*
 * show_sockets.c - SHOW CLIENTS, SERVERS, SOCKETS and ACTIVE_SOCKETS: a row per
 * connection.
 *
 * pgbouncer shows addresses of its memory as "ptr" and "link", which say which
 * client has which server. Ours say the same and give nothing away: a client is
 * 0xc followed by its id, a server 0x5 followed by its own.
 */
#include <stdio.h>

#include "admin/instance_int.h"
#include "admin/show.h"
#include "admin/socket_row.h"
#include "conf/config.h"
#include "net/stream_tls.h"

/* The columns all of them have. */
#define SOCKET_COLUMNS                                                     \
	COLUMN_TEXT("type"), COLUMN_TEXT("user"), COLUMN_TEXT("database"), \
	    COLUMN_TEXT("replication"), COLUMN_TEXT("state"),              \
	    COLUMN_TEXT("addr"), COLUMN_INT4("port"),                      \
	    COLUMN_TEXT("local_addr"), COLUMN_INT4("local_port"),          \
	    COLUMN_TEXT("connect_time"), COLUMN_TEXT("request_time"),      \
	    COLUMN_INT4("wait"), COLUMN_INT4("wait_us"),                   \
	    COLUMN_INT4("close_needed"), COLUMN_TEXT("ptr"),               \
	    COLUMN_TEXT("link"), COLUMN_INT4("remote_pid"),                \
	    COLUMN_TEXT("tls"), COLUMN_TEXT("application_name"),           \
	    COLUMN_INT4("prepared_statements"), COLUMN_INT4("id"),

static const struct msg_column columns[] = {SOCKET_COLUMNS};

static const struct msg_column more_columns[] = {
    SOCKET_COLUMNS COLUMN_INT4("recv_pos"),
    COLUMN_INT4("pkt_pos"),
    COLUMN_INT4("pkt_remain"),
    COLUMN_INT4("send_pos"),
    COLUMN_INT4("send_remain"),
    COLUMN_INT4("pkt_avail"),
    COLUMN_INT4("send_avail"),
};

/* What fills a table with connections. */
struct filling {
	struct instance *instance;
	struct table *table;
	struct holders holders; /* for servers */
	bool is_long;           /* with the buffers' columns */
	bool only_active;       /* with bytes on their way */
};

static void
put_address(struct instance *instance, struct table *table,
    const struct address *address)
{
	char text[ADDRESS_TEXT_BYTES];

	if (address->length == 0) {
		table_put_text(table, "");
		table_put_int(table, 0);
		return;
	}
	table_put_text(table, address_host(address, text, sizeof(text)));
	/* The client's end of a Unix socket has no name: our port, then. */
	table_put_int(table,
	    address_is_unix(address) && address_port(address) == 0
	        ? config_settings(instance->config)->listen_port
	        : address_port(address));
}

static void
put_pointer(struct table *table, char kind, uint64_t id)
{
	char text[40] = "";

	if (id != 0) {
		(void)snprintf(text, sizeof(text), "0x%c%011llx", kind,
		    (unsigned long long)id);
	}
	table_put_text(table, text);
}

static void
put_common(struct instance *instance, struct table *table,
    const struct socket_row *row)
{
	struct address local = {0};
	char tls[TLS_TEXT_BYTES];
	bool is_client = row->type[0] == 'C';

	if (row->fd >= 0 && address_of_socket(&local, row->fd) != 0) {
		local = (struct address){0};
	}
	table_put_text(table, row->type);
	table_put_text(table, row->user);
	table_put_text(table, row->database);
	table_put_text(table, row->replication);
	table_put_text(table, row->state);
	put_address(instance, table, &row->peer);
	put_address(instance, table, &local);
	show_put_time(table, instance, row->connect_us);
	show_put_time(table, instance, row->request_us);
	show_put_wait(table, row->wait_us);
	table_put_int(table, row->close_needed);
	put_pointer(table, is_client ? 'c' : '5', row->id);
	put_pointer(table, is_client ? '5' : 'c',
	    is_client ? row->server_id : row->client_id);
	table_put_count(table, row->remote_pid);
	table_put_text(table, stream_tls_text(row->stream, tls, sizeof(tls)));
	table_put_text(table, row->application_name);
	table_put_count(table, row->prepared_count);
	table_put_count(table, row->id);
}

/* A connection owns no buffer with positions in it: only amounts are shown. */
static void
put_buffers(struct table *table, const struct socket_row *row)
{
	table_put_count(table, row->held_bytes);
	table_put_int(table, 0);
	table_put_count(table, row->message_left);
	table_put_int(table, 0);
	table_put_count(table, row->pending_bytes);
	table_put_count(table, row->held_bytes);
	table_put_count(table, row->pending_bytes);
}

static void
put_row(const struct filling *filling, const struct socket_row *row)
{
	struct table *table = filling->table;

	if (filling->only_active && row->held_bytes == 0 &&
	    row->pending_bytes == 0 && row->message_left == 0) {
		return;
	}
	table_row_begin(table);
	put_common(filling->instance, table, row);
	if (filling->is_long) {
		put_buffers(table, row);
	}
	table_row_end(table);
}

static void
put_client(void *context, const struct client *client)
{
	const struct filling *filling = context;
	struct socket_row row = socket_row_of_client(filling->instance, client);

	put_row(filling, &row);
}

static void
put_server(void *context, const struct server *server)
{
	const struct filling *filling = context;
	struct socket_row row = socket_row_of_server(&filling->holders, server);

	put_row(filling, &row);
}

static void
put_servers(struct filling *filling)
{
	holders_find(&filling->holders, filling->instance);
	sockets_each_server(filling->instance, put_server, filling);
	holders_fini(&filling->holders);
}

static void
fill_clients(struct instance *instance, struct table *table)
{
	struct filling filling = {.instance = instance, .table = table};

	sockets_each_client(instance, false, put_client, &filling);
}

static void
fill_servers(struct instance *instance, struct table *table)
{
	struct filling filling = {.instance = instance, .table = table};

	put_servers(&filling);
}

static void
fill_sockets(struct instance *instance, struct table *table)
{
	struct filling filling = {
	    .instance = instance, .table = table, .is_long = true};

	sockets_each_client(instance, true, put_client, &filling);
	put_servers(&filling);
}

static void
fill_active_sockets(struct instance *instance, struct table *table)
{
	struct filling filling = {.instance = instance,
	    .table = table,
	    .is_long = true,
	    .only_active = true};

	sockets_each_client(instance, true, put_client, &filling);
	put_servers(&filling);
}

const struct show show_clients = {
    .name = "clients", SHOW_COLUMNS(columns), .fill = fill_clients};
const struct show show_servers = {
    .name = "servers", SHOW_COLUMNS(columns), .fill = fill_servers};
const struct show show_sockets = {
    .name = "sockets", SHOW_COLUMNS(more_columns), .fill = fill_sockets};
const struct show show_active_sockets = {.name = "active_sockets",
    SHOW_COLUMNS(more_columns),
    .fill = fill_active_sockets};
