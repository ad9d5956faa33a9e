/*
 * fuzz_relay.c - clients and servers, honest and hostile, on the real relay.
 *
 * The input is a list of operations on peers in memory. The first byte chooses
 * the configuration and who may be hostile. Servers are echoes: what they
 * answer carries the mark of whoever asked, so that a row that reaches another
 * client shows itself; an echo that was made to misbehave loses its marks.
 * After each operation the invariants of house_check() hold. An honest server
 * is never found out of step, whatever its clients send.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/client_int.h"
#include "conf/config.h"
#include "core/error.h"
#include "core/log.h"
#include "core/mem.h"
#include "net/stream.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "support/echo.h"
#include "support/house.h"
#include "support/house_check.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS 3         /* at a time */
#define CLIENTS_IN_ALL 20 /* letters of marks */
#define OPERATIONS_MAX 120

#define ONE_HOST "[databases]\napp = host=/a port=1 user=u\n"
#define THREE_HOSTS "[databases]\napp = host=/a,/b,/c port=1,2,3 user=u\n"
#define REST                                                 \
	"log_disconnections = 0\nlog_connections = 0\n"      \
	"max_prepared_statements = 2\n"                      \
	"query_wait_timeout = 5\nclient_login_timeout = 4\n" \
	"server_connect_timeout = 3\nparse_time_share = 100\n"

static const char *const config_texts[] = {
    ONE_HOST
    "[pgweir]\nauth_type=any\npool_mode=transaction\ndefault_pool_size=1\n" REST,
    ONE_HOST
    "[pgweir]\nauth_type=any\npool_mode=session\ndefault_pool_size=2\n" REST,
    THREE_HOSTS
    "[pgweir]\nauth_type=any\npool_mode=transaction\ndefault_pool_size=1\n" REST,
    THREE_HOSTS
    "[pgweir]\nauth_type=plain\npool_mode=transaction\ndefault_pool_size=2\n"
    "server_round_robin = 1\nserver_idle_timeout = 3\n" REST,
};
#define CONFIGS (sizeof(config_texts) / sizeof(*config_texts))

static struct config *configs[CONFIGS];
static struct logger *logger;
static int log_fd = -1;
static bool traces;

struct actor {
	struct peer *peer; /* NULL: nobody */
	struct buf unsent; /* on its way to pgweir */
	size_t slice;      /* bytes that leave at a time; 0: all */
	char mark;         /* of a client */
	bool hostile;      /* has sent what no honest one would */
	struct echo echo;  /* of a server */
	struct buf asked;  /* of a server: what it has yet to take */
};

struct play {
	struct house house;
	struct actor clients[CLIENTS];
	struct actor servers[HOUSE_PEERS];
	size_t server_count; /* those that have an actor */
	int client_count;    /* so far; their letters */
	bool three_hosts;
	bool asks_password;
	bool lazy_login;     /* servers log in only when told to go on */
	bool is_automatic;   /* servers answer at once */
	bool any_hostile;    /* a server is or was */
	bool may_be_hostile; /* servers may */
	const uint8_t *data;
	size_t left;
};

static uint8_t
next_byte(struct play *play)
{
	if (play->left == 0) {
		return 0;
	}
	play->left--;
	return *play->data++;
}

/* ---- bytes between peers and pgweir -------------------------------------- */

static void
deliver(struct play *play, struct actor *actor)
{
	size_t n = actor->unsent.length;

	if (actor->slice != 0 && n > actor->slice) {
		n = actor->slice;
	}
	if (n > 0 && actor->peer != NULL && !actor->peer->ended) {
		peer_send(
		    &play->house, actor->peer, buf_bytes(&actor->unsent), n);
	}
	buf_consume(&actor->unsent, n);
}

static void
flush_all(struct play *play, struct actor *actor)
{
	actor->slice = 0;
	deliver(play, actor);
}

/* ---- servers ------------------------------------------------------------- */

