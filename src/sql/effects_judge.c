/*
 * effects_judge.c - what words mean without a grammar.
 *
 * The first words of a statement say what it is; the names before an opening
 * bracket say what it calls. A name before a bracket is no call only where the
 * grammar leaves no doubt: behind an operand (there it is an infix word, an
 * alias or a window), behind words that want a name, and if the word can be
 * neither function nor type. All other names must be built in, or they pin.
 *
 * Invariant: .word is judged when the next token is known, and not overwritten
 * before.
 */
#include "sql/effects_int.h"

#include <string.h>

#include "sql/builtins.h"

/* What stands before a word. */
enum last_kind {
	LAST_NONE,    /* nothing in this statement */
	LAST_OPERAND, /* constant, name, closing bracket */
	LAST_KEYWORD, /* which one: .previous */
	LAST_OPEN,
	LAST_OTHER, /* operator, comma */
	LAST_COLON,
	LAST_CAST /* :: */
};

enum qualifier_kind {
	QUALIFIER_NONE,
	QUALIFIER_CATALOG, /* pg_catalog. */
	QUALIFIER_NAME,    /* any other name. */
	QUALIFIER_VALUE    /* (...). or [...]. */
};

enum word_id {
#define WORD(id, text) WORD_##id,
	WORD_NONE, /* any other key word */
#include "sql/effect_words.def"
#undef WORD
	WORD_COUNT
};

static const char *const word_texts[] = {
    "",
#define WORD(id, text) text,
#include "sql/effect_words.def"
#undef WORD
};

static enum word_id
find_word(const struct effect_scan *scan)
{
	if (scan->is_quoted || scan->is_cut) {
		return WORD_NONE;
	}
	for (unsigned i = 1; i < WORD_COUNT; i++) {
		const char *text = word_texts[i];

		if (text[0] == scan->word[0] &&
		    strlen(text) == scan->word_length &&
		    memcmp(text, scan->word, scan->word_length) == 0) {
			return (enum word_id)i;
		}
	}
	return WORD_NONE;
}

static bool
word_begins(const struct effect_scan *scan, const char *prefix)
{
	const size_t length = strlen(prefix);

	return scan->word_length >= length &&
	    memcmp(scan->word, prefix, length) == 0;
}

static bool
is_after(const struct effect_scan *scan, enum word_id word)
{
	return scan->last == LAST_KEYWORD && scan->previous == word;
}

/* ---- statements ---------------------------------------------------------- */

static uint32_t
effects_of_first(enum word_id first)
{
	switch (first) {
	case WORD_ABORT:
	case WORD_ALTER:
	case WORD_ANALYSE:
	case WORD_ANALYZE:
	case WORD_BEGIN:
	case WORD_CHECKPOINT:
	case WORD_CLOSE:
	case WORD_CLUSTER:
	case WORD_COMMENT:
	case WORD_COMMIT:
	case WORD_COPY:
	case WORD_CREATE:
	case WORD_DECLARE: /* until HOLD */
	case WORD_DELETE:
	case WORD_DROP:
	case WORD_END:
	case WORD_EXPLAIN:
	case WORD_FETCH:
	case WORD_GRANT:
	case WORD_INSERT:
	case WORD_LOCK:
	case WORD_MERGE:
	case WORD_MOVE:
	case WORD_NOTIFY:
	case WORD_PREPARE: /* the next word decides */
	case WORD_REFRESH:
	case WORD_REINDEX:
	case WORD_RELEASE:
	case WORD_REVOKE:
	case WORD_ROLLBACK:
	case WORD_SAVEPOINT:
	case WORD_SELECT:
	case WORD_SET: /* the next words decide */
	case WORD_SHOW:
	case WORD_START:
	case WORD_TABLE:
	case WORD_TRUNCATE:
	case WORD_UPDATE:
	case WORD_VACUUM:
	case WORD_VALUES:
	case WORD_WITH:
		return EFFECT_NONE;
	case WORD_RESET:
		return EFFECT_SET;
	case WORD_DEALLOCATE:
	case WORD_EXECUTE:
		return EFFECT_PREPARE;
	case WORD_DISCARD:
		return EFFECT_DISCARD;
	case WORD_LISTEN:
	case WORD_UNLISTEN:
		return EFFECT_LISTEN;
	case WORD_LOAD:
		return EFFECT_LOAD;
	case WORD_DO:
		return EFFECT_DO;
	case WORD_CALL:
		return EFFECT_CALL;
	default:
		return EFFECT_UNKNOWN;
	}
}

