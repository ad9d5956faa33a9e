/*
 * echo.c - a PostgreSQL server for tests that says back what it was told.
 */
#include "support/echo.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "proto/frame.h"
#include "proto/msg.h"

#define BIG_BYTES ((size_t)70000)
#define CANCEL_CODE ((uint32_t)80877102)

void
echo_init(struct echo *echo)
{
	*echo = (struct echo){.status = 'I'};
}

char
echo_mark(const void *bytes, size_t size)
{
	const char *at = bytes;

	for (size_t i = 0; i + ECHO_MARK_BYTES <= size; i++) {
		char letter = at[i + ECHO_MARK_BYTES - 1];

		if (memcmp(at + i, ECHO_MARK, ECHO_MARK_BYTES - 1) == 0 &&
		    letter >= 'A' && letter <= 'Z') {
			return letter;
		}
	}
	return 0;
}

/* ---- statements ---------------------------------------------------------- */

static const struct {
	const char *prefix;
	enum echo_does does;
} words[] = {
    {"select pg_catalog.set_config", ECHO_SET},
    {"select big", ECHO_SELECT_BIG},
    {"select noisy", ECHO_SELECT_NOTICES},
    {"select conflict", ECHO_CONFLICT},
    {"select fail", ECHO_FAIL},
    {"select", ECHO_SELECT},
    {"insert", ECHO_WRITE},
    {"begin read only", ECHO_BEGIN_READ_ONLY},
    {"start transaction read only", ECHO_BEGIN_READ_ONLY},
    {"begin", ECHO_BEGIN},
    {"commit", ECHO_COMMIT},
    {"rollback", ECHO_COMMIT},
    {"set ", ECHO_SET},
    {"reset", ECHO_RESET},
    {"show", ECHO_SHOW},
    {"copy t from", ECHO_COPY_IN},
    {"copy t to", ECHO_COPY_OUT},
};

static struct echo_statement
read_statement(const char *text, size_t length)
{
	struct echo_statement statement = {
	    true, ECHO_OTHER, echo_mark(text, length)};

	if (length == 0) {
		statement.does = ECHO_NOTHING;
		return statement;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strncasecmp(
		        text, words[i].prefix, strlen(words[i].prefix)) == 0) {
			statement.does = words[i].does;
			break;
		}
	}
	if (statement.does == ECHO_RESET &&
	    strncasecmp(text, "reset", 5) == 0 &&
	    strstr(text, "set_config") != NULL) {
		statement.does = ECHO_SET; /* a switch that does both */
	}
	return statement;
}

/* Completes TEXT, ECHO_MARK and a place for the letter. */
static void
sign(char *text, char mark)
{
	if (mark != 0) {
		text[ECHO_MARK_BYTES - 1] = mark;
	}
}

static void
put_row(struct buf *out, char mark)
{
	char text[] = {ECHO_MARK "-"};
	const char *values[] = {text};
	bool fits;

	sign(text, mark);
	fits = msg_data_row_text(out, values, 1);
	assert(fits);
}

static void
put_big_row(struct buf *out, char mark)
{
	char *text = mem_alloc(BIG_BYTES);
	struct msg_value value = {text, BIG_BYTES};
	bool fits;

	memset(text, '.', BIG_BYTES);
	for (size_t i = 0; mark != 0 && i + 10 < BIG_BYTES; i += 1000) {
		memcpy(text + i, ECHO_MARK, ECHO_MARK_BYTES - 1);
		text[i + ECHO_MARK_BYTES - 1] = mark;
	}
	fits = msg_data_row(out, &value, 1);
	assert(fits);
	free(text);
}

static void
put_notice(struct buf *out, char mark)
{
	char text[] = {ECHO_MARK "-"};
	struct msg_report report = {"NOTICE", "00000", text, NULL, NULL};

	sign(text, mark);
	msg_notice_response(out, &report);
}

/* Ends the statement with an error; a FATAL ends the connection. */
static void
fail(struct echo *echo, struct buf *out, const char *sqlstate)
{
	bool is_fatal =
	    strncmp(sqlstate, "57P", 3) == 0 || strcmp(sqlstate, "08P01") == 0;
	struct msg_report report = {
	    is_fatal ? "FATAL" : "ERROR", sqlstate, "no", NULL, NULL};

	msg_error_response(out, &report);
	echo->ended = is_fatal;
	echo->copy = ECHO_NO_COPY;
	if (echo->status == 'T') {
		echo->status = 'E';
	}
}