/* Connections of pgweir's that are new get an actor. */
static void
meet_servers(struct play *play)
{
	while (play->server_count < play->house.server_count) {
		struct actor *actor = &play->servers[play->server_count];

		actor->peer = &play->house.servers[play->server_count++];
		echo_init(&actor->echo);
		actor->echo.is_standby = actor->peer->port != 1;
		actor->echo.asks_password = play->asks_password;
	}
}

static void
forget_marks(struct buf *bytes)
{
	uint8_t *at = buf_bytes(bytes);

	for (size_t i = 0; i < bytes->length; i++) {
		at[i] = at[i] == '~' ? '-' : at[i];
	}
}

static void
make_hostile(struct play *play, struct actor *server)
{
	server->hostile = true;
	play->any_hostile = true;
	forget_marks(&server->unsent);
}

/* With RELAY_TRACE in the environment: what goes from WHO, by type letters. */
static void
trace(const char *who, long number, const struct buf *bytes, size_t from)
{
	struct frame frame;

	if (!traces || from == bytes->length) {
		return;
	}
	fprintf(stderr, "%s %ld:", who, number);
	while (from < bytes->length &&
	    frame_parse(buf_bytes(bytes) + from, bytes->length - from,
	        FRAME_MAX_BODY, &frame) == FRAME_OK) {
		fprintf(stderr, " %c(%u)", frame.type, frame.body_bytes);
		from += frame_bytes(&frame);
	}
	fputc('\n', stderr);
}

/* The server takes up to COUNT messages and answers them. */
static void
answer(struct play *play, struct actor *server, int count)
{
	struct peer *peer = server->peer;
	size_t before = server->unsent.length;

	trace("to server", server - play->servers, &peer->from_us, 0);
	buf_append(
	    &server->asked, buf_bytes(&peer->from_us), peer->from_us.length);
	buf_clear(&peer->from_us);
	while (count-- > 0 &&
	    echo_take(&server->echo, &server->asked, &server->unsent)) {
		/* and the next */
	}
	if (server->hostile) {
		forget_marks(&server->unsent);
	}
	trace("server", server - play->servers, &server->unsent, before);
	deliver(play, server);
	if (server->echo.ended && server->unsent.length == 0 && !peer->ended) {
		peer_end(&play->house, peer);
	}
}

static bool
has_work(const struct actor *server)
{
	return server->peer->stream != NULL && !server->peer->ended &&
	    (server->peer->from_us.length > 0 || server->unsent.length > 0);
}

/* Lets servers log in, and answer if they are AUTOMATIC. */
static void
serve(struct play *play, bool automatic, bool logins)
{
	bool any = true;

	for (int round = 0; any && round < 1000; round++) {
		any = false;
		meet_servers(play);
		for (size_t i = 0; i < play->server_count; i++) {
			struct actor *server = &play->servers[i];

			if (!has_work(server) || server->slice != 0 ||
			    (!automatic && (server->echo.started || !logins))) {
				continue;
			}
			answer(play, server, 1000);
			any = true;
		}
		if (play->server_count > HOUSE_PEERS - 24) {
			return;
		}
	}
}

/* The server whose turn WHO is among those still connected; NULL if none is. */
static struct actor *
pick_server(struct play *play, uint8_t who)
{
	size_t open = 0;

	meet_servers(play);
	for (size_t i = 0; i < play->server_count; i++) {
		open += play->servers[i].peer->stream != NULL;
	}
	if (open == 0) {
		return NULL;
	}
	open = who % open;
	for (size_t i = 0; i < play->server_count; i++) {
		if (play->servers[i].peer->stream != NULL && open-- == 0) {
			return &play->servers[i];
		}
	}
	return NULL;
}

/* ---- clients ------------------------------------------------------------- */

/* '~' becomes the client's mark; messages are separated by '|': a type, and a
 * text or a name behind a colon. */
