/*
 * names.c - what a client calls its prepared statements.
 *
 *   .current   what the server has acknowledged; NULL: nothing
 *   .pending   how many changes are under way, all of batch .batch
 *   .expected  what it comes out as if they all succeed
 *
 * Each name is one allocation with its text behind it, each change under way
 * another. A client without names owns nothing.
 *
 * Invariant: with .pending == 0 a name has a .current or is held; others are
 * freed.
 */
#include "client/names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "server/form.h"
#include "server/statement.h"

struct name {
	UT_hash_handle hh;          /* in names->table, by .text */
	struct statement *current;  /* shared; NULL: none */
	struct statement *expected; /* shared; NULL: none; with .pending > 0 */
	uint64_t batch;             /* of the changes under way */
	unsigned pending;
	unsigned holds;
	unsigned asked;       /* descriptions under way */
	uint64_t asked_batch; /* of the latest */
	struct form *told;    /* shared; of .current; NULL: nothing */
	bool is_orphan; /* names_fini() came before its last change's end */
	uint8_t length;
	char text[]; /* .length bytes, no NUL */
};

struct name_change {
	struct name *name;           /* borrowed; it lives as long as this */
	struct statement *statement; /* shared; what it is to become */
};

/* ---- what it costs ------------------------------------------------------- */

/* With the allocator's word in front, and its granularity. */
static size_t
estimate(size_t size)
{
	return (size + sizeof(size_t) + 15) & ~(size_t)15;
}

/* With its share of a table that grows, at two buckets an entry. */
static size_t
name_cost(size_t length)
{
	return estimate(sizeof(struct name) + length) +
	    2 * sizeof(UT_hash_bucket);
}

/* Of a table as it begins. */
static size_t
table_cost(void)
{
	return estimate(sizeof(UT_hash_table)) +
	    estimate(HASH_INITIAL_NUM_BUCKETS * sizeof(UT_hash_bucket));
}

static size_t
body_cost(const struct statement *statement)
{
	return statement == NULL ? 0 : statement->body_bytes;
}

/* ---- names --------------------------------------------------------------- */

static size_t
significant(size_t length)
{
	return length < NAME_BYTES_MAX ? length : NAME_BYTES_MAX;
}

static struct name *
find(const struct names *names, const char *text, size_t length)
{
	struct name *name = NULL;

	HASH_FIND(hh, names->table, text, significant(length), name);
	return name;
}

static struct name *
find_or_add(struct names *names, const char *text, size_t length)
{
	struct name *name = find(names, text, length);

	if (name != NULL) {
		return name;
	}
	length = significant(length);
	name = mem_zalloc(sizeof(*name) + length);
	name->length = (uint8_t)length;
	memcpy(name->text, text, length);
	names->bytes += name_cost(length);
	if (names->table == NULL) {
		names->bytes += table_cost();
	}
	HASH_ADD(hh, names->table, text, length, name);
	return name;
}

/* Takes NAME out of the table. */
static void
detach(struct names *names, struct name *name)
{
	HASH_DELETE(hh, names->table, name);
	names->bytes -= name_cost(name->length);
	if (names->table == NULL) {
		names->bytes -= table_cost();
	}
}

static void
free_name(struct name *name)
{
	assert(name->current == NULL && name->expected == NULL);
	form_release(&name->told);
	free(name);
}

/* Whether NAME is not needed any more. */
static bool
is_over(const struct name *name)
{
	return name->pending == 0 && name->holds == 0 && name->current == NULL;
}

/* NAME is prepared as STATEMENT, whose count is taken over; NULL: not at all.
 */
static void
replace(struct names *names, struct name *name, struct statement *statement)
{
	names->count -= name->current != NULL;
	names->count += statement != NULL;
	names->body_bytes -= body_cost(name->current);
	names->body_bytes += body_cost(statement);
	statement_release(&name->current);
	name->current = statement;
}

/* NAME becomes STATEMENT, whose count is taken over; NULL: none. */
static void
set_current(struct names *names, struct name *name, struct statement *statement)
{
	form_release(&name->told);
	replace(names, name, statement);
}

void
names_clear(struct names *names)
{
	struct name *name, *next;

	HASH_ITER(hh, names->table, name, next)
	{
		set_current(names, name, NULL);
		if (is_over(name)) {
			detach(names, name);
			free_name(name);
		}
	}
}

void
names_fini(struct names *names)
{
	struct name *name, *next;

	names_clear(names);
	HASH_ITER(hh, names->table, name, next)
	{
		detach(names, name);
		name->is_orphan = true;
	}
	*names = (struct names){0};
}

