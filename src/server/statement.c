/*
 * statement.c - prepared statements, interned.
 *
 * The key is 128 bits under this process's secret, so that nobody can choose
 * texts that meet; what is found is compared in full all the same, and a key
 * that is taken by another statement is simply counted up. The worst that can
 * come of it, when that other one goes, is one text with two names.
 *
 * Memory is bounded for all together. A statement that no client has any more
 * stays as long as some server has it, since the next client is likely to
 * prepare it again; but when room is needed these are stripped: the server's
 * entry needs no more than the name, to close it some day. So a full table is
 * always one that is full of what clients have now.
 *
 * Invariant: a statement is in .unused if and only if it has a body and all who
 * count it count its name only.
 */
#include "server/statement.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "proto/reader.h"
#include "sql/session_ops.h"

/* A Parse of it under our name is still a message. */
#define BODY_MAX_BYTES \
	(FRAME_MAX_BODY - sizeof(((struct statement *)NULL)->name))

struct statements {
	struct statement *table; /* by key; owned by who counts them */
	struct list unused;      /* longest unused first */
	size_t bytes;
	size_t limit_bytes;
	uint64_t last_number; /* of the latest name */
	uint64_t last_description;
};

/* What SIZE bytes cost: the allocator's word in front, and its granularity. */
static size_t
estimate(size_t size)
{
	return (size + sizeof(size_t) + 15) & ~(size_t)15;
}

/* A struct and its share of the table, at two buckets an entry. */
static size_t
entry_cost(void)
{
	return estimate(sizeof(struct statement)) + 2 * sizeof(UT_hash_bucket);
}

/* ---- the set ------------------------------------------------------------- */

struct statements *
statements_new(size_t limit_bytes)
{
	struct statements *set = mem_zalloc(sizeof(*set));

	set->limit_bytes = limit_bytes;
	return set;
}

void
statements_free(struct statements **set)
{
	if (*set == NULL) {
		return;
	}
	assert((*set)->table == NULL && (*set)->bytes == 0);
	free(*set);
	*set = NULL;
}

/* Takes STATEMENT out of the table and leaves struct and name of it. */
void
statement_outdate(struct statement *statement)
{
	if (!statement->is_outdated) {
		HASH_DELETE(hh, statement->set->table, statement);
		statement->is_outdated = true;
	}
}

uint64_t
statement_next_description(const struct statement *statement)
{
	return ++statement->set->last_description;
}

static void
strip(struct statement *statement)
{
	struct statements *set = statement->set;

	if (list_is_linked(&statement->link)) {
		list_remove(&set->unused, &statement->link);
	}
	statement_outdate(statement);
	set->bytes -= estimate(statement->body_bytes);
	session_ops_release(&statement->verdict.ops);
	free(statement->body);
	statement->body = NULL;
	statement->body_bytes = 0;
	statement->text_length = 0;
}

/* Makes room for COST more bytes; false if there is not enough unused. */
static bool
make_room(struct statements *set, size_t cost)
{
	if (cost > set->limit_bytes) {
		return false;
	}
	while (set->bytes > set->limit_bytes - cost) {
		struct statement *oldest =
		    list_first(&set->unused, struct statement, link);

		if (oldest == NULL) {
			return false;
		}
		strip(oldest);
	}
	return true;
}

void
statements_set_limit(struct statements *set, size_t limit_bytes)
{
	set->limit_bytes = limit_bytes;
	(void)make_room(set, 0); /* what is in use stays */
}

size_t
statements_count(const struct statements *set)
{
	return HASH_COUNT(set->table);
}

size_t
statements_bytes(const struct statements *set)
{
	return set->bytes;
}

struct statement *
statements_find_name(
    const struct statements *set, const char *name, size_t length)
{
	struct statement *statement, *next;

	HASH_ITER(hh, set->table, statement, next)
	{
		if (statement->name_length == length &&
		    memcmp(statement->name, name, length) == 0) {
			return statement;
		}
	}
	return NULL;
}

/* ---- taking -------------------------------------------------------------- */

bool
statement_body_is_valid(const uint8_t *body, size_t size)
{
	struct reader reader;
	size_t count;

	reader_init(&reader, body, size);
	(void)reader_cstr(&reader);
	count = reader_u16(&reader);
	(void)reader_bytes(&reader, count * sizeof(uint32_t));
	return reader_finish(&reader);
}

static struct hash128
key_of(const struct hash128 *meaning, const uint8_t *body, size_t size)
{
	struct hash128 both[2] = {*meaning, hash_bytes128(body, size)};

	return hash_bytes128(both, sizeof(both));
}

