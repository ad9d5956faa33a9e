/*
 * prepared.c - which statements a server has, as far as we know.
 *
 *   .known    what the server has acknowledged
 *   .doubted  it may have lost it behind our back; only with .known
 *   .pending  how many messages about it are under way, all of batch .batch
 *   .expected what it comes out as if they all succeed
 *   .form     of the plan that is known, as long as nothing is under way
 *
 * With nothing under way, known is all there is to say. With something under
 * way, a message of the same batch goes by what is expected: if that fails, it
 * is skipped itself. A message of another batch must wait, for it would run.
 *
 * Invariants: with .pending == 0 an entry is .known (others are freed) and in
 * .recent; with .pending > 0 it is not in .recent.
 */
#include "server/prepared.h"

#include <assert.h>
#include <stdlib.h>

#include "core/mem.h"
#include "server/form.h"
#include "server/statement.h"

struct prepared_entry {
	struct statement *statement; /* its name is counted; the key */
	UT_hash_handle hh;           /* in prepared->table */
	struct list_link link;       /* in prepared->recent */
	uint64_t batch;              /* of what is under way */
	unsigned pending;
	unsigned describing; /* Describe messages that will tell its form */
	struct form *form;   /* shared; of the plan there is; NULL: not known */
	bool known;
	bool doubted;
	bool expected; /* with .pending > 0 */
};

void
prepared_init(struct prepared *prepared)
{
	*prepared = (struct prepared){0};
}

static struct prepared_entry *
find(struct prepared *prepared, const struct statement *statement)
{
	struct prepared_entry *entry = prepared->last;

	if (entry == NULL || entry->statement != statement) {
		HASH_FIND_PTR(prepared->table, &statement, entry);
		if (entry != NULL) {
			prepared->last = entry;
		}
	}
	return entry;
}

bool
prepared_has(const struct prepared *prepared, const struct statement *statement)
{
	struct prepared_entry *entry;

	HASH_FIND_PTR(prepared->table, &statement, entry);
	return entry != NULL && entry->known && !entry->doubted;
}

static void
free_entry(struct prepared *prepared, struct prepared_entry *entry)
{
	if (list_is_linked(&entry->link)) {
		list_remove(&prepared->recent, &entry->link);
	}
	if (prepared->last == entry) {
		prepared->last = NULL;
	}
	HASH_DELETE(hh, prepared->table, entry);
	statement_release_name(&entry->statement);
	form_release(&entry->form);
	free(entry);
}

void
prepared_fini(struct prepared *prepared)
{
	struct prepared_entry *entry, *next;

	HASH_ITER(hh, prepared->table, entry, next)
	{
		free_entry(prepared, entry);
	}
	prepared_init(prepared);
}

/* Moves ENTRY, if it is in .recent, to its front. */
static void
use(struct prepared *prepared, struct prepared_entry *entry)
{
	if (list_is_linked(&entry->link) &&
	    prepared->recent.head != &entry->link) {
		list_remove(&prepared->recent, &entry->link);
		list_prepend(&prepared->recent, &entry->link);
	}
}

enum prepared_state
prepared_look(struct prepared *prepared, const struct statement *statement,
    uint64_t batch)
{
	struct prepared_entry *entry = find(prepared, statement);

	if (entry == NULL) {
		return PREPARED_MISSING;
	}
	if (entry->pending > 0) {
		if (entry->batch != batch) {
			return PREPARED_WAIT;
		}
		return entry->expected ? PREPARED_KNOWN : PREPARED_MISSING;
	}
	use(prepared, entry);
	return entry->doubted ? PREPARED_DOUBTED : PREPARED_KNOWN;
}

/* Whether it will be there when all is answered. */
static bool
is_expected(const struct prepared_entry *entry)
{
	return entry->pending > 0 ? entry->expected : entry->known;
}

static struct prepared_entry *
find_or_add(struct prepared *prepared, struct statement *statement)
{
	struct prepared_entry *entry = find(prepared, statement);

	if (entry == NULL) {
		entry = mem_zalloc(sizeof(*entry));
		entry->statement = statement_ref_name(statement);
		HASH_ADD_PTR(prepared->table, statement, entry);
		prepared->last = entry;
	}
	return entry;
}

static struct note *
make_note(struct statement *statement, enum note_belief belief)
{
	struct note *note = note_new();

	note->belief = belief;
	note->statement = statement_ref(statement);
	return note;
}

struct note *
prepared_sent(struct prepared *prepared, struct statement *statement,
    enum note_belief belief, uint64_t batch)
{
	struct prepared_entry *entry = find_or_add(prepared, statement);