enum name_state
name_look(const struct name *name, uint64_t batch, struct statement **statement)
{
	*statement = NULL;
	if (name == NULL) {
		return NAME_UNKNOWN;
	}
	if (name->pending > 0 && name->batch != batch) {
		return NAME_WAIT;
	}
	*statement = name->pending > 0 ? name->expected : name->current;
	return *statement == NULL ? NAME_UNKNOWN : NAME_KNOWN;
}

enum name_state
names_look(const struct names *names, const char *name, size_t length,
    uint64_t batch, struct statement **statement)
{
	return name_look(find(names, name, length), batch, statement);
}

/* ---- what the client was told -------------------------------------------- */

struct name *
names_find(const struct names *names, const char *name, size_t length)
{
	return find(names, name, length);
}

struct name *
name_hold(struct name *name)
{
	if (name != NULL) {
		name->holds++;
	}
	return name;
}

void
name_let_go(struct names *names, struct name **name)
{
	struct name *n = *name;

	*name = NULL;
	if (n == NULL) {
		return;
	}
	assert(n->holds > 0);
	n->holds--;
	if (!is_over(n)) {
		return;
	}
	if (!n->is_orphan) {
		detach(names, n);
	}
	free_name(n);
}

struct form *
name_told(const struct name *name)
{
	return name->pending > 0 ? NULL : name->told;
}

void
name_tell(
    struct name *name, const struct statement *statement, struct form *form)
{
	if (name->current == statement && name->told != form) {
		form_release(&name->told);
		name->told = form_ref(form);
	}
}

void
name_asked(struct name *name, uint64_t batch)
{
	name->asked++;
	name->asked_batch = batch;
}

void
name_asked_end(struct name *name)
{
	assert(name->asked > 0);
	name->asked--;
}

bool
name_is_asked(const struct name *name, uint64_t *batch)
{
	*batch = name->asked_batch;
	return name->asked > 0;
}

void
name_change_statement(
    struct names *names, struct name *name, struct statement *statement)
{
	assert(name->pending == 0 && name->current != NULL);
	replace(names, name, statement_ref(statement));
}

/* ---- changes ------------------------------------------------------------- */

struct name_change *
names_change(struct names *names, const char *name, size_t length,
    struct statement *statement, uint64_t batch)
{
	struct name *found = find_or_add(names, name, length);
	struct name_change *change = mem_zalloc(sizeof(*change));

	assert(found->pending == 0 || found->batch == batch);
	found->pending++;
	found->batch = batch;
	statement_release(&found->expected);
	found->expected = statement_ref(statement);
	change->name = found;
	change->statement = statement_ref(statement);
	names->bytes += estimate(sizeof(*change));
	names->body_bytes += body_cost(statement);
	return change;
}

static void
end_orphan(struct name *name, struct name_change *change)
{
	statement_release(&change->statement);
	free(change);
	if (--name->pending == 0) {
		statement_release(&name->expected);
		if (is_over(name)) {
			free_name(name);
		}
	}
}

void
names_on_note(
    struct names *names, struct name_change **change, enum note_event event)
{
	struct name_change *ended = *change;
	struct name *name = ended->name;

	*change = NULL;
	if (name->is_orphan) {
		end_orphan(name, ended);
		return;
	}
	names->bytes -= estimate(sizeof(*ended));
	names->body_bytes -= body_cost(ended->statement);
	if (event == NOTE_DONE) {
		set_current(names, name, ended->statement);
	} else {
		statement_release(&ended->statement);
	}
	free(ended);
	if (--name->pending > 0) {
		return;
	}
	statement_release(&name->expected);
	if (is_over(name)) {
		detach(names, name);
		free_name(name);
	}
}

/* ---- questions ----------------------------------------------------------- */

const char *
names_of(const struct names *names, const struct statement *statement,
    size_t *length)
{
	struct name *name, *next;

	HASH_ITER(hh, names->table, name, next)
	{
		if (name->current == statement ||
		    (name->pending > 0 && name->expected == statement)) {
			*length = name->length;
			return name->text;
		}
	}
	*length = 0;
	return NULL;
}

void
names_each(const struct names *names, names_each_fn *each, void *context)
{
	struct name *name, *next;

	HASH_ITER(hh, names->table, name, next)
	{
		if (name->current != NULL) {
			each(context, name->text, name->length, name->current);
		}
	}
}

size_t
names_count(const struct names *names)
{
	return names->count;
}
