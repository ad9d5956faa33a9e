/*
 * script.c - scripted conversations through the real relay.
 */
#include "support/script.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "proto/msg.h"

/* ---- messages ------------------------------------------------------------ */

static void
put_plain(struct buf *out, char type, const char *text)
{
	struct msg msg;

	msg_begin(&msg, out, (uint8_t)type);
	msg_put_bytes(&msg, text, strlen(text));
	ck_assert(msg_end(&msg));
}

static void
put_plain_bytes(struct buf *out, char type, const char *bytes, size_t size)
{
	struct msg msg;

	msg_begin(&msg, out, (uint8_t)type);
	msg_put_bytes(&msg, bytes, size);
	ck_assert(msg_end(&msg));
}

/* In names a '_' is one. */
static void
put_underscores(char *name)
{
	for (; *name != '\0'; name++) {
		*name = *name == ' ' ? '_' : *name;
	}
}

/* What follows MARK in TEXT, which ends before it. */
static char *
cut_at(char *text, char mark)
{
	char *rest = strrchr(text, mark);

	if (rest == NULL) {
		return text + strlen(text);
	}
	*rest++ = '\0';
	return rest;
}

/* What follows the slash in TEXT, which ends before it. */
static const char *
cut_name(char *text)
{
	char *name = cut_at(text, '/');

	put_underscores(name);
	return name;
}

static void
put_parse(struct buf *out, char *text)
{
	const char *star = cut_at(text, '*');
	uint32_t type = (uint32_t)strtoul(star, NULL, 10);
	const char *name = cut_name(text);

	ck_assert(msg_parse(out, name, text, &type, type == 0 ? 0 : 1));
}

static void
put_bind(struct buf *out, char *text)
{
	const char *name = cut_name(text);

	ck_assert(msg_bind(out, text, name, NULL, 0));
}

/* Of a statement if one is named, or the unnamed one: "Ds"; else of the unnamed
 * portal. */
static void
put_describe(struct buf *out, char *text)
{
	bool is_unnamed = strcmp(text, "s") == 0;
	const char *name = cut_name(text);

	if (is_unnamed) {
		ck_assert(msg_describe(out, 'S', ""));
		return;
	}
	ck_assert(msg_describe(out, name[0] == '\0' ? 'P' : 'S', name));
}

/* What a client sends. */
static void
put_request(struct buf *out, char type, char *text)
{
	switch (type) {
	case 'Q':
		ck_assert(msg_query(out, text));
		return;
	case 'P':
		put_parse(out, text);
		return;
	case 'B':
		put_bind(out, text);
		return;
	case 'D':
		put_describe(out, text);
		return;
	case 'E':
		ck_assert(msg_execute(out, "", 0));
		return;
	case '3': /* Close, 'C' being a letter of servers */
		ck_assert(msg_close(out, 'S', cut_name(text)));
		return;
	case 'S':
		msg_sync(out);
		return;
	case 'H':
		msg_flush(out);
		return;
	default:
		put_plain(out, type, text);
	}
}

/* An error that says where in the server's source it comes from. */
static void
put_located_error(struct buf *out, const char *state, const char *message,
    const char *routine)
{
	struct msg msg;

	msg_begin(&msg, out, 'E');
	msg_put_bytes(&msg, "SERROR\0VERROR\0C", 15);
	msg_put_bytes(&msg, state, strlen(state) + 1);
	msg_put_bytes(&msg, "M", 1);
	msg_put_bytes(&msg, message, strlen(message) + 1);
	msg_put_bytes(&msg, "R", 1);
	msg_put_bytes(&msg, routine, strlen(routine) + 1);
	msg_put_bytes(&msg, "", 1);
	ck_assert(msg_end(&msg));
}

/* Statement NAME is not there. */
static void
put_unknown(struct buf *out, char *name)
{
	struct buf text = {0};

	put_underscores(name);
	buf_printf(&text, "prepared statement \"%s\" does not exist", name);
	put_located_error(out, "26000", buf_text(&text), "Fetch");
	buf_fini(&text);
}

/* One parameter, whose type has the number TEXT; none without. */
static void
put_parameter_types(struct buf *out, const char *text)
{
	struct msg msg;

	msg_begin(&msg, out, 't');
	msg_put_i16(&msg, text[0] == '\0' ? 0 : 1);
	if (text[0] != '\0') {
		msg_put_u32(&msg, (uint32_t)strtoul(text, NULL, 10));
	}
	ck_assert(msg_end(&msg));
}

/* What a server sends. */
static void
put_answer(struct buf *out, char type, char *text)
{
	const char *values[] = {"1"};
	struct msg_report report = {"ERROR", text, "failed", NULL, NULL};
	static const char changed[] =
	    "SERROR\0VERROR\0C0A000\0"
	    "Mcached plan must not change result type\0"
	    "Fplancache.c\0RRevalidateCachedQuery\0";
	struct msg_report notice = {"NOTICE", "00000", "note", NULL, NULL};
	struct msg_column column = {text[0] == '\0' ? "c" : text, 25, -1};

	switch (type) {
	case 'Z':
		msg_ready_for_query(out, text[0]);
		return;
	case 'T':
		ck_assert(msg_row_description(out, &column, 1));
		return;
	case 't':
		put_parameter_types(out, text);
		return;
	case 'D':
		ck_assert(msg_data_row_text(out, values, 1));
		return;
	case 'C':
		msg_command_complete(out, text);
		return;
	case 'E':
		msg_error_response(out, &report);
		return;
	case 'X':
		put_unknown(out, text);
		return;
	case 'R':
		put_located_error(out, "0A000",
		    "cached plan must not change result type",
		    "RevalidateCachedQuery");
		return;
	case 'U': /* what cannot be read */
		put_located_error(
		    out, "42601", "syntax error", "scanner_yyerror");
		return;
	case 'J': /* as pgweir says it itself */
		put_plain_bytes(out, 'E', changed, sizeof(changed));
		return;
	case 'N':
		msg_notice_response(out, &notice);
		return;
	case 'S':
		msg_parameter_status(out, "TimeZone", "UTC");
		return;
	case 'Y':
		msg_parameter_status(out, "client_encoding", text);
		return;
	case 'A':
		ck_assert(msg_notification_response(out, 1, "a", "b"));
		return;
	case 'G':
	case 'H':
		put_plain(out, type, "\001\001"); /* shape does not matter */
		return;
	default:
		put_plain(out, type, text);
	}
}