static const char *const requests[] = {
    "Q:select '~'",
    "P:select '~'|B|D|E|S",
    "Q:begin",
    "Q:commit",
    "Q:insert into t values ('~')",
    "Q:begin read only",
    "S",
    "P:select '~'",
    "B|D|E|S",
    "H",
    "Q:set x.y = '~'",
    "Q:show x.y",
    "Q:copy t from stdin",
    "d:~",
    "c",
    "f",
    "P:copy t from stdin|B|D|E|S",
    "c|S",
    "P:copy t from stdin|B|E|d:~|c|S",
    "P:insert into t values ('~')|B|E|S",
    "p:a select '~'|b:a|E|S",
    "b:a|E|S",
    "Q:select fail '~'",
    "P:select fail '~'|B|E|S",
    "Q:select conflict '~'",
    "Q:select big '~'",
    "Q:select noisy '~'",
    "P:select '~'|B|E|S|P:select 2, '~'|B|E|S",
    "Q:select '~'|Q:insert into t values ('~')",
    "P:start transaction read only|B|D|E|S",
    "P:select '~'|B|E|H",
    "Q:copy t to stdout /* ~ */",
    "Q:",
    "F",
    "C",
    "P:begin|B|E|P:select '~'|B|E|S",
    "Q:rollback",
    "Q:reset x.y",
    "Q:prepare p as select '~'",
    "P:begin read only|B|E|P:select '~'|B|E|S",
    "S|S|S|Q:commit|S",
    "X",
    "P:show x.y|B|E|S",
    "D|S",
    "Q:select pg_advisory_lock(1)",
    "l", /* a long query */
    "m", /* a long Bind */
    "B|E|S|P:select '~'|S",
    "P:select '~'|B|S|E|S",
    "B|E|P:select '~'|B|E|S",
    "H|B|E|S",
    "p:a select '~'|S",
    "p:a select '~'|n:a|b:a|E|S",
    "p:a select 2, '~'|n:a|b:a|E|S|x:a|S",
    "p:c select '~'|b:c|E|p:d select '~'|b:d|E|S",
    "n:a|S",
    "x:a|S",
    "b:c|E|b:d|E|b:a|E|S",
    "p:c set x.y = '~'|S",
    "b:c|E|E|S",
    "y:1|S",
    "z:1|S",
    "z:2|E|S",
    "x:c|p:c select fail '~'|b:c|E|S",
    "Q:begin|Q:set local x.y = '~'|Q:commit",
    "Q:savepoint s|Q:set x.y = '~'|Q:rollback to s",
    "Q:reset all",
    "Q:discard all",
    "Q:discard all|Q:select '~'",
    "Q:select set_config('x.y', '~', false)",
    "Q:set x.y = '~'|X",
    "P:set x.y = '~'|B|E|P:select fail '~'|B|E|S",
    "Q:set datestyle = german|Q:show x.y",
    "Q:set role = r",
    "Q:deallocate all",
    "Q:copy t from stdin|b:a|E|S",
};

static void
put_mark(struct buf *out, const char *text, size_t length, char mark)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '~') {
			buf_append_str(out, ECHO_MARK);
			buf_append_char(out, mark);
		} else {
			buf_append_char(out, text[i]);
		}
	}
}

static void
put_long_query(struct buf *out, char mark)
{
	struct buf text = {0};
	bool fits;

	buf_printf(&text, "select '" ECHO_MARK "%c', '", mark);
	for (int i = 0; i < 7000; i++) {
		buf_append_str(&text, "0123456789");
	}
	buf_append_str(&text, "'");
	fits = msg_query(out, buf_text(&text));
	assert(fits);
	buf_fini(&text);
}

static void
put_long_bind(struct buf *out)
{
	static const uint8_t zeros[80000];
	struct msg_value value = {zeros, sizeof(zeros)};
	bool fits = msg_parse(out, "", "select 1", NULL, 0) &&
	    msg_bind(out, "", "", &value, 1) && msg_execute(out, "", 0);

	assert(fits);
	msg_sync(out);
}