static void
begin(struct echo *echo, bool read_only)
{
	if (echo->status == 'I') {
		echo->status = 'T';
		echo->read_only = read_only;
	}
}

static void
run_reading(struct echo *echo, struct echo_statement statement, struct buf *out)
{
	switch (statement.does) {
	case ECHO_SELECT_BIG:
		put_big_row(out, statement.mark);
		break;
	case ECHO_SELECT_NOTICES:
		for (int i = 0; i < 100; i++) {
			put_notice(out, statement.mark);
		}
		break;
	case ECHO_SHOW:
		put_row(out, echo->setting);
		break;
	case ECHO_COPY_OUT:
		break;
	default:
		put_row(out, statement.mark);
		break;
	}
	msg_command_complete(out, "SELECT");
}

/* Why it fails; NULL if it does not. */
static const char *
why_not(const struct echo *echo, struct echo_statement statement)
{
	if (echo->status == 'E' && statement.does != ECHO_COMMIT &&
	    statement.does != ECHO_NOTHING) {
		return "25P02";
	}
	if (echo->fails_with != NULL) {
		return echo->fails_with;
	}
	switch (statement.does) {
	case ECHO_FAIL:
		return "22012";
	case ECHO_CONFLICT:
		return echo->is_standby ? "40001" : NULL;
	case ECHO_WRITE:
	case ECHO_COPY_IN:
		return echo->is_standby ||
		        (echo->status == 'T' && echo->read_only)
		    ? "25006"
		    : NULL;
	default:
		return NULL;
	}
}

static void
put_copy_response(struct buf *out, uint8_t type)
{
	struct msg msg;
	bool fits;

	msg_begin(&msg, out, type);
	msg_put_u8(&msg, 0);
	msg_put_count(&msg, 0);
	fits = msg_end(&msg);
	assert(fits);
}

static void
put_copy_out(struct buf *out, char mark)
{
	struct msg msg;
	char text[] = {ECHO_MARK "-"};
	bool fits;

	sign(text, mark);
	put_copy_response(out, MSG_COPY_OUT_RESPONSE);
	msg_begin(&msg, out, MSG_COPY_DATA);
	msg_put_bytes(&msg, text, ECHO_MARK_BYTES);
	fits = msg_end(&msg);
	assert(fits);
	msg_begin(&msg, out, MSG_COPY_DONE);
	fits = msg_end(&msg);
	assert(fits);
}

/* Runs STATEMENT, whose COPY IN would be COPY. True: it has ended well. */
static bool
run(struct echo *echo, struct echo_statement statement, enum echo_copy copy,
    struct buf *out)
{
	const char *sqlstate = why_not(echo, statement);

	echo->fails_with = NULL;
	if (sqlstate != NULL) {
		fail(echo, out, sqlstate);
		return false;
	}
	switch (statement.does) {
	case ECHO_NOTHING:
		msg_empty_query_response(out);
		return true;
	case ECHO_BEGIN:
	case ECHO_BEGIN_READ_ONLY:
		begin(echo, statement.does == ECHO_BEGIN_READ_ONLY);
		break;
	case ECHO_COMMIT:
		echo->status = 'I';
		break;
	case ECHO_SET:
		echo->setting = statement.mark;
		break;
	case ECHO_RESET:
		echo->setting = 0;
		break;
	case ECHO_COPY_IN:
		put_copy_response(out, MSG_COPY_IN_RESPONSE);
		echo->copy = copy;
		return false;
	case ECHO_COPY_OUT:
		put_copy_out(out, statement.mark);
		break;
	case ECHO_SELECT:
	case ECHO_SELECT_BIG:
	case ECHO_SELECT_NOTICES:
	case ECHO_CONFLICT:
	case ECHO_SHOW:
		run_reading(echo, statement, out);
		return true;
	case ECHO_FAIL:
	case ECHO_WRITE:
	case ECHO_OTHER:
		break;
	}
	msg_command_complete(out, "DONE");
	return true;
}

/* ---- the extended protocol ----------------------------------------------- */