static uint32_t
effects_of_second(enum word_id first, enum word_id second)
{
	switch (first) {
	case WORD_SET:
		if (second == WORD_ROLE) {
			return EFFECT_ROLE;
		}
		return second == WORD_LOCAL || second == WORD_CONSTRAINTS ||
		        second == WORD_TRANSACTION
		    ? EFFECT_NONE
		    : EFFECT_SET;
	case WORD_PREPARE:
		return second == WORD_TRANSACTION ? EFFECT_NONE
		                                  : EFFECT_PREPARE;
	case WORD_CREATE:
	case WORD_ALTER:
		return second == WORD_EXTENSION ? EFFECT_EXTENSION
		                                : EFFECT_NONE;
	default:
		return EFFECT_NONE;
	}
}

/* SET LOCAL search_path could make CREATE TABLE a temporary one, and with the
 * others the texts that follow mean something else. */
static uint32_t
effects_of_third(const struct effect_scan *scan, enum word_id third)
{
	if (scan->first == WORD_SET && third == WORD_TO) {
		return EFFECT_SET; /* the second word is the setting */
	}
	if (scan->first != WORD_SET || scan->second != WORD_LOCAL) {
		return EFFECT_NONE;
	}
	return scan->is_quoted || scan->is_cut || third == WORD_SEARCH_PATH ||
	        third == WORD_SCHEMA || third == WORD_NAMES ||
	        third == WORD_CLIENT_ENCODING || third == WORD_STANDARD_STRINGS
	    ? EFFECT_SET
	    : EFFECT_NONE;
}

static void
judge_position(struct effect_scan *scan, enum word_id id)
{
	switch (scan->position) {
	case 0:
		scan->first = (uint8_t)id;
		scan->effects |= effects_of_first(id);
		break;
	case 1:
		scan->second = (uint8_t)id;
		scan->effects |= effects_of_second(scan->first, id);
		break;
	case 2:
		scan->effects |= effects_of_third(scan, id);
		break;
	default:
		break;
	}
}

/* ---- words --------------------------------------------------------------- */

/* Words that mean something wherever they stand. */
static void
judge_anywhere(struct effect_scan *scan, enum word_id id)
{
	if (word_begins(scan, "pg_temp")) {
		scan->effects |= EFFECT_TEMPORARY;
	}
	switch (id) {
	case WORD_TEMP:
	case WORD_TEMPORARY:
		if (is_after(scan, WORD_CREATE) ||
		    is_after(scan, WORD_REPLACE) ||
		    is_after(scan, WORD_LOCAL) || is_after(scan, WORD_GLOBAL) ||
		    is_after(scan, WORD_INTO)) {
			scan->effects |= EFFECT_TEMPORARY;
		}
		break;
	case WORD_HOLD:
		if (scan->first == WORD_DECLARE) {
			scan->effects |= EFFECT_HOLD;
		}
		break;
	case WORD_EXECUTE:
		if (scan->first == WORD_EXPLAIN || is_after(scan, WORD_AS)) {
			scan->effects |= EFFECT_PREPARE;
		}
		break;
	case WORD_JOIN:
		scan->has_join = true;
		break;
	default:
		break;
	}
}

static uint32_t effects_of_class(enum builtin_class class)
{
	switch (class) {
	case BUILTIN_READ:
	case BUILTIN_NODE:
	case BUILTIN_WRITE:
	case BUILTIN_SETTING:
		return EFFECT_NONE;
	case BUILTIN_SESSION:
		return EFFECT_SESSION_FUNCTION;
	case BUILTIN_LOCK:
		return EFFECT_ADVISORY_LOCK;
	case BUILTIN_CONFIG:
		return EFFECT_SET_CONFIG;
	case BUILTIN_SQL:
	case BUILTIN_UNKNOWN:
		break;
	}
	return EFFECT_FUNCTION;
}

/* A name behind one of these is not called. */
static bool
wants_name(const struct effect_scan *scan)
{
	return is_after(scan, WORD_AS) || is_after(scan, WORD_WITH) ||
	    is_after(scan, WORD_RECURSIVE) || is_after(scan, WORD_TABLE) ||
	    is_after(scan, WORD_EXISTS) || is_after(scan, WORD_REFERENCES) ||
	    scan->last == LAST_CAST;
}