static void
put_plain(struct buf *out, uint8_t type, const char *text)
{
	struct msg msg;
	bool fits;

	msg_begin(&msg, out, type);
	msg_put_bytes(&msg, text, strlen(text));
	fits = msg_end(&msg);
	assert(fits);
}

/* One message WORD, "T" or "T:text", with the mark already in it. */
static void
put_request(struct buf *out, char type, const char *text, char mark)
{
	char name[] = {text[0], '\0'};
	char ours[] = {'p', 'g', 'w', 'e', 'i', 'r', '_', text[0], '\0'};
	bool fits = true;

	switch (type) {
	case 'Q':
		fits = msg_query(out, text);
		break;
	case 'P':
		fits = msg_parse(out, "", text, NULL, 0);
		break;
	case 'p':
		fits = msg_parse(out, name, text + 2, NULL, 0);
		break;
	case 'B':
		fits = msg_bind(out, "", "", NULL, 0);
		break;
	case 'b':
		fits = msg_bind(out, "", name, NULL, 0);
		break;
	case 'n':
		fits = msg_describe(out, 'S', name);
		break;
	case 'x':
		fits = msg_close(out, 'S', name);
		break;
	case 'y':
	case 'z':
		fits = type == 'y' ? msg_parse(out, ours, "select 3", NULL, 0)
		                   : msg_bind(out, "", ours, NULL, 0);
		break;
	case 'D':
		fits = msg_describe(out, 'S', "");
		break;
	case 'E':
		fits = msg_execute(out, "", 0);
		break;
	case 'C':
		fits = msg_close(out, 'S', "");
		break;
	case 'l':
		put_long_query(out, mark);
		break;
	case 'm':
		put_long_bind(out);
		break;
	default:
		put_plain(out, (uint8_t)type, text);
	}
	assert(fits);
}

static void
put_requests(struct buf *out, const char *words, char mark)
{
	while (words[0] != '\0') {
		size_t length = strcspn(words, "|");
		struct buf text = {0};

		if (length > 2) {
			put_mark(&text, words + 2, length - 2, mark);
		}
		put_request(out, words[0], buf_text(&text), mark);
		buf_fini(&text);
		words += length;
		words += words[0] == '|';
	}
}

/* Up to COUNT bytes of the input as they are, but for marks. */
static void
put_raw(struct play *play, struct buf *out, size_t count)
{
	size_t n = count < play->left ? count : play->left;

	for (size_t i = 0; i < n; i++) {
		uint8_t byte = next_byte(play);

		buf_append_char(out, byte == '~' ? '-' : (char)byte);
	}
}

/* What the client has sent is followed by nothing from it. */
static void
leave(struct play *play, struct actor *client)
{
	if (client->peer != NULL && !client->peer->ended) {
		peer_end(&play->house, client->peer);
	}
	client->peer = NULL;
	buf_clear(&client->unsent);
	client->slice = 0;
}

static void
enter(struct play *play, struct actor *client, uint8_t how)
{
	char name[] = {ECHO_MARK "A"};
	struct msg_parameter parameters[] = {
	    {"user", "u"}, {"database", "app"}, {"application_name", name}};

	name[ECHO_MARK_BYTES - 1] = (char)('A' + play->client_count);
	leave(play, client);
	if (play->client_count == CLIENTS_IN_ALL) {
		return;
	}
	client->peer = house_connect(&play->house);
	client->mark = name[ECHO_MARK_BYTES - 1];
	client->hostile = false;
	play->client_count++;
	if ((how & 4) != 0) {
		msg_ssl_request(&client->unsent);
	}
	if ((how & 2) == 0) {
		msg_startup(&client->unsent, parameters, how & 1 ? 3 : 2);
		if (play->asks_password) {
			msg_password(&client->unsent, "p");
		}
	}
	deliver(play, client);
}

