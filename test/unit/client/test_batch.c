/*
 * test_batch.c - what a client asks for in one go: where that ends, and what it
 * is.
 */
#include "support/house.h"
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "client/batch.h"
#include "client/client_int.h"
#include "core/buf.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "proto/msg.h"

static const char config_text[] =
    "[databases]\n"
    "app = host=/nowhere port=1 user=u pool_size=1\n"
    "[pgweir]\n"
    "auth_type = any\n"
    "max_packet_size = 100000\n"
    "pool_mode = transaction\n";

/* ---- messages ------------------------------------------------------------ */

static void
put_plain(struct buf *out, uint8_t type, const char *text)
{
	struct msg msg;

	msg_begin(&msg, out, type);
	msg_put_bytes(&msg, text, strlen(text));
	ck_assert(msg_end(&msg));
}

/* One message: a letter, and a text or name. */
static void
put_message(struct buf *out, char type, const char *text)
{
	switch (type) {
	case 'Q':
		ck_assert(msg_query(out, text));
		return;
	case 'P':
		ck_assert(msg_parse(out, "", text, NULL, 0));
		return;
	case 'p': /* by a name */
		ck_assert(msg_parse(out, "name", text, NULL, 0));
		return;
	case 'B':
		ck_assert(msg_bind(out, "", text, NULL, 0));
		return;
	case 'b': /* a portal with a name */
		ck_assert(msg_bind(out, "portal", text, NULL, 0));
		return;
	case 'D':
		ck_assert(msg_describe(out, 'P', text));
		return;
	case 's': /* Describe of a statement */
		ck_assert(msg_describe(out, 'S', text));
		return;
	case 'E':
		ck_assert(msg_execute(out, text, 0));
		return;
	case 'e': /* some rows only */
		ck_assert(msg_execute(out, text, 10));
		return;
	case 'C':
		ck_assert(msg_close(out, 'S', text));
		return;
	default:
		put_plain(out, (uint8_t)type, text);
	}
}

/* WORDS: messages separated by '|', a text behind a colon. */
static void
put_words(struct buf *out, const char *words)
{
	while (words[0] != '\0') {
		size_t length = strcspn(words, "|");
		char *text = length > 2 ? mem_strndup(words + 2, length - 2)
		                        : mem_strdup("");

		put_message(out, words[0], text);
		free(text);
		words += length;
		words += words[0] == '|';
	}
}

/* A client of HOUSE that is logged in. */
static struct client *
open_client(struct house *house)
{
	struct peer *peer;

	house_start(house, config_text);
	peer = house_connect(house);
	peer_start(house, peer, "u", "app");
	peer_welcome(house, &house->servers[0], false);
	return list_first(
	    &house->clients->by_state[CLIENT_IDLE], struct client, link);
}

/* ---- where it ends ------------------------------------------------------- */

static const struct {
	const char *words;
	enum batch_end end;
	const char *taken; /* the messages that are it; of those that end */
} ends[] = {
    {"Q:select 1", BATCH_WHOLE, "Q:select 1"},
    {"Q:select 1|Q:select 2", BATCH_WHOLE, "Q:select 1"},
    {"P:select 1|B|D|E|S|S", BATCH_WHOLE, "P:select 1|B|D|E|S"},
    {"S|S", BATCH_WHOLE, "S"},
    {"F|S", BATCH_WHOLE, "F"},
    {"P:select 1|B|E", BATCH_PARTIAL, NULL},
    {"P:select 1|H", BATCH_CUT, NULL},
    {"H|P:select 1", BATCH_NOTHING, "H"},
    {"P:select 1|Q:select 2", BATCH_CUT, NULL},
    {"B|F", BATCH_CUT, NULL},
    {"d:abc|Q:select 1", BATCH_NOTHING, "d:abc"},
    {"c|S", BATCH_NOTHING, "c"},
    {"f|S", BATCH_NOTHING, "f"},
    {"P:copy|B|E|d:abc|c|S", BATCH_WHOLE, "P:copy|B|E|d:abc|c|S"},
    {"X", BATCH_TERMINATE, NULL},
    {"P:select 1|X", BATCH_TERMINATE, NULL},
    {"p_:secret", BATCH_PARTIAL, NULL},
    {"?", BATCH_BAD, NULL},
    {"R", BATCH_BAD, NULL},
    {"P:select 1|?", BATCH_BAD, NULL},
};