/* A key word that belongs to the one before it, with a bracket of its own. */
static bool
is_phrase(const struct effect_scan *scan, enum word_id id)
{
	switch (id) {
	case WORD_BY:
		return is_after(scan, WORD_ORDER) ||
		    is_after(scan, WORD_GROUP) ||
		    is_after(scan, WORD_PARTITION);
	case WORD_CONFLICT:
		return is_after(scan, WORD_ON) && !scan->has_join &&
		    (scan->first == WORD_INSERT || scan->first == WORD_WITH);
	case WORD_INSERT:
		return is_after(scan, WORD_THEN);
	case WORD_JOIN:
		return is_after(scan, WORD_CROSS) ||
		    is_after(scan, WORD_FULL) || is_after(scan, WORD_INNER) ||
		    is_after(scan, WORD_LEFT) || is_after(scan, WORD_NATURAL) ||
		    is_after(scan, WORD_OUTER) || is_after(scan, WORD_RIGHT);
	case WORD_KEY:
		return is_after(scan, WORD_PRIMARY) ||
		    is_after(scan, WORD_FOREIGN);
	case WORD_SET:
		return is_after(scan, WORD_UPDATE);
	case WORD_SETS:
		return is_after(scan, WORD_GROUPING);
	case WORD_ZONE:
		return is_after(scan, WORD_TIME);
	default:
		return false;
	}
}

/* A bracket opens behind the held word. */
static void
judge_call(struct effect_scan *scan, enum word_id id, char category)
{
	const bool is_plain = scan->qualifier == QUALIFIER_NONE;

	if (id == WORD_OPERATOR || id == WORD_TREAT) {
		/* OPERATOR(schema.name), TREAT(value AS function) */
		scan->effects |= EFFECT_FUNCTION;
		return;
	}
	if (scan->is_into || scan->last == LAST_OPERAND || wants_name(scan) ||
	    (scan->position == 0 && id != WORD_NONE) ||
	    (scan->position == 1 && scan->first == WORD_COPY)) {
		return;
	}
	if (is_plain &&
	    (category == 'R' || category == 'C' || is_phrase(scan, id))) {
		return;
	}
	if (scan->is_cut || scan->qualifier == QUALIFIER_NAME ||
	    scan->qualifier == QUALIFIER_VALUE) {
		scan->effects |= EFFECT_FUNCTION;
		return;
	}
	scan->effects |= effects_of_class(
	    builtin_function(scan->word, scan->word_length).class);
}

/* (1).pg_advisory_lock is a call, too, and so is x.pg_advisory_lock. */
static void
judge_field(struct effect_scan *scan)
{
	const enum builtin_class class =
	    builtin_function(scan->word, scan->word_length).class;

	if (scan->is_cut) {
		scan->effects |= EFFECT_FUNCTION;
	} else if (class != BUILTIN_UNKNOWN) {
		scan->effects |= effects_of_class(class);
	}
}

/* The held word becomes what stands before the next one. */
static void
push_word(struct effect_scan *scan, enum word_id id, char category)
{
	const bool is_keyword =
	    scan->qualifier == QUALIFIER_NONE && category != '\0';

	scan->last = is_keyword ? LAST_KEYWORD : LAST_OPERAND;
	scan->is_into =
	    is_keyword && id == WORD_INTO && scan->previous == WORD_INSERT;
	scan->previous = (uint8_t)(is_keyword ? id : WORD_NONE);
	scan->qualifier = QUALIFIER_NONE;
}

/* A point follows: .last stays what it was before the whole name. */
static void
qualify(struct effect_scan *scan)
{
	if (scan->is_cut) {
		scan->effects |= EFFECT_UNKNOWN; /* may spell pg_temp */
	}
	if (scan->qualifier == QUALIFIER_NONE) {
		scan->qualifier =
		    scan->word_length == 10 && word_begins(scan, "pg_catalog")
		    ? QUALIFIER_CATALOG
		    : QUALIFIER_NAME;
	} else if (scan->qualifier == QUALIFIER_CATALOG) {
		scan->qualifier = QUALIFIER_NAME;
	}
}

/* Something else than a word follows: SET LOCAL.x and SET LOCAL = y do not set
 * for one transaction, LOCAL is the setting. */
