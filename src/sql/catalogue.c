/*
 * catalogue.c - verdicts remembered by shape.
 *
 * A text is scanned into its shape unless the very same was met lately; only a
 * shape never seen (or forgotten) is parsed, and what is learnt holds for every
 * text of that shape. So the effects of a shape that cannot be parsed are
 * judged on the shape, too, never on the one text at hand.
 *
 * Parsing is paid from a bucket of microseconds that fills with time. When it
 * is empty a new shape is not parsed and not remembered: it goes to the
 * primary this once. A flood of ever new shapes costs at most that share of the
 * processor and pushes useful verdicts out no faster than they can be parsed.
 *
 * What is recognised without the parser costs nothing of that, however many
 * different ones there are. It is remembered only where it takes no room from
 * anything that is worth more: as the first to be forgotten, until it is asked
 * for again.
 */
#include "sql/catalogue.h"

#include <assert.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/list.h"
#include "core/mem.h"
#include "sql/effects.h"
#include "sql/session_ops.h"
#include "sql/shape.h"

const struct catalogue_options catalogue_options_default = {
    .bytes = 4 << 20,
    .text_bytes = 64 << 10,
    .parse_share_us = 100000,
    .bounds = {.token_count = VERDICT_TOKENS_DEFAULT,
        .depth = VERDICT_DEPTH_DEFAULT,
        .bytes = VERDICT_BYTES_DEFAULT},
};

#define HOUR_US INT64_C(3600000000) /* keeps the product below in range */

struct entry {
	struct hash128 key;
	struct verdict verdict; /* .ops is shared with who took it */
	struct list_link link;  /* in catalogue->by_age, last used last; the
	                           cheap ones before all others */
	bool is_cheap;          /* recognised, and not asked for again */
	UT_hash_handle hh;
};

/*
 * Texts looked up lately, each in the one place its hash tells: the same text
 * need not be scanned again. Drivers that bind their values send the same few
 * texts over and over.
 */
#define MEMOS 1024

struct memo {
	struct hash128 text; /* all 0: none */
	struct hash128 shape;
};

/* What an entry takes with its share of the table, but for its operations. */
#define ENTRY_BYTES (sizeof(struct entry) + 2 * sizeof(void *))

struct catalogue {
	struct catalogue_options options;
	struct catalogue_counters counters;
	struct entry *entries; /* owned; uthash */
	struct list by_age;
	size_t used_bytes;            /* of all entries */
	struct session_ops *last_ops; /* shared; of the last text, for whom the
	                                 entry may be gone; NULL if none */
	struct memo *memos;           /* owned; MEMOS of them */
	struct buf shape_text;        /* recycled */
	struct hash128 shape_hash;    /* of the last text */
	bool has_shape;
	int64_t saved_us;  /* time for parsing saved up; may be negative */
	int64_t filled_us; /* when it was last added to; 0: never */
};

struct catalogue *
catalogue_new(const struct catalogue_options *options)
{
	struct catalogue *catalogue = mem_zalloc(sizeof(*catalogue));

	catalogue->options = *options;
	catalogue->saved_us = options->parse_share_us;
	catalogue->memos = mem_zalloc(MEMOS * sizeof(*catalogue->memos));
	return catalogue;
}

static size_t
entry_bytes(const struct verdict *verdict)
{
	return ENTRY_BYTES + (verdict->ops == NULL ? 0 : verdict->ops->bytes);
}

static void
remove_entry(struct catalogue *catalogue, struct entry *entry)
{
	HASH_DEL(catalogue->entries, entry);
	list_remove(&catalogue->by_age, &entry->link);
	catalogue->used_bytes -= entry_bytes(&entry->verdict);
	session_ops_release(&entry->verdict.ops);
	free(entry);
}

/* Forgets the least used until at most BYTES are taken. */
static void
shrink(struct catalogue *catalogue, size_t bytes)
{
	struct entry *oldest;

	while (catalogue->used_bytes > bytes &&
	    (oldest = list_first(&catalogue->by_age, struct entry, link)) !=
	        NULL) {
		remove_entry(catalogue, oldest);
		catalogue->counters.evicted++;
	}
}