/* All at once, and with every number of bytes there might be. */
START_TEST(a_batch_ends_where_the_protocol_says)
{
	struct buf bytes = {0}, taken = {0};
	struct house house;
	struct client *client = open_client(&house);
	struct batch batch;
	size_t scanned = 0, slowly = 0;
	enum batch_end end = BATCH_PARTIAL;

	put_words(&bytes, ends[_i].words);
	put_words(&taken, ends[_i].taken == NULL ? "" : ends[_i].taken);
	ck_assert_msg(batch_find(client, buf_bytes(&bytes), bytes.length,
	                  &scanned, &batch) == ends[_i].end,
	    "%s", ends[_i].words);
	if (ends[_i].taken != NULL) {
		ck_assert_uint_eq(batch.bytes, taken.length);
	}
	for (size_t n = 0; n <= bytes.length && end == BATCH_PARTIAL; n++) {
		end = batch_find(client, buf_bytes(&bytes), n, &slowly, &batch);
		ck_assert_uint_le(slowly, n);
	}
	ck_assert_msg(end == ends[_i].end, "%s, slowly", ends[_i].words);
	buf_fini(&bytes);
	buf_fini(&taken);
	house_stop(&house);
}
END_TEST

static const struct {
	const char *header;
	size_t size; /* that is there, header included */
	enum batch_end end;
} long_ones[] = {{"Q\0\0\0\3", 5, BATCH_BAD},
    {"Q\377\377\377\377", 5, BATCH_BAD}, {"S\0\1\0\0", 5, BATCH_BAD},
    {"E\0\0\x30\0", 5, BATCH_BAD},
    {"Q\0\2\0\0", 5, BATCH_BAD}, /* beyond max_packet_size */
    {"Q\0\1\x80\0", 5, BATCH_PARTIAL}, {"Q\0\1\x80\0", 8191, BATCH_PARTIAL},
    {"Q\0\1\x80\0", 8192, BATCH_CUT}, {"B\0\1\x80\0", 8192, BATCH_CUT},
    {"d\0\1\x80\0", 5, BATCH_NOTHING}};

START_TEST(a_long_message_is_not_waited_for)
{
	struct house house;
	struct client *client = open_client(&house);
	uint8_t *bytes = mem_zalloc(long_ones[_i].size);
	struct batch batch;
	size_t scanned = 0;

	memcpy(bytes, long_ones[_i].header, 5);
	ck_assert_int_eq(
	    batch_find(client, bytes, long_ones[_i].size, &scanned, &batch),
	    long_ones[_i].end);
	free(bytes);
	house_stop(&house);
}
END_TEST

/* ---- what it is ---------------------------------------------------------- */

static const struct {
	const char *words;
	bool is_read;
	bool begins_read_only;
	bool leaves_unnamed;
	bool pins;
} kinds[] = {
    {"Q:select 1", true, false, false, false},
    {"Q:select 1; select 2", true, false, false, false},
    {"Q:insert into t values (1)", false, false, false, false},
    {"Q:select nextval('s')", false, false, false, false},
    {"Q:select 1 for update", false, false, false, false},
    {"Q:copy t to stdout", true, false, false, false},
    {"Q:copy t from stdin", false, false, false, false},
    {"Q:nonsense", false, false, false, true},
    {"Q:", false, false, false, false},
    {"Q:set work_mem = 1", false, false, false, false},
    {"Q:listen a", false, false, false, true},
    {"Q:select pg_advisory_lock(1)", false, false, false, true},
    {"Q:begin", false, false, false, false},
    {"Q:begin read only", false, true, false, false},
    {"Q:start transaction read only", false, true, false, false},
    {"Q:begin read write", false, false, false, false},
    {"Q:begin isolation level serializable read only", false, false, false,
        false},
    {"P:begin read only|B|E|S", false, true, false, false},
    {"P:begin read only|S", false, false, true, false},
    {"P:select 1|B|D|E|S", true, false, false, false},
    {"P:select 1|s|B|E|S", true, false, false, false},
    {"P:select 1|B|E|P:select 2|B|E|S", true, false, false, false},
    {"P:select 1|B|E|P:insert into t values (1)|B|E|S", false, false, false,
        false},
    {"P:select 1|B|E|H", false, false, false, false}, /* not complete */
    {"P:select 1|S", false, false, true, false},
    {"P:select 1|C|S", false, false, false, false},
    {"P:select 1|B|E|P:select 2|S", false, false, true, false},
    {"B|E|P:select 1|B|E|S", false, false, false, false},
    {"B|E|S", false, false, false, false}, /* of what is not there */
    {"B:name|E|S", false, false, false, false},
    {"s|S", false, false, false, false},
    {"p:select 1|S", false, false, false, false}, /* nothing is run */
    {"p:select 1|B:name|E|S", true, false, false, false},
    {"p:insert into t values (1)|B:name|E|S", false, false, false, false},
    {"p:select pg_sleep(1), pg_advisory_lock(1)|B:name|E|S", false, false,
        false, true},
    {"p:begin read only|B:name|E|S", false, false, false, false},
    {"P:select 1|b|E:portal|S", false, false, false, false},
    {"P:select 1|B|e|S", false, false, false, false}, /* a part of the rows */
    {"P:select 1|B|S", false, false, false, false},   /* nothing is run */
    {"P:set a.b = 1|B|E|S", false, false, false, false},
    {"F", false, false, false, true},
};

