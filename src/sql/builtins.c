/*
 * builtins.c - what PostgreSQL itself brings: functions, operators, types.
 *
 * Sorted tables made at compile time and searched by halves. A user may define
 * a function of the same name with other argument types; telling which one is
 * called needs the server's catalogue, not syntax.
 */
#include "sql/builtins.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *const function_names[] = {
#define FUNCTION(name) name,
#include "sql/builtins.def"
};

static const char *const operator_names[] = {
#define OPERATOR(name) name,
#include "sql/builtins.def"
};

static const char *const type_names[] = {
#define TYPE(name) name,
#include "sql/builtins.def"
};

static const char *const keyword_names[] = {
#define KEYWORD(word, category) word,
#include "sql/builtins.def"
};

static const char keyword_categories[] = {
#define KEYWORD(word, category) (#category)[0],
#include "sql/builtins.def"
};

static const char *const volatile_names[] = {
#define VOLATILE(name, class, why) #name,
#include "sql/volatiles.def"
#undef VOLATILE
};

static const struct builtin volatiles[] = {
#define VOLATILE(name, class, why) {BUILTIN_##class, why},
#include "sql/volatiles.def"
#undef VOLATILE
};

/* Views and tables whose rows differ from node to node. Names that begin with
 * pg_stat_ or pg_statio_ are told by that. */
static const char *const node_relations[] = {
    "pg_backend_memory_contexts",
    "pg_cursors",
    "pg_file_settings",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_locks",
    "pg_prepared_statements",
    "pg_prepared_xacts",
    "pg_replication_origin_status",
    "pg_replication_slots",
    "pg_sequences",
    "pg_settings",
    "pg_shmem_allocations",
};

static const char *const session_settings[] = {
    "application_name",
    "bytea_output",
    "client_encoding",
    "client_min_messages",
    "datestyle",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "escape_string_warning",
    "extra_float_digits",
    "idle_in_transaction_session_timeout",
    "integer_datetimes",
    "intervalstyle",
    "lc_collate",
    "lc_ctype",
    "lock_timeout",
    "max_identifier_length",
    "role",
    "row_security",
    "search_path",
    "server_encoding",
    "server_version",
    "server_version_num",
    "session_authorization",
    "standard_conforming_strings",
    "statement_timeout",
    "timezone",
    "transaction_deferrable",
    "transaction_isolation",
    "xmloption",
};

/* Negative, zero or positive as NAME of LENGTH is before, at or behind KNOWN.
 */
static int
compare(const char *name, size_t length, const char *known)
{
	const int order = strncmp(name, known, length);

	return order != 0 ? order : -(known[length] != '\0');
}

/* The index of NAME in the sorted TABLE of COUNT, or COUNT. */
static size_t
find(const char *const *table, size_t count, const char *name, size_t length)
{
	size_t low = 0, high = count;

	if (memchr(name, '\0', length) != NULL) {
		return count;
	}
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = compare(name, length, table[middle]);

		if (order == 0) {
			return middle;
		}
		if (order < 0) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return count;
}

static bool
has_prefix(const char *name, size_t length, const char *prefix)
{
	const size_t size = strlen(prefix);

	return length >= size && memcmp(name, prefix, size) == 0;
}

struct builtin
builtin_function(const char *name, size_t length)
{
	const struct builtin unknown = {BUILTIN_UNKNOWN, NULL};
	const struct builtin read = {BUILTIN_READ, NULL};
	const struct builtin statistics = {
	    BUILTIN_NODE, "statistics of a node"};
	size_t at = find(volatile_names, COUNT(volatile_names), name, length);

	if (at < COUNT(volatiles)) {
		return volatiles[at];
	}
	at = find(function_names, COUNT(function_names), name, length);
	if (at < COUNT(function_names)) {
		return read;
	}
	return has_prefix(name, length, "pg_stat_get_") ? statistics : unknown;
}

bool
builtin_is_operator(const char *name, size_t length)
{
	return find(operator_names, COUNT(operator_names), name, length) <
	    COUNT(operator_names);
}

bool
builtin_is_type(const char *name, size_t length)
{
	if (length > 1 && name[0] == '_') { /* array of ... */
		name++;
		length--;
	}
	return find(type_names, COUNT(type_names), name, length) <
	    COUNT(type_names);
}

bool
builtin_is_node_relation(const char *name, size_t length)
{
	return has_prefix(name, length, "pg_stat_") ||
	    has_prefix(name, length, "pg_statio_") ||
	    find(node_relations, COUNT(node_relations), name, length) <
	    COUNT(node_relations);
}

bool
builtin_is_session_setting(const char *name, size_t length)
{
	return find(session_settings, COUNT(session_settings), name, length) <
	    COUNT(session_settings);
}

char
builtin_keyword(const char *word, size_t length)
{
	const size_t at =
	    find(keyword_names, COUNT(keyword_names), word, length);

	return at < COUNT(keyword_names) ? keyword_categories[at] : '\0';
}

static bool
is_sorted(const char *const *table, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (strcmp(table[i - 1], table[i]) >= 0) {
			return false;
		}
	}
	return true;
}

bool
builtins_are_sorted(void)
{
	return is_sorted(function_names, COUNT(function_names)) &&
	    is_sorted(operator_names, COUNT(operator_names)) &&
	    is_sorted(type_names, COUNT(type_names)) &&
	    is_sorted(keyword_names, COUNT(keyword_names)) &&
	    is_sorted(volatile_names, COUNT(volatile_names)) &&
	    is_sorted(node_relations, COUNT(node_relations)) &&
	    is_sorted(session_settings, COUNT(session_settings));
}