/* pgweir's side of CLIENT; NULL if it has none. */
static const struct client *
find_client(const struct play *play, const struct actor *client)
{
	const struct clients *clients = play->house.clients;

	for (int i = 0; i < CLIENT_CLOSED && client->peer != NULL; i++) {
		list_foreach (&clients->by_state[i], link) {
			const struct client *found =
			    list_entry(link, struct client, link);

			if (found->stream == client->peer->stream) {
				return found;
			}
		}
	}
	return NULL;
}

/* A connection of its own asks to cancel what CLIENT does. */
static void
cancel(struct play *play, const struct actor *client, bool right_key)
{
	const struct client *target = find_client(play, client);
	uint8_t key[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct peer *peer = house_connect(&play->house);
	struct buf out = {0};

	if (right_key && target != NULL) {
		memcpy(key, target->key, sizeof(key));
	}
	if (peer != NULL) {
		msg_cancel_request(&out, frame_u32(key), key + 4, 4);
		peer_send(&play->house, peer, buf_bytes(&out), out.length);
	}
	buf_fini(&out);
}

/* ---- what always holds --------------------------------------------------- */

static void
check_marks(struct actor *client)
{
	struct buf *got;
	const uint8_t *at;

	if (client->peer == NULL) {
		return;
	}
	got = &client->peer->from_us;
	at = buf_bytes(got);
	for (size_t i = 0; i + ECHO_MARK_BYTES <= got->length; i++) {
		char letter = echo_mark(at + i, ECHO_MARK_BYTES);

		if (letter != 0 && letter != client->mark) {
			fprintf(stderr, "client %c got what is %c's\n",
			    client->mark, letter);
			abort();
		}
	}
	/* The last bytes may be part of a mark. */
	if (got->length >= ECHO_MARK_BYTES) {
		buf_consume(got, got->length - (ECHO_MARK_BYTES - 1));
	}
}

/* Only errors are logged, and the only ones are servers out of step. */
static void
check_log(struct play *play)
{
	static const char fault[] = "during COPY from stdin";
	char text[4096];
	ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);

	if (n <= 0) {
		return;
	}
	text[n] = '\0';
	if (ftruncate(log_fd, 0) != 0) {
		abort();
	}
	if (!play->any_hostile && strstr(text, fault) == NULL) {
		fprintf(stderr, "an honest server: %s\n", text);
		abort();
	}
}

static void
check(struct play *play)
{
	for (int i = 0; i < CLIENTS; i++) {
		check_marks(&play->clients[i]);
	}
	house_check(&play->house);
	check_log(play);
}

/* ---- operations ---------------------------------------------------------- */

static const char *const errors[] = {
    "22012", "25006", "40001", "57P01", "57014", "0A000", "42P01", "26000"};

/* Messages no honest server would send now, or that come unasked. */
static void
put_stray(struct buf *out, uint8_t which)
{
	const char *values[] = {"-"};
	struct msg_report report = {
	    "ERROR", errors[which / 16 % 8], "stray", NULL, NULL};
	struct msg_column column = {"c", 25, -1};
	bool fits = true;

	switch (which % 16) {
	case 0:
		msg_ready_for_query(out, 'I');
		break;
	case 1:
		msg_ready_for_query(out, 'T');
		break;
	case 2:
		msg_error_response(out, &report);
		break;
	case 3:
		fits = msg_data_row_text(out, values, 1);
		break;
	case 4:
		msg_command_complete(out, "STRAY");
		break;
	case 5:
		msg_parse_complete(out);
		break;
	case 6:
		msg_bind_complete(out);
		break;
	case 7:
		fits = msg_row_description(out, &column, 1);
		break;
	case 8:
		put_plain(out, MSG_COPY_IN_RESPONSE, "\001\001");
		break;
	case 9:
		put_plain(out, MSG_COPY_OUT_RESPONSE, "\001\001");
		break;
	case 10:
		put_plain(out, MSG_READY_FOR_QUERY, "");
		break;
	case 11:
		msg_no_data(out);
		break;
	case 12:
		msg_empty_query_response(out);
		break;
	case 13:
		msg_close_complete(out);
		break;
	case 14:
		put_plain(out, MSG_COPY_DATA, "-");
		break;
	default:
		msg_ready_for_query(out, 'E');
		break;
	}
	assert(fits);
}