	assert(belief == BELIEF_PREPARED || belief == BELIEF_CLOSED);
	assert(entry->pending == 0 || entry->batch == batch);
	if (list_is_linked(&entry->link)) {
		list_remove(&prepared->recent, &entry->link);
	}
	prepared->expected -= is_expected(entry);
	entry->pending++;
	entry->batch = batch;
	entry->expected = belief == BELIEF_PREPARED;
	prepared->expected += entry->expected;
	return make_note(statement, belief);
}

static void
set_known(struct prepared *prepared, struct prepared_entry *entry, bool known)
{
	prepared->known -= entry->known;
	prepared->known += known;
	entry->known = known;
	entry->doubted = false;
	form_release(&entry->form); /* whatever there is, it is another plan */
}

/* All about ENTRY is answered: it is what is known of it. */
static void
settle(struct prepared *prepared, struct prepared_entry *entry)
{
	prepared->expected -= entry->expected;
	prepared->expected += entry->known;
	if (!entry->known) {
		free_entry(prepared, entry);
	} else if (entry->expected) {
		list_prepend(&prepared->recent, &entry->link);
	} else {
		/* A Close that did not come to pass: still the next to go. */
		list_append(&prepared->recent, &entry->link);
	}
}

struct note *
prepared_describe_sent(struct prepared *prepared, struct statement *statement)
{
	struct prepared_entry *entry = find(prepared, statement);

	if (entry != NULL) {
		entry->describing++;
	}
	return make_note(statement, BELIEF_DESCRIBED);
}

enum prepared_form
prepared_look_form(struct prepared *prepared, const struct statement *statement,
    struct form **form)
{
	const struct prepared_entry *entry = find(prepared, statement);

	*form = NULL;
	if (entry == NULL) {
		return PREPARED_FORM_UNKNOWN;
	}
	if (entry->describing > 0) {
		return PREPARED_FORM_WAIT;
	}
	if (entry->pending > 0) {
		return PREPARED_FORM_AHEAD;
	}
	*form = entry->form;
	return *form == NULL ? PREPARED_FORM_UNKNOWN : PREPARED_FORM_KNOWN;
}

/* A Describe of ENTRY is answered. */
static void
end_describe(struct prepared_entry *entry, const struct note *note,
    enum note_event event)
{
	if (entry->describing == 0) {
		return; /* of one that is gone, and was prepared anew */
	}
	entry->describing--;
	if (event != NOTE_DONE || note->form == NULL) {
		return; /* or nobody has looked at what it says */
	}
	form_release(&entry->form);
	entry->form = form_ref(note->form);
	form_set_age(entry->form, statement_next_description(entry->statement));
}

void
prepared_on_note(
    struct prepared *prepared, const struct note *note, enum note_event event)
{
	struct prepared_entry *entry = find(prepared, note->statement);

	if (entry == NULL) {
		return; /* the server has ended, and its notes after it */
	}
	if (note->belief == BELIEF_DESCRIBED) {
		end_describe(entry, note, event);
		return;
	}
	assert(entry->pending > 0);
	if (event == NOTE_DONE) {
		set_known(prepared, entry, note->belief == BELIEF_PREPARED);
	} else if (event == NOTE_FAILED && note->is_there) {
		set_known(prepared, entry, true);
		entry->doubted = true;
	}
	if (--entry->pending == 0) {
		settle(prepared, entry);
	}
}

struct statement *
prepared_surplus(struct prepared *prepared, size_t limit)
{
	struct list_link *head = prepared->recent.head;

	if (prepared->expected <= limit || head == NULL) {
		return NULL;
	}
	/* The head's .prev is the tail. */
	return list_entry(head->prev, struct prepared_entry, link)->statement;
}

void
prepared_doubt(struct prepared *prepared)
{
	struct prepared_entry *entry, *next;

	/* Of what is under way an acknowledgement will tell; if it fails, what
	 * was known before it is as doubtful as the rest. */
	HASH_ITER(hh, prepared->table, entry, next)
	{
		entry->doubted = entry->known;
	}
}

void
prepared_forget(struct prepared *prepared)
{
	struct prepared_entry *entry, *next;

	HASH_ITER(hh, prepared->table, entry, next)
	{
		set_known(prepared, entry, false);
		if (entry->pending == 0) {
			prepared->expected--;
			free_entry(prepared, entry);
		}
	}
}

size_t
prepared_count(const struct prepared *prepared)
{
	return prepared->known;
}