static struct echo_statement *
find_statement(struct echo *echo, const char *name, bool make)
{
	struct echo_statement *room = NULL;

	if (name[0] == '\0') {
		return &echo->unnamed;
	}
	for (int i = 0; i < ECHO_NAMES; i++) {
		struct echo_statement *statement = &echo->named[i].statement;

		if (!statement->is_there) {
			room = room == NULL ? statement : room;
		} else if (strncmp(echo->named[i].name, name,
		               ECHO_NAME_BYTES - 1) == 0) {
			return statement;
		}
	}
	for (int i = 0; make && i < ECHO_NAMES; i++) {
		if (room == &echo->named[i].statement) {
			(void)snprintf(
			    echo->named[i].name, ECHO_NAME_BYTES, "%s", name);
		}
	}
	return make ? room : NULL;
}

static void
fail_batch(struct echo *echo, struct buf *out, const char *sqlstate)
{
	fail(echo, out, sqlstate);
	echo->skips = true;
}

/* The string at AT, which must end before END; NULL if it does not. */
static const char *
string_at(const uint8_t *at, const uint8_t *end)
{
	return at >= end || memchr(at, 0, (size_t)(end - at)) == NULL
	    ? NULL
	    : (const char *)at;
}

static void
take_parse(struct echo *echo, const uint8_t *body, size_t size, struct buf *out)
{
	const char *name = string_at(body, body + size);
	const char *text = name == NULL
	    ? NULL
	    : string_at(body + strlen(name) + 1, body + size);
	struct echo_statement *statement;

	if (text == NULL) {
		fail_batch(echo, out, "42601");
		return;
	}
	statement = find_statement(echo, name, true);
	if (statement == NULL || (name[0] != '\0' && statement->is_there)) {
		fail_batch(echo, out, statement == NULL ? "53000" : "42P05");
		return;
	}
	*statement = read_statement(text, strlen(text));
	msg_parse_complete(out);
}

static void
take_bind(struct echo *echo, const uint8_t *body, size_t size, struct buf *out)
{
	const char *portal = string_at(body, body + size);
	const char *name = portal == NULL
	    ? NULL
	    : string_at(body + strlen(portal) + 1, body + size);
	const struct echo_statement *statement =
	    name == NULL ? NULL : find_statement(echo, name, false);

	if (statement == NULL || !statement->is_there) {
		fail_batch(echo, out, "26000");
		return;
	}
	echo->portal = *statement;
	msg_bind_complete(out);
}

static void
take_describe(
    struct echo *echo, const uint8_t *body, size_t size, struct buf *out)
{
	const char *name = size < 2 ? NULL : string_at(body + 1, body + size);
	const struct echo_statement *statement = NULL;
	bool fits = true;

	if (name != NULL) {
		statement = body[0] == 'S' ? find_statement(echo, name, false)
		                           : &echo->portal;
	}
	if (statement == NULL || !statement->is_there) {
		fail_batch(echo, out, "26000");
		return;
	}
	if (body[0] == 'S') {
		fits = msg_parameter_description(out, NULL, 0);
	}
	assert(fits);
	msg_no_data(out);
}

static void
take_close(struct echo *echo, const uint8_t *body, size_t size, struct buf *out)
{
	const char *name = size < 2 ? NULL : string_at(body + 1, body + size);
	struct echo_statement *statement = NULL;

	if (name != NULL && body[0] == 'S') {
		statement = find_statement(echo, name, false);
	}
	if (statement != NULL) {
		statement->is_there = false;
	}
	msg_close_complete(out);
}

static void
take_execute(struct echo *echo, struct buf *out)
{
	bool failed;

	if (!echo->portal.is_there) {
		fail_batch(echo, out, "34000");
		return;
	}
	failed = !run(echo, echo->portal, ECHO_COPY_EXTENDED, out) &&
	    echo->copy == ECHO_NO_COPY;
	echo->skips = echo->skips || failed;
}

/* ---- messages ------------------------------------------------------------ */

static void
ready(struct echo *echo, struct buf *out)
{
	/* Portals go with their transaction. */
	if (echo->status == 'I') {
		echo->portal = (struct echo_statement){0};
	}
	msg_ready_for_query(out, echo->status);
}

static void
end_copy(struct echo *echo, bool well, struct buf *out)
{
	enum echo_copy copy = echo->copy;

	echo->copy = ECHO_NO_COPY;
	if (well) {
		msg_command_complete(out, "COPY");
	} else {
		fail(echo, out, "57014");
		echo->skips = copy == ECHO_COPY_EXTENDED;
	}
	if (copy == ECHO_COPY_SIMPLE) {
		ready(echo, out);
	}
}