void
catalogue_free(struct catalogue **cataloguep)
{
	struct catalogue *catalogue = *cataloguep;

	if (catalogue == NULL) {
		return;
	}
	shrink(catalogue, 0);
	session_ops_release(&catalogue->last_ops);
	buf_fini(&catalogue->shape_text);
	free(catalogue->memos);
	free(catalogue);
	*cataloguep = NULL;
}

void
catalogue_configure(
    struct catalogue *catalogue, const struct catalogue_options *options)
{
	const struct verdict_bounds *old = &catalogue->options.bounds;
	const struct verdict_bounds *new = &options->bounds;
	const bool is_same = old->token_count == new->token_count &&
	    old->depth == new->depth && old->bytes == new->bytes;

	catalogue->options = *options;
	shrink(catalogue, is_same ? options->bytes : 0);
}

/* Adds what has been earned since; at most one second's worth is saved, but a
 * debt, left by a parse that took long, is paid off as fast as time passes. */
static void
fill_bucket(struct catalogue *catalogue, int64_t now_us)
{
	const int64_t share = catalogue->options.parse_share_us;
	int64_t since_us = now_us - catalogue->filled_us;

	if (since_us > HOUR_US) {
		since_us = HOUR_US;
	}
	if (since_us * share < 1000000) {
		return; /* too early to tell */
	}
	catalogue->filled_us = now_us;
	catalogue->saved_us += since_us * share / 1000000;
	if (catalogue->saved_us > share) {
		catalogue->saved_us = share;
	}
}

static struct entry *
find(struct catalogue *catalogue, const struct hash128 *key)
{
	struct entry *entry;

	HASH_FIND(hh, catalogue->entries, key, sizeof(*key), entry);
	if (entry == NULL) {
		return NULL;
	}
	entry->is_cheap = false;
	if (entry->link.next != NULL) {
		list_remove(&catalogue->by_age, &entry->link);
		list_append(&catalogue->by_age, &entry->link);
	}
	return entry;
}

/* Forgets cheap verdicts until at most BYTES are taken. */
static bool
shrink_cheap(struct catalogue *catalogue, size_t bytes)
{
	while (catalogue->used_bytes > bytes) {
		struct entry *oldest =
		    list_first(&catalogue->by_age, struct entry, link);

		if (oldest == NULL || !oldest->is_cheap) {
			return false;
		}
		remove_entry(catalogue, oldest);
		catalogue->counters.evicted++;
	}
	return true;
}

static void
remember(struct catalogue *catalogue, const struct hash128 *key,
    const struct verdict *verdict, bool is_cheap)
{
	const size_t bytes = entry_bytes(verdict);
	struct entry *entry;

	if (catalogue->options.bytes < bytes) {
		return;
	}
	if (!is_cheap) {
		shrink(catalogue, catalogue->options.bytes - bytes);
	} else if (!shrink_cheap(catalogue, catalogue->options.bytes - bytes)) {
		return;
	}
	entry = mem_zalloc(sizeof(*entry));
	entry->key = *key;
	entry->verdict = *verdict;
	(void)session_ops_ref(entry->verdict.ops);
	entry->is_cheap = is_cheap;
	catalogue->used_bytes += bytes;
	HASH_ADD(hh, catalogue->entries, key, sizeof(*key), entry);
	if (is_cheap) {
		list_prepend(&catalogue->by_age, &entry->link);
	} else {
		list_append(&catalogue->by_age, &entry->link);
	}
}

/* Effects by key words, for a shape that is not parsed. What PostgreSQL 15
 * refuses to scan, a newer server may read in a way of its own. */
static uint32_t
effects_of_shape(const struct shape *shape, struct buf *text)
{
	if (shape->flags & (SHAPE_JUNK | SHAPE_UNTERMINATED | SHAPE_HAS_NUL)) {
		return EFFECT_UNKNOWN;
	}
	return effect_scan_text(buf_text(text), text->length, true);
}