static void
judge_no_word(struct effect_scan *scan, uint32_t position)
{
	if (scan->first == WORD_SET && position == 2) {
		scan->effects |= EFFECT_SET;
	}
}

/* The held word is followed by NEXT: a point, a bracket, or anything. */
static void
judge_word(struct effect_scan *scan, char next)
{
	enum word_id id;
	char category;

	if (!scan->has_word) {
		return;
	}
	scan->has_word = false;
	id = scan->qualifier == QUALIFIER_NONE ? find_word(scan) : WORD_NONE;
	category = scan->is_quoted || scan->is_cut
	    ? '\0'
	    : builtin_keyword(scan->word, scan->word_length);
	judge_anywhere(scan, id);
	if (scan->qualifier == QUALIFIER_NONE) {
		judge_position(scan, id);
	} else if (scan->qualifier == QUALIFIER_VALUE ||
	    (next != '.' && next != '(')) {
		judge_field(scan);
	}
	if (next == '.') {
		judge_no_word(scan, scan->position + 1);
		qualify(scan);
		return;
	}
	if (next == '(') {
		judge_call(scan, id, category);
	}
	push_word(scan, id, category);
	scan->position++;
}

/* ---- other tokens -------------------------------------------------------- */

static void
begin_statement(struct effect_scan *scan)
{
	scan->last = LAST_NONE;
	scan->previous = WORD_NONE;
	scan->first = WORD_NONE;
	scan->second = WORD_NONE;
	scan->is_into = false;
	scan->has_join = false;
	scan->position = 0;
	scan->distinct_depth = 0;
}

static void
on_open(struct effect_scan *scan, bool is_distinct)
{
	scan->depth++;
	if (is_distinct) {
		if (scan->distinct_depth > 0) {
			scan->effects |= EFFECT_UNKNOWN;
		}
		scan->distinct_depth = scan->depth;
	}
	scan->last = LAST_OPEN;
}

/* Behind DISTINCT ON (...) comes an expression, as behind no other bracket. */
static void
on_close(struct effect_scan *scan, char c)
{
	scan->last = LAST_OPERAND;
	if (c == ')' && scan->depth > 0 &&
	    scan->depth == scan->distinct_depth) {
		scan->distinct_depth = 0;
		scan->last = LAST_OTHER;
	}
	scan->depth -= scan->depth > 0;
}

static void
on_symbol(struct effect_scan *scan, char c, bool is_distinct)
{
	switch (c) {
	case '(':
	case '[':
		on_open(scan, c == '(' && is_distinct);
		break;
	case ')':
	case ']':
		on_close(scan, c);
		break;
	case ':':
		scan->last = scan->last == LAST_COLON ? LAST_CAST : LAST_COLON;
		break;
	default:
		scan->last = LAST_OTHER;
		break;
	}
}

void
effects_on_token(struct effect_scan *scan, enum effect_token token, char c)
{
	const bool was_distinct_on = scan->has_word &&
	    is_after(scan, WORD_DISTINCT) && find_word(scan) == WORD_ON;
	const bool had_word = scan->has_word;

	judge_word(scan, token == EFFECT_TOKEN_SYMBOL ? c : '\0');
	if (token == EFFECT_TOKEN_SYMBOL && c == ';' && scan->depth == 0) {
		begin_statement(scan);
		return;
	}
	if (token == EFFECT_TOKEN_SYMBOL && c == '.') {
		if (!had_word) {
			scan->qualifier = QUALIFIER_VALUE;
		}
		return;
	}
	if (scan->position == 0 && c != '(') {
		scan->effects |= EFFECT_UNKNOWN; /* nothing begins so */
	}
	judge_no_word(scan, scan->position);
	scan->position++;
	scan->qualifier = QUALIFIER_NONE;
	scan->is_into = false;
	if (token == EFFECT_TOKEN_SYMBOL) {
		on_symbol(scan, c, was_distinct_on);
	} else {
		scan->last =
		    token == EFFECT_TOKEN_CONSTANT ? LAST_OPERAND : LAST_OTHER;
	}
}

void
effects_on_word_start(struct effect_scan *scan)
{
	judge_word(scan, '\0');
}

void
effects_on_word(struct effect_scan *scan)
{
	scan->has_word = true;
}

void
effects_on_end(struct effect_scan *scan)
{
	judge_word(scan, '\0');
}
