/*
 * command.c - what a console command says.
 *
 * One command per query, as in pgbouncer: the second one's answer would have
 * nowhere to go when the first one is SHUTDOWN, and who sends two by mistake
 * should hear of it before either is run.
 */
#include "admin/command.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"
#include "core/utf8.h"

/* Of a command that is quoted in an error. */
#define QUOTED_MAX_BYTES 200

enum token {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_EQUALS,
	TOKEN_SEMICOLON,
	TOKEN_BAD
};

struct scan {
	const char *at;
	char *free;       /* where the next word's bytes go */
	const char *word; /* of TOKEN_WORD */
	bool is_quoted;
	const char *wrong; /* of TOKEN_BAD */
};

void
command_invalid(struct error *err, const char *text)
{
	size_t length = utf8_cut(text, strlen(text), QUOTED_MAX_BYTES);

	error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
	    "invalid command '%.*s%s', use SHOW HELP;", (int)length, text,
	    text[length] == '\0' ? "" : "...");
}

/* ---- tokens -------------------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Comments nest, as PostgreSQL's do. False when it does not end. */
static bool
skip_block_comment(struct scan *scan)
{
	size_t depth = 0;

	do {
		if (strncmp(scan->at, "/*", 2) == 0) {
			depth++;
			scan->at += 2;
		} else if (strncmp(scan->at, "*/", 2) == 0) {
			depth--;
			scan->at += 2;
		} else if (*scan->at == '\0') {
			return false;
		} else {
			scan->at++;
		}
	} while (depth > 0);
	return true;
}

static bool
skip_blanks(struct scan *scan)
{
	for (;;) {
		if (is_blank(*scan->at)) {
			scan->at++;
		} else if (strncmp(scan->at, "--", 2) == 0) {
			scan->at += strcspn(scan->at, "\r\n");
		} else if (strncmp(scan->at, "/*", 2) == 0) {
			if (!skip_block_comment(scan)) {
				return false;
			}
		} else {
			return true;
		}
	}
}

static enum token
scan_quoted(struct scan *scan)
{
	char quote = *scan->at++;

	scan->word = scan->free;
	scan->is_quoted = true;
	for (;;) {
		if (*scan->at == '\0') {
			scan->wrong = "unterminated quoted string";
			return TOKEN_BAD;
		}
		if (*scan->at == quote && *++scan->at != quote) {
			break;
		}
		*scan->free++ = *scan->at++;
	}
	*scan->free++ = '\0';
	return TOKEN_WORD;
}

static enum token
scan_word(struct scan *scan)
{
	scan->word = scan->free;
	scan->is_quoted = false;
	while (*scan->at != '\0' && !is_blank(*scan->at) &&
	    strchr("\"';=", *scan->at) == NULL &&
	    strncmp(scan->at, "--", 2) != 0 &&
	    strncmp(scan->at, "/*", 2) != 0) {
		*scan->free++ = *scan->at++;
	}
	*scan->free++ = '\0';
	return TOKEN_WORD;
}

static enum token
next_token(struct scan *scan)
{
	if (!skip_blanks(scan)) {
		scan->wrong = "unterminated comment";
		return TOKEN_BAD;
	}
	switch (*scan->at) {
	case '\0':
		return TOKEN_END;
	case ';':
		scan->at++;
		return TOKEN_SEMICOLON;
	case '=':
		scan->at++;
		return TOKEN_EQUALS;
	case '"':
	case '\'':
		return scan_quoted(scan);
	default:
		return scan_word(scan);
	}
}

/* ---- commands ------------------------------------------------------------ */

static int
refuse(struct error *err, const char *text, const char *why)
{
	command_invalid(err, text);
	if (why != NULL) {
		error_hint(err, "%s", why);
	}
	return -1;
}

/* Whether the word just read is the TO of "SET key TO value". */
static bool
is_to(const struct scan *scan, const struct command *command)
{
	return command->count == 2 && !command->is_assignment &&
	    !scan->is_quoted && str_equal_nocase(scan->word, "to") &&
	    str_equal_nocase(command->words[0], "set");
}

/* What stands behind ';' : nothing, or more of the same. */
static int
take_end(struct scan *scan, const char *text, struct error *err)
{
	enum token token;

	do {
		token = next_token(scan);
	} while (token == TOKEN_SEMICOLON);
	if (token == TOKEN_END) {
		return 0;
	}
	if (token == TOKEN_BAD) {
		return refuse(err, text, scan->wrong);
	}
	error_set(err, SQLSTATE_PROTOCOL_VIOLATION,
	    "the console takes one command per query");
	error_hint(err, "Send them one by one, with psql in a -c option each.");
	return -1;
}

/* Adds the word that SCAN has just read. */
static int
take_word(struct scan *scan, struct command *command, const char *text,
    struct error *err)
{
	size_t room = command->is_assignment ? 3 : COMMAND_WORDS_MAX;

	if (is_to(scan, command)) {
		command->is_assignment = true;
		return 0;
	}
	if (command->count >= room) {
		return refuse(err, text, NULL);
	}
	command->words[command->count++] = scan->word;
	return 0;
}

int
command_parse(const char *text, struct command *command, struct error *err)
{
	struct scan scan = {.at = text};

	*command = (struct command){0};
	/* Every word is a part of TEXT, shorter by what ends it or by its
	 * quotes; two NULs more for the words at the very end. */
	command->memory = mem_alloc(2 * strlen(text) + 2);
	scan.free = command->memory;
	for (;;) {
		switch (next_token(&scan)) {
		case TOKEN_END:
			goto out;
		case TOKEN_SEMICOLON:
			if (take_end(&scan, text, err) != 0) {
				return -1;
			}
			goto out;
		case TOKEN_EQUALS:
			if (command->count != 2 || command->is_assignment) {
				return refuse(err, text, NULL);
			}
			command->is_assignment = true;
			break;
		case TOKEN_WORD:
			if (take_word(&scan, command, text, err) != 0) {
				return -1;
			}
			break;
		case TOKEN_BAD:
			return refuse(err, text, scan.wrong);
		}
	}
out:
	if (command->is_assignment && command->count != 3) {
		return refuse(err, text, NULL);
	}
	return 0;
}

void
command_fini(struct command *command)
{
	free(command->memory);
	*command = (struct command){0};
}