static bool
is_same(const struct statement *statement, const struct hash128 *meaning,
    const uint8_t *body, size_t size)
{
	return hash_equal128(&statement->meaning, meaning) &&
	    statement->body_bytes == size &&
	    memcmp(statement->body, body, size) == 0;
}

/* The statement; NULL: none, and KEY is a free one for it. */
static struct statement *
find(const struct statements *set, struct hash128 *key,
    const struct hash128 *meaning, const uint8_t *body, size_t size)
{
	struct statement *statement = NULL;

	for (;;) {
		HASH_FIND_BYHASHVALUE(hh, set->table, key, sizeof(*key),
		    (unsigned)key->low, statement);
		if (statement == NULL ||
		    is_same(statement, meaning, body, size)) {
			return statement;
		}
		key->high++;
	}
}

/* A new one, with the caller's count; NULL: there is no memory for it. */
static struct statement *
make(struct statements *set, const struct hash128 *key,
    const struct hash128 *meaning, const uint8_t *body, size_t size)
{
	struct statement *statement = mem_zalloc(sizeof(*statement));
	int length;

	/* Of any size up to the limit: no reason to end the process. */
	statement->body = malloc(size);
	if (statement->body == NULL) {
		free(statement);
		return NULL;
	}
	memcpy(statement->body, body, size);
	statement->body_bytes = size;
	statement->text_length = strlen((const char *)statement->body);
	statement->set = set;
	statement->references = 1;
	statement->key = *key;
	statement->meaning = *meaning;
	length = snprintf(statement->name, sizeof(statement->name),
	    STATEMENT_PREFIX "%" PRIx64, ++set->last_number);
	assert(length > 0 && (size_t)length < sizeof(statement->name));
	statement->name_length = (uint8_t)length;
	set->bytes += entry_cost() + estimate(size);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, set->table, &statement->key,
	    sizeof(statement->key), (unsigned)key->low, statement);
	return statement;
}

struct statement *
statements_take(struct statements *set, const struct hash128 *meaning,
    const uint8_t *body, size_t size)
{
	struct hash128 key = key_of(meaning, body, size);
	struct statement *statement = find(set, &key, meaning, body, size);

	if (statement != NULL) {
		return statement_ref(statement);
	}
	if (size > BODY_MAX_BYTES ||
	    !make_room(set, entry_cost() + estimate(size))) {
		return NULL;
	}
	return make(set, &key, meaning, body, size);
}

struct statement *
statements_find(const struct statements *set, const struct hash128 *meaning,
    const uint8_t *body, size_t size)
{
	struct hash128 key = key_of(meaning, body, size);

	return find(set, &key, meaning, body, size);
}

/* ---- counting ------------------------------------------------------------ */

struct statement *
statement_ref(struct statement *statement)
{
	if (statement == NULL) {
		return NULL;
	}
	statement->references++;
	if (list_is_linked(&statement->link)) {
		list_remove(&statement->set->unused, &statement->link);
	}
	return statement;
}

static void
drop(struct statement *statement)
{
	assert(statement->references > 0);
	if (--statement->references > 0) {
		return;
	}
	if (statement->body != NULL) {
		strip(statement);
	}
	statement->set->bytes -= entry_cost();
	free(statement);
}

void
statement_release(struct statement **statement)
{
	struct statement *s = *statement;

	*statement = NULL;
	if (s == NULL) {
		return;
	}
	assert(s->references > s->name_references);
	if (s->body != NULL && s->references > 1 &&
	    s->references - 1 == s->name_references) {
		list_append(&s->set->unused, &s->link);
	}
	drop(s);
}

struct statement *
statement_ref_name(struct statement *statement)
{
	statement->references++;
	statement->name_references++;
	return statement;
}

void
statement_release_name(struct statement **statement)
{
	struct statement *s = *statement;

	*statement = NULL;
	if (s == NULL) {
		return;
	}
	assert(s->name_references > 0);
	s->name_references--;
	drop(s);
}

/* ---- messages ------------------------------------------------------------ */

void
statement_put_parse(const struct statement *statement, struct buf *out)
{
	struct msg msg;
	bool is_complete;

	assert(statement->body != NULL);
	msg_begin(&msg, out, MSG_PARSE);
	msg_put_bytes(&msg, statement->name, statement->name_length + 1U);
	msg_put_bytes(&msg, statement->body, statement->body_bytes);
	is_complete = msg_end(&msg);
	assert(is_complete); /* see BODY_MAX_BYTES */
}

void
statement_put_close(const struct statement *statement, struct buf *out)
{
	bool is_complete = msg_close(out, 'S', statement->name);

	assert(is_complete);
}