static void
take_copy(struct echo *echo, uint8_t type, struct buf *out)
{
	switch (type) {
	case MSG_COPY_DATA:
	case MSG_SYNC:
	case MSG_FLUSH:
		return;
	case MSG_COPY_DONE:
		end_copy(echo, true, out);
		return;
	case MSG_COPY_FAIL:
		end_copy(echo, false, out);
		return;
	default:
		/* PostgreSQL loses the protocol's synchronisation over it. */
		fail(echo, out, "08P01");
		echo->ended = true;
	}
}

static void
take_query(struct echo *echo, const uint8_t *body, size_t size, struct buf *out)
{
	const char *text = string_at(body, body + size);

	/* The unnamed statement goes, as in PostgreSQL. */
	echo->unnamed.is_there = false;
	if (text == NULL) {
		fail(echo, out, "08P01");
		return;
	}
	(void)run(
	    echo, read_statement(text, strlen(text)), ECHO_COPY_SIMPLE, out);
	if (echo->copy == ECHO_NO_COPY && !echo->ended) {
		ready(echo, out);
	}
}

static void
take_message(struct echo *echo, uint8_t type, const uint8_t *body, size_t size,
    struct buf *out)
{
	if (echo->copy != ECHO_NO_COPY) {
		take_copy(echo, type, out);
		return;
	}
	if (echo->skips && type != MSG_SYNC && type != MSG_TERMINATE) {
		return;
	}
	switch (type) {
	case MSG_QUERY:
		take_query(echo, body, size, out);
		return;
	case MSG_PARSE:
		if (echo->status == 'E') {
			fail_batch(echo, out, "25P02");
			return;
		}
		take_parse(echo, body, size, out);
		return;
	case MSG_BIND:
		take_bind(echo, body, size, out);
		return;
	case MSG_DESCRIBE:
		take_describe(echo, body, size, out);
		return;
	case MSG_EXECUTE:
		take_execute(echo, out);
		return;
	case MSG_CLOSE:
		take_close(echo, body, size, out);
		return;
	case MSG_SYNC:
		echo->skips = false;
		ready(echo, out);
		return;
	case MSG_FUNCTION_CALL:
		fail(echo, out, "42883");
		ready(echo, out);
		return;
	case MSG_TERMINATE:
		echo->ended = true;
		return;
	default: /* Flush, and the rest of a copy */
		return;
	}
}

/* ---- login --------------------------------------------------------------- */

static void
welcome(struct echo *echo, struct buf *out)
{
	msg_authentication_ok(out);
	msg_parameter_status(out, "server_version", "15.0");
	msg_parameter_status(out, "client_encoding", "UTF8");
	msg_parameter_status(out, "standard_conforming_strings", "on");
	msg_parameter_status(
	    out, "in_hot_standby", echo->is_standby ? "on" : "off");
	msg_backend_key_data(out, 7, "key!", 4);
	msg_ready_for_query(out, 'I');
	echo->started = true;
}

static bool
take_startup(struct echo *echo, struct buf *in, struct buf *out)
{
	const uint8_t *at = buf_bytes(in);
	size_t size;

	if (in->length < 8 || (size = frame_u32(at)) > in->length) {
		return false;
	}
	if (frame_u32(at + 4) == CANCEL_CODE) {
		echo->ended = true;
	} else if (echo->asks_password) {
		msg_authentication_cleartext_password(out);
	} else {
		welcome(echo, out);
	}
	buf_consume(in, size);
	return true;
}

bool
echo_take(struct echo *echo, struct buf *in, struct buf *out)
{
	struct frame frame;

	if (echo->ended) {
		return false;
	}
	if (!echo->started && in->length > 0 && buf_bytes(in)[0] == 0) {
		return take_startup(echo, in, out);
	}
	if (frame_parse(buf_bytes(in), in->length, FRAME_MAX_BODY, &frame) !=
	        FRAME_OK ||
	    frame_bytes(&frame) > in->length) {
		return false;
	}
	if (!echo->started) {
		welcome(echo, out); /* whatever the password */
	} else {
		take_message(echo, frame.type,
		    buf_bytes(in) + FRAME_HEADER_BYTES, frame.body_bytes, out);
	}
	buf_consume(in, frame_bytes(&frame));
	return true;
}