/* Messages of WORDS, "X X:text ...", with '_' for blanks, '~' for '_'. */
static void
put_words(struct buf *out, const char *words, bool is_request)
{
	char *copy = mem_strdup(words), *save = NULL;

	for (char *word = strtok_r(copy, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		char *text = word[1] == ':' ? word + 2 : word + 1;

		for (char *c = text; *c != '\0'; c++) {
			*c = *c == '_' ? ' ' : *c == '~' ? '_' : *c;
		}
		if (is_request) {
			put_request(out, word[0], text);
		} else {
			put_answer(out, word[0], text);
		}
	}
	free(copy);
}

/* ---- the stage ----------------------------------------------------------- */

void
stage_open(
    struct stage *stage, const char *label, const char *config, bool slowly)
{
	memset(stage, 0, sizeof(*stage));
	stage->label = label;
	stage->slowly = slowly;
	house_start(&stage->house, config);
	for (int i = 0; i < 2; i++) {
		stage->clients[i] = house_connect(&stage->house);
		peer_start(&stage->house, stage->clients[i], "u", "app");
	}
}

void
stage_close(struct stage *stage)
{
	house_stop(&stage->house);
}

void
stage_bind(struct stage *stage, char letter, struct peer *peer)
{
	stage->bound[(unsigned char)letter] = peer;
}

void
stage_forget(struct stage *stage)
{
	for (int i = 0; i < 2; i++) {
		buf_clear(&stage->clients[i]->from_us);
	}
	for (size_t i = 0; i < stage->house.server_count; i++) {
		buf_clear(&stage->house.servers[i].from_us);
	}
}

void
stage_open_single(
    struct stage *stage, const char *label, const char *config, bool slowly)
{
	stage_open(stage, label, config, slowly);
	ck_assert_uint_eq(stage->house.server_count, 1);
	stage_bind(stage, 's', &stage->house.servers[0]);
	peer_welcome(&stage->house, &stage->house.servers[0], false);
	stage_forget(stage);
}

void
stage_open_replicas(
    struct stage *stage, const char *label, const char *config, bool slowly)
{
	stage_open(stage, label, config, slowly);
	/* Without a monitor the roles show at login; all three are tried. */
	for (int port = 1; port <= 3; port++) {
		for (int i = 0;
		     i < 20 && house_server_at(&stage->house, port) == NULL;
		     i++) {
			house_wait(&stage->house, 20000);
		}
		ck_assert_ptr_nonnull(house_server_at(&stage->house, port));
		peer_welcome(&stage->house,
		    house_server_at(&stage->house, port), port != 1);
	}
	stage_bind(stage, 'p', house_server_at(&stage->house, 1));
	stage_forget(stage);
}

void
stage_bind_asked(struct stage *stage, char letter)
{
	for (int port = 2; port <= 3; port++) {
		struct peer *peer = house_server_at(&stage->house, port);

		if (peer != NULL && peer->from_us.length > 0) {
			stage_bind(stage, letter, peer);
			return;
		}
	}
	ck_abort_msg("%s: no replica was asked", stage->label);
}

static struct peer *
find_peer(struct stage *stage, char who)
{
	struct peer *peer = who == '1' || who == '2'
	    ? stage->clients[who - '1']
	    : stage->bound[(unsigned char)who];

	ck_assert_msg(peer != NULL, "%s: nobody is '%c'", stage->label, who);
	return peer;
}

static void
expect(struct stage *stage, const char *step, struct peer *peer,
    const struct buf *want)
{
	const struct buf *got = &peer->from_us;

	ck_assert_msg(got->length == want->length &&
	        (want->length == 0 ||
	            memcmp(buf_bytes(got), buf_bytes(want), want->length) == 0),
	    "%s (%s): \"%s\": %zu bytes arrived, not %zu", stage->label,
	    stage->slowly ? "byte by byte" : "at once", step, got->length,
	    want->length);
	buf_clear(&peer->from_us);
}

void
stage_run(struct stage *stage, const char *step)
{
	struct peer *peer = find_peer(stage, step[1]);
	bool is_client = step[1] == '1' || step[1] == '2';
	struct buf bytes = {0};

	put_words(&bytes, step + 2, (step[0] == '>') == is_client);
	if (step[0] == '=') {
		expect(stage, step, peer, &bytes);
	} else if (stage->slowly) {
		peer_send_slowly(
		    &stage->house, peer, buf_bytes(&bytes), bytes.length);
	} else {
		peer_send(&stage->house, peer, buf_bytes(&bytes), bytes.length);
	}
	buf_fini(&bytes);
}