/* What an honest server may say at any time. */
static void
put_unasked(struct buf *out, uint8_t which)
{
	struct msg_report notice = {"NOTICE", "00000", "note", NULL, NULL};
	bool fits = true;

	switch (which % 3) {
	case 0:
		msg_notice_response(out, &notice);
		break;
	case 1:
		msg_parameter_status(out, "TimeZone", "UTC");
		break;
	default:
		fits = msg_notification_response(out, 1, "a", "b");
		break;
	}
	assert(fits);
}

static void
server_operation(struct play *play, uint8_t kind)
{
	struct actor *server = pick_server(play, next_byte(play));
	uint8_t which = next_byte(play);

	if (server == NULL || server->peer->ended) {
		return;
	}
	switch (kind) {
	case 0:
		answer(play, server, which == 0 ? 1000 : which);
		return;
	case 1:
		server->echo.fails_with = errors[which % 8];
		return;
	case 2:
		/* Not in the midst of a message, nor of a login. */
		if (server->echo.started && !server->hostile) {
			put_unasked(&server->unsent, which);
			deliver(play, server);
		}
		return;
	case 3:
		server->slice = which;
		return;
	case 4:
		peer_end(&play->house, server->peer);
		return;
	case 5:
		peer_set_room(&play->house, server->peer,
		    which == 255 ? SIZE_MAX : which);
		return;
	case 6:
		if (play->may_be_hostile) {
			make_hostile(play, server);
			put_stray(&server->unsent, which);
			deliver(play, server);
		}
		return;
	default:
		if (play->may_be_hostile) {
			make_hostile(play, server);
			put_raw(play, &server->unsent, which % 32);
			deliver(play, server);
		}
		return;
	}
}

static void
client_operation(struct play *play, uint8_t kind, uint8_t who)
{
	struct actor *client = &play->clients[who % CLIENTS];
	uint8_t which = next_byte(play);

	if (kind != 1 && (client->peer == NULL || client->peer->ended)) {
		return;
	}
	switch (kind) {
	case 0:
		put_requests(&client->unsent,
		    requests[which % (sizeof(requests) / sizeof(*requests))],
		    client->mark);
		deliver(play, client);
		return;
	case 1:
		enter(play, client, which);
		return;
	case 2:
		client->hostile = true;
		put_raw(play, &client->unsent, which % 64);
		deliver(play, client);
		return;
	case 3:
		client->slice = which;
		return;
	case 4:
		leave(play, client);
		return;
	case 5:
		peer_set_room(&play->house, client->peer,
		    which == 255 ? SIZE_MAX : which);
		return;
	case 6:
		cancel(play, client, (which & 1) != 0);
		return;
	default:
		flush_all(play, client);
		return;
	}
}

/* Another configuration, which is the same or has other hosts or modes. */
static void
reload(struct play *play, uint8_t which)
{
	struct config *config = configs[which % CONFIGS];

	play->asks_password = which % CONFIGS == 3;
	pools_configure(play->house.pools, config);
	clients_configure(play->house.clients, config);
	house_settle(&play->house);
}

static void
house_operation(struct play *play, uint8_t which)
{
	static const int64_t times_us[] = {100 * 1000, 500 * 1000, 1000 * 1000,
	    3500 * 1000, 5500 * 1000, 11 * 1000 * 1000};

	if ((which & 8) != 0) {
		reload(play, which);
		return;
	}
	switch (which % 8) {
	case 6:
		pools_pause(play->house.pools, NULL);
		return;
	case 7:
		pools_resume(play->house.pools, NULL);
		house_settle(&play->house);
		return;
	default:
		house_wait(&play->house, times_us[which % 8]);
	}
}

