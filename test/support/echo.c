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
    {"select pg_catalog.set_config", ECHO_SET_CONFIG},
    {"select set_config", ECHO_SET_CONFIG},
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
    {"rollback to ", ECHO_ROLLBACK_TO},
    {"rollback", ECHO_ROLLBACK},
    {"savepoint ", ECHO_SAVEPOINT},
    {"release ", ECHO_RELEASE},
    {"set ", ECHO_SET},
    {"reset", ECHO_SET},
    {"discard all", ECHO_DISCARD_ALL},
    {"deallocate all", ECHO_DEALLOCATE_ALL},
    {"show", ECHO_SELECT},
    {"copy t from", ECHO_COPY_IN},
    {"copy t to", ECHO_COPY_OUT},
};

static bool
has_word(const char *text, size_t length, const char *word)
{
	return memmem(text, length, word, strlen(word)) != NULL;
}

static struct echo_statement
read_statement(const char *text, size_t length)
{
	struct echo_statement statement = {.is_there = true,
	    .does = ECHO_OTHER,
	    .mark = echo_mark(text, length)};

	while (length > 0 && text[0] == ' ') {
		text++;
		length--;
	}
	if (length == 0) {
		statement.does = ECHO_NOTHING;
		return statement;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t size = strlen(words[i].prefix);

		if (size <= length &&
		    strncasecmp(text, words[i].prefix, size) == 0) {
			statement.does = words[i].does;
			statement.savepoint = length > size ? text[size] : '-';
			break;
		}
	}
	statement.is_ours = has_word(text, length, "pg_catalog.set_config") ||
	    has_word(text, length, "RESET ");
	statement.changes = echo_changes_read(text, length);
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

/* Whose text, and whose settings. */
static void
put_row(struct buf *out, const struct echo *echo, char mark)
{
	char texts[3][ECHO_MARK_BYTES + 1] = {
	    ECHO_MARK "-", ECHO_MARK "-", ECHO_MARK "-"};
	const char *values[] = {texts[0], texts[1], texts[2]};
	const char *now = echo->session.values.now;
	bool fits;

	sign(texts[0], mark);
	sign(texts[1], now[ECHO_XY]);
	sign(texts[2], echo->is_refused ? 0 : now[ECHO_APPLICATION_NAME]);
	fits = msg_data_row_text(out, values, 3);
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
	echo->has_failed = true;
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
run_reading(const struct echo *echo, const struct echo_statement *statement,
    struct buf *out)
{
	switch (statement->does) {
	case ECHO_SELECT_BIG:
		put_big_row(out, statement->mark);
		break;
	case ECHO_SELECT_NOTICES:
		for (int i = 0; i < 100; i++) {
			put_notice(out, statement->mark);
		}
		break;
	case ECHO_COPY_OUT:
		break;
	default:
		put_row(out, echo, statement->mark);
		break;
	}
	msg_command_complete(out, "SELECT");
}

/* Why it fails; NULL if it does not. */
static const char *
why_not(const struct echo *echo, const struct echo_statement *statement)
{
	if (echo->status == 'E' && statement->does != ECHO_COMMIT &&
	    statement->does != ECHO_ROLLBACK &&
	    statement->does != ECHO_ROLLBACK_TO &&
	    statement->does != ECHO_NOTHING) {
		return "25P02";
	}
	if (echo->fails_with != NULL) {
		return echo->fails_with;
	}
	switch (statement->does) {
	case ECHO_FAIL:
		return "22012";
	case ECHO_SAVEPOINT:
	case ECHO_RELEASE:
	case ECHO_ROLLBACK_TO:
		return echo->status == 'I' ? "25P01" : NULL;
	case ECHO_DISCARD_ALL:
		return echo->status == 'I' ? NULL : "25001";
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

static void
forget_statements(struct echo *echo)
{
	for (int i = 0; i < ECHO_NAMES; i++) {
		echo->named[i].statement.is_there = false;
	}
}

/* Runs one of those that end a transaction or a part of it; returns its tag, or
 * NULL: it fails. */
static const char *
run_control(struct echo *echo, const struct echo_statement *statement)
{
	bool commits = statement->does == ECHO_COMMIT && echo->status != 'E';

	switch (statement->does) {
	case ECHO_SAVEPOINT:
		echo_session_savepoint(&echo->session, statement->savepoint);
		return "SAVEPOINT";
	case ECHO_RELEASE:
		return echo_session_release(
		           &echo->session, statement->savepoint)
		    ? "RELEASE"
		    : NULL;
	case ECHO_ROLLBACK_TO:
		if (!echo_session_rollback_to(
		        &echo->session, statement->savepoint)) {
			return NULL;
		}
		echo->status = 'T';
		return "ROLLBACK";
	default:
		echo_session_end(&echo->session, commits);
		echo->status = 'I';
		return commits ? "COMMIT" : "ROLLBACK";
	}
}

static bool
fail_statement(struct echo *echo, const struct echo_statement *statement,
    const char *sqlstate, struct buf *out)
{
	echo->is_refused = echo->is_refused || statement->is_ours;
	fail(echo, out, sqlstate);
	return false;
}

/* Runs STATEMENT, whose COPY IN would be COPY. True: it has ended well. */
static bool
run(struct echo *echo, const struct echo_statement *statement,
    enum echo_copy copy, struct buf *out)
{
	const char *sqlstate = why_not(echo, statement);
	const char *tag = "DONE";

	echo->fails_with = NULL;
	if (statement->does == ECHO_SET_CONFIG && copy == ECHO_COPY_SIMPLE &&
	    echo->status != 'E') {
		static const struct msg_column column = {"set_config", 25, -1};
		bool fits = msg_row_description(out, &column, 1);

		assert(fits);
	}
	if (sqlstate != NULL) {
		return fail_statement(echo, statement, sqlstate, out);
	}
	echo_session_open(&echo->session);
	switch (statement->does) {
	case ECHO_NOTHING:
		msg_empty_query_response(out);
		return true;
	case ECHO_BEGIN:
	case ECHO_BEGIN_READ_ONLY:
		begin(echo, statement->does == ECHO_BEGIN_READ_ONLY);
		break;
	case ECHO_COMMIT:
	case ECHO_ROLLBACK:
	case ECHO_SAVEPOINT:
	case ECHO_RELEASE:
	case ECHO_ROLLBACK_TO:
		tag = run_control(echo, statement);
		if (tag == NULL) {
			return fail_statement(echo, statement, "3B001", out);
		}
		break;
	case ECHO_SET_CONFIG:
		echo_session_change(&echo->session, &statement->changes);
		run_reading(echo, statement, out);
		return true;
	case ECHO_DISCARD_ALL:
	case ECHO_DEALLOCATE_ALL:
		forget_statements(echo);
		echo_session_change(&echo->session, &statement->changes);
		break;
	case ECHO_SET:
		echo_session_change(&echo->session, &statement->changes);
		break;
	case ECHO_COPY_IN:
		put_copy_response(out, MSG_COPY_IN_RESPONSE);
		echo->copy = copy;
		return false;
	case ECHO_COPY_OUT:
		put_copy_out(out, statement->mark);
		break;
	case ECHO_SELECT:
	case ECHO_SELECT_BIG:
	case ECHO_SELECT_NOTICES:
	case ECHO_CONFLICT:
		run_reading(echo, statement, out);
		return true;
	case ECHO_FAIL:
	case ECHO_WRITE:
	case ECHO_OTHER:
		break;
	}
	msg_command_complete(out, tag);
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
	echo->portals[portal[0] != '\0'] = *statement;
	msg_bind_complete(out);
}

/* PostgreSQL has more than one with a name; pgweir has not. */
static struct echo_statement *
portal_of(struct echo *echo, const char *name)
{
	return &echo->portals[name[0] != '\0'];
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
		                           : portal_of(echo, name);
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

	if (name != NULL) {
		statement = body[0] == 'S' ? find_statement(echo, name, false)
		                           : portal_of(echo, name);
	}
	if (statement != NULL) {
		statement->is_there = false;
	}
	msg_close_complete(out);
}

static void
take_execute(
    struct echo *echo, const uint8_t *body, size_t size, struct buf *out)
{
	const char *name = string_at(body, body + size);
	struct echo_statement *portal =
	    name == NULL ? NULL : portal_of(echo, name);
	bool failed;

	if (portal == NULL || !portal->is_there) {
		fail_batch(echo, out, "34000");
		return;
	}
	failed = !run(echo, portal, ECHO_COPY_EXTENDED, out) &&
	    echo->copy == ECHO_NO_COPY;
	echo->skips = echo->skips || failed;
}

/* ---- messages ------------------------------------------------------------ */

static void
ready(struct echo *echo, struct buf *out)
{
	/* Portals go with their transaction. */
	if (echo->status == 'I') {
		echo->portals[0] = (struct echo_statement){0};
		echo->portals[1] = (struct echo_statement){0};
		echo_session_end(&echo->session, !echo->has_failed);
	}
	echo->has_failed = false;
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
	bool goes_on;

	/* The unnamed statement goes, as in PostgreSQL. */
	echo->unnamed.is_there = false;
	if (text == NULL) {
		fail(echo, out, "08P01");
		return;
	}
	echo->portals[0].is_there = false;
	do {
		size_t length = strcspn(text, ";");
		struct echo_statement statement = read_statement(text, length);
		bool is_last = text[length] == '\0';

		text += length + !is_last;
		goes_on = !is_last;
		if (goes_on && statement.does == ECHO_NOTHING) {
			continue;
		}
		goes_on =
		    run(echo, &statement, ECHO_COPY_SIMPLE, out) && goes_on;
	} while (goes_on && text[strspn(text, " ")] != '\0');
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
		take_execute(echo, body, size, out);
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