START_TEST(a_batch_is_what_all_its_messages_are)
{
	struct buf bytes = {0};
	struct house house;
	struct client *client = open_client(&house);
	struct batch batch;
	size_t scanned = 0;
	enum batch_end end;
	const char *words = kinds[_i].words;

	put_words(&bytes, words);
	end = batch_find(
	    client, buf_bytes(&bytes), bytes.length, &scanned, &batch);
	ck_assert_msg(end == BATCH_WHOLE || end == BATCH_CUT, "%s", words);
	batch_judge(client, buf_bytes(&bytes), &batch);
	ck_assert_msg(batch.is_read == kinds[_i].is_read, "read: %s", words);
	ck_assert_msg(batch.begins_read_only == kinds[_i].begins_read_only,
	    "begins: %s", words);
	ck_assert_msg(batch.leaves_unnamed == kinds[_i].leaves_unnamed,
	    "leaves: %s", words);
	ck_assert_msg((batch.pin != NULL) == kinds[_i].pins, "pins: %s", words);
	ck_assert(!batch.is_empty);
	buf_fini(&bytes);
	house_stop(&house);
}
END_TEST

START_TEST(a_sync_alone_is_an_empty_batch)
{
	struct buf bytes = {0};
	struct house house;
	struct client *client = open_client(&house);
	struct batch batch;
	size_t scanned = 0;

	put_words(&bytes, "S");
	ck_assert_int_eq(batch_find(client, buf_bytes(&bytes), bytes.length,
	                     &scanned, &batch),
	    BATCH_WHOLE);
	batch_judge(client, buf_bytes(&bytes), &batch);
	ck_assert(batch.is_empty && !batch.is_read);
	buf_fini(&bytes);
	house_stop(&house);
}
END_TEST

/* Where trailing bytes of a character can be ASCII, nothing is a read. */
START_TEST(in_an_unsafe_encoding_nothing_is_a_read)
{
	struct buf bytes = {0};
	struct house house;
	struct client *client = open_client(&house);
	struct batch batch;
	size_t scanned = 0;

	client->unsafe_encoding = true;
	put_words(&bytes, "Q:select 1");
	ck_assert_int_eq(batch_find(client, buf_bytes(&bytes), bytes.length,
	                     &scanned, &batch),
	    BATCH_WHOLE);
	batch_judge(client, buf_bytes(&bytes), &batch);
	ck_assert(!batch.is_read && batch.pin != NULL);
	buf_fini(&bytes);
	house_stop(&house);
}
END_TEST

/* ---- texts --------------------------------------------------------------- */

static const struct {
	uint8_t type;
	const char *body;
	size_t size;
	const char *text; /* NULL: malformed */
	size_t name_length;
} texts[] = {{MSG_QUERY, "abc", 4, "abc", 0}, {MSG_QUERY, "", 1, "", 0},
    {MSG_QUERY, "abc", 3, NULL, 0}, {MSG_QUERY, "", 0, NULL, 0},
    {MSG_PARSE, "\0abc\0\0", 7, "abc", 0},
    {MSG_PARSE, "name\0abc\0\0", 11, "abc", 4},
    {MSG_PARSE, "name\0abc", 8, NULL, 0}, {MSG_PARSE, "name", 5, NULL, 0},
    {MSG_PARSE, "name", 4, NULL, 0}, {MSG_PARSE, "", 0, NULL, 0}};

START_TEST(a_text_is_found_only_where_it_ends)
{
	size_t length = 99, name_length = 99;
	uint8_t *copy = mem_alloc(texts[_i].size + (texts[_i].size == 0));
	const char *text;

	memcpy(copy, texts[_i].body, texts[_i].size);
	text = batch_text(
	    texts[_i].type, copy, texts[_i].size, &length, &name_length);
	if (texts[_i].text == NULL) {
		ck_assert_ptr_null(text);
	} else {
		ck_assert_str_eq(text, texts[_i].text);
		ck_assert_uint_eq(length, strlen(text));
		ck_assert_uint_eq(name_length, texts[_i].name_length);
	}
	free(copy);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(*(table))))

int
main(void)
{
	Suite *suite = suite_create("batch");
	TCase *end = tcase_create("end");
	TCase *kind = tcase_create("kind");

	tcase_add_loop_test(
	    end, a_batch_ends_where_the_protocol_says, 0, COUNT(ends));
	tcase_add_loop_test(
	    end, a_long_message_is_not_waited_for, 0, COUNT(long_ones));
	tcase_add_loop_test(
	    kind, a_batch_is_what_all_its_messages_are, 0, COUNT(kinds));
	tcase_add_test(kind, a_sync_alone_is_an_empty_batch);
	tcase_add_test(kind, in_an_unsafe_encoding_nothing_is_a_read);
	tcase_add_loop_test(
	    kind, a_text_is_found_only_where_it_ends, 0, COUNT(texts));
	suite_add_tcase(suite, end);
	suite_add_tcase(suite, kind);
	return unit_run(suite);
}
