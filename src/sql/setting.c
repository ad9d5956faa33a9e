/*
 * setting.c - what the names of PostgreSQL's settings say; in any case.
 *
 * Sources: PostgreSQL's guc.c, GUC_LIST_QUOTE and map_old_guc_names, and
 * quote_identifier(). A list quoted without need means the same, so it does no
 * harm that the server's key words may be others than ours.
 */
#include "sql/setting.h"

#include <string.h>

#include "core/buf.h"
#include "sql/builtins.h"
#include "sql/lexer.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool
is(const char *name, size_t length, const char *known)
{
	if (length != strlen(known)) {
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		if (char_lower(name[i]) != known[i]) {
			return false;
		}
	}
	return true;
}

static bool
is_among(
    const char *name, size_t length, const char *const *known, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (is(name, length, known[i])) {
			return true;
		}
	}
	return false;
}

bool
setting_is_lexical(const char *name, size_t length)
{
	static const char *const known[] = {
	    "client_encoding", "names", "standard_conforming_strings"};

	return is_among(name, length, known, COUNT(known));
}

bool
setting_is_role(const char *name, size_t length)
{
	static const char *const known[] = {"role", "session_authorization"};

	return is_among(name, length, known, COUNT(known));
}

bool
setting_is_transactional(const char *name, size_t length)
{
	static const char *const known[] = {"transaction_deferrable",
	    "transaction_isolation", "transaction_read_only"};

	return is_among(name, length, known, COUNT(known));
}

bool
setting_is_value(const char *name, size_t length)
{
	return !is(name, length, "seed");
}

bool
setting_is_clients(const char *name, size_t length)
{
	char lower[64];

	if (length > sizeof(lower)) {
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		lower[i] = char_lower(name[i]);
	}
	return builtin_is_session_setting(lower, length);
}

bool
setting_is_list_of_names(const char *name, size_t length)
{
	static const char *const known[] = {"local_preload_libraries",
	    "search_path", "session_preload_libraries",
	    "shared_preload_libraries", "temp_tablespaces",
	    "unix_socket_directories"};

	return is_among(name, length, known, COUNT(known));
}

void
setting_put_name(struct buf *out, const char *name, size_t length)
{
	if (is(name, length, "sort_mem")) {
		buf_append_str(out, "work_mem");
		return;
	}
	if (is(name, length, "vacuum_mem")) {
		buf_append_str(out, "maintenance_work_mem");
		return;
	}
	for (size_t i = 0; i < length; i++) {
		buf_append_char(out, char_lower(name[i]));
	}
}

/* Whether TEXT is a name as it stands. */
static bool
is_plain_name(const char *text, size_t length)
{
	char category;

	for (size_t i = 0; i < length; i++) {
		const char c = text[i];
		const bool is_letter = (c >= 'a' && c <= 'z') || c == '_';

		if (!is_letter && !(i > 0 && c >= '0' && c <= '9')) {
			return false;
		}
	}
	category = builtin_keyword(text, length);
	return length > 0 && (category == '\0' || category == 'U');
}

void
setting_put_word(struct buf *out, const char *name, size_t name_length,
    const char *text, size_t length)
{
	if (!setting_is_list_of_names(name, name_length) ||
	    is_plain_name(text, length)) {
		buf_append(out, text, length);
		return;
	}
	buf_append_char(out, '"');
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '"') {
			buf_append_char(out, '"');
		}
		buf_append_char(out, text[i]);
	}
	buf_append_char(out, '"');
}