static void
operate(struct play *play)
{
	uint8_t code = next_byte(play);

	if (traces) {
		fprintf(stderr, "operation %02x %02x %02x\n", code,
		    play->left > 0 ? play->data[0] : 0,
		    play->left > 1 ? play->data[1] : 0);
	}
	if (code < 0x80) {
		client_operation(play, code & 7, code >> 3);
	} else if (code < 0xf0) {
		server_operation(play, code & 7);
	} else {
		house_operation(play, code);
	}
	serve(play, play->is_automatic, !play->lazy_login);
}

/* Everybody honest comes to an end of what they do. */
static void
finish(struct play *play)
{
	for (size_t i = 0; i < play->server_count; i++) {
		play->servers[i].slice = 0;
		if (play->servers[i].peer->stream != NULL) {
			peer_set_room(
			    &play->house, play->servers[i].peer, SIZE_MAX);
		}
	}
	for (int i = 0; i < CLIENTS; i++) {
		struct actor *client = &play->clients[i];

		if (client->peer != NULL && !client->peer->ended) {
			peer_set_room(&play->house, client->peer, SIZE_MAX);
			flush_all(play, client);
		}
	}
	serve(play, true, true);
	check(play);
	for (int i = 0; i < CLIENTS; i++) {
		leave(play, &play->clients[i]);
	}
	serve(play, true, true);
	house_wait(&play->house, 200 * 1000);
	check(play);
}

static void
write_file(char *path, const char *text)
{
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		abort();
	}
	close(fd);
}

static void
load_config(size_t i, const char *users)
{
	char path[] = "/tmp/fuzz-relay-XXXXXX";
	struct problems problems = {0};
	struct buf text = {0};

	buf_printf(&text, "%sauth_file = %s\n", config_texts[i], users);
	write_file(path, buf_text(&text));
	configs[i] = config_load(path, &problems);
	if (configs[i] == NULL) {
		abort();
	}
	(void)unlink(path);
	problems_fini(&problems);
	buf_fini(&text);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct logger_options options = {.level = LEVEL_ERROR};
	char users[] = "/tmp/fuzz-relay-XXXXXX";
	char path[64];
	struct error err;

	(void)argc;
	(void)argv;
	traces = getenv("RELAY_TRACE") != NULL;
	log_fd = memfd_create("log", 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", log_fd);
	options.file = path;
	logger = logger_new();
	if (log_fd < 0 || logger_configure(logger, &options, &err) != 0) {
		abort();
	}
	write_file(users, "\"u\" \"p\"\n");
	for (size_t i = 0; i < CONFIGS; i++) {
		load_config(i, users);
	}
	(void)unlink(users);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct play play;
	uint8_t how;

	if (size == 0) {
		return 0;
	}
	memset(&play, 0, sizeof(play));
	play.data = data;
	play.left = size;
	how = next_byte(&play);
	play.three_hosts = (how & 3) >= 2;
	play.asks_password = (how & 3) == 3;
	play.lazy_login = (how & 4) != 0;
	play.is_automatic = (how & 8) != 0;
	play.may_be_hostile = (how & 16) != 0;
	house_start_under(&play.house, configs[how & 3], logger);
	for (int i = 0; i < CLIENTS; i++) {
		if ((how >> 5 & 1U << i) == 0) {
			enter(&play, &play.clients[i], 0);
			serve(&play, play.is_automatic, !play.lazy_login);
		}
	}
	if (play.three_hosts) {
		house_wait(&play.house, 300 * 1000);
		serve(&play, play.is_automatic, !play.lazy_login);
	}
	for (int i = 0; i < OPERATIONS_MAX && play.left > 0 &&
	     play.server_count < HOUSE_PEERS - 24;
	     i++) {
		operate(&play);
		check(&play);
	}
	finish(&play);
	house_stop(&play.house);
	for (size_t i = 0; i < HOUSE_PEERS; i++) {
		buf_fini(&play.servers[i].unsent);
		buf_fini(&play.servers[i].asked);
	}
	for (int i = 0; i < CLIENTS; i++) {
		buf_fini(&play.clients[i].unsent);
	}
	return 0;
}