/* Parses the shape, pays for it, and remembers the verdict. */
static void
learn(struct catalogue *catalogue, const struct shape *shape,
    struct verdict *verdict)
{
	struct buf *text = &catalogue->shape_text;
	const int64_t start_us = clock_monotonic_us();
	int64_t spent_us;

	if (!verdict_parse(
	        verdict, shape, buf_text(text), &catalogue->options.bounds)) {
		verdict->effects = effects_of_shape(shape, text);
	}
	spent_us = clock_monotonic_us() - start_us;
	catalogue->saved_us -= spent_us > 0 ? spent_us : 1;
	catalogue->counters.parses++;
	catalogue->counters.parse_us += (uint64_t)spent_us;
	catalogue->last_ops = verdict->ops;
	remember(catalogue, &shape->hash, verdict, false);
}

/* The verdict of a shape that is known. */
static bool
recall(struct catalogue *catalogue, const struct hash128 *shape,
    struct verdict *verdict)
{
	const struct entry *entry = find(catalogue, shape);

	if (entry == NULL) {
		return false;
	}
	catalogue->counters.hits++;
	*verdict = entry->verdict;
	catalogue->last_ops = session_ops_ref(verdict->ops);
	return true;
}

/* The place of TEXT among the memos; *HASH is what it goes by, which is another
 * for each way of reading strings. */
static struct memo *
find_memo(struct catalogue *catalogue, const char *text, size_t length,
    bool std_strings, struct hash128 *hash)
{
	*hash = hash_bytes128(text, length);
	hash->high ^= std_strings ? 1 : 0;
	return &catalogue->memos[hash->low % MEMOS];
}

void
catalogue_lookup(struct catalogue *catalogue, const char *text, size_t length,
    const struct catalogue_session *session, int64_t now_us,
    struct verdict *verdict)
{
	struct shape shape;
	struct hash128 hash;
	struct memo *memo;

	catalogue->has_shape = false;
	session_ops_release(&catalogue->last_ops);
	if (session->is_encoding_unsafe) {
		verdict_set_unknown(verdict, EFFECT_UNKNOWN,
		    "client_encoding with ASCII in its characters");
		return;
	}
	if (length > catalogue->options.text_bytes) {
		catalogue->counters.too_long++;
		verdict_set_unknown(verdict,
		    effect_scan_text(text, length, session->std_strings),
		    "text too long");
		return;
	}
	memo = find_memo(catalogue, text, length, session->std_strings, &hash);
	catalogue->has_shape = true;
	if (hash_equal128(&memo->text, &hash) &&
	    recall(catalogue, &memo->shape, verdict)) {
		catalogue->shape_hash = memo->shape;
		return;
	}
	shape_scan(
	    &shape, &catalogue->shape_text, text, length, session->std_strings);
	catalogue->shape_hash = shape.hash;
	*memo = (struct memo){.text = hash, .shape = shape.hash};
	if (recall(catalogue, &shape.hash, verdict)) {
		return;
	}
	catalogue->counters.misses++;
	if (verdict_recognise(verdict, &shape, buf_text(&catalogue->shape_text),
	        &catalogue->options.bounds)) {
		catalogue->counters.recognised++;
		catalogue->last_ops = verdict->ops;
		remember(catalogue, &shape.hash, verdict, true);
		return;
	}
	fill_bucket(catalogue, now_us);
	if (catalogue->saved_us <= 0) {
		catalogue->counters.refused++;
		verdict_set_unknown(verdict,
		    effects_of_shape(&shape, &catalogue->shape_text),
		    "no time left to parse");
		return;
	}
	learn(catalogue, &shape, verdict);
}

bool
catalogue_last_shape(const struct catalogue *catalogue, struct hash128 *hash)
{
	if (catalogue->has_shape) {
		*hash = catalogue->shape_hash;
	}
	return catalogue->has_shape;
}

const struct catalogue_counters *
catalogue_counters(const struct catalogue *catalogue)
{
	return &catalogue->counters;
}

size_t
catalogue_count(const struct catalogue *catalogue)
{
	return catalogue->by_age.count;
}

size_t
catalogue_used_bytes(const struct catalogue *catalogue)
{
	return catalogue->used_bytes;
}
